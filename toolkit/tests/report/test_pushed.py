"""Tests of reproducible_ml.report.gates."""

import shutil
from pathlib import Path

import pytest

from reproducible_ml.report.gates import Gate, default_remote, remote_status

from .conftest import Repository, dvc


def judged(repository: Repository) -> Gate:
    found = remote_status(repository.root, offline=False)
    assert found
    return found


@pytest.fixture
def remote(pipeline: Repository, tmp_path: Path) -> Path:
    """The folder that is the default remote of the pipeline."""
    folder = tmp_path / "remote"
    dvc(pipeline.root, "remote", "add", "--default", "storage", str(folder))
    return folder


def test_without_a_remote_there_is_nothing_to_judge(pipeline: Repository) -> None:
    assert remote_status(pipeline.root, offline=False) is None
    dvc(pipeline.root, "remote", "add", "other", "/nonexistent")
    assert default_remote(pipeline.root) is None


def test_outputs_have_to_be_pushed(pipeline: Repository, remote: Path) -> None:
    found = judged(pipeline)
    assert not found.passed
    assert found.words == "not there: `data/processed/test`. Fix: `dvc push`"
    dvc(pipeline.root, "push")
    assert judged(pipeline).passed


def test_outputs_need_not_be_here_if_they_are_there(
    pipeline: Repository, remote: Path
) -> None:
    dvc(pipeline.root, "push")
    shutil.rmtree(pipeline.root / ".dvc/cache")
    assert judged(pipeline).passed


def test_outputs_that_are_nowhere_fail(pipeline: Repository, remote: Path) -> None:
    shutil.rmtree(pipeline.root / ".dvc/cache")
    (pipeline.root / "data/processed/test").unlink()
    assert not judged(pipeline).passed


# Else a wrong address would pass for ever.
def test_remote_that_cannot_be_asked_fails_unless_nobody_asks(
    pipeline: Repository,
) -> None:
    dvc(pipeline.root, "config", "core.remote", "gone")
    found = judged(pipeline)
    assert not found.passed
    assert "check address and login" in found.words
    found = remote_status(pipeline.root, offline=True) or found
    assert found.passed is None
    assert "not looked at" in found.words


def test_remote_in_the_local_configuration_counts(
    pipeline: Repository, tmp_path: Path
) -> None:
    folder = str(tmp_path / "mine")
    dvc(pipeline.root, "remote", "add", "--local", "--default", "mine", folder)
    assert default_remote(pipeline.root) == "mine"
