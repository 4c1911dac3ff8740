"""Check columns for constants, missing codes and copies, and the target's values."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import CLASS_ROWS, rare_class
from reproducible_ml.core import keys
from reproducible_ml.quality.leaks import ODDS, as_numbers, odds_against
from reproducible_ml.quality.spellings import is_placeholder

# A code for "no value" occurs in at least this many rows, and this share of them: a
# mistake is rarer.
CODE_ROWS = 3
CODE_SHARE = 0.002

# How far it lies from all other values, as a share of their range; less for a number
# made of nines. Zero is a number like others, except among years.
FAR, FAR_NINES = 1.0, 0.25
YEARS = (1500, 2100)

# Numbers that are looked at together.
CELLS = 1_000_000

# Equal columns that are named.
NAMED = 20

EXCLUDE = "Set its treatment to exclude in data/schema.yaml."

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


def check_columns(
    rows: pd.DataFrame, features: Sequence[str], numeric: Sequence[str], raw: Path
) -> Iterator[Finding]:
    """Yield columns that hold nothing useful, or codes for missing values.

    Args:
        rows: A table or some of its rows.
        features: Columns that a model uses.
        numeric: Columns of quantities; the target may be one of them.
        raw: What the table was read from, to be named in findings.
    """
    varying = _varying(rows, features)
    for name in features:
        if name not in varying and (finding := _constant(rows[name], raw)) is not None:
            yield finding
    unrepeated = _unrepeated_numbers(rows, numeric)
    for name in numeric:
        if name not in unrepeated:
            yield from _codes(rows[name], raw)
    yield from _same(rows[list(features)], raw)


def _varying(rows: pd.DataFrame, names: Sequence[str]) -> set[str]:
    """Return numeric columns whose ends differ, and those of several categories."""
    numbers = _plain_numbers(rows, names)
    ends = rows[numbers].iloc[[0, -1]].to_numpy(dtype=np.float64)
    differ = (ends[0] < ends[1]) | (ends[0] > ends[1])
    found = {name for name, holds in zip(numbers, differ, strict=True) if holds}
    dtypes = keys.dtypes_of(rows)
    for name in names:
        if isinstance(dtypes[name], pd.CategoricalDtype):
            codes = rows[name].array.codes
            if codes.min() < codes.max():
                found.add(name)
    return found


def _unrepeated_numbers(rows: pd.DataFrame, names: Sequence[str]) -> set[str]:
    """Return columns of numbers whose extremes are too rare for codes."""
    found: set[str] = set()
    for some, values in _blocks(rows, names):
        ends = (np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0))
        rare = np.all([(values == end).sum(axis=0) < CODE_ROWS for end in ends], axis=0)
        found |= {name for name, holds in zip(some, rare, strict=True) if holds}
    return found


def _blocks(
    rows: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[list[str], Any]]:
    """Yield the columns of numbers, some of them at a time, and their numbers."""
    numbers = _plain_numbers(rows, names)
    step = max(1, CELLS // len(rows))
    for start in range(0, len(numbers), step):
        some = numbers[start : start + step]
        yield some, rows[some].to_numpy(dtype=np.float64)


def _plain_numbers(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    dtypes = keys.dtypes_of(rows)
    return [name for name in names if dtypes[name] in ("float64", "int64")]


def find_missing_codes(
    levels: npt.NDArray[np.float64], counts: npt.NDArray[np.intp]
) -> list[tuple[float, int]]:
    """Return numbers that lie far beyond all others, and the rows of each.

    Args:
        levels: Different numbers, ascending.
        counts: Rows of each.
    """
    often = max(CODE_ROWS, CODE_SHARE * counts.sum())
    found = []
    while len(levels) > 3:
        low = _gap(levels[0], levels[1], levels[1:])
        high = _gap(levels[-1], levels[-2], levels[:-1])
        end = 0 if low >= high else -1
        if max(low, high) < 1 or counts[end] < often:
            break
        found.append((float(levels[end]), int(counts[end])))
        levels, counts = np.delete(levels, end), np.delete(counts, end)
    return found


def _constant(values: pd.Series, raw: Path) -> Finding | None:
    first: Any = values.iloc[0]
    last: Any = values.iloc[-1]
    if pd.notna(first) and pd.notna(last) and first != last:
        return None
    known = values.dropna()
    if known.empty:
        problem = "is missing in every row"
        return Finding("empty column", raw, problem, EXCLUDE, column=str(values.name))
    if len(known) < len(values) or (known != known.iloc[0]).any():
        return None
    return Finding(
        "constant column",
        raw,
        "is the value of every row",
        EXCLUDE,
        column=str(values.name),
        value=str(known.iloc[0]),
    )


def _codes(values: pd.Series, raw: Path) -> Iterator[Finding]:
    """Yield numbers that look like codes for "no value", such as -999."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return
    numbers = as_numbers(values)
    if numbers is None:
        return
    levels, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    for code, rows in find_missing_codes(levels, counts):
        yield Finding(
            "code for no value",
            raw,
            "is far from all other numbers and repeats, so it may be a code for a"
            " missing value, or the cap of larger ones",
            "If it is a code, add it to metadata.missing of the column in"
            " data/schema.yaml and set nullable: true; if it is the target, remove the"
            " rows.",
            column=str(values.name),
            value=f"{code:.12g}",
            rows=rows,
        )


