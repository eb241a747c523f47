"""How often Python looks for cycles: seldom, in a process that does nothing but serve."""

import gc

YOUNG = 50_000
"""Objects that may come before the first look. Messages come and go by the thousand in one turn and make
no cycles: at Python's own 700, looking for some took a third of the time of a message (measured)."""


def collect_seldom() -> None:
    """Let the collector of cycles be: what there is now stays, and what comes is looked at seldom.

    It concerns the whole process, so it is the command's to call and never a Broker's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)
