"""Charts: SVG with a table of the same numbers, and the points that a tooltip names.

The picture is complete without the script. That adds tooltips, also by the arrow keys,
and hides the lines whose names are clicked.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple

from reproducible_ml.page.figure import (
    BOTTOM,
    HEIGHT,
    LEFT,
    NAMES,
    RIGHT,
    STEP,
    STYLES,
    TOP,
    WIDTH,
    Point,
    Scale,
    axes,
    below,
    figure,
    line,
    make_scale,
    name_text,
    text,
)
from reproducible_ml.page.markup import Html, join, number, short, table, tag

# Points of a line or cloud, bars, intervals and classes that are drawn.
POINTS, BARS, ROWS, CLASSES = 1500, 15, 30, 20

# Points of a line that are marked.
FEW = 20


class Series(NamedTuple):
    """A line or cloud of points; `low` and `high` are ends of intervals, if known."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()

    @property
    def rows(self) -> list[tuple[float, float, float, float]]:
        """The points with the ends of their intervals, NaN where there is none."""
        none = [math.nan] * len(self.x)
        ends = (self.low or none), (self.high or none)
        return [*zip(self.x, self.y, *ends, strict=True)]


class Row(NamedTuple):
    """A named value and the ends of its interval."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def line_chart(
    title: str,
    labels: tuple[str, str],
    series: Sequence[Series],
    *,
    joined: bool = True,
    diagonal: bool = False,
    note: str = "",
) -> Html:
    """Return lines, or clouds of points.

    Args:
        title: What it shows.
        labels: Of the axes.
        series: The lines.
        joined: Whether points are joined by lines.
        diagonal: Whether to draw where x equals y.
        note: A sentence below it.
    """
    known = [_finite(each) for each in series]
    xs = [value for each in known for value in each.x]
    ys = [v for each in known for _, *values in each.rows for v in values]
    if diagonal:
        xs = ys = [*xs, *ys]
    x = make_scale(xs, LEFT, WIDTH - RIGHT, round_ends=diagonal)
    y = make_scale(ys, HEIGHT - BOTTOM, TOP, round_ends=True)
    drawn: list[Html] = [axes(x, y, labels)]
    if diagonal:
        ends = max(x.low, y.low), min(x.high, y.high)
        drawn.append(line(x(ends[0]), y(ends[0]), x(ends[1]), y(ends[1]), "guide"))
    points: list[Point] = []
    for place, each in enumerate(known):
        drawn.append(_drawn(each, x, y, place, joined=joined))
        points += _points(each, x, y, place, labels, many=len(known) > 1)
    most = max((len(each.x) for each in series), default=0)
    more = f"One in {-(-most // POINTS)} points is drawn." if most > POINTS else ""
    return figure(
        title,
        join(drawn),
        points,
        _numbers(title, labels, series),
        legend=[each.name for each in series],
        note=" ".join(filter(None, (note, more))),
    )


def _finite(series: Series) -> Series:
    """Return the points that can be drawn, and not more than POINTS."""
    kept = [row for row in series.rows if all(map(math.isfinite, row[:2]))]
    step = max(1, -(-len(kept) // POINTS))
    columns = [*zip(*kept[::step], strict=True)] or [(), (), (), ()]
    return Series(series.name, *columns)


def _drawn(series: Series, x: Scale, y: Scale, place: int, *, joined: bool) -> Html:
    places = [(x(a), y(b)) for a, b, _, _ in series.rows]
    ends = [row for row in series.rows if all(map(math.isfinite, row))]
    parts: list[Html] = []
    if joined and len(ends) > 1:
        around = [(a, high) for a, _, _, high in ends]
        around += [(a, low) for a, _, low, _ in reversed(ends)]
        path = " ".join(f"{x(a):g},{y(b):g}" for a, b in around)
        parts.append(tag("polygon", points=path))
    elif ends:
        parts += [
            line(x(a), y(low), x(a), y(high), "whisker") for a, _, low, high in ends
        ]
    if joined and len(places) > 1:
        path = " ".join(f"{a:g},{b:g}" for a, b in places)
        parts.append(tag("polyline", points=path))
    if not joined or len(places) <= FEW:
        radius = 2.5 if joined or len(places) <= 60 else 2
        parts += [tag("circle", cx=a, cy=b, r=radius) for a, b in places]
    return tag("g", *parts, class_=f"series s{place % STYLES}", data_series=place)


def _points(
    series: Series,
    x: Scale,
    y: Scale,
    place: int,
    labels: tuple[str, str],
    *,
    many: bool,
) -> Iterator[Point]:
    name = series.name if many else labels[1]
    for a, b, low, high in series.rows:
        known = math.isfinite(low) and math.isfinite(high)
        ends = f" ({number(low)} to {number(high)})" if known else ""
        text = f"{name}: {number(b)}{ends}; {labels[0]}: {number(a)}"
        yield Point(x(a), y(b), text, place)


def _numbers(title: str, labels: tuple[str, str], series: Sequence[Series]) -> Html:
    if len(series) == 1:
        [one] = series
        ends = [True, True, bool(one.low), bool(one.high)]
        header = compress([*labels, "from", "to"], ends)
        return table(title, header, (compress(row, ends) for row in one.rows))
    rows: dict[float, dict[str, float]] = {}
    for each in series:
        for a, b in zip(each.x, each.y, strict=True):
            rows.setdefault(a, {})[each.name] = b
    names = [each.name for each in series]
    body = ([a, *(values.get(name) for name in names)] for a, values in rows.items())
    return table(title, [labels[0], *names], body)


def bar_chart(title: str, label: str, rows: Sequence[Row], note: str = "") -> Html:
    """Return a bar for each row; an interval is a whisker."""
    shown = [row for row in rows if row.value is not None][:BARS]
    values = [v for row in shown for v in (row.value, row.low, row.high)]
    known = [v for v in values if v is not None]
    x = make_scale(known, NAMES, WIDTH - RIGHT, zero=True)
    drawn, points = [_row_axis(x, label, len(shown))], []
    for place, row in enumerate(shown):
        middle = TOP + STEP * (place + 0.5)
        assert row.value is not None
        left, right = sorted((x(0), x(row.value)))
        drawn += [
            name_text(middle + 4, row.name),
            tag(
                "rect",
                x=left,
                y=middle - 7,
                width=round(max(right - left, 0.5), 2),
                height=14,
                class_="bar s0",
            ),
            _whisker(x, row, middle),
        ]
        points.append(Point(right, middle, _said(row, label)))
    more = len(rows) - len(shown)
    cut = f"{len(shown)} of {len(rows)} are drawn." if more else ""
    return figure(
        title,
        join(drawn),
        points,
        _row_table(title, label, rows),
        size=(WIDTH, TOP + STEP * len(shown) + BOTTOM),
        note=" ".join(filter(None, (note, cut))),
    )


def interval_chart(
    title: str, label: str, rows: Sequence[Row], reference: Row | None, note: str = ""
) -> Html:
    """Return a point with its interval for each row, and a line for all rows."""
    shown = [row for row in rows if row.value is not None][:ROWS]
    more = sum(row.value is not None for row in rows) - len(shown)
    cut = f"{len(shown)} of {len(shown) + more} are drawn." if more else ""
    every = [*shown, *([reference] if reference else [])]
    values = [v for row in every for v in (row.value, row.low, row.high)]
    known = [v for v in values if v is not None]
    x = make_scale(known, NAMES + 6, WIDTH - RIGHT, round_ends=True)
    drawn, points = [_row_axis(x, label, len(shown))], []
    if reference and reference.value is not None:
        place, end = x(reference.value), TOP + STEP * len(shown)
        drawn.append(line(place, TOP, place, end, "guide"))
        points.append(Point(place, TOP, _said(reference, label)))
    for position, row in enumerate(shown):
        middle = TOP + STEP * (position + 0.5)
        assert row.value is not None
        drawn += [
            name_text(middle + 4, row.name),
            _whisker(x, row, middle),
            tag("circle", cx=x(row.value), cy=middle, r=4, class_="bar s0"),
        ]
        points.append(Point(x(row.value), middle, _said(row, label)))
    return figure(
        title,
        join(drawn),
        points,
        _row_table(title, label, rows),
        size=(WIDTH, TOP + STEP * len(shown) + BOTTOM),
        note=" ".join(filter(None, (note, cut))),
    )


def _row_axis(x: Scale, label: str, rows: int) -> Html:
    bottom = TOP + STEP * rows
    ticks = [
        tag("g", line(x(v), bottom, x(v), TOP, "grid"), below(x, v, bottom, 4))
        for v in x.ticks(4)
    ]
    title = text((x.start + x.end) / 2, bottom + 36, short(label, 44), "middle")
    return tag("g", *ticks, title, class_="axes", aria_hidden="true")


def _whisker(x: Scale, row: Row, middle: float) -> Html:
    if row.low is None or row.high is None:
        return Html()
    return line(x(row.low), middle, x(row.high), middle, "whisker")


def _said(row: Row, label: str) -> str:
    ends = "" if row.low is None else f" ({number(row.low)} to {number(row.high)})"
    note = f"; {row.note}" if row.note else ""
    return f"{row.name}: {label} {number(row.value)}{ends}{note}"


def _row_table(title: str, label: str, rows: Sequence[Row]) -> Html:
    ends = any(row.low is not None for row in rows)
    notes = any(row.note for row in rows)
    header = ["name", label, "from", "to", "note"]
    kept = [True, True, ends, ends, notes]
    cells = ([row.name, row.value, row.low, row.high, row.note] for row in rows)
    return table(title, compress(header, kept), (compress(c, kept) for c in cells))


def matrix(
    title: str, labels: tuple[str, str], counts: dict[tuple[str, str], int]
) -> Html:
    """Return a field for each pair of names, darker the larger its share of the row.

    Args:
        title: What it shows.
        labels: Of the columns and of the rows.
        counts: By name of the row, then of the column.
    """
    names = [*dict.fromkeys(name for pair in counts for name in pair)]
    totals = {name: sum(counts.get((name, n), 0) for n in names) for name in names}
    numbers = table(
        title,
        [f"{labels[1]} \\ {labels[0]}", *names],
        ([name, *(counts.get((name, n), 0) for n in names)] for name in names),
    )
    shown = sorted(names, key=lambda name: -totals[name])[:CLASSES]
    shown = [name for name in names if name in shown]
    cell = min(90.0, (WIDTH - NAMES - RIGHT) / max(1, len(shown)))
    height = min(cell, 60.0)
    drawn, points = [], []
    for i, row in enumerate(shown):
        middle = TOP + height * (i + 0.5)
        drawn.append(name_text(middle + 4, row))
        for j, column in enumerate(shown):
            found = counts.get((row, column), 0)
            share = found / totals[row] if totals[row] else 0.0
            left = NAMES + cell * j
            drawn.append(
                tag(
                    "rect",
                    x=round(left, 2),
                    y=round(TOP + height * i, 2),
                    width=round(cell - 1, 2),
                    height=round(height - 1, 2),
                    fill_opacity=round(0.04 + 0.96 * share, 3),
                    class_="cell",
                )
            )
            if cell >= 30:
                kind = "on" if share > 0.5 else None
                word = text(left + cell / 2, middle + 4, number(found), "middle")
                drawn.append(tag("g", word, class_=kind))
            words = f"{labels[1]} {row}, {labels[0]} {column}: {number(found)}"
            points.append(
                Point(
                    round(left + cell / 2, 1),
                    round(middle, 1),
                    f"{words} ({share:.1%} of {number(totals[row])})",
                )
            )
    bottom = TOP + height * len(shown)
    for j, column in enumerate(shown):
        middle = NAMES + cell * (j + 0.5)
        width = max(3, int(cell / 7))
        word = text(middle, bottom + 16, short(column, width), "middle")
        if cell < 60:
            word = tag(
                "text",
                short(column, 12),
                transform=f"translate({middle:g} {bottom + 12:g}) rotate(-40)",
                text_anchor="end",
            )
        drawn.append(word)
    tail = 44 if cell >= 60 else 84
    centre = NAMES + cell * len(shown) / 2
    drawn.append(text(centre, bottom + tail - 8, labels[0], "middle"))
    cut = f"The {len(shown)} most frequent of {len(names)} names are drawn."
    return figure(
        title,
        join(drawn),
        points,
        numbers,
        size=(WIDTH, bottom + tail),
        note=cut if len(shown) < len(names) else "",
    )


def range_bar(row: Row, baseline: Row) -> Html:
    """Return a small picture of a value and its interval beside those of a baseline."""
    both = (row, baseline)
    values = [v for each in both for v in (each.value, each.low, each.high)]
    x = make_scale([v for v in values if v is not None], 8, 172)
    parts = [line(4, 14, 176, 14, "grid")]
    for each, kind, radius in ((baseline, "s5", 3.5), (row, "s0", 4.5)):
        if each.value is None:
            continue
        whisker = _whisker(x, each, 14)
        dot = tag("circle", cx=x(each.value), cy=14, r=radius, class_="bar")
        parts.append(tag("g", whisker, dot, class_=kind))
    return tag("svg", *parts, viewBox="0 0 180 28", class_="range", aria_hidden="true")
