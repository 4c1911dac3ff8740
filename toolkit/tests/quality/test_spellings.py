"""Spellings of missing values and booleans, look-alikes and wrong encodings."""

import pytest

from reproducible_ml.quality.spellings import (
    are_default_booleans,
    boolean_spellings,
    closest_match,
    fix_encoding,
    is_placeholder,
    missing_spellings,
    undeclared_spellings,
)


@pytest.mark.parametrize(
    ("texts", "spellings"),
    [
        (["no", "yes"], (("yes",), ("no",))),
        (["NEIN", "ja"], (("ja",), ("NEIN",))),
        (["Yes", "yes", " no"], (("Yes", "yes"), ("no",))),
        (["T", "F"], (("T",), ("F",))),
        (["1", "True", "Y", "false"], (("1", "True", "Y"), ("false",))),
        (["yes", "no", "0"], (("yes",), ("0", "no"))),
        (["Y", "N", "1"], (("1", "Y"), ("N",))),
        (["Y", "N", "T"], None),
        (["0", "1", "N"], None),
        (["yes"], None),
        (["yes", "false"], None),
        (["0", "1"], None),
        (["yes", "no", "maybe"], None),
        ([], None),
    ],
)
def test_booleans_are_two_spellings_that_belong_together(
    texts: list[str], spellings: tuple[tuple[str, ...], ...] | None
) -> None:
    assert boolean_spellings(texts) == spellings


def test_true_and_false_need_no_declaration() -> None:
    assert are_default_booleans(("True", "true"), ("false",))
    assert not are_default_booleans(("yes",), ("no",))


def test_more_texts_mean_missing_among_numbers_than_among_texts() -> None:
    texts = ["-", "?", "N/A", "none", "unknown", "  ", "a"]
    assert missing_spellings(texts, among_text=False) == texts[:-1]
    assert missing_spellings(texts, among_text=True) == ["?", "N/A", "  "]


def test_blanks_around_missing_spellings_are_declared_only_for_text() -> None:
    texts = ["  ", " ?", "NA"]
    assert undeclared_spellings(texts, among_text=True) == ("  ", " ?")
    assert undeclared_spellings(texts, among_text=False) == ("?",)


@pytest.mark.parametrize("text", ["?", "-", "n/a", "#DIV/0!", "<NA>", "Unknown", "k.A"])
def test_placeholders_are_recognised(text: str) -> None:
    assert is_placeholder(text)
    assert not is_placeholder(f"7 {text}")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ROME", ("Rome", ", but differs by case")),
        (" Rome", ("Rome", ", but differs by blanks")),
        ("Zurich", ("Zürich", ", but differs by signs or accents")),
        ("Romee", ("Rome", "")),
        ("Oslo", None),
        ("", None),
    ],
)
def test_closest_match_says_how_it_differs(
    text: str, match: tuple[str, str] | None
) -> None:
    assert closest_match(text, ["Bonn", "Rome", "Zürich"]) == match


@pytest.mark.parametrize("text", ["München", "naïve", "Ã", "abc", "東京"])
def test_wrong_encoding_is_fixed_and_other_text_is_not_changed(text: str) -> None:
    assert fix_encoding(text) == text
    assert fix_encoding("Köln".encode().decode("cp1252")) == "Köln"
