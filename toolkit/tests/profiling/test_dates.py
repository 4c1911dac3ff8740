"""Tests of reproducible_ml.profiling.dates."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from reproducible_ml.profiling.dates import (
    DateFormat,
    choose_date_format,
    date_patterns,
    fits,
    formats,
    is_form,
)
from reproducible_ml.profiling.distinct import Tally, occurrences
from reproducible_ml.reading.values import ISO_WITH_OFFSET


def chosen(texts: Sequence[str], day_first: bool | None = None) -> DateFormat:
    part = occurrences(pa.array(texts), 0)
    tally = Tally()
    tally.add(date_patterns(part.texts), part)
    form = choose_date_format(tally, day_first)
    assert form is not None
    return form


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2024-01-31", "2024-01-31 10:00", "2024-01-31T10:00:00.5"], None),
        (["2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"], ISO_WITH_OFFSET),
        (["2024-1-31", "2024-01-31"], "%Y-%m-%d"),
        (["2024/01/31"], "%Y/%m/%d"),
        (["31.12.2024", "1.2.2024"], "%d.%m.%Y"),
        (["12/31/2024", "1/2/2024"], "%m/%d/%Y"),
        (["31.12.24", "1.2.24"], "%d.%m.%y"),
        (["99/12/31", "98/01/02"], "%y/%m/%d"),
        (["5 Jan 2024", "6 May 2024"], "%d %b %Y"),
        (["January 5, 2024", "May 6, 2024"], "%B %d, %Y"),
        (["05-JAN-24"], "%d-%b-%y"),
        (["05JAN2024"], "%d%b%Y"),
        (["31.12.2024, 10:00"], "%d.%m.%Y, %H:%M"),
        (["12/31/2024 3:04 PM"], "%m/%d/%Y %I:%M %p"),
        (["Mon, 5 Jan 2024 10:00:00 +0100"], "%a, %d %b %Y %H:%M:%S %z"),
    ],
)
def test_form_of_dates(texts: list[str], form: str | None) -> None:
    found = chosen(texts)
    assert found.format == form
    assert found.rows == len(texts)
    assert not found.ambiguous


def test_one_day_over_twelve_decides_for_all() -> None:
    assert chosen(["1/2/2024"] * 99 + ["1/13/2024"]).format == "%m/%d/%Y"


def test_order_is_open_if_both_fit() -> None:
    assert chosen(["1/2/2024"]).ambiguous


def test_year_of_two_digits_may_come_first_with_dashes() -> None:
    assert chosen(["24-01-31"]).ambiguous


@pytest.mark.parametrize(
    ("day_first", "form"), [(True, "%d/%m/%Y"), (False, "%m/%d/%Y")]
)
def test_hint_decides_what_is_open(day_first: bool, form: str) -> None:
    assert chosen(["1/2/2024"], day_first)[:3] == (form, 1, False)


def test_hint_does_not_overrule_the_table() -> None:
    assert chosen(["13/2/2024"], day_first=False).format == "%d/%m/%Y"


def test_form_is_that_of_most_rows() -> None:
    form = chosen(["2024-01-31"] * 3 + ["31.01.2024"])
    assert (form.format, form.rows) == (None, 3)


def test_dates_that_do_not_exist_have_the_form_as_well() -> None:
    assert is_form("31.02.2024", "%d.%m.%Y")
    assert is_form("2024-02-30", None)
    assert is_form("20240230", "%Y%m%d")
    assert not is_form("soon", "%d.%m.%Y")


def test_shapes_fit_a_format() -> None:
    assert fits("##.##.####\t\tdmd", "%d.%m.%Y")
    assert not fits("##.##.####\t\tdmd", "%m.%d.%Y")


def test_formats_are_all_by_which_a_shape_can_be_read() -> None:
    assert formats("##.##.####\t\tdmd") == {"%d.%m.%Y"}
    assert formats("##/##/####\t\tmmd") == {"%d/%m/%Y", "%m/%d/%Y"}
    assert formats("####-##-##\t\t") >= {None, "%Y-%m-%d"}
