"""What the model sees of each kind of column."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier as BoostingClassifier
from sklearn.ensemble import HistGradientBoostingRegressor as BoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from tumour_diagnosis.features import build
from tumour_diagnosis.features.build import (
    Features,
    Own,
    build_features,
    build_pipeline,
    treated,
)
from tumour_diagnosis.features.derived import Derived

from ..conftest import TARGET, TARGETS, make_contract, make_data, make_rows

ROWS = 300
BOOSTING = {"max_iter": 5, "min_samples_leaf": 5, "random_state": 0}


def estimator_for(task: str, *, takes_missing: bool) -> BaseEstimator:
    """Return one that takes missing values and categories as they are, or neither."""
    if not takes_missing:
        return Ridge() if task == "regression" else LogisticRegression(max_iter=1000)
    number = len(treated("categorical", make_contract(task), make_data(task)))
    kind = BoostingRegressor if task == "regression" else BoostingClassifier
    return kind(categorical_features=list(range(number)), **BOOSTING)


def make(
    task: str,
    estimator: BaseEstimator,
    bounds: dict[str, tuple[float, float]] | None = None,
) -> Pipeline:
    """Return an unfitted pipeline."""
    contract, data = make_contract(task), make_data(task)
    return build_pipeline(contract, data, bounds or {}, estimator, Features())


def columns(task: str) -> list[str]:
    return list(make_contract(task).features(make_data(task)))


def answer(model: Pipeline, rows: pd.DataFrame) -> Any:
    """Return the probabilities, or the numbers, that a model predicts."""
    ask = getattr(model, "predict_proba", None) or model.predict
    return ask(rows[list(model.feature_names_in_)])


@pytest.fixture(scope="module", params=[True, False], ids=["boosting", "linear"])
def takes_missing(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module", params=TARGETS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def rows(task: str) -> pd.DataFrame:
    return make_rows(ROWS, 1, task)


@pytest.fixture(scope="module")
def model(task: str, takes_missing: bool, rows: pd.DataFrame) -> Pipeline:
    """Return a pipeline that is fitted to rows with columns of every kind."""
    estimator = estimator_for(task, takes_missing=takes_missing)
    bounds = {"kind_amount": (-2.0, 2.0)}
    pipeline = make(task, estimator, bounds)
    return pipeline.fit(rows[columns(task)], read_target(rows, make_data(task)))


def test_model_learns_from_every_kind_of_column(
    model: Pipeline, rows: pd.DataFrame, task: str
) -> None:
    score = model.score(rows[columns(task)], read_target(rows, make_data(task)))
    assert score > (0.5 if task == "regression" else 0.6)
    features = model[:-1].get_feature_names_out()
    assert len({*features}) == len(features)
    seen = np.asarray(model[:-1].transform(rows[columns(task)]))
    assert seen.shape == (ROWS, len(features))


def test_target_id_and_excluded_columns_are_not_used(
    model: Pipeline, rows: pd.DataFrame
) -> None:
    others = ["kind_order", "kind_note", TARGET]
    assert not {*others} & {*model.feature_names_in_}
    turned = rows.assign(**{name: rows[name].iloc[::-1].array for name in others})
    np.testing.assert_array_equal(answer(model, turned), answer(model, rows))


def test_row_is_predicted_alone_as_among_others_and_in_any_order_of_columns(
    model: Pipeline, rows: pd.DataFrame
) -> None:
    together = answer(model, rows)
    for place in range(5):
        alone = answer(model, rows.iloc[[place]])
        np.testing.assert_allclose(alone[0], together[place], rtol=1e-9)
    turned = rows[list(model.feature_names_in_)[::-1]]
    features = model[:-1].transform(turned)
    np.testing.assert_array_equal(
        features, model[:-1].transform(rows[list(model.feature_names_in_)])
    )


def test_missing_and_unknown_values_are_predicted(
    model: Pipeline, rows: pd.DataFrame, task: str
) -> None:
    contract = make_contract(task).columns
    kinds = [name for name in columns(task) if name.startswith("kind_")]
    nothing = {
        name: pd.Series(None, rows.index, dtype=rows[name].dtype)
        for name in kinds
        if contract[name].nullable
    }
    unknown = {
        "kind_channel": pd.Categorical(["telex"] * ROWS),
        "kind_postcode": pd.Series("?", rows.index, dtype="str"),
        "kind_depot": pd.Series(99, rows.index, dtype="Int64"),
    }
    for changed in (nothing, unknown):
        assert np.isfinite(answer(model, rows.assign(**changed))).all()


def test_values_beyond_the_bounds_of_cleaning_are_clipped(
    model: Pipeline, rows: pd.DataFrame
) -> None:
    far, near = rows.assign(kind_amount=1e9), rows.assign(kind_amount=2.0)
    np.testing.assert_array_equal(answer(model, far), answer(model, near))


def test_column_without_any_value_does_no_harm(
    task: str, takes_missing: bool, rows: pd.DataFrame
) -> None:
    contract = make_contract(task).columns
    kinds = [name for name in columns(task) if name.startswith("kind_")]
    empty = rows.assign(
        **{
            name: pd.Series(None, rows.index, dtype=rows[name].dtype)
            for name in kinds
            if contract[name].nullable
        }
    )
    pipeline = make(task, estimator_for(task, takes_missing=takes_missing))
    pipeline.fit(empty[columns(task)], read_target(empty, make_data(task)))
    assert np.isfinite(answer(pipeline, rows)).all()


BINARY = make_rows(ROWS, 1)


def seen(
    rows: pd.DataFrame, estimator: BaseEstimator, contract: Contract, **settings: Any
) -> pd.DataFrame:
    """Return the features of rows, by name, as the estimator gets them to learn."""
    data = make_data("binary")
    features = build_features(contract, data, estimator, Features(**settings), seed=0)
    values = features.fit_transform(rows, read_target(rows, data))
    return pd.DataFrame(values, columns=features.get_feature_names_out())


def only(*names: str) -> Contract:
    """Return a contract of some columns and the target."""
    found = make_contract("binary").columns
    return Contract(columns={name: found[name] for name in (*names, TARGET)})


@pytest.fixture
def nothing_of_my_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "OWN", {})


@pytest.mark.usefixtures("nothing_of_my_own")
def test_value_does_not_stand_for_the_target_of_its_own_row() -> None:
    """A value that a single row has must not be encoded by the target of this row."""
    unique = BINARY.assign(kind_postcode=[f"{n:05d}" for n in range(ROWS)])
    found = seen(unique, BoostingClassifier(), only("kind_postcode"))
    assert found["kind_postcode"].nunique() in range(2, 6)  # By fold: the others' mean.


@pytest.mark.usefixtures("nothing_of_my_own")
def test_no_more_words_than_set() -> None:
    found = seen(BINARY, BoostingClassifier(), only("kind_complaint"), words=1)
    assert sum("_has_" in str(name) for name in found) == 1


@pytest.mark.usefixtures("nothing_of_my_own")
def test_names_of_features_never_clash() -> None:
    contract = only("kind_sent")
    year = {"kind_sent_year": Column(dtype="float64")}
    wider = contract.model_copy(update={"columns": year | contract.columns})
    found = seen(
        BINARY.assign(kind_sent_year=BINARY["kind_price"]), BoostingClassifier(), wider
    )
    assert found.columns.is_unique


@pytest.mark.usefixtures("nothing_of_my_own")
@pytest.mark.parametrize(("most", "refused"), [(3, False), (2, True)])
def test_more_categories_than_the_estimator_takes_are_refused(
    most: int, refused: bool
) -> None:
    estimator = BoostingClassifier(max_bins=most)
    if not refused:
        seen(BINARY, estimator, only("kind_size"))
        return
    with pytest.raises(UserError) as caught:
        seen(BINARY, estimator, only("kind_size"))
    for fact in ("data/schema.yaml", '"kind_size"', "3", "2", "target_encoding"):
        assert fact in str(caught.value)


def price_of_an_item(rows: pd.DataFrame) -> Any:
    return rows["kind_price"] / rows["kind_items"]


PRICE = Derived(price_of_an_item)


@pytest.mark.parametrize("instead", [False, True])
@pytest.mark.parametrize("estimator", [BoostingClassifier(), LogisticRegression()])
def test_own_feature_is_added_or_replaces_the_treatment(
    monkeypatch: pytest.MonkeyPatch, instead: bool, estimator: BaseEstimator
) -> None:
    own = Own(clone(PRICE), ["kind_price", "kind_items"], instead)
    monkeypatch.setattr(build, "OWN", {"price": own})
    contract = only("kind_price", "kind_items", "kind_member")
    found = seen(BINARY, estimator, contract)
    assert "price__price_of_an_item" in found
    numbers = treated("numeric", contract, make_data("binary"))
    assert ("kind_price" in numbers) is not instead
    assert "kind_member" in numbers
    if isinstance(estimator, BoostingClassifier):
        ratio = BINARY["kind_price"] / BINARY["kind_items"].astype("float64")
        np.testing.assert_allclose(found["price__price_of_an_item"], ratio)
    else:
        assert found.notna().all(axis=None)


def test_own_feature_of_an_unknown_column_is_an_error_with_a_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "OWN", {"price": Own(PRICE, ["no such column"])})
    with pytest.raises(UserError, match='"price" needs the column "no such column"'):
        seen(BINARY, BoostingClassifier(), only("kind_price"))
