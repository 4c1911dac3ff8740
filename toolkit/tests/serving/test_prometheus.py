"""Prometheus and Grafana: alerts, dashboard, and both with a real Prometheus."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ..loopback import free_port
from .client import ROOT, application, as_records, get, in_process
from .conftest import LINEAR

FOLDER = ROOT / ".cloud/monitoring"
GRAFANA = FOLDER / "grafana"
DOCUMENT = ROOT / "docs/deployment.md"
TESTS = Path(__file__).parents[1] / "monitoring/alerts.yaml"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the project has no component monitoring"
)


def program(name: str) -> str:
    """Return a program of Prometheus; skip the test without it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")
    return found


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard, without the titles of rows."""
    board = json.loads((GRAFANA / "dashboards/model.json").read_text("utf-8"))
    return [each for each in board["panels"] if each["type"] != "row"]


def queries() -> dict[str, str]:
    """Return all queries of the dashboard, by panel and letter."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel["targets"]
    }


def alerts() -> dict[str, dict[str, Any]]:
    groups = read_yaml(FOLDER / "alerts.yaml")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    return {rule["alert"]: rule for rule in rules}


def exported(text: str) -> set[str]:
    """Return the names of the series of a page of metrics, without any values too."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {
        f"{family.name}{ending}"
        for family in text_string_to_metric_families(text)
        for ending in endings.get(family.type, ("",))
    }


def test_every_metric_of_dashboard_and_alerts_is_exported(
    train_folder: Callable[..., Path],
) -> None:
    pytest.importorskip("faststream")
    from reproducible_ml.serving.worker.metrics import WorkerMetrics
    from reproducible_ml.serving.worker.settings import Settings

    known = {"up"} | exported(
        generate_latest(WorkerMetrics(Settings()).registry).decode()
    )
    for task in ("binary", "regression"):
        app = application(train_folder(task))
        known |= exported(get(app, "/metrics").text)
    listed = {*re.findall(r"`(rml_\w+)`", DOCUMENT.read_text("utf-8"))}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in known}
    assert listed <= families
    assert {name for name in families if not name.endswith("_created")} <= listed | {
        "up"
    }
    for name, expression in queries().items() | {
        (name, rule["expr"]) for name, rule in alerts().items()
    }:
        used = {*re.findall(r"\b(rml_\w+|up)\b", expression)}
        assert used, name
        assert used <= known, name


def test_dashboard_is_what_grafana_takes() -> None:
    board = json.loads((GRAFANA / "dashboards/model.json").read_text("utf-8"))
    assert not {"__inputs", "__requires", "id"} & board.keys()  # those of exports
    [source] = read_yaml(GRAFANA / "datasources/prometheus.yaml")["datasources"]
    [provider] = read_yaml(GRAFANA / "dashboards/provider.yaml")["providers"]
    assert provider["options"]["path"] == "$GF_PATHS_PROVISIONING/dashboards"
    wanted = {"type": source["type"], "uid": source["uid"]}
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert {x for x, _ in taken} == {*range(24)}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels():
        assert panel["type"] in {"timeseries", "stat", "heatmap"}
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == wanted
        assert panel["fieldConfig"]["defaults"]["unit"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted({*letters})
        for target in panel["targets"]:
            assert target["datasource"] == wanted
            assert target["legendFormat"]
            assert {*re.findall(r"\$\w+", target["expr"])} <= {"$__rate_interval"}


def test_alerts_are_raised_as_they_should() -> None:
    cases = read_yaml(TESTS)["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    for name, rule in alerts().items():
        assert {*rule["annotations"]} == {"summary", "description"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        raised = {bool(c.get("exp_alerts")) for c in checks if c["alertname"] == name}
        assert raised == {True, False}, name  # both are tried
    promtool = program("promtool")
    for command in (
        ("check", "config", str(FOLDER / "prometheus.yaml")),
        ("test", "rules", str(TESTS)),
    ):
        done = subprocess.run(
            [promtool, *command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def prometheus(folder: Path, **targets: int) -> Iterator[httpx.Client]:
    """Yield a client of a Prometheus with our configuration, each second."""
    text = (FOLDER / "prometheus.yaml").read_text("utf-8")
    start = text.index("# - job_name: worker")
    text = text[:start] + text[start:].replace("# ", "")
    config = yaml.safe_load(text)
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "alerts.yaml")]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{targets[job['job_name']]}"]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    with subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ],
        stderr=subprocess.PIPE,
    ) as process:
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=10
            ) as client:
                for _ in range(100):
                    assert process.poll() is None
                    try:
                        if client.get("/-/ready").status_code == 200:
                            break
                    except httpx.ConnectError:
                        pass
                    time.sleep(0.1)
                yield client
        finally:
            process.terminate()
            process.communicate(timeout=20)


@contextmanager
def worker(folder: Path, server: str, port: int) -> Iterator[None]:
    """Run `rml work` with a page of metrics."""
    variables = {
        "RML_WORK_MODEL": str(folder),
        "RML_WORK_SERVER": server,
        "RML_WORK_RETRY_SECONDS": "0.1",
    }
    command = [sys.executable, "-m", "reproducible_ml.cli", "work"]
    with subprocess.Popen(
        [*command, "--metrics-port", str(port)],
        cwd=ROOT,
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        try:
            while json.loads(process.stderr.readline())["event"] != "ready":
                assert process.poll() is None
            yield
        finally:
            process.terminate()
            process.communicate(timeout=40)


def has_values(client: httpx.Client, query: str) -> bool:
    """Return whether a query has a result that is a number."""
    query = query.replace("$__rate_interval", "15s")
    content = client.get("/api/v1/query", params={"query": query}).json()
    assert content["status"] == "success", content
    found = [float(each["value"][1]) for each in content["data"]["result"]]
    return any(each == each for each in found)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.xdist_group("service")
def test_every_panel_has_values_from_a_real_service_and_worker(
    train_folder: Callable[..., Path], orders: pd.DataFrame, tmp_path: Path
) -> None:
    program("prometheus")
    pytest.importorskip("faststream")
    from .nats_server import Queue, nats_server, store

    model, second = train_folder(), train_folder("binary", LINEAR["binary"])
    records = as_records(orders)
    bad = [records[0] | {"channel": "pigeon"}, *records[1:20]]
    settings = {
        "log_folder": str(tmp_path / "log"),
        "log_seconds": "1",
        "candidate": str(second),
    }
    with ExitStack() as stack:
        server = stack.enter_context(nats_server(*store(tmp_path / "nats")))
        running = stack.enter_context(in_process(model, "--workers", "2", **settings))
        metrics = free_port()
        stack.enter_context(worker(model, server.url, metrics))
        (tmp_path / "prometheus").mkdir()
        ports = {"service": int(running.url.rpartition(":")[2]), "worker": metrics}
        client = stack.enter_context(prometheus(tmp_path / "prometheus", **ports))

        async def send() -> None:
            queue = await Queue.connect(server.url, "tumour_diagnosis")
            async with httpx.AsyncClient(base_url=running.url, timeout=20) as http:
                end = time.monotonic() + 15
                while time.monotonic() < end:
                    for content in (records[:1], bad, records[:20]):
                        await http.post("/predict", json=content)
                        await queue.send(json.dumps(content).encode())
                    await queue.send(b"{")
                    await asyncio.sleep(0.05)
            await queue.close()

        asyncio.run(send())
        time.sleep(2)
        up = client.get("/api/v1/query", params={"query": "up"}).json()["data"][
            "result"
        ]
        assert {(each["metric"]["job"], each["value"][1]) for each in up} == {
            ("service", "1"),
            ("worker", "1"),
        }
        empty = [
            name for name, query in queries().items() if not has_values(client, query)
        ]
        assert not empty
        rules = client.get("/api/v1/rules").json()["data"]["groups"]
        states = {rule["name"]: rule for group in rules for rule in group["rules"]}
        assert states.keys() == alerts().keys()
        assert {rule["health"] for rule in states.values()} == {"ok"}
        assert states["DeadLetters"]["state"] == "firing"
        assert states["TargetDown"]["state"] == "inactive"
        # Both processes of the service are in the sums.
        for metric, least in (
            ("rml_processes", 2),
            ("rml_process_resident_memory_bytes", 100e6),
            ("rml_rows_total", 100),
        ):
            query, value = f'sum({metric}{{job="service"}})', 0.0
            end = time.monotonic() + 30
            # On a busy computer, the second process starts later.
            while value < least and time.monotonic() < end:
                time.sleep(0.5)
                content = client.get("/api/v1/query", params={"query": query}).json()
                [found] = content["data"]["result"]
                value = float(found["value"][1])
            assert value >= least, metric
