"""Jobs run in threads, processes or clusters with the same results and errors.

Whole clusters are in repository/test_scaling.py.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import InWorkingDirectory, map_jobs, workers
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import parts

SEQUENTIAL = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)
PROCESSES = Compute(backend="loky", n_jobs=2)


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS, PROCESSES])
def test_joblib_uses_the_backend_of_params(compute: Compute) -> None:
    with workers(compute):
        assert joblib.effective_n_jobs(None) == compute.n_jobs
        found = joblib.Parallel()(joblib.delayed(pow)(n, 2) for n in range(4))
    assert found == [0, 1, 4, 9]


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_missing_package_is_reported_with_the_fix(backend: str) -> None:
    compute = Compute.model_validate({"backend": backend})
    with pytest.raises(UserError, match="make setup"), workers(compute):
        pass


def test_dead_worker_is_reported_in_a_line() -> None:
    jobs = [(signal.SIGKILL,)] * 2
    with pytest.raises(UserError) as caught:
        map_jobs(signal.raise_signal, jobs, PROCESSES, "suicide")
    message = str(caught.value)
    assert message.startswith("compute.backend loky: a worker died")
    assert "compute.rows_per_part" in message
    assert "\n" not in message


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS])
@pytest.mark.parametrize("number", [0, 1, 2, 9])
def test_each_job_has_a_result_in_order(compute: Compute, number: int) -> None:
    jobs = ((2, exponent) for exponent in range(number))
    expected = [2**exponent for exponent in range(number)]
    assert map_jobs(pow, jobs, compute, "powers") == expected


def test_jobs_are_taken_from_a_generator_as_they_are_needed() -> None:
    done: list[int] = []

    def jobs() -> Iterator[tuple[int]]:
        for number in range(9):
            assert len(done) >= number - 2
            yield (number,)

    map_jobs(done.append, jobs(), SEQUENTIAL, "numbers")
    assert done == list(range(9))


@pytest.mark.parametrize("compute", [SEQUENTIAL, THREADS, PROCESSES])
def test_error_of_a_job_is_raised(compute: Compute, tmp_path: Path) -> None:
    jobs: list[tuple[Any, ...]] = [(tmp_path / "absent",)] * 4
    with pytest.raises(UserError, match="absent: contains no table"):
        map_jobs(parts, jobs, compute, "parts")


# In a process of its own, because it may hang.
@pytest.mark.parametrize("before", [0, 5])
def test_error_of_the_generator_of_jobs_is_raised(before: int) -> None:
    code = f"""\
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute

def jobs():
    yield from [(2, 3)] * {before}
    raise UserError("no more jobs")

for backend in ("sequential", "threading", "loky"):
    try:
        map_jobs(pow, jobs(), Compute(backend=backend, n_jobs=2), "powers")
    except UserError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "no more jobs\n" * 3, done.stderr


def test_workers_use_the_folder_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    function = InWorkingDirectory(Path.cwd)
    monkeypatch.chdir(tmp_path)
    assert function() == tmp_path / "project"


def test_threads_of_a_stage_wait_as_the_toolkit_sets() -> None:
    # GNU's library of OpenMP, which scikit-learn loads, reads the variable only once.
    script = """
import os, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "sklearn":
            print(os.environ.get("GOMP_SPINCOUNT"))
sys.meta_path.insert(0, Finder)
import tumour_diagnosis.models.train
"""
    bare = {name: v for name, v in os.environ.items() if name != "GOMP_SPINCOUNT"}
    command = [sys.executable, "-c", script]
    found = subprocess.check_output(command, text=True, env=bare)
    assert found.splitlines() == ["1000"]
