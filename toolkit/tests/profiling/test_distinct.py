"""Counts of different texts in bounded memory."""

import numpy as np
import pyarrow as pa
import pytest

from reproducible_ml.profiling.distinct import (
    DistinctCounter,
    FirstTexts,
    Tally,
    are_any_of,
    hash_texts,
    occurrences,
)

TEXTS = pa.array(["b", "a", "b", None, "c", "a", "d"])


def first_texts(limit: int, size: int) -> FirstTexts:
    found = FirstTexts(limit)
    for first in range(0, len(TEXTS), size):
        found.add(occurrences(TEXTS[first : first + size], first))
    return found


def test_each_text_has_its_rows_and_first_place() -> None:
    part = occurrences(TEXTS, 10)
    assert part.texts.to_pylist() == ["b", "a", "b", "c", "a", "d"]
    assert part.places.tolist() == [10, 11, 12, 14, 15, 16]
    texts, rows, places = part.distinct()
    assert texts.to_pylist() == ["b", "a", "c", "d"]
    assert rows.tolist() == [2, 2, 1, 1]
    assert places.tolist() == [10, 11, 14, 16]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_first_texts_do_not_depend_on_batches(size: int) -> None:
    found = first_texts(3, size)
    assert found.counts() == {"b": 2, "a": 2, "c": 1}
    assert found.content.places.tolist() == [0, 1, 4]
    assert not found.complete
    assert first_texts(4, size).complete


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_number_of_texts_is_exact_up_to_the_limit(size: int) -> None:
    texts = pa.array([f"text {number % 1000}" for number in range(5000)])
    found = DistinctCounter(1000)
    for first in range(0, 5000, size):
        found.add(texts[first : first + size])
    assert (found.count(), found.exact) == (1000, True)


def test_number_of_texts_is_estimated_beyond_the_limit() -> None:
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


def test_hashes_distinguish_long_whole_numbers() -> None:
    texts = pa.array(["9007199254740993", "9007199254740992", "1", "1.0", "-1", "x"])
    hashes = hash_texts(texts)
    assert len(np.unique(hashes)) == 5
    assert hashes[2] == hashes[3]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_tally_counts_the_first_patterns_with_an_example(size: int) -> None:
    patterns = pa.array(["x", None, "y", "x", "z"])
    texts = pa.array(["a", "b", "c", "d", "e"])
    tally = Tally(limit=2)
    for first in range(0, 5, size):
        piece = slice(first, first + size)
        tally.add(patterns[piece], occurrences(texts[piece], 7 + first))
    assert tally.rows == {"x": 2, "y": 1}
    assert tally.examples == {"x": "a", "y": "c"}
    assert tally.places == {"x": 7, "y": 9}


@pytest.mark.parametrize("known", [[], [""], ["", "-"], ["NA", "né", "-"]])
def test_known_texts_are_found(known: list[str]) -> None:
    texts = ["x", "", "-", "NA", "né", "nee", "NA "]
    assert are_any_of(pa.array(texts), known).tolist() == [t in known for t in texts]


@pytest.mark.parametrize("limit", [3, 4, 5])
def test_texts_that_are_known_to_differ_are_counted_alike(limit: int) -> None:
    part = occurrences(TEXTS, 0).distinct()
    found, other = FirstTexts(limit), FirstTexts(limit)
    for _ in range(2):
        found.add(part, distinct=True)
        other.add(part)
    assert found.counts() == other.counts()
    assert found.complete == other.complete == (limit > 3)
