"""Code of the repository that a model is made of has to be a dependency of stages."""

import hashlib
import json
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps

from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.fitting.own_code import check_own_code
from reproducible_ml.modeling.model.store import load_model, save_model
from reproducible_ml.modeling.model.transformers import Clip

PIPELINE = """
vars:
- project: code/mine
stages:
  train:
    cmd: python -m mine.models.train
    deps:
    - ${project}/features
    - ${project}/models/train.py
    - data/train
  evaluate:
    cmd: python -m mine.models.evaluate
    deps:
    - ${project}/features
"""

MODULES = {
    "features/ratio.py": """
import os

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

def logarithm(values):
    return np.log1p(values)

class Ratio(TransformerMixin, BaseEstimator):
    def fit(self, rows, target=None):
        return self

    def transform(self, rows):
        return rows
""",
    "models/own.py": """
from subprocess import check_output

from sklearn.linear_model import LogisticRegression
from mine.models.base import Table

class Own(LogisticRegression):
    def fit(self, rows, target):
        super().fit(rows, target)
        self.table_ = [{"table": Table()}]
        return self
""",
    "models/base.py": """
class Table:
    def __init__(self):
        self.size = 3
""",
    "models/derived.py": """
from mine.models.own import Own

class Derived(Own):
    pass
""",
}

ROWS = pd.DataFrame(np.random.default_rng(0).random((40, 2)), columns=["a", "b"])
TARGET = ROWS.sum(axis=1) > 1


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a repository whose package `mine` can be imported, as current folder."""
    package = tmp_path / "code" / "mine"
    for name, text in MODULES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, "utf-8")
        (package / name).parent.joinpath("__init__.py").touch()
    (package / "__init__.py").touch()
    (tmp_path / "dvc.yaml").write_text(PIPELINE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "code")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


def own(name: str) -> Any:
    """Return a class or a function of the package."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(f"mine.{module}"), attribute)


def refusal(model: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        check_own_code(model)
    return str(caught.value).splitlines()


def test_code_under_the_dependencies_is_accepted(root: Path) -> None:
    steps = [
        ("clip", Clip({})),
        ("ratio", own("features.ratio.Ratio")()),
        ("log", FunctionTransformer(own("features.ratio.logarithm"))),
        ("estimator", LogisticRegression()),
    ]
    check_own_code(Pipeline(steps))
    check_own_code(Pipeline(steps).fit(ROWS, TARGET))


def test_missing_line_is_named_for_each_stage(root: Path) -> None:
    reasons = {
        "base": "is imported by the model's code",
        "own": "defines mine.models.own.Own, a part of the model,",
    }
    assert refusal(own("models.own.Own")()) == [
        f"dvc.yaml: stage {stage}: code/mine/models/{name}.py {reason} but is not a"
        " dependency: DVC would not run the stage again after a change of it. Fix: add"
        f" to its deps: - ${{project}}/models/{name}.py"
        for stage in ("train", "evaluate")
        for name, reason in reasons.items()
    ]


def test_added_lines_are_accepted(root: Path) -> None:
    text = PIPELINE.replace(
        "    - ${project}/features\n",
        "    - ${project}/features\n    - ${project}/models/own.py\n"
        "    - ${project}/models/base.py\n",
    )
    (root / "dvc.yaml").write_text(text, "utf-8")
    check_own_code(own("models.own.Own")())


def test_what_functions_import_is_found(root: Path) -> None:
    text = "def scale(values):\n    from mine.units import METRE\n    return METRE\n"
    (root / "code/mine/features/scale.py").write_text(text, "utf-8")
    (root / "code/mine/units.py").write_text("METRE = 100\n", "utf-8")
    found = refusal(FunctionTransformer(own("features.scale.scale")))
    assert [line.partition("deps: ")[2] for line in found] == [
        "- ${project}/units.py"
    ] * 2


def test_what_a_fitted_model_holds_is_found(root: Path) -> None:
    found = refusal(own("models.own.Own")().fit(ROWS, TARGET))
    assert sum("- ${project}/models/base.py" in line for line in found) == 2


def test_base_classes_count(root: Path) -> None:
    found = refusal(own("models.derived.Derived")())
    assert any("- ${project}/models/own.py" in line for line in found)


def nested(part: Any) -> list[Any]:
    """Return models that hold a part in various places."""
    columns = ColumnTransformer([("part", FunctionTransformer(part), [0])])
    array = np.empty(1, dtype=object)
    array[0] = part
    return [
        columns,
        Pipeline([("first", columns), ("estimator", LogisticRegression())]),
        FunctionTransformer(partial(part, 1)),
        FunctionTransformer(np.log, kw_args={"like": part}),
        FunctionTransformer(np.log, kw_args={"like": (array,)}),
    ]


@pytest.mark.parametrize("place", range(5))
def test_parts_are_found_wherever_they_are(root: Path, place: int) -> None:
    model = nested(own("models.own.Own"))[place]
    assert any("mine.models.own.Own" in line for line in refusal(model))


def test_code_outside_the_repository_does_not_count(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "dvc.yaml").write_text(PIPELINE, "utf-8")
    check_own_code(own("models.own.Own")(), other)


def test_without_a_pipeline_there_is_nothing_to_check(root: Path) -> None:
    (root / "dvc.yaml").write_text("stages: {other: {cmd: 'true'}}\n", "utf-8")
    check_own_code(own("models.own.Own")())
    (root / "dvc.yaml").unlink()
    check_own_code(own("models.own.Own")())


def store(model: Any, package: str | None = "mine.models") -> Any:
    """Save a model, and return it as loaded."""
    paths = Path("model.skops"), Path("model.json")
    save_model(model, *paths, {}, package=package)
    return load_model(*paths, package=package)


def test_own_types_and_functions_are_trusted_on_load(root: Path) -> None:
    log = FunctionTransformer(own("features.ratio.logarithm"))
    model = Pipeline([("log", log), ("estimator", own("models.own.Own")())])
    loaded = store(model.fit(ROWS, TARGET))
    np.testing.assert_array_equal(loaded.predict(ROWS), model.predict(ROWS))
    assert loaded[-1].table_[0]["table"].size == 3


@pytest.mark.parametrize("package", [None, "min", "other.models"])
def test_types_of_other_packages_are_not_trusted(
    root: Path, package: str | None
) -> None:
    model = own("models.own.Own")()
    with pytest.raises(
        UserError, match=r"mine\.models\.own\.Own, which is not trusted"
    ):
        store(model, package)


def test_what_own_code_only_imports_is_not_trusted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a file could call `check_output` by the name of a module that imports it."""
    store(LogisticRegression())
    function = own("models.own.check_output")
    with monkeypatch.context() as patch:
        patch.setattr(function, "__module__", "mine.models.own")
        call = FunctionTransformer(partial(function, ["touch", "ran"]))
        content = dumps(call)
    Path("model.skops").write_bytes(content)
    facts = json.loads(Path("model.json").read_text("utf-8"))
    facts["sha256"] = hashlib.sha256(content).hexdigest()
    Path("model.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(UserError, match=r"mine\.models\.own\.check_output"):
        load_model(Path("model.skops"), Path("model.json"), package="mine")
