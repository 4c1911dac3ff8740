"""Checks before an experiment: settings, and files that it would not have."""

from pathlib import Path

import pytest
import yaml

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.experiments.run import (
    SHOWN,
    check_files,
    check_settings,
    drop_old_arguments,
    planned_params,
)

from ..report.conftest import PYPROJECT, Repository, lock
from .conftest import PARAMS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with params.yaml."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def planned(root: Path, text: str) -> str:
    return planned_params(Project(root), check_settings([text]))


def test_settings_change_their_lines_alone(root: Path) -> None:
    text = planned(root, "train.seed=5")
    assert text == PARAMS.replace("seed: 0", "seed: 5")
    assert planned(root, "") == PARAMS
    assert (root / "params.yaml").read_text() == PARAMS


def test_shell_quotes_keep_text_together(root: Path) -> None:
    text = planned(root, """train.seed=5 "split.salt='a, b'" """)
    (root / "params.yaml").write_text(text)
    params = Project(root).params()
    assert (params.train.seed, params.split.salt) == (5, "a, b")


def test_key_that_params_leaves_out_may_be_given(root: Path) -> None:
    text = planned(root, "clean.missing=drop train.estimator.arguments.C=1e-3")
    (root / "params.yaml").write_text(text)
    params = Project(root).params()
    assert params.clean.missing == "drop"
    assert params.train.estimator.arguments == {"C": 0.001}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.seed", "-S train.seed: is not a setting"),
        ("=5", "-S =5: is not a setting"),
        ("split.salt=a;b", "need quotes"),
        ("other.yaml:train.seed=1", "is not a setting"),
        ("train.seed=${split.salt}", "is not a setting"),
        ('train.seed="1', "no closing quotation"),
        ("train.seed=1,2", "dvc exp run --queue -S train.seed=1,2 && dvc queue start"),
        ("~train.nothing", "-S ~train.nothing: Could not delete"),
        ("train.nothing=1", "params.yaml: train.nothing: Extra inputs"),
        ("train.seed=-1", "params.yaml: train.seed: Input should be greater"),
        ("train.seed.x=1", "params.yaml: train.seed: Input should be a valid integer"),
        ("evaluate.metrics=[mine]", "evaluate.metrics: mine is not one of roc_auc, "),
        ("train.search.metric=rmse", "train.search.metric: rmse is not one of roc_auc"),
        (
            "train.search.method=random train.search.space.D.choice=[1]",
            "LogisticRegression has no argument D",
        ),
        ("train.estimator.path=sklearn.No", "cannot import sklearn.No"),
        ("train.estimator.arguments.D=1", "unexpected keyword argument 'D'"),
    ],
)
def test_wrong_setting_is_an_error_of_one_line(
    root: Path, text: str, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        planned(root, text)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "train.nothing=1 clean.missing=never",
        "train.estimator.path=a.B evaluate.metrics=[x]",
    ],
)
def test_every_mistake_has_its_line(root: Path, text: str) -> None:
    with pytest.raises(UserError) as caught:
        planned(root, text)
    assert len(str(caught.value).splitlines()) == 2


@pytest.fixture
def tracked(repository: Repository) -> Repository:
    """A repository with a tracked file and a lock."""
    repository.write("a.py", "x = 1\n")
    repository.write(".gitignore", "*.log\n")
    repository.write("dvc.lock", lock())
    repository.commit()
    return repository


def find_outdated(repository: Repository) -> list[str]:
    try:
        check_files(repository.root)
    except UserError as error:
        return str(error).splitlines()
    return []


def test_untracked_file_is_an_error_with_the_fix(tracked: Repository) -> None:
    tracked.write("code/new file.py", "")
    assert find_outdated(tracked) == [
        "code/new file.py: is not in Git, so the experiment would not have it. Fix:"
        " git add 'code/new file.py' && git commit; or add it to .gitignore"
    ]


def test_ignored_dependency_is_an_error_but_no_output_or_dvc_file(
    tracked: Repository,
) -> None:
    lock_file = {
        "train": {
            "deps": [{"path": "code", "md5": "a"}, {"path": "data", "md5": "b"}],
            "outs": [{"path": "data/out", "md5": "c"}],
        }
    }
    tracked.write("dvc.lock", yaml.safe_dump({"stages": lock_file}))
    for name in ("code/own.log", "data/out/x.log", "data/raw.log", "data/raw.log.dvc"):
        tracked.write(name, "")
    tracked.write("code/__pycache__/a.log", "")
    tracked.commit()
    assert find_outdated(tracked) == [
        "code/own.log: a stage depends on it, but Git ignores it, so a clone would not"
        " have it. Fix: git add --force code/own.log, then commit; or move it to"
        " another folder"
    ]


def test_other_changes_are_part_of_the_experiment(tracked: Repository) -> None:
    tracked.write("a.py", "x = 2\n")
    tracked.write("staged.py", "")
    tracked.write("ignored.log", "")
    tracked.write("reports/metrics.json", "{}")
    tracked.git("add", "staged.py")
    assert find_outdated(tracked) == []


def test_many_files_are_counted(tracked: Repository) -> None:
    for number in range(SHOWN + 5):
        tracked.write(f"{number:02}.py", "")
    assert find_outdated(tracked)[SHOWN:] == ["and 5 more: see `git status`"]


@pytest.mark.parametrize("mark", ["assume-unchanged", "skip-worktree"])
def test_file_whose_changes_git_ignores_is_an_error(
    tracked: Repository, mark: str
) -> None:
    tracked.git("update-index", f"--{mark}", "a.py")
    [line] = find_outdated(tracked)
    assert line.startswith("a.py: Git ignores its changes")


def test_merge_is_finished_first(tracked: Repository) -> None:
    tracked.git("switch", "--quiet", "--create", "other")
    tracked.write("b.py", "")
    tracked.commit()
    tracked.git("switch", "--quiet", "main")
    tracked.git("merge", "--no-ff", "--no-commit", "other")
    assert find_outdated(tracked) == [
        "a merge is in progress, and DVC would lose it. Finish it: git commit"
    ]


def test_first_commit_comes_before_an_experiment(
    repository: Repository,
) -> None:
    [line] = find_outdated(repository)
    assert line.startswith("there is no commit")


@pytest.mark.parametrize(
    ("texts", "arguments"),
    [
        (["train.estimator.path=sklearn.ensemble.ExtraTreesClassifier"], None),
        (
            [
                "train.estimator.path='sklearn.ensemble.ExtraTreesClassifier'",
                "train.estimator.arguments.max_depth=3",
            ],
            {"max_depth": 3},
        ),
        (
            [
                "train.estimator={path:sklearn.ensemble.ExtraTreesClassifier,arguments:{max_depth:3}}"
            ],
            {"max_depth": 3},
        ),
        # The same class: arguments are merged.
        (
            [
                "train.estimator.path=sklearn.linear_model.LogisticRegression",
                "train.estimator.arguments.C=2",
            ],
            {"tol": 0.1, "C": 2},
        ),
    ],
)
def test_another_estimator_replaces_the_arguments(
    root: Path, texts: list[str], arguments: dict[str, float] | None
) -> None:
    project = Project(root)
    text = PARAMS.replace(
        "LogisticRegression}", "LogisticRegression, arguments: {tol: 0.1}}"
    )
    (root / "params.yaml").write_text(text)
    settings = drop_old_arguments(project, check_settings(texts))
    estimator = yaml.safe_load(planned_params(project, settings))["train"]["estimator"]
    assert estimator.get("arguments") == arguments
