"""The section on the data: what the contract says, how values are distributed."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from reproducible_ml.core.errors import one_line
from reproducible_ml.exploration.figures import digits_for, in_digits, mean_and_spread
from reproducible_ml.page.figure import make_scale, text, tick
from reproducible_ml.page.markup import Html, folded, join, number, short, table, tag

Json = Mapping[str, Any]

# Columns that are drawn, and categories of one.
DRAWN, CATEGORIES = 60, 6

WIDTH, HEIGHT = 220, 62

# Digits of a number at an axis, unless others would be written alike.
FEW_DIGITS = 3

# Characters of the name of a category, and of one that has the same first ones.
NAMES, LONG_NAMES = 11, 22


def data_section(validation: Json, split: Json, profile: Json, contract: Json) -> Html:
    """Return rows, classes, and a small picture of each column."""
    columns = profile.get("columns") or {}
    described = contract.get("columns") or {}
    names = [*(name for name in described if name in columns)]
    names += [name for name in columns if name not in described]
    boxes = [_box(name, columns[name], described.get(name) or {}) for name in names]
    more = len(boxes) - DRAWN
    cut = f"{DRAWN} of {len(boxes)} columns are drawn." if more > 0 else ""
    rows = (
        [
            name,
            str((described.get(name) or {}).get("dtype", "")),
            columns[name].get("missing"),
            columns[name].get("mean"),
            columns[name].get("sd"),
            str((described.get(name) or {}).get("description") or ""),
        ]
        for name in names
    )
    header = ["column", "type", "missing rows", "mean", "standard deviation", "meaning"]
    about = str(contract.get("description") or "")
    return join(
        [
            tag("p", about) if about else "",
            table("Rows", ["rows", "number", "target"], _rows(validation, split)),
            tag("h3", "Columns") if boxes else "",
            tag("p", _EXPLAINED, class_="note") if boxes else "",
            tag("div", *boxes[:DRAWN], class_="columns") if boxes else "",
            tag("p", cut, class_="note") if cut else "",
            folded("Numbers of all columns", table("Columns", header, rows))
            if boxes
            else "",
        ]
    )


_EXPLAINED = (
    "Histograms of numbers, dates and text lengths, without the lowest and highest 5 %"
    " of the values. For categories, the most frequent ones."
)


def _rows(validation: Json, split: Json) -> list[list[Any]]:
    sides = [("all", validation), *((f"to {s}", split.get(s) or {}) for s in SIDES)]
    return [[name, found.get("rows"), _target(found)] for name, found in sides if found]


SIDES = ("train", "test")


def _target(found: Json) -> str:
    classes = found.get("classes")
    if isinstance(classes, dict):
        shown = [f"{short(n, 30)} {number(k)}" for n, k in [*classes.items()][:12]]
        more = f", and {len(classes) - 12} more" if len(classes) > 12 else ""
        return ", ".join(shown) + more
    numbers = {
        f"{key} {name}" if name else key: value
        for key, inner in found.items()
        for name, value in (inner.items() if isinstance(inner, dict) else [("", inner)])
        if key not in ("rows", "missing") and isinstance(value, int | float)
    }
    return ", ".join(f"{name} {number(value)}" for name, value in numbers.items())


def _box(name: str, found: Json, described: Json) -> Html:
    total = sum(found.get("counts") or ()) + (found.get("missing") or 0)
    missing = found.get("missing") or 0
    words = [str(described.get("dtype", found.get("kind", "")))]
    if missing:
        words.append(f"{missing / max(1, total):.1%} missing")
    if found.get("mean") is not None and found.get("sd") is not None:
        words.append(mean_and_spread(found["mean"], found["sd"]))
    about = str(described.get("description") or "")
    return tag(
        "div",
        tag("h4", short(name, 60)),
        tag("p", " · ".join(words), class_="quiet"),
        _picture(name, found),
        title=short(about, 200) if about else None,
    )


def _picture(name: str, found: Json) -> Html:
    """Return the distribution of a column, nothing where there is none to draw."""
    kind, bins = found.get("kind"), found.get("bins") or ()
    counts = found.get("counts") or ()
    if kind == "values" and bins:
        pairs = sorted(zip(bins, counts, strict=False), key=lambda pair: -pair[1])
        shown = pairs[:CATEGORIES]
        others = sum(counts) - sum(rows for _, rows in shown)
        return category_picture(name, shown, others, len(bins) - len(shown))
    if kind in ("numbers", "lengths", "dates") and len(bins) > 1:
        return density_picture(name, bins, counts, dates=kind == "dates")
    return Html()


def density_picture(name: str, bins: Any, counts: Any, *, dates: bool = False) -> Html:
    """Return steps whose areas are the rows between two bounds.

    Args:
        name: Of the column.
        bins: Bounds, from low to high: numbers, or dates as texts.
        counts: Rows up to the first bound, between two, and above the last one.
        dates: Whether bounds are dates.
    """
    values = [_seconds(each) if dates else each for each in bins]
    if (
        isinstance(values[0], float)
        and math.nextafter(values[0], math.inf) == values[1]
    ):
        # The rows between have one value, not a density.
        bins, values, counts = bins[1:], values[1:], counts[1:]
    exact = [Fraction(value) for value in values]
    if exact[-1] <= exact[0]:
        return Html()
    # In shares of the width, as large numbers are far less apart than they are large,
    # or further than any number.
    bounds = [float((each - exact[0]) / (exact[-1] - exact[0])) for each in exact]
    known = [
        (low, high, rows / (high - low))
        for low, high, rows in zip(bounds, bounds[1:], counts[1:], strict=False)
        if high > low
    ]
    x = make_scale([0, 1], 2, WIDTH - 2)
    top = max(height for _, _, height in known)
    bottom = HEIGHT - 16
    path = f"M{x(bounds[0]):g} {bottom}"
    for low, high, height in known:
        # Square roots: a narrow peak would hide everything else.
        place = round(bottom - 42 * math.sqrt(height / top), 1)
        path += f"L{x(low):g} {place:g}L{x(high):g} {place:g}"
    path += f"L{x(bounds[-1]):g} {bottom}z"
    first, last = _ends(bins[0], bins[-1], dates=dates)
    return tag(
        "svg",
        tag("path", d=path, class_="area"),
        text(2, HEIGHT - 2, first),
        text(WIDTH - 2, HEIGHT - 2, last, "end"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{short(name, 60)}: most values from {first} to {last}",
        class_="axes",
    )


def _ends(first: Any, last: Any, *, dates: bool) -> list[str]:
    """Return two different values, in as many digits as it takes to tell them apart."""
    if dates:
        return [str(first)[:10], str(last)[:10]]
    if isinstance(first, str) or isinstance(last, str):
        return [str(first), str(last)]
    with_few = [tick(float(value)) for value in (first, last)]
    wide = float(Fraction(last) / 2 - Fraction(first) / 2)
    digits = max(digits_for(float(value), wide, 0) for value in (first, last))
    powers = any(not 1e-3 <= abs(value) < 1e6 for value in (first, last) if value)
    if with_few[0] != with_few[1] and (digits <= FEW_DIGITS or not powers):
        return with_few
    return [in_digits(value, wide, 0) for value in (first, last)]


def _seconds(text: Any) -> float:
    return (datetime.fromisoformat(str(text)) - datetime(1970, 1, 1)).total_seconds()


def category_picture(
    name: str,
    shown: Sequence[tuple[Any, int]],
    others: int,
    more: int,
    *,
    numbers: bool = False,
) -> Html:
    """Return a bar for each value, as long as its share of all rows with a value.

    Args:
        name: Of the column.
        shown: Values and their rows.
        others: Rows with other values.
        more: How many other values there are.
        numbers: Whether the values are numbers, of which all digits count.
    """
    total = max(1, others + sum(rows for _, rows in shown))
    width = NAMES
    names = [short(value, width) for value, _ in shown]
    if numbers or len({*names}) < len(names):
        longest = max(len(one_line(str(value))) for value, _ in shown)
        width = min(LONG_NAMES, max(NAMES, longest))
    # Six units for each character, and some for the share at the end.
    start = 26 + 6 * width
    parts = []
    for place, (value, rows) in enumerate(shown):
        y = 18 * place
        size = round((WIDTH - 8 - start) * rows / total, 1)
        parts += [
            text(0, y + 13, short(value, width)),
            tag(
                "rect",
                x=start,
                y=y + 3,
                width=max(0.5, size),
                height=12,
                class_="area",
            ),
            text(start + 4 + size, y + 13, f"{rows / total:.0%}"),
        ]
    if more > 0:
        parts.append(text(0, 18 * len(shown) + 13, f"and {more:,} more"))
    said = ", ".join(f"{short(value, 30)} {rows / total:.0%}" for value, rows in shown)
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {18 * (len(shown) + (more > 0)) + 2}",
        role="img",
        aria_label=f"{short(name, 60)}: {said}",
        class_="axes",
    )
