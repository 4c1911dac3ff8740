"""Tests of reproducible_ml.modeling.model.transformers."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, pearsonr
from sklearn.base import clone

from reproducible_ml.modeling.model.transformers import Words

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


def test_a_word_is_one_where_the_text_has_it(notes: pd.DataFrame) -> None:
    seen = Words(1, "binary").fit_transform(notes, BINARY)
    np.testing.assert_array_equal(seen[:, 0], BINARY)


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


def test_rows_are_transformed_one_by_one(notes: pd.DataFrame) -> None:
    words = Words(3, "binary").fit(notes, BINARY)
    alone = [words.transform(notes.iloc[[row]]) for row in range(40)]
    np.testing.assert_array_equal(np.vstack(alone), words.transform(notes))


def test_no_row_gives_no_row(notes: pd.DataFrame) -> None:
    assert Words(3, "binary").fit(notes, BINARY).transform(notes[:0]).shape == (0, 4)


def test_rows_are_left_as_they_were(notes: pd.DataFrame) -> None:
    before = notes.copy()
    Words(3, "binary").fit_transform(notes, BINARY)
    pd.testing.assert_frame_equal(notes, before)


def test_a_clone_is_unfitted(notes: pd.DataFrame) -> None:
    copy = clone(Words(3, "binary").fit(notes, BINARY))
    assert copy.get_params() == {"number": 3, "task": "binary"}
    assert not hasattr(copy, "words_")
