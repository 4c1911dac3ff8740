"""Tests of reproducible_ml.tracking.server, without a server."""

from pathlib import Path

import pytest

from .conftest import run

TRACK = ("-m", "reproducible_ml.tracking.server")


def test_nothing_is_logged_where_nobody_asked_for_it(result: Path) -> None:
    path = result / "params.yaml"
    path.write_text(path.read_text().replace("tracking: mlflow\n", ""))
    done = run(*TRACK, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert done.returncode == 0
    assert "`tracking: none`" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("changed", [{}, {"MLFLOW_TRACKING_URI": " "}])
def test_address_that_nobody_gave_is_asked_for(
    result: Path, changed: dict[str, str]
) -> None:
    done = run(*TRACK, **changed)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: not logged to MLflow: MLFLOW_TRACKING_URI")
    assert done.stderr.count("\n") == 1


def test_package_that_is_missing_costs_a_line(result: Path) -> None:
    # A folder that hides the package where somebody has it.
    (result / "mlflow.py").write_text("raise ModuleNotFoundError(name='mlflow')\n")
    done = run(*TRACK, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert done.returncode == 0
    assert "package mlflow is not installed. Run `make setup`." in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["slow-fox"], "slow-fox: no such commit or experiment"), ([], "tracking")],
)
def test_mistake_is_one_line(result: Path, arguments: list[str], words: str) -> None:
    if not arguments:
        (result / "params.yaml").write_text("tracking: wandb\n")
    done = run(*TRACK, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert words in done.stderr
