"""The DAGs of Airflow are those of DVC, and run; the alert; the units of systemd."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from ..copies import ROOT
from ..environments import environment
from ..loopback import serving
from ..repository.conftest import (
    RML,
    STAGES,
    Project,
    copy_of_working_tree,
    needs_sample,
)

LOCK = Path(__file__).with_name("requirements.txt")
PIPELINES = ROOT / "pipelines"
NAME = "tumour-diagnosis"


@pytest.fixture(scope="module")
def dag_file() -> Any:
    """The module pipelines/airflow_dag.py, where there is no Airflow."""
    path = PIPELINES / "airflow_dag.py"
    spec = importlib.util.spec_from_file_location("airflow_dag", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tasks_and_edges_are_those_of_dvc(dag_file: Any) -> None:
    found = dag_file.read_stages(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8")))
    command = [sys.executable, "-m", "dvc", "dag", "--dot"]
    drawn = subprocess.check_output(command, cwd=ROOT, text=True)
    edges = set(re.findall(r'"([^"]+)" -> "([^"]+)"', drawn))
    assert {(old, new) for new, needed in found.items() for old in needed} == edges
    assert list(found) == STAGES


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"foreach": ["a"], "do": {"cmd": "a"}}, "stage one: foreach is not supported"),
        ({"cmd": "a", "deps": ["${data.file}"]}, r"\$\{data.file\}: `vars:` has no"),
    ],
)
def test_stages_that_only_dvc_can_resolve_are_errors(
    dag_file: Any, stage: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dag_file.read_stages({"vars": [{"raw": "a.csv"}], "stages": {"one": stage}})


def test_folders_and_the_files_in_them_are_edges(dag_file: Any) -> None:
    stages = {
        "a": {"cmd": "a", "outs": ["data/${table}"]},
        "b": {"cmd": "b", "deps": ["data/"], "metrics": [{"b.json": {"cache": False}}]},
        "c": {"cmd": "c", "deps": ["data/raw/part.csv", "./b.json", "data/ra"]},
    }
    found = dag_file.read_stages({"vars": [{"table": "raw"}], "stages": stages})
    assert found == {"a": set(), "b": {"a"}, "c": {"a", "b"}}


def test_alert_goes_to_command_and_webhook_and_shows_no_secret(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(_: str, path: str, body: bytes) -> tuple[int, bytes]:
        posted.append(body)
        return (200 if path == "/secret" else 404), b""

    def send(path: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "RML_NIGHTLY_ALERT_COMMAND": f"tee '{tmp_path / 'a b.json'}'",
            "RML_NIGHTLY_WEBHOOK": f"http://{place}{path}",
            "NO_PROXY": "*",
        }
        return subprocess.run(
            [sys.executable, "-I", PIPELINES / "alert.py", "train failed"],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    with serving(answer) as place:
        assert send("/secret").returncode == 0
        failed = send("/other-secret")
    assert failed.returncode == 1
    assert failed.stderr == "alert: RML_NIGHTLY_WEBHOOK: not sent: 404\n"
    assert json.loads(posted[0])["text"] == "train failed"
    assert json.loads((tmp_path / "a b.json").read_text())["text"] == "train failed"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in (PIPELINES / "systemd").iterdir():
        text = unit.read_text("utf-8").replace(f"/srv/{NAME}", str(ROOT))
        (tmp_path / unit.name).write_text(text, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


class Orchestrated(Project):
    """A project that Airflow runs."""

    def airflow(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Airflow, which knows the DAGs of this project alone."""
        variables = {
            "AIRFLOW_HOME": str(self.folder.parent / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "pipelines"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "RML_NIGHTLY_ALERT_COMMAND": f"tee -a {self.alerts}",
            "RML_NIGHTLY_RETRY_SECONDS": "0",
        }
        program = str(environment("airflow", LOCK) / "airflow")
        return self.run(program, *command, check=False, variables=variables)

    @property
    def alerts(self) -> Path:
        """The file that alerts are written to."""
        return self.folder.parent / "alerts.json"

    def test(self, *command: str) -> tuple[int, str]:
        """Return exit code and output of `airflow dags test`."""
        done = self.airflow("dags", "test", *command)
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrated]:
    """Return a project with an environment, and a database of Airflow beside it."""
    folder = tmp_path_factory.mktemp("airflow") / "project"
    made = Orchestrated(copy_of_working_tree(folder).folder)
    (folder / ".venv").symlink_to(sys.prefix)
    with (folder / ".git/info/exclude").open("a") as file:
        file.write(".venv\n")
    migrated = made.airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stdout
    yield made
    shutil.rmtree(folder.parent)


