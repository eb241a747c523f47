"""A hook of mkdocs: the navigation is the list of documents, and pages are read as GitHub reads them."""

import re
from pathlib import Path
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]*)\]\((\.\./\.\./[^)]*)\)")
PART = re.compile(r"^\*\*(.+)\*\*\n((?:- .*\n?)+)", re.MULTILINE)
PAGE = re.compile(r"^(?:- |\| )\[[^\]]*\]\(([^)#]+\.md)\)", re.MULTILINE)
LIST = re.compile(r"^((?![-|\s>#]).*\S.*)\n(?=- )", re.MULTILINE)
FENCED = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def navigation(docs: Path) -> list[dict[str, Any]]:
    """The parts and pages in the order of docs/README.md, each page once, and all decisions at the end."""
    text = (docs / "README.md").read_text(encoding="utf-8")
    parts: list[dict[str, Any]] = [{"Documents": "README.md"}]
    for title, listed in PART.findall(text):
        parts.append({title: [page for page in PAGE.findall(listed) if not page.endswith("README.md")]})
    decisions = PAGE.findall((docs / "decisions" / "README.md").read_text(encoding="utf-8"))
    return [*parts, {"Decisions": ["decisions/README.md", *(f"decisions/{page}" for page in decisions)]}]


def on_config(config: Any, **_: Any) -> Any:
    """Have the navigation of the list."""
    config["nav"] = navigation(Path(config["docs_dir"]))
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page: links that lead out of docs/ as plain words, and each list a list.

    Here a list that follows on a line of text would go on with that paragraph.
    """
    named = OUTSIDE.sub(lambda match: f"`{match[1]}`", markdown)
    parts = FENCED.split(named)
    return "".join(part if part.startswith("```") else LIST.sub(r"\1\n\n", part) for part in parts)
