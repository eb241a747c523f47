"""A hook of mkdocs: what a page links to outside docs/ is named instead, for it is not on the site."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]*)\]\((\.\./\.\./[^)]*)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page with those links as plain words."""
    return OUTSIDE.sub(lambda match: f"`{match[1]}`", markdown)
