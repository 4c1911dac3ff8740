"""Text is converted to values, dates too, as the columns of the contract declare."""

import io
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.reading.values import (
    ISO_WITH_OFFSET,
    convert,
    is_read_by_arrow,
    parse_dates,
    unconvertible,
)


def column(dtype: Any, isin: tuple[Any, ...] | None = None, **notes: Any) -> Column:
    return Column(dtype=dtype, isin=isin, metadata=ColumnMetadata(**notes))


def values(texts: list[str | None], declared: Column) -> list[Any]:
    found: list[Any] = convert(pa.array(texts, pa.string()), declared).to_pylist()
    return found


def bad(texts: list[str | None], declared: Column) -> list[str | None]:
    mask = unconvertible(pa.array(texts, pa.string()), declared)
    assert mask.null_count == 0
    return [t for t, broken in zip(texts, mask.to_pylist(), strict=True) if broken]


def test_whole_numbers_are_exact_up_to_the_limits() -> None:
    texts: list[str | None] = ["9007199254740993", "-9223372036854775808", " 7 "]
    assert values(texts, column("int64")) == [9007199254740993, -(2**63), 7]
    assert bad(["9223372036854775808", "5.0"], column("int64")) == [
        "9223372036854775808",
        "5.0",
    ]


def test_whole_numbers_with_thousands_separators_are_exact() -> None:
    declared = column("Int64", thousands=".", decimal=",")
    assert values(["9.007.199.254.740.993", None], declared) == [9007199254740993, None]


def test_decimal_comma_and_thousands_point_are_read() -> None:
    declared = column("float64", decimal=",", thousands=".")
    texts: list[str | None] = ["1.234,56", "-0,5", "7", ",5", "1e3"]
    assert values(texts, declared) == [1234.56, -0.5, 7.0, 0.5, 1000.0]


def test_groups_of_the_wrong_size_do_not_fit() -> None:
    texts: list[str | None] = ["1,234.5", "1,23,4", "1234,567", "1,234567", ",123"]
    assert bad(texts, column("float64", thousands=",")) == texts[1:]


def test_point_does_not_fit_where_the_comma_is_the_decimal() -> None:
    assert bad(["1,5", "1.5"], column("float64", decimal=",")) == ["1.5"]


def test_no_break_spaces_separate_thousands_as_well() -> None:
    declared = column("float64", decimal=",", thousands=" ", suffix="€")
    texts: list[str | None] = ["1\u202f234,5 €", "1\u00a0234€", "1 234,5"]
    assert values(texts, declared) == [1234.5, 1234.0, 1234.5]


def test_currency_and_unit_are_stripped() -> None:
    assert values(["$5", "-$5.5", "$ 6", "7"], column("float64", prefix="$")) == [
        5.0,
        -5.5,
        6.0,
        7.0,
    ]
    assert bad(["5 kg", "6kg", "7 g", "kg"], column("float64", suffix="kg")) == [
        "7 g",
        "kg",
    ]


def test_percent_sign_does_not_divide() -> None:
    assert values(["12.5 %", "7%"], column("float64", suffix="%")) == [12.5, 7.0]


def test_text_in_numbers_does_not_fit() -> None:
    with pytest.raises(pa.ArrowInvalid, match="'12abc' cannot be converted to float64"):
        values(["1", "12abc"], column("float64"))


def test_infinity_is_a_number_and_nan_is_missing() -> None:
    assert values(["inf", "-Infinity", "nan", "NAN"], column("float64")) == [
        float("inf"),
        float("-inf"),
        None,
        None,
    ]


def test_missing_spellings_of_the_notes_are_missing() -> None:
    declared = column("float64", missing=("-999", "?"))
    assert values(["-999", "?", "NA", "  ", " ? ", "1"], declared) == [None] * 5 + [1.0]


def test_spelling_of_missing_is_a_category_if_declared() -> None:
    assert values(["NA", "", "a"], column("category", ("NA", "a"))) == ["NA", None, "a"]


def test_text_is_kept_as_it_is() -> None:
    assert values([" a", "00012", "a "], column("str")) == [" a", "00012", "a "]


def test_text_category_comes_as_codes() -> None:
    found = convert(pa.array(["a", "b", "a"]), column("category", ("a", "b")))
    assert pa.types.is_dictionary(found.type)


def test_categories_of_whole_numbers_are_numbers() -> None:
    declared = column("category", (1, 2))
    assert values(["1", "9"], declared) == [1, 9]
    assert bad(["1", "x"], declared) == ["x"]


def test_booleans_have_the_spellings_of_the_notes_alone() -> None:
    declared = column("boolean", true=("yes", "YES"), false=("no",))
    assert values(["yes", "YES", "no", ""], declared) == [True, True, False, None]
    assert bad(["yes", "No", "true"], declared) == ["No", "true"]
    assert values(["TRUE", "0"], column("bool")) == [True, False]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("31.02.2024", "%d.%m.%Y"),
        ("20240230", "%Y%m%d"),
        ("2024-02-30", None),
        ("01.01.1600", "%d.%m.%Y"),
        ("1600-01-01", None),
        ("1.2.24", "%d.%m.%Y"),
        ("2024-01-01 24:00", "%Y-%m-%d %H:%M"),
    ],
)
def test_impossible_dates_do_not_fit(text: str, form: str | None) -> None:
    assert bad([text, None], column("datetime64[ns]", format=form)) == [text]


