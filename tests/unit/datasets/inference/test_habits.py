"""Tests of reproducible_ml.datasets.inference.habits."""

from pathlib import Path

import pyarrow as pa

from reproducible_ml.datasets.inference.habits import Habits, habits
from reproducible_ml.datasets.inference.inferred import Hints
from reproducible_ml.datasets.inference.profile import profile

NONE = Hints()


def found(hints: Hints = NONE, **columns: list[str]) -> Habits:
    batch = pa.RecordBatch.from_pydict(columns)
    return habits(profile([Path("a.csv")], lambda _: [batch]), hints)


def test_columns_that_agree_prove_the_habit() -> None:
    known = found(a=["1,5"], b=["13/1/2024"], c=["1,234"])
    assert known == Habits(",", "a", True, "b")


def test_columns_that_disagree_prove_nothing() -> None:
    known = found(a=["1,5"], b=["1.5"], c=["13/1/2024"], d=["1/13/2024"])
    assert known == Habits()


def test_user_is_right() -> None:
    known = found(Hints(decimal=".", day_first=False), a=["1,5"], b=["13/1/2024"])
    assert known == Habits(".", "DECIMAL", False, "DATES")


def test_text_proves_nothing() -> None:
    assert found(a=["1,5", "many", "few"]) == Habits()
