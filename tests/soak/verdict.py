"""What the figures of a soak say: is everything as flat as it must be?"""

from collections.abc import Mapping, Sequence

Figures = Mapping[str, float]

EXACT = (
    "descriptors", "tasks", "sessions", "connected", "deadlines", "subscriptions", "groups", "queued",
    "in flight",
)
"""What must be in the end what it was when nobody was there."""
MOST_MEMORY = 4.0
"""MiB by which the memory of a broker without Clients may differ: what an allocator keeps."""
MOST_SLOPE = 8.0
"""MiB by which it may rise, by the slope over the whole time, while as many Clients come as go."""
MOST_OBJECTS = 1_000
"""Objects of Python more than at the start: caches that are filled, of a fixed size."""


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """The rise per second of the line that lies closest to these samples of (second, value)."""
    if len(samples) < 2:
        return 0.0
    count = len(samples)
    middle = sum(second for second, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    spread = sum((second - middle) ** 2 for second, _ in samples)
    return sum((second - middle) * (value - mean) for second, value in samples) / spread


def complaints(start: Figures, end: Figures, samples: Sequence[tuple[float, float]]) -> list[str]:
    """Why it is not flat; nothing when it is.

    `start` and `end` are the figures with nobody there, behind a first crowd and behind all of
    them; `samples` is the memory, in MiB, while Clients came and went.
    """
    found = [
        f"{name}: {start[name]:.0f} at the start, {end[name]:.0f} in the end"
        for name in EXACT if end[name] != start[name]
    ]
    if end["objects"] > start["objects"] + MOST_OBJECTS:
        found.append(f"objects: {start['objects']:.0f} at the start, {end['objects']:.0f} in the end")
    if end["memory"] > start["memory"] + MOST_MEMORY:
        found.append(f"memory: {start['memory']:.1f} MiB at the start, {end['memory']:.1f} MiB in the end")
    if samples:
        rise = slope(samples) * (samples[-1][0] - samples[0][0])
        if rise > MOST_SLOPE:
            found.append(f"memory: it rose by {rise:.1f} MiB while as many came as went")
    return found
