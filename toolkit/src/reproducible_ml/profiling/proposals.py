"""Decide the use of numeric, date and boolean columns."""

from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.checks import EXACT
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.conventions import (
    is_code_name,
    is_identifier_name,
    is_row_number_name,
)
from reproducible_ml.profiling.inferred import Hints, date_bounds, number_bounds
from reproducible_ml.profiling.measurements import Measurements
from reproducible_ml.profiling.texts import (
    CATEGORIES,
    FEW_REPEATS,
    OWN,
    REPEATED,
    ColumnProposal,
    TextSummary,
    describe_uniqueness,
    exclude,
)
from reproducible_ml.quality.columns import YEARS
from reproducible_ml.reading.values import try_convert

# Whole numbers of a target are classes if there are so few, each in CLASS_ROWS rows.
CLASSES, CLASS_ROWS = 20, 5

# Fewer rows do not show whether numbers repeat.
ROWS = 3


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
    column = candidate.column.model_copy(update={"dtype": dtype})
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
