"""What is known of a column, whatever it holds."""

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reproducible_ml.exploration.counting import Hashes, Mask
from reproducible_ml.exploration.figures import Json
from reproducible_ml.profiling.distinct import DistinctCounter

Kind = Literal["number", "boolean", "category", "text", "date", "empty", "other"]

# Frequent values that are kept, and examples.
TOP, EXAMPLES = 10, 5


class Summary:
    """What is known of a column; a class for each kind of values.

    Attributes:
        name: Of the column.
        declared: Its kind, if a contract says so.
        rows: Rows so far.
        missing: Rows without a value.
        odd: Rows whose text could not be read as the type, and the first such text.
        notes: How it was read, if that is not certain.
    """

    kind: Kind = "other"

    def __init__(self, name: str, arrow: str, distinct: int) -> None:
        self.name = name
        self.arrow = arrow
        self.rows = 0
        self.missing = 0
        self.odd: tuple[int, str] = (0, "")
        self.notes: list[str] = []
        self.declared: str = ""
        self.examples: list[str] = []
        self.distinct = DistinctCounter(distinct)
        self.sample: list[npt.NDArray[Any]] = []

    def add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        """Add the values of consecutive rows, some of which are in the sample.

        Returns:
            A hash of each value; None if values of the type are not compared.
        """
        self.rows += len(values)
        return self._add(values, chosen)

    def _add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        del chosen
        self.missing += values.null_count
        return None

    def keep(self, mask: Mask) -> None:
        """Keep those values of the sample that a mask chooses."""
        if self.sample:
            self.sample = [np.concatenate(self.sample)[mask]]

    def sampled(self) -> npt.NDArray[Any]:
        """Return the values of the sample."""
        return np.concatenate(self.sample) if self.sample else np.array([])

    def codes(self, limit: int) -> npt.NDArray[np.int64] | None:
        """Return a small number for each row of the sample, for contingency tables.

        The most frequent values have the first numbers, all others the last one. None
        if there are hardly any values that repeat.
        """
        del limit
        return None

    def result(self, *, hidden: bool) -> Json:
        """Return all that is known, ready for JSON.

        Args:
            hidden: Whether values may not be shown: no examples, no frequent values,
                neither the lowest nor the highest one.
        """
        found: Json = {
            "name": self.name,
            "kind": self.kind if self.present else "empty",
            "type": self.type_name,
            "rows": self.rows,
            "missing": self.missing - self.odd[0],
        }
        if self.odd[0]:
            found["unreadable"] = self.odd[0]
            if not hidden:
                found["unreadable_example"] = self.odd[1]
        if self.notes and not hidden:
            found["notes"] = self.notes
        if hidden:
            found["hidden"] = True
        if self.present:
            found |= self._result(hidden=hidden)
        return found

    def _result(self, *, hidden: bool) -> Json:
        del hidden
        return {}

    @property
    def type_name(self) -> str:
        """Type of the values: that of the contract, or that of Arrow."""
        return self.declared or self.arrow

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    def different(self) -> Json:
        """Return the number of different values, and how exact it is."""
        count = min(self.distinct.count(), self.present)
        if self.distinct.exact:
            return {"distinct": count}
        # Two standard deviations of the estimate by the smallest hashes.
        error = 2 / math.sqrt(self.distinct.limit - 2)
        return {"distinct": count, "distinct_error": round(error, 4)}

    def _note_examples(self, values: pa.Array) -> None:
        if len(self.examples) < EXAMPLES and len(values):
            some = values[:1000].unique()[:EXAMPLES].cast(pa.string()).to_pylist()
            known = {*self.examples}
            new = [text[:200] for text in some if text[:200] not in known]
            self.examples = [*self.examples, *new][:EXAMPLES]
