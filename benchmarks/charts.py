"""Lines on two logarithmic axes, as SVG that looks right on light and on dark pages."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 52, 52
COLOURS = {
    "amqtt uvloop": "#0072b2", "amqtt asyncio": "#56b4e9", "amqtt pure": "#8a6fd1", "mosquitto": "#d55e00",
    "aedes": "#009e73", "amqtt 0.12.1": "#cc79a7",
}
"""They can be told apart by those who do not see all colours."""
_OTHER_COLOUR = "#888888"
_LABEL_HEIGHT = 16
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #444 }
.title { font-size: 16px; font-weight: 600; fill: #111 }
.grid { stroke: #888; stroke-opacity: .25 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
svg { background: #fff }
@media (prefers-color-scheme: dark) { svg { background: #0d1117 } text { fill: #bbb } .title { fill: #eee } }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A name and its points; x and y are above 0, x grows."""

    name: str
    points: Sequence[tuple[float, float]]


class _Axis:
    """Numbers on a logarithmic scale between two pixels."""

    def __init__(self, values: Iterable[float], begin: float, end: float) -> None:
        kept = list(values)
        self.low, self.high = min(kept), max(kept)
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        """The pixel of a number."""
        span = math.log(self.high / self.low) or 1.0
        return self._begin + (self._end - self._begin) * math.log(value / self.low) / span


def line_chart(title: str, x_title: str, y_title: str, lines: Sequence[Line]) -> str:
    """A picture of all lines, each with its name at its end."""
    x_values = sorted({x for line in lines for x, _ in line.points})
    y_ticks = _decades([y for line in lines for _, y in line.points])
    x_axis = _Axis(x_values, LEFT, WIDTH - RIGHT)
    y_axis = _Axis(y_ticks, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        _text(LEFT, 24, title, "start", "title"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_title, "middle"),
        _text(LEFT, TOP - 8, y_title, "start"),
    ]
    for y in y_ticks:
        at = y_axis.at(y)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, at + 4, f"{y:g}", "end"))
    parts += [_text(x_axis.at(x), HEIGHT - BOTTOM + 20, short(x), "middle") for x in x_values]
    parts += [_line(line, x_axis, y_axis) for line in lines]
    parts += _names(lines, y_axis)
    return "\n".join([*parts, "</svg>", ""])


def short(number: float) -> str:
    """1000 as 1k, 1000000 as 1M, and 1024 as 1Ki."""
    for unit, suffix in ((1_000_000, "M"), (1024, "Ki"), (1000, "k")):
        if number >= unit and number % unit == 0:
            return f"{number / unit:g}{suffix}"
    return f"{number:g}"


def _decades(values: Sequence[float]) -> list[float]:
    """Powers of ten, from below the least to above the greatest."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**n for n in range(low, max(high, low + 1) + 1)]


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


def _line(line: Line, x_axis: _Axis, y_axis: _Axis) -> str:
    colour = COLOURS.get(line.name, _OTHER_COLOUR)
    places = [(x_axis.at(x), y_axis.at(y)) for x, y in line.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places)
    return f'<path class="line" stroke="{colour}" d="M{path}"/>{dots}'


def _names(lines: Sequence[Line], y_axis: _Axis) -> list[str]:
    """The names beside the ends of the lines, from the top down, none upon another."""
    found, free = [], float(TOP - 10)
    for line in sorted(lines, key=lambda line: y_axis.at(line.points[-1][1])):
        at = max(y_axis.at(line.points[-1][1]), free)
        free = at + _LABEL_HEIGHT
        last = line.points[-1][1]
        text = f"{line.name} {last:,.0f}" if last >= 100 else f"{line.name} {last:.2g}"
        colour = COLOURS.get(line.name, _OTHER_COLOUR)
        found.append(
            f'<text x="{WIDTH - RIGHT + 12}" y="{at + 4:.1f}" style="fill: {colour}">{escape(text)}</text>'
        )
    return found
