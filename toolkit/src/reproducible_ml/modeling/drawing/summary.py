"""Print the metrics of an evaluation as a table."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import printable
from reproducible_ml.modeling.metrics.intervals import BASELINE, describe_intervals


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


CHECK = (
    "Check that the target is not computed from them, that each is known before the"
    " target, and that rows of one case, such as a patient, are on one side of the"
    " split. Exclude what leaks in data/schema.yaml."
)


def format_number(number: float | None) -> str:
    """Return a number with four decimals where its size allows, a dash for None."""
    if number is None:
        return "-"
    if 0 < abs(number) < 0.0001:
        return f"{number:.2e}"
    return f"{number:.4f}" if abs(number) < 1000 else f"{number:,.1f}"


def describe_too_good(
    found: dict[str, Any], quote: Callable[[str], str] = '"{}"'.format
) -> str:
    """Return a sentence on a score that is too good to be true, and what to check.

    Args:
        found: As in reports/evaluation.json.
        quote: Marks the name of a column.
    """
    value, alone = (format_number(found[name]) for name in ("value", "alone"))
    names = ", ".join(map(quote, found["features"]))
    return (
        f"{found['metric']} is {value} on the test rows, but {alone} with the strongest"
        f" single column ({quote(found['column'])}): this may be too good to be true."
        f" The model relies most on {names}. {CHECK}"
    )


def describe_no_better(
    metrics: Sequence[str], quote: Callable[[str], str] = str
) -> str:
    """Return a sentence on metrics that a model without features reaches as well.

    Args:
        metrics: As `no_better_than_baseline` in reports/evaluation.json.
        quote: Marks the name of a metric.
    """
    return (
        f"{', '.join(map(quote, metrics))}: the model is no better on the test rows"
        " than the baseline, which ignores all features."
    )


def describe_part(found: dict[str, int]) -> str:
    """Return on how many rows a model was trained, if not on all.

    Args:
        found: As `trained_on` in reports/evaluation.json.
    """
    return (
        f"The model was trained on {found['rows']:,} of {found['of']:,} training rows."
    )


def describe_gaps(column: str, found: dict[str, Any]) -> str:
    """Return a table of the differences between the groups of a protected column.

    Args:
        column: Its name.
        found: As in reports/evaluation.json.
    """
    # It needs pandas, and most projects have no such groups.
    from reproducible_ml.modeling.scoring.gaps import MAIN

    rows = [[f"difference by {column}", "value", "95 % interval", "lowest", "highest"]]
    for name in MAIN:
        if not (gap := found["gaps"].get(name)):
            continue
        ends = gap["difference"]
        of_class = f" of {gap['class']}" if "class" in gap else ""
        rows.append(
            [
                f"{name}{of_class}",
                format_number(ends["value"]),
                f"{format_number(ends['low'])} to {format_number(ends['high'])}",
                gap.get("lowest", "-"),
                gap.get("highest", "-"),
            ]
        )
    smallest = min(found["groups"], key=lambda group: group["rows"])
    shown = [found["gaps"][name] for name in MAIN if name in found["gaps"]]
    few = sorted({each["group"] for gap in shown for each in gap["few"]})
    return (
        f"{format_table(rows)}\n{len(found['groups'])} groups; the smallest,"
        f" {smallest['group']}, has {smallest['rows']} rows."
        + (f" Too few rows for some of these: {', '.join(few)}." if few else "")
    )


def print_summary(evaluation: Path, task: str) -> None:
    """Print the metrics in reports/evaluation.json, with intervals and baseline."""
    facts = json.loads(evaluation.read_text("utf-8"))
    rows = [["metric", "value", "95 % interval", "baseline"]]
    for name, found in facts["metrics"].items():
        interval = f"{format_number(found['low'])} to {format_number(found['high'])}"
        if found["low"] is None:
            interval = "-"
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
        f"{facts['rows']:,} test rows; {printable(describe_intervals(facts))};"
        f" the baseline knows only {BASELINE[task]}.\n"
    )
    if found := facts.get("trained_on"):
        sys.stdout.write(f"{describe_part(found)}\n")
    for column, found in facts.get("protected", {}).items():
        sys.stdout.write(f"\n{printable(describe_gaps(column, found))}\n")
    warnings = []
    if worse := facts.get("no_better_than_baseline"):
        warnings.append(describe_no_better(worse))
    if found := facts.get("too_good"):
        warnings.append(describe_too_good(found))
    lines = "".join(f"\nwarning: {printable(text)}\n" for text in warnings)
    sys.stdout.write(f"{lines}\n" if lines else "")
    if cut := facts.get("importance"):
        sys.stdout.write(
            f"Importance: {cut['repeats']} of {cut['repeats_wanted']} repeats on"
            f" {cut['rows']} of {cut['rows_wanted']} rows, as"
            f" evaluate.importance_predictions is {cut['limit']}.\n"
        )
    if cut := facts.get("partial_dependence"):
        sys.stdout.write(
            f"Partial dependence: {cut['rows']} of {cut['rows_wanted']} rows, as"
            f" evaluate.dependence_predictions is {cut['limit']}.\n"
        )
