"""Tests of reproducible_ml.profiling.numbers."""

import pytest

from reproducible_ml.profiling.numbers import is_unit, may_be_unit


@pytest.mark.parametrize("unit", ["kg", "%", "€", "EUR", "mmHg"])
def test_units_and_currencies_are_known(unit: str) -> None:
    assert is_unit(unit)


@pytest.mark.parametrize("suffix", ["A", "x"])
def test_single_letters_are_no_units(suffix: str) -> None:
    assert not may_be_unit(suffix)


@pytest.mark.parametrize("suffix", ["", "g", "k", "Stk", "%"])
def test_other_suffixes_may_be(suffix: str) -> None:
    assert may_be_unit(suffix)
