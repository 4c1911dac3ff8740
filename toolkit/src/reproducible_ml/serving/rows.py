"""Check rows one by one against the contract of a model, and answer the valid ones.

The casts and rules are those of `validate`; here a row that breaks one is reported, and
the others are answered.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.checks import (
    Mask,
    broken_rules,
    cast,
    set_categories,
)
from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.keys import hash_rows
from reproducible_ml.quality.advice import UNREADABLE, explain
from reproducible_ml.quality.spellings import closest_match
from reproducible_ml.reading.parquet_files import (
    convert,
    is_convertible_type,
    unconvertible,
)
from reproducible_ml.serving.model import Model, PredictFunction

# Name of the rule where a check of the project fails.
CHECK = "check"


class MissingColumnsError(UserError):
    """A table lacks columns that the model needs."""

    def __init__(self, missing: list[str], present: Iterable[str]) -> None:
        self.missing = missing
        names = list(present)
        lines = []
        for name in missing:
            near = closest_match(name, names)
            hint = f', but there is "{near[0]}"' if near else ""
            lines.append(f'column "{name}": is missing{hint}')
        super().__init__("\n".join(lines))


class RowProblem(NamedTuple):
    """Why a row is not answered.

    Attributes:
        row: Its position in the table, from 0.
        column: Name of the column; None if a check of several columns fails.
        value: As text; None if it is missing.
        rule: The rule of the contract, as `in_range(0, 120)`.
        problem: What is wrong, such as "is not a number".
    """

    row: int
    column: str | None
    value: str | None
    rule: str
    problem: str

    def __str__(self) -> str:
        """Return column, value and problem."""
        column = "" if self.column is None else f'column "{self.column}": '
        value = "" if self.value is None else f"{self.value!r:.60} "
        return f"{column}{value}{self.problem}"


class Checked(NamedTuple):
    """The valid rows of a table, and what is wrong with the others.

    Attributes:
        rows: Features of the valid rows, cast; the index has their positions.
        problems: Of the other rows, in their order.
        keys: A 64-bit key of each valid row, as in the pipeline; None if the table has
            not all columns that identify a row.
    """

    rows: pd.DataFrame
    problems: list[RowProblem]
    keys: npt.NDArray[np.uint64] | None


class Answered(NamedTuple):
    """Answers to the valid rows of a table, and what is wrong with the others.

    Attributes:
        answers: A row for each valid row; the index has their positions.
        problems: Of the other rows, in their order.
        keys: As of `Checked`.
    """

    answers: pd.DataFrame
    problems: list[RowProblem]
    keys: npt.NDArray[np.uint64] | None


def answer(
    table: pa.Table,
    model: Model,
    predict: PredictFunction,
    known: Sequence[RowProblem] = (),
) -> Answered:
    """Check the rows of a table, and answer the valid ones.

    Args:
        table: Texts, as of CSV files, or values of any type that can be converted
            without loss. Columns may be in any order; others than the model's features
            are ignored, the target among them.
        model: The model.
        predict: What the project answers.
        known: Problems of cells that were found before; they are null in the table.

    Raises:
        UserError: A column is missing, or `predict` does not return a row for each.
    """
    checked = check_rows(table, model, known)
    answers = predict(checked.rows, model)
    check_answers(answers, checked.rows)
    return Answered(answers, checked.problems, checked.keys)


def check_answers(answers: Any, rows: pd.DataFrame) -> None:
    """Check what a project's `predict` returned for rows.

    Raises:
        UserError: It has not a row for each.
    """
    if not isinstance(answers, pd.DataFrame) or not answers.index.equals(rows.index):
        raise UserError(
            "deployment/predict.py: predict must return a DataFrame with the index of"
            " its rows"
        )


def to_table(rows: pd.DataFrame, model: Model) -> pa.Table:
    """Return what a model needs of a DataFrame; a column of mixed types as texts.

    Raises:
        MissingColumnsError: The frame lacks a feature.
        UserError: It has a column twice.
    """
    names = [str(name) for name in rows.columns]
    if missing := [name for name in model.features if name not in names]:
        raise MissingColumnsError(missing, names)
    columns = {}
    for name in dict.fromkeys([*model.features, *model.keys]):
        if name not in names:
            continue
        if names.count(name) > 1:
            raise UserError(f'column "{name}": is there {names.count(name)} times')
        columns[name] = _to_array(rows.iloc[:, names.index(name)])
    return pa.table(columns)


def _to_array(column: pd.Series) -> Any:
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.array([None if pd.isna(v) is True else str(v) for v in column])


def check_rows(
    table: pa.Table, model: Model, known: Sequence[RowProblem] = ()
) -> Checked:
    """Cast the rows of a table to the contract of a model, and check each.

    Args:
        table: As of `answer`.
        model: As of `answer`.
        known: As of `answer`.

    Raises:
        MissingColumnsError: The table lacks a feature.
    """
    names = table.column_names
    if missing := [name for name in model.features if name not in names]:
        raise MissingColumnsError(missing, names)
    has_keys = set(model.keys) <= {*names}
    columns = [*model.features, *(model.keys if has_keys else ())]
    contract = _only(model.contract, dict.fromkeys(columns))
    table = table.select(list(contract.columns)).combine_chunks()
    values, unreadable = {}, {}
    for name, column in contract.columns.items():
        values[name], unreadable[name] = _convert(_array(table[name]), column)
    problems = Problems(table, contract, known)
    for name, bad in unreadable.items():
        problems.add(name, UNREADABLE, bad)
    frame = cast(pa.table(values), contract)
    odd = _unseen(frame, contract) if model.unseen == "missing" else {}
    for name, unseen in odd.items():
        frame[name] = frame[name].mask(unseen)
    for name, rule, broken in broken_rules(frame, contract):
        problems.add(name, rule, broken & ~odd.get(name, np.zeros(1, bool)))
    frame = set_categories(_valid(frame, ~problems.bad, contract), contract)
    for check in model.checks:
        problems.add_check(check, frame)
    frame = frame[~problems.bad[frame.index]]
    keys = hash_rows(frame, model.keys) if has_keys else None
    return Checked(frame[model.features], problems.sorted(), keys)


def row_keys(table: pa.Table, model: Model) -> npt.NDArray[np.uint64]:
    """Return the key of each row, as of `keyed_rows`."""
    return keyed_rows(table, model).to_numpy()


def keyed_rows(table: pa.Table, model: Model) -> pd.Series:
    """Return the key of each row, as of `Checked`; invalid rows may have none.

    Rows without the columns that identify them are identified by their features.

    Returns:
        The keys, with the positions of the rows as index.

    Raises:
        MissingColumnsError: The table lacks a feature as well.
    """
    present = {*table.column_names}
    names = model.keys if present.issuperset(model.keys) else model.features
    if missing := [name for name in names if name not in present]:
        raise MissingColumnsError(missing, table.column_names)
    contract = _only(model.contract, names)
    values = {
        name: _convert(_array(table[name]), column)[0]
        for name, column in contract.columns.items()
    }
    frame = cast(pa.table(values), contract)
    whole = [n for n, c in contract.columns.items() if c.dtype in ("int64", "bool")]
    frame = _valid(frame, frame[whole].notna().all(axis=1).to_numpy(), contract)
    keys = hash_rows(set_categories(frame, contract), names)
    return pd.Series(keys, index=frame.index)


def check_target(
    table: pa.Table, model: Model, known: Sequence[RowProblem] = ()
) -> tuple[pd.Series, list[RowProblem]]:
    """Cast the target of rows to the contract, and check it.

    Args:
        table: Has the column of the target; as of `answer`.
        model: As of `answer`.
        known: As of `answer`.

    Returns:
        The valid values, with their positions as index, and what is wrong with others.
    """
    name = model.data.target
    contract = _only(model.contract, [name])
    values, unreadable = _convert(_array(table[name]), contract.columns[name])
    problems = Problems(table, contract, known)
    problems.add(name, UNREADABLE, unreadable)
    frame = cast(pa.table({name: values}), contract)
    for _, rule, broken in broken_rules(frame, contract):
        problems.add(name, rule, broken)
    frame = set_categories(_valid(frame, ~problems.bad, contract), contract)
    return frame[name], problems.sorted()


class Problems:
    """What is wrong with the rows of a table; each cell is reported once."""

    def __init__(
        self, table: pa.Table, contract: Contract, known: Sequence[RowProblem] = ()
    ) -> None:
        self.table = table
        self.contract = contract
        self.bad: Mask = np.zeros(table.num_rows, dtype=bool)
        self.bad[[problem.row for problem in known]] = True
        self.found = {(each.row, each.column or ""): each for each in known}
        self.explained: dict[tuple[str, str, int], str] = {}

    def add(self, column: str, rule: str, broken: Mask) -> None:
        """Add the cells of a column that break a rule, but no earlier one."""
        rows = np.flatnonzero(broken)
        if not len(rows):
            return
        self.bad |= broken
        texts = _texts(_array(self.table[column]).take(pa.array(rows)))
        declared = self.contract.columns[column]
        for row, text in zip(rows.tolist(), texts, strict=True):
            if (row, column) not in self.found:
                problem = self._explain(rule, text or "", declared)
                self.found[row, column] = RowProblem(row, column, text, rule, problem)

    def _explain(self, rule: str, text: str, column: Column) -> str:
        # Of a million rows with the same text, one is explained.
        known = (rule, text, id(column))
        if known not in self.explained:
            self.explained[known] = explain(rule, text, column).problem
        return self.explained[known]

    def add_check(
        self, check: Callable[[pd.DataFrame], Any], rows: pd.DataFrame
    ) -> None:
        """Add the rows that fail a check of the project."""
        right: Any = pd.array(check(rows), dtype="boolean")
        failed = rows.index[~right.fillna(True).to_numpy(dtype=bool)]
        says = (check.__doc__ or check.__name__).strip().splitlines()[0].rstrip(".")
        for row in failed.tolist():
            problem = f"fails the check {check.__name__} ({says})"
            self.found[row, f"\0{check.__name__}"] = RowProblem(
                row, None, None, CHECK, problem
            )
        self.bad[failed] = True

    def sorted(self) -> list[RowProblem]:
        """Return the problems by row, then by the order of the columns."""
        places = {name: place for place, name in enumerate(self.contract.columns)}
        order = sorted(
            self.found, key=lambda cell: (cell[0], places.get(cell[1], len(places)))
        )
        return [self.found[cell] for cell in order]


def _only(contract: Contract, names: Iterable[str]) -> Contract:
    columns = {name: contract.columns[name] for name in names}
    return contract.model_copy(update={"columns": columns})


def _array(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        return pa.concat_arrays(array.chunks) if array.num_chunks else array.chunk(0)
    return array


def _convert(array: pa.Array, column: Column) -> tuple[pa.Array, Mask]:
    """Return the values, null where they cannot be converted, and where that is so."""
    if not is_convertible_type(array.type, column):
        bad = pc.is_valid(array).to_numpy(zero_copy_only=False)
        return convert(pa.nulls(len(array)), column), np.asarray(bad, dtype=bool)
    try:
        return convert(array, column), np.zeros(len(array), dtype=bool)
    except pa.ArrowInvalid:
        failed = unconvertible(array, column)
        plain = array
        if pa.types.is_dictionary(array.type):
            plain = array.dictionary_decode()
        rest = pc.if_else(failed, pa.scalar(None, plain.type), plain)
        mask = failed.to_numpy(zero_copy_only=False)
        return convert(rest, column), np.asarray(mask, dtype=bool)


def _unseen(frame: pd.DataFrame, contract: Contract) -> dict[str, Mask]:
    """Return where a category is none of the contract's."""
    return {
        name: (frame[name].notna() & ~frame[name].isin(column.isin or ())).to_numpy()
        for name, column in contract.columns.items()
        if column.dtype == "category"
    }


def _valid(frame: pd.DataFrame, valid: Mask, contract: Contract) -> pd.DataFrame:
    """Return the valid rows; whole numbers and booleans can have their own types."""
    dtypes = {
        name: column.dtype
        for name, column in contract.columns.items()
        if column.dtype in ("int64", "bool")
    }
    return frame[valid].astype(dtypes)


def _texts(array: pa.Array) -> Iterator[str | None]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return iter(array.cast(pa.string()).to_pylist())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return (None if value is None else str(value) for value in array.to_pylist())
