"""Row keys depend on the row alone, and are the same everywhere."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core import keys

floats = st.lists(st.floats(), min_size=1, max_size=30)


def key_of(values: list[object], dtype: str) -> list[int]:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    return [int(key) for key in keys.hash_rows(frame, ["x"])]


def some_keys(number: int) -> keys.Keys:
    return keys.hash_rows(pd.DataFrame({"x": np.arange(number)}), ["x"])


def test_values_that_are_equal_have_equal_keys() -> None:
    assert len(set(key_of([0.0, -0.0], "float64"))) == 1
    # Other programs write NaN in other bits.
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
def test_values_that_differ_have_different_keys(
    values: list[object], dtype: str
) -> None:
    assert len(set(key_of(values, dtype))) == 3
    # A missing value elsewhere in the column changes nothing.
    assert key_of(values[:2], dtype)[:1] == key_of(values[:1], dtype)


def test_categories_in_another_order_do_not_change_keys() -> None:
    one, other = (
        pd.DataFrame({"x": pd.Categorical(["a", "b"], categories=categories)})
        for categories in (["a", "b"], ["c", "b", "a"])
    )
    left, right = keys.hash_rows(one, ["x"]), keys.hash_rows(other, ["x"])
    assert left.tolist() == right.tolist()


def test_only_the_named_columns_count_and_their_order_does() -> None:
    frame = pd.DataFrame({"x": [1, 1, 2], "y": [1, 2, 1]})
    assert len(set(keys.hash_rows(frame, ["x"]))) == 2
    assert len(set(keys.hash_rows(frame, ["x", "y"]))) == 3


def test_index_is_ignored_and_the_frame_is_not_changed() -> None:
    frame = pd.DataFrame({"x": [-0.0, 1.0]}, index=[7, 8])
    row_keys = keys.hash_rows(frame, ["x"])
    assert row_keys.tolist() == key_of([0.0, 1.0], "float64")
    assert np.signbit(frame["x"].to_numpy()[0])


@given(values=floats, cut=st.integers(0, 30), data=st.data())
def test_key_does_not_depend_on_other_rows(
    values: list[object], cut: int, data: st.DataObject
) -> None:
    whole = key_of(values, "float64")
    assert key_of(values[:cut], "float64") + key_of(values[cut:], "float64") == whole
    order = data.draw(st.permutations(range(len(values))))
    moved = key_of([values[i] for i in order], "float64")
    assert moved == [whole[i] for i in order]


# A change would change every split and every interval of every project.
def test_keys_are_the_same_in_every_version() -> None:
    frame = pd.DataFrame({"x": [0.5], "y": pd.Series(["a"], dtype="str")})
    assert keys.hash_rows(frame, ["x", "y"]).tolist() == [18275664495859046308]


# The first three numbers of the reference program of SplitMix64 from seed 0.
def test_mix_is_splitmix64() -> None:
    seed = np.zeros(1, dtype=np.uint64)
    numbers = [int(keys.mix(seed, salt)[0]) for salt in range(3)]
    assert numbers == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_uniform_numbers_are_spread_and_independent() -> None:
    row_keys = some_keys(10_000)
    numbers = keys.uniform(row_keys, 1)
    counts = np.histogram(numbers, bins=10, range=(0, 1))[0]
    assert counts.sum() == 10_000
    assert numbers.max() < 1
    assert abs(counts - 1000).max() < 5 * 1000**0.5
    assert abs(np.corrcoef(numbers, keys.uniform(row_keys, 0))[0, 1]) < 0.05


def test_salts_are_64_bits_that_differ() -> None:
    salts = [keys.salt_from_text(salt) for salt in ("", "a", "b", "ab", "ü")]
    assert len(set(salts)) == 5
    assert all(0 <= salt < 2**64 for salt in salts)


def test_sample_is_in_order_and_does_not_depend_on_the_order_of_rows() -> None:
    row_keys = some_keys(100)
    chosen = keys.sample_rows(row_keys, 30, 0).tolist()
    assert len(chosen) == 30
    assert chosen == sorted(set(chosen))
    backwards = row_keys[::-1][keys.sample_rows(row_keys[::-1], 30, 0)]
    assert set(backwards) == set(row_keys[chosen])
    for rows in (100, 101):
        assert keys.sample_rows(row_keys, rows, 0).tolist() == list(range(100))


def test_each_copy_has_a_key_of_its_own() -> None:
    one = np.repeat(some_keys(5), 400)
    copies = np.tile(np.arange(400), 5)
    own = keys.number_copies(one, copies)
    assert len(np.unique(own)) == len(own)
    assert own[copies == 0].tolist() == some_keys(5).tolist()
    assert 0.2 < (keys.uniform(own, 0) < 0.25).mean() < 0.3


@pytest.mark.parametrize("rows", [0, 1, 300, keys.SHORT + 1])
def test_keys_are_what_pandas_hashes(rows: int) -> None:
    random = np.random.default_rng(rows)
    frame = pd.DataFrame(
        {
            "number": random.normal(size=rows),
            "whole": random.integers(-9, 9, rows),
            "kind": pd.Categorical(random.choice(["x", "y"], rows)),
            "counted": pd.array(random.integers(0, 9, rows), dtype="Int64"),
            "flag": random.random(rows) < 0.5,
            "text": [f"t{row % 7}" for row in range(rows)],
            "day": pd.date_range("2020-01-01", periods=rows, freq="h"),
            "small": random.normal(size=rows).astype("float32"),
            # Missing values have a sign as well.
            "gaps": -np.where(random.random(rows) < 0.5, np.nan, 1.0),
        }
    )
    for names in ([*frame], ["whole", "number"], ["gaps"], ["text", "kind"], []):
        expected = pd.util.hash_pandas_object(frame[names], index=False)
        assert (keys.hash_rows(frame, names) == expected.to_numpy()).all()
