"""Tests of reproducible_ml.profiling.numbers."""

import pyarrow as pa
import pytest

from reproducible_ml.profiling.numbers import number_patterns


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("12", "\t\twhole"),
        ("-0", "\t\twhole"),
        ("00012", "\t\tcode"),
        ("+4912345678", "\t\tcode"),
        ("+5", "\t\tsigned"),
        ("9223372036854775808", "\t\tlong"),
        ("0.5", "\t\tpoint"),
        (".5", "\t\tpoint"),
        ("1.5e-3", "\t\tpoint"),
        ("1.234", "\t\tpoint3"),
        ("0.234", "\t\tpoint"),
        ("1,234", "\t\tcomma3"),
        ("1,5", "\t\tcomma"),
        ("1,234,567", "\t\tcommas"),
        ("1,234.5", "\t\tcommas."),
        ("1.234,5", "\t\tpoints,"),
        ("1 234,5", "\t\tblanks,"),
        ("1\u202f234", "\t\tblanks"),
        ("1'234.50", "\t\tquotes."),
        ("-Infinity", "\t\tinfinite"),
        ("$ 5", "$\t\twhole"),
        ("-$5.5", "$\t\tpoint"),
        ("5,5 €", "\t€\tcomma"),
        ("EUR 5", "EUR\t\twhole"),
        ("12 kg/m³", "\tkg/m³\twhole"),
        ("12m2", "\tm2\twhole"),
    ],
)
def test_numbers_have_a_spelling(text: str, spelling: str) -> None:
    assert number_patterns(pa.array([text])).to_pylist() == [spelling]


@pytest.mark.parametrize(
    "text",
    ["", "-", "abc", "1,23,4", "1.2.2024", "2024-01-31", "12:30", "1-2", "--5", "A12"],
)
def test_other_texts_have_none(text: str) -> None:
    assert number_patterns(pa.array([text, "1"])).to_pylist() == [None, "\t\twhole"]
