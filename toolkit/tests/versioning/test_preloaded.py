"""Stages that `rml repro` runs as copies of a process with their packages."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import yaml

from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.repro import Repro

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="runs on Linux alone"),
]

# Writes what it knows of itself.
STAGE = """
import json, os, random, signal, sys, time
import numpy as np
from pathlib import Path

if __name__ == "__main__":
    out, what = sys.argv[1:]
    facts = {
        "argv": sys.argv,
        "module": __spec__.name,
        "main": sys.modules["__main__"].__file__,
        "folder": os.getcwd(),
        "path": sys.path[0],
        "stage": os.environ["DVC_STAGE"],
        "own": sorted(n for n in sys.modules if n.startswith("reproducible")),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "random": [random.random(), np.random.random()],
        "parent": os.getppid(),
    }
    from reproducible_ml.core.resources import how_started

    facts["started"] = how_started()
    Path(out).write_text(json.dumps(facts))
    if what == "fail":
        sys.exit(3)
    if what == "raise":
        raise ValueError("too few rows")
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        time.sleep(60)
    if what == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of DVC with a package of stages."""
    run_dvc("init", "--no-scm", cwd=tmp_path)
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/__init__.py").touch()
    (tmp_path / "steps/step.py").write_text(STAGE)
    return tmp_path


def write_stages(folder: Path, **commands: str) -> None:
    stages = {
        name: {"cmd": command, "outs": [f"{name}.json"]}
        for name, command in commands.items()
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, width=1000))


def command(module: str = "reproducible_ml.versioning.dvc") -> list[str]:
    return [sys.executable, "-m", module, "repro"]


def repro(folder: Path, module: str = "reproducible_ml.versioning.dvc") -> str:
    """Run DVC by a module; return what it prints, and the exit code."""
    done = subprocess.run(
        command(module),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return f"{done.stdout}\n{done.returncode}"


def facts(folder: Path, name: str) -> dict[str, object]:
    return dict(json.loads((folder / f"{name}.json").read_text()))


def test_a_stage_is_what_python_would_run(folder: Path) -> None:
    write_stages(
        folder,
        one="python -m steps.step one.json end",
        two="python -m steps.step two.json end",
        shell="python -m steps.step shell.json end && true",
    )
    assert repro(folder).endswith("\n0")
    one, two, shell = (facts(folder, name) for name in ("one", "two", "shell"))
    server = one["parent"]
    # The last one needs a shell.
    assert two["parent"] == server != shell["parent"]
    assert len({str(each["random"]) for each in (one, two, shell)}) == 3
    for name in ("one", "two"):
        (folder / f"{name}.json").unlink()
    shutil.rmtree(folder / ".dvc/cache")
    (folder / "dvc.lock").unlink()
    assert repro(folder, "dvc").endswith("\n0")
    for name, found in (("one", one), ("two", two)):
        plain = facts(folder, name)
        # Times of the two are not compared.
        assert found.pop("started") == ", packages imported ahead"
        assert plain.pop("started") == ""
        for changing in ("random", "parent"):
            del plain[changing], found[changing]
        assert plain == found


@pytest.mark.parametrize(
    ("what", "code"), [("fail", 3), ("raise", 1), ("kill", -signal.SIGKILL)]
)
def test_a_stage_that_fails_is_told_as_dvc_tells_it(
    folder: Path, what: str, code: int
) -> None:
    write_stages(folder, one=f"python -m steps.step one.json {what}")
    said = repro(folder)
    assert f"exited with {code}\n" in said
    assert not said.endswith("\n0")
    assert not (folder / "dvc.lock").exists()
    if what == "raise":
        lines = [line for line in said.splitlines() if line.startswith("ValueError")]
        assert lines == ["ValueError: too few rows"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running(folder: Path, number: signal.Signals) -> None:
    write_stages(folder, one="python -m steps.step one.json wait")
    with subprocess.Popen(
        command(), cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL
    ) as process:
        end = time.monotonic() + 60
        while not (folder / "one.json").exists() and time.monotonic() < end:
            time.sleep(0.05)
        every = psutil.Process(process.pid).children(recursive=True)
        assert len(every) == 2
        # As a terminal does at Ctrl-C.
        os.killpg(process.pid, number)
        assert process.wait(30) != 0
    assert psutil.wait_procs(every, timeout=30)[1] == []
    assert not (folder / "dvc.lock").exists()


@pytest.mark.parametrize("seconds", [0, 0.03, 0.1, 0.5])
def test_interrupt_at_the_start_ends_the_run(folder: Path, seconds: float) -> None:
    stages = {f"s{n}": f"python -m steps.step s{n}.json wait" for n in range(2)}
    write_stages(folder, **stages)
    with subprocess.Popen(
        command(), cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL
    ) as process:
        dvc, end = psutil.Process(process.pid), time.monotonic() + 60
        while not dvc.children() and time.monotonic() < end:
            time.sleep(0.005)
        every = dvc.children(recursive=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) != 0
    assert psutil.wait_procs(every, timeout=10)[1] == []
    assert not (folder / "s1.json").exists()


def test_process_that_was_started_ahead_runs_when_it_may(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write_stages(folder, one="python -m steps.step one.json end")
    # What is not valid is found meanwhile, and nothing runs.
    with closing(Repro()) as repro:
        repro.start()
        assert repro.process
        every = [psutil.Process(repro.process.pid)]
    assert repro.process.returncode == 0
    assert not (folder / "one.json").exists()
    with closing(Repro()) as repro:
        repro.start()
        assert repro.process
        dvc, end = psutil.Process(repro.process.pid), time.monotonic() + 60
        while not dvc.children() and time.monotonic() < end:
            time.sleep(0.02)
        (server,) = dvc.children()
        assert repro.run() == 0
    found = facts(folder, "one")
    assert found["parent"] == server.pid
    assert found["interrupt"]
    assert psutil.wait_procs([*every, server], timeout=10)[1] == []


@pytest.mark.parametrize("seconds", [0, 0.1, 0.5, 2])
def test_interrupt_while_it_waits_leaves_nothing(folder: Path, seconds: float) -> None:
    write_stages(folder, one="python -m steps.step one.json end")
    script = (
        "import time\nfrom contextlib import closing\n"
        "from reproducible_ml.versioning.repro import Repro\n"
        "with closing(Repro()) as repro:\n    repro.start()\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        start_new_session=True,
        stderr=subprocess.PIPE,
    ) as process:
        checks, end = psutil.Process(process.pid), time.monotonic() + 60
        while not checks.children() and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(seconds)
        every = checks.children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr
        said = process.stderr.read()
    assert said.count(b"Traceback") == said.count(b"KeyboardInterrupt") == 1
    assert psutil.wait_procs(every, timeout=10)[1] == []
    assert not (folder / "one.json").exists()


@pytest.mark.parametrize("ends", ["server", "dvc"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stage_ends_with_the_process_that_started_it(
    folder: Path, ends: str, number: signal.Signals
) -> None:
    write_stages(folder, one="python -m steps.step one.json wait")
    with subprocess.Popen(
        command(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        every = wait_for_stage(folder, process.pid)
        assert len(every) == 2
        ended = every[0] if ends == "server" else psutil.Process(process.pid)
        ended.send_signal(number)
        assert process.stdout
        said = process.stdout.read()
        assert (b"exited with -9" in said) is (ends == "server")
        assert process.wait(20) != 0
        # Else it might write its results after another run.
        assert psutil.wait_procs(every, timeout=10)[1] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_the_command(folder: Path, number: signal.Signals) -> None:
    write_stages(folder, one="python -m steps.step one.json wait")
    script = (
        "import signal, sys\nfrom reproducible_ml.cli import _interrupt\n"
        "from reproducible_ml.versioning.repro import Repro\n"
        "signal.signal(signal.SIGTERM, _interrupt)\nsys.exit(Repro().run())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        every = wait_for_stage(folder, process.pid)
        assert len(every) == 3
        process.send_signal(number)
        begun = time.monotonic()
        assert process.wait(30) == (130 if number == signal.SIGTERM else -number)
        assert psutil.wait_procs(every, timeout=10)[1] == []
        # It does not wait for a stage that goes on for hours.
        assert time.monotonic() - begun < 10


def wait_for_stage(folder: Path, number: int) -> list[psutil.Process]:
    """Return the descendants of a process when the stage has begun."""
    end = time.monotonic() + 60
    while not (folder / "one.json").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return [*psutil.Process(number).children(recursive=True)]


def test_interrupt_that_is_ignored_stays_so(folder: Path) -> None:
    write_stages(folder, one="python -m steps.step one.json interrupt")
    shell = f"trap '' INT; {' '.join(command())}"
    done = subprocess.run(["sh", "-c", shell], cwd=folder, check=False, timeout=60)
    assert done.returncode == 0
    assert not facts(folder, "one")["interrupt"]


def test_what_differs_in_a_copy_is_run_by_python_itself(folder: Path) -> None:
    step = folder / "steps/step.py"
    plain = step.read_text()
    write_stages(folder, one="python -m steps.step one.json end")
    # To set a variable that packages read when they are imported.
    step.write_text(
        plain.replace("import json", "import os\nos.environ['A'] = '1'\nimport json")
    )
    repro(folder)
    assert facts(folder, "one")["started"] == ""
    # A file that takes the place of a package, once that was imported ahead.
    (folder / "skops.py").write_text("")
    (folder / "steps/late.py").write_text(
        "import sys, time\ntime.sleep(4)\nimport skops\n"
        "open(sys.argv[1], 'w').write(skops.__file__)\n"
    )
    write_stages(
        folder,
        early="python -m steps.late early.json",
        late="python -m steps.late late.json",
    )
    assert repro(folder).endswith("\n0")
    own = str(folder / "skops.py")
    assert [(folder / f"{n}.json").read_text() for n in ("early", "late")] == [own, own]


@pytest.mark.parametrize("module", ["steps.none", "steps"])
def test_misspelt_module_is_told_as_python_tells_it(folder: Path, module: str) -> None:
    write_stages(folder, one=f"python -m {module}")
    expected = repro(folder, "dvc").splitlines()
    assert repro(folder).splitlines() == expected
    assert len([line for line in expected if "No module named" in line]) == 1


def test_other_variables_than_at_the_first_stage_are_those_of_a_shell(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc.stage.exceptions import StageCmdFailedError

    from reproducible_ml.versioning.preloaded import Preloaded

    monkeypatch.chdir(folder)
    by_shell: list[str] = []
    run = Preloaded(lambda executable, given, **options: by_shell.append(given))
    first = "python -m steps.step one.json end"
    known = os.environ | {"DVC_STAGE": "one", "OMP_NUM_THREADS": "1"}
    # Started before it was known what a stage gets.
    run.start({**os.environ, "OMP_NUM_THREADS": "3"})
    assert run.process
    ahead = psutil.Process(run.process.pid)
    run("sh", first, cwd=folder, env=known)
    assert facts(folder, "one")["stage"] == "one"
    assert not ahead.is_running()
    run("sh", first, cwd=folder, env=known | {"DVC_STAGE": "two"})
    assert facts(folder, "one")["stage"] == "two"
    assert by_shell == []
    others = [
        (first, known | {"OMP_NUM_THREADS": "2"}, folder),
        (first, known | {"PATH": "/usr/bin:/bin"}, folder),
        (first, known, folder / "steps"),
        (f"{first} > $HOME", known, folder),
        ("python steps/step.py one.json end", known, folder),
    ]
    for given, variables, place in others:
        run("sh", given, cwd=place, env=variables)
    assert by_shell == [given for given, _, _ in others]
    with pytest.raises(StageCmdFailedError, match="exited with 3"):
        run("sh", first.replace("end", "fail"), cwd=folder, env=known)
    assert run.process
    run.process.kill()
    run.process.wait()
    run("sh", first, cwd=folder, env=known)
    assert by_shell[-1] == first
    run.close()
