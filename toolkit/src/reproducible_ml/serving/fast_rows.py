"""Answer a few rows of JSON without pandas, to the bit as `answer` does.

A row is answered here if it certainly meets the contract. Every other row is left to
`answer`, which says what is wrong with it: so there is one text for each problem.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.schema import Column
from reproducible_ml.core.errors import first_line
from reproducible_ml.core.keys import dtypes_of
from reproducible_ml.serving.answers import Answers, as_json
from reproducible_ml.serving.examples import example
from reproducible_ml.serving.fast_columns import (
    Array,
    Mask,
    Numbers,
    Reader,
    is_number,
    lists_of,
    make_reader,
    template,
)
from reproducible_ml.serving.fast_features import Codes, Features, Floats
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.records import Columns, answer_columns
from reproducible_ml.serving.rows import Answered, answer, check_answers

# If so many rows take no longer, they need no thread of their own.
QUICK_ROWS, QUICK_SECONDS = 1024, 0.01


def _without_rules(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    answers = model.answers(rows)
    return answers  # noqa: RET504 (compared with what a project has)


def has_own_rules(predict: PredictFunction) -> bool:
    """Return whether a project's `predict` does more than to return `model.answers`."""
    code, plain = getattr(predict, "__code__", None), _without_rules.__code__
    return code is None or (code.co_code, code.co_names) != (
        plain.co_code,
        plain.co_names,
    )


class SlowRowsError(Exception):
    """Some rows need the slow way."""


