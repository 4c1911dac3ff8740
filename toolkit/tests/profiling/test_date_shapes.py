"""Tests of reproducible_ml.profiling.dates."""

import pyarrow as pa
import pytest

from reproducible_ml.profiling.dates import (
    COMPACT_PATTERN,
    compact_date_patterns,
    date_patterns,
)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("2024-01-31", "####-##-##\t\t"),
        ("31.12.2024", "##.##.####\t\tdmd"),
        ("1/2/24", "#/#/##\t\tmmd"),
        ("32/1/2024", "##/#/####\t\txmd"),
        ("2024-01-31T10:00:00.123+02:00", "####-##-##T##:##:##{f}\t+02:00\t"),
        ("2024-01-31 10:00Z", "####-##-## ##:##\tZ\t"),
        ("1/2/2024 3:04 PM", "#/#/#### #:## {p}\t\tmmd"),
        ("5 Jan 2024", "# {b} ####\t\t"),
        ("May 5, 2024", "{m} #, ####\t\t"),
        ("Mon, 5 January 2024", "{a}, # {B} ####\t\t"),
    ],
)
def test_dates_have_a_shape(text: str, shape: str) -> None:
    assert date_patterns(pa.array([text])).to_pylist() == [shape]


@pytest.mark.parametrize("text", ["12:30", "5 apples", "abc", "1.5", "20240131", ""])
def test_other_texts_have_none(text: str) -> None:
    assert date_patterns(pa.array([text])).to_pylist() == [None]


def test_eight_digits_have_a_shape_if_they_may_be_a_date() -> None:
    texts = pa.array(["20240131", "20241331", "12345678", "18990101"])
    assert compact_date_patterns(texts).to_pylist() == [
        COMPACT_PATTERN,
        None,
        None,
        None,
    ]
