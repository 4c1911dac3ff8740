"""Explanations of rows for people: tables on the terminal, and a picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.serving.explaining.explanations import Found

# Blocks of the longest bar, and characters of a value.
BAR, VALUE = 20, 24


def print_explanations(explanations: Sequence[Found], background: int) -> None:
    """Print a table for each row, and how its numbers were found.

    Args:
        explanations: As of `RowExplainer`, cut to what is shown.
        background: Number of training rows that the rows were compared with.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for found in explanations:
        console.print(Text(title(found), "bold"))
        console.print(_table(found))
        console.print()
    exact = all(found["exact"] for found in explanations)
    how = (
        "Exact Shapley values"
        if exact
        else "Estimated Shapley values, ± standard error,"
    )
    console.print(
        Text(
            f"{how} against {background} training rows: base value and contributions"
            f" add up to the {_total(explanations)}."
        )
    )


def _total(explanations: Sequence[Found]) -> str:
    scale = explanations[0]["scale"]
    return {
        "number": "predicted number",
        "logarithm": "logarithm of the predicted number",
        "probability": "predicted probability",
        # Which number that is, the probabilities of all classes say.
        "log-probability": "log-probability of the class, up to a number that is the"
        " same for all classes of the row",
    }.get(scale, f"{scale} of the class")


def title(found: Found, separator: str = " ") -> str:
    """Return which row it is, and what is predicted for it."""
    words = [f"row {found['row']}"]
    if key := found.get("row_key"):
        words.append(f"({key})")
    row, words = " ".join(words), []
    prediction = found.get("prediction")
    shown = format_number(prediction) if isinstance(prediction, float) else prediction
    words.append(f"→ {one_line(str(shown))}")
    label = found.get("class")
    share = found.get("probability", found.get(f"probability_{label}"))
    if label is not None and isinstance(share, float):
        words.append(f"(probability of {one_line(label)}: {format_number(share)})")
    return separator.join([row, " ".join(words)])


def _table(found: Found) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("column", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column(found["scale"], justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    longest = max((abs(number) for _, _, number, _ in _lines(found)), default=0.0)
    table.add_row(Text("base value"), "", format_number(found["base"]), "")
    for name, value, number, error in _lines(found):
        spread = "" if error is None else f" ± {format_number(error)}"
        length = round(BAR * abs(number) / longest) if longest else 0
        style = "red" if number > 0 else "blue"
        text = f"{'+' if number >= 0 else ''}{format_number(number)}{spread}"
        bar = Text("█" * length, style)
        table.add_row(Text(one_line(name)), Text(one_line(value)), text, bar)
    table.add_row(
        Text("prediction"), "", format_number(found["output"]), "", style="bold"
    )
    return table


def _lines(found: Found) -> Iterator[tuple[str, str, float, float | None]]:
    """Yield name, value, contribution and error of each line."""
    for entry in found["contributions"]:
        value = entry["value"]
        text = "(missing)" if value is None else str(value)
        text = text if len(text) <= VALUE else f"{text[: VALUE - 1]}…"
        yield entry["column"], text, entry["contribution"], entry["standard_error"]
    if others := found.get("others"):
        name = f"{others['columns']} other columns"
        yield name, "", others["contribution"], None


def draw(explanations: Sequence[Found], picture: Path) -> None:
    """Draw some rows as a PNG file.

    Raises:
        UserError: These are too many for a picture.
    """
    from reproducible_ml.modeling.drawing.explanation import (
        ROWS,
        Bars,
        draw_explanations,
    )

    if len(explanations) > ROWS:
        raise UserError(
            f"--picture: {len(explanations)} rows are more than {ROWS}: ask for fewer"
        )
    rows = []
    for found in explanations:
        lines = list(_lines(found))
        errors = [0.0 if error is None else error for *_, error in lines]
        names = [f"{name} = {value}" if value else name for name, value, *_ in lines]
        values = [number for _, _, number, _ in lines]
        rows.append(
            Bars(
                title(found, "\n"),
                names,
                values,
                None if found["exact"] else errors,
                found["base"],
                found["scale"],
            )
        )
    draw_explanations(rows, picture)
