"""Charts of two distributions side by side: what was expected, and what came."""

import math
from collections.abc import Sequence
from itertools import pairwise

from reproducible_ml.page.figure import (
    BOTTOM,
    HEIGHT,
    LEFT,
    NAMES,
    RIGHT,
    STEP,
    TOP,
    WIDTH,
    Point,
    Scale,
    below,
    figure,
    line,
    make_scale,
    name_text,
    text,
    tick,
)
from reproducible_ml.page.markup import Html, join, short, table, tag

# Values without an order that are drawn: those whose share changed most.
DRAWN = 12

# Bounds that are named below a histogram.
BOUNDS = 5

Shares = Sequence[float]


def paired_columns(
    title: str,
    bounds: Sequence[float],
    shares: tuple[Shares, Shares],
    names: tuple[str, str],
    note: str = "",
) -> Html:
    """Return columns for the shares between bounds, those of both beside each other.

    Args:
        title: What it shows.
        bounds: Upper ends of all ranges but the last, which has none.
        shares: Of the rows in each range, before and now.
        names: Of both.
        note: A sentence below it.
    """
    number = len(bounds) + 1
    y = make_scale([*shares[0], *shares[1]], HEIGHT - BOTTOM, TOP, zero=True)
    width = (WIDTH - RIGHT - LEFT) / number
    drawn = [_share_axis(y), _bounds(bounds, width)]
    points = []
    ranges = _ranges(bounds)
    for series, values in enumerate(shares):
        bars = []
        for place, share in enumerate(values):
            left = LEFT + width * (place + 0.08 + 0.42 * series)
            bars.append(
                tag(
                    "rect",
                    x=round(left, 2),
                    y=y(share),
                    width=round(width * 0.4, 2),
                    height=round(max(y(0) - y(share), 0.3), 2),
                    class_="bar",
                )
            )
            said = f"{names[series]}: {share:.1%} of the rows {ranges[place]}"
            points.append(Point(round(left + width * 0.2, 2), y(share), said, series))
        drawn.append(_series(bars, series))
    return figure(
        title,
        join(drawn),
        points,
        _numbers(title, ranges, shares, names),
        legend=names,
        note=note,
    )


def paired_bars(
    title: str,
    values: Sequence[str],
    shares: tuple[Shares, Shares],
    names: tuple[str, str],
    note: str = "",
) -> Html:
    """Return bars for the shares of values without an order, as `paired_columns`."""
    order = sorted(
        range(len(values)), key=lambda at: -abs(shares[1][at] - shares[0][at])
    )
    shown = sorted(order[:DRAWN])
    x = make_scale([*shares[0], *shares[1]], NAMES, WIDTH - RIGHT, zero=True)
    bottom = TOP + STEP * len(shown)
    ticks = [
        tag("g", line(x(v), bottom, x(v), TOP, "grid"), below(x, v, bottom, 4))
        for v in x.ticks(4)
    ]
    label = text((x.start + x.end) / 2, bottom + 36, "share of the rows", "middle")
    drawn = [tag("g", *ticks, label, class_="axes", aria_hidden="true")]
    drawn += [
        name_text(TOP + STEP * (row + 0.5) + 4, values[at])
        for row, at in enumerate(shown)
    ]
    points = []
    for series, each in enumerate(shares):
        bars = []
        for row, at in enumerate(shown):
            top = TOP + STEP * row + 3 + 9 * series
            size = round(max(x(each[at]) - x(0), 0.5), 2)
            bars.append(tag("rect", x=x(0), y=top, width=size, height=8, class_="bar"))
            said = f"{names[series]}: {values[at]} in {each[at]:.1%} of the rows"
            points.append(Point(x(each[at]), top + 4.0, said, series))
        drawn.append(_series(bars, series))
    more = len(values) - len(shown)
    cut = f"The {len(shown)} of {len(values)} values that changed most." if more else ""
    return figure(
        title,
        join(drawn),
        points,
        _numbers(title, values, shares, names),
        size=(WIDTH, bottom + BOTTOM),
        legend=names,
        note=" ".join(filter(None, (note, cut))),
    )


def _series(bars: Sequence[Html], series: int) -> Html:
    return tag("g", *bars, class_=f"series s{series}", data_series=series)


def _share_axis(y: Scale) -> Html:
    parts = [
        tag(
            "g",
            line(LEFT, y(v), WIDTH - RIGHT, y(v), "grid"),
            text(LEFT - 6, y(v) + 4, tick(v, y.step()), "end"),
        )
        for v in y.ticks()
    ]
    label = tag(
        "text",
        "share of the rows",
        x=0,
        y=0,
        transform=f"translate(13 {(y.start + y.end) / 2:g}) rotate(-90)",
        text_anchor="middle",
    )
    return tag("g", *parts, label, class_="axes", aria_hidden="true")


def _ranges(bounds: Sequence[float]) -> list[str]:
    """Return words for the ranges between bounds."""
    if not bounds:
        return ["with any value"]
    inner = [f"above {tick(low)}, up to {tick(high)}" for low, high in pairwise(bounds)]
    first = f"up to {tick(bounds[0])}"
    if _is_one_value(bounds):
        first, inner[0] = f"below {tick(bounds[1])}", f"equal to {tick(bounds[1])}"
    return [first, *inner, f"above {tick(bounds[-1])}"]


def _is_one_value(bounds: Sequence[float]) -> bool:
    """Return whether no number is between the first two bounds; see `describe`."""
    return len(bounds) > 1 and math.nextafter(bounds[0], math.inf) == bounds[1]


def _bounds(bounds: Sequence[float], width: float) -> Html:
    """Return some bounds below the places where ranges meet."""
    step = max(1, round(len(bounds) / BOUNDS))
    shown = [*range(step - 1, len(bounds), step)][:BOUNDS]
    bottom = HEIGHT - BOTTOM
    parts = []
    for place in shown:
        bound = bounds[1] if place == 0 and _is_one_value(bounds) else bounds[place]
        x = LEFT + width * (place + 1)
        parts.append(line(x, bottom, x, bottom + 4, "grid"))
        parts.append(text(x, bottom + 17, tick(bound), "middle"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + 36, "value", "middle"))
    return tag("g", *parts, class_="axes", aria_hidden="true")


def _numbers(
    title: str,
    rows: Sequence[str],
    shares: tuple[Shares, Shares],
    names: tuple[str, str],
) -> Html:
    body = (
        [short(row, 60), before, now]
        for row, before, now in zip(rows, *shares, strict=True)
    )
    return table(title, ["rows", *names], body)
