"""From bytes that mean something to bytes that nearly do."""

from collections.abc import Sequence

from hypothesis import strategies as st

MOST_EDITS = 4
LONGEST_INSERTION = 12
LONGEST = 4_096


@st.composite
def mutated(draw: st.DrawFn, beginnings: Sequence[bytes]) -> bytes:
    """One of these with a few edits, or any bytes."""
    if not beginnings or draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=80))
    data = draw(st.sampled_from(beginnings))
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("change", "insert", "remove", "repeat", "splice"))):
            case "change":
                data = data[:at] + draw(st.binary(min_size=1, max_size=2)) + data[at + 1 :]
            case "insert":
                data = data[:at] + draw(st.binary(max_size=LONGEST_INSERTION)) + data[at:]
            case "remove":
                data = data[:at] + data[at + draw(st.integers(1, LONGEST_INSERTION)) :]
            case "repeat":
                end = at + draw(st.integers(1, LONGEST_INSERTION))
                data = data[:end] + data[at:end] + data[end:]
            case _:
                other = draw(st.sampled_from(beginnings))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
    return data[:LONGEST]
