"""The same pipeline on clusters of real processes gives the same bytes."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from ..environments import packages
from .conftest import Project, needs_sample
from .dask_cluster import Cluster

# One worker of the tests runs all of them, as they share what takes long to make.
pytestmark = [
    needs_sample,
    pytest.mark.slow,
    pytest.mark.xdist_group("scaling"),
]

SEARCH: dict[str, Any] = {
    "method": "random",
    "n_iter": 10,
    "folds": 3,
    "space": {"max_depth": {"int": [1, 6]}, "learning_rate": {"uniform": [0.1, 0.3]}},
}

# Everything that parallel work makes; the stages after these do all by themselves.
STAGES = ("validate", "clean", "split", "train")

TRAIN = ("dvc", "repro", "--single-item", "--force", "train")


@pytest.fixture(scope="session")
def layer() -> Path:
    """Return the folder of Dask and Ray, for PYTHONPATH."""
    return packages("dask", "ray")


def variables(project: Project, layer: Path, **others: str) -> dict[str, str]:
    """Return variables under which the project finds its code, Dask and Ray."""
    path = f"{project.environment()['PYTHONPATH']}{os.pathsep}{layer}"
    return {"PYTHONPATH": path, "PYTHONWARNINGS": "default", **others}


def configure(project: Project, backend: str) -> None:
    """Let the project work in three parts and search, by a backend."""
    compute = {"backend": backend, "n_jobs": 2, "rows_per_part": 200}
    project.set("compute", compute)
    project.set("train.search", SEARCH)


def locked_outputs(project: Project) -> dict[str, str]:
    """Return the hash of each output of the stages with parallel work."""
    stages = yaml.safe_load(project.read("dvc.lock"))["stages"]
    return {out["path"]: out["md5"] for n in STAGES for out in stages[n]["outs"]}


def run(project: Project, **options: Any) -> subprocess.CompletedProcess[str]:
    return project.run("dvc", "repro", "--force", "train", **options)


def named(process: subprocess.Popen[str], name: str) -> list[psutil.Process]:
    """Return what a process started, directly or not, and that has such a name."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            found += [child] if name in " ".join(child.cmdline()) else []
    return found


