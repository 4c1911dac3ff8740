"""Tests of reproducible_ml.profiling.profile."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.profiling.distinct import FILE
from reproducible_ml.profiling.profile import (
    ColumnProfile,
    as_texts,
    pool_batches,
    profile_columns,
    type_family,
)

FILES = [Path("a.csv"), Path("b.csv")]
ROWS: dict[str, list[str | None]] = {
    "age": ["12", "", None, "NA", "-", "forty", " 7 "],
    "day": ["31.12.2024", "", "1.2.2024", "soon", "20240131", "?", " NA "],
    "said": ["a b c", "d", "", "a b c", "none", "unknown", "n/a"],
}


def profiles(size: int) -> dict[str, ColumnProfile]:
    batch = pa.RecordBatch.from_pydict(
        {name: pa.array(texts, pa.string()) for name, texts in ROWS.items()}
    )
    cut = [batch.slice(first, size) for first in range(0, len(batch), size)]
    return profile_columns(FILES, lambda file: cut if file == FILES[0] else [batch])


def shown(found: ColumnProfile) -> dict[str, Any]:
    seen = found.seen
    return {
        **{k: v for k, v in vars(found).items() if isinstance(v, int | str)},
        "seen": [v.tolist() for v in (seen.content.rows, seen.content.places)],
        "texts": seen.counts(),
        "distinct": found.distinct.count(),
        **{k: vars(getattr(found, k)) for k in ("blanks", "numbers", "dates")},
    }


def test_rows_and_values_are_counted_over_all_files() -> None:
    found = profiles(7)["age"]
    assert (found.rows, found.absent, found.present) == (14, 6, 8)
    assert found.seen.counts() == {"12": 2, "-": 2, "forty": 2, " 7 ": 2}
    assert found.blanks.rows == {"-": 2}
    assert found.numbers.rows == {"\t\twhole": 4}


def test_dates_are_counted_by_shape() -> None:
    found = profiles(7)["day"]
    assert found.dates.rows == {
        "##.##.####\t\tdmd": 2,
        "#.#.####\t\tmmd": 2,
        "########\t\t": 2,
    }
    assert found.blanks.rows == {"?": 2, " NA ": 2}


def test_words_are_counted_without_what_may_be_no_value() -> None:
    found = profiles(7)["said"]
    assert found.words == 14
    assert found.longest == 7


@pytest.mark.parametrize("size", [1, 2, 3])
def test_profile_is_the_same_however_the_rows_are_cut(size: int) -> None:
    whole, cut = profiles(7), profiles(size)
    assert {n: shown(p) for n, p in cut.items()} == {
        n: shown(p) for n, p in whole.items()
    }


def test_batches_are_pooled_within_a_file() -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(["a", "b"])})
    places = [
        (place, part.num_rows)
        for place, part in pool_batches(FILES, lambda _: [batch] * 3)
    ]
    assert places == [(0, 6), (FILE, 6)]


@pytest.mark.parametrize(
    ("values", "texts", "kind"),
    [
        (pa.array([1, None], pa.int32()), ["1", None], "integer"),
        (pa.array([1.5, float("nan")]), ["1.5", None], "number"),
        (pa.array([Decimal("1.25")]), ["1.25"], "number"),
        (pa.array([True]), ["true"], "bool"),
        (pa.array([datetime.date(2024, 1, 31)]), ["2024-01-31"], "date"),
        (pa.array(["a", "a"]).dictionary_encode(), ["a", "a"], "text"),
        (pa.array([[1]]), [None], "list<item: int64>"),
        (pa.nulls(1), [None], "null"),
    ],
)
def test_typed_values_become_texts(
    values: pa.Array, texts: list[str | None], kind: str
) -> None:
    assert as_texts(values).to_pylist() == texts
    assert type_family(values.type) == kind


def test_times_with_a_zone_become_utc() -> None:
    noon = datetime.datetime(2024, 1, 31, 12, tzinfo=datetime.UTC)
    values = pa.array([noon], pa.timestamp("s", "Europe/Berlin"))
    assert as_texts(values).to_pylist() == ["2024-01-31 12:00:00"]