@pytest.mark.parametrize(
    ("text", "form", "date"),
    [
        ("1.2.2024", "%d.%m.%Y", datetime(2024, 2, 1)),
        ("2/1/24 3:04 PM", "%m/%d/%y %I:%M %p", datetime(2024, 2, 1, 15, 4)),
        ("1 Feb 2024", "%d %b %Y", datetime(2024, 2, 1)),
        ("2024-02-01", None, datetime(2024, 2, 1)),
        ("2024-02-01T03:04:05.5", None, datetime(2024, 2, 1, 3, 4, 5, 500000)),
    ],
)
def test_dates_follow_the_format(text: str, form: str | None, date: datetime) -> None:
    found = convert(pa.array([text]), column("datetime64[ns]", format=form))
    assert found.cast(pa.timestamp("us")).to_pylist() == [date]
    assert found.type == pa.timestamp("ns")


def test_dates_with_offsets_become_utc() -> None:
    texts = ["2024-02-01T03:04:05.5+02:00", "2024-02-01 01:04Z"]
    declared = column("datetime64[ns]", format=ISO_WITH_OFFSET)
    found = convert(pa.array(texts), declared)
    assert found.type == pa.timestamp("ns")
    assert found.cast(pa.timestamp("us")).to_pylist() == [
        datetime(2024, 2, 1, 1, 4, 5, 500000),
        datetime(2024, 2, 1, 1, 4),
    ]


def test_dates_without_offset_do_not_fit_among_those_with() -> None:
    texts: list[str | None] = ["2024-02-01T03:04:05Z", "2024-02-01T03:04:05"]
    declared = column("datetime64[ns]", format=ISO_WITH_OFFSET)
    assert bad(texts, declared) == texts[1:]
    assert bad(texts, column("datetime64[ns]")) == texts[:1]


def test_nothing_is_read_as_nothing() -> None:
    declared = column("datetime64[ns]", format="%d.%m.%Y")
    assert values([], declared) == []
    assert values([None, ""], declared) == [None, None]


def test_plain_columns_are_read_by_arrow_alone() -> None:
    texts = ["1.5", "", " 2", "inf", "NA"]
    declared = column("float64")
    assert is_read_by_arrow(declared)
    read = pyarrow.csv.read_csv(
        io.BytesIO("\n".join(["x", *map('"{}"'.format, texts)]).encode()),
        convert_options=pyarrow.csv.ConvertOptions(column_types={"x": pa.float64()}),
    )
    assert read["x"].to_pylist() == convert(pa.array(texts), declared).to_pylist()


@pytest.mark.parametrize(
    "notes",
    [
        {"decimal": ","},
        {"thousands": ","},
        {"prefix": "$"},
        {"suffix": "%"},
        {"missing": ("?",)},
        {"true": ("yes",)},
        {"format": "%d.%m.%Y"},
    ],
)
def test_columns_with_notes_on_spelling_are_not_plain(notes: dict[str, Any]) -> None:
    assert not is_read_by_arrow(column("float64", **notes))


def test_category_named_like_missing_is_not_plain() -> None:
    assert not is_read_by_arrow(column("category", ("None", "some")))


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2010-07", "%Y-%m", "2010-07-01"),
        ("2010-07-02", "%Y-%m", None),
        ("2021Q3", "%YQ%q", "2021-07-01"),
        ("q4/2021", "Q%q/%Y", "2021-10-01"),
        ("3Q21", "%qQ%y", "2021-07-01"),
        ("2021Q5", "%YQ%q", None),
        ("1. Mär 2024", "%d. %b %Y", "2024-03-01"),
        ("1. März 2024", "%d. %b %Y", "2024-03-01"),
        ("1. MÄRZ 2024", "%d. %B %Y", "2024-03-01"),
        ("3 janv. 2024", "%d %B %Y", "2024-01-03"),
        ("12 de diciembre de 2024", "%d de %B de %Y", "2024-12-12"),
        ("5 мая 2024", "%d %B %Y", "2024-05-05"),
        ("5 Kas\u0131m 2024", "%d %B %Y", "2024-11-05"),
        ("Jan. 5, 2024", "%b %d, %Y", "2024-01-05"),
        ("5 Marzipan 2024", "%d %b %Y", None),
        ("5 Jan 2024 10:00 GMT", "%d %b %Y %H:%M %z", "2024-01-05 10:00"),
        ("5 Jan 2024 10:00 +0200", "%d %b %Y %H:%M %z", "2024-01-05 08:00"),
    ],
)
def test_dates_are_read_in_any_language(
    text: str, form: str, expected: str | None
) -> None:
    (found,) = parse_dates(pd.Series([text]), form)
    assert found is pd.NaT if expected is None else found == pd.Timestamp(expected)
