"""What is strange about a target: its classes, or its values if it is a number."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import CLASS_ROWS, rare_class
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import map_parts

CODINGS = (("yes", "no"), ("true", "false"), ("1", "0"))


def main_coding(said: Mapping[str, str], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the pair of answers that most rows use; empty if none is used wholly.

    Classes that are unified one by one may end as 1 and no.

    Args:
        said: What each label means: yes, no, true, false, 1 or 0.
        counts: Rows of each label.
    """
    whole = [pair for pair in CODINGS if {*pair} <= {*said.values()}]
    rows = {
        pair: sum(counts[label] for label, text in said.items() if text in pair)
        for pair in whole
    }
    return max(whole, key=rows.__getitem__, default=())


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


class SplitRule(NamedTuple):
    """How a project holds out its test rows.

    Attributes:
        is_test: Says of each row of a table whether it is a test row.
        columns: What it needs of the rows, besides their keys.
        key: Of params.yaml, to hold out other rows.
    """

    is_test: Callable[[pd.DataFrame], Any]
    columns: tuple[str, ...]
    key: str


def check_classes(
    counts: Mapping[str, int], data: Data, raw: Path
) -> Iterator[Finding]:
    """Yield what is strange about classes.

    Args:
        counts: Rows of each class, by its text.
        data: Says which column and task it is about.
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
    said = {label: normalized_label(label) for label in counts}
    # Letters may be classes, so `y` is `1` only where all the others are answers too.
    odd: set[str] = set()
    if len(said) > 2 and set(said.values()) <= set(ANSWERS):
        coding = main_coding(said, counts)
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


def normalized_label(label: str) -> str:
    """Return what a label says, whatever its case, its blanks and a final .0."""
    text = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    text = re.sub(r"(?<=\d)\.0*$", "", text) if NUMBER.fullmatch(text) else text
    return SHORT.get(text, text)


def check_imbalance(
    counts: Mapping[str, int], data: Data, raw: Path
) -> Iterator[Finding]:
    """Yield a finding if one class is much rarer than another.

    Args:
        counts: Rows of each class, by its text.
        data: Says which column and task it is about.
        raw: What the table was read from, to be named in findings.
    """
    if label := rare_class(counts):
        rows = counts[label]
        yield Finding(
            "imbalance",
            raw,
            f"has only {rows / sum(counts.values()):.1%} of the rows",
            "Set train.class_weight: balanced in params.yaml, and look at"
            f" {METRICS[data.task]} rather than at accuracy.",
            column=data.target,
            value=label,
            rows=rows,
        )


def check_numbers(values: pd.Series, target: str, raw: Path) -> Iterator[Finding]:
    """Yield what is strange about a target that is a number."""
    counts = values.value_counts()
    value, rows = str(counts.index[0]), int(counts.iloc[0])
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


def check_split(
    table: Path, data: Data, compute: Compute, split: SplitRule, raw: Path
) -> Iterator[Finding]:
    """Yield classes of which no row is in the training set, as in a sorted table.

    Args:
        table: Folder of parts.
        data: Says which column it is about.
        compute: Where parts are read.
        split: How the test rows are held out.
        raw: What the table was read from, to be named in findings.
    """
    work = partial(_count_sides, target=data.target, is_test=split.is_test)
    found = map_parts(work, table, compute, sorted({data.target, *split.columns}))
    train, test = (sum(side, Counter[str]()) for side in zip(*found, strict=True))
    for label in sorted(test.keys() - train.keys()):
        yield Finding(
            "class not trained on",
            raw,
            "is a class without any row in the training set",
            f"Set another {split.key} in params.yaml, or another split.method.",
            column=data.target,
            value=label,
            rows=test[label],
        )


def _count_sides(
    _: int, rows: pd.DataFrame, target: str, is_test: Callable[[pd.DataFrame], Any]
) -> tuple[Counter[str], Counter[str]]:
    """Return the rows of each class in the training and in the test set."""
    test = is_test(rows)
    sides = (rows.loc[~test, target], rows.loc[test, target])
    train, held_out = (
        Counter({str(label): int(n) for label, n in side.value_counts().items() if n})
        for side in sides
    )
    return train, held_out
