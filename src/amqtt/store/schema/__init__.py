"""The tables of the SQLite store: numbered migrations, each run once, in order."""

from importlib.resources import files


def migrations() -> list[str]:
    """The SQL of each; the first makes version 1 out of an empty file."""
    found = sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".sql"))
    return [files(__name__).joinpath(name).read_text(encoding="utf-8") for name in found]
