"""Tests of reproducible_ml.core.params."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import load_params
from tumour_diagnosis.params import Params

SetParams = Callable[..., Params]

ROOT = Path(__file__).parents[3]

ESTIMATOR = "sklearn.svm.SVC"


def refusal(set_params: SetParams, section: str, values: dict[str, Any]) -> str:
    """Return the one line that tells what is wrong with a section."""
    with pytest.raises(UserError) as error:
        set_params(**{section: values})
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_params_of_this_project_are_valid() -> None:
    assert load_params(ROOT / "params.yaml").data.target


def test_params_have_defaults(set_params: SetParams) -> None:
    params = set_params()
    assert params.clean.duplicates == "drop"
    assert params.split.method == "hash"


def test_params_are_frozen(set_params: SetParams) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(set_params().split, "test_size", 0.5)  # noqa: B010 (mypy knows as well)


@pytest.mark.parametrize(
    ("section", "values", "key", "value", "rule"),
    [
        ("data", {"target": 5}, "data.target", "5", "string"),
        ("data", {"positive": 0.5}, "data.positive", "0.5", "valid"),
        ("compute", {"backend": "dusk"}, "compute.backend", "dusk", "'loky'"),
        ("compute", {"n_jobs": 0}, "compute.n_jobs", "0", "-1 for one per core"),
        ("compute", {"n_jobs": -2}, "compute.n_jobs", "-2", "-1"),
        ("compute", {"n_jobs": True}, "compute.n_jobs", "True", "integer"),
        ("compute", {"rows_per_part": 0}, "compute.rows_per_part", "0", "1"),
        ("compute", {"rows_per_part": 2.5}, "compute.rows_per_part", "2.5", "integer"),
        ("clean", {"duplicates": "dorp"}, "clean.duplicates", "dorp", "'drop'"),
        ("clean", {"missing": None}, "clean.missing", "None", "'keep' or 'drop'"),
        ("clean", {"outliers": {"tail": 0.5}}, "outliers.tail", "0.5", "less than 0.5"),
        ("clean", {"outliers": {"factor": 0}}, "outliers.factor", "0", "greater"),
        (
            "clean",
            {"outliers": {"factor": float("inf")}},
            "outliers.factor",
            "inf",
            "finite",
        ),
        ("split", {"test_size": 0}, "split.test_size", "0", "greater than 0"),
        ("split", {"test_size": 1}, "split.test_size", "1", "less than 1"),
        ("split", {"test_size": "0.2"}, "split.test_size", "'0.2'", "number"),
        ("split", {"test_size": True}, "split.test_size", "True", "number"),
        ("split", {"salt": 7}, "split.salt", "7", "string"),
        ("split", {"cutoff": "soon"}, "split.cutoff", "soon", "date"),
        ("train", {"seed": -1}, "train.seed", "-1", "0"),
        ("train", {"estimator": {"path": "SVC"}}, "estimator.path", "SVC", "pattern"),
        ("evaluate", {"metrics": []}, "evaluate.metrics", "[]", "at least 1"),
        ("evaluate", {"threshold": 1.5}, "evaluate.threshold", "1.5", "1"),
        ("evaluate", {"threshold": float("nan")}, "threshold", "nan", "1"),
    ],
)
def test_mistake_is_told_with_key_value_and_rule(
    set_params: SetParams,
    section: str,
    values: dict[str, Any],
    key: str,
    value: str,
    rule: str,
) -> None:
    line = refusal(set_params, section, values)
    assert line.startswith("params.yaml: ") or "/params.yaml: " in line
    for words in (key, value, rule):
        assert words in line


@pytest.mark.parametrize("section", ["data", "compute", "clean", "split", "train"])
def test_unknown_key_is_refused(set_params: SetParams, section: str) -> None:
    line = refusal(set_params, section, {"tset_size": 0.2})
    assert f"{section}.tset_size" in line
    assert "not permitted" in line
    assert "0.2" in line


def test_unknown_section_is_refused(set_params: SetParams) -> None:
    assert "slpit: Extra inputs are not permitted" in refusal(set_params, "slpit", {})


def test_missing_key_is_named(project: Path) -> None:
    (project / "params.yaml").write_text("data: {target: bought, positive: yes}")
    with pytest.raises(UserError) as error:
        load_params()
    assert str(error.value).splitlines() == [
        "params.yaml: train: Field required",
        "params.yaml: evaluate: Field required",
    ]


def test_file_is_read_as_dvc_reads_and_writes_it(project: Path) -> None:
    path = project / "params.yaml"
    text = path.read_text()
    text = text.replace("positive: 'yes'", "positive: yes")
    path.write_text(text + "clean: {outliers: {tail: 1e-3}}\n")
    params = load_params()
    assert params.data.positive == "yes"
    assert params.clean.outliers.tail == 0.001


@pytest.mark.parametrize("text", ["1e-3", "1E5", "-2e+4", "1.5e3", ".5e3"])
def test_number_that_yaml_takes_for_text_is_refused(
    set_params: SetParams, text: str
) -> None:
    estimator = {"path": ESTIMATOR, "arguments": {"tol": text}}
    line = refusal(set_params, "train", {"estimator": estimator})
    assert f"YAML reads this as text: write {float(text)!r}" in line
    assert "train.estimator.arguments.tol" in line


@pytest.mark.parametrize("text", ["auto", "1e", "e3", "mean_1e3", "2024-01-31"])
def test_text_arguments_stay_text(set_params: SetParams, text: str) -> None:
    estimator = {"path": ESTIMATOR, "arguments": {"kernel": text}}
    params = set_params(train={"estimator": estimator})
    assert params.train.estimator.arguments == {"kernel": text}


def test_number_written_as_text_is_refused_where_a_number_belongs(
    set_params: SetParams,
) -> None:
    line = refusal(set_params, "clean", {"outliers": {"tail": "1e-3"}})
    assert "clean.outliers.tail" in line
    assert "'1e-3'" in line


def test_cutoff_is_a_date(set_params: SetParams) -> None:
    params = set_params(
        data={"time": "joined"}, split={"method": "time", "cutoff": "2024-02-01"}
    )
    assert params.split.cutoff == datetime(2024, 2, 1)


@pytest.mark.parametrize("method", ["hash", "group"])
def test_cutoff_belongs_to_time_alone(set_params: SetParams, method: str) -> None:
    values = {"method": method, "cutoff": "2024-02-01"}
    line = refusal(set_params, "split", values)
    assert "split" in line
    assert "cutoff" in line


def test_time_needs_a_cutoff(set_params: SetParams) -> None:
    set_params(data={"time": "joined"})
    assert "cutoff" in refusal(set_params, "split", {"method": "time"})


# A year alone would be taken for seconds since 1970, and all rows for test rows.
def test_cutoff_is_not_a_number(set_params: SetParams) -> None:
    set_params(data={"time": "joined"})
    line = refusal(set_params, "split", {"method": "time", "cutoff": 2024})
    assert "split.cutoff" in line
    assert "2024" in line


# Times in a table carry no zone, so a cut-off with one cannot be compared to them.
def test_cutoff_has_no_time_zone(set_params: SetParams) -> None:
    set_params(data={"time": "joined"})
    values = {"method": "time", "cutoff": "2024-02-01T00:00:00+02:00"}
    assert "split.cutoff" in refusal(set_params, "split", values)


@pytest.mark.parametrize(
    ("method", "cutoff"), [("group", None), ("time", "2024-02-01")]
)
def test_split_by_a_role_needs_the_role(
    set_params: SetParams, method: str, cutoff: str | None
) -> None:
    line = refusal(set_params, "split", {"method": method, "cutoff": cutoff})
    assert f"split.method {method} needs the column in data.{method}" in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "valid dictionary"),
        (b"- data", "valid dictionary"),
        (b"data: [", "is not YAML"),
        (b"\tdata: 5", "is not YAML"),
        ("data: {target: Größe}".encode("latin-1"), "UTF-8"),
    ],
)
def test_file_that_holds_no_params_is_refused_in_a_line(
    project: Path, content: bytes, words: str
) -> None:
    (project / "params.yaml").write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        load_params()
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).startswith("params.yaml: ")


@pytest.mark.parametrize(
    ("task", "positive"), [("binary", None), ("multiclass", "yes"), ("regression", 1)]
)
def test_positive_class_belongs_to_binary_tasks(task: Any, positive: Any) -> None:
    with pytest.raises(ValidationError, match="positive class"):
        Data(target="bought", task=task, positive=positive)


def test_results_are_tracked_where_the_project_says_so(project: Path) -> None:
    assert load_params().tracking == "none"
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(f"{text}tracking: mlflow\n")
    assert load_params().tracking == "mlflow"
    (project / "params.yaml").write_text(f"{text}tracking: wandb\n")
    with pytest.raises(UserError, match=r"tracking: .*'none' or 'mlflow'.*wandb"):
        load_params()


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"metric": "rmse"}, "gate names rmse, not one of evaluate.metrics"),
        ({"floors": {"f1": 0.5}}, "gate names f1, not one of evaluate.metrics"),
        ({"slice_floors": {"age": {"roc_auc": 0.5}}}, "gate.slice_floors names age"),
        ({"floors": {"roc_auc": float("nan")}}, "finite"),
        ({"tolerance": -0.1}, "gate.tolerance"),
        ({"tolerance_numeric": "1e-5"}, "write 1.0e-05"),
    ],
)
def test_gate_that_could_not_close_is_refused(
    set_params: SetParams, gate: dict[str, Any], words: str
) -> None:
    assert words in refusal(set_params, "gate", gate)


def test_gate_is_about_the_first_metric_unless_it_names_one(
    set_params: SetParams,
) -> None:
    params = set_params(evaluate={"metrics": ["f1", "roc_auc"]})
    assert params.gate_metric == "f1"
    assert set_params(gate={"metric": "roc_auc"}).gate_metric == "roc_auc"


@pytest.mark.parametrize(
    ("values", "key", "rule"),
    [
        ({"method": "random"}, "train.search", "needs a space"),
        ({"folds": 1}, "train.search.folds", "greater than or equal to 2"),
        ({"n_iter": 0}, "train.search.n_iter", "greater than or equal to 1"),
        ({"method": "bayes"}, "train.search.method", "'random', 'halving' or 'grid'"),
        ({"space": {"C": {}}}, "train.search.space.C", "give one of uniform"),
        (
            {"space": {"C": {"int": [1, 2], "choice": [1]}}},
            "train.search.space.C",
            "give one of uniform, log_uniform, int and choice",
        ),
        (
            {"space": {"C": {"uniform": [2.0, 1.0]}}},
            "train.search.space.C",
            "the first end must be below the second",
        ),
        (
            {"space": {"C": {"log_uniform": [0.0, 1.0]}}},
            "train.search.space.C",
            "begins above 0",
        ),
        ({"space": {"C": {"int": [1, 2.5]}}}, "space.C.int.1", "integer"),
        ({"space": {"C": {"choice": []}}}, "space.C.choice", "at least 1 item"),
        (
            {"space": {"C": {"choice": ["1e-3"]}}},
            "space.C.choice",
            "YAML reads this as text: write 0.001",
        ),
        (
            {"method": "grid", "space": {"C": {"uniform": [1.0, 2.0]}}},
            "train.search",
            "a grid needs choice or int for C",
        ),
    ],
)
def test_mistake_in_a_search_is_told(
    set_params: SetParams, values: dict[str, Any], key: str, rule: str
) -> None:
    line = refusal(set_params, "train", {"search": values})
    assert key in line
    assert rule in line


def test_ranges_of_a_search_may_hold_any_value(set_params: SetParams) -> None:
    choice = {"depth": {"choice": [None, 3, "auto"]}, "C": {"uniform": [1, 2]}}
    search = {"method": "random", "space": choice}
    found = set_params(train={"search": search}).train.search.space
    assert found["depth"].ends == (None, 3, "auto")
    assert found["C"].ends == (1.0, 2.0)
