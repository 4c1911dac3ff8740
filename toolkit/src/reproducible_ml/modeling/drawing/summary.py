"""Print the metrics of an evaluation as a table."""

import json
import sys
from pathlib import Path


def format_table(rows: list[list[str]]) -> str:
    """Return rows of cells as lines; all columns but the first align to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


# What the baseline of each task has seen of the training rows.
KNOWN = {
    "binary": "how frequent each class is",
    "multiclass": "how frequent each class is",
    "regression": "the mean of the target",
}


def format_number(number: float | None) -> str:
    """Return a number with four decimals where its size allows, a dash for None."""
    if number is None:
        return "-"
    if 0 < abs(number) < 0.0001:
        return f"{number:.2e}"
    return f"{number:.4f}" if abs(number) < 1000 else f"{number:,.1f}"


def print_summary(evaluation: Path, task: str) -> None:
    """Print the metrics in reports/evaluation.json, with intervals and baseline."""
    facts = json.loads(evaluation.read_text("utf-8"))
    rows = [["metric", "value", "95 % interval", "baseline"]]
    for name, found in facts["metrics"].items():
        interval = f"{format_number(found['low'])} to {format_number(found['high'])}"
        rows.append(
            [
                name,
                format_number(found["value"]),
                interval,
                format_number(found["baseline"]["value"]),
            ]
        )
    sys.stdout.write(
        f"\n{format_table(rows)}\n\n"
        f"{facts['rows']} test rows; intervals from {facts['interval_rows']} of them;"
        f" the baseline knows only {KNOWN[task]}.\n"
    )
