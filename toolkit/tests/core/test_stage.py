"""A stage is a `main` that is called with the paths of its command in dvc.yaml."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from reproducible_ml.core.resources import LOG

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


TWO_STAGES = """\
stages:
  wash: {cmd: python -m wash a.csv b, deps: [wash.py]}
  again: {cmd: python -m wash a.csv c, deps: [wash.py]}
"""


def test_time_and_memory_are_noted_where_there_is_dvc(
    run: RunBody, tmp_path: Path
) -> None:
    body = """\
    import time
    block = bytearray(os.urandom(1)) * 300_000_000
    time.sleep(0.5)
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    """
    (tmp_path / "dvc.yaml").write_text(TWO_STAGES)
    assert run("pass", "a.csv", "b").returncode == 0
    log = tmp_path / LOG
    assert not log.exists()
    (tmp_path / ".dvc").mkdir()
    assert run("raise UserError('no')", "a.csv", "b").returncode == 1
    assert not log.exists()  # a run that failed says nothing
    for arguments, least in ((("a.csv", "b"), 0), (("a.csv", "c"), 300e6)):
        assert run(body if least else "pass", *arguments).returncode == 0
    small, large = map(json.loads, log.read_text().splitlines())
    assert (small["names"], large["names"]) == (["wash"], ["again"])
    assert small["memory_bytes"] < 300e6 <= large["memory_bytes"] < 450e6
    assert large["cpu_seconds"] >= 0.3
    assert large["seconds"] >= 0.8
    log.unlink()
    log.mkdir()  # nothing can be written there
    assert run("pass", "a.csv", "b").returncode == 0


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


PIPELINE = "stages: {wash: {cmd: python -m wash x, deps: [wash.py%s], outs: [out]}}"


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ("import helper", "helper.py is imported, as helper,"),
        ("Path('limit.json').read_text()", "limit.json is read"),
        ("map_jobs(use, [(1,), (2,)], loky, '')", "helper.py is imported, as helper,"),
        ("map_jobs(read, [(1,), (2,)], loky, '')", "limit.json is read"),
    ],
)
def test_file_that_is_no_dependency_is_an_error(
    run: RunBody, tmp_path: Path, body: str, used: str
) -> None:
    (tmp_path / "helper.py").write_text("FACTOR = 2\n")
    (tmp_path / "limit.json").write_text("3")
    (tmp_path / "wash_jobs.py").write_text(
        "def use(_):\n    import helper\ndef read(_):\n    open('limit.json').read()\n"
    )
    body = f"""\
    from reproducible_ml.core.parallel import map_jobs
    from reproducible_ml.core.params import Compute
    from wash_jobs import read, use
    loky = Compute(backend="loky", n_jobs=2)
    Path("out").write_text("1")
    Path("out").read_text()
    {body}
    """
    (tmp_path / "dvc.yaml").write_text(PIPELINE % ", wash_jobs.py")
    done = run(body, "a", "b")
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(f"error: dvc.yaml: stage wash: {used}"), done.stderr
    assert len(done.stderr.splitlines()) == 1
    name = used.split()[0]
    (tmp_path / "dvc.yaml").write_text(PIPELINE % f", wash_jobs.py, {name}")
    assert run(body, "a", "b").stderr == ""


def test_file_that_a_module_reads_when_imported_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "limit.json").write_text("3")
    (tmp_path / "limits.py").write_text("LIMIT = open('limit.json').read()\n")
    head = HEAD.replace("\n\n\ndef", "\n\nimport limits\n\n\ndef", 1)
    (tmp_path / "wash.py").write_text(f"{head}    limits.LIMIT\n{TAIL}")
    (tmp_path / "dvc.yaml").write_text(PIPELINE % ", limits.py")
    done = subprocess.run(
        [sys.executable, "-m", "wash", "a", "b"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith("error: dvc.yaml: stage wash: limit.json is read")


def test_code_behind_a_link_is_an_error(
    run: RunBody, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "shared.py").write_text("FACTOR = 2\n")
    (tmp_path / "lib").symlink_to(outside)
    (tmp_path / "dvc.yaml").write_text(PIPELINE % ", lib")
    done = run("import lib.shared", "a", "b")
    assert done.returncode == 1
    assert done.stderr.startswith("error: lib: is or lies in a link that leaves the")


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
