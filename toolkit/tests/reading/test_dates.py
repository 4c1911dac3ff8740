"""Dates in formats with names of months, quarters and Greenwich time."""

import pandas as pd
import pytest

from reproducible_ml.reading.dates import parse_dates


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