@pytest.fixture(scope="module")
def expected(
    cold: tuple[Project, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the hashes that processes on this machine give."""
    folder = tmp_path_factory.mktemp("loky") / "project"
    cold[0].run("git", "clone", "--quiet", str(cold[0].folder), str(folder))
    project = Project(folder)
    configure(project, "loky")
    run(project)
    return locked_outputs(project)


@pytest.fixture
def cluster(project: Project, layer: Path, tmp_path: Path) -> Iterator[Cluster]:
    """Start a scheduler that has no worker yet."""
    environment = project.environment() | variables(project, layer)
    started = Cluster(tmp_path, environment)
    yield started
    started.stop()


def test_dask_gives_the_same_bytes(
    project: Project, layer: Path, cluster: Cluster, expected: dict[str, str]
) -> None:
    before = [cluster.add_worker() for _ in range(2)]
    configure(project, "dask")
    here = variables(project, layer, DASK_SCHEDULER_ADDRESS=cluster.address)
    run(project, variables=here)
    assert locked_outputs(project) == expected
    assert all(worker.cpu_times().user > 1 for worker in before)


def test_search_goes_on_when_a_worker_dies(
    project: Project, layer: Path, cluster: Cluster, expected: dict[str, str]
) -> None:
    first, second = cluster.add_worker(), cluster.add_worker()
    configure(project, "dask")
    here = variables(project, layer, DASK_SCHEDULER_ADDRESS=cluster.address)
    running = project.start(*TRAIN, variables=here)
    busy = first.cpu_times().user + 1
    while first.cpu_times().user < busy and running.poll() is None:
        time.sleep(0.05)
    assert running.poll() is None, "the search ended before a worker could die"
    first.kill()
    printed, _ = running.communicate(timeout=120)
    assert running.returncode == 0, printed
    assert second.is_running()
    for name in ("models/model.skops", "reports/search.csv"):
        assert locked_outputs(project)[name] == expected[name]


@pytest.mark.parametrize(
    "module",
    [
        "code/tumour_diagnosis/datasets/split.py",
        "toolkit/src/reproducible_ml/core/stage.py",
    ],
)
def test_worker_with_other_code_is_an_error(
    project: Project, layer: Path, cluster: Cluster, tmp_path: Path, module: str
) -> None:
    other = tmp_path / "other"
    project.run("git", "clone", "--quiet", ".", str(other))
    edited = other / module
    edited.write_text(f"{edited.read_text('utf-8')}\n# Changed.\n", "utf-8")
    path = [str(other / "code"), str(other / "toolkit/src"), str(layer)]
    cluster.environment |= {"PYTHONPATH": os.pathsep.join(path)}
    cluster.add_worker()
    configure(project, "dask")
    here = variables(project, layer, DASK_SCHEDULER_ADDRESS=cluster.address)
    done = run(project, variables=here, check=False)
    assert done.returncode != 0
    assert re.search(r"error: compute\.backend dask: worker .* code is ", done.stdout)
    assert "Traceback" not in done.stdout


def test_ray_gives_the_same_bytes(
    project: Project, layer: Path, expected: dict[str, str]
) -> None:
    configure(project, "loky")
    project.run("dvc", "repro", "clean")
    project.set("compute.backend", "ray")
    # Ray takes its time for each stage, so one stage with data stands for the others.
    command = (*TRAIN[:-1], "split", "train")
    project.run(*command, variables=variables(project, layer))
    assert locked_outputs(project) == expected


def test_death_of_a_ray_worker_is_an_error_and_nothing_is_written(
    project: Project, layer: Path
) -> None:
    configure(project, "ray")
    running = project.start(*TRAIN, variables=variables(project, layer))
    while not (actors := named(running, "ray::PoolActor")):
        assert running.poll() is None, "the search ended before a worker could die"
        time.sleep(0.05)
    actors[0].kill()
    printed, _ = running.communicate(timeout=120)
    assert running.returncode != 0
    assert "error: compute.backend ray: a worker died" in printed
    assert "Traceback" not in printed
    assert not (project.folder / "reports/search.csv").exists()


@pytest.fixture(scope="session")
def boosting(layer: Path) -> Path:
    """Return the folder of Dask and XGBoost, for PYTHONPATH."""
    return packages("dask", "xgboost")


def boost(project: Project, backend: str, trees: int = 20) -> None:
    """Let the project fit XGBoost by two workers, each with its own parts."""
    project.set("compute", {"backend": backend, "n_jobs": 2, "rows_per_part": 150})
    project.set("train.batch_rows", 100)
    project.set("train.workers", 2)
    arguments = {"n_estimators": trees, "max_depth": 3}
    estimator = {"path": "xgboost.XGBClassifier", "arguments": arguments}
    project.set("train.estimator", estimator)


@pytest.fixture(scope="module")
def boosted(
    cold: tuple[Project, list[str]],
    boosting: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Return the hashes of a model that two processes on this machine make."""
    folder = tmp_path_factory.mktemp("boosted") / "project"
    cold[0].run("git", "clone", "--quiet", str(cold[0].folder), str(folder))
    project = Project(folder)
    boost(project, "threading")
    project.run("dvc", "repro", "--force", variables=variables(project, boosting))
    metrics = yaml.safe_load(project.read("reports/metrics.json"))
    assert metrics["roc_auc"] > 0.95
    return locked_outputs(project)


@pytest.fixture
def boosting_cluster(
    project: Project, boosting: Path, tmp_path: Path
) -> Iterator[Cluster]:
    """Start a scheduler that has no worker yet."""
    environment = project.environment() | variables(project, boosting)
    started = Cluster(tmp_path, environment)
    yield started
    started.stop()


def test_xgboost_on_two_workers_started_apart_gives_the_same_bytes(
    project: Project, boosting: Path, boosting_cluster: Cluster, boosted: dict[str, str]
) -> None:
    workers = [boosting_cluster.add_worker() for _ in range(2)]
    boost(project, "dask")
    address = {"DASK_SCHEDULER_ADDRESS": boosting_cluster.address}
    here = variables(project, boosting, **address)
    run(project, variables=here)
    assert locked_outputs(project) == boosted
    # One dies while it trains: an error at once, and then the same model again.
    project.set("train.estimator.arguments.n_estimators", 100_000)
    running = project.start(*TRAIN, variables=here)
    count = project.folder / "models/.model.skops.rows.tmp/round"
    while not count.exists():
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)
    workers[0].kill()
    printed, _ = running.communicate(timeout=60)
    assert running.returncode != 0
    assert len(re.findall(r"error: compute\.backend dask: .* died", printed)) == 1
    assert "Traceback" not in printed
    assert not list(project.folder.glob("models/.*.tmp"))
    boosting_cluster.add_worker()
    project.set("train.estimator.arguments.n_estimators", 20)
    run(project, variables=here)
    assert locked_outputs(project) == boosted


def test_xgboost_without_enough_workers_is_an_error(
    project: Project, boosting: Path
) -> None:
    boost(project, "threading")
    project.set("compute.rows_per_part", 1000)
    done = run(project, variables=variables(project, boosting), check=False)
    assert done.returncode != 0
    assert "params.yaml: train.workers: 2, but " in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_missing_cluster_is_an_error(
    backend: str, project: Project, layer: Path
) -> None:
    configure(project, backend)
    nowhere = {
        "DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:1",
        "RAY_ADDRESS": "127.0.0.1:1",
    }
    done = run(project, variables=variables(project, layer, **nowhere), check=False)
    assert done.returncode != 0
    assert f"error: compute.backend {backend}: no " in done.stdout
    assert "Traceback" not in done.stdout
