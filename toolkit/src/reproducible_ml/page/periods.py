"""Charts of when rows are from: how many are of each period."""

from collections.abc import Mapping
from typing import Any

from reproducible_ml.page.figure import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Point,
    figure,
    line,
    make_scale,
    text,
    tick,
)
from reproducible_ml.page.markup import Html, join, short, table, tag

Json = Mapping[str, Any]

# Size of the small picture.
SMALL = 220, 62


def period_chart(column: Json) -> Html:
    """Return the rows of each period, and the gaps between them.

    Args:
        column: Profile of a column of dates that has any.
    """
    found = column["coverage"]
    name, starts, counts = column["name"], found["starts"], found["rows"]
    size = (WIDTH, HEIGHT - 40)
    bottom = size[1] - BOTTOM
    y = make_scale(counts, bottom, TOP, zero=True)
    width = (WIDTH - LEFT - RIGHT) / len(counts)
    axis = [
        tag(
            "g",
            line(LEFT, y(v), WIDTH - RIGHT, y(v), "grid"),
            text(LEFT - 6, y(v) + 4, tick(v, y.step()), "end"),
        )
        for v in y.ticks()
    ]
    step = max(1, -(-len(starts) // 4))
    for place in range(0, len(starts), step):
        at = LEFT + width * (place + 0.5)
        axis.append(text(at, bottom + 17, starts[place], "middle"))
    axis.append(
        text(
            (LEFT + WIDTH - RIGHT) / 2,
            bottom + 36,
            f"rows a {found['period']}",
            "middle",
        )
    )
    bars, points = [], []
    for place, (start, rows) in enumerate(zip(starts, counts, strict=True)):
        left = LEFT + width * (place + 0.05)
        height = round(y(0) - y(rows), 2)
        bars.append(
            tag(
                "rect",
                x=round(left, 2),
                y=y(rows),
                width=round(width * 0.9, 2),
                height=max(height, 0.5 if rows else 0.0),
                class_="area",
            )
        )
        words = f"{found['period']} from {start}: {rows:,} rows"
        points.append(Point(round(left + width * 0.45, 2), y(rows), words))
    numbers = table(name, ["from", "rows"], zip(starts, counts, strict=True))
    notes = [f"From {column['min']} to {column['max']}."]
    if found["empty"]:
        notes.append(
            f"{found['empty']} of {len(starts)} {found['period']}s have no rows."
        )
    notes += [
        f"No rows between {gap['after']} and {gap['before']} ({gap['empty']:,}"
        f" {_several(gap['period'])})."
        for gap in found["gaps"]
    ]
    drawn = join([tag("g", *axis, class_="axes", aria_hidden="true"), *bars])
    return figure(
        short(name, 60), drawn, points, numbers, size=size, note=" ".join(notes)
    )


def _several(period: str) -> str:
    """Return the plural: centuries, days."""
    if period == "century":
        return "centuries"
    return f"{period}s"


def period_picture(found: Json) -> Html:
    """Return a small picture of the rows of each period.

    Args:
        found: The key `coverage` of a column of dates.
    """
    counts, starts = found["rows"], found["starts"]
    top = max(counts) or 1
    width = (SMALL[0] - 4) / len(counts)
    bottom = SMALL[1] - 16
    bars = [
        tag(
            "rect",
            x=round(2 + width * place, 2),
            y=round(bottom - (bottom - 4) * rows / top, 2),
            width=round(max(0.5, width * 0.92), 2),
            height=round((bottom - 4) * rows / top, 2),
            class_="area",
        )
        for place, rows in enumerate(counts)
    ]
    return tag(
        "svg",
        *bars,
        text(2, SMALL[1] - 2, starts[0]),
        text(SMALL[0] - 2, SMALL[1] - 2, starts[-1], "end"),
        viewBox=f"0 0 {SMALL[0]} {SMALL[1]}",
        role="img",
        aria_label=f"rows a {found['period']}, from {starts[0]} to {starts[-1]}",
        class_="axes",
    )
