"""`rml serve`: how it starts, ends and takes another model, under load."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml import cli, cli_serving
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.resources import LOG
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import answer
from reproducible_ml.serving.service.metrics import Metrics
from tumour_diagnosis.deployment.predict import Predict, load, predict

from .client import ROOT, Running, application, as_records, ask, in_process, start
from .conftest import LINEAR

process = pytest.mark.integration
together = pytest.mark.xdist_group("service")

Train = Callable[..., Model]


@pytest.fixture
def folder(train: Train, trained: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the folder of a model."""
    train()
    return shutil.copytree(trained["binary {}"], tmp_path / "served")


@pytest.fixture
def other(train_folder: Callable[..., Path]) -> Path:
    """The folder of another model for the same rows."""
    return train_folder("binary", LINEAR["binary"])


def replace(folder: Path, source: Path) -> None:
    """Put another model in place, a file at a time, each at once."""
    for name in ("model.skops", "model.json"):
        shutil.copy(source / name, folder / f".{name}")
        (folder / f".{name}").replace(folder / name)


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return why models were refused, as the log says."""
    return [
        getattr(each, "facts")["reason"]  # noqa: B009 (set by log_event)
        for each in caplog.records
        if each.msg == "model refused"
    ]


def test_no_model_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist\. Fix: run `make repro`"):
        application(tmp_path)


def test_a_model_of_another_hash_or_library_is_an_error_of_one_line(
    folder: Path,
) -> None:
    manifest = json.loads((folder / "model.json").read_text())
    for key, value, error in (
        ("sha256", "0" * 64, "its SHA-256 differs"),
        ("versions", {"scikit-learn": "1.0"}, "was made with other versions"),
        ("code", "0" * 64, "was made with other prediction code"),
    ):
        (folder / "model.json").write_text(json.dumps(manifest | {key: value}))
        with pytest.raises(UserError, match=error) as info:
            application(folder)
        assert "\n" not in str(info.value)


def test_another_model_is_taken_and_a_wrong_one_refused(
    folder: Path, other: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(folder)
    service = app.state.service
    before = service.model

    async def reload(_: Any) -> None:
        await service.main.reload()

    ask(app, reload)
    assert service.model is before  # the same model is not another one
    replace(folder, other)
    (folder / "model.skops").write_bytes(b"damaged")
    ask(app, reload)
    assert service.model is before
    replace(folder, other)
    ask(app, reload)
    assert service.model.version == load(other, Predict()).version != before.version
    [line] = refusals(caplog)
    assert "its SHA-256 differs" in line
    text = service.metrics.text()[0].decode()
    assert 'rml_model_reloads_total{result="refused"} 1.0' in text
    assert 'rml_model_reloads_total{result="loaded"} 1.0' in text
    assert f'rml_model_info{{name="orders",version="{before.version}"}} 0.0' in text


def test_a_model_is_refused_if_the_code_changed(
    folder: Path, other: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(folder)
    service = app.state.service
    service.main._code = lambda: "changed"
    replace(folder, other)
    before = service.model

    async def reload(_: Any) -> None:
        await service.main.reload()

    ask(app, reload)
    assert service.model is before
    [line] = refusals(caplog)
    assert "the prediction code changed since the service was started" in line


@process
@together
def test_what_is_wrong_at_the_start_is_a_line_and_exit_code_1(tmp_path: Path) -> None:
    running = start(tmp_path, "--port", "0", "--workers", "2")
    _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert error.startswith(f"error: {tmp_path}/model.json: does not exist.")
    assert error.count("\n") == 1


class Load:
    """Clients that send a row again and again, each on its own connection."""

    def __init__(self, url: str, record: dict[str, Any]) -> None:
        self.url = url
        self.record = record
        self.stop = threading.Event()
        self.found: list[dict[str, Any]] = []
        self.errors: list[str] = []

    def send(self) -> None:
        with httpx.Client(base_url=self.url, timeout=20) as client:
            while not self.stop.is_set():
                try:
                    response = client.post("/predict", json=self.record)
                    if response.status_code == 200:
                        self.found.append(response.json())
                    else:
                        self.errors.append(response.text)
                except httpx.HTTPError as error:
                    self.errors.append(repr(error))
                    return

    def stop_when_not_ready(self) -> None:
        """Do as what spreads the load does."""
        with httpx.Client(base_url=self.url) as client:
            while client.get("/v2/health/ready").status_code == 200:
                time.sleep(0.02)
        self.stop.set()


@contextmanager
def under_load(running: Running, record: dict[str, Any]) -> Iterator[Load]:
    load = Load(running.url, record)
    threads = [threading.Thread(target=load.send) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(30)


@process
@together
def test_sigterm_under_load_loses_no_request(
    folder: Path, orders: pd.DataFrame
) -> None:
    [record] = as_records(orders[:1])
    with in_process(folder, drain_seconds="1") as running:
        with under_load(running, record) as load:
            watch = threading.Thread(target=load.stop_when_not_ready)
            watch.start()
            time.sleep(1)
            running.process.send_signal(signal.SIGTERM)
            watch.join(10)
            assert load.stop.is_set()
        assert running.process.wait(20) == 0
        running.wait_for("stopped")
    lines = map(json.loads, (ROOT / LOG).read_text().splitlines())
    usage = [each for each in lines if each["kind"] == "serve"][-1]
    assert usage["seconds"] > 1
    assert usage["cpu_seconds"] > 0.5
    assert usage["memory_bytes"] > 50e6
    assert not load.errors
    assert len(load.found) > 20
    assert len({json.dumps(content) for content in load.found}) == 1


@process
@together
def test_what_is_being_answered_at_sigterm_is_answered(
    folder: Path, orders: pd.DataFrame, tmp_path: Path
) -> None:
    records = as_records(orders) * 30
    logs = tmp_path / "logs"
    settings = {"drain_seconds": "0", "log_folder": str(logs), "log_seconds": "600"}
    with in_process(folder, **settings) as running:
        found: list[httpx.Response] = []

        def send() -> None:
            found.append(httpx.post(f"{running.url}/predict", json=records, timeout=60))

        sender = threading.Thread(target=send)
        sender.start()
        begun = "rml_batch_rows_sum 9000.0"
        while begun not in httpx.get(f"{running.url}/metrics").text:
            time.sleep(0.005)
        running.process.send_signal(signal.SIGTERM)
        sender.join(60)
        assert running.process.wait(20) == 0
    assert found[0].status_code == 200
    assert len(found[0].json()["predictions"]) == 9000
    # What waited to be logged was written at the end.
    assert len(pd.read_parquet(logs)) == 9000


@process
@together
def test_another_model_under_load_and_two_versions_side_by_side(
    folder: Path, other: Path, orders: pd.DataFrame
) -> None:
    [record] = as_records(orders[:1])
    loaded = [load(path, Predict()) for path in (folder, other)]
    models = {model.version: model for model in loaded}
    old, new = models
    table = pa.Table.from_pandas(orders[:1])
    expected = {
        version: answer(table, model, predict).answers["probability"].tolist()
        for version, model in models.items()
    }
    with in_process(other) as second, in_process(folder, reload_seconds="0.1") as first:
        assert httpx.post(f"{first.url}/predict", json=record).json()["version"] == old
        assert httpx.post(f"{second.url}/predict", json=record).json()["version"] == new
        path = f"/v2/models/orders/versions/{new}"
        assert httpx.get(f"{first.url}{path}").status_code == 404
        assert httpx.get(f"{second.url}{path}").status_code == 200
        with under_load(first, record) as sent:
            time.sleep(0.5)
            replace(folder, other)
            first.wait_for("model loaded")
            time.sleep(0.5)
        assert httpx.get(f"{first.url}{path}").status_code == 200
    assert not sent.errors
    versions = [content["version"] for content in sent.found]
    assert {*versions} == {old, new}
    for content in sent.found:
        [prediction] = content["predictions"]
        assert [prediction["probability"]] == expected[content["version"]]


@process
@together
@pytest.mark.slow
def test_workers_count_together_and_end_together(
    folder: Path, orders: pd.DataFrame, tmp_path: Path
) -> None:
    [record] = as_records(orders[:1])
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    (metrics / "counter_1.db").write_bytes(b"of an earlier run")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    try:
        with in_process(folder, "--workers", "2") as running:
            while len([e for e in running.events() if e["event"] == "ready"]) < 2:
                time.sleep(0.05)
            for _ in range(30):
                response = httpx.post(f"{running.url}/predict", json=record)
                assert response.status_code == 200
            texts = [httpx.get(f"{running.url}/metrics").text for _ in range(6)]
            files = metrics.glob("counter_*")
            assert len({path.stem.rpartition("_")[2] for path in files}) == 2
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(30) == 0
    finally:
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    assert not list(metrics.iterdir())
    for text in texts:
        assert 'rml_requests_total{route="/predict",status="200"} 30.0' in text
        assert 'rml_rows_total{result="answered"} 30.0' in text
        assert text.count("rml_model_info{") == 1
        assert "rml_processes 2.0" in text
        found = value_of("rml_process_resident_memory_bytes", text)
        assert found > 2 * 50e6
        assert value_of("rml_process_cpu_seconds_total", text) > 1
        assert value_of("rml_prediction_probability_count", text) == 30


def value_of(name: str, text: str) -> float:
    """Return the value of the only series of a metric."""
    [line] = [each for each in text.splitlines() if re.match(rf"{name}[ {{]", each)]
    return float(line.rpartition(" ")[2])


def test_gauges_of_dead_workers_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for number in (ended.pid, os.getpid()):
        for kind in ("gauge_livesum", "counter"):
            (tmp_path / f"{kind}_{number}.db").write_bytes(b"")
    metrics = Metrics()
    metrics.forget_dead_workers()
    metrics.forget_this_worker()
    assert len(list(tmp_path.iterdir())) == 4  # there are no workers
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics.forget_dead_workers()
    own, dead = os.getpid(), ended.pid
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        f"counter_{dead}.db",
        f"counter_{own}.db",
        f"gauge_livesum_{own}.db",
    }
    metrics.forget_this_worker()
    assert not list(tmp_path.glob("gauge*"))


def test_a_command_without_its_packages_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for packages in (cli.OPTIONAL, cli_serving.PACKAGES):
        monkeypatch.setitem(packages, "serve", ("no_such_package",))
    with pytest.raises(UserError, match="rml serve: no_such_package is not installed"):
        cli.cli.main(["serve"], standalone_mode=False)
    assert "serve" not in cli.cli.list_commands(click.Context(cli.cli))
