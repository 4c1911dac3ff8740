"""Tests of reproducible_ml.profiling.evidence."""

from pathlib import Path

import pyarrow as pa

from reproducible_ml.profiling.conventions import TableConventions, table_conventions
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.profiling.profile import profile_columns

NONE = Hints()


def found(hints: Hints = NONE, **columns: list[str]) -> TableConventions:
    batch = pa.RecordBatch.from_pydict(columns)
    return table_conventions(profile_columns([Path("a.csv")], lambda _: [batch]), hints)


def test_columns_that_agree_prove_the_habit() -> None:
    known = found(a=["1,5"], b=["13/1/2024"], c=["1,234"])
    assert known == TableConventions(",", "a", True, "b")


def test_columns_that_disagree_prove_nothing() -> None:
    known = found(a=["1,5"], b=["1.5"], c=["13/1/2024"], d=["1/13/2024"])
    assert known == TableConventions()


def test_user_is_right() -> None:
    known = found(Hints(decimal=".", day_first=False), a=["1,5"], b=["13/1/2024"])
    assert known == TableConventions(".", "DECIMAL", False, "DATES")


def test_text_proves_nothing() -> None:
    assert found(a=["1,5", "many", "few"]) == TableConventions()
