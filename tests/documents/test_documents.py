"""What the documents show is so: links lead somewhere, examples load and run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import amqtt
from amqtt.config_file import load
from support.commands import missing

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
MODULE = re.compile(
    r"\b((?:tests/)?(?:wire|topics|sessions|server|net|access|observe|cli)/\w+\.py|(?:abc|message|errors|config)\.py)"
)
BLOCK = re.compile(r"^```(yaml|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(amqtt.__file__).parents[1])}
"""In which a process in another folder has the amqtt that is tested here."""
RUNS_FOR_EVER = "Event().wait()"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(language: str) -> list[object]:
    """The examples of a language, each with its page as its name."""
    return [
        pytest.param(code, id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, (written, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
        if written == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_module_that_is_named_is_there(page: Path) -> None:
    modules = MODULE.findall(page.read_text(encoding="utf-8"))
    source = ROOT / "src" / "amqtt"
    paths = [ROOT / name if name.startswith("tests/") else source / name for name in modules]
    assert [path for path in paths if not path.exists()] == []


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_configuration_is_understood(text: str, tmp_path: Path) -> None:
    path = tmp_path / "amqtt.yaml"
    path.write_text(text, encoding="utf-8")
    assert load(path).listeners


@pytest.mark.parametrize("code", blocks("python"))
def test_every_program_runs(code: str, tmp_path: Path) -> None:
    (tmp_path / "amqtt.yaml").write_text("listeners: {default: {bind: '127.0.0.1:0'}}", encoding="utf-8")
    program = code.replace(RUNS_FOR_EVER, "sleep(0)")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, env=ENVIRONMENT, capture_output=True,
        text=True, timeout=120, check=False,
    )
    if absent := re.search(r"^ModuleNotFoundError: No module named '(\w+)", done.stderr, re.MULTILINE):
        missing(absent[1])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_the_readme_embeds_a_broker_in_six_lines() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = next(code for language, code in BLOCK.findall(readme) if language == "python")
    assert len([line for line in code.splitlines() if line.strip()]) == 6


def test_every_dependency_has_its_decision() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert listed is not None
    names = re.findall(r'"([\w-]+)', listed[1])
    pages = "\n".join(page.name for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert names
    assert [name for name in names if f"-{name.lower()}.md" not in pages] == []
