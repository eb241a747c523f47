"""The Server's clock: seconds since 1970 that never run backwards, so that a moment outlasts the process."""

from time import monotonic, time
from typing import Final

_BEGINNING: Final = time() - monotonic()


def now() -> float:
    """The present moment. It goes on evenly when somebody sets the clock of the machine."""
    return _BEGINNING + monotonic()
