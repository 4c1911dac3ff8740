"""Tests of reproducible_ml.versioning.lock."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.versioning.lock import (
    FIX,
    find_outdated,
    find_root,
    ignored_by_git,
)

from ..report.conftest import PARAMS, PIPELINE, Repository

Run = Callable[..., subprocess.CompletedProcess[str]]


def found(repository: Repository, *, data: bool = False) -> list[tuple[str, str]]:
    return find_outdated(repository.root, data=data)


def without_data(repository: Repository) -> None:
    """Leave what a new clone has."""
    (repository.root / "data/processed/test").unlink()
    shutil.rmtree(repository.root / ".dvc/cache")


def params(section: str, key: str, value: Any) -> dict[str, Any]:
    return {**PARAMS, section: {**PARAMS[section], key: value}}


def test_lock_of_a_new_clone_is_up_to_date_without_data(pipeline: Repository) -> None:
    without_data(pipeline)
    assert found(pipeline) == []
    assert found(pipeline, data=True) != []


def test_changed_parameter_is_named(pipeline: Repository) -> None:
    without_data(pipeline)
    pipeline.write("params.yaml", params("train", "seed", 1))
    assert found(pipeline) == [("evaluate", "train.seed is modified")]


def test_changed_dependency_is_named(pipeline: Repository) -> None:
    without_data(pipeline)
    pipeline.write("raw.csv", "a\n2\n")
    assert found(pipeline) == [("split", "raw.csv is modified")]


def test_changed_command_is_named(pipeline: Repository) -> None:
    without_data(pipeline)
    other = PIPELINE.replace("copy_file.py raw.csv", "./copy_file.py raw.csv")
    pipeline.write("dvc.yaml", other)
    assert found(pipeline) == [("split", "changed command")]


# `dvc status` says nothing of it, and `dvc repro --dry --allow-missing` neither.
def test_stage_that_never_ran_is_named(pipeline: Repository) -> None:
    without_data(pipeline)
    stage = "  card:\n    cmd: python card.py\n    outs: [card.md]\n"
    pipeline.write("dvc.yaml", PIPELINE + stage)
    assert found(pipeline) == [("card", "is not in dvc.lock")]


@pytest.mark.parametrize("committed", [False, True])
def test_metrics_that_are_gone_are_named(pipeline: Repository, committed: bool) -> None:
    without_data(pipeline)
    pipeline.git("rm", "--quiet", "reports/metrics.json")
    if committed:
        pipeline.commit()
    assert found(pipeline) == [("evaluate", "reports/metrics.json is deleted")]


def test_edited_metrics_are_named(pipeline: Repository) -> None:
    pipeline.write("reports/metrics.json", {"roc_auc": 0.99})
    assert found(pipeline) == [("evaluate", "reports/metrics.json is modified")]


def test_pipeline_that_cannot_be_read_is_told_in_a_line(pipeline: Repository) -> None:
    pipeline.write("dvc.yaml", "stages: [")
    with pytest.raises(UserError) as error:
        found(pipeline)
    assert len(str(error.value).splitlines()) == 1


def test_command_prints_a_line_a_problem_and_fails(
    pipeline: Repository, run_module: Run
) -> None:
    done = run_module("review.lock", cwd=pipeline.root)
    assert (done.returncode, done.stdout) == (0, "dvc.lock is up to date.\n")
    pipeline.write("params.yaml", params("split", "salt", "x"))
    done = run_module("review.lock", cwd=pipeline.root)
    assert done.returncode == 1
    assert done.stderr == f"error: split: split.salt is modified. {FIX}\n"


def test_ignored_files_are_told_from_others(repository: Repository) -> None:
    repository.write(".gitignore", "/data/\n")
    names = ["data/größe, x", "reports/metrics.json"]
    assert ignored_by_git(repository.root, names) - {""} == {"data/größe, x"}
    assert ignored_by_git(repository.root, []) - {""} == set()


def test_root_is_found_from_a_folder_or_told_to_be_missing(
    repository: Repository,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository.write("docs/page.md", "x")
    monkeypatch.chdir(repository.root / "docs")
    assert find_root() == Path(repository.root).resolve()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UserError, match="not in a Git repository"):
        find_root()
