"""Tests of reproducible_ml.tracking.server, without a real one."""

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reproducible_ml.tracking.server import LateError, _deadline, link

from ...environments import packages
from .conftest import run

# One process for all of them: most of the time is that of MLflow's import.
TRY = """\
import os, sys
from pathlib import Path
from reproducible_ml.tracking.server import track

for os.environ["MLFLOW_TRACKING_URI"] in sys.argv[1:]:
    track(Path())
"""


def test_server_that_is_of_no_use_costs_a_line(
    result: Path, answering: Callable[[int, bytes], str]
) -> None:
    told = {
        answering(401, b"<h1>Who are you?</h1>"): "does not know you (401)",
        answering(403, b"No"): "refuses (403)",
        answering(500, b"Oops"): "fails (500)",
        answering(200, b"<h1>A page</h1>"): "unexpected answer",
        answering(200, b"{}"): "unexpected answer",
        "http://user:s3cret@127.0.0.1:1": "cannot be reached",
        "http://user:s3cret@127.0.0.1:99999": "no address of a server",
        "http://user:s3/cret@127.0.0.1:1": "no address of a server",
        "user:s3cret@127.0.0.1:5000": "no address of a server",
        "sqlite:///mlflow.db": "no address of a server",
        "mlruns": "no address of a server",
    }
    before = sorted(result.iterdir())
    done = run("-c", TRY, *told, PYTHONPATH=packages("mlflow"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == len(told)
    for line, words in zip(lines, told.values(), strict=True):
        assert line.startswith("warning: not logged to MLflow at ")
        assert words in line
    assert "s3" not in done.stderr
    assert sorted(result.iterdir()) == before


def test_server_that_does_not_answer_is_not_waited_for(result: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        done = run(
            *("-m", "reproducible_ml.tracking.server"),
            PYTHONPATH=packages("mlflow"),
            MLFLOW_TRACKING_URI=uri,
        )
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert f"at {uri}: it did not answer in time. Try again" in done.stderr
    assert time.monotonic() - begun < 25


def test_deadline_is_kept_and_then_forgotten() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(LateError), _deadline(0.05):
        time.sleep(5)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


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
