"""Decide the use of a column of text: categories, identifiers or free text."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.inferred import (
    LOOK,
    ColumnFinding,
    FindingFactory,
    length_bounds,
)
from reproducible_ml.profiling.profile import LONG, ColumnProfile
from reproducible_ml.quality.spellings import (
    LOOKALIKES,
    fix_encoding,
    missing_spellings,
)
from reproducible_ml.reading.values import NA_VALUES

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
        counts: Rows of each text, None if there are too many.
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
    profile: ColumnProfile, column: Column, missing: int
) -> TextSummary:
    """Summarise the values of a column, without those that mean "no value"."""
    values = profile.seen.counts()
    blank = {*missing_spellings(profile.blanks.rows, among_text=column.dtype == "str")}
    if column.metadata.missing:
        blank |= {text for text in values if text.strip() in column.metadata.missing}
    counts = {text: rows for text, rows in values.items() if text not in blank}
    whole = profile.seen.complete and profile.longest <= LONG
    different, exact = len(counts), whole
    if not whole and column.dtype in ("str", "Int64", "float64"):
        different = profile.distinct.count() - len(blank)
        exact = profile.distinct.exact
    listed = counts if whole else None
    rows = profile.present - missing
    words = profile.words / max(rows, 1)
    if words >= WORDS:
        words = min(words, _lettered_words(profile))
    return TextSummary(rows, different, exact, listed, profile.longest, words)


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
        return _category(column, known.counts, "category")
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
    profile: ColumnProfile, column: Column, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield texts that look like another spelling of a more frequent one."""
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
