"""Results on a real MLflow server, as users come to have them there."""

import hashlib
import json
import math
import shutil
import tomllib

import yaml

from .conftest import ONE_WORKER, REPRO, TRACK, Reproduced, Tracked
from .server import Server

pytestmark = ONE_WORKER


def own_name(project: Tracked) -> str:
    return str(tomllib.loads(project.read("pyproject.toml"))["project"]["name"])


def test_make_repro_shows_its_result_on_the_server(
    reproduced: Reproduced, server: Server
) -> None:
    project, printed = reproduced
    last = printed.splitlines()[-1]
    assert last.startswith(f"MLflow: {server.uri}/#/experiments/")
    found = server.runs(own_name(project))[-1]
    assert found["status"] == "FINISHED"
    params = yaml.safe_load(project.read("params.yaml"))
    estimator = params["train"]["estimator"]["path"]
    assert found["params"]["train.estimator.path"] == estimator
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


def test_second_make_repro_shows_nothing_new(
    reproduced: Reproduced, server: Server
) -> None:
    project, printed = reproduced
    again = project.run(*REPRO).stdout.splitlines()[-1]
    shown = printed.splitlines()[-1].removeprefix("MLflow: ")
    assert again == f"MLflow: this commit and dvc.lock are there already, {shown}"
    assert len(server.runs(own_name(project))) == 1


def test_commit_is_shown_apart_from_the_changes_that_led_to_it(
    project: Tracked, server: Server, experiment: str
) -> None:
    project.run(*TRACK)
    project.commit()
    project.run("git", "checkout", "--quiet", "--detach")
    project.run(*TRACK)
    clean, changed = server.runs(experiment)
    assert clean["tags"]["mlflow.source.git.dirty"] == "false"
    assert "mlflow.source.git.branch" not in clean["tags"]
    assert clean["name"] == clean["tags"]["mlflow.source.git.commit"][:7]
    assert changed["tags"]["mlflow.source.git.branch"] == "main"
    assert changed["tags"]["dvc.lock.sha256"] == clean["tags"]["dvc.lock.sha256"]


def test_experiment_of_dvc_is_shown_by_its_name(
    project: Tracked, server: Server, experiment: str
) -> None:
    project.run("dvc", "exp", "save", "--name", "quick-fox")
    assert "runs/" in project.run(*TRACK, "quick-fox").stdout
    [found] = server.runs(experiment)
    commits = project.run("git", "for-each-ref", "refs/exps/*/*/quick-fox").stdout
    assert found["name"] == "quick-fox"
    assert found["tags"]["mlflow.source.git.commit"] == commits.split()[0]
    assert found["tags"]["model.sha256"]


def test_params_that_mlflow_would_refuse_and_no_git_are_no_obstacle(
    project: Tracked, server: Server, experiment: str
) -> None:
    shutil.rmtree(project.folder / ".git")
    strange: dict[str, object] = {
        "a(b": "x" * 10_000,
        "a)b": [1.5] * 200,
        "../c": None,
        "Größe": "ü",
    }
    strange |= {f"n{number}": number for number in range(150)}
    project.set("train.estimator", {"path": "my.Model", "arguments": strange})
    for _ in range(2):
        assert "warning" not in project.run(*TRACK).stdout
    [found] = server.runs(experiment)
    params = found["params"]
    start = "train.estimator.arguments."
    assert params[f"{start}a_b"] == "x" * 6000
    assert params[f"{start}a_b 2"] == json.dumps([1.5] * 200)
    assert params[f"{start}.._c"] == "null"
    assert params[f"{start}Größe"] == "ü"
    assert params[f"{start}n149"] == "149"
    assert found["name"] == "without a commit"


def test_experiment_that_was_deleted_on_the_server_costs_a_line(
    project: Tracked, server: Server, experiment: str
) -> None:
    number = server.ask("experiments/create", name=experiment)["experiment_id"]
    server.ask("experiments/delete", experiment_id=number)
    done = project.run(*TRACK)
    assert done.stdout.count("\n") == 1
    assert "deleted" in done.stdout
    assert "MLFLOW_EXPERIMENT_NAME" in done.stdout


def test_make_exp_shows_its_experiment(
    project: Tracked, server: Server, experiment: str
) -> None:
    project.commit()
    setting = "evaluate.replicates=101"
    command = ("python", "-m", "reproducible_ml.experiments.run")
    printed = project.run(*command, "--settings", setting, "--name", "more").stdout
    assert printed.splitlines()[-1].startswith(f"MLflow: {server.uri}/#/experiments/")
    [found] = server.runs(experiment)
    assert found["params"]["evaluate.replicates"] == "101"
    assert "more" in found["tags"]["mlflow.runName"]
