"""Tests of reproducible_ml.core.stage."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

RunBody = Callable[..., subprocess.CompletedProcess[str]]

HEAD = """\
import os
import signal
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.stage import run


def main(raw: Path, clean: Path) -> None:
    '''Clean RAW into CLEAN.'''
"""
TAIL = """

if __name__ == "__main__":
    run(main)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunBody:
    """Run a stage of this body by `python -m wash` with these arguments."""

    def run_body(body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        source = HEAD + indent(dedent(body), "    ") + TAIL
        (tmp_path / "wash.py").write_text(source)
        return subprocess.run(
            [sys.executable, "-m", "wash", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run_body


def test_run_passes_the_arguments_as_paths(run: RunBody) -> None:
    done = run("print(repr(raw), repr(clean))", "a.csv", "b/c")
    assert done.returncode == 0
    assert done.stdout == "PosixPath('a.csv') PosixPath('b/c')\n"
    assert done.stderr == ""


# Else what it defines could not be sent to other processes.
def test_run_calls_main_by_the_name_of_its_module(run: RunBody) -> None:
    assert run("print(main.__module__)", "a", "b").stdout == "wash\n"


def test_run_logs_what_a_stage_says(run: RunBody) -> None:
    body = "import logging; logging.getLogger('x').info('%d rows', 3)"
    assert run(body, "a", "b").stderr == "3 rows\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_run_explains_itself(run: RunBody, flag: str) -> None:
    done = run("raise AssertionError", flag)
    assert done.returncode == 0
    assert done.stdout == "usage: RAW CLEAN\n\nClean RAW into CLEAN.\n"


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "b", "c"]])
def test_run_refuses_wrong_arguments_with_2(run: RunBody, arguments: list[str]) -> None:
    done = run("raise AssertionError", *arguments)
    assert done.returncode == 2
    assert done.stderr == "error: expected the paths RAW CLEAN\n"


def test_run_tells_a_user_error_in_a_line(run: RunBody) -> None:
    done = run("raise UserError(f'{raw}: is empty. Export it again.')", "a.csv", "b")
    assert done.returncode == 1
    assert done.stderr == "error: a.csv: is empty. Export it again.\n"


def test_run_tells_each_mistake_in_a_line_of_its_own(run: RunBody) -> None:
    done = run("raise UserError('one\\ntwo')", "a", "b")
    assert done.returncode == 1
    assert done.stderr == "error: one\nerror: two\n"


def test_run_tells_an_error_of_the_system_in_a_line(run: RunBody) -> None:
    done = run("raw.read_text()", "absent.csv", "b")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert "absent.csv" in done.stderr


def test_run_leaves_a_bug_its_traceback(run: RunBody) -> None:
    done = run("{}['absent']", "a", "b")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'absent'" in done.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_run_unwinds_when_it_is_stopped(run: RunBody, name: str) -> None:
    body = f"""\
    try:
        os.kill(os.getpid(), signal.{name})
        signal.pause()
    finally:
        print("cleaned up")
    """
    done = run(body, "a", "b")
    assert done.returncode == 128 + signal.SIGINT
    assert done.stdout == "cleaned up\n"
    assert done.stderr == ""
