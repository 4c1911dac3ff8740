"""Formats of dates, and times of day."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from reproducible_ml.profiling.dates import (
    DateFormat,
    choose_date_format,
    compact_date_patterns,
    date_patterns,
    describe_times_of_day,
    fits,
    formats,
    has_date_format,
    look_like_dates,
)
from reproducible_ml.profiling.distinct import Tally, occurrences
from reproducible_ml.reading.values import ISO_WITH_OFFSET


def chosen(texts: Sequence[str], day_first: bool | None = None) -> DateFormat:
    part = occurrences(pa.array(texts), 0)
    tally = Tally()
    tally.add(date_patterns(part.texts), part)
    found = choose_date_format(tally, day_first)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2024-01-31", "2024-01-31 10:00", "2024-01-31T10:00:00.5"], None),
        (["2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"], ISO_WITH_OFFSET),
        (["2024-1-31", "2024-01-31"], "%Y-%m-%d"),
        (["2024/01/31"], "%Y/%m/%d"),
        (["31.12.2024", "1.2.2024"], "%d.%m.%Y"),
        (["12/31/2024", "1/2/2024"], "%m/%d/%Y"),
        (["1/2/2024"] * 99 + ["1/13/2024"], "%m/%d/%Y"),
        (["31.12.24", "1.2.24"], "%d.%m.%y"),
        (["99/12/31", "98/01/02"], "%y/%m/%d"),
        (["5 Jan 2024", "6 May 2024"], "%d %b %Y"),
        (["January 5, 2024", "May 6, 2024"], "%B %d, %Y"),
        (["05-JAN-24"], "%d-%b-%y"),
        (["05JAN2024"], "%d%b%Y"),
        (["31.12.2024, 10:00"], "%d.%m.%Y, %H:%M"),
        (["12/31/2024 3:04 PM"], "%m/%d/%Y %I:%M %p"),
        (["Mon, 5 Jan 2024 10:00:00 +0100"], "%a, %d %b %Y %H:%M:%S %z"),
        (["Mon, 5 Jan 2024 10:00:00 GMT"], "%a, %d %b %Y %H:%M:%S %z"),
        (["2024-01-31 10:00:00 UTC", "2024-01-31 10:00:00.5 UTC"], ISO_WITH_OFFSET),
        (["Mon Jan  5 10:00:00 2024"], "%a %b %d %H:%M:%S %Y"),
        (["Jan. 5, 2024", "May 6, 2024"], "%b %d, %Y"),
        (["1. Jan 2024", "2. Mär 2024", "3. Mai 2024"], "%d. %b %Y"),
        (["3 janv. 2024", "4 août 2024", "5 mai 2024"], "%d %B %Y"),
        (["12 de enero de 2024"], "%d de %B de %Y"),
        (["2024年1月31日"], "%Y年%m月%d日"),
        (["2010-01", "2010-12"], "%Y-%m"),
        (["01/2010", "12/2010"], "%m/%Y"),
        (["Jan 2010", "May 2010"], "%b %Y"),
        (["2021Q3", "2021q4"], "%YQ%q"),
        (["Q3 2021"], "Q%q %Y"),
    ],
)
def test_format_of_all_dates_is_found(texts: list[str], form: str | None) -> None:
    found = chosen(texts)
    assert found.format == form
    assert found.rows == len(texts)
    assert not found.ambiguous


@pytest.mark.parametrize("texts", [["2010-11", "2011-12"], ["Jan-10", "Feb-11"]])
def test_seasons_and_days_without_a_year_are_no_months(texts: list[str]) -> None:
    part = occurrences(pa.array(texts), 0)
    tally = Tally()
    tally.add(date_patterns(part.texts), part)
    assert choose_date_format(tally, None) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("2021-W05", True), ("2021-01-31 10:00 CET", True), ("Jan-10", True)),
        *(("1. tammikuuta 2024", True), ("3rd of Smarch, 2024", True)),
        *(("5 apples", False), ("1.2.2024.7", False), ("Room 2024", False)),
        *(("192.168.20.21", False), ("2021-01-0004", False), ("4711-12", False)),
    ],
)
def test_texts_that_look_like_dates(text: str, expected: bool) -> None:
    assert look_like_dates(pa.array([text])).to_pylist() == [expected]


@pytest.mark.parametrize("text", ["12:30", "5 apples", "abc", "1.5", "20240131", ""])
def test_other_texts_are_not_dates(text: str) -> None:
    assert date_patterns(pa.array([text])).to_pylist() == [None]


def test_eight_digits_are_a_date_if_they_may_be_one() -> None:
    texts = pa.array(["20240131", "202401", "01.2024", "20241331", "202413", "1.2024"])
    found = compact_date_patterns(texts).is_valid().to_pylist()
    assert found == [True] * 3 + [False] * 3


@pytest.mark.parametrize("text", ["1/2/2024", "24-01-31"])
def test_order_is_ambiguous_if_several_fit(text: str) -> None:
    assert chosen([text]).ambiguous


@pytest.mark.parametrize(
    ("text", "day_first", "form"),
    [
        ("1/2/2024", True, "%d/%m/%Y"),
        ("1/2/2024", False, "%m/%d/%Y"),
        ("13/2/2024", False, "%d/%m/%Y"),
    ],
)
def test_hint_decides_only_what_is_ambiguous(
    text: str, day_first: bool, form: str
) -> None:
    assert chosen([text], day_first)[:3] == (form, 1, False)


def test_format_is_that_of_most_rows() -> None:
    found = chosen(["2024-01-31"] * 3 + ["31.01.2024"])
    assert (found.format, found.rows) == (None, 3)


def test_dates_that_do_not_exist_have_a_format_as_well() -> None:
    assert has_date_format("31.02.2024", "%d.%m.%Y")
    assert has_date_format("2024-02-30", None)
    assert has_date_format("20240230", "%Y%m%d")
    assert not has_date_format("soon", "%d.%m.%Y")


def test_pattern_has_all_formats_that_can_read_it() -> None:
    assert formats("##.##.####\t\tdmd") == {"%d.%m.%Y"}
    assert formats("##/##/####\t\tmmd") == {"%d/%m/%Y", "%m/%d/%Y"}
    assert formats("####-##-##\t\t") >= {None, "%Y-%m-%d"}
    assert not fits("##.##.####\t\tdmd", "%m.%d.%Y")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["13:45", "00:00"], True),
        (["9:05:30", " 23:59:59.123456 "], True),
        (["1:45 pm", "12:00AM", "8:30 a.m."], True),
        (["13:45"] * 19 + ["noon"], True),
        ([], False),
        (["24:00", "25:61"], False),
        (["13.45", "1345"], False),
        (["2024-01-31 13:45"], False),
        (["3:1 win"], False),
        (["13:45", "noon"], False),
    ],
)
def test_times_of_day_are_described_with_an_example(
    texts: list[str], expected: bool
) -> None:
    found = describe_times_of_day(pa.array(texts, pa.string()))
    assert bool(found) == expected
    assert not expected or f'such as "{texts[0]}", read as text' in found
