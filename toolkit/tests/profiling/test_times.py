"""Tests of reproducible_ml.profiling.dates."""

import pyarrow as pa
import pytest

from reproducible_ml.profiling.dates import describe_times_of_day


@pytest.mark.parametrize(
    "texts",
    [
        ["13:45", "00:00"],
        ["9:05:30", " 23:59:59.123456 "],
        ["1:45 pm", "12:00AM", "8:30 a.m."],
        ["13:45"] * 19 + ["noon"],
    ],
)
def test_times_are_told_with_an_example(texts: list[str]) -> None:
    assert describe_times_of_day(pa.array(texts)) == (
        f'times as "{texts[0]}", read as texts;'
        " export hours as numbers (13.75) if they matter"
    )


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["24:00", "25:61"],
        ["13.45", "1345"],
        ["2024-01-31 13:45"],
        ["3:1 win"],
        ["13:45", "noon"],
    ],
)
def test_other_texts_are_no_times(texts: list[str]) -> None:
    assert describe_times_of_day(pa.array(texts, pa.string())) == ""
