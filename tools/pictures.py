"""Draw the state tables and the path of a PUBLISH from the source, as SVG: FOLDER."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from amqtt.server import state as phases
from amqtt.server.verbs import VERBS
from amqtt.sessions import inflight
from amqtt.wire import packets

SOURCE: Final = Path(__file__).parent.parent / "src" / "amqtt"
WIDTH: Final = 190
LINE: Final = 17
STYLE: Final = """\
<style>
text { font: 13px system-ui, sans-serif; fill: #1b1f24 }
.title { font-weight: 600 }
.small { font-size: 11.5px; fill: #57606a }
rect { fill: #f6f8fa; stroke: #8c959f; rx: 6px }
path { fill: none; stroke: #57606a; stroke-width: 1.3 }
svg { background: #ffffff }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 }
  text { fill: #e6edf3 } .small { fill: #9da7b1 }
  rect { fill: #161b22; stroke: #6e7681 } path { stroke: #9da7b1 }
}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 L8 4 L0 8 Z" style="fill:#57606a;stroke:none"/></marker></defs>
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a title and smaller lines."""

    title: str
    lines: tuple[str, ...]
    x: int
    y: int
    width: int = WIDTH

    @property
    def height(self) -> int:
        """As much as its lines need."""
        return 30 + LINE * len(self.lines)

    def drawn(self) -> str:
        """As SVG."""
        rows = [
            f'<text class="small" x="{self.x + 12}" y="{self.y + 40 + LINE * at}">{escape(line)}</text>'
            for at, line in enumerate(self.lines)
        ]
        return (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"/>\n'
            f'<text class="title" x="{self.x + 12}" y="{self.y + 20}">{escape(self.title)}</text>\n'
            + "\n".join(rows) + "\n"
        )


def arrow(start: tuple[int, int], end: tuple[int, int], text: str, at: tuple[int, int], bend: int = 0) -> str:
    """A line with a tip and words beside it; `bend` lifts its middle."""
    middle = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2 - bend)
    return (
        f'<path d="M{start[0]} {start[1]} Q{middle[0]} {middle[1]} {end[0]} {end[1]}" '
        'marker-end="url(#tip)"/>\n'
        f'<text class="small" x="{at[0]}" y="{at[1]}" text-anchor="middle">{escape(text)}</text>\n'
    )


def picture(width: int, height: int, title: str, *parts: str) -> str:
    """A whole SVG."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}">\n<title>{escape(title)}</title>\n{STYLE}{"".join(parts)}</svg>\n'
    )


def connection_states() -> str:
    """The phases of a Network Connection, and the packets that each of them takes, as VERBS has them."""
    names = {phases.NEW: "New", phases.AUTHENTICATING: "Authenticating", phases.CONNECTED: "Connected"}
    boxes = {
        phase: Box(name, tuple(sorted(_names(VERBS[phase]))), 20 + at * 290, 60)
        for at, (phase, name) in enumerate(names.items())
    }
    lowest = max(box.y + box.height for box in boxes.values())
    closed = Box("Closed", ("what arrives is ignored",), 310, lowest + 60)
    new, between, connected = boxes.values()
    return picture(
        820, closed.y + closed.height + 20,
        "The phases of a Network Connection and the Control Packets that each takes",
        *(box.drawn() for box in (*boxes.values(), closed)),
        arrow((new.x + WIDTH, 75), (between.x, 75), "with a method", (260, 68)),
        arrow((between.x + WIDTH, 75), (connected.x, 75), "AUTH, accepted", (550, 68)),
        arrow((new.x + 95, 60), (connected.x + 95, 60), "CONNECT, accepted: CONNACK", (405, 16), 74),
        *(
            arrow((box.x + 95, box.y + box.height), (closed.x + 95, closed.y), "", (0, 0))
            for box in boxes.values()
        ),
        f'<text class="small" x="405" y="{closed.y + closed.height + 14}" text-anchor="middle">any other '
        "packet, an error, a deadline, DISCONNECT, or the end of the Network Connection</text>\n",
    )


def _names(kinds: Iterable[type[object]]) -> Iterator[str]:
    """Those that are Control Packets: some of what is acted on stands for several of them."""
    for kind in kinds:
        if hasattr(packets, kind.__name__.upper()):
            yield kind.__name__.upper()


def handshakes() -> str:
    """The states of a message on its way to a Client, as HANDSHAKE has them."""
    states = {before for before, _ in inflight.HANDSHAKE} | set(inflight.HANDSHAKE.values())
    types = {getattr(packets, name): name for name in ("PUBACK", "PUBREC", "PUBCOMP")}
    places = {
        inflight.AWAITS_PUBACK: (260, 20), inflight.AWAITS_PUBREC: (260, 140),
        inflight.AWAITS_PUBCOMP: (520, 140), inflight.COMPLETE: (780, 80),
    }
    queued = Box("Queued", ("waits in the Backlog",), 20, 80, 150)
    boxes = {
        state: Box(*_meaning(state), *places[state]) for state in sorted(states)
    }
    parts = [box.drawn() for box in (queued, *boxes.values())]
    for state, text, at in (
        (inflight.AWAITS_PUBACK, "PUBLISH, QoS 1", (190, 62)),
        (inflight.AWAITS_PUBREC, "PUBLISH, QoS 2", (180, 152)),
    ):
        box = boxes[state]
        parts.append(arrow((170, 104), (box.x, box.y + 24), text, at))
    for (state, packet), after in inflight.HANDSHAKE.items():
        parts.append(_step(boxes[state], boxes[after], types[packet]))
    return picture(990, 250, "The handshakes of QoS 1 and QoS 2 towards a Client", *parts)


def _meaning(state: int) -> tuple[str, tuple[str]]:
    return {
        inflight.AWAITS_PUBACK: ("Awaits PUBACK", ("sent, may be sent again",)),
        inflight.AWAITS_PUBREC: ("Awaits PUBREC", ("sent, may be sent again",)),
        inflight.AWAITS_PUBCOMP: ("Awaits PUBCOMP", ("PUBREL is sent",)),
        inflight.COMPLETE: ("Complete", ("the identifier is free",)),
    }[state]


def _step(box: Box, after: Box, text: str) -> str:
    if box is after:
        end = (box.x + 60, box.y + box.height)
        return arrow((box.x + 130, box.y + box.height), end, f"{text} again", (box.x + 95, box.y + 80), -46)
    start, end = (box.x + box.width, box.y + 24), (after.x, after.y + 24)
    left = 35 if start[1] > end[1] else 0
    return arrow(start, end, text, ((start[0] + end[0]) // 2 - left, (start[1] + end[1]) // 2 - 8))


PATH: Final = (
    ("bytes arrive", "net/traffic.py", "Traffic", "one shared buffer for all connections"),
    ("packets", "wire/decoder.py", "Decoder", "what is left of an unfinished one is kept"),
    ("the PUBLISH is admitted", "server/publish.py", "publish", "alias, Receive Maximum, Permissions"),
    ("who receives it?", "server/router.py", "Router", "kept if RETAIN; the tree says who matches"),
    ("each is given it", "sessions/session.py", "Session", "bytes on its Link, or a place in its Backlog"),
    ("end of the turn", "sessions/link.py", "Turn", "each Connection is written to once"),
)


def path_of_a_publish() -> str:
    """The steps of PATH, each with the module and the name that does it."""
    for _, module, name, _ in PATH:
        if name not in defined(module):
            raise LookupError(f"{module} defines no {name}: the path of a PUBLISH is another one now")
    boxes = [
        Box(title, (f"{module}: {name}", text), 20, 20 + at * 100, 400)
        for at, (title, module, name, text) in enumerate(PATH)
    ]
    arrows = [
        arrow((220, box.y + box.height), (220, after.y), "", (0, 0))
        for box, after in pairwise(boxes)
    ]
    height = boxes[-1].y + boxes[-1].height + 20
    return picture(440, height, "The path of a PUBLISH", *(box.drawn() for box in boxes), *arrows)


def defined(module: str) -> set[str]:
    """The classes and functions of a module."""
    tree = ast.parse((SOURCE / module).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


PICTURES: Final = {
    "connection-states.svg": connection_states,
    "qos-handshakes.svg": handshakes,
    "path-of-a-publish.svg": path_of_a_publish,
}


def main() -> None:
    """Draw all of them into the folder that the command line names."""
    for name, draw in PICTURES.items():
        (Path(sys.argv[1]) / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
