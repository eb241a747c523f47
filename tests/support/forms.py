"""The two forms of the package side by side in one process: as it is imported, and as plain Python."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import amqtt
from amqtt.cli.version import form

PACKAGE = "amqtt"


class PlainPython(MetaPathFinder):
    """Finds the modules of the package as plain Python, whatever was compiled of them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != PACKAGE:
            return None
        (root,) = amqtt.__path__
        base = Path(root).parent.joinpath(*fullname.split("."))
        for file, search in ((base / "__init__.py", [str(base)]), (base.with_suffix(".py"), None)):
            if file.exists():
                loader = SourceFileLoader(fullname, str(file))
                return spec_from_file_location(
                    fullname, file, loader=loader, submodule_search_locations=search
                )
        return PathFinder.find_spec(fullname, path, target)


@contextmanager
def _another_package() -> Iterator[None]:
    """Import the package anew, and leave everybody else theirs."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE}
    for name in ours:
        del sys.modules[name]
    finder = PlainPython()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        sys.modules.update(ours)


@cache
def forms(*names: str) -> tuple[tuple[ModuleType, ...], ...]:
    """These modules in each form there is: the imported one, and plain Python if that is another."""
    imported = tuple(importlib.import_module(name) for name in names)
    if form() == "pure":
        return (imported,)
    with _another_package():
        plain = tuple(importlib.import_module(name) for name in names)
    return (imported, plain)
