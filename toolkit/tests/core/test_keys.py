"""Tests of reproducible_ml.core.keys."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core import keys

words = st.lists(st.text(max_size=5), min_size=1, max_size=30)
floats = st.lists(st.floats(), min_size=1, max_size=30)


def key_of(values: list[object], dtype: str) -> list[int]:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    return [int(key) for key in keys.hash_rows(frame, ["x"])]


def some_keys(number: int) -> keys.Keys:
    return keys.hash_rows(pd.DataFrame({"x": np.arange(number)}), ["x"])


def test_hash_rows_takes_minus_zero_for_zero() -> None:
    assert len(set(key_of([0.0, -0.0], "float64"))) == 1


def test_hash_rows_takes_missing_values_for_equal() -> None:
    # The same "not a number" in other bits, as other programs write it.
    other = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]
    assert len(set(key_of([np.nan, -np.nan, other], "float64"))) == 1


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["a", None, "b"], "str"),
        ([1, None, 0], "Int64"),
        ([True, None, False], "boolean"),
        ([0.5, None, 0.0], "float64"),
        (["2024-01-31", None, "1970-01-01"], "datetime64[ns]"),
        (["a", None, "b"], "category"),
    ],
)
def test_hash_rows_tells_values_apart(values: list[object], dtype: str) -> None:
    assert len(set(key_of(values, dtype))) == 3


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["a", None], "str"),
        ([1, None], "Int64"),
        ([True, None], "boolean"),
        (["2024-01-31", None], "datetime64[ns]"),
    ],
)
def test_hash_rows_does_not_depend_on_missing_values_elsewhere(
    values: list[object], dtype: str
) -> None:
    assert key_of(values, dtype)[:1] == key_of(values[:1], dtype)


def test_hash_rows_does_not_depend_on_the_order_of_categories() -> None:
    one, other = (
        pd.DataFrame({"x": pd.Categorical(["a", "b"], categories=categories)})
        for categories in (["a", "b"], ["c", "b", "a"])
    )
    left, right = keys.hash_rows(one, ["x"]), keys.hash_rows(other, ["x"])
    assert left.tolist() == right.tolist()


def test_hash_rows_looks_at_these_columns_alone() -> None:
    frame = pd.DataFrame({"x": [1, 1], "y": [1, 2]})
    assert len(set(keys.hash_rows(frame, ["x"]))) == 1
    assert len(set(keys.hash_rows(frame, ["x", "y"]))) == 2


def test_hash_rows_tells_columns_apart() -> None:
    frame = pd.DataFrame({"x": ["a", "b"], "y": ["b", "a"]})
    assert len(set(keys.hash_rows(frame, ["x", "y"]))) == 2


def test_hash_rows_ignores_the_index_and_leaves_the_frame_alone() -> None:
    frame = pd.DataFrame({"x": [-0.0, 1.0]}, index=[7, 8])
    before = frame.copy()
    row_keys = keys.hash_rows(frame, ["x"])
    assert row_keys.tolist() == key_of([0.0, 1.0], "float64")
    pd.testing.assert_frame_equal(frame, before)
    assert np.signbit(frame["x"].to_numpy()[0])


@given(words=words, numbers=st.data())
def test_hash_rows_does_not_depend_on_the_order_of_rows(
    words: list[str], numbers: st.DataObject
) -> None:
    order = numbers.draw(st.permutations(range(len(words))))
    frame = pd.DataFrame({"x": pd.Series(words, dtype="str"), "y": range(len(words))})
    row_keys = keys.hash_rows(frame, ["x", "y"])
    moved = keys.hash_rows(frame.iloc[order], ["x", "y"])
    assert moved.tolist() == row_keys[order].tolist()


@given(values=floats, cut=st.integers(0, 30))
def test_hash_rows_does_not_depend_on_other_rows(
    values: list[object], cut: int
) -> None:
    whole = key_of(values, "float64")
    assert key_of(values[:cut], "float64") + key_of(values[cut:], "float64") == whole


# What these are changes every split and every interval, so a change has to be meant.
def test_hash_rows_stays_what_it_is() -> None:
    frame = pd.DataFrame({"x": [0.5], "y": pd.Series(["a"], dtype="str")})
    assert keys.hash_rows(frame, ["x", "y"]).tolist() == [18275664495859046308]


# Made by the reference program of SplitMix64 from seed 0: its first three numbers.
def test_mix_is_splitmix64() -> None:
    seed = np.zeros(1, dtype=np.uint64)
    numbers = [int(keys.mix(seed, salt)[0]) for salt in range(3)]
    assert numbers == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_uniform_is_spread_over_0_to_1() -> None:
    numbers = keys.uniform(some_keys(10_000), 1)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=10, range=(0, 1))[0]
    assert abs(counts - 1000).max() < 5 * 1000**0.5


def test_uniform_of_two_salts_has_nothing_in_common() -> None:
    row_keys = some_keys(10_000)
    correlation = np.corrcoef(keys.uniform(row_keys, 0), keys.uniform(row_keys, 1))
    assert abs(correlation[0, 1]) < 0.05


@given(salt=st.text())
def test_number_of_a_salt_fits_into_64_bits(salt: str) -> None:
    assert 0 <= keys.salt_from_text(salt) < 2**64
    assert keys.salt_from_text(salt) == keys.salt_from_text(salt)


def test_number_tells_salts_apart() -> None:
    assert len({keys.salt_from_text(salt) for salt in ["", "a", "b", "ab"]}) == 4


@pytest.mark.parametrize("rows", [100, 101])
def test_sample_of_few_rows_is_all_of_them(rows: int) -> None:
    assert keys.sample_rows(some_keys(100), rows, 0).tolist() == list(range(100))


def test_sample_is_in_order_and_without_repeats() -> None:
    chosen = keys.sample_rows(some_keys(100), 30, 0).tolist()
    assert len(chosen) == 30
    assert chosen == sorted(set(chosen))


def test_sample_does_not_depend_on_the_order_of_rows() -> None:
    row_keys = some_keys(100)
    backwards = row_keys[::-1][keys.sample_rows(row_keys[::-1], 30, 0)]
    assert set(backwards) == set(row_keys[keys.sample_rows(row_keys, 30, 0)])
