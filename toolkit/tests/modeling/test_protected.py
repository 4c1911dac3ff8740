"""Protected groups: values by hand, what few rows mean, and intervals that cover."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.scoring.gaps import RATES, Varied, find_gap
from reproducible_ml.modeling.scoring.group_metrics import vary_by_group
from reproducible_ml.modeling.scoring.protected import (
    check_protected,
    partition,
    score_protected,
)

NAMES = {False: "no", True: "yes"}


def score(
    rows: Predictions,
    test: dict[str, Any],
    train: dict[str, Any] | None = None,
    names: dict[Any, str] = NAMES,
    **options: Any,
) -> dict[str, Any]:
    """Return the report on groups by each column, after a look that it is JSON."""
    index = np.random.default_rng(0).integers(0, 2**63, len(rows.actual))
    frame = pd.DataFrame(test).set_index(index.astype(np.uint64))
    found = score_protected(
        rows,
        frame,
        pd.DataFrame(train) if train else frame,
        options.get("cuts") or dict.fromkeys(test, ()),
        options.get("together", ()),
        names,
        options.get("replicates", 100),
        options.get("limit", 10_000),
    )
    json.dumps(found, allow_nan=False)
    return found


def value(group: dict[str, Any], *names: str) -> list[float | None]:
    return [group["metrics"][name]["value"] for name in names]


# Actual and predicted class, and group, of each row.
BY_HAND = [
    *[(1, 1, "a")] * 3,
    *[(1, 0, "a")] * 1,
    *[(0, 1, "a")] * 2,
    *[(0, 0, "a")] * 4,
    *[(0, 1, "b")] * 1,
    *[(0, 0, "b")] * 4,
    (1, 1, None),
]


@pytest.fixture
def by_hand() -> dict[str, Any]:
    actual, predicted, group = zip(*BY_HAND, strict=True)
    output = np.where(predicted, 0.8, 0.3)
    kinds = ["a", "b", "c", "d"]
    test, train = (
        {"kind": pd.Categorical(each, categories=kinds)}
        for each in (group, ["a", "a", "d"])
    )
    rows = Predictions(np.array(actual, dtype=bool), output)
    return dict(score(rows, test, train)["kind"])


def test_metrics_of_groups_are_those_computed_by_hand(by_hand: dict[str, Any]) -> None:
    groups = {group["group"]: group for group in by_hand["groups"]}
    assert value(groups["a"], *RATES) == [0.5, 0.4, 0.7, 0.75, 0.25, 0.333333, 0.6]
    # Means: 5 of 0.8 and 5 of 0.3; 4 of 10 are positive.
    assert value(groups["a"], "predicted_minus_observed") == [0.15]
    # Those with 0.3: |5 * 0.3 - 1|; with 0.8: |5 * 0.8 - 3|; of 10 rows.
    assert value(groups["a"], "calibration_error") == [0.15]
    assert value(groups["b"], "selection_rate", "false_positive_rate") == [0.2, 0.2]
    gaps = by_hand["gaps"]
    assert gaps["selection_rate"]["difference"]["value"] == 0.8
    assert gaps["selection_rate"]["ratio"]["value"] == 0.2
    assert gaps["selection_rate"]["lowest"] == "b"
    assert gaps["selection_rate"]["highest"] == "(missing)"
    assert gaps["equalized_odds"]["difference"]["value"] == 0.25
    assert gaps["equalized_odds"]["metric"] == "true_positive_rate"


def test_intervals_are_within_what_is_possible() -> None:
    random = np.random.default_rng(0)
    actual = random.random(300) < 0.5
    output = np.where(random.random(300) < 0.5, 0.98, 0.02)
    group = np.where(np.arange(300) < 8, "few", "many")
    found = score(Predictions(actual, output), {"group": group})["group"]
    for each in found["groups"]:
        for name, low in (("calibration_error", 0), ("predicted_minus_observed", -1)):
            metric = each["metrics"][name]
            assert low <= metric["low"] <= metric["value"] <= metric["high"] <= 1


def test_rate_of_no_rows_is_undefined_and_said_so(by_hand: dict[str, Any]) -> None:
    found = {g["group"]: g["metrics"]["true_positive_rate"] for g in by_hand["groups"]}
    nothing = {"value": None, "low": None, "high": None, "rows": 0}
    assert found["b"] == found["c"] == found["d"] == nothing
    gap = by_hand["gaps"]["true_positive_rate"]
    assert gap["difference"]["value"] == 0.25  # of a and the missing, not of b
    sizes = {each["group"]: (each["rows"], each["of"]) for each in gap["few"]}
    empty = dict.fromkeys("bcd", (0, "positives"))
    assert sizes == {**empty, "(missing)": (1, "positives"), "a": (4, "positives")}


def test_missing_value_is_a_group_and_empty_and_unseen_ones_are_listed(
    by_hand: dict[str, Any],
) -> None:
    counts = [(g["group"], g["rows"], g["training_rows"]) for g in by_hand["groups"]]
    assert counts == [
        ("a", 10, 2),
        ("b", 5, 0),
        ("c", 0, 0),
        ("d", 0, 1),
        ("(missing)", 1, 0),
    ]


def test_group_of_one_row_has_wide_intervals(by_hand: dict[str, Any]) -> None:
    (alone,) = [g for g in by_hand["groups"] if g["group"] == "(missing)"]
    for name in ("selection_rate", "true_positive_rate", "accuracy"):
        found = alone["metrics"][name]
        assert found["value"] == found["high"] == 1
        assert found["low"] < 0.5
    # All that differs in it may be chance.
    assert by_hand["gaps"]["true_positive_rate"]["difference"]["low"] == 0


def test_all_rates_of_zero_have_no_ratio() -> None:
    rows = Predictions(np.array([True, False] * 50), np.zeros(100))
    gaps = score(rows, {"x": ["a"] * 50 + ["b"] * 50})["x"]["gaps"]
    assert gaps["selection_rate"]["difference"]["value"] == 0
    assert gaps["selection_rate"]["difference"]["high"] > 0
    assert gaps["selection_rate"]["ratio"]["value"] is None
    assert gaps["precision"]["difference"]["value"] is None


def test_group_alone_has_nothing_to_differ_from() -> None:
    rows = Predictions(np.array([True, False] * 50), np.full(100, 0.6))
    gaps = score(rows, {"x": ["a"] * 100})["x"]["gaps"]
    assert {gap["difference"]["value"] for gap in gaps.values()} == {None}


def test_numbers_are_cut_and_columns_combined() -> None:
    age, sex = [20.0, 30.0, 40.0, np.nan], ["f", "m", "f", "f"]
    rows = Predictions(np.array([True, False] * 2), np.full(4, 0.6))
    options: dict[str, Any] = {
        "cuts": {"age": (30.0,), "sex": ()},
        "together": [("sex", "age")],
    }
    found = score(rows, {"age": age, "sex": sex}, **options)
    groups = {n: {g["group"]: g["rows"] for g in found[n]["groups"]} for n in found}
    assert groups == {
        "age": {"below 30.0": 1, "30.0 and more": 2, "(missing)": 1},
        "sex": {"f": 3, "m": 1},
        "sex and age": {
            "f and below 30.0": 1,
            "f and 30.0 and more": 1,
            "f and (missing)": 1,
            "m and 30.0 and more": 1,
        },
    }


def test_missing_is_told_from_a_value_of_that_name() -> None:
    frame = pd.DataFrame({"x": ["(missing)", None, "a"]})
    found = partition(frame, frame, ["x"], {"x": ()})
    assert found.names == ["(missing)", "a", "((missing))"]
    assert found.codes.tolist() == [0, 2, 1]


def test_too_many_groups_are_refused() -> None:
    rows = Predictions(np.full(101, fill_value=True), np.full(101, 0.6))
    with pytest.raises(UserError, match=r"evaluate\.protected: x: 101 groups.* Fix"):
        score(rows, {"x": [f"{n}" for n in range(101)]})


def test_columns_that_cannot_be_groups_are_refused() -> None:
    columns: dict[str, Any] = {
        "age": {"dtype": "float64"},
        "born": {"dtype": "datetime64[ns]"},
        "sex": {"dtype": "str"},
        "y": {"dtype": "bool"},
    }
    contract = Contract.model_validate({"columns": columns})

    def problems(protected: dict[str, Any], *together: tuple[str, ...]) -> list[str]:
        return [*check_protected(contract, "y", protected, together)]

    assert problems({"age": (30.0,), "sex": ()}, ("age", "sex")) == []
    wrong: dict[str, Any] = {"age": (), "born": (), "y": ()}
    assert [line.partition(": ")[2][:4] for line in problems(wrong)] == [
        "age:",
        "born",
        "y: i",
    ]
    for names in (("sex",), ("sex", "sex"), ("sex", "age")):
        (line,) = problems({"sex": ()}, names)
        assert line.startswith(f"intersections: [{', '.join(names)}]")
    (line,) = problems({"a": (), "b": (), "a and b": ()}, ("a", "b"))
    assert "a and b" in line


def test_several_classes_are_each_compared_with_the_rest() -> None:
    actual = np.array([0, 0, 1, 2, 0, 1, 1, 2])
    predicted = np.array([0, 1, 1, 2, 0, 1, 0, 2])
    output = np.eye(3)[predicted] * 0.7 + 0.1
    test = {"x": ["a"] * 4 + ["b"] * 4}
    names = {0: "low", 2: "high", 1: "mid"}
    found = score(Predictions(actual, output), test, names=names)["x"]
    a, b = found["groups"]
    assert value(a, "accuracy") + value(b, "accuracy") == [0.75, 0.75]
    assert value(a, "calibration_error") == [0.05]  # 0.8 of confidence, 0.75 right
    assert [each["class"] for each in a["classes"]] == ["low", "high", "mid"]
    low, _, mid = a["classes"]
    rates = ("selection_rate", "true_positive_rate", "false_positive_rate")
    assert value(low, *rates) == [0.25, 0.5, 0]
    assert value(mid, *rates) == [0.5, 1, 0.333333]
    # Probability of low: 0.8 of one row, 0.1 of three; half of the rows are.
    assert value(low, "predicted_minus_observed") == [-0.225]
    gap = found["gaps"]["true_positive_rate"]
    assert (gap["class"], gap["difference"]["value"]) in (("low", 0.5), ("mid", 0.5))
    assert {"class", "group", "rows", "of"} == gap["few"][0].keys()
    # A group has as many rows for every class.
    assert found["gaps"]["selection_rate"]["few"] == [
        {"group": group, "rows": 4, "of": "rows"} for group in ("a", "b")
    ]


def test_numbers_are_compared_by_their_means() -> None:
    actual = np.array([10.0, 20, 30, 10, 20, 60, 5])
    errors = np.array([1.0, -1, 3, 5, 5, -1, 2])
    test = {"x": ["a"] * 3 + ["b"] * 3 + ["c"]}
    found = score(Predictions(actual, actual + errors), test, names={})["x"]
    names = ("mean_prediction", "mean_observed", "mae", "predicted_minus_observed")
    a, b, alone = found["groups"]
    assert value(a, *names) == pytest.approx([21, 20, 5 / 3, 1], rel=1e-8)
    assert value(b, *names) == pytest.approx([33, 30, 11 / 3, 3], rel=1e-8)
    # Nobody knows how much it varies, and so how large a difference may be.
    assert alone["metrics"]["mae"]["low"] is None
    gap = found["gaps"]["mae"]
    assert gap["ratio"]["value"] == 0.454545
    assert gap["difference"] == {"value": 2.0, "low": 0.0, "high": None}
    assert "ratio" not in found["gaps"]["predicted_minus_observed"]


# A chance of 1 in 1,000 of fewer than 33 of 40, were each covered in 95 %.
COVERED = 33


def draw(rows: int, seed: int, bias: float) -> tuple[Predictions, np.ndarray[Any, Any]]:
    """Return predictions whose selection rates of 0.5 differ by `bias`, and groups."""
    random = np.random.default_rng(seed)
    codes = random.choice(3, rows, p=[0.6, 0.3, 0.1])
    output = np.clip(random.random(rows) - bias * (codes == 1), 0, 1)
    return Predictions(random.random(rows) < output, output), codes


@pytest.mark.parametrize(("bias", "fails"), [(0.0, 0), (0.3, 40)])
def test_intervals_cover_the_truth_and_tell_a_biased_model(
    bias: float, fails: int
) -> None:
    covered, above, ratios, single = 0, 0, 0, 0
    for seed in range(40):
        rows, codes = draw(800, seed, bias)
        row_keys = np.random.default_rng(seed).integers(0, 2**63, 800, dtype=np.uint64)
        found = vary_by_group(rows, codes, row_keys, ["a", "b", "c"], 200, 800)
        gap = find_gap([found["selection_rate", None]], with_ratio=True)
        assert gap is not None
        assert gap.ratio is not None
        covered += gap.difference.low <= bias <= gap.difference.high
        ratios += gap.ratio.low <= (0.5 - bias) / 0.5 <= gap.ratio.high
        low, high = found["selection_rate", None].interval(1)
        single += low <= 0.5 - bias <= high
        above += gap.difference.low > 0.1
    assert min(covered, ratios, single) >= COVERED
    assert above == fails


def test_few_rows_that_are_alike_by_chance_are_no_evidence() -> None:
    """Errors are skewed, so that few often lack the large ones, and vary little."""
    codes = np.repeat([0, 1, 2], [3, 8, 300])
    covered = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        errors = random.lognormal(size=len(codes))
        rows = Predictions(np.zeros(len(codes)), errors)
        row_keys = random.integers(0, 2**63, len(codes), dtype=np.uint64)
        found = vary_by_group(rows, codes, row_keys, ["a", "b", "c"], 200, 1000)
        gap = find_gap([found["mae", None]], with_ratio=True)
        covered += gap is not None and gap.difference.low == 0
    assert covered >= COVERED


def test_sample_has_rows_of_rare_groups_and_the_spread_of_all_rows() -> None:
    random = np.random.default_rng(0)
    codes = random.choice(3, 20_000, p=[0.899, 0.1, 0.001])
    output = random.beta(1, 30, 20_000)
    rows = Predictions(random.random(20_000) < output, output, 0.1)
    row_keys = random.integers(0, 2**63, 20_000, dtype=np.uint64)
    names = ["a", "b", "c"]
    every, some = (
        vary_by_group(rows, codes, row_keys, names, 200, n) for n in (20_000, 2_000)
    )
    for name, found in every.items():
        np.testing.assert_array_equal(found.value, some[name].value)
        spread = some[name].error[:2] / found.error[:2]
        np.testing.assert_allclose(spread, 1, atol=0.25)
        assert not np.isnan(some[name].replicates[:, :2]).any()
    # The order of the rows does not matter.
    back = rows._replace(actual=rows.actual[::-1], output=rows.output[::-1])
    same = vary_by_group(back, codes[::-1], row_keys[::-1], names, 200, 2_000)
    for name, found in some.items():
        np.testing.assert_allclose(same[name].replicates, found.replicates)


def test_many_small_groups_do_not_differ_by_chance() -> None:
    """The plain difference of the highest and the lowest is large, its low end not."""
    random = np.random.default_rng(1)
    codes = np.arange(2000) % 40
    rows = Predictions(random.random(2000) < 0.5, random.random(2000))
    row_keys = random.integers(0, 2**63, 2000, dtype=np.uint64)
    names = [str(n) for n in range(40)]
    found = vary_by_group(rows, codes, row_keys, names, 200, 2000)
    gap = find_gap([found["accuracy", None]], with_ratio=True)
    assert gap is not None
    assert gap.difference.value > 0.25
    assert gap.difference.low == 0


def test_surest_difference_is_that_of_many_rows() -> None:
    spread = np.random.default_rng(0).normal(size=(500, 3)) * [0.01, 0.01, 0.4]
    values = np.array([0.2, 0.5, 0.9])
    rows = np.array([900, 900, 3])
    gap = find_gap([Varied(values, values + spread, rows, True)], with_ratio=True)
    assert gap is not None
    assert (gap.lowest, gap.highest, gap.surest) == (0, 2, (0, 1))
    assert 0.2 < gap.difference.low < 0.3
    assert gap.difference.high == 1
    assert gap.ratio is not None
    assert gap.ratio.value == pytest.approx(0.2 / 0.9)
    assert gap.ratio.high == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("values", "cuts", "names"),
    [
        ([np.inf, -np.inf, np.nan], (1.0,), ["below 1.0", "1.0 and more", "(missing)"]),
        (pd.array([True, None], dtype="boolean"), (), ["True", "(missing)"]),
        (pd.Categorical(["a", "b"], categories=["a", "b", "c"]), (), ["a", "b", "c"]),
        (pd.array([3, None], dtype="Int64"), (3.0,), ["below 3.0", "3.0 and more"]),
    ],
)
@pytest.mark.parametrize("is_number", [False, True])
def test_extreme_rows_are_no_error(
    values: Any, cuts: tuple[float, ...], names: list[str], is_number: bool
) -> None:
    """Groups of one row, and numbers whose squares are infinite."""
    rows = np.arange(len(values), dtype=np.float64)
    found = Predictions(rows == 0, np.zeros(len(rows)))
    if is_number:
        found = Predictions(rows * 1e300, rows * -1e300)
    options: dict[str, Any] = {"cuts": {"x": cuts}, "names": {} if is_number else NAMES}
    groups = score(found, {"x": values}, **options)["x"]["groups"]
    assert {group["group"] for group in groups} <= {*names, "(missing)"}
    assert sum(group["rows"] for group in groups) == len(rows)
