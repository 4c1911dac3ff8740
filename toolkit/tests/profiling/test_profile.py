"""Profiles of columns."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.profiling import profile
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


def content(found: ColumnProfile) -> dict[str, Any]:
    seen = found.seen
    return {
        **{k: v for k, v in vars(found).items() if isinstance(v, int | str)},
        "places": seen.content.places.tolist(),
        "texts": seen.counts(),
        "distinct": found.distinct.count(),
        **{k: vars(getattr(found, k)) for k in ("blanks", "numbers", "dates")},
    }


def test_rows_values_and_patterns_are_counted_in_all_files() -> None:
    found = profiles(7)
    age, day, said = found["age"], found["day"], found["said"]
    assert (age.rows, age.absent, age.present) == (14, 6, 8)
    assert age.seen.counts() == {"12": 2, "-": 2, "forty": 2, " 7 ": 2}
    assert age.blanks.rows == {"-": 2}
    assert age.numbers.rows == {"\t\twhole": 4}
    assert sorted(day.dates.rows.values()) == [2, 2, 2]
    assert day.blanks.rows == {"?": 2, " NA ": 2}
    assert (said.words, said.longest) == (14, 7)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_profile_does_not_depend_on_batches(size: int) -> None:
    whole, cut = profiles(7), profiles(size)
    assert {n: content(p) for n, p in cut.items()} == {
        n: content(p) for n, p in whole.items()
    }


def test_columns_may_be_profiled_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together = {name: content(found) for name, found in profiles(7).items()}
    monkeypatch.setattr(profile, "SHORT", 0)
    assert together == {name: content(found) for name, found in profiles(7).items()}


def test_batches_are_pooled_within_a_file() -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(["a", "b"])})
    pooled = pool_batches(FILES, lambda _: [batch] * 3)
    assert [(place, part.num_rows) for place, part in pooled] == [(0, 6), (FILE, 6)]


@pytest.mark.parametrize(
    ("values", "texts", "family"),
    [
        (pa.array([1, None], pa.int32()), ["1", None], "integer"),
        (pa.array([1.5, float("nan")]), ["1.5", None], "number"),
        (pa.array([Decimal("1.25")]), ["1.25"], "number"),
        (pa.array([True]), ["true"], "bool"),
        (pa.array([datetime.date(2024, 1, 31)]), ["2024-01-31"], "date"),
        (
            pa.array([1706702400], pa.timestamp("s", "Europe/Berlin")),
            ["2024-01-31 12:00:00"],
            "date",
        ),
        (pa.array(["a", "a"]).dictionary_encode(), ["a", "a"], "text"),
        (pa.array([[1]]), [None], "list<item: int64>"),
        (pa.nulls(1), [None], "null"),
    ],
)
def test_typed_values_become_texts(
    values: pa.Array, texts: list[str | None], family: str
) -> None:
    assert as_texts(values).to_pylist() == texts
    assert type_family(values.type) == family
