"""Tests of reproducible_ml.profiling.profile."""

import pytest

from reproducible_ml.quality.spellings import (
    are_default_booleans,
    boolean_spellings,
    missing_spellings,
    undeclared_spellings,
)


@pytest.mark.parametrize(
    ("texts", "true", "false"),
    [
        (["no", "yes"], ("yes",), ("no",)),
        (["NEIN", "ja"], ("ja",), ("NEIN",)),
        (["Yes", "yes", " no"], ("Yes", "yes"), ("no",)),
        (["T", "F"], ("T",), ("F",)),
    ],
)
def test_pairs_are_booleans(
    texts: list[str], true: tuple[str, ...], false: tuple[str, ...]
) -> None:
    assert boolean_spellings(texts) == (true, false)


@pytest.mark.parametrize(
    "texts", [["yes"], ["yes", "false"], ["0", "1"], ["yes", "no", "maybe"], []]
)
def test_other_texts_are_none(texts: list[str]) -> None:
    assert boolean_spellings(texts) is None


def test_what_arrow_reads_needs_no_mention() -> None:
    assert are_default_booleans(("True", "true"), ("false",))
    assert not are_default_booleans(("yes",), ("no",))


def test_more_is_blank_among_numbers_than_among_texts() -> None:
    texts = ["-", "?", "N/A", "none", "unknown", "  ", "a"]
    assert missing_spellings(texts, among_text=False) == texts[:-1]
    assert missing_spellings(texts, among_text=True) == ["?", "N/A", "  "]


def test_contract_names_blanks_around_in_texts_alone() -> None:
    assert undeclared_spellings(["  ", " ?", "NA"], among_text=True) == ("  ", " ?")
    assert undeclared_spellings(["  ", " ?", "NA"], among_text=False) == ("?",)
