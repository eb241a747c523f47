"""How large a test is: small enough for `make test`, or as large as a row of the security page names it.

AMQTT_FULL_SIZE is what `make security` sets, and `make hostile FULL_SIZE=1`.
"""

import os
from typing import TypeVar

Size = TypeVar("Size", int, float)

FULL = os.environ.get("AMQTT_FULL_SIZE", "") not in ("", "0")


def sized(usual: Size, full: Size) -> Size:
    """The size to test with."""
    return full if FULL else usual
