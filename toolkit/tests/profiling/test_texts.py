"""Uses of columns of text, and inconsistent spellings in them."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column, Length
from reproducible_ml.profiling.inferred import FindingFactory
from reproducible_ml.profiling.profile import profile_columns
from reproducible_ml.profiling.texts import (
    ColumnProposal,
    inconsistent_spellings,
    propose_text_column,
    summarise_texts,
)

FILE = Path("a.csv")
COLUMN = Column(dtype="str", nullable=True)
V50 = [f"V{n}" for n in range(50)]
CITIES = [f"city {n % 60}" for n in range(600)]


def proposed(
    texts: list[str], *, full: bool = True, target: bool = False
) -> ColumnProposal:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    found = profile_columns([FILE], lambda _: [batch])["x"]
    known = summarise_texts(found, COLUMN, 0)
    return propose_text_column(COLUMN, known, full=full, target=target)


@pytest.mark.parametrize(
    ("texts", "kind", "treatment", "reason"),
    [
        (["b", "a", "b", "a"], "category", None, None),
        (CITIES, "category", None, None),
        (
            [*CITIES, *(f"town {n}" for n in range(9))],
            "many categories",
            "target_encoding",
            None,
        ),
        ([f"it was nice {n}" for n in range(50)], "text", "bag_of_words", None),
        (V50, "identifier", "exclude", "each row has its own value"),
        ([*V50, "V0"], "identifier", "exclude", "nearly each row has its own value"),
        (
            [f"x{n * 3 // 4}" for n in range(100)],
            "text",
            "exclude",
            "hardly any value repeats",
        ),
        (["x"] * 9, "constant", "exclude", "the same value in every row"),
    ],
)
def test_use_of_text_depends_on_how_values_repeat(
    texts: list[str], kind: str, treatment: str | None, reason: str | None
) -> None:
    found = proposed(texts)
    notes = found.column.metadata
    assert (found.kind, notes.treatment, notes.reason) == (kind, treatment, reason)


def test_categories_are_sorted_and_other_texts_bounded() -> None:
    assert proposed(["b", "a", "b", "a"]).column.isin == ("a", "b")
    many = proposed([*CITIES, *(f"town {n}" for n in range(9))])
    assert many.column.str_length == Length(max_value=50)


@pytest.mark.parametrize(
    ("texts", "full", "unique"),
    [
        (V50, True, True),
        (V50, False, False),
        ([*V50, "V0"], True, False),
        ([f"Ann B{n}" for n in range(50)], True, False),
    ],
)
def test_only_complete_identifiers_are_declared_unique(
    texts: list[str], full: bool, unique: bool
) -> None:
    assert proposed(texts, full=full).column.unique is unique


def test_constant_with_missing_values_is_a_category() -> None:
    assert proposed(["x"] * 9, full=False).kind == "category"


def test_target_may_have_more_categories() -> None:
    texts = [f"class {n % 100}" for n in range(300)]
    assert proposed(texts, target=True).kind == "category"
    assert proposed(texts).kind == "many categories"


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["Bonn", "Bonn", "bonn"], 'differs from "Bonn" (2 rows) only in case'),
        (["Bonn", "Bonn", "Bonn "], 'differs from "Bonn" (2 rows) only in blanks'),
        (["é", "é", "e\u0301"], 'from "é" (2 rows) only in how accents are stored'),
        (["Köln", "KÃ¶ln", "KÃ¶ln"], 'from "Köln" (1 row) only in its encoding'),
        (["Bonn", "Bonn", "B\u043enn"], r"in letters that look alike (B\u043enn)"),
        (["рим", "рим", "Рим"], "only in case"),
        (["KÃ¶ln"], 'looks like "Köln" in a wrong encoding'),
    ],
)
def test_inconsistent_spelling_is_a_warning(texts: list[str], problem: str) -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    profile = profile_columns([FILE], lambda _: [batch])["x"]
    make_finding = FindingFactory([FILE], "x")
    (found,) = inconsistent_spellings(profile, COLUMN, make_finding)
    assert problem in str(found.finding)
    assert (found.severity, found.finding.value) == ("warn", texts[-1])
