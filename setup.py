"""What pyproject.toml cannot say: which modules mypyc compiles, and that the package works without."""

import os
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

COMPILED = (
    "src/amqtt/wire/*.py",
    "src/amqtt/clock.py",
    "src/amqtt/message.py",
    "src/amqtt/topics/*.py",
    "src/amqtt/sessions/*.py",
    "src/amqtt/server/*.py",
    "src/amqtt/net/intake.py",
    "src/amqtt/net/traffic.py",
    "src/amqtt/store/records.py",
    "src/amqtt/store/rows.py",
    "src/amqtt/store/statements.py",
    "src/amqtt/store/written.py",
)
"""The floors and modules that a PUBLISH passes through."""


TYPES = ("--config-file=", "--ignore-missing-imports")
"""`make check` has checked the types; here, what the package depends on is not installed."""

HIDDEN = [] if sys.platform == "win32" else ["-fvisibility=hidden"]
"""The modules are one library, so their functions need no name in it: it is loaded in less time, and
what one calls of another can be inlined."""


def extensions() -> list[object]:
    """The modules as C, unless AMQTT_PURE asks for plain Python or mypyc is not here."""
    if os.environ.get("AMQTT_PURE", "") not in ("", "0"):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        return []
    root = Path(__file__).parent
    modules = sorted(
        str(path.relative_to(root))
        for pattern in COMPILED
        for path in root.glob(pattern)
        if path.name not in ("__init__.py", "permissions.py", "limits.py", "settings.py")
    )
    built = mypycify([*TYPES, *modules], opt_level="3", debug_level="0", group_name="amqtt")
    for extension in built:
        extension.extra_compile_args += HIDDEN
    return list(built)


class BuildOrGoWithout(build_ext):
    """Compiles all of the modules, or none: without a C compiler the package is plain Python."""

    def run(self) -> None:
        """Build; what cannot be built is left out as a whole."""
        try:
            super().run()
        except (BaseError, CCompilerError, OSError) as error:
            sys.stderr.write(f"amqtt: not compiled, plain Python instead: {error}\n")
            self.extensions = []


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildOrGoWithout})
