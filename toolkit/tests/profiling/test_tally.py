"""Tests of reproducible_ml.profiling.distinct."""

import pyarrow as pa
import pytest

from reproducible_ml.profiling.distinct import Tally, occurrences


@pytest.mark.parametrize("size", [1, 2, 5])
def test_rows_example_and_place_of_each_key(size: int) -> None:
    keys = pa.array(["x", None, "y", "x", "z"])
    part = occurrences(pa.array(["a", "b", "c", "d", "e"]), 7)
    tally = Tally(limit=2)
    for first in range(0, 5, size):
        piece = slice(first, first + size)
        cut = part._replace(
            texts=part.texts[piece], rows=part.rows[piece], places=part.places[piece]
        )
        tally.add(keys[piece], cut)
    assert tally.rows == {"x": 2, "y": 1}
    assert tally.examples == {"x": "a", "y": "c"}
    assert tally.places == {"x": 7, "y": 9}
