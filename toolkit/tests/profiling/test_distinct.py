"""Tests of reproducible_ml.profiling.distinct."""

import numpy as np
import pyarrow as pa
import pytest

from reproducible_ml.profiling.distinct import (
    DistinctCounter,
    FirstTexts,
    hash_texts,
    occurrences,
)

TEXTS = pa.array(["b", "a", "b", None, "c", "a", "d"])


def seen(limit: int, size: int) -> FirstTexts:
    found = FirstTexts(limit)
    for first in range(0, len(TEXTS), size):
        found.add(occurrences(TEXTS[first : first + size], first))
    return found


def test_portion_leaves_out_nulls_and_keeps_places() -> None:
    part = occurrences(TEXTS, 10)
    assert part.texts.to_pylist() == ["b", "a", "b", "c", "a", "d"]
    assert part.places.tolist() == [10, 11, 12, 14, 15, 16]


def test_distinct_texts_have_their_rows_and_first_places() -> None:
    texts, rows, places = occurrences(TEXTS, 0).distinct()
    assert texts.to_pylist() == ["b", "a", "c", "d"]
    assert rows.tolist() == [2, 2, 1, 1]
    assert places.tolist() == [0, 1, 4, 6]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_seen_is_the_same_however_it_is_cut(size: int) -> None:
    found = seen(3, size)
    assert found.counts() == {"b": 2, "a": 2, "c": 1}
    assert found.content.places.tolist() == [0, 1, 4]
    assert not found.complete


def test_seen_is_complete_if_all_fit() -> None:
    assert seen(4, 2).complete


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_distinct_is_exact_up_to_the_limit(size: int) -> None:
    texts = pa.array([f"text {number % 1000}" for number in range(5000)])
    found = DistinctCounter(1000)
    for first in range(0, 5000, size):
        found.add(texts[first : first + size])
    assert found.count() == 1000
    assert found.exact


def test_distinct_is_estimated_beyond_whatever_the_portions() -> None:
    texts = pa.array([f"text {number}" for number in range(50_000)])
    estimates = set()
    for size in (999, 50_000):
        found = DistinctCounter(2000)
        for first in range(0, 50_000, size):
            found.add(texts[first : first + size])
        estimates.add(found.count())
        assert not found.exact
    assert len(estimates) == 1
    assert estimates.pop() == pytest.approx(50_000, rel=0.1)


def test_hashes_tell_long_whole_numbers_apart() -> None:
    texts = pa.array(["9007199254740993", "9007199254740992", "1", "1.0", "-1", "x"])
    hashes = hash_texts(texts)
    assert len(np.unique(hashes)) == 5
    assert hashes[2] == hashes[3]
