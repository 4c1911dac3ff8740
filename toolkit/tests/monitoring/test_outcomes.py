"""Answers are labelled by labels: the join, the metrics, the verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn import metrics as sk

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.scoring.bootstrap import point
from reproducible_ml.modeling.scoring.scores import bootstrap_report, score_rows
from reproducible_ml.monitoring.outcomes.delay import estimate_delay
from reproducible_ml.monitoring.outcomes.evaluation import Plan, evaluate
from reproducible_ml.monitoring.outcomes.joined import Joined, join, read_answers
from reproducible_ml.monitoring.outcomes.labels import read_labels
from reproducible_ml.monitoring.outcomes.page import make_page
from reproducible_ml.monitoring.outcomes.registered import Registered
from reproducible_ml.monitoring.outcomes.result import Outcomes
from reproducible_ml.monitoring.outcomes.text import as_markdown, as_prometheus
from reproducible_ml.monitoring.outcomes.worse import (
    ALPHA,
    Measured,
    compare,
    corrected,
    rows_needed,
)
from reproducible_ml.monitoring.windows import DAY, Span
from reproducible_ml.report.results import Bootstrap
from reproducible_ml.serving.feedback import FeedbackLog, parse_labels
from reproducible_ml.serving.model import Model
from tumour_diagnosis.models.metrics import METRICS

from ..modeling.conftest import make_orders

Train = Callable[..., Model]

START = pd.Timestamp("2026-03-02", tz="UTC")  # a Monday
CHOSEN = {
    "binary": ["accuracy", "roc_auc", "log_loss"],
    "multiclass": ["accuracy", "f1_macro"],
    "regression": ["rmse", "mae"],
}


def answer(
    model: Model, rows: int, task: str = "binary", *, every: str = "1h"
) -> pd.DataFrame:
    """Return a log of answers to orders, with the label of each as `truth`."""
    orders = make_orders(rows, 5, task)
    found = model.answers(orders[model.features])
    log = pd.DataFrame(
        {
            "time": pd.date_range(START, periods=rows, freq=every),
            "request_id": [f"r-{number}" for number in range(rows)],
            "row": 0,
            "row_key": [f"{key:016x}" for key in orders.index],
            "model_version": model.version,
            "returned": True,
        }
    )
    for name in (*found, *model.features):
        values = found[name] if name in found else orders[name]
        log[name] = values.to_numpy()
    log["truth"] = orders[model.data.target].to_numpy()
    return log


def joined(
    folder: Path, log: pd.DataFrame, labels: Any, model: Model, **options: Any
) -> Joined:
    """Return what is read of a log and of labels that are written to files."""
    (folder / "log/date=2026-03-02").mkdir(parents=True, exist_ok=True)
    known = log.drop(columns="truth", errors="ignore")
    known.to_parquet(folder / "log/date=2026-03-02/a.parquet", index=False)
    if isinstance(labels, pd.DataFrame):
        labels.to_csv(folder / "labels.csv", index=False)
        labels = folder / "labels.csv"
    table = read_labels(labels, model, Compute(), **options)
    return join(read_answers(folder / "log", ["channel", "amount"], Span()), table)


def labelled(
    found: Joined, model: Model, test: Predictions | None = None, **changes: Any
) -> Outcomes:
    """Return the verdict; `test` are the test rows of the version."""
    task = model.data.task
    known = METRICS[task]
    plan = Plan(
        {name: known[name] for name in CHOSEN[task]},
        "week",
        {"channel": (), "amount": (0.0,)},
        200,
        10_000,
        CHOSEN[task][0],
    )._replace(**changes)
    registered = {}
    if test is not None:
        row_keys = np.arange(len(test.actual), dtype=np.uint64)
        scores = score_rows(test, row_keys, plan.metrics, 200, 10_000)
        content = bootstrap_report(scores, row_keys, test.actual, model.task.names)
        report = Bootstrap.model_validate(content)
        values = point(test, plan.metrics)
        registered[model.version] = Registered("v1.0.0", values, report, None, None)
    return evaluate(found, model, registered, plan)


def by_request(log: pd.DataFrame, model: Model) -> pd.DataFrame:
    return pd.DataFrame(
        {"request_id": log["request_id"], model.data.target: log["truth"]}
    )


def predictions(log: pd.DataFrame) -> Predictions:
    return Predictions(
        (log["truth"] == "yes").to_numpy(), log["probability"].to_numpy()
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_metrics_are_those_of_scikit_learn(
    train: Train, tmp_path: Path, task: str
) -> None:
    model = train(task)
    log = answer(model, 400, task)
    some = by_request(log, model)[:300]
    found = labelled(joined(tmp_path, log, some, model), model)
    [version] = found.versions
    assert (version.all.answered, version.all.labelled) == (400, 300)
    truth, said = log["truth"][:300], log["prediction"][:300]
    values = {one.name: one.value for one in version.all.metrics}
    if task == "binary":
        positive = truth == "yes"
        expected = {
            "accuracy": sk.accuracy_score(truth, said),
            "roc_auc": sk.roc_auc_score(positive, log["probability"][:300]),
            "log_loss": sk.log_loss(positive, log["probability"][:300]),
        }
        [one] = version.all.calibration
        assert one.expected == pytest.approx(log["probability"][:300].sum())
        assert one.observed == positive.sum()
    elif task == "multiclass":
        expected = {
            "accuracy": sk.accuracy_score(truth, said),
            "f1_macro": sk.f1_score(
                truth, said, average="macro", labels=["small", "medium", "large"]
            ),
        }
        own = {one.name: one for one in version.all.calibration}
        assert own["large"].observed == (truth == "large").sum()
        large = log["probability_large"][:300].sum()
        assert own["large"].expected == pytest.approx(large)
    else:
        expected = {
            "rmse": sk.root_mean_squared_error(truth, said),
            "mae": sk.mean_absolute_error(truth, said),
        }
        [one] = version.all.calibration
        assert one.name == "mean"
        assert one.expected == pytest.approx(said.mean())
    assert {**values} == pytest.approx(expected, abs=1e-6)
    # 24 answers a day: 168 are in a week.
    assert [(w.answered, w.labelled) for w in version.windows] == [
        (168, 168),
        (168, 132),
        (64, 0),
    ]
    assert version.windows[0].name == "2026-W10"
    first = truth[:168].to_numpy()
    if task == "binary":
        value = version.windows[0].metrics[0].value
        assert value == pytest.approx(sk.accuracy_score(first, said[:168]), abs=1e-6)
        web = next(g for g in version.slices["channel"] if g.group == "web")
        mask = log["channel"][:300] == "web"
        right = sk.accuracy_score(truth[mask], said[mask])
        assert web.metrics["accuracy"].value == pytest.approx(right, abs=1e-6)
    assert found.exit_code == 4
    assert "test rows are not known" in found.reasons[0]
    for text in (
        as_markdown(found),
        make_page(found, "Orders"),
        as_prometheus(found),
    ):
        assert CHOSEN[task][0] in text
        assert "nan" not in text.lower().replace("nance", "")


def test_the_last_label_counts_and_others_are_counted(
    train: Train, tmp_path: Path
) -> None:
    model = train()
    log = answer(model, 5)
    # The id of the first request is used again, by another row of another day.
    again = log[:1].assign(time=START + pd.Timedelta(days=9), row_key="f" * 16)
    log = pd.concat([log, again], ignore_index=True)
    labels = pd.DataFrame(
        [
            ("r-0", "0", "2026-03-04", "no"),
            ("r-1", "", "2026-03-05T10:00", "yes"),
            ("r-1", "0", "2026-03-05T09:00Z", "no"),
            ("r-1", "0", "2026-03-05T12:00+02:00", "no"),
            ("r-2", "0", "2026-03-04", ""),
            ("r-3", "1", "2026-03-04", "yes"),
            ("strange", "0", "2026-03-04", "yes"),
            ("r-4", "0", "2026-03-01", "yes"),
        ],
        columns=["request_id", "row", "decided", "returned"],
    )
    found = joined(tmp_path, log, labels, model, time="decided")
    known = found.answers.dropna(subset="label").set_index("request_id")["label"]
    # 10:00 and 12:00+02:00 are the same time: the later line counts.
    assert known.to_dict() == {"r-0": "no", "r-1": "no", "r-4": "yes"}
    assert found.answers.loc[found.answers["label"].notna(), "time"].iloc[0] == (
        START.value // 1000
    )
    assert found.counts._asdict() == {
        **{"labels": 7, "empty": 1, "repeated": 2, "contradictions": 1},
        **{"unknown": 2, "early": 0, "labelled": 3, "shadow": 0},
    }
    delay = estimate_delay(found.answers)
    assert delay is not None
    assert delay.before == 1


def test_a_label_of_a_row_belongs_to_the_last_answer_before_it(
    train: Train, tmp_path: Path
) -> None:
    model = train()
    log = answer(model, 4)
    days = [pd.Timedelta(days=each) for each in (0, 1, 2, 3)]
    log["time"] = [START + each for each in days]
    log["row_key"] = ["A" * 16, "a" * 16, "a" * 16, "b" * 16]
    log["row_key"] = log["row_key"].str.lower()
    labels = pd.DataFrame(
        {
            "row_key": ["A" * 16, "b" * 16],
            "returned": ["yes", "no"],
            "label_time": ["2026-03-03", "2026-03-04T00:00"],
        }
    )
    found = joined(tmp_path, log, labels, model)
    known = found.answers.set_index("request_id")["label"]
    # The first answer is the same row, asked again; the third came after the label.
    assert known[known.notna()].to_dict() == {"r-1": "yes"}
    assert {*known.index} == {"r-1", "r-3"}
    assert (found.counts.early, found.counts.unknown) == (1, 0)
    without = joined(tmp_path, log, labels[["row_key", "returned"]], model)
    known = without.answers.set_index("request_id")["label"]
    assert known.to_dict() == {"r-2": "yes", "r-3": "no"}


def test_rows_are_found_by_the_columns_of_the_contract(
    train: Train, tmp_path: Path
) -> None:
    model = train()
    log = answer(model, 50)
    orders = make_orders(50, 5)
    orders["ordered_at"] = orders["ordered_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    shuffled = orders.sample(frac=1, random_state=0)[:40]
    found = joined(tmp_path, log, shuffled, model)
    assert found.counts.labelled == 40
    both = found.answers.merge(log[["request_id", "truth"]]).dropna(subset="label")
    assert both["label"].tolist() == both["truth"].tolist()


def test_labels_of_a_request_of_several_rows_must_name_the_row(
    train: Train, tmp_path: Path
) -> None:
    model = train()
    log = answer(model, 40).assign(request_id="r", row=range(40))
    labels = by_request(log, model)
    with pytest.raises(UserError, match='request "r" has several rows'):
        joined(tmp_path, log, labels, model)
    found = joined(tmp_path, log, labels.assign(row=log["row"]), model)
    assert found.counts.labelled == 40


@pytest.mark.parametrize("kind", ["int64", "float64", "object"])
def test_ids_may_be_numbers(train: Train, tmp_path: Path, kind: str) -> None:
    model = train()
    log = answer(model, 3)
    log["request_id"] = ["7", "8", "9"]
    labels = pd.DataFrame(
        {
            "request_id": pd.Series([7, 9], dtype=kind),
            "row": pd.Series([0, None]),
            "returned": ["yes", "no"],
            "label_time": pd.to_datetime(["2026-03-05", "2026-03-06"]),
        }
    )
    labels.to_parquet(tmp_path / "labels.parquet")
    found = joined(tmp_path, log, tmp_path / "labels.parquet", model)
    known = found.answers.set_index("request_id")["label"].dropna()
    assert known.to_dict() == {"7": "yes", "9": "no"}


def test_answers_in_shadow_are_a_version_of_their_own(
    train: Train, tmp_path: Path
) -> None:
    model = train()
    log = answer(model, 60)
    other = log.assign(
        model_version="second",
        returned=False,
        time=log["time"] + pd.Timedelta("1s"),
        probability=1 - log["probability"],
    )
    both = pd.concat([log, other])
    found = joined(tmp_path, both, by_request(log[:50], model), model)
    assert (found.counts.labelled, found.counts.shadow) == (50, 50)
    verdict = labelled(found, model)
    first, second = verdict.versions
    assert (first.version, first.shadow, first.current) == (model.version, False, True)
    assert (second.version, second.shadow, second.current) == ("second", True, False)
    area = [each.all.metrics[1].value for each in (first, second)]
    assert area[0] == pytest.approx(1 - (area[1] or 0), abs=1e-6)


def test_what_the_service_wrote_is_read_as_it_is(train: Train, tmp_path: Path) -> None:
    model = train()
    log = answer(model, 3)
    log["time"] = [pd.Timestamp.now("UTC") - pd.Timedelta(days=2)] * 3
    feedback = FeedbackLog(tmp_path / "labels")
    feedback.start()
    body = f"""[{{"request_id": "r-0", "label": "yes"}},
        {{"row_key": "{log["row_key"][2]}", "label": "no"}}]"""
    feedback.add(parse_labels(body.encode(), model, 10).table)
    feedback.add(parse_labels(b'{"request_id": "r-0", "label": "no"}', model, 10).table)
    feedback.close()
    found = joined(tmp_path, log, tmp_path / "labels", model)
    known = found.answers.set_index("request_id")["label"].dropna()
    assert known.to_dict() == {"r-0": "no", "r-2": "no"}
    assert found.counts.contradictions == 1
    delay = estimate_delay(found.answers)
    assert delay is not None
    assert delay.median == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"request_id": ["a"], "returned": ["perhaps"]}, r"row 1, .*'perhaps'"),
        ({"request_id": ["a"], "retruned": ["yes"]}, 'but there is "retruned"'),
        ({"request_id": [None], "returned": ["yes"]}, 'row 1, .*"request_id": is miss'),
        ({"row_key": ["12"], "returned": ["yes"]}, "not 16 hexadecimal digits"),
        ({"row": [0], "returned": ["yes"]}, 'column "amount" is missing'),
        ({"request_id": ["a"], "row": [-1], "returned": ["no"]}, "is no position"),
        (
            {"request_id": ["a"], "returned": ["no"], "label_time": ["soon"]},
            "'soon' is no time",
        ),
        ({"request_id": [], "returned": []}, "has no rows"),
    ],
)
def test_labels_that_are_not_valid_are_errors_of_a_line(
    train: Train, tmp_path: Path, labels: dict[str, list[Any]], message: str
) -> None:
    model = train()
    with pytest.raises(UserError, match=message):
        joined(tmp_path, answer(model, 3), pd.DataFrame(labels), model)


def test_a_model_that_became_worse_is_told_from_one_that_did_not(
    train: Train, tmp_path: Path
) -> None:
    model = train()
    log = answer(model, 1200, every="40min")
    test, use = log[:600], log[600:]
    fine = labelled(
        joined(tmp_path, use, by_request(use, model), model), model, predictions(test)
    )
    assert (fine.exit_code, fine.reasons, fine.alerts) == (0, [], [])
    # From the third week on, labels have nothing to do with answers.
    late = use["time"] > use["time"].iloc[0] + pd.Timedelta(days=8)
    random = np.random.default_rng(0)
    truth = use["truth"].astype(object)
    changed = use.assign(truth=truth.where(~late, random.permutation(truth)))
    bad = labelled(
        joined(tmp_path, changed, by_request(changed, model), model),
        model,
        predictions(test),
    )
    assert bad.exit_code == 3
    assert "is worse than on its test rows, by" in bad.alerts[0].text
    assert bad.alerts[0].text in as_markdown(bad)
    [version] = bad.versions
    names = {w.name: {m.verdict for m in w.metrics} for w in version.windows}
    assert "worse" not in names[version.windows[0].name]
    assert "rml_outcomes_worse" in as_prometheus(bad)
    few = use[:60]
    unknown = labelled(
        joined(tmp_path, few, by_request(few, model), model), model, predictions(test)
    )
    assert unknown.exit_code == 4
    assert "60 answers have a label" in unknown.reasons[0]
    none = labelled(
        joined(tmp_path, use, by_request(log[:1], model), model),
        model,
        predictions(test),
    )
    assert none.exit_code == 4
    assert "No label belongs to its answers" in as_markdown(none)


def test_without_a_change_there_is_hardly_an_alarm() -> None:
    metrics = {name: METRICS["binary"][name] for name in ("accuracy", "log_loss")}
    random = np.random.default_rng(0)

    def draw(rows: int, noise: float) -> Predictions:
        score = random.normal(size=rows) * 3
        actual = random.random(rows) < 1 / (1 + np.exp(-score))
        flipped = random.random(rows) < noise
        return Predictions(actual ^ flipped, 1 / (1 + np.exp(-score)))

    def measure(rows: Predictions) -> dict[str, Measured]:
        row_keys = random.integers(0, 2**63, len(rows.actual), dtype=np.uint64)
        scores = score_rows(rows, row_keys, metrics, 100, 10_000)
        return {
            name: Measured(value, scores.replicates[name], len(rows.actual))
            for name, value in scores.metrics.items()
        }

    def alarms(noise: float) -> int:
        before = measure(draw(200, 0.0))
        chances = []
        for rows in (300, *[150] * 4):
            now = measure(draw(rows, noise))
            for name, metric in metrics.items():
                better = metric.greater_is_better
                loss = compare(now[name], before[name], greater_is_better=better)
                assert loss is not None
                chances.append(loss.p)
        return any(p < ALPHA for p in corrected(chances))

    assert sum(alarms(0.0) for _ in range(150)) <= 3
    assert sum(alarms(0.3) for _ in range(30)) >= 28


def test_few_test_rows_without_an_error_do_not_mean_that_there_is_no_noise() -> None:
    perfect = Measured(1.0, np.ones(100), 126)
    draws = np.random.default_rng(0).normal(0.99, 0.1 / np.sqrt(5000), 100)
    loss = compare(Measured(0.99, draws, 5000), perfect, greater_is_better=True)
    assert loss is not None
    assert loss.p > 0.05
    undefined = Measured(0.5, np.full(100, np.nan), 50)
    assert compare(undefined, perfect, greater_is_better=True) is None


def test_the_labels_needed_find_a_loss_of_half_a_deviation() -> None:
    needed = rows_needed(500, 3)
    assert needed is not None
    random = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        test, now = random.normal(size=500), random.normal(0.5, size=needed)
        found += (now.mean() - test.mean()) / np.sqrt(1 / 500 + 1 / needed) > norm.isf(
            ALPHA / 3
        )
    assert 0.85 < found / 200 < 0.95
    assert rows_needed(40, 3) is None


def test_the_delay_takes_labels_that_are_still_to_come_into_account() -> None:
    random = np.random.default_rng(0)
    times = random.uniform(0, 30 * DAY, 4000).astype(np.int64)
    delays = random.exponential(10 * DAY, 4000).astype(np.int64)
    now = 30 * DAY
    came = times + delays <= now
    answers = pd.DataFrame(
        {
            "time": times,
            "known": np.where(came, times + delays, np.iinfo(np.int64).min),
            "label": pd.Series("yes", range(4000), dtype=object).where(came, None),
            "returned": True,
        }
    )
    found = estimate_delay(answers)
    assert found is not None
    # Of an exponential distribution with a mean of 10 days.
    assert found.median == pytest.approx(10 * np.log(2), rel=0.1)
    assert found.most == pytest.approx(10 * np.log(10), rel=0.15)
    assert found.missing[7] == pytest.approx(np.exp(-0.7), abs=0.03)
    assert 90 not in found.missing
    naive = np.median(delays[came]) / DAY
    assert naive < 6
    assert estimate_delay(answers.assign(known=np.iinfo(np.int64).min)) is None
