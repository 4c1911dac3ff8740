"""A heat map: how strongly each pair of columns is related."""

from collections.abc import Sequence

from reproducible_ml.page.figure import (
    NAMES,
    RIGHT,
    TOP,
    WIDTH,
    Point,
    figure,
    name_text,
    text,
)
from reproducible_ml.page.markup import Html, join, short, table, tag

# Columns up to which the picture is as wide as other charts, and its width beyond.
FEW, BROAD = 10, 620

# Width of a cell from which on its number fits in, and of the widest one.
NUMBERED, WIDEST = 34.0, 60.0

# Strength from which on the number is written in the colour of the page.
DARK = 0.55

Matrix = Sequence[Sequence[float | None]]


def heat_map(title: str, names: Sequence[str], found: Matrix, note: str = "") -> Html:
    """Return a field for each pair of names, stronger coloured the stronger it is.

    Args:
        title: What it shows.
        names: Of rows and columns.
        found: For each row, a number from -1 to 1 for each column; None for none.
        note: A sentence below it.
    """
    broad = WIDTH if len(names) <= FEW else BROAD
    cell = min(WIDEST, (broad - NAMES - RIGHT) / max(1, len(names)))
    height = min(cell, 40.0)
    drawn, points = [], []
    for i, row in enumerate(names):
        middle = TOP + height * (i + 0.5)
        drawn.append(_name(middle + 4, row, height))
        for j, column in enumerate(names):
            value = found[i][j]
            if i == j or value is None:
                continue
            left = NAMES + cell * j
            drawn.append(_cell(left, TOP + height * i, cell, height, value))
            if cell >= NUMBERED:
                shown = f"{round(value, 2) + 0.0:.2f}"
                word = text(left + cell / 2, middle + 4, shown, "middle")
                kind = "on" if abs(value) > DARK else None
                drawn.append(tag("g", word, class_=kind))
            words = f"{short(row, 60)} and {short(column, 60)}: {value:.3f}"
            points.append(Point(round(left + cell / 2, 1), round(middle, 1), words))
    bottom = TOP + height * len(names)
    for j, column in enumerate(names):
        middle = NAMES + cell * (j + 0.6)
        drawn.append(
            tag(
                "text",
                short(column, 14),
                transform=f"translate({middle:g} {bottom + 12:g}) rotate(-50)",
                text_anchor="end",
                class_="small" if cell < 14 else None,
            )
        )
    numbers = table(
        title,
        ["column", *names],
        ([name, *found[place]] for place, name in enumerate(names)),
    )
    size = (broad, bottom + 92)
    return figure(title, join(drawn), points, numbers, size=size, note=note)


def _name(y: float, name: str, height: float) -> Html:
    whole = name_text(y, name)
    return tag("g", whole, class_="small") if height < 14 else whole


def _cell(left: float, top: float, cell: float, height: float, value: float) -> Html:
    return tag(
        "rect",
        x=round(left, 2),
        y=round(top, 2),
        width=round(cell - 0.7, 2),
        height=round(height - 0.7, 2),
        fill_opacity=round(0.03 + 0.97 * min(1.0, abs(value)), 3),
        class_="cell negative" if value < 0 else "cell",
    )
