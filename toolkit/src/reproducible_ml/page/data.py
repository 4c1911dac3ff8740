"""The section on the data: what the contract says, how values are distributed."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reproducible_ml.page.figure import make_scale, text, tick
from reproducible_ml.page.markup import Html, folded, join, number, short, table, tag

Json = Mapping[str, Any]

# Columns that are drawn, and categories of one.
DRAWN, CATEGORIES = 60, 6

WIDTH, HEIGHT = 220, 62


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
        words.append(f"{found['mean']:.4g} ± {found['sd']:.3g}")
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
    bounds = [_seconds(each) if dates else float(each) for each in bins]
    if math.nextafter(bounds[0], math.inf) == bounds[1]:
        # The rows between have one value, not a density.
        bins, bounds, counts = bins[1:], bounds[1:], counts[1:]
    known = [
        (low, high, rows / (high - low))
        for low, high, rows in zip(bounds, bounds[1:], counts[1:], strict=False)
        if high > low
    ]
    if not known:
        return Html()
    x = make_scale([bounds[0], bounds[-1]], 2, WIDTH - 2)
    top = max(height for _, _, height in known)
    bottom = HEIGHT - 16
    path = f"M{x(bounds[0]):g} {bottom}"
    for low, high, height in known:
        # Square roots: a narrow peak would hide everything else.
        place = round(bottom - 42 * math.sqrt(height / top), 1)
        path += f"L{x(low):g} {place:g}L{x(high):g} {place:g}"
    path += f"L{x(bounds[-1]):g} {bottom}z"
    ends = [str(bins[0])[:10], str(bins[-1])[:10]] if dates else map(tick, x[:2])
    first, last = ends
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


def _seconds(text: Any) -> float:
    return (datetime.fromisoformat(str(text)) - datetime(1970, 1, 1)).total_seconds()


def category_picture(
    name: str, shown: Sequence[tuple[Any, int]], others: int, more: int
) -> Html:
    """Return a bar for each value, as long as its share of all rows with a value.

    Args:
        name: Of the column.
        shown: Values and their rows.
        others: Rows with other values.
        more: How many other values there are.
    """
    total = max(1, others + sum(rows for _, rows in shown))
    parts = []
    for place, (value, rows) in enumerate(shown):
        y = 18 * place
        width = round((WIDTH - 100) * rows / total, 1)
        parts += [
            text(0, y + 13, short(value, 11)),
            tag("rect", x=92, y=y + 3, width=max(0.5, width), height=12, class_="area"),
            text(96 + width, y + 13, f"{rows / total:.0%}"),
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