def _gap(end: float, nearest: float, others: npt.NDArray[np.float64]) -> float:
    """Return the distance of an extreme number, as a multiple of the threshold."""
    if end == 0 and not (YEARS[0] <= others.min() and others.max() <= YEARS[1]):
        return 0.0
    nines = re.fullmatch(r"99+|9+\.9+", f"{abs(end):.12g}")
    limit = FAR_NINES if nines else FAR
    gap = float(abs(end - nearest) / (limit * np.ptp(others)))
    # Beside numbers that are positive or zero, the distance does not matter; surveys
    # have -9, -8 and -7 for several reasons.
    if end < 0 and (nines or _is_survey_code(end)):
        negative = others[others < 0]
        return max(gap, float(all(map(_is_survey_code, negative))))
    return gap


def _is_survey_code(number: float) -> bool:
    return re.fullmatch(r"-(9+|8+|7+)", f"{number:.12g}") is not None


def _same(rows: pd.DataFrame, raw: Path) -> Iterator[Finding]:
    """Yield columns that equal an earlier column in all rows."""
    known = _number_digests(rows)
    equal: dict[bytes, list[str]] = {}
    for name in rows:
        digest = known.get(str(name)) or hashlib.sha256(_content(rows[name])).digest()
        equal.setdefault(digest, []).append(str(name))
    for first, *others in equal.values():
        if others and _is_distinctive(rows[first]):
            yield _equal(first, others, raw)


def _number_digests(rows: pd.DataFrame) -> dict[str, bytes]:
    """Return the digest of each column of numbers, as of `_content`."""
    digests: dict[str, bytes] = {}
    for some, values in _blocks(rows, list(rows.columns)):
        for name, content in zip(some, np.ascontiguousarray(values.T), strict=True):
            digests[str(name)] = hashlib.sha256(content + 0.0).digest()
    return digests


def _is_distinctive(values: pd.Series) -> bool:
    """Say whether another column would hardly have the same values by chance."""
    codes, known = pd.factorize(values, use_na_sentinel=False)
    return len(known) > 1 and odds_against(codes, 1) >= ODDS


def _equal(first: str, others: list[str], raw: Path) -> Finding:
    """Return one finding about all columns that equal the first."""
    problem = f"equals column {quoted(first)} in all rows"
    fix = EXCLUDE
    if others[1:]:
        shown = ", ".join(map(quoted, others[1 : 1 + NAMED]))
        more = f" and {len(others) - 1 - NAMED} more" if others[1 + NAMED :] else ""
        problem += f", as {shown}{more} do"
        fix = "Set their treatment to exclude in data/schema.yaml."
    return Finding("equal columns", raw, problem, fix, column=others[0])


def _content(values: pd.Series) -> bytes:
    """Return bytes that are the same for equal values, such as 1 and 1.0."""
    numbers = as_numbers(values)
    if numbers is not None:
        return (numbers + 0.0).tobytes()
    texts = _as_texts(values)
    known = texts.is_valid().to_numpy(zero_copy_only=False)
    texts = texts.fill_null("")
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset :][: len(texts) + 1]
    inside = memoryview(content or b"")[ends[0] : ends[-1]]
    return b"".join([known.tobytes(), np.diff(ends).tobytes(), inside])


def _as_texts(values: pd.Series) -> pa.LargeStringArray:
    """Return the texts of values, of categories without looking at each row's."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.array.codes.astype(np.int64)
        names = [str(name) for name in values.dtype.categories]
        places = pa.array(codes, mask=codes < 0)
        return pa.array(names, pa.large_string()).take(places)
    texts = pa.array(values.astype("str"), pa.large_string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


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
        yield _constant_number(next(iter(present), ""), target, raw)
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
    yield from _unknown(rest, target, raw)


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
        yield _constant_number(value, target, raw)
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


def _constant_number(value: str, target: str, raw: Path) -> Finding:
    return Finding(
        "constant target",
        raw,
        "is the value of every row, so there is nothing to learn",
        "Check the export, or choose another target: rml data --target COLUMN.",
        column=target,
        value=value,
    )


def _rare(counts: Mapping[str, int], target: str, raw: Path) -> Iterator[Finding]:
    numbers = len(counts) > 2 and all(map(NUMBER.fullmatch, counts))
    amount = (
        "; if it is an amount, add --task regression to rml data" if numbers else ""
    )
    for label, rows in counts.items():
        if rows < 2:
            kind = "single row of a class"
            problem = (
                "is a class with one row, which cannot be in both training and test set"
            )
            fix = f"Merge it with another class, or remove the row{amount}."
        elif rows < CLASS_ROWS:
            kind = "rare class"
            problem = "is a class too rare to be learned or evaluated well"
            fix = f"Merge it with another class, or collect more rows of it{amount}."
        else:
            continue
        yield Finding(kind, raw, problem, fix, None, target, label, rows)


def _unknown(counts: Mapping[str, int], target: str, raw: Path) -> Iterator[Finding]:
    """Yield a class beside others that says that the target is not known."""
    for label, rows in counts.items():
        # The sign of a number, or of a test, may be a class.
        if len(counts) > 2 and len(label) > 1 and is_placeholder(label):
            yield Finding(
                "class of missing values",
                raw,
                "is a class to be predicted, but may mean that the class is not known",
                "If it does, remove these rows in the source.",
                column=target,
                value=label,
                rows=rows,
            )


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
