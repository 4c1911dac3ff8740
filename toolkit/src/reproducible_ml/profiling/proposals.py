"""Propose the type, the checks and the use of each column."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.checks import EXACT
from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.conventions import (
    is_code_name,
    is_identifier_name,
    is_row_number_name,
)
from reproducible_ml.profiling.inferred import (
    LOOK,
    ColumnFinding,
    FindingFactory,
    Hints,
    date_bounds,
    length_bounds,
    number_bounds,
)
from reproducible_ml.profiling.measurements import Measurements
from reproducible_ml.profiling.profile import LONG, ColumnProfile
from reproducible_ml.quality.columns import YEARS
from reproducible_ml.quality.spellings import (
    LOOKALIKES,
    fix_encoding,
    missing_spellings,
)
from reproducible_ml.reading.values import NA_VALUES, try_convert

# At most so many different texts are categories, if no new one is to be expected: each
# is in this many rows on average, and few are in one row only. The share of those
# estimates the probability that the next row has a new one: I. J. Good, 1953.
CATEGORIES = 254
REPEATS = 5
SINGLE = 0.01

# In small tables, so few texts are categories with fewer repetitions.
FEW, FEW_REPEATS = 10, 2

# Longer texts are not categories, in characters.
NAME = 200

# Texts with so many words on average, more of them different than this share, are
# sentences.
WORDS = 3
SENTENCES = 0.2

# Shares of different texts: from OWN on, they identify rows; up to REPEATED, they
# repeat often enough to say something about the target.
OWN, REPEATED = 0.95, 0.5

# Whole numbers of a target are classes if there are so few, each in CLASS_ROWS rows.
CLASSES, CLASS_ROWS = 20, 5

# Fewer rows do not show whether numbers repeat.
ROWS = 3


class ColumnProposal(NamedTuple):
    """Proposed declaration of a column, with kind and evidence."""

    kind: str
    column: Column
    evidence: str


class TextSummary(NamedTuple):
    """Statistics of the values of a column, as texts.

    Attributes:
        rows: Rows with a value.
        different: Number of different texts.
        exact: Whether that number is exact.
        counts: Rows of each text, None if there are too many or they are not needed.
        longest: Length of the longest text, in characters.
        words: Mean number of words.
    """

    rows: int
    different: int
    exact: bool
    counts: dict[str, int] | None
    longest: int
    words: float


def summarise_texts(
    profile: ColumnProfile, column: Column, missing: int, *, listed: bool = True
) -> TextSummary:
    """Summarise the values of a column, without those that mean "no value".

    Args:
        profile: Its texts.
        column: Its declaration so far.
        missing: Rows with a text that means "no value".
        listed: Whether the rows of each text are needed.
    """
    blank = {*missing_spellings(profile.blanks.rows, among_text=column.dtype == "str")}
    whole = profile.seen.complete and profile.longest <= LONG
    counts: dict[str, int] | None = None
    different, exact = len(profile.seen), whole
    if listed or blank or column.metadata.missing:
        values = profile.seen.counts()
        if column.metadata.missing:
            spelled = column.metadata.missing
            blank |= {text for text in values if text.strip() in spelled}
        counts = {text: rows for text, rows in values.items() if text not in blank}
        different = len(counts)
    if not whole and column.dtype in ("str", "Int64", "float64"):
        different = profile.distinct.count() - len(blank)
        exact = profile.distinct.exact
    rows = profile.present - missing
    words = profile.words / max(rows, 1)
    if words >= WORDS:
        words = min(words, _lettered_words(profile))
    some = counts if whole and listed else None
    return TextSummary(rows, different, exact, some, profile.longest, words)


def _lettered_words(profile: ColumnProfile) -> float:
    """Return the mean number of words with a letter: numbers are no sentences."""
    texts, rows, _ = profile.seen.content
    words = pc.count_substring_regex(texts, r"\S*\p{L}\S*").to_numpy()
    return float(np.dot(rows, words) / rows.sum())


def propose_text_column(
    column: Column, known: TextSummary, *, full: bool, target: bool
) -> ColumnProposal:
    """Propose the use of a column of text.

    Args:
        column: Its declaration so far.
        known: Statistics of its texts.
        full: Whether every row has a value.
        target: Whether it is the target.
    """
    rows, different = known.rows, known.different
    share = different / rows
    if known.counts and different == 1 and full:
        use = _category(column, known.counts, "constant")
        return exclude(use, "the same value in every row")
    if known.counts and _are_categories(known, target=target):
        use = _category(column, known.counts, "category")
        # Trees of scikit-learn do not tell one category from a missing value.
        return _encoded(use) if different == 1 and not target else use
    shown = f"{_about(known)} different texts in {rows} rows"
    if known.words >= WORDS and share > SENTENCES:
        text = _treated(column, "bag_of_words", length_bounds(known.longest))
        return ColumnProposal("text", text, f"{shown}, {known.words:.1f} words each")
    if share >= OWN:
        unique = known.exact and different == rows and full
        column = column.model_copy(update={"unique": unique and known.words == 1})
        return exclude(
            ColumnProposal("identifier", column, shown), describe_uniqueness(known)
        )
    if share <= REPEATED:
        text = _treated(column, "target_encoding", length_bounds(known.longest))
        return ColumnProposal("many categories", text, shown)
    return exclude(ColumnProposal("text", column, shown), "hardly any value repeats")


def _encoded(use: ColumnProposal) -> ColumnProposal:
    """Return the proposal with the mean of the target for each value, or for none."""
    metadata = use.column.metadata.model_copy(update={"treatment": "target_encoding"})
    return use._replace(column=use.column.model_copy(update={"metadata": metadata}))


def describe_uniqueness(known: TextSummary) -> str:
    """Describe that each row, or nearly each, has its own value."""
    nearly = "" if known.different == known.rows else "nearly "
    return f"{nearly}each row has its own value"


def exclude(use: ColumnProposal, reason: str) -> ColumnProposal:
    """Return the proposal to exclude a column from the features, with the reason."""
    notes = {"treatment": "exclude", "reason": reason}
    metadata = use.column.metadata.model_copy(update=notes)
    return use._replace(column=use.column.model_copy(update={"metadata": metadata}))


def inconsistent_spellings(
    profile: ColumnProfile,
    column: Column,
    make_finding: FindingFactory,
    known: Collection[str] = (),
) -> Iterator[ColumnFinding]:
    """Yield texts that look like another spelling of a more frequent one.

    Differences that are `known` are left out, such as "case".
    """
    texts, rows, first = profile.seen.content
    names = texts.to_pylist()
    counts = dict(zip(names, rows.tolist(), strict=True))
    places = dict(zip(names, first.tolist(), strict=True))
    groups: dict[str, list[str]] = defaultdict(list)
    for text in names:
        if text not in column.metadata.missing and text.strip() not in NA_VALUES:
            groups[_folded(text)].append(text)
    for group in groups.values():
        # The most frequent spelling is meant; of equally frequent ones, the first.
        meant = max(group, key=lambda text: (fix_encoding(text) == text, counts[text]))
        for text in group:
            rows, place = counts[text], places[text]
            if text != meant and _difference(text, meant) in known:
                continue
            if text != meant:
                alike = f"{quoted(meant)} ({_rows(counts[meant])})"
                problem = f"differs from {alike} only in {_difference(text, meant)}"
                yield make_finding("warn", "spelling", problem, LOOK, text, rows, place)
            elif fix_encoding(text) != text:
                problem = f"looks like {quoted(fix_encoding(text))} in a wrong encoding"
                fix = "Export the table as UTF-8."
                yield make_finding("warn", "encoding", problem, fix, text, rows, place)


def _are_categories(known: TextSummary, *, target: bool) -> bool:
    """Return whether the texts are categories: no new ones are to be expected."""
    if known.longest > NAME:
        return False
    counts = known.counts or {}
    repeats = known.rows / known.different
    if known.different <= FEW or target:
        return known.different <= CATEGORIES and repeats >= FEW_REPEATS
    singles = sum(rows == 1 for rows in counts.values())
    closed = singles <= SINGLE * known.rows and repeats >= REPEATS
    return known.different <= CATEGORIES and closed


def _category(column: Column, counts: Mapping[str, int], kind: str) -> ColumnProposal:
    isin = tuple(sorted(counts))
    column = column.model_copy(update={"dtype": "category", "isin": isin})
    shown = ", ".join(map(quoted, isin[:5])) + (", …" if len(isin) > 5 else "")
    values = "1 value" if len(isin) == 1 else f"{len(isin)} values"
    return ColumnProposal(kind, column, f"{values}: {shown}")


def _treated(column: Column, treatment: str, checks: dict[str, object]) -> Column:
    notes = column.metadata.model_copy(update={"treatment": treatment})
    return column.model_copy(update={"metadata": notes, **checks})


def _about(known: TextSummary) -> str:
    return str(known.different) if known.exact else f"about {known.different}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _folded(text: str) -> str:
    whole = unicodedata.normalize("NFC", fix_encoding(text)).translate(LOOKALIKES)
    return " ".join(whole.casefold().split())


def _difference(text: str, meant: str) -> str:
    if fix_encoding(text) != text:
        return "its encoding"
    if _lookalikes(text) != _lookalikes(meant):
        return f"letters that look alike ({ascii(text)[1:-1]})"
    if unicodedata.normalize("NFC", text) == unicodedata.normalize("NFC", meant):
        return "how accents are stored"
    if "".join(text.split()) == "".join(meant.split()):
        return "blanks"
    return "case" if " ".join(text.split()) == text else "case or blanks"


def _lookalikes(text: str) -> set[str]:
    return {c for c in text.casefold() if ord(c) in LOOKALIKES}


def propose_number_column(
    name: str,
    candidate: TypeCandidate,
    known: TextSummary,
    found: Measurements,
    hints: Hints,
    *,
    full: bool,
    typed: bool,
) -> ColumnProposal:
    """Propose the use of a numeric column.

    Args:
        name: Its name.
        candidate: How it is read.
        known: Statistics of its values.
        found: Its extreme values.
        hints: The target and the task.
        full: Whether every row has a value.
        typed: Whether the file has types, and these are numbers.
    """
    whole = candidate.column.dtype == "Int64"
    # As pandas writes whole numbers if one was missing: 100000.0.
    integral = whole or (found.whole and max(map(abs, found.extremes())) < EXACT)
    dtype: Literal["float64", "int64", "Int64"] = "float64"
    if whole:
        dtype = "int64" if full else "Int64"
    column = candidate.column
    if column.dtype != dtype:
        column = column.model_copy(update={"dtype": dtype})
    low, high = found.extremes()
    evidence = _range(low, high, whole=whole) + (
        candidate.evidence and f", {candidate.evidence}"
    )
    if name == hints.target and _are_classes(known, hints.task, whole=integral):
        return _classes(column, known, as_text=not whole and not typed)
    if known.different == 1 and full:
        return exclude(
            ColumnProposal("constant", column, evidence), "the same value in every row"
        )
    if integral and name != hints.target:
        special = _special(name, column, known, low, high, full=full)
        if special:
            shown = f"; {known.different} different in {known.rows} rows"
            repeats = special.kind == "identifier" and known.different < known.rows
            return special._replace(evidence=evidence + shown * repeats)
    bounded = column.model_copy(update=number_bounds(low, high))
    return ColumnProposal("whole number" if whole else "number", bounded, evidence)


def propose_date_column(
    candidate: TypeCandidate, known: TextSummary, found: Measurements, *, full: bool
) -> ColumnProposal:
    """Propose the use of a column of dates."""
    low, high = map(int, found.extremes())
    first, last = (pd.Timestamp(value).date() for value in (low, high))
    evidence = f"{candidate.evidence or 'dates'}, from {first} to {last}"
    use = ColumnProposal("date", candidate.column, evidence)
    if known.different == 1 and full:
        return exclude(use._replace(kind="constant"), "the same value in every row")
    return use._replace(
        column=candidate.column.model_copy(update=date_bounds(low, high))
    )


def propose_boolean_column(
    candidate: TypeCandidate, known: TextSummary, *, full: bool
) -> ColumnProposal:
    """Propose the use of a column of booleans."""
    dtype: Literal["bool", "boolean"] = "bool" if full else "boolean"
    column = candidate.column.model_copy(update={"dtype": dtype})
    use = ColumnProposal("boolean", column, candidate.evidence)
    if known.different == 1 and full:
        return exclude(use._replace(kind="constant"), "the same value in every row")
    return use


def _are_classes(known: TextSummary, task: str | None, *, whole: bool) -> bool:
    """Return whether the numbers of a target are classes rather than quantities."""
    if known.counts is None or task == "regression":
        return False
    if known.different <= (CLASSES if whole else 2):
        return known.different == 2 or known.rows >= CLASS_ROWS * known.different
    asked = task is not None and known.different <= CATEGORIES
    return whole and asked and known.rows >= FEW_REPEATS * known.different


def _classes(column: Column, known: TextSummary, *, as_text: bool) -> ColumnProposal:
    """Return the target with its numbers as classes, or their texts: 0.0 and 1.0."""
    # Without texts that are no numbers, which are reported elsewhere.
    texts = pa.array(list(known.counts or ()), pa.string())
    numbers, wrong = try_convert(texts, column)
    values = {*(texts.filter(pc.invert(wrong)) if as_text else numbers).to_pylist()}
    classes = tuple(sorted(values - {None} if as_text else map(int, values - {None})))
    notes = column.metadata
    if as_text:
        notes = ColumnMetadata(missing=notes.missing)
    update = {"dtype": "category", "isin": classes, "metadata": notes}
    shown = f"{len(classes)} different numbers in {known.rows} rows"
    return ColumnProposal("category", column.model_copy(update=update), shown)


def _special(
    name: str, column: Column, known: TextSummary, low: Any, high: Any, *, full: bool
) -> ColumnProposal | None:
    """Return the use of whole numbers that are not quantities, None for quantities."""
    share = known.different / known.rows
    each_own = known.exact and known.different == known.rows >= ROWS and full
    counted = each_own and high - low + 1 == known.rows
    # Numbers of customers may start anywhere; consecutive years do not number rows.
    running = counted and not (YEARS[0] <= low and high <= YEARS[1])
    if running and low in (0, 1) and is_row_number_name(name):
        unique = column.model_copy(update={"unique": True})
        return exclude(ColumnProposal("row number", unique, ""), "numbers the rows")
    huge = max(abs(low), abs(high)) > EXACT
    named = is_identifier_name(name) or huge or running
    if named and share >= OWN and known.rows >= ROWS:
        unique = column.model_copy(update={"unique": each_own})
        return exclude(
            ColumnProposal("identifier", unique, ""), describe_uniqueness(known)
        )
    if (is_code_name(name) or huge) and known.different > 2:
        if share > REPEATED:
            return exclude(
                ColumnProposal("code", column, ""), "hardly any value repeats"
            )
        notes = column.metadata.model_copy(update={"treatment": "target_encoding"})
        return ColumnProposal("code", column.model_copy(update={"metadata": notes}), "")
    return None


def _range(low: Any, high: Any, *, whole: bool) -> str:
    kind = "whole numbers" if whole else "numbers"
    return f"{kind} from {low} to {high}"
