"""`make docs`: the pages as HTML, with every link and anchor on them leading somewhere."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from support.commands import missing

ROOT = Path(__file__).parents[2]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    if find_spec("mkdocs") is None:
        missing("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=250,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    built = {page.relative_to(tmp_path) for page in tmp_path.rglob("*.html")}
    assert {page.with_name("index.html") for page in pages if page.name == "README.md"} <= built
    assert {page.with_suffix(".html") for page in pages if page.name != "README.md"} <= built
    assert (tmp_path / "pictures" / "path-of-a-publish.svg").exists()
    contents = (tmp_path / "index.html").read_text(encoding="utf-8")
    navigation = set(re.findall(r'class="toctree-l1.*?href="([^"#]*)', contents))
    assert navigation - {"#"} >= {str(page) for page in built} - {"404.html", "index.html", "search.html"}
    assert contents.count("<li><a") >= len([page for page in pages if page.parts[0] != "decisions"])
    for page in built:
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert 'src="http' not in text, page
