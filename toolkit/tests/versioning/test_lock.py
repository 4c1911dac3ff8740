"""dvc.lock: what differs between two, and what is not up to date."""

import shutil
from typing import Any

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.versioning.lock import (
    FIX,
    Difference,
    check_lock,
    compare_locks,
    find_outdated,
    flatten,
    ignored_by_git,
    locked_hashes,
    locked_stages,
)

from ..report.conftest import PARAMS, PIPELINE, Repository, lock, stage

CARD = {"card": stage({}, {"reports/card.md": "1"})}
SPLIT = stage({"code/split.py": "7"}, {"data/processed/test": "2"})


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (lock(), lock(), []),
        (
            lock(),
            lock(
                train=stage(
                    {"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 1}
                ),
                evaluate=stage({"models/model": "9"}, {"reports/metrics.json": "5"}),
            ),
            [
                Difference("train", inputs=("train.seed",), outputs=("models/model",)),
                Difference("evaluate", upstream=("models/model",)),
            ],
        ),
        (
            lock(),
            lock(split={**SPLIT, "cmd": "other"}),
            [Difference("split", inputs=("cmd", "code/split.py"))],
        ),
        (lock(), lock(**CARD), [Difference("card", only_in="new")]),
        (lock(**CARD), lock(), [Difference("card", only_in="old")]),
    ],
)
def test_causes_and_consequences_are_separated(
    old: Any, new: Any, found: list[Difference]
) -> None:
    assert compare_locks(old, new) == found


def test_broken_lock_has_no_stages() -> None:
    assert locked_stages({}) == locked_stages({"stages": []}) == {}
    assert locked_stages({"stages": {"a": None, "b": {}}}) == {"b": {}}
    stages = [{"deps": [{"path": "s3://x", "etag": etag}]} for etag in "ab"]
    assert locked_hashes(stages[0], "deps") != locked_hashes(stages[1], "deps")


def test_nested_keys_are_flattened_and_empty_values_kept() -> None:
    nested = {"a": {"b": {"c": [1]}, "d": {}}, 5: None}
    assert dict(flatten(nested)) == {"a.b.c": [1], "a.d": {}, "5": None}
    assert dict(flatten({})) == {}


def without_data(repository: Repository) -> Repository:
    """Leave what a new clone has."""
    (repository.root / "data/processed/test").unlink()
    shutil.rmtree(repository.root / ".dvc/cache")
    return repository


def params(section: str, key: str, value: Any) -> dict[str, Any]:
    return {**PARAMS, section: {**PARAMS[section], key: value}}


@pytest.mark.integration
def test_lock_of_a_new_clone_is_up_to_date_without_data(pipeline: Repository) -> None:
    without_data(pipeline)
    assert find_outdated(pipeline.root, data=False) == []
    assert find_outdated(pipeline.root, data=True) != []


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("params.yaml", params("train", "seed", 1), ("evaluate", "train.seed is")),
        ("raw.csv", "a\n2\n", ("split", "raw.csv is modified")),
        (
            "dvc.yaml",
            PIPELINE.replace("copy_file.py raw.csv", "./copy_file.py raw.csv"),
            ("split", "changed command"),
        ),
        # `dvc status` does not report this, nor `dvc repro --dry --allow-missing`.
        (
            "dvc.yaml",
            f"{PIPELINE}  card:\n    cmd: python card.py\n    outs: [card.md]\n",
            ("card", "is not in dvc.lock"),
        ),
        # Nor does anything in DVC report what is no longer declared.
        (
            "dvc.yaml",
            PIPELINE.replace("    params: [train.seed]\n", ""),
            ("evaluate", "train.seed is in dvc.lock, but no longer in dvc.yaml"),
        ),
        (
            "dvc.yaml",
            PIPELINE.replace("[copy_file.py, raw.csv]", "[raw.csv]"),
            ("split", "copy_file.py is in dvc.lock, but no longer in dvc.yaml"),
        ),
        (
            "dvc.yaml",
            PIPELINE.partition("    metrics:")[0],
            ("evaluate", "reports/metrics.json is in dvc.lock, but no longer"),
        ),
        (
            "dvc.yaml",
            PIPELINE.partition("  evaluate:")[0],
            ("evaluate", "is in dvc.lock, but no longer a stage of dvc.yaml"),
        ),
        (
            "reports/metrics.json",
            {"roc_auc": 0.99},
            ("evaluate", "reports/metrics.json is modified"),
        ),
    ],
)
def test_change_is_found_without_data(
    pipeline: Repository, name: str, content: Any, found: tuple[str, str]
) -> None:
    without_data(pipeline).write(name, content)
    [(stage_name, reason)] = find_outdated(pipeline.root, data=False)
    assert stage_name == found[0]
    assert reason.startswith(found[1])


@pytest.mark.integration
@pytest.mark.parametrize("committed", [False, True])
def test_removed_metrics_are_found(pipeline: Repository, committed: bool) -> None:
    without_data(pipeline).git("rm", "--quiet", "reports/metrics.json")
    if committed:
        pipeline.commit()
    found = [("evaluate", "reports/metrics.json is deleted")]
    assert find_outdated(pipeline.root, data=False) == found


@pytest.mark.integration
def test_unreadable_pipeline_is_an_error_of_one_line(pipeline: Repository) -> None:
    pipeline.write("dvc.yaml", "stages: [")
    with pytest.raises(UserError) as error:
        find_outdated(pipeline.root, data=False)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.integration
def test_check_prints_success_or_a_line_for_each_reason(
    pipeline: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    check_lock(pipeline.root)
    assert capsys.readouterr().out == "dvc.lock is up to date.\n"
    pipeline.write("params.yaml", params("split", "salt", "x"))
    with pytest.raises(UserError) as error:
        check_lock(pipeline.root)
    assert str(error.value) == f"split: split.salt is modified. {FIX}"


def test_ignored_files_are_found_by_any_name(repository: Repository) -> None:
    repository.write(".gitignore", "/data/\n")
    names = ["data/größe, x", "reports/metrics.json"]
    assert ignored_by_git(repository.root, names) - {""} == {"data/größe, x"}
    assert ignored_by_git(repository.root, []) - {""} == set()
