"""POST /feedback: labels are checked as those of the training table, and written."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from reproducible_ml.core.errors import UserError

from .client import application, ask, get, post

Train = Callable[..., Path]


@pytest.fixture
def folder(train_folder: Train) -> Path:
    return train_folder()


def test_valid_labels_are_written_and_the_others_named(
    folder: Path, tmp_path: Path
) -> None:
    app = application(folder, feedback_folder=tmp_path / "labels")
    start = pd.Timestamp.now("UTC").floor("us")
    labels: list[dict[str, Any]] = [
        {"request_id": "r-1", "label": "yes", "note": "by telephone"},
        {"request_id": "r-2", "row": 3, "label": "no"},
        {"row_key": "00AB54A98CEB1F0A", "label": "yes"},
        {"request_id": "r-3", "label": "maybe"},
        {"request_id": "r-3", "label": None},
        {"request_id": "r-3"},
        {"label": "yes"},
        {"request_id": "r-3", "row": -1, "label": "yes"},
        {"request_id": "r-3", "row": True, "label": "yes"},
        {"request_id": 3, "label": "yes"},
        {"request_id": "a b", "label": "yes"},
        {"row_key": "xyz", "label": 1},
        {"row_key": "0" * 16, "request_id": "r-3", "label": "yes"},
    ]
    response = post(app, labels, "/feedback")
    assert response.status_code == 202
    body = response.json()
    assert body["accepted"] == 3
    assert [(p["row"], p["column"], p["rule"]) for p in body["problems"]] == [
        (3, "label", "isin(['no', 'yes'])"),
        (4, "label", "nullable"),
        (5, "label", "required"),
        (6, "request_id", "required"),
        (7, "row", "type"),
        (8, "row", "type"),
        (9, "request_id", "type"),
        (10, "request_id", "type"),
        (11, "row_key", "type"),
        (11, "label", "type"),
        (12, "row_key", "required"),
    ]
    found = pd.read_parquet(tmp_path / "labels")
    assert found["label_time"].between(start, pd.Timestamp.now("UTC")).all()
    rows = found[["request_id", "row", "row_key", "label"]].astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [
        ["r-1", 0, None, "yes"],
        ["r-2", 3, None, "no"],
        [None, None, "00ab54a98ceb1f0a", "yes"],
    ]
    text = get(app, "/metrics").text
    assert 'rml_feedback_labels_total{result="written"} 3.0' in text
    assert 'rml_feedback_labels_total{result="refused"} 10.0' in text


@pytest.mark.parametrize(
    ("task", "good", "bad", "rule"),
    [
        ("multiclass", "large", "huge", "isin"),
        ("multiclass", "large", 1, "type"),
        ("regression", 12, "12", "type"),
    ],
)
def test_labels_are_those_of_the_contract(
    train_folder: Train,
    tmp_path: Path,
    task: str,
    good: Any,
    bad: Any,
    rule: str,
) -> None:
    app = application(train_folder(task), feedback_folder=tmp_path / "labels")
    response = post(app, {"request_id": "a", "label": bad}, "/feedback")
    assert response.status_code == 422
    assert response.json()["error"] == "no label is valid"
    assert response.json()["problems"][0]["rule"].partition("(")[0] == rule
    assert post(app, {"request_id": "a", "label": good}, "/feedback").json() == {
        "accepted": 1,
        "problems": [],
    }
    assert pd.read_parquet(tmp_path / "labels")["label"].tolist() == [good]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[1]", 400),
        (b"[[]]", 400),
        (b'"r-1"', 400),
        (b'{"request_id": "a", "label": NaN}', 400),
        (b'{"request_id": "a", "label": "yes", "label": "no"}', 400),
        (b"[" * 900, 400),
        (b"\xff", 400),
        (b'[{"row_key": {"a": []}, "label": {"a": 1}}]', 422),
        (b'[{"request_id": "a", "row": 1e400, "label": "yes"}]', 400),
        (b'[{"request_id": "a", "row": 99999999999999999999, "label": "yes"}]', 422),
        (b"[]", 202),
        (b"[" + b",".join([b'{"request_id": "a", "label": "yes"}'] * 4) + b"]", 413),
        (b" " * 2000, 413),
    ],
)
def test_hostile_bodies_are_refused(
    folder: Path, tmp_path: Path, body: bytes, status: int
) -> None:
    app = application(folder, feedback_folder=tmp_path, max_rows=3, max_bytes=1000)
    response = post(app, body, "/feedback")
    assert response.status_code == status
    assert not list(tmp_path.rglob("*.parquet"))


def test_what_does_not_fit_is_refused_at_once(folder: Path, tmp_path: Path) -> None:
    app = application(folder, feedback_folder=tmp_path, log_waiting=2, log_rows=1)
    log, go = app.state.service.feedback, threading.Event()
    write = log._write
    log._write = lambda *arguments: go.wait(10) and write(*arguments)
    label = {"request_id": "a", "label": "yes"}

    async def fill(client: Any) -> list[int]:
        sent = [await client.post("/feedback", json=[label] * 2) for _ in range(2)]
        text = (await client.get("/metrics")).text
        assert 'rml_feedback_labels_total{result="dropped"} 2.0' in text
        go.set()
        return [response.status_code for response in sent]

    assert ask(app, fill) == [202, 503]
    assert len(pd.read_parquet(tmp_path)) == 2


def test_the_route_needs_a_folder_of_its_own_and_the_key(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = {"request_id": "a", "label": "yes"}
    assert post(application(folder), label, "/feedback").status_code == 404
    logs = tmp_path / "logs"
    for other in (logs, logs / "labels", tmp_path):
        with pytest.raises(UserError, match="need folders of their own"):
            application(folder, log_folder=logs, feedback_folder=other)
    monkeypatch.setenv("RML_API_KEY", "secret")
    app = application(folder, log_folder=logs, feedback_folder=tmp_path / "labels")
    assert post(app, label, "/feedback").status_code == 401
    assert post(app, label, "/feedback", x_api_key="secret").status_code == 202
    plain = post(app, label, "/feedback", x_api_key="secret", content_type="text/csv")
    assert plain.status_code == 415


def test_the_description_says_which_labels_are_valid(
    folder: Path, tmp_path: Path
) -> None:
    app = application(folder, feedback_folder=tmp_path)
    description = get(app, "/openapi.json").json()
    assert {*description["paths"]["/feedback"]["post"]["responses"]} == {
        *("202", "400", "401", "408", "413", "415", "422", "503")
    }
    schema = description["components"]["schemas"]["Label"]
    validator = Draft202012Validator(schema)
    for label in ({"request_id": "a"}, {"row_key": "0" * 16}, {"request_id": "a b"}):
        for value in (True, "yes", "maybe", None):
            sent = label | {"label": value}
            is_valid = post(app, sent, "/feedback").status_code == 202
            assert validator.is_valid(sent) == is_valid
    without = get(application(folder), "/openapi.json").json()
    assert "/feedback" not in without["paths"]
    assert "Label" not in without["components"]["schemas"]
