"""Results on a real MLflow server; without one, a line and no error."""

import hashlib
import json
import math
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from reproducible_ml.core.project import Project
from reproducible_ml.tracking.mlflow import explain, link
from reproducible_ml.tracking.track import track

from ..environments import packages
from .conftest import RML, Tracked
from .server import Server, broken

# One worker of the tests runs all of them, so that one server serves them all.
on_server = pytest.mark.xdist_group("tracking")

# One process for all: most of the time is that of MLflow's import.
TRY = """\
import os, sys
from pathlib import Path
from reproducible_ml.core.project import Project
from reproducible_ml.tracking.track import track

for os.environ["MLFLOW_TRACKING_URI"] in sys.argv[1:]:
    track(Project(Path()))
"""


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://host:5000/", "http://host:5000/#/experiments/1/runs/abc?"),
        ("https://user:s3cret@host/a", "https://host/a/#/experiments/1/runs/abc?"),
        ("databricks", "run abc at databricks"),
    ],
)
def test_link_leads_to_the_run(uri: str, shown: str) -> None:
    assert link(uri, "1", "abc").startswith(shown)


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("http://host:5000/a", "http://host:5000/a"),
        ("https://user:s3cr3t@host", "https://host"),
        ("https://user:s3cr3t@c/ret@host", "https://host"),
        ("user:s3cr3t@host:5000", "host:5000"),
    ],
)
def test_password_is_in_no_message(
    uri: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    line = explain(ValueError(f"cannot parse {uri} (port s3cr3t)\n\x1b[2J"))
    assert line.startswith(f"not logged to MLflow at {where}: cannot parse {where} (")
    assert ("s3cr3t" in line) == ("s3cr3t" not in uri)
    assert line.isprintable()


def test_missing_package_or_address_is_a_line(
    result: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for uri, said in {
        " ": "MLFLOW_TRACKING_URI",
        "http://127.0.0.1:1": "setup",
    }.items():
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        track(Project(result))
        printed = capsys.readouterr()
        assert printed.err.startswith("warning: not logged to MLflow: ")
        assert said in printed.err
        assert (printed.out, printed.err.count("\n")) == ("", 1)


def test_nothing_is_logged_with_tracking_none(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = result / "params.yaml"
    path.write_text(path.read_text().replace("tracking: mlflow\n", ""))
    track(Project(result))
    assert "`tracking: none`" in capsys.readouterr().out


@pytest.mark.integration
def test_server_that_cannot_be_used_is_a_line(result: Path) -> None:
    before = sorted(result.iterdir())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uris = [
            "http://user:s3cr3t@127.0.0.1:1",
            "http://user:s3/cr3t@127.0.0.1:1",
            f"http://user:s3cr3t@127.0.0.1:{silent.getsockname()[1]}",
        ]
        path = [*sys.path, str(packages("mlflow"))]
        variables = {"PYTHONPATH": os.pathsep.join(path), "NO_PROXY": "*"}
        done = subprocess.run(
            [sys.executable, "-c", TRY, *uris],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert len(lines) == len(uris)
    for line in lines:
        assert line.startswith("warning: not logged to MLflow at http://127.0.0.1:")
    assert "cr3t" not in done.stderr
    assert sorted(result.iterdir()) == before


@on_server
@pytest.mark.integration
@pytest.mark.slow
def test_repro_logs_its_result_once(
    reproduced: tuple[Tracked, str], server: Server
) -> None:
    project, printed = reproduced
    last = printed.splitlines()[-1]
    assert last.startswith(f"MLflow: {server.uri}/#/experiments/")
    again = project.run(*RML, "repro").stdout.splitlines()[-1]
    shown = last.removeprefix("MLflow: ")
    assert again == f"MLflow: already logged for this commit and dvc.lock, {shown}"
    [found] = server.runs("tumour_diagnosis")
    assert found["status"] == "FINISHED"
    params = yaml.safe_load(project.read("params.yaml"))
    assert found["params"]["data.target"] == params["data"]["target"]
    metrics = json.loads(project.read("reports/metrics.json"))
    for metric, value in metrics.items():
        if value is not None and math.isfinite(value):
            assert found["metrics"][metric] == value
    assert f"{params['evaluate']['metrics'][0]}_low" in found["metrics"]
    lock = (project.folder / "dvc.lock").read_bytes()
    model = (project.folder / "models/model.skops").read_bytes()
    commit = project.run("git", "rev-parse", "HEAD").stdout.strip()
    expected = {
        "dvc.lock.sha256": hashlib.sha256(lock).hexdigest(),
        "model.md5": hashlib.md5(model, usedforsecurity=False).hexdigest(),
        "model.sha256": hashlib.sha256(model).hexdigest(),
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.dirty": "true",
        "mlflow.runName": f"main {commit[:7]} + changes",
    }
    assert expected.items() <= found["tags"].items()


@on_server
@pytest.mark.integration
@pytest.mark.slow
def test_experiment_is_logged_by_its_name(
    tracked: Tracked, server: Server, experiment: str
) -> None:
    tracked.commit()
    setting = "evaluate.replicates=101"
    printed = tracked.run(*RML, "exp", "-S", setting, "--name", "more").stdout
    assert printed.splitlines()[-1].startswith(f"MLflow: {server.uri}/#/experiments/")
    tracked.run(*RML, "track")
    of_folder, of_experiment = server.runs(experiment)
    assert of_experiment["params"]["evaluate.replicates"] == "101"
    assert of_experiment["name"] == "more"
    assert of_experiment["tags"]["model.sha256"]
    assert of_folder["tags"]["mlflow.source.git.branch"] == "main"


@on_server
@pytest.mark.integration
@pytest.mark.slow
def test_any_parameters_are_logged_also_without_git(
    tracked: Tracked, server: Server, experiment: str
) -> None:
    shutil.rmtree(tracked.folder / ".git")
    unusual: dict[str, object] = {
        "a(b": "x" * 10_000,
        "a)b": [1.5] * 200,
        "../c": None,
        "Größe": "ü",
    }
    unusual |= {f"n{number}": number for number in range(150)}
    tracked.set("train.estimator", {"path": "my.Model", "arguments": unusual})
    assert "warning" not in tracked.run(*RML, "track").stdout
    [found] = server.runs(experiment)
    params = found["params"]
    start = "train.estimator.arguments."
    assert params[f"{start}a_b"] == "x" * 6000
    assert params[f"{start}a_b 2"] == json.dumps([1.5] * 200)
    assert params[f"{start}.._c"] == "null"
    assert params[f"{start}Größe"] == "ü"
    assert params[f"{start}n149"] == "149"
    assert found["name"] == "without a commit"


@contextmanager
def while_logging(tracked: Tracked, server: Server) -> Iterator[subprocess.Popen[str]]:
    """Yield a command that has begun a run on the server, and waits for an answer."""
    original = dict(tracked.variables)
    with broken(server) as (uri, arrived, _):
        tracked.variables["MLFLOW_TRACKING_URI"] = uri
        started = tracked.start(*RML, "track")
        assert arrived.wait(60)
        yield started
    tracked.variables = original


@on_server
@pytest.mark.integration
@pytest.mark.slow
def test_run_of_a_killed_process_is_marked_as_failed_later(
    tracked: Tracked, server: Server, experiment: str
) -> None:
    with while_logging(tracked, server) as started:
        started.kill()
        started.communicate(timeout=60)
    assert [run["status"] for run in server.runs(experiment)] == ["RUNNING"]
    tracked.run(*RML, "track")
    assert [run["status"] for run in server.runs(experiment)] == ["FINISHED", "FAILED"]
