"""One target under atheris: `python -m fuzz.with_atheris TARGET FOLDER [options of libFuzzer]`."""

import importlib
import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]


def main() -> None:
    """Run until libFuzzer has enough; it ends the process by itself."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["amqtt"]):
        targets = importlib.import_module("fuzz.targets")
    atheris.Setup(sys.argv, targets.TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
