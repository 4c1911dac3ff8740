"""Confusion matrix and importance as tables in Markdown, from any names and numbers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.report.plot_tables import (
    CLASSES,
    FEATURES,
    PAIRS,
    Rows,
    confusion_matrix,
    importance,
    positives,
    read_counts,
)

from .conftest import table_rows

HOSTILE = ["<b>", "a|b", "`code` @user", "[x](http://y)", "c\nd", "x" * 999, ""]


def matrix(names: list[str], counts: list[object]) -> Rows:
    """Return the rows of a confusion matrix."""
    pairs = [(actual, predicted) for actual in names for predicted in names]
    return [
        {"actual": actual, "predicted": predicted, "rows": str(count)}
        for (actual, predicted), count in zip(pairs, counts, strict=True)
    ]


def features(values: dict[str, object]) -> Rows:
    """Return the rows of a table of importance."""
    return [
        {"feature": name, "importance": str(value), "deviation": "0.5"}
        for name, value in values.items()
    ]


def test_few_classes_have_a_matrix_of_counts_shares_and_the_base() -> None:
    names = ["no", "yes"]
    now = matrix(names, [3000, 1000, 0, 7])
    text = confusion_matrix(matrix(names, [3001, 999, 0, 7]), now)
    assert "Before an arrow: the base." in text
    assert table_rows(text) == [
        ["`no`", "3,001 → 3,000 (75.0 %)", "999 → 1,000 (25.0 %)"],
        ["`yes`", "0 (0.0 %)", "7 (100.0 %)"],
    ]
    for base in ([], now):
        assert "→" not in confusion_matrix(base, now)
        assert "arrow" not in confusion_matrix(base, now)


def test_many_classes_have_the_most_frequent_mistakes() -> None:
    names = [f"c{number}" for number in range(CLASSES + 1)]
    counts = [*range(len(names) ** 2)]
    text = confusion_matrix([], matrix(names, [*counts]))
    wrong = sum(counts) - sum(counts[:: len(names) + 1])
    assert f"{wrong:,} of {sum(counts):,} test rows are wrong" in text
    rows = table_rows(text)
    assert len(rows) == PAIRS
    assert rows[0][:2] == ["`c6`", "`c5`"]
    assert rows[0][2].startswith("47 (")
    right = [int(place % (len(names) + 1) == 0) for place in counts]
    assert confusion_matrix([], matrix(names, [*right])).endswith("are wrong.")


def test_importance_has_bars_and_the_base_where_it_changed() -> None:
    now = features({"b": 0.1, "a": 0.4, "c": -0.2})
    text = importance([], now)
    assert table_rows(text) == [
        ["`a`", "0.4000 ± 0.5000", "█" * 20],
        ["`b`", "0.1000 ± 0.5000", "█" * 5],
        ["`c`", "-0.2000 ± 0.5000", "-"],
    ]
    assert importance(now, now) == text
    changed = importance(features({"a": 0.3}), now)
    assert [row[1] for row in table_rows(changed)] == ["0.3000", "-", "-"]


def test_only_the_most_important_columns_are_shown() -> None:
    values: dict[str, object] = {f"x{number}": number for number in range(500)}
    text = importance([], features(values))
    assert f"{FEATURES} of 500 columns." in text
    assert [row[0] for row in table_rows(text)][:2] == ["`x499`", "`x498`"]
    assert len(table_rows(text)) == FEATURES


@pytest.mark.parametrize("names", [HOSTILE, HOSTILE[:3]])
def test_names_are_inert_and_short(names: list[str]) -> None:
    counts: list[object] = [*range(len(names) ** 2)]
    texts = [
        confusion_matrix([], matrix(names, counts)),
        importance([], features(dict.fromkeys(names, 1))),
    ]
    for text in texts:
        assert len(text.encode()) < 6_000
        bare = re.sub("`[^`]*`", "", text)
        assert not re.search(r"[<>@\[]|http|xx", bare)
        assert "x" * 61 not in text
        widths = {line.count("|") for line in text.splitlines() if line[:1] == "|"}
        assert len(widths) == 1


ANY = st.text(max_size=8) | st.none()


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["actual", "predicted", "rows", "feature", "importance", "deviation"]
            ),
            ANY | st.floats().map(str),
        ),
        max_size=30,
    )
)
def test_any_table_is_no_error(rows: Rows) -> None:
    for function in (confusion_matrix, importance):
        text = function(rows, rows[::2])
        assert "nan" not in re.sub("`[^`]*`", "", text)
        assert len(text.encode()) < 20_000


def test_share_of_positives_is_that_of_the_second_of_two_classes() -> None:
    assert positives(read_counts(matrix(["no", "yes"], [50, 10, 30, 10]))) == 0.4
    assert positives(read_counts(matrix(["no", "yes"], [0] * 4))) is None
    assert positives(read_counts(matrix(["a", "b", "c"], [1] * 9))) is None
