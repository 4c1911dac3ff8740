"""Tests of reproducible_ml.profiling.texts."""

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
from reproducible_ml.quality.spellings import fix_encoding

FILE = Path("a.csv")
COLUMN = Column(dtype="str", nullable=True)


def use(texts: list[str], *, full: bool = True, target: bool = False) -> ColumnProposal:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    found = profile_columns([FILE], lambda _: [batch])["x"]
    return propose_text_column(
        COLUMN, summarise_texts(found, COLUMN, 0), full=full, target=target
    )


def test_few_repeated_texts_are_categories_in_their_order() -> None:
    found = use(["b", "a", "b", "a"])
    assert found.kind == "category"
    assert found.column.isin == ("a", "b")


def test_many_texts_are_categories_if_no_new_one_is_to_be_expected() -> None:
    found = use([f"city {n % 60}" for n in range(600)])
    assert found.kind == "category"


def test_texts_among_which_new_ones_appear_are_encoded() -> None:
    found = use(
        [f"city {n % 60}" for n in range(600)] + [f"town {n}" for n in range(9)]
    )
    assert found.kind == "many categories"
    assert found.column.treatment == "target_encoding"
    assert found.column.str_length == Length(max_value=50)


def test_sentences_are_bags_of_words() -> None:
    found = use([f"it was nice {n}" for n in range(50)])
    assert found.kind == "text"
    assert found.column.treatment == "bag_of_words"


def test_codes_of_rows_are_excluded_and_unique() -> None:
    found = use([f"V{n}" for n in range(50)])
    assert found.kind == "identifier"
    assert found.column.treatment == "exclude"
    assert found.column.metadata.reason == "each row has its own value"
    assert found.column.unique


def test_codes_of_rows_of_which_one_repeats_are_told_as_such() -> None:
    reason = use([f"V{n}" for n in range(50)] + ["V0"]).column.metadata.reason
    assert reason == "nearly each row has its own value"


@pytest.mark.parametrize(
    ("texts", "full"),
    [
        ([f"V{n}" for n in range(50)], False),
        ([f"V{n}" for n in range(50)] + ["V0"], True),
        ([f"Ann B{n}" for n in range(50)], True),
    ],
)
def test_nothing_else_is_declared_unique(texts: list[str], full: bool) -> None:
    assert not use(texts, full=full).column.unique


def test_texts_that_hardly_repeat_are_excluded() -> None:
    found = use([f"x{n * 3 // 4}" for n in range(100)])
    assert found.column.metadata.reason == "hardly any value repeats"


def test_constant_is_excluded_unless_values_are_missing() -> None:
    assert use(["x"] * 9).kind == "constant"
    assert use(["x"] * 9, full=False).kind == "category"


def test_target_has_more_categories() -> None:
    texts = [f"class {n % 100}" for n in range(300)]
    assert use(texts, target=True).kind == "category"
    assert use(texts).kind == "many categories"


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["Bonn", "Bonn", "bonn"], 'differs from "Bonn" (2 rows) in case alone'),
        (["Bonn", "Bonn", "Bonn "], 'differs from "Bonn" (2 rows) in blanks alone'),
        (["é", "é", "e\u0301"], 'differs from "é" (2 rows) in how accents are stored'),
        (["Köln", "KÃ¶ln", "KÃ¶ln"], 'differs from "Köln" (1 row) in its encoding'),
        (
            ["Bonn", "Bonn", "B\u043enn"],
            r"in letters that look alike (B\u043enn) alone",
        ),
        (["рим", "рим", "Рим"], "in case alone"),
        (["KÃ¶ln"], 'looks like "Köln" in a wrong encoding'),
    ],
)
def test_spellings_that_look_alike_are_told(texts: list[str], problem: str) -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    found = profile_columns([FILE], lambda _: [batch])["x"]
    findings = list(inconsistent_spellings(found, COLUMN, FindingFactory([FILE], "x")))
    assert len(findings) == 1
    assert problem in str(findings[0].finding)
    assert findings[0].finding.value == texts[-1]


@pytest.mark.parametrize("text", ["München", "naïve", "Ã", "abc", "東京"])
def test_right_text_is_not_repaired(text: str) -> None:
    assert fix_encoding(text) == text
