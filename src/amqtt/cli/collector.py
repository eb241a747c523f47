"""How often Python looks for cycles: seldom, in a process that does nothing but serve."""

import gc

YOUNG = 25_000
"""Objects that may come before the first look. Messages come and go by the thousand in one turn and make
no cycles: at Python's own 700, looking for some took a third of the time of a message (measured)."""
LOOKS_AT_YOUNG = 2
"""So many looks at these before one at those of them that are still there, which then count as old. Of
100,000 Sessions that came, twenty made a pause of 0.3 s, two make some of 0.04 s and no more in all."""
LOOKS_AT_STILL_THERE = 1_000
"""So many before one at everything, which a Broker never needs: it makes no cycles, a plugin may."""


def collect_seldom() -> None:
    """Let the collector of cycles be: what there is now stays, and what comes is looked at seldom.

    It concerns the whole process, so it is the command's to call and never a Broker's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, LOOKS_AT_YOUNG, LOOKS_AT_STILL_THERE)
