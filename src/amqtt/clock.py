"""The Server's clock: seconds since 1970 that never run backwards, so that a moment outlasts the process."""

import time

_BEGINNING = time.time() - time.monotonic()


def now() -> float:
    """The present moment. It goes on evenly when somebody sets the clock of the machine."""
    return _BEGINNING + time.monotonic()
