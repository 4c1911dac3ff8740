"""The frame of a chart: scales, axes, tooltips, legend and the table of its numbers."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from reproducible_ml.page.markup import Html, folded, short, tag

WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 12, 46

# Of charts with a name at the left of each row.
NAMES, STEP = 146, 24

# Lines that are distinguished by colour and dashes.
STYLES = 6


class Scale(NamedTuple):
    """Maps values to places of a picture."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        # Halves: the difference of the largest floats is infinite.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return round(self.start + share * (self.end - self.start), 2)

    def step(self, wanted: int = 5) -> float:
        """Return the distance between round numbers."""
        return round_step(self.high / wanted - self.low / wanted)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Return round numbers between the ends."""
        step = self.step(wanted)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [place * step for place in range(first, last + 1)]


def round_step(size: float) -> float:
    """Return 1, 2 or 5 times a power of ten, about as large as this."""
    power = 10.0 ** math.floor(math.log10(size))
    return next((m * power for m in (1.0, 2.0, 5.0) if m * power >= size), 10 * power)


def make_scale(
    values: Sequence[float],
    start: float,
    end: float,
    *,
    zero: bool = False,
    round_ends: bool = False,
) -> Scale:
    """Return a scale that covers all values, 0 and round numbers if asked for."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high / 2 - low / 2 <= 5e-13 * max(abs(low), abs(high), 1e-300):
        pad = abs(low) / 10 or 1.0
        low, high = low - pad, high + pad
    if round_ends:
        step = round_step(high / 5 - low / 5)
        low = math.floor(low / step + 1e-9) * step
        high = math.ceil(high / step - 1e-9) * step
    return Scale(low, high, start, end)


class Point(NamedTuple):
    """A place in the picture and what the tooltip says there."""

    x: float
    y: float
    text: str
    series: int = 0


def figure(
    title: str,
    picture: Html,
    points: Sequence[Point],
    numbers: Html,
    *,
    size: tuple[float, float] = (WIDTH, HEIGHT),
    legend: Sequence[str] = (),
    note: str = "",
) -> Html:
    """Return a chart with its title, legend, and table of numbers.

    Args:
        title: What it shows.
        picture: The elements of the SVG.
        points: What the tooltip says.
        numbers: The table.
        size: Of the picture.
        legend: Names of the lines; each hides or shows one.
        note: A sentence below it.
    """
    data = [[p.x, p.y, short(p.text, 200), p.series] for p in points]
    drawn = tag(
        "svg",
        picture,
        viewBox=f"0 0 {size[0]:g} {size[1]:g}",
        role="img",
        tabindex=0 if points else None,
        # (A title element would show a second tooltip.)
        aria_label=f"{title}. The numbers are in the table below.",
        data_points=json.dumps(data, ensure_ascii=False, separators=(",", ":")),
    )
    buttons = [
        tag(
            "button",
            tag("span", class_=f"key s{place % STYLES}"),
            short(name, 40),
            type="button",
            aria_pressed="true",
            data_series=place,
        )
        for place, name in enumerate(legend)
    ]
    return tag(
        "figure",
        tag("figcaption", title),
        tag("div", *buttons, class_="legend") if len(buttons) > 1 else "",
        tag("div", drawn, class_="plot"),
        tag("p", note, class_="note") if note else "",
        folded("Numbers", numbers, title=title),
    )


def axes(x: Scale, y: Scale, labels: tuple[str, str]) -> Html:
    """Return both axes with grid lines and labels."""
    parts = [
        *(
            tag("g", line(x(v), y.start, x(v), y.end, "grid"), below(x, v, y.start))
            for v in x.ticks()
        ),
        *(
            tag(
                "g",
                line(x.start, y(v), x.end, y(v), "grid"),
                text(x.start - 6, y(v) + 4, tick(v, y.step()), "end"),
            )
            for v in y.ticks()
        ),
        text((x.start + x.end) / 2, y.start + 36, short(labels[0], 50), "middle"),
        tag(
            "text",
            short(labels[1], 34),
            x=0,
            y=0,
            transform=f"translate(13 {(y.start + y.end) / 2:g}) rotate(-90)",
            text_anchor="middle",
        ),
    ]
    return tag("g", *parts, class_="axes", aria_hidden="true")


def below(x: Scale, value: float, y: float, wanted: int = 5) -> Html:
    """Return the number of a tick below a picture that ends at `y`."""
    return text(x(value), y + 17, tick(value, x.step(wanted)), "middle")


def tick(value: float, step: float | None = None) -> str:
    """Return a number at an axis; `step` is its distance from the next one."""
    size = abs(value)
    if size <= (step or 0) / 1e6:
        return "0"
    if size >= 1e6 or size < 1e-3:
        digits = math.floor(math.log10(size)) - math.floor(math.log10(step or size))
        text = f"{value:.{min(max(digits, 0), 3)}e}"
        return re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", text)
    if step is None:
        return f"{value:,.4g}" if size < 1000 else f"{value:,.0f}"
    return f"{value:,.{max(0, -math.floor(math.log10(step)))}f}"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    """Return a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def text(x: float, y: float, content: Any, anchor: str = "start") -> Html:
    """Return words in a picture."""
    return tag("text", content, x=round(x, 1), y=round(y, 1), text_anchor=anchor)


def name_text(y: float, name: str) -> Html:
    """Return the name of a row at the left, which shows all of it when pointed at."""
    whole = tag("title", short(name, 200))
    return tag("text", whole, short(name, 17), x=NAMES - 8, y=y, text_anchor="end")
