"""Check the target: its classes, or its values if it is a number."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pandas as pd

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import CLASS_ROWS, rare_class

CODINGS = (("yes", "no"), ("true", "false"), ("1", "0"))

# Share of rows with the same number from which it is reported.
COMMON = 0.5

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
SHORT = {"y": "yes", "n": "no", "t": "true", "f": "false"}
ANSWERS = {"yes": "1", "true": "1", "1": "1", "no": "0", "false": "0", "0": "0"}

# Kind of the finding about a class that is another one, spelled differently.
SPELLED = "class spelled in several ways"

METRICS = {
    "binary": "average_precision and balanced_accuracy",
    "multiclass": "balanced_accuracy and f1_macro",
}


def main_coding(
    normalized: Mapping[str, str], counts: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the pair of labels that most rows use; empty if no pair is complete.

    Otherwise, unifying labels one by one could end with 1 and no.

    Args:
        normalized: The normalized label of each: yes, no, true, false, 1 or 0.
        counts: Rows of each label.
    """
    whole = [pair for pair in CODINGS if {*pair} <= {*normalized.values()}]
    rows = {
        pair: sum(counts[label] for label, text in normalized.items() if text in pair)
        for pair in whole
    }
    return max(whole, key=rows.__getitem__, default=())


def check_classes(
    counts: Mapping[str, int], data: Data, raw: Path
) -> Iterator[Finding]:
    """Yield findings about the classes of a target.

    Args:
        counts: Rows of each class, by its text.
        data: The target and the task.
        raw: What the table was read from, to be named in findings.
    """
    target = data.target
    present = {label: rows for label, rows in sorted(counts.items()) if rows}
    if len(present) < 2:
        yield _constant(next(iter(present), ""), target, raw)
        return
    positive = data.positive
    if positive is not None and str(positive) not in present:
        yield Finding(
            "no positive class",
            raw,
            f"never has the value {quoted(str(positive))}, the class to be predicted",
            "Set another data.positive in params.yaml.",
            column=target,
        )
    mixed = list(_mixed(present, target, raw))
    # Another spelling of a class is not a class of its own, however rare it is.
    misspelled = {finding.value for finding in mixed if finding.kind == SPELLED}
    rest = {label: n for label, n in present.items() if label not in misspelled}
    yield from mixed
    yield from _rare(rest, target, raw)


def normalized_label(label: str) -> str:
    """Return a label without differences in case, blanks and a final .0."""
    text = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    text = re.sub(r"(?<=\d)\.0*$", "", text) if NUMBER.fullmatch(text) else text
    return SHORT.get(text, text)


def check_imbalance(
    counts: Mapping[str, int], data: Data, raw: Path
) -> Iterator[Finding]:
    """Yield a finding if one class is much rarer than another.

    Args:
        counts: Rows of each class, by its text.
        data: The target and the task.
        raw: What the table was read from, to be named in findings.
    """
    if label := rare_class(counts):
        rows = counts[label]
        yield Finding(
            "imbalance",
            raw,
            f"has only {rows / sum(counts.values()):.1%} of the rows",
            "Set train.class_weight: balanced in params.yaml, and prefer"
            f" {METRICS[data.task]} to accuracy.",
            column=data.target,
            value=label,
            rows=rows,
        )


def check_numbers(values: pd.Series, target: str, raw: Path) -> Iterator[Finding]:
    """Yield findings about a target that is a number."""
    counts = values.value_counts()
    value, rows = str(counts.index[0]), int(counts.iloc[0])
    if len(counts) == 1:
        yield _constant(value, target, raw)
    elif len(counts) == 2:
        yield Finding(
            "two numbers",
            raw,
            "has only two different numbers, so they may be classes",
            "If so, declare it as a category and set data.task: binary in params.yaml.",
            column=target,
        )
    elif rows > COMMON * len(values):
        yield Finding(
            "common number",
            raw,
            f"is the value of {rows / len(values):.0%} of the rows",
            "If it stands for a missing value, remove these rows; if not, compare the"
            " model with one that always predicts it.",
            column=target,
            value=value,
        )


def _constant(value: str, target: str, raw: Path) -> Finding:
    return Finding(
        "constant target",
        raw,
        "is the value of every row, so there is nothing to learn",
        "Check the export, or choose another target: rml data --target COLUMN.",
        column=target,
        value=value,
    )


def _rare(counts: Mapping[str, int], target: str, raw: Path) -> Iterator[Finding]:
    for label, rows in counts.items():
        if rows < 2:
            kind = "single row of a class"
            problem = (
                "is a class with one row, which cannot be in both training and test set"
            )
            fix = "Merge it with another class, or remove the row."
        elif rows < CLASS_ROWS:
            kind = "rare class"
            problem = "is a class too rare to be learned or evaluated well"
            fix = "Merge it with another class, or collect more rows of it."
        else:
            continue
        yield Finding(kind, raw, problem, fix, None, target, label, rows)


def _mixed(counts: Mapping[str, int], target: str, raw: Path) -> Iterator[Finding]:
    """Yield spellings that look like another, more frequent spelling of a class."""
    normalized = {label: normalized_label(label) for label in counts}
    # A letter may be a class, so `y` means 1 only if all labels mean true or false.
    minority: set[str] = set()
    if len(normalized) > 2 and set(normalized.values()) <= set(ANSWERS):
        coding = main_coding(normalized, counts)
        minority = {label for label, text in normalized.items() if text not in coding}
        normalized = {label: ANSWERS[text] for label, text in normalized.items()}
    ordered = sorted(
        normalized,
        key=lambda one: (normalized[one], one in minority, -counts[one], one),
    )
    for _, group in groupby(ordered, normalized.__getitem__):
        usual, *others = group
        for label in others:
            letter = len(label) == len(usual) == 1
            yield Finding(
                "letters alike" if letter else SPELLED,
                raw,
                f"looks like another spelling of {quoted(usual)}",
                "Use one spelling for each class.",
                column=target,
                value=label,
                rows=counts[label],
            )
