"""Rows of JSON: typed as the contract declares, without conversion.

A missing value is null. Text that looks like a number is text, and `true` is no number;
a row with such a value is reported like one that breaks a rule of the contract, and the
other rows are answered.
"""

import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.quality.advice import UNREADABLE, explain
from reproducible_ml.quality.spellings import closest_match
from reproducible_ml.reading.values import ISO_WITH_OFFSET, arrow_type, try_convert
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.rows import Answered, RowProblem, answer

# Names of the rules that only rows of JSON can break.
TYPE, REQUIRED = "type", "required"

# The value of a column that a record does not have at all.
ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()

# Floats from this number on do not represent all whole numbers.
EXACT = 2**53

# Dates and times of RFC 3339, with the blank that it allows for T, and dates alone.
TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?"
)

# From so many rows on, floats are packed.
MANY = 64

# How much of a value a message repeats.
SHOWN = 100

# What JSON calls the types of Python.
KINDS = {str: "text", bool: "a boolean", dict: "an object", list: "an array"}


class Columns(NamedTuple):
    """Rows as values of JSON, by column.

    Attributes:
        lists: The values of each column; ABSENT where a record lacks it. A column of
            floats may be an array, with NaN for a missing value.
        length: The number of rows.
        others: Names that records have instead of some that they lack.
    """

    lists: Mapping[str, Sequence[Any]]
    length: int
    others: tuple[str, ...] = ()

    def take(self, rows: Sequence[int]) -> "Columns":
        """Return some of the rows."""
        lists = {name: _take(values, rows) for name, values in self.lists.items()}
        return Columns(lists, len(rows), self.others)

    def packed(self, model: Model, many: int = MANY) -> "Columns":
        """Return these rows with numeric columns as arrays, if there are many rows.

        What was parsed is then free for the next request, before another processor
        works on these rows.
        """
        if self.length < many:
            return self
        names = [
            name
            for name, values in self.lists.items()
            if model.arrow_types[name] == pa.float64()
            and not isinstance(values, np.ndarray)
        ]
        found = {name: pack_numbers(self.lists[name]) for name in names}
        arrays = {name: array for name, array in found.items() if array is not None}
        if not arrays:
            return self
        matrix = np.array([*arrays.values()])
        # Packed as 0 and 1, booleans look like numbers.
        has_any = ((matrix == 0) | (matrix == 1)).any(axis=1)
        packed = {
            name: as_sequence(row)
            for name, row, odd in zip(arrays, matrix, has_any.tolist(), strict=True)
            if not (odd and bool in {*map(type, self.lists[name])})
        }
        return self._replace(lists={**self.lists, **packed})

    @classmethod
    def concat(cls, parts: Sequence["Columns"]) -> "Columns":
        """Return rows of the same columns, one after the other."""
        lists = {
            name: join([part.lists[name] for part in parts]) for name in parts[0].lists
        }
        others = tuple(name for part in parts for name in part.others)
        return cls(lists, sum(part.length for part in parts), others)


