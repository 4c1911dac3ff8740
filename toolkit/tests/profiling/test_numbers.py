"""Formats of numbers: decimal sign, thousands, units and codes."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from reproducible_ml.profiling.distinct import Tally, occurrences
from reproducible_ml.profiling.numbers import (
    Decimal,
    NumberFormat,
    are_codes,
    choose_number_format,
    count_units,
    decimal_sign,
    number_column,
    number_patterns,
)
from reproducible_ml.reading.values import convert


def tally(texts: Sequence[str]) -> Tally:
    part = occurrences(pa.array(texts), 0)
    found = Tally()
    found.add(number_patterns(part.texts), part)
    return found


def chosen(texts: Sequence[str], decimal: Decimal | None = None) -> NumberFormat:
    found = choose_number_format(tally(texts), decimal)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "-2", "-0"], [1, -2, 0]),
        (["1.5", "2", ".5", "1.5e-3", "+5"], [1.5, 2.0, 0.5, 0.0015, 5.0]),
        (["1,5", "2"], [1.5, 2.0]),
        (["1.234,5", "7"], [1234.5, 7.0]),
        (["1,234.5", "7"], [1234.5, 7.0]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1 234,5", "7 000"], [1234.5, 7000.0]),
        (["1\u202f234", "5"], [1234, 5]),
        (["1'000", "2"], [1000, 2]),
        (["1'234.50", "2"], [1234.5, 2.0]),
        (["1_234_567", "1_234.50", "2"], [1234567.0, 1234.5, 2.0]),
        (["$1,234", "$ 5", "-$7"], [1234, 5, -7]),
        (["1.234 €", "5 €"], [1234, 5]),
        (["EUR 5", "EUR 7"], [5, 7]),
        (["5 kg", "6.5 kg"], [5.0, 6.5]),
        (["12 kg/m³", "13 kg/m³"], [12, 13]),
        (["12m2", "13m2"], [12, 13]),
        (["12k", "9k"], [12, 9]),
        (["12.345", "36.612"], [12.345, 36.612]),
        (["1.5", "-Infinity"], [1.5, float("-inf")]),
        (["0.234", "7"], [0.234, 7.0]),
        (["\u22121.5", "\u20132", "3"], [-1.5, -2.0, 3.0]),
        (["\u2212$1\u2019234.50", "$2"], [-1234.5, 2.0]),
        (["1\u2019234\u2019567", "5"], [1234567, 5]),
        (["1\u2009234.5", "5"], [1234.5, 5.0]),
        (["1,23,456.50", "95,000"], [123456.5, 95000.0]),
        (["12,34,56,789", "1,234"], [123456789, 1234]),
        (["\uff11\uff12", "\u0661\u0662", "7"], [12, 12, 7]),
        (["5 KG", "6.5 KG"], [5.0, 6.5]),
    ],
)
def test_format_reads_the_values(texts: list[str], values: list[float]) -> None:
    found = chosen(texts)
    assert convert(pa.array(texts), number_column(found)).to_pylist() == values
    assert found.whole == all(isinstance(value, int) for value in values)
    assert found.rows == len(texts)
    assert not found.ambiguous


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "abc", "1,23,4", "1.2.2024", "2024-01-31", "12:30", "1-2", "--5"),
        *("A12", "2021 Q3", "1\u20132"),
    ],
)
def test_other_texts_are_not_numbers(text: str) -> None:
    assert number_patterns(pa.array([text, "1"])).to_pylist() == [None, "\t\twhole"]
    assert choose_number_format(tally([text]), None) is None


@pytest.mark.parametrize("texts", [["1,234", "999"], ["1,234"], ["1.234", "999"]])
def test_one_group_of_three_digits_is_ambiguous(texts: list[str]) -> None:
    assert chosen(texts).ambiguous


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1,234", ",", 1.234),
        ("1,234", ".", 1234),
        ("1.234", ",", 1234),
        ("1.234", ".", 1.234),
    ],
)
def test_decimal_sign_of_the_table_decides(
    text: str, decimal: Decimal, value: float
) -> None:
    found = chosen([text], decimal)
    assert convert(pa.array([text]), number_column(found)).to_pylist() == [value]
    assert not found.ambiguous


def test_many_groups_beside_whole_numbers_are_thousands() -> None:
    found = chosen([f"{number:,}" for number in range(900, 1100)])
    assert (found.thousands, found.ambiguous) == (",", False)


@pytest.mark.parametrize(
    ("texts", "suffix", "rows", "bare"),
    [
        (["1"] * 99 + ["12abc"], "", 99, 0),
        (["1 Stk", "2 Stk", "3"], "Stk", 2, 1),
        (["1 kg", "2 kg", "3"], "kg", 3, 1),
        (["1.5*", "2.5*", "3.5", "4.5", "5.5"], "", 3, 0),
        (["1.5*", "2.5*", "3.5"], "*", 2, 1),
        (["12k", "9k", "950"], "k", 2, 1),
        (["12元", "9元"], "元", 2, 0),
        (["1.2万", "3万"], "万", 2, 0),
        (["12A", "13A", "950"], "", 1, 0),
    ],
)
def test_unit_is_what_enough_rows_have(
    texts: list[str], suffix: str, rows: int, bare: int
) -> None:
    found = chosen(texts)
    assert (found.suffix, found.rows, found.bare) == (suffix, rows, bare)


def test_units_are_counted() -> None:
    found = count_units(tally(["5 g", "1 kg", "2 kg", "3 A", "4", "5 Stk", "6 stk"]))
    assert [(unit, rows) for unit, rows, _ in found] == [
        *(("kg", 2), ("g", 1), ("Stk", 1), ("stk", 1)),
    ]


@pytest.mark.parametrize(
    ("texts", "sign"),
    [(["1.5"], "."), (["1,5"], ","), (["1.234.567"], ","), (["1", "1.234"], None)],
)
def test_decimal_sign_is_known_if_only_one_fits(
    texts: list[str], sign: str | None
) -> None:
    assert decimal_sign(chosen(texts)) == sign


def test_leading_zeros_and_telephone_numbers_are_codes() -> None:
    assert are_codes(chosen(["00012", "12345"]))
    assert are_codes(chosen(["+4912345678"]))
    assert are_codes(chosen(["+49 170 100 200"]))
    assert not are_codes(chosen(["00.5", "0"]))