def started(output: str) -> list[str]:
    """Return the stages that DVC ran."""
    return re.findall(r"Running stage '(\w+)'", output)


@pytest.mark.slow
def test_airflow_says_why_it_cannot_read_the_pipeline(project: Orchestrated) -> None:
    # Without --local, it asks its database, which only a scheduler fills.
    listed = "dags", "list-import-errors", "--local"
    done = project.airflow(*listed)
    assert (done.returncode, "No data found" in done.stdout) == (0, True)
    project.edit("dvc.yaml", "  card:", "  card:\n    wdir: .")
    done = project.airflow(*listed)
    assert done.returncode == 1
    assert "stage card: wdir is not supported here" in done.stdout
    project.run("git", "restore", "dvc.yaml")


@needs_sample
@pytest.mark.slow
def test_airflow_runs_each_stage_and_reports_failures(project: Orchestrated) -> None:
    (project.folder / "dvc.lock").unlink()
    project.commit()
    project.run("git", "rm", "-r", "-q", "--cached", "reports")
    shutil.rmtree(project.folder / "reports")
    project.commit()
    code, output = project.test(NAME)
    assert code == 0, output
    assert started(output) == STAGES
    # That results changed is no failure.
    assert "nightly: results changed" in output
    # Results are those that are committed here, to the bit.
    lock = (project.folder / "dvc.lock").read_text("utf-8")
    assert yaml.safe_load(lock) == yaml.safe_load((ROOT / "dvc.lock").read_text())
    assert not project.alerts.exists()

    project.commit()
    project.set("train.estimator.path", "sklearn.nothing.Model")
    code, output = project.test(NAME)
    assert code == 1
    assert "sklearn.nothing" in output
    sent = project.alerts.read_text().replace("}{", "}\n{").splitlines()
    # One alert, though the stage was tried twice.
    assert started(output) == ["train", "train"]
    (text,) = [json.loads(line)["text"] for line in sent]
    assert text.startswith(f"{NAME}: train failed, run manual__")
    project.alerts.unlink()
    # A random split has no date; nothing runs.
    code, output = project.test(f"{NAME}-as-of", "2024-01-01")
    assert code == 1
    assert "split.method is hash: only `time` has a cutoff date" in output
    assert started(output) == []


@needs_sample
@pytest.mark.slow
def test_pipeline_runs_as_of_a_date(project: Orchestrated, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = 400
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "D")
    age = random.integers(18, 90, rows)
    again = np.where(random.random(rows) < age / 100, "yes", "no")
    table = pd.DataFrame({"date": days, "age": age, "again": again})
    table.to_csv(tmp_path / "visits.csv", index=False)
    project.run("git", "reset", "--quiet", "--hard")
    source = str(tmp_path / "visits.csv")
    project.run(*RML, "data", source, "--target", "again", "--time", "date")
    project.set("evaluate.replicates", 100)
    project.commit()
    code, output = project.test(f"{NAME}-as-of", "2024-07-01")
    assert code == 0, output
    listed = "for-each-ref", "--format=%(objectname)", "refs/exps/**/as-of-2024-07-01"
    commit = project.run("git", *listed).stdout.strip()
    report = project.run("git", "show", f"{commit}:reports/split.json").stdout
    sides = {name: side["rows"] for name, side in json.loads(report).items()}
    assert sides == {"train": 182, "test": rows - 182}
    # The working copy is as it was.
    assert project.run("git", "status", "--porcelain").stdout == ""
    # No experiment is replaced.
    code, output = project.test(f"{NAME}-as-of", "2024-07-01")
    assert code == 1
    assert "conflicts with existing experiment 'as-of-2024-07-01'" in output
