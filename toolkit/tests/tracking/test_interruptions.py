"""What becomes of a run on the server that could not be logged to its end."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from .conftest import ONE_WORKER, TRACK, Tracked
from .server import Server, broken

pytestmark = ONE_WORKER


def test_run_that_was_cut_off_is_marked_as_failed_and_tried_again(
    project: Tracked, server: Server, experiment: str
) -> None:
    original = dict(project.variables)
    with broken(server) as (uri, _, over):
        over.set()
        project.variables["MLFLOW_TRACKING_URI"] = uri
        done = project.run(*TRACK)
    assert "cannot be reached" in done.stdout
    assert done.stdout.count("\n") == 1
    assert [run["status"] for run in server.runs(experiment)] == ["FAILED"]
    project.variables = original
    project.run(*TRACK)
    assert [run["status"] for run in server.runs(experiment)] == ["FINISHED", "FAILED"]


@contextmanager
def while_logging(project: Tracked, server: Server) -> Iterator[subprocess.Popen[str]]:
    """Yield a command that has begun a run on the server, and waits for an answer."""
    original = dict(project.variables)
    with broken(server) as (uri, arrived, _):
        project.variables["MLFLOW_TRACKING_URI"] = uri
        started = project.start(*TRACK)
        assert arrived.wait(60)
        yield started
    project.variables = original


def test_ctrl_c_ends_it_cleanly(
    project: Tracked, server: Server, experiment: str
) -> None:
    with while_logging(project, server) as started:
        started.send_signal(signal.SIGINT)
        printed, _ = started.communicate(timeout=60)
    assert started.returncode == 130
    assert printed == ""
    assert [run["status"] for run in server.runs(experiment)] == ["FAILED"]


def test_run_whose_process_was_killed_is_marked_as_failed_later(
    project: Tracked, server: Server, experiment: str
) -> None:
    with while_logging(project, server) as started:
        started.kill()
        started.communicate(timeout=60)
    assert [run["status"] for run in server.runs(experiment)] == ["RUNNING"]
    project.run(*TRACK)
    assert [run["status"] for run in server.runs(experiment)] == ["FINISHED", "FAILED"]
