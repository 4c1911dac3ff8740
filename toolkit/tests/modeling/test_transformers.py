"""Transformers: what becomes of dates, categories, numbers and texts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, pearsonr
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    CategoryColumns,
    Clip,
    Numbers,
    Words,
)


@pytest.fixture
def dates() -> pd.DataFrame:
    """Return a Thursday night, a date that is missing, and a Sunday noon."""
    texts = ["2024-02-29 23:59:59", "NaT", "2023-12-31 12:00"]
    moments = pd.Series(pd.to_datetime(texts, format="ISO8601"))
    return pd.DataFrame({"ordered_at": moments, "paid_at": moments.shift(1)})


def test_a_date_becomes_numbers(dates: pd.DataFrame) -> None:
    fields = Calendar().fit_transform(dates[["ordered_at"]])
    np.testing.assert_array_equal(fields[0], [2024, 2, 29, 3, 23, 19782])
    np.testing.assert_array_equal(fields[2], [2023, 12, 31, 6, 12, 19722])


def test_days_are_counted_from_1970_on_both_sides_and_whole() -> None:
    texts = ["1969-12-31 23:00", "1970-01-01 00:00", "1970-01-02 23:59"]
    moments = pd.DataFrame({"at": pd.to_datetime(texts, format="ISO8601")})
    assert Calendar().fit_transform(moments)[:, -1].tolist() == [-1, 0, 1]


def test_a_missing_date_gives_missing_numbers(dates: pd.DataFrame) -> None:
    assert np.isnan(Calendar().fit_transform(dates[["ordered_at"]])[1]).all()


def test_a_column_of_missing_dates_gives_missing_numbers() -> None:
    nothing = pd.DataFrame({"ordered_at": pd.Series([pd.NaT] * 2)})
    assert np.isnan(Calendar().fit_transform(nothing)).all()


def test_each_column_gives_the_numbers_that_are_asked_for(dates: pd.DataFrame) -> None:
    calendar = Calendar({"ordered_at": ["hour"], "paid_at": ["month", "days"]})
    fields = calendar.fit_transform(dates)
    np.testing.assert_array_equal(fields[2, :1], [12])
    names = ["ordered_at_hour", "paid_at_month", "paid_at_days"]
    assert list(calendar.get_feature_names_out()) == names


def test_each_column_gives_six(dates: pd.DataFrame) -> None:
    calendar = Calendar().fit(dates)
    names = calendar.get_feature_names_out()
    assert list(names[5:8]) == ["ordered_at_days", "paid_at_year", "paid_at_month"]
    assert calendar.transform(dates).shape == (3, len(names)) == (3, 12)


CHANNELS = ["web", "shop", "phone"]
CATEGORIES: dict[str, list[Any]] = {"channel": CHANNELS, "size": [3, 1, 2]}


@pytest.fixture
def categories() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": pd.Categorical(["phone", None, "web"], categories=CHANNELS),
            "size": pd.Categorical([1, 2, 3], categories=[3, 1, 2]),
        }
    )


def test_a_code_is_the_place_in_the_contract(categories: pd.DataFrame) -> None:
    codes = CategoryCodes(CATEGORIES).fit_transform(categories)
    np.testing.assert_array_equal(codes, [[2, 1], [np.nan, 2], [0, 0]])


def test_codes_do_not_depend_on_the_order_of_categories_in_the_rows(
    categories: pd.DataFrame,
) -> None:
    channel = categories["channel"].cat.reorder_categories(sorted(CHANNELS))
    codes = CategoryCodes(CATEGORIES).fit(categories)
    np.testing.assert_array_equal(
        codes.transform(categories.assign(channel=channel)), codes.transform(categories)
    )


def test_an_unknown_category_gives_a_missing_code(categories: pd.DataFrame) -> None:
    other = categories.assign(channel=pd.Categorical(["fax", "web", "WEB"]))
    codes = CategoryCodes(CATEGORIES).fit(categories).transform(other)
    np.testing.assert_array_equal(codes[:, 0], [np.nan, 0, np.nan])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*CHANNELS, "fax", None]), min_size=1, max_size=20))
def test_codes_equal_those_of_the_ordinal_encoder(values: list[str | None]) -> None:
    channels = pd.Series(values, dtype=object)
    encoder = OrdinalEncoder(
        categories=[CHANNELS], handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    expected = encoder.fit(pd.DataFrame({"channel": CHANNELS})).transform(
        pd.DataFrame({"channel": channels})
    )
    categorical = pd.DataFrame({"channel": channels.astype("category")})
    codes = CategoryCodes({"channel": CHANNELS}).fit_transform(categorical)
    np.testing.assert_array_equal(codes, expected)


def test_more_categories_than_a_byte_holds() -> None:
    many = [f"shop {number}" for number in range(300)]
    rows = pd.DataFrame({"shop": pd.Categorical(many, categories=many)})
    codes = CategoryCodes({"shop": many}).fit_transform(rows)
    np.testing.assert_array_equal(codes[:, 0], np.arange(300))


def test_each_category_has_a_column_in_the_order_of_the_contract(
    categories: pd.DataFrame,
) -> None:
    columns = CategoryColumns(CATEGORIES).fit(categories)
    np.testing.assert_array_equal(
        columns.transform(categories),
        [[0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1, 0, 0, 1, 0, 0]],
    )
    names = ["channel_web", "channel_shop", "channel_phone"]
    names += ["size_3", "size_1", "size_2"]
    assert list(columns.get_feature_names_out()) == names


def test_an_unknown_category_is_in_no_column(categories: pd.DataFrame) -> None:
    other = categories.assign(channel=pd.Categorical(["fax", "web", "WEB"]))
    columns = CategoryColumns(CATEGORIES).fit(categories).transform(other)
    np.testing.assert_array_equal(columns[:, :3].sum(axis=1), [0, 1, 0])


@pytest.mark.parametrize("values", [[3, 1, 2], [True, False]])
def test_a_missing_value_changes_no_name(values: list[int]) -> None:
    rows = pd.DataFrame({"kind": pd.Categorical([*values, None], categories=values)})
    columns = CategoryColumns({"kind": values}).fit(rows)
    names = [f"kind_{value}" for value in values]
    assert list(columns.get_feature_names_out()) == names
    expected = np.eye(len(values) + 1, len(values))
    np.testing.assert_array_equal(columns.transform(rows), expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*CHANNELS, "fax", None]), min_size=1, max_size=20))
def test_columns_equal_those_of_the_one_hot_encoder(values: list[str | None]) -> None:
    rows = pd.DataFrame({"channel": pd.Series(values, dtype=object)})
    encoder = OneHotEncoder(
        categories=[CHANNELS], handle_unknown="ignore", sparse_output=False
    )
    expected = encoder.fit(pd.DataFrame({"channel": CHANNELS})).transform(rows)
    columns = CategoryColumns({"channel": CHANNELS}).fit_transform(
        rows.astype("category")
    )
    np.testing.assert_array_equal(columns, expected)


BOUNDS = {"amount": (0.5, 9.5), "items": (1.5, 3.5)}


@pytest.fixture
def outliers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": [-1.0, 5.0, None, 99.0],
            "items": pd.array([0, 2, None, 99], dtype="Int64"),
            "channel": pd.Categorical(["shop", "web", "shop", None]),
        }
    )


def test_values_move_to_the_nearest_bound(outliers: pd.DataFrame) -> None:
    """The report of `clean` gives bounds as lists, as JSON has no tuples."""
    lists: Any = {name: list(limits) for name, limits in BOUNDS.items()}
    for bounds in (BOUNDS, lists):
        clipped = Clip(bounds).fit_transform(outliers)
        assert clipped["amount"].dropna().tolist() == [0.5, 5.0, 9.5]
        assert clipped["items"].dropna().tolist() == [2, 2, 3]
        assert clipped["items"].dtype == "Int64"
        assert clipped.isna().equals(outliers.isna())
        pd.testing.assert_series_equal(clipped["channel"], outliers["channel"])


def make_rows(values: int, rows: int = 100) -> pd.DataFrame:
    """Return a column without gaps, and one with so many values."""
    place = np.arange(rows)
    return pd.DataFrame({"full": place, "gaps": np.where(place < values, 7.5, np.nan)})


def test_all_kinds_of_numbers_become_floats() -> None:
    rows = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3] * 5, dtype="Int64"),
            "flag": pd.array([True, None, False] * 5, dtype="boolean"),
            "member": [True, False, True] * 5,
            "amount": [0.5, np.nan, -1.0] * 5,
        }
    )
    numbers = Numbers().fit_transform(rows)
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers[0], [1, 1, 1, 0.5])
    np.testing.assert_array_equal(numbers[1], [np.nan, np.nan, 0, np.nan])


@pytest.mark.parametrize(
    ("values", "rows", "kept"),
    [(4, 100, False), (5, 100, True), (9, 10_000, False), (10, 10_000, True)],
)
def test_a_column_with_hardly_any_value_is_zero(
    values: int, rows: int, kept: bool
) -> None:
    gaps = Numbers().fit_transform(make_rows(values, rows))[:, 1]
    assert set(gaps[:values]) == {7.5 if kept else 0}
    assert np.isnan(gaps[values:]).all() == kept


def test_a_column_that_was_empty_in_training_stays_zero_in_use() -> None:
    numbers = Numbers().fit(make_rows(0))
    np.testing.assert_array_equal(numbers.transform(make_rows(1, 2)), [[0, 0], [1, 0]])


@pytest.mark.parametrize(("values", "rows"), [(0, 100), (1, 300_000), (300, 300_000)])
def test_boosting_can_be_fitted_however_few_values_there_are(
    values: int, rows: int
) -> None:
    """Alone, it draws 200 000 rows, and fails on a column that is empty among them."""
    boosting = HistGradientBoostingRegressor(max_iter=1, random_state=3)
    pipeline = make_pipeline(Numbers(), boosting)
    pipeline.fit(make_rows(values, rows), np.arange(rows) % 5)
    assert pipeline.predict(make_rows(1, 2)).shape == (2,)


BINARY = np.arange(40) < 20


def make_notes(*texts: str | None) -> pd.DataFrame:
    """Return each text in ten rows, in the column `note`."""
    notes = pd.Series(texts, dtype="str", name="note").repeat(10)
    return notes.reset_index(drop=True).to_frame()


@pytest.fixture
def notes() -> pd.DataFrame:
    """Return 40 rows; the first 20 are of the positive class."""
    return make_notes(
        "the door was broken",
        "the BROKEN one",
        "thanks for the ride",
        "the door is red",
    )


def test_the_words_that_go_with_the_target_are_chosen(notes: pd.DataFrame) -> None:
    words = Words(1, "binary").fit(notes, BINARY)
    assert words.words_ == {"note": ["broken"]}


def test_a_word_that_occurs_twice_is_still_one(notes: pd.DataFrame) -> None:
    words = Words(1, "binary").fit(notes, BINARY)
    twice = pd.DataFrame({"note": ["broken, broken!"]})
    assert words.transform(twice).tolist() == [[1, 2]]


def test_the_last_column_is_the_length_in_words(notes: pd.DataFrame) -> None:
    seen = Words(2, "binary").fit_transform(notes, BINARY)
    assert seen[::10, -1].tolist() == [4, 3, 4, 4]


@pytest.mark.parametrize("dtype", ["str", "object"])
def test_a_missing_text_has_no_words(notes: pd.DataFrame, dtype: str) -> None:
    words = Words(2, "binary").fit(notes, BINARY)
    missing = pd.DataFrame({"note": pd.Series([None, "broken"], dtype=dtype)})
    assert words.transform(missing)[0].tolist() == [0, 0, 0]


def test_case_and_accents_make_no_difference() -> None:
    notes = make_notes("Crème", "creme", "CRÈME", "cre\u0300me")
    words = Words(5, "binary").fit(notes.assign(note=notes["note"][:35]), BINARY)
    assert words.words_ == {"note": ["creme"]}
    assert words.transform(notes)[:, 0].all()


def test_words_of_almost_no_row_or_almost_all_are_left_out() -> None:
    rare, common = ["seldom"] * 4 + [""] * 36, ["always"] * 36 + [""] * 4
    texts = [f"{a} {b}" for a, b in zip(rare, common, strict=True)]
    words = Words(5, "binary").fit(pd.DataFrame({"note": texts}), BINARY)
    assert words.words_ == {"note": []}


def test_of_equal_words_the_first_in_the_alphabet_is_chosen() -> None:
    notes = make_notes("zebra apple mouse", "mouse zebra apple", "", "")
    assert Words(2, "binary").fit(notes, BINARY).words_ == {"note": ["apple", "mouse"]}


def random_notes(rows: int) -> tuple[pd.DataFrame, pd.Series]:
    """Return texts of words by chance, and a number that depends on two of them."""
    random = np.random.default_rng(0)
    words = np.array(["red", "blue", "green", "old", "new", "big", "small", "flat"])
    has = random.random((rows, len(words))) < random.uniform(0.1, 0.6, len(words))
    texts = [" ".join(words[row]) for row in has]
    number = 2.0 * has[:, 3] - has[:, 5] + random.normal(size=rows)
    return pd.DataFrame({"note": pd.Series(texts, dtype="str")}), pd.Series(number)


def test_for_a_number_the_words_of_highest_correlation_are_chosen() -> None:
    notes, number = random_notes(300)
    seen = Words(8, "regression").fit(notes, number)
    table = seen.set_output(transform="pandas").transform(notes).iloc[:, :-1]
    strength = table.apply(lambda column: pearsonr(column, number).statistic ** 2)
    expected = sorted(strength.nlargest(3).index.str.removeprefix("note_has_"))
    assert Words(3, "regression").fit(notes, number).words_ == {"note": expected}


def test_for_two_classes_the_words_of_highest_chi_squared_are_chosen() -> None:
    notes, number = random_notes(300)
    seen = Words(8, "binary").fit(notes, number > 1)
    table = seen.set_output(transform="pandas").transform(notes).iloc[:, :-1]
    strength = table.apply(
        lambda column: (
            chi2_contingency(
                pd.crosstab(column, number > 1), correction=False
            ).statistic
        )
    )
    expected = sorted(strength.nlargest(3).index.str.removeprefix("note_has_"))
    assert Words(3, "binary").fit(notes, number > 1).words_ == {"note": expected}


def test_each_of_many_classes_has_its_words(notes: pd.DataFrame) -> None:
    classes = np.repeat(["broken", "broken", "kind", "red"], 10)
    words = Words(6, "multiclass").fit(notes, pd.Series(classes)).words_["note"]
    assert words == ["broken", "for", "is", "red", "ride", "thanks"]


@pytest.mark.parametrize("texts", [[None] * 4, ["?", "", " ", "a"]])
def test_a_column_without_words_gives_its_length(texts: list[str | None]) -> None:
    seen = Words(5, "binary").fit_transform(make_notes(*texts), BINARY)
    assert seen.shape == (40, 1)


@pytest.mark.parametrize(("task", "target"), [("binary", False), ("regression", 1.5)])
def test_a_target_of_one_value_does_no_harm(
    notes: pd.DataFrame, task: str, target: float
) -> None:
    seen = Words(2, task).fit_transform(notes, np.full(40, target))
    assert seen.shape == (40, 3)


def test_each_column_has_words_of_its_own(notes: pd.DataFrame) -> None:
    both = notes.assign(answer=make_notes("no", "never", "yes", "yes")["note"])
    words = Words(1, "binary").fit(both, BINARY)
    assert list(words.get_feature_names_out()) == [
        "note_has_broken",
        "note_words",
        "answer_has_yes",
        "answer_words",
    ]
    assert words.transform(both)[0].tolist() == [1, 4, 0, 1]


def test_columns_are_found_by_name(notes: pd.DataFrame) -> None:
    both = notes.assign(answer="no")
    words = Words(1, "binary").fit(both, BINARY)
    np.testing.assert_array_equal(
        words.transform(both[["answer", "note"]]), words.transform(both)
    )


def test_no_row_gives_no_row(notes: pd.DataFrame) -> None:
    assert Words(3, "binary").fit(notes, BINARY).transform(notes[:0]).shape == (0, 4)


@pytest.fixture(
    params=["Calendar", "CategoryCodes", "CategoryColumns", "Clip", "Numbers", "Words"]
)
def fitted(
    request: pytest.FixtureRequest,
    dates: pd.DataFrame,
    categories: pd.DataFrame,
    outliers: pd.DataFrame,
    notes: pd.DataFrame,
) -> tuple[Any, pd.DataFrame]:
    """Return each transformer, fitted, and the rows that it was fitted to."""
    known: dict[str, tuple[Any, pd.DataFrame]] = {
        "Calendar": (Calendar(), dates),
        "CategoryCodes": (CategoryCodes(CATEGORIES), categories),
        "CategoryColumns": (CategoryColumns(CATEGORIES), categories),
        "Clip": (Clip(BOUNDS), outliers),
        "Numbers": (Numbers(), make_rows(50)),
        "Words": (Words(3, "binary"), notes),
    }
    transformer, rows = known[request.param]
    before = rows.copy()
    transformer.fit_transform(rows, BINARY[: len(rows)])
    pd.testing.assert_frame_equal(rows, before)
    return transformer, rows


def test_rows_are_transformed_one_by_one(fitted: tuple[Any, pd.DataFrame]) -> None:
    transformer, rows = fitted
    whole = transformer.set_output(transform="pandas").transform(rows)
    assert list(whole) == list(transformer.get_feature_names_out())
    alone = [transformer.transform(rows.iloc[[row]]) for row in range(len(rows))]
    pd.testing.assert_frame_equal(pd.concat(alone), whole, check_dtype=False)


def test_clone_is_unfitted_with_the_same_settings(
    fitted: tuple[Any, pd.DataFrame],
) -> None:
    transformer, _ = fitted
    copy = clone(transformer)
    assert copy.get_params() == transformer.get_params()
    assert not hasattr(copy, "feature_names_in_")
