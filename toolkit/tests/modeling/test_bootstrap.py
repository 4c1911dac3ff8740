"""Intervals of the Poisson bootstrap, compared with an ordinary one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Floats, Metrics, Predictions
from reproducible_ml.modeling.scoring.bootstrap import (
    CHUNK,
    percentile_interval,
    point,
    poisson_weights,
    replicate,
    rescale,
    unit_keys,
)
from tumour_diagnosis.models.metrics import BINARY


def some(*names: str) -> Metrics:
    """Return these metrics of a binary task."""
    return {name: BINARY[name] for name in names}


lists_of_keys = st.lists(
    st.integers(0, 2**64 - 1), min_size=1, max_size=20, unique=True
).map(lambda numbers: np.array(numbers, dtype=np.uint64))


def simulate(rows: int, random: np.random.Generator) -> tuple[Predictions, Keys]:
    """Return rows of a perfectly calibrated model, and random keys."""
    score = random.random(rows)
    row_keys = random.integers(0, 2**64, rows, dtype=np.uint64)
    return Predictions(random.random(rows) < score, score, 0.5), row_keys


def ordinary_bootstrap(rows: Predictions, name: str, replicates: int) -> Floats:
    """Return a metric of rows drawn with replacement, as textbooks do it."""
    random, count = np.random.default_rng(0), len(rows.actual)
    draws = random.multinomial(count, np.full(count, 1 / count), size=replicates)
    return BINARY[name].function(rows, draws.astype(np.float64))


@settings(max_examples=30, deadline=None)
@given(lists_of_keys, st.integers(0, 99))
def test_weights_move_with_their_rows(row_keys: Keys, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(row_keys))
    weights = poisson_weights(row_keys, range(5))
    np.testing.assert_array_equal(
        poisson_weights(row_keys[order], range(5)), weights[:, order]
    )


@settings(max_examples=30, deadline=None)
@given(lists_of_keys, lists_of_keys)
def test_other_rows_leave_the_weights_of_a_row_alone(old: Keys, new: Keys) -> None:
    together = poisson_weights(np.concatenate([new, old]), range(5))
    np.testing.assert_array_equal(
        together[:, len(new) :], poisson_weights(old, range(5))
    )


def test_a_replicate_has_the_same_weights_among_others(row_keys: Keys) -> None:
    weights = poisson_weights(row_keys, range(10))
    np.testing.assert_array_equal(poisson_weights(row_keys, range(7, 8))[0], weights[7])


def test_weights_stay_what_they_are() -> None:
    """Other weights would make the stored replicates of all revisions useless."""
    row_keys = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    expected = [[2, 1, 0, 2], [1, 2, 2, 2], [0, 3, 1, 0]]
    assert poisson_weights(row_keys, range(3)).tolist() == expected


@pytest.mark.parametrize("kind", ["random keys", "keys in a row"])
def test_weights_are_poisson_distributed_with_mean_1(kind: str) -> None:
    random = np.random.default_rng(0)
    row_keys = random.integers(0, 2**64, 2000, dtype=np.uint64)
    if kind == "keys in a row":
        row_keys = np.arange(2000, dtype=np.uint64)
    weights = poisson_weights(row_keys, range(100))
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.var() == pytest.approx(1, abs=0.02)
    seen = np.bincount(weights.astype(int).ravel().clip(max=6), minlength=7)
    chances = stats.poisson.pmf(np.arange(6), mu=1)
    expected = np.append(chances, 1 - chances.sum()) * weights.size
    assert stats.chisquare(seen, expected).pvalue > 0.001


def test_neither_rows_nor_replicates_are_correlated() -> None:
    weights = poisson_weights(np.arange(200, dtype=np.uint64), range(200))
    for table in (weights, weights.T):
        correlations = np.asarray(np.corrcoef(table))[np.triu_indices(200, k=1)]
        assert abs(correlations.mean()) < 0.005
        assert correlations.std() == pytest.approx(200**-0.5, rel=0.1)


def test_replicates_come_in_chunks_that_do_not_show(
    predicted: Predictions, row_keys: Keys
) -> None:
    names = some("accuracy", "roc_auc")
    many = replicate(predicted, row_keys, names, 2 * CHUNK + 1)
    few = replicate(predicted, row_keys, names, CHUNK // 2)
    for name in names:
        assert many[name].shape == (2 * CHUNK + 1,)
        np.testing.assert_array_equal(many[name][: CHUNK // 2], few[name])


def test_replicates_do_not_depend_on_the_order_of_rows(
    predicted: Predictions, row_keys: Keys
) -> None:
    turned = Predictions(predicted.actual[::-1], predicted.output[::-1], 0.5)
    there = replicate(predicted, row_keys, some("log_loss"), 100)
    back = replicate(turned, row_keys[::-1], some("log_loss"), 100)
    np.testing.assert_allclose(there["log_loss"], back["log_loss"])


def test_an_undefined_replicate_is_nan() -> None:
    rows = Predictions(np.array([True, False]), np.array([0.9, 0.1]), 0.5)
    few = replicate(rows, np.array([1, 2], dtype=np.uint64), some("roc_auc"), 100)
    assert 0 < np.isnan(few["roc_auc"]).sum() < 100


@pytest.mark.parametrize("name", BINARY)
def test_intervals_agree_with_an_ordinary_bootstrap(
    name: str, predicted: Predictions, row_keys: Keys
) -> None:
    ours = percentile_interval(replicate(predicted, row_keys, some(name), 2000)[name])
    theirs = percentile_interval(ordinary_bootstrap(predicted, name, 2000))
    width = theirs[1] - theirs[0]
    np.testing.assert_allclose(ours, theirs, atol=width / 10)


@pytest.mark.parametrize(("name", "truth"), [("accuracy", 0.75), ("roc_auc", 5 / 6)])
def test_intervals_hold_the_truth_about_95_times_in_100(
    name: str, truth: float
) -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        found = replicate(*simulate(200, random), some(name), 200)[name]
        low, high = percentile_interval(found)
        held += low <= truth <= high
    assert 0.88 <= held / 100 <= 0.99


def test_intervals_hold_the_truth_if_rows_of_an_entity_are_alike() -> None:
    """Ten rows of each of 40 patients, whom the model is right or wrong about."""
    random = np.random.default_rng(0)
    held = {"patient": 0, None: 0}
    for _ in range(100):
        right = np.repeat(random.random(40) < 0.75, 10)
        rows = pd.DataFrame(
            {"patient": np.repeat(np.arange(40), 10)},
            index=random.integers(0, 2**64, 400, dtype=np.uint64),
        )
        predicted = Predictions(right, np.ones(400), 0.5)
        for group in held:
            units = unit_keys(rows, group)
            low, high = percentile_interval(
                replicate(predicted, units, some("accuracy"), 200)["accuracy"]
            )
            held[group] += low <= 0.75 <= high
    assert 88 <= held["patient"] <= 99
    # Drawn one by one, they look like 400 patients.
    assert held[None] < 60


def test_row_without_an_entity_is_drawn_alone() -> None:
    index = np.array([7, 8, 9, 10], dtype=np.uint64)
    rows = pd.DataFrame({"patient": ["a", None, "a", None]}, index=index)
    found = unit_keys(rows, "patient")
    assert found[0] == found[2] not in index
    assert list(found[[1, 3]]) == [8, 10]
    # The same with other categories, as in another part of the table.
    again = rows.astype({"patient": pd.CategoricalDtype(["b", "a"])})
    assert list(unit_keys(again, "patient")) == list(found)


def test_replicates_of_two_models_are_compared_in_pairs(
    predicted: Predictions, row_keys: Keys
) -> None:
    noise = np.random.default_rng(2).normal(scale=0.05, size=400)
    other = predicted._replace(output=(predicted.output + noise).clip(0, 1))
    ours = replicate(predicted, row_keys, some("roc_auc"), 500)["roc_auc"]
    theirs = replicate(other, row_keys, some("roc_auc"), 500)["roc_auc"]
    paired = (ours - theirs).std()
    unpaired = (ours - np.roll(theirs, 1)).std()
    assert paired < unpaired / 3


def test_a_point_counts_each_row_once(predicted: Predictions) -> None:
    right = (predicted.output >= 0.5) == predicted.actual
    assert point(predicted, some("accuracy")) == {"accuracy": right.mean()}


def test_replicates_of_a_sample_move_to_the_metric_of_all_rows() -> None:
    around_the_sample = {"accuracy": np.array([0.6, 0.7, 0.8])}
    moved = rescale({"accuracy": 0.9}, {"accuracy": 0.7}, around_the_sample, 400, 100)
    np.testing.assert_allclose(moved["accuracy"], [0.85, 0.9, 0.95])


def test_a_sample_of_the_rows_gives_about_the_interval_of_all() -> None:
    rows, row_keys = simulate(8000, np.random.default_rng(0))
    fewer = Predictions(rows.actual[:2000], rows.output[:2000], 0.5)
    names = some("roc_auc")
    sampled = replicate(fewer, row_keys[:2000], names, 400)
    moved = rescale(point(rows, names), point(fewer, names), sampled, 8000, 2000)
    low, high = percentile_interval(moved["roc_auc"])
    expected = percentile_interval(replicate(rows, row_keys, names, 400)["roc_auc"])
    width = expected[1] - expected[0]
    assert high - low == pytest.approx(width, rel=0.15)
    np.testing.assert_allclose([low, high], expected, atol=0.15 * width)


def test_an_interval_holds_the_middle_95_percent() -> None:
    assert percentile_interval(np.arange(1001.0)) == (25.0, 975.0)


def test_an_interval_ignores_undefined_replicates() -> None:
    values = np.append(np.arange(1001.0), [np.nan] * 50)
    assert percentile_interval(values) == (25.0, 975.0)


def test_without_a_defined_replicate_there_is_no_interval() -> None:
    assert np.isnan(percentile_interval(np.full(100, np.nan))).all()
