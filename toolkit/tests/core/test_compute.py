"""Tests of reproducible_ml.core.parallel."""

import signal
from pathlib import Path

import joblib
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import InWorkingDirectory, workers
from reproducible_ml.core.params import Compute


@pytest.mark.parametrize("backend", ["threading", "loky", "sequential"])
def test_joblib_works_where_params_say(backend: str) -> None:
    with workers(Compute.model_validate({"backend": backend, "n_jobs": 2})):
        assert joblib.effective_n_jobs(None) == (1 if backend == "sequential" else 2)
        found = joblib.Parallel()(joblib.delayed(pow)(n, 2) for n in range(4))
    assert found == [0, 1, 4, 9]


def test_worker_that_dies_is_told_in_a_line() -> None:
    jobs = [joblib.delayed(signal.raise_signal)(signal.SIGKILL)] * 2
    compute = Compute(backend="loky", n_jobs=2)
    with pytest.raises(UserError) as caught, workers(compute):
        joblib.Parallel()(jobs)
    message = str(caught.value)
    assert message.startswith("compute.backend loky: a worker died")
    assert "compute.rows_per_part" in message
    assert "\n" not in message


def test_other_errors_stay_what_they_are() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        workers(Compute(backend="sequential", n_jobs=1)),
    ):
        _ = 1 / 0


def test_function_is_called_in_the_folder_it_was_sent_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    there = InWorkingDirectory(Path.cwd)
    monkeypatch.chdir(tmp_path)
    assert there() == tmp_path / "project"
