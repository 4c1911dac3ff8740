"""Tests of reproducible_ml.profiling.numbers."""

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
    reading = choose_number_format(tally(texts), decimal)
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "-2"], [1, -2]),
        (["1.5", "2"], [1.5, 2.0]),
        (["1,5", "2"], [1.5, 2.0]),
        (["1.234,5", "7"], [1234.5, 7.0]),
        (["1,234.5", "7"], [1234.5, 7.0]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1 234,5", "7 000"], [1234.5, 7000.0]),
        (["1'000", "2"], [1000, 2]),
        (["$1,234", "$5"], [1234, 5]),
        (["1.234 €", "5 €"], [1234, 5]),
        (["5 kg", "6.5 kg"], [5.0, 6.5]),
        (["12k", "9k"], [12, 9]),
    ],
)
def test_reading_gives_the_values(texts: list[str], values: list[float]) -> None:
    reading = chosen(texts)
    assert convert(pa.array(texts), number_column(reading)).to_pylist() == values
    assert reading.rows == len(texts)
    assert not reading.ambiguous


@pytest.mark.parametrize("texts", [["1,234", "999"], ["1,234"], ["1.234", "999"]])
def test_one_group_of_three_digits_leaves_it_open(texts: list[str]) -> None:
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
def test_sign_of_the_table_decides(text: str, decimal: Decimal, value: float) -> None:
    reading = chosen([text], decimal)
    assert convert(pa.array([text]), number_column(reading)).to_pylist() == [value]
    assert not reading.ambiguous


def test_many_groups_beside_whole_numbers_are_thousands() -> None:
    texts = [f"{number:,}" for number in range(900, 1100)]
    assert chosen(texts).thousands == ","
    assert not chosen(texts).ambiguous


def test_three_decimals_everywhere_are_decimals() -> None:
    reading = chosen(["12.345", "36.612"])
    assert (reading.thousands, reading.whole, reading.ambiguous) == ("", False, False)


def test_unit_of_few_rows_is_a_mistake() -> None:
    reading = chosen(["1"] * 99 + ["12abc"])
    assert (reading.suffix, reading.rows) == ("", 99)


def test_unknown_unit_must_be_in_every_row() -> None:
    assert chosen(["1 Stk", "2 Stk", "3"]).rows == 2


def test_signs_behind_fewer_numbers_than_stand_alone_are_no_unit() -> None:
    reading = chosen(["1.5*", "2.5*", "3.5", "4.5", "5.5"])
    assert (reading.suffix, reading.rows) == ("", 3)
    assert chosen(["1.5*", "2.5*", "3.5"]).suffix == "*"


def test_multiples_are_not_mixed_with_plain_numbers() -> None:
    assert chosen(["12k", "9k", "950"]).rows == 2


def test_known_unit_may_be_lacking() -> None:
    reading = chosen(["1 kg", "2 kg", "3"])
    assert (reading.rows, reading.bare) == (3, 1)


def test_text_is_no_number() -> None:
    assert choose_number_format(tally(["a", "b"]), None) is None


def test_decimal_sign_is_proved_by_what_fits_one_alone() -> None:
    assert decimal_sign(chosen(["1.5"])) == "."
    assert decimal_sign(chosen(["1,5"])) == ","
    assert decimal_sign(chosen(["1.234.567"])) == ","
    assert decimal_sign(chosen(["1", "1.234"])) is None


def test_leading_zeros_are_codes() -> None:
    assert are_codes(chosen(["00012", "12345"]))
    assert not are_codes(chosen(["00.5", "0"]))


def test_known_units_by_their_rows() -> None:
    found = list(count_units(tally(["5 g", "1 kg", "2 kg", "3 A", "4"])))
    assert found == [("kg", 2, "\tkg\twhole"), ("g", 1, "\tg\twhole")]