def _take(values: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    if isinstance(values, np.ndarray):
        return as_sequence(values[np.array(rows, np.intp)])
    return [values[row] for row in rows]


def pack_numbers(values: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """Return numbers as an array, booleans as well; None if there are other values."""
    try:
        # Three times as fast as NumPy.
        return np.frombuffer(struct.pack(f"{len(values)}d", *values))
    except (struct.error, OverflowError):
        return None


def as_sequence(array: npt.NDArray[Any]) -> Sequence[Any]:
    """Return an array as what it is used as: NumPy does not say that it is one."""
    return cast("Sequence[Any]", array)


def join(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Return the values of several columns of JSON, or arrays, as one."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return as_sequence(np.concatenate(parts))
    return [*chain.from_iterable(map(_listed, parts))]


def _listed(values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(values, np.ndarray):
        return values
    return [None if value != value else value for value in values.tolist()]


def by_column(records: Sequence[Mapping[str, Any]], model: Model) -> Columns:
    """Return the columns of records that a model reads.

    Others are ignored. Columns that only identify a row may be missing in all records.
    """
    names = list(model.features)
    names += [
        name
        for name in model.keys
        if name not in model.needed.columns and any(name in each for each in records)
    ]
    if not records:
        return Columns({name: [] for name in names}, 0)
    try:
        rows = [*map(itemgetter(*names), records)]
    except KeyError:
        lists = {n: [record.get(n, ABSENT) for record in records] for n in names}
        others = {name for record in records for name in record} - {*names}
        return Columns(lists, len(records), tuple(sorted(others)))
    columns = zip(*rows, strict=True) if len(names) > 1 else [rows]
    found = Columns(dict(zip(names, columns, strict=True)), len(records))
    return found.packed(model)


def answer_records(
    records: Sequence[Mapping[str, Any]], model: Model, predict: PredictFunction
) -> Answered:
    """Answer records as `json.loads` returns them; as `answer` otherwise."""
    return answer_columns(by_column(records, model), model, predict)


def answer_columns(
    columns: Columns, model: Model, predict: PredictFunction
) -> Answered:
    """Answer rows whose values are those of JSON; as `answer` otherwise."""
    table, problems = typed_table(columns, model)
    return answer(table, model, predict, problems)


def typed_table(columns: Columns, model: Model) -> tuple[pa.Table, list[RowProblem]]:
    """Return typed rows, null where a value has another type, and these values."""
    arrays, problems = {}, []
    for name, values in columns.lists.items():
        arrays[name], found = _typed(values, model.contract.columns[name])
        problems += [
            RowProblem(row, name, _shown(values[row]), rule, problem)
            for row, (rule, problem) in found.items()
        ]
    return pa.table(arrays), [_with_hint(each, columns.others) for each in problems]


def _with_hint(problem: RowProblem, others: Sequence[str]) -> RowProblem:
    near = closest_match(problem.column or "", others) if others else None
    if problem.rule != REQUIRED or not near:
        return problem
    return problem._replace(problem=f'{problem.problem}; there is "{near[0]}"')


def _typed(
    values: Sequence[Any], column: Column
) -> tuple[pa.Array, dict[int, tuple[str, str]]]:
    """Return the values, and rule and problem of those of another type, by row."""
    if isinstance(values, np.ndarray):
        return pa.array(values, from_pandas=True), {}
    kind = arrow_type(column)
    if kind == pa.timestamp("ns"):
        return _times(values, column)
    reads, noun = READERS[kind]
    if {*map(type, values)} <= {QUICK[kind], type(None)}:
        with suppress(pa.ArrowInvalid, OverflowError):  # of integers beyond 64 bits
            return pa.array(values, kind), {}
    found: dict[int, tuple[str, str]] = {}
    typed = []
    for row, value in enumerate(values):
        read = None
        if value is ABSENT:
            found[row] = (REQUIRED, "is not in the record; a missing value is null")
        elif value is not None:
            read = reads(value)
            if read is None:
                found[row] = (TYPE, _mistyped(value, noun))
        typed.append(read)
    return pa.array(typed, kind), found


def _mistyped(value: Any, noun: str) -> str:
    kind = KINDS.get(type(value), "a number")
    if kind == "a number" and noun.endswith("number"):
        return "is beyond 64 bits" if abs(value) >= EXACT else f"is not {noun}"
    return f"is {kind}, not {noun}"


def _float(value: Any) -> float | None:
    if type(value) not in (float, int):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _whole(value: Any) -> int | None:
    # JSON has one type of numbers: 2.0 is a whole number, as in JSON Schema.
    if type(value) is float and value.is_integer() and abs(value) < EXACT:
        return int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _boolean(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


# What reads a value, and what it is called. Categories have the type of their values.
READERS: dict[pa.DataType, tuple[Callable[[Any], Any], str]] = {
    pa.float64(): (_float, "a number"),
    pa.int64(): (_whole, "a whole number"),
    pa.bool_(): (_boolean, "true or false"),
    pa.string(): (_text, "text"),
}


# The type of Python whose values are all valid; whole numbers may be too large.
QUICK: dict[pa.DataType, type] = {
    pa.float64(): float,
    pa.int64(): int,
    pa.bool_(): bool,
    pa.string(): str,
}


def date_column(column: Column) -> Column:
    """Return a column of dates as JSON spells them, whatever its raw file does.

    They have an offset from UTC if, and only if, they have one in the raw file.
    """
    form = column.metadata.format
    notes = ColumnMetadata(format=form if form == ISO_WITH_OFFSET else None)
    return column.model_copy(update={"metadata": notes})


def _times(
    values: Sequence[Any], column: Column
) -> tuple[pa.Array, dict[int, tuple[str, str]]]:
    column = date_column(column)
    is_time = [type(value) is str and bool(TIME.fullmatch(value)) for value in values]
    texts = [
        value if right else None for value, right in zip(values, is_time, strict=True)
    ]
    times, bad = try_convert(pa.array(texts, pa.string()), column)
    found: dict[int, tuple[str, str]] = {}
    for row, (value, failed) in enumerate(zip(values, bad.to_pylist(), strict=True)):
        if value is ABSENT:
            found[row] = (REQUIRED, "is not in the record; a missing value is null")
        elif value is not None and type(value) is not str:
            kind = KINDS.get(type(value), "a number")
            found[row] = (TYPE, f"is {kind}, not the text of a date")
        elif value is not None and (failed or not is_time[row]):
            found[row] = (UNREADABLE, explain(UNREADABLE, value, column).problem)
    return times, found


def _shown(value: Any) -> str | None:
    if value is ABSENT or value is None:
        return None
    return (value if isinstance(value, str) else json.dumps(value))[:SHOWN]
