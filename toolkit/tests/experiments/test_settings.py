"""Tests of reproducible_ml.experiments.settings."""

from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import load_params
from reproducible_ml.experiments.settings import planned_params, read_settings

from .conftest import PARAMS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with params.yaml alone."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def planned(root: Path, text: str) -> str:
    return planned_params(root, read_settings(text))


def test_settings_change_their_lines_alone(root: Path) -> None:
    text = planned(root, "train.seed=5")
    assert text == PARAMS.replace("seed: 0", "seed: 5")
    assert planned(root, "") == PARAMS
    assert (root / "params.yaml").read_text() == PARAMS


def test_shell_quotes_keep_text_together(root: Path) -> None:
    text = planned(root, """train.seed=5 "split.salt='a, b'" """)
    (root / "params.yaml").write_text(text)
    params = load_params(root / "params.yaml")
    assert (params.train.seed, params.split.salt) == (5, "a, b")


def test_key_that_params_leaves_out_may_be_given(root: Path) -> None:
    text = planned(root, "clean.missing=drop train.estimator.arguments.C=1e-3")
    (root / "params.yaml").write_text(text)
    params = load_params(root / "params.yaml")
    assert params.clean.missing == "drop"
    assert params.train.estimator.arguments == {"C": 0.001}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.seed", "S: train.seed: is no setting"),
        ("=5", "S: =5: is no setting"),
        ("split.salt=a;b", "need quotes"),
        ("other.yaml:train.seed=1", "is no setting"),
        ("train.seed=${split.salt}", "is no setting"),
        ('train.seed="1', "no closing quotation"),
        ("train.seed=1,2", "dvc exp run --queue -S train.seed=1,2 && dvc queue start"),
        ("~train.nothing", "S: ~train.nothing: Could not delete"),
        ("train.nothing=1", "params.yaml: train.nothing: Extra inputs"),
        ("train.seed=-1", "params.yaml: train.seed: Input should be greater"),
        ("train.seed.x=1", "params.yaml: train.seed: Input should be a valid integer"),
        ("evaluate.metrics=[mine]", "evaluate.metrics: mine is none of roc_auc, "),
        ("train.search.metric=rmse", "train.search.metric: rmse is none of roc_auc"),
        (
            "train.search.method=random train.search.space.D.choice=[1]",
            "LogisticRegression has no argument D",
        ),
        ("train.estimator.path=sklearn.No", "cannot import sklearn.No"),
        ("train.estimator.arguments.D=1", "unexpected keyword argument 'D'"),
    ],
)
def test_wrong_setting_is_told_in_a_line(root: Path, text: str, said: str) -> None:
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