class FastRows:
    """Answers rows of JSON for one model, and one set of columns.

    Attributes:
        is_quick: Whether `QUICK_ROWS` take a few milliseconds, if all are valid.
    """

    is_quick = False

    def __init__(
        self, model: Model, features: Features, readers: Mapping[str, Reader | None]
    ) -> None:
        """Prepare for a model; see `of`."""
        self.model = model
        self.features = features
        columns = {name: model.contract.columns[name] for name in readers}
        self.columns: Mapping[str, Column] = columns
        self.readers = {name: read for name, read in readers.items() if read}
        self.numbers = Numbers(
            {name: column for name, column in columns.items() if is_number(column)}
        )
        self.dtypes = dtypes_of(template(columns))

    @classmethod
    def of(cls, model: Model, names: Sequence[str]) -> "FastRows | None":
        """Return what answers rows of these columns; None if only `answer` can."""
        columns = {name: model.contract.columns[name] for name in names}
        features = Features.of(model)
        readers = {name: make_reader(name, each) for name, each in columns.items()}
        if features is None or not all(
            readers[name] or is_number(column) for name, column in columns.items()
        ):
            return None
        found = cls(model, features, readers)
        examples = found._examples(names)
        if not found._is_right(examples):
            return None
        # Texts may be of any length.
        has_texts = any(each.dtype == "str" for each in columns.values())
        found.is_quick = not has_texts and found._seconds(examples) <= QUICK_SECONDS
        return found

    def _examples(self, names: Sequence[str]) -> Columns:
        """Return two rows of examples, one with what may be missing."""
        lists = {name: [example(self.columns[name])] * 2 for name in names}
        for name, values in lists.items():
            if self.columns[name].nullable:
                values[1] = None
        return Columns(lists, 2)

    def _seconds(self, examples: Columns) -> float:
        """Return how much processor time `QUICK_ROWS` take, most of them complete."""
        rows = examples.take([0] * (QUICK_ROWS - 1) + [1]).packed(self.model)
        found = []
        for _ in range(2):
            start = time.thread_time()
            self.answer(rows, _without_rules)
            found.append(time.thread_time() - start)
        return min(found)

    def _is_right(self, columns: Columns) -> bool:
        """Return whether rows of examples are answered as the pipeline does."""
        try:
            found = self.answer(columns, _without_rules)._replace(read=None)
            expected = answer_columns(columns, self.model, _without_rules)
            if found == Answers.of(expected, 2, self.model):
                return True
            reason = "other answers"
        except Exception as error:
            reason = first_line(error)
        log_event("rows are answered by the slow way", logging.WARNING, reason=reason)
        return False

    def answer(
        self, columns: Columns, predict: PredictFunction, *, quickly: bool = False
    ) -> Answers:
        """Answer rows, as `answer_columns` does.

        Args:
            columns: The rows.
            predict: What the project answers.
            quickly: Raise `SlowRowsError` rather than to take the slow way for a row.
        """

        def rest(rows: list[int]) -> Answered:
            if quickly:
                raise SlowRowsError
            return answer_columns(columns.take(rows), self.model, predict)

        return self._answer(columns, predict, rest)

    def answer_table(
        self, table: pa.Table, predict: PredictFunction, *, quickly: bool = False
    ) -> Answers:
        """Answer rows, as `answer` of `rows` does; see `answer`."""

        def rest(rows: list[int]) -> Answered:
            if quickly:
                raise SlowRowsError
            some = table.take(pa.array(rows, pa.int64()))
            return answer(some, self.model, predict)

        lists = lists_of(table, self.columns)
        if lists is None:
            if quickly:
                raise SlowRowsError
            found = answer(table, self.model, predict)
            return Answers.of(found, table.num_rows, self.model)
        return self._answer(Columns(lists, table.num_rows), predict, rest)

    def _answer(
        self,
        columns: Columns,
        predict: PredictFunction,
        rest: Callable[[list[int]], Answered],
    ) -> Answers:
        rows, places = self.read(columns)
        if 0 < len(places) == columns.length:
            answers = self._answers(rows, predict)
            every = [*range(columns.length)]
            return Answers(answers, every, columns.length, [], self.model, rows)
        left = np.ones(columns.length, dtype=bool)
        left[places] = False
        others = np.flatnonzero(left).tolist()
        more = Answers.of(rest(others), len(others), self.model)
        answers = self._answers(rows, predict) if len(places) else {}
        found = Answers(answers, places.tolist(), columns.length, [], self.model)
        return found.with_rest(others, more)

    def read(self, columns: Columns) -> tuple["FastValues", npt.NDArray[np.intp]]:
        """Return the rows that certainly meet the contract, and their positions."""
        lists = columns.lists
        numbers, sure = self.numbers.read(
            [lists[name] for name in self.numbers.places], columns.length
        )
        arrays = {}
        for name, read in self.readers.items():
            arrays[name], right = read(lists[name])
            sure &= right
        rows = FastValues(self, numbers, arrays)
        places = np.flatnonzero(sure)
        if len(places) < columns.length:
            rows = rows.take(places)
        if self.model.checks and len(places):
            right = self._passes_checks(rows)
            rows, places = rows.take(np.flatnonzero(right)), places[right]
        return rows, places

    def _passes_checks(self, rows: "FastValues") -> Mask:
        """Return whether each row passes the checks of the project."""
        frame = rows.frame([*self.columns])
        right = np.ones(len(frame), dtype=bool)
        for check in self.model.checks:
            found: Any = pd.array(check(frame), dtype="boolean")
            right &= found.fillna(True).to_numpy(dtype=bool)
        return right

    def _answers(
        self, rows: "FastValues", predict: PredictFunction
    ) -> dict[str, list[Any]]:
        features = self.features.matrix(rows)
        if has_own_rules(predict):
            frame = rows.frame(self.model.features)
            answers = predict(frame, KnownRows(self.model, frame, features))
            check_answers(answers, frame)
            return {str(name): as_json(answers[name].tolist()) for name in answers}
        rows.answers = self.model.answers_of(self.model.output_of(features))
        return {
            name: as_json(column.tolist())
            if column.dtype.kind == "f" and np.isnan(column).any()
            else column.tolist()
            for name, column in rows.answers.items()
        }


