"""Answers as values of JSON: to be merged, split and written."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pandas as pd

from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import Answered, RowProblem


class Values(Protocol):
    """The values of rows, as a model got them."""

    def take(self, places: Any) -> "Values":
        """Return some of the rows."""


class Answers(NamedTuple):
    """The answers to a request.

    Attributes:
        columns: The answers to the valid rows, by column, as values of JSON; in the
            log also as arrays.
        rows: The positions of the valid rows.
        length: The number of rows.
        problems: Of the other rows, in their order.
        model: The model that answered.
        read: The values of the rows, if all are valid and were read fast: for the log.
    """

    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[int]
    length: int
    problems: list[RowProblem]
    model: Model
    read: Values | None = None

    @classmethod
    def of(cls, found: Answered, length: int, model: Model) -> "Answers":
        """Return what `answer` found for a number of rows."""
        table = found.answers
        columns = {str(name): as_json(table[name].tolist()) for name in table}
        return cls(columns, table.index.tolist(), length, found.problems, model)

    def with_rest(self, places: Sequence[int], rest: "Answers") -> "Answers":
        """Return these answers, and those to the rows in other places."""
        problems = [each._replace(row=places[each.row]) for each in rest.problems]
        rows = [*self.rows, *(places[row] for row in rest.rows)]
        order = sorted(range(len(rows)), key=rows.__getitem__)
        columns = {}
        for name in rest.columns:
            both = [*self.columns.get(name, ()), *rest.columns[name]]
            columns[name] = [both[place] for place in order]
        return Answers(columns, sorted(rows), self.length, problems, self.model)

    def split(self, lengths: Iterable[int]) -> Iterator["Answers"]:
        """Yield the answers to each of several requests, one after the other."""
        start = first = problem = 0
        is_whole = len(self.rows) == self.length
        for length in lengths:
            last, end = first, problem
            if is_whole:
                last += length
            while last < len(self.rows) and self.rows[last] < start + length:
                last += 1
            while end < len(self.problems) and self.problems[end].row < start + length:
                end += 1
            yield Answers(
                {name: values[first:last] for name, values in self.columns.items()},
                [*range(length)]
                if last - first == length
                else [row - start for row in self.rows[first:last]],
                length,
                [
                    each._replace(row=each.row - start)
                    for each in self.problems[problem:end]
                ],
                self.model,
                self.read and self.read.take(slice(first, last)),
            )
            start, first, problem = start + length, last, end


def as_json(values: Iterable[Any]) -> list[Any]:
    """Return values of a column of answers as JSON has them: null for missing ones."""
    return [_as_json(value) for value in values]


def _as_json(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value.isoformat() if hasattr(value, "isoformat") else value
