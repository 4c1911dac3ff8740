"""A stage is a `main` that is called with the paths of its command in dvc.yaml."""

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
    """Run a stage with this body by `python -m wash` and these arguments."""

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


# The module has its own name, so that other processes can unpickle its functions.
def test_main_gets_paths_and_may_log(run: RunBody) -> None:
    body = """\
    import logging
    logging.getLogger("x").info("%d rows", 3)
    print(repr(raw), repr(clean), main.__module__)
    """
    done = run(body, "a.csv", "b/c")
    assert done.returncode == 0
    assert done.stdout == "PosixPath('a.csv') PosixPath('b/c') wash\n"
    assert done.stderr == "3 rows\n"


def test_help_names_the_arguments(run: RunBody) -> None:
    done = run("raise AssertionError", "--help")
    assert done.returncode == 0
    assert done.stdout == "usage: RAW CLEAN\n\nClean RAW into CLEAN.\n"


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"]])
def test_wrong_number_of_arguments_exits_with_2(
    run: RunBody, arguments: list[str]
) -> None:
    done = run("raise AssertionError", *arguments)
    assert done.returncode == 2
    assert done.stderr == "error: expected the paths RAW CLEAN\n"


@pytest.mark.parametrize(
    ("body", "stderr"),
    [
        (
            "raise UserError(f'{raw}: is empty.\\nb')",
            "error: a.csv: is empty.\nerror: b\n",
        ),
        (
            "raw.read_text()",
            "error: a.csv: does not exist. Fix: run `dvc repro` or `dvc pull` in the"
            " root of the repository.\n",
        ),
        ("Path('.').read_text()", "error: [Errno 21] Is a directory: '.'\n"),
    ],
)
def test_expected_errors_are_printed_a_line_each(
    run: RunBody, body: str, stderr: str
) -> None:
    done = run(body, "a.csv", "b")
    assert (done.returncode, done.stderr) == (1, stderr)


def test_bug_keeps_its_traceback(run: RunBody) -> None:
    done = run("{}['absent']", "a", "b")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'absent'" in done.stderr


def test_code_that_is_no_dependency_is_an_error(run: RunBody, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("FACTOR = 2\n")
    pipeline = (
        "vars: [{here: .}]\nstages: {wash: {cmd: python -m wash x, deps: [wash.py%s]}}"
    )
    (tmp_path / "dvc.yaml").write_text(pipeline % "")
    done = run("import helper", "a", "b")
    assert done.returncode == 1
    assert done.stderr.startswith("error: dvc.yaml: stage wash: helper.py is imported")
    (tmp_path / "dvc.yaml").write_text(pipeline % ", helper.py")
    assert run("import helper", "a", "b").returncode == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_interrupted_stage_cleans_up(run: RunBody, name: str) -> None:
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
