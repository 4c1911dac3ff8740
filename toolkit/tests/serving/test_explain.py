"""POST /explain: what moved predictions, checked as strictly as POST /predict."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

pytest.importorskip("fastapi")

from scipy.special import expit, softmax

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.explaining.background import (
    FILE,
    as_parquet,
    read_background,
    write_background,
)
from reproducible_ml.serving.explaining.explanations import RowExplainer, cut_to
from reproducible_ml.serving.rows import check_rows
from tumour_diagnosis.deployment.predict import Predict, load, predict

from .client import application, as_records, ask, get, post
from .conftest import LINEAR

FOREST = "sklearn.ensemble.RandomForestClassifier"

TrainFolder = Callable[..., Path]


def with_background(folder: Path, orders: pd.DataFrame) -> Path:
    """Write the rows to compare with beside a model; return its folder."""
    model = load(folder, Predict())
    rows = check_rows(pa.Table.from_pandas(orders.iloc[200:260]), model).rows
    write_background(rows, model, folder / FILE)
    assert (folder / FILE).read_bytes() == as_parquet(rows, model)
    return folder


@pytest.mark.parametrize("path", [None, "linear"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_explanations_add_up_to_the_prediction(
    train_folder: TrainFolder, orders: pd.DataFrame, task: str, path: str | None
) -> None:
    folder = train_folder(task, path and LINEAR[task])
    app = application(with_background(folder, orders), explain_rows=10)
    records = as_records(orders.head(4))
    found = post(app, records, "/explain").json()
    answered = post(app, records).json()
    assert found["version"] == answered["version"]
    assert found["problems"] == []
    for record, answer, own in zip(
        records, answered["predictions"], found["explanations"], strict=True
    ):
        assert answer.items() <= own.items()
        assert own["exact"]
        entries = own["contributions"]
        assert {e["column"]: e["value"] for e in entries} == record
        sizes = [abs(entry["contribution"]) for entry in entries]
        assert sizes == sorted(sizes, reverse=True)
        assert {entry["standard_error"] for entry in entries} == {None}
        total = own["base"] + sum(entry["contribution"] for entry in entries)
        assert total == pytest.approx(own["output"], abs=1e-9)
        if task == "binary":
            assert own["class"] == "yes"
            assert expit(total) == pytest.approx(answer["probability"], abs=1e-9)
        elif task == "multiclass":
            assert own["class"] == answer["prediction"]
        else:
            assert total == pytest.approx(answer["prediction"], rel=1e-9)
        few = cut_to(own, 2)
        rest = few["others"]["contribution"]
        shown = sum(entry["contribution"] for entry in few["contributions"])
        assert few["others"]["columns"] == len(entries) - 2
        assert own["base"] + shown + rest == pytest.approx(own["output"], abs=1e-9)


def test_each_class_can_be_explained(
    train_folder: TrainFolder, orders: pd.DataFrame
) -> None:
    folder = with_background(train_folder("multiclass"), orders)
    model = load(folder, Predict())
    explainer = RowExplainer(model, predict, read_background(folder, model))
    rows = check_rows(pa.Table.from_pandas(orders.head(3)), model).rows
    names = ["small", "medium", "large"]
    outputs = [[e["output"] for e in explainer.explain(rows, name)] for name in names]
    shares = softmax(np.array(outputs), axis=0)
    answers = model.answers(rows)
    for name, found in zip(names, shares, strict=True):
        np.testing.assert_allclose(found, answers[f"probability_{name}"], atol=1e-9)
    with pytest.raises(UserError, match=r'no class "larg". Did you mean "large"'):
        explainer.explain(rows, "larg")
    with pytest.raises(UserError, match='class "none": no training row has it'):
        explainer.explain(rows, "none")


def test_what_is_estimated_says_so(
    train_folder: TrainFolder, orders: pd.DataFrame
) -> None:
    folder = with_background(train_folder("binary", FOREST), orders)
    app = application(folder, explain_rows=2)
    [own] = post(app, as_records(orders.head(1)), "/explain").json()["explanations"]
    assert (own["exact"], own["scale"]) == (False, "probability")
    assert own["output"] == own["probability"]
    assert all(entry["standard_error"] >= 0 for entry in own["contributions"])


def test_bad_requests_are_refused(
    train_folder: TrainFolder, orders: pd.DataFrame
) -> None:
    folder = with_background(train_folder(), orders)
    app = application(folder, explain_rows=3)
    record, other = as_records(orders.head(2))
    mixed = post(app, [record | {"items": "2"}, other], "/explain")
    assert mixed.status_code == 200
    assert mixed.json()["explanations"][0] is None
    assert mixed.json()["explanations"][1]["prediction"] in ("yes", "no")
    [problem] = mixed.json()["problems"]
    assert (problem["row"], problem["column"], problem["rule"]) == (0, "items", "type")
    bad = post(app, record | {"channel": "fax"}, "/explain")
    assert bad.status_code == 422
    assert bad.json()["error"] == "no row is valid"
    assert post(app, [], "/explain").json()["explanations"] == []
    many = post(app, [record] * 4, "/explain")
    assert (many.status_code, many.json()) == (413, {"error": "4 rows are more than 3"})
    assert post(app, b"[NaN]", "/explain").status_code == 400
    assert post(app, [1], "/explain").status_code == 400
    plain = post(app, record, "/explain", content_type="text/plain")
    assert plain.status_code == 415
    assert post(application(folder), record, "/explain").status_code == 404


def test_description_has_the_route_if_it_is_there(
    train_folder: TrainFolder, orders: pd.DataFrame
) -> None:
    folder = with_background(train_folder(), orders)
    without = get(application(folder), "/openapi.json").json()
    assert "/explain" not in without["paths"]
    assert "Explanations" not in without["components"]["schemas"]
    app = application(folder, explain_rows=3)
    described = get(app, "/openapi.json").json()
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    schema = {
        "$ref": "#/components/schemas/Explanations",
        "components": described["components"],
    }
    records = as_records(orders.head(2))
    body = post(app, [records[0], records[1] | {"items": -1.5}], "/explain").json()
    validator(schema).validate(body)
    statuses = described["paths"]["/explain"]["post"]["responses"]
    assert {"200", "400", "413", "415", "422", "503"} <= statuses.keys()


def test_rows_of_another_model_are_refused(
    train_folder: TrainFolder, orders: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("model.skops", "model.json"):
        (folder / name).write_bytes((train_folder() / name).read_bytes())
    with pytest.raises(UserError, match=r"background.parquet: does not exist.* Fix: "):
        application(folder, explain_rows=3)
    (folder / FILE).write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read"):
        application(folder, explain_rows=3)
    with_background(folder, orders)
    app = application(folder, explain_rows=3)
    record = as_records(orders.head(1))
    assert post(app, record, "/explain").status_code == 200

    # The model is replaced by one that was trained on other rows.
    manifest = json.loads((folder / "model.json").read_text())
    manifest["training_data"]["sha256"] = "0" * 64
    (folder / "model.json").write_text(json.dumps(manifest))

    async def reload(_: Any) -> None:
        await app.state.service.main.reload()

    ask(app, reload)
    refused = post(app, record, "/explain")
    assert refused.status_code == 503
    assert str(folder) not in refused.text
    assert post(app, record).status_code == 200
    with pytest.raises(UserError, match="of another model's training rows"):
        application(folder, explain_rows=3)
    with_background(folder, orders)
    assert post(app, record, "/explain").status_code == 200
