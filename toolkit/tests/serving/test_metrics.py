"""What service and worker count: predictions, missing values, models, the process."""

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from reproducible_ml.contract.schema import Column
from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.metrics import choose_buckets, observe_all
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.service.settings import Settings
from tumour_diagnosis.deployment.predict import Predict, load

from .client import application, as_records, get, post
from .conftest import LINEAR

ARROW = "application/vnd.apache.arrow.stream"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Return the values of a page of metrics, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, /, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def by_label(
    samples: Samples, name: str, label: str, **labels: str
) -> dict[str, float]:
    """Return the values other than 0 by a label."""
    return {
        dict(found)[label]: number
        for (each, found), number in samples.items()
        if each == name and labels.items() <= found and number
    }


def stream(table: pa.Table) -> bytes:
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue().to_pybytes()  # type: ignore[no-any-return]


@pytest.mark.parametrize("count", [0, 1, 8, 9, 500])
def test_many_values_are_observed_as_each_would_be(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count).round(1).tolist()
    registries = [CollectorRegistry(), CollectorRegistry()]
    one, all_ = (
        Histogram("x", "x", buckets=(-1, 0, 0.5, 1), registry=each)
        for each in registries
    )
    for each in values:
        one.observe(each)
    odd = [None, float("nan"), float("inf"), "text"] if count else []
    assert observe_all(all_, values + odd) == count
    for name in ("x_bucket", "x_count"):
        for bound in ("-1.0", "0.0", "0.5", "1.0", "+Inf"):
            labels = {"le": bound} if name == "x_bucket" else {}
            found = [each.get_sample_value(name, labels) for each in registries]
            assert found[0] == found[1]
    assert one._sum.get() == pytest.approx(all_._sum.get())


@pytest.mark.parametrize("kind", ["valid", "partly refused", "arrow"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_predictions_and_missing_values_are_counted(
    task: str,
    kind: str,
    train_folder: Callable[..., Path],
    orders: pd.DataFrame,
) -> None:
    folder = train_folder(task)
    app = application(folder)
    records = as_records(orders)
    missing = sum(each["amount"] is None for each in records)
    content: Any = records
    if kind == "partly refused":
        records[0]["amount"] = None
        records[1]["items"] = "many"
        del records[2]["amount"]
        missing = sum(each.get("amount") is None for each in records)
    elif kind == "arrow":
        content = stream(pa.Table.from_pandas(orders))
    headers = {"content_type": ARROW} if kind == "arrow" else {}
    response = post(app, content, **headers)
    assert response.status_code == 200
    samples = read(get(app, "/metrics").text)
    assert by_label(samples, "rml_missing_values_total", "column") == {
        "amount": missing
    }
    # The answers are those to the same rows as JSON.
    found = [
        each
        for each in post(application(folder), records).json()["predictions"]
        if each is not None
    ]
    version = load(folder, Predict()).version
    if task == "regression":
        name, numbers = "rml_prediction_value", [each["prediction"] for each in found]
    else:
        name = "rml_prediction_probability"
        numbers = [
            max(v for key, v in each.items() if key.startswith("probability"))
            for each in found
        ]
        counts = by_label(samples, "rml_predictions_total", "class", version=version)
        assert counts == Counter(each["prediction"] for each in found)
    buckets = by_label(samples, f"{name}_bucket", "le", version=version)
    assert buckets.keys() & {"+Inf"}
    for bound, counted in buckets.items():
        assert counted == sum(each <= float(bound) for each in numbers)
    total = value(samples, "rml_predictions_not_finite_total", version=version)
    assert total == 0


def test_predictions_in_shadow_are_counted_and_their_rows_once(
    train_folder: Callable[..., Path], orders: pd.DataFrame
) -> None:
    main, second = train_folder(), train_folder("binary", LINEAR["binary"])
    app = application(main, candidate=second)
    records = as_records(orders[:50])
    post(app, records)
    samples = read(get(app, "/metrics").text)
    for folder in (main, second):
        version = load(folder, Predict()).version
        labels = {"version": version}
        assert value(samples, "rml_prediction_probability_count", **labels) == 50
    missing = sum(each["amount"] is None for each in records)
    assert value(samples, "rml_missing_values_total", column="amount") == missing > 0


def test_what_a_project_answers_otherwise_is_counted_or_left_out(
    train_folder: Callable[..., Path], orders: pd.DataFrame
) -> None:
    app = application(train_folder())
    predictor = app.state.service.main.predictor

    def own(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        return pd.DataFrame(
            {"prediction": ["asked"] * len(rows), "probability": [np.nan] * len(rows)},
            index=rows.index,
        )

    predictor.predict = own
    assert post(app, as_records(orders[:3])).status_code == 200
    samples = read(get(app, "/metrics").text)
    assert by_label(samples, "rml_predictions_total", "class") == {"other": 3}
    assert {*by_label(samples, "rml_predictions_not_finite_total", "version")}
    assert not by_label(samples, "rml_prediction_probability_count", "version")


def test_model_and_process_are_described(train_folder: Callable[..., Path]) -> None:
    folder = train_folder()
    before = time.time()
    app = application(folder)
    samples = read(get(app, "/metrics").text)
    labels = {"name": "orders", "version": load(folder, Predict()).version}
    loaded = value(samples, "rml_model_loaded_timestamp_seconds", **labels)
    assert before <= loaded <= time.time()
    cpu = value(samples, "rml_process_cpu_seconds_total")
    assert 0 < cpu <= time.process_time()
    assert value(samples, "rml_processes") == 1
    if Path("/proc/self/statm").exists():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory = value(samples, "rml_process_resident_memory_bytes")
        assert memory == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2)


def test_buckets_of_numbers_come_from_the_contract_or_a_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {"min_value": 0, "max_value": 40}
    column = Column.model_validate({"dtype": "float64", "in_range": limits})
    assert choose_buckets(column) == tuple(range(0, 41, 2))
    free = choose_buckets(Column.model_validate({"dtype": "float64"}))
    assert {-5e9, -0.001, 0.0, 0.001, 20.0} <= {*free}
    assert list(free) == sorted({*free})
    monkeypatch.setenv("RML_SERVE_PREDICTION_BUCKETS", "-1, 2.5")
    assert Settings.from_environment().prediction_buckets == (-1, 2.5)
    monkeypatch.setenv("RML_SERVE_PREDICTION_BUCKETS", "2,1")
    with pytest.raises(UserError, match="must be greater than the one before"):
        Settings.from_environment()