class FastValues:
    """Rows that were read: what features are made of.

    Attributes:
        answers: What the model answers, unless the project has rules of its own.
    """

    def __init__(
        self,
        rows: FastRows,
        numbers: Floats,
        arrays: Mapping[str, Array],
        answers: Mapping[str, Array] | None = None,
    ) -> None:
        self.rows = rows
        self.matrix = numbers
        self.arrays = arrays
        self.answers = answers

    def take(self, places: Any) -> "FastValues":
        """Return some of the rows."""
        arrays = {name: array[places] for name, array in self.arrays.items()}
        answers = {n: array[places] for n, array in (self.answers or {}).items()}
        return FastValues(self.rows, self.matrix[places], arrays, answers)

    @classmethod
    def concat(cls, parts: Sequence["FastValues"]) -> "FastValues":
        """Return rows of the same columns, one after the other."""
        arrays = {
            name: np.concatenate([part.arrays[name] for part in parts])
            for name in parts[0].arrays
        }
        matrix = np.concatenate([part.matrix for part in parts])
        return cls(parts[0].rows, matrix, arrays)

    def numbers(self, names: Sequence[str]) -> Floats:
        """Return numbers and booleans as columns of floats, NaN if missing."""
        places = self.rows.numbers.places
        if [*names] == [*places]:
            return self.matrix
        return self.matrix[:, [places[name] for name in names]]

    def codes(self, name: str) -> Codes:
        """Return the place of each category in the contract, -1 if missing."""
        return self.arrays[name]

    def dates(self, name: str) -> Array:
        """Return dates in nanoseconds."""
        return self.arrays[name]

    def count_missing(self) -> dict[str, int]:
        """Return how many values of each feature are missing, where any is."""
        found: dict[str, int] = {}
        missing = np.isnan(self.matrix)
        if missing.any():
            counts = missing.sum(axis=0).tolist()
            found = {name: counts[at] for name, at in self.rows.numbers.places.items()}
        for name, array in self.arrays.items():
            if array.dtype == object:
                found[name] = sum(value is None for value in array)
            elif array.dtype.kind == "M":
                found[name] = int(np.isnat(array).sum())
            else:
                found[name] = int((array < 0).sum())
        features = self.rows.model.features
        return {name: found[name] for name in features if found.get(name)}

    def frame(self, names: Sequence[str], *, copy: bool = True) -> pd.DataFrame:
        """Return columns as `check_rows` does; without a copy, they must not change."""
        places = self.rows.numbers.places
        dtypes = {name: self.rows.dtypes[name] for name in names}
        if all(dtype == np.float64 for dtype in dtypes.values()):
            return pd.DataFrame(self.numbers(names), columns=[*names], copy=copy)
        return pd.DataFrame(
            {
                name: self._numbers_as(dtype, self.matrix[:, places[name]])
                if name in places
                else self._others_as(dtype, name)
                for name, dtype in dtypes.items()
            }
        )

    def arrow(self, frame: pd.DataFrame) -> dict[str, pa.Array]:
        """Return the columns of `frame` as arrays of Arrow."""
        places = self.rows.numbers.places
        return {
            # Twice as fast as from a series.
            name: pa.array(self.matrix[:, places[name]], from_pandas=True)
            if self.rows.dtypes[name] == np.float64
            else pa.array(frame[name], from_pandas=True)
            for name in map(str, frame.columns)
        }

    def _numbers_as(self, dtype: Any, values: Floats) -> Any:
        if isinstance(dtype, np.dtype):
            return values.astype(dtype)
        return pd.array(values, dtype="Float64").astype(dtype)

    def _others_as(self, dtype: Any, name: str) -> Any:
        array = self.arrays[name]
        if isinstance(dtype, pd.CategoricalDtype):
            return pd.Categorical.from_codes(array, dtype=dtype)
        if self.rows.columns[name].dtype == "category":
            known = list(self.rows.columns[name].isin or ())
            return pd.array(
                [None if code < 0 else known[code] for code in array.tolist()], dtype
            )
        return array if isinstance(dtype, np.dtype) else pd.array(array, dtype)


class KnownRows(Model):
    """A model that knows the features of one table, for a project with own rules."""

    def __init__(self, model: Model, rows: pd.DataFrame, features: Floats) -> None:
        """Copy a model.

        Args:
            model: The model.
            rows: The table.
            features: What the pipeline makes of it.
        """
        self.__dict__.update(vars(model))
        # With pandas' copy-on-write, this stays as it is when a project changes rows.
        self.rows = rows.copy(deep=False)
        self.row_features = features

    def output(self, rows: pd.DataFrame) -> Floats:
        """Return what the model computes for rows."""
        if rows.equals(self.rows):
            return self.output_of(self.row_features)
        return super().output(rows)
