"""What is strange about a target: its classes, or its values if it is a number."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pandas as pd

from reproducible_ml.datasets.findings import Finding, quoted
from reproducible_ml.datasets.split import is_test
from reproducible_ml.datasets.suspicion.codings import usual_coding
from reproducible_ml.params import Params

Labels = tuple[Counter[str], Counter[str]]

# Rows from which a class can be learned and judged, if only roughly.
CLASS_ROWS = 10

# The largest class may have this many times the rows of the smallest: for two classes
# it means that the smaller one has at least 10 % of the rows.
IMBALANCE = 9

# Share of rows with one and the same number from which a model had better know of it.
COMMON = 0.5

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
SHORT = {"y": "yes", "n": "no", "t": "true", "f": "false"}
ANSWERS = {"yes": "1", "true": "1", "1": "1", "no": "0", "false": "0", "0": "0"}

# Kind of the finding about a class that is another one, spelled otherwise.
SPELLED = "class spelled in several ways"

METRICS = {
    "binary": "average_precision and balanced_accuracy",
    "multiclass": "balanced_accuracy and f1_macro",
}


def judge_classes(
    counts: Mapping[str, int], params: Params, raw: Path
) -> Iterator[Finding]:
    """Yield what is strange about classes.

    Args:
        counts: Rows of each class, by its text.
        params: Says which column and task it is about.
        raw: What the table was read from, to be named in findings.
    """
    target = params.data.target
    present = {label: rows for label, rows in sorted(counts.items()) if rows}
    if len(present) < 2:
        yield _constant(next(iter(present), ""), target, raw)
        return
    positive = params.data.positive
    if positive is not None and str(positive) not in present:
        yield Finding(
            "no positive class",
            raw,
            f"never says {quoted(str(positive))}, the class to be predicted",
            "Set another data.positive in params.yaml.",
            column=target,
        )
    mixed = list(_mixed(present, target, raw))
    # Another spelling is to be unified, however rare it is.
    misspelled = {finding.value for finding in mixed if finding.kind == SPELLED}
    rest = {label: n for label, n in present.items() if label not in misspelled}
    yield from mixed
    yield from _rare(rest, target, raw)
    frequent = {label: n for label, n in rest.items() if n >= CLASS_ROWS}
    if frequent:
        yield from _imbalanced(frequent, sum(present.values()), params, raw)


def _constant(value: str, target: str, raw: Path) -> Finding:
    return Finding(
        "constant target",
        raw,
        "is what every row says, so there is nothing to learn",
        "Check the export, or name another target: make data TARGET=...",
        column=target,
        value=value,
    )


def _rare(counts: Mapping[str, int], target: str, raw: Path) -> Iterator[Finding]:
    for label, rows in counts.items():
        if rows < 2:
            kind = "single row of a class"
            problem = "is a class that cannot be both trained on and tested"
            fix = "Merge it with another class, or remove the row."
        elif rows < CLASS_ROWS:
            kind = "rare class"
            problem = "is a class too rare to be learned or judged well"
            fix = "Merge it with another class, or collect more rows of it."
        else:
            continue
        yield Finding(kind, raw, problem, fix, None, target, label, rows)


def _mixed(counts: Mapping[str, int], target: str, raw: Path) -> Iterator[Finding]:
    """Yield spellings that look like another, more frequent spelling of a class."""
    said = {label: meaning(label) for label in counts}
    # Letters may be classes, so `y` is `1` only where all the others are answers too.
    odd: set[str] = set()
    if len(said) > 2 and set(said.values()) <= set(ANSWERS):
        coding = usual_coding(said, counts)
        odd = {label for label, text in said.items() if text not in coding}
        said = {label: ANSWERS[text] for label, text in said.items()}
    ordered = sorted(said, key=lambda one: (said[one], one in odd, -counts[one], one))
    for _, group in groupby(ordered, said.__getitem__):
        usual, *others = group
        for label in others:
            letter = len(label) == len(usual) == 1
            yield Finding(
                "letters alike" if letter else SPELLED,
                raw,
                f"looks like another spelling of {quoted(usual)}",
                "Write a class in one way.",
                column=target,
                value=label,
                rows=counts[label],
            )


def meaning(label: str) -> str:
    """Return what a label says, whatever its case, its blanks and a final .0."""
    text = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    text = re.sub(r"(?<=\d)\.0*$", "", text) if NUMBER.fullmatch(text) else text
    return SHORT.get(text, text)


def _imbalanced(
    counts: Mapping[str, int], every: int, params: Params, raw: Path
) -> Iterator[Finding]:
    label, rows = min(counts.items(), key=lambda item: (item[1], item[0]))
    if params.train.class_weight or max(counts.values()) <= IMBALANCE * rows:
        return
    share = rows / every
    yield Finding(
        "imbalance",
        raw,
        f"has only {share:.1%} of the rows",
        "Set train.class_weight: balanced in params.yaml, and look at"
        f" {METRICS[params.data.task]} rather than at accuracy.",
        column=params.data.target,
        value=label,
        rows=rows,
    )


def judge_numbers(values: pd.Series, params: Params, raw: Path) -> Iterator[Finding]:
    """Yield what is strange about a target that is a number."""
    counts = values.value_counts()
    value, rows = str(counts.index[0]), int(counts.iloc[0])
    target = params.data.target
    if len(counts) == 1:
        yield _constant(value, target, raw)
    elif len(counts) == 2:
        yield Finding(
            "two numbers",
            raw,
            "holds two different numbers only, so they may be classes",
            "If so, declare it as a category and set data.task: binary in params.yaml.",
            column=target,
        )
    elif rows > COMMON * len(values):
        yield Finding(
            "common number",
            raw,
            f"is what {rows / len(values):.0%} of the rows say",
            "If it means that there is no value, remove these rows; if not, compare the"
            " model with one that always predicts it.",
            column=target,
            value=value,
        )


def judge_split(
    counts: Mapping[str, int], trained: Mapping[str, int], params: Params, raw: Path
) -> Iterator[Finding]:
    """Yield classes of which no row is in the training set, as in a sorted table.

    Args:
        counts: Rows of each class, by its text.
        trained: The same in the training set.
        params: Says which column and split it is about.
        raw: What the table was read from, to be named in findings.
    """
    key = "cutoff" if params.split.method == "time" else "salt"
    for label in sorted(label for label in counts if not trained.get(label)):
        yield Finding(
            "class not trained on",
            raw,
            "is a class without any row in the training set",
            f"Set another split.{key} in params.yaml, or another split.method.",
            column=params.data.target,
            value=label,
            rows=counts[label],
        )


def count_labels(_: int, rows: pd.DataFrame, params: Params) -> Labels:
    """Return the rows of each class by its text, and those in the training set."""
    test = is_test(rows, params.data, params.split)
    target = rows[params.data.target]
    counts = (labels.value_counts() for labels in (target, target[~test]))
    every, trained = (
        Counter({str(label): int(n) for label, n in found.items() if n})
        for found in counts
    )
    return every, trained
