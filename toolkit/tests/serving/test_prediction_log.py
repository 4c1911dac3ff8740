"""Answers are logged beside requests: what is written, dropped and removed."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.core.keys import hash_rows
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.prediction_log import PredictionLog
from reproducible_ml.serving.records import answer_columns, by_column
from reproducible_ml.serving.rows import answer
from tumour_diagnosis.deployment.predict import predict

from .client import application, as_records, get, post

Train = Callable[..., Model]


def logged(log: PredictionLog, model: Model, *requests: list[dict[str, Any]]) -> None:
    """Log the answers to requests of records."""
    for number, records in enumerate(requests):
        rows = by_column(records, model)
        answers = Answers.of(answer_columns(rows, model, predict), rows.length, model)
        log.add(f"request-{number}", rows, answers)


def read(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder).sort_values(["request_id", "row"], ignore_index=True)


def test_answered_rows_are_logged_with_inputs_and_keys(
    train: Train, orders: pd.DataFrame, tmp_path: Path
) -> None:
    model, counts = train(), Counter[str]()
    records = as_records(orders[:6])
    records[4]["items"] = None
    log = PredictionLog(
        tmp_path / "log",
        without=["channel"],
        count=lambda result, rows: counts.update({result: rows}),
    )
    start = pd.Timestamp.now("UTC").floor("us")
    log.start()
    logged(log, model, records[:2], records[2:])
    log.close()
    assert counts == {"written": 5}
    found = read(log.folder)
    good = orders[:6].drop(index=4).reset_index(drop=True)
    assert found["request_id"].tolist() == ["request-0"] * 2 + ["request-1"] * 3
    assert found["row"].tolist() == [0, 1, 0, 1, 3]
    keys = [f"{key:016x}" for key in hash_rows(good, model.keys).tolist()]
    assert found["row_key"].tolist() == keys
    assert {*found["model_version"]} == {model.version}
    assert found["time"].between(start, pd.Timestamp.now("UTC")).all()
    assert {*found["date"].astype(str)} == {start.date().isoformat()}
    expected = answer(pa.Table.from_pandas(good), model, predict).answers
    assert found["probability"].tolist() == expected["probability"].tolist()
    assert found["prediction"].tolist() == expected["prediction"].tolist()
    inputs = ["amount", "items", "member", "ordered_at"]
    pd.testing.assert_frame_equal(found[inputs], good[inputs])
    assert "channel" not in found
    assert not list(log.folder.rglob("*.tmp"))


def test_arrow_tables_are_logged_as_well(
    train: Train, orders: pd.DataFrame, tmp_path: Path
) -> None:
    model = train()
    table = pa.Table.from_pandas(orders[:3].astype({"items": "int16"}))
    log = PredictionLog(tmp_path / "log")
    log.start()
    found = answer(table, model, predict)
    log.add("a", table, Answers.of(found, 3, model))
    logged(log, model, as_records(orders[:1]))
    log.close()
    assert len(list(log.folder.rglob("*.parquet"))) == 2
    assert read(log.folder)["items"].tolist() == [
        *orders["items"][:3],
        orders["items"][0],
    ]


def test_rows_are_written_after_a_time_or_a_number(
    train: Train, orders: pd.DataFrame, tmp_path: Path
) -> None:
    model = train()
    for name, settings in (("time", {"seconds": 0.05}), ("number", {"rows": 3})):
        log = PredictionLog(tmp_path / name, **({"seconds": 600} | settings))
        log.start()
        logged(log, model, as_records(orders[:2]), as_records(orders[:2]))
        end = time.monotonic() + 10
        while time.monotonic() < end and not list((tmp_path / name).rglob("*.parquet")):
            time.sleep(0.01)
        assert list((tmp_path / name).rglob("*.parquet"))
        log.close()
        assert len(read(tmp_path / name)) == 4


def test_what_does_not_fit_is_dropped_at_once_and_counted(
    train: Train,
    orders: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, counts, go = train(), Counter[str](), threading.Event()
    log = PredictionLog(
        tmp_path / "log",
        rows=2,
        max_waiting_rows=5,
        count=lambda result, rows: counts.update({result: rows}),
    )
    write = log._write

    def slow(*arguments: Any) -> None:
        assert go.wait(10)
        write(*arguments)

    monkeypatch.setattr(log, "_write", slow)
    log.start()
    start = time.monotonic()
    logged(log, model, *[as_records(orders[:2])] * 5)
    assert counts == {"dropped": 6}
    assert time.monotonic() - start < 5
    go.set()
    log.close()
    assert counts == {"dropped": 6, "written": 4}
    assert len(read(log.folder)) == 4


def test_a_log_that_cannot_be_written_does_no_harm(
    train: Train,
    orders: pd.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, counts = train(), Counter[str]()
    log = PredictionLog(
        tmp_path / "log", count=lambda result, rows: counts.update({result: rows})
    )
    log.start()
    (log.folder / f"date={pd.Timestamp.now('UTC').date()}").write_text("in the way")
    logged(log, model, as_records(orders[:2]))
    log.close()
    assert counts == {"dropped": 2}
    assert [record.msg for record in caplog.records] == ["prediction log"]


def test_processes_with_one_number_write_different_files(
    train: Train, orders: pd.DataFrame, tmp_path: Path
) -> None:
    logs = [PredictionLog(tmp_path / "log") for _ in range(3)]
    for log in logs:
        logged(log, train(), as_records(orders[:2]))
        log.start()
    for log in logs:
        log.close()
    assert len(read(tmp_path / "log")) == 6


def test_old_days_are_removed(tmp_path: Path) -> None:
    today = pd.Timestamp.now("UTC").normalize()
    for days in (0, 29, 30, 31, 400):
        day = tmp_path / f"date={(today - pd.Timedelta(days=days)).date()}"
        day.mkdir()
        (day / "a.parquet").write_bytes(b"x")
    (tmp_path / "notes").mkdir()
    log = PredictionLog(tmp_path, days=30)
    log.start()
    log.close()
    kept = {f"date={(today - pd.Timedelta(days=days)).date()}" for days in (0, 29, 30)}
    assert {path.name for path in tmp_path.iterdir()} == kept | {"notes"}


def test_the_service_logs_if_it_has_a_folder(
    train: Train, trained: dict[str, Path], orders: pd.DataFrame, tmp_path: Path
) -> None:
    train()
    app = application(
        trained["binary {}"],
        log_folder=tmp_path / "log",
        log_without=("amount", "channel"),
    )
    post(app, as_records(orders[:3]), x_request_id="r-1")
    found = read(tmp_path / "log")
    assert found["request_id"].tolist() == ["r-1"] * 3
    assert not {"amount", "channel"} & {*found}
    text = get(app, "/metrics").text
    assert 'rml_prediction_log_rows_total{result="written"} 3.0' in text
