"""Tests of tumour_diagnosis.features.build."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier

from reproducible_ml.contract.schema import Column, Contract, Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.model.store import load_model, save_model
from tumour_diagnosis.features.build import (
    build_features,
    build_pipeline,
    takes_categories,
    takes_missing,
)

BOOSTING = HistGradientBoostingClassifier(
    max_iter=5, categorical_features=[0, 1], random_state=0
)
FOREST = RandomForestClassifier(n_estimators=5, random_state=0)
LOGISTIC = LogisticRegression()
NEIGHBOURS = KNeighborsClassifier()
CLASSIFIERS = [BOOSTING, FOREST, LOGISTIC, NEIGHBOURS]

BINARY = Data(target="returned", positive="yes", id=("order",))
MULTICLASS = Data(target="size", task="multiclass", id=("order",))
REGRESSION = Data(target="price", task="regression", id=("order",))
REGRESSORS = [
    HistGradientBoostingRegressor(
        max_iter=5, categorical_features=[0, 1, 2], random_state=0
    ),
    RandomForestRegressor(n_estimators=5, random_state=0),
    Ridge(),
]
TASKS = [
    *((estimator, BINARY) for estimator in CLASSIFIERS),
    *((estimator, MULTICLASS) for estimator in CLASSIFIERS),
    *((estimator, REGRESSION) for estimator in REGRESSORS),
]

every_classifier = pytest.mark.parametrize(
    "estimator", CLASSIFIERS, ids=lambda estimator: type(estimator).__name__
)
every_task = pytest.mark.parametrize(
    ("estimator", "data"),
    TASKS,
    ids=lambda value: value.task if isinstance(value, Data) else type(value).__name__,
)

# Fits and stores what it finds in the folder; run in a process of its own.
FIT_AND_STORE = """
import pickle, sys
from pathlib import Path

from tumour_diagnosis.features.build import build_pipeline
from reproducible_ml.modeling.model.store import save_model

given, folder = map(Path, sys.argv[1:])
contract, rows, tasks = pickle.loads(given.read_bytes())
for number, (estimator, data, target) in enumerate(tasks):
    pipeline = build_pipeline(contract, data, {"amount": (1.0, 20.0)}, estimator)
    pipeline.fit(rows[list(contract.features(data))], target)
    names = [folder / f"{number}.{suffix}" for suffix in ("skops", "json")]
    save_model(pipeline, *names, {})
"""


def transformed(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> pd.DataFrame:
    """Return what the estimator would see, with the names of the features."""
    features = build_features(contract, data, estimator)
    values = features.fit_transform(orders, read_target(orders, data))
    return pd.DataFrame(values, columns=features.get_feature_names_out())


def changed(contract: Contract, **columns: Column) -> Contract:
    """Return the contract with some columns changed or added."""
    return contract.model_copy(update={"columns": contract.columns | columns})


@every_task
def test_a_pipeline_learns_from_every_kind_of_column(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(rows, read_target(orders, data))
    better_than_guessing = 0.3 if data.task == "regression" else 0.6
    assert pipeline.score(rows, read_target(orders, data)) > better_than_guessing


@every_task
def test_a_feature_has_a_name_of_its_own(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    seen = transformed(orders, contract, data, estimator)
    assert seen.columns.is_unique
    assert {"complaint_words", "complaint_has_broken"} & set(seen.columns)


@every_task
def test_a_pipeline_comes_back_from_its_file(
    orders: pd.DataFrame,
    contract: Contract,
    data: Data,
    estimator: BaseEstimator,
    tmp_path: Path,
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {"amount": (1.0, 20.0)}, estimator)
    pipeline.fit(rows, read_target(orders, data))
    model, manifest = tmp_path / "model.skops", tmp_path / "model.json"
    save_model(pipeline, model, manifest, {})
    loaded = load_model(model, manifest)
    method = "predict_proba" if is_classifier(estimator) else "predict"
    np.testing.assert_array_equal(
        getattr(loaded, method)(rows), getattr(pipeline, method)(rows)
    )


def test_pipelines_are_the_same_byte_by_byte_in_another_process(
    orders: pd.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    tasks = [(estimator, d, read_target(orders, d)) for estimator, d in TASKS]
    given = tmp_path / "given"
    given.write_bytes(pickle.dumps((contract, orders, tasks)))
    files = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", FIT_AND_STORE, str(given), str(folder)],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed},
            check=True,
        )
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(files[0]) == 2 * len(TASKS)
    assert files[0] == files[1]


@every_task
def test_a_column_without_any_value_does_no_harm(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    features = contract.features(data)
    rows = orders[list(features)]
    nothing = [name for name, column in features.items() if column.nullable]
    empty = rows.assign(**{n: pd.Series(dtype=rows[n].dtype) for n in nothing})
    assert empty[nothing].isna().all(axis=None)
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(empty, read_target(orders, data))
    names = pipeline[:-1].get_feature_names_out()
    assert pipeline[:-1].transform(rows).shape == (270, len(names))
    assert len(pipeline.predict(rows)) == 270


@every_classifier
def test_a_pipeline_predicts_for_categories_it_never_saw(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    rows = orders.dropna()[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(rows, read_target(orders.dropna(), data))
    strange = rows.head(3).assign(
        channel=pd.Categorical(["fax", None, "web"]),
        postcode=pd.Series(["?", None, "00001"], dtype="str").to_numpy(),
        depot=pd.array([99, None, 1], dtype="Int64"),
    )
    assert np.isfinite(pipeline.predict_proba(strange)).all()


@every_classifier
def test_a_pipeline_predicts_where_values_are_missing_only_in_use(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    features = list(contract.features(data))
    known = orders.dropna()
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(known[features], read_target(known, data))
    incomplete = orders[orders.isna().any(axis=1)]
    assert np.isfinite(pipeline.predict_proba(incomplete[features])).all()


@every_classifier
def test_a_single_row_is_predicted_as_it_is_among_others(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {}, estimator)
    pipeline.fit(rows, read_target(orders, data))
    together = pipeline.predict_proba(rows)
    for place in range(9):
        alone = pipeline.predict_proba(rows.iloc[[place]])
        np.testing.assert_allclose(alone[0], together[place], rtol=1e-12)


def test_native_categories_come_first_as_codes(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders.dropna(), contract, data, BOOSTING)
    assert list(seen.columns[:2]) == contract.treated("categorical", data)
    expected = orders.dropna()["size"].cat.codes.astype(float)
    assert seen["size"].tolist() == expected.tolist()


def test_an_estimator_that_takes_missing_values_gets_them(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, BOOSTING)
    for name in ("amount", "items", "insured"):
        assert list(seen[name].isna()) == list(orders[name].isna())


@every_classifier
def test_an_estimator_sees_numbers_not_objects(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    some = [*data.id, data.target, "price", "member"]
    few = Contract(columns={name: contract.columns[name] for name in some})
    features = build_features(few, data, estimator)
    values = features.fit_transform(orders, read_target(orders, data))
    assert values.dtype == np.float64


def test_other_estimators_get_a_column_a_category(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    assert list(seen["channel_web"] == 1) == list(orders["channel"] == "web")
    assert list(seen["size_3"] == 1) == list(orders["size"] == 3)


def test_a_missing_category_is_none_of_the_columns(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    nothing = seen["channel_shop"] + seen["channel_web"] == 0
    assert list(nothing) == list(orders["channel"].isna())


def test_missing_numbers_are_filled_with_the_median_and_marked(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    filled = orders["amount"].fillna(orders["amount"].median())
    expected = (filled - filled.mean()) / filled.std(ddof=0)
    np.testing.assert_allclose(seen["amount"], expected)
    marked = seen["missingindicator_amount"] > 0
    assert list(marked) == list(orders["amount"].isna())


def test_filled_in_columns_are_on_one_scale(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    names = ["amount", "items", "member", "ordered_at_month", "postcode", "depot"]
    np.testing.assert_allclose(seen[names].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(seen[names].std(ddof=0), 1)


def test_words_and_their_number_end_at_one(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    seen = transformed(orders, contract, data, LOGISTIC)
    assert set(seen["complaint_has_broken"]) == {0, 1}
    assert set(seen["complaint_words"]) == {0, 1}


@every_task
def test_columns_with_a_role_and_excluded_ones_are_no_features(
    orders: pd.DataFrame, contract: Contract, data: Data, estimator: BaseEstimator
) -> None:
    seen = transformed(orders, contract, data, estimator)
    for name in ("order", "note", data.target):
        assert not seen.columns.str.fullmatch(f"{name}(_(?!at).*)?").any()


def test_a_value_never_tells_the_target_of_its_own_row(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    """A value that one row alone has must not be encoded by the target of this row."""
    unique = orders.assign(postcode=[f"{number:05d}" for number in range(270)])
    seen = transformed(unique, contract, data, BOOSTING)
    assert seen["postcode"].nunique() == 5  # the mean of the others, for each fold


def test_a_value_stands_for_the_mean_target_of_its_rows(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders.assign(postcode=orders["returned"].astype("str"))
    features = build_features(contract, data, BOOSTING)
    features.fit(rows, read_target(rows, data))
    values = features.transform(rows)
    place = list(features.get_feature_names_out()).index("postcode")
    np.testing.assert_allclose(values[:, place], orders["returned"] == "yes")


def test_each_class_has_its_own_mean(orders: pd.DataFrame, contract: Contract) -> None:
    seen = transformed(orders, contract, MULTICLASS, BOOSTING)
    known = orders["depot"].notna()  # and then says which size it is
    likely = seen.filter(regex="^depot_")[known].idxmax(axis=1)
    sizes = "depot_" + orders["size"][known].astype(str)
    pd.testing.assert_series_equal(likely, sizes, check_names=False)


def test_means_are_the_same_for_the_same_seed(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    target = read_target(orders, data)
    first, again, other = (
        build_features(contract, data, BOOSTING, seed=seed).fit_transform(
            orders, target
        )
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other, equal_nan=True)


def test_no_more_words_than_wanted(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    features = build_features(contract, data, FOREST, words=1)
    features.fit(orders, read_target(orders, data))
    names = pd.Series(features.get_feature_names_out())
    assert names.str.startswith("complaint_has_").sum() == 1


def test_a_column_named_as_a_feature_of_another_is_told_apart(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    wider = changed(contract, ordered_at_year=Column(dtype="float64"))
    seen = transformed(orders.assign(ordered_at_year=0.5), wider, data, FOREST)
    assert {"numeric__ordered_at_year", "calendar__ordered_at_year"} < set(seen.columns)


@pytest.mark.parametrize(("categories", "refused"), [(255, False), (256, True)])
def test_more_categories_than_the_estimator_takes_are_refused(
    contract: Contract, data: Data, categories: int, refused: bool
) -> None:
    shops = Column(dtype="category", isin=tuple(range(categories)))
    many = changed(contract, shop=shops)
    build_features(many, data, FOREST)
    if not refused:
        build_features(many, data, BOOSTING)
        return
    with pytest.raises(UserError) as caught:
        build_features(many, data, BOOSTING)
    assert str(caught.value) == (
        'data/schema.yaml: column "shop": has 256 categories, but'
        " HistGradientBoostingClassifier takes at most 255 (its max_bins)."
        " Give the column metadata: {treatment: target_encoding}."
    )


def test_categories_beyond_a_lower_limit_of_the_user_are_refused(
    contract: Contract, data: Data
) -> None:
    estimator = HistGradientBoostingClassifier(max_bins=2)
    with pytest.raises(UserError, match='column "size": has 3 categories'):
        build_features(contract, data, estimator)


def test_bounds_are_where_the_model_clips(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {"amount": (2.0, 6.0)}, FOREST)
    pipeline.fit(rows, read_target(orders, data))
    far, near = rows.assign(amount=1e9), rows.assign(amount=6.0)
    np.testing.assert_array_equal(
        pipeline.predict_proba(far), pipeline.predict_proba(near)
    )


def test_without_bounds_there_is_no_step_to_clip(
    contract: Contract, data: Data
) -> None:
    assert list(build_pipeline(contract, data, {}, FOREST).named_steps) == [
        "features",
        "estimator",
    ]


def test_a_pipeline_with_bounds_names_its_features(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {"amount": (2.0, 6.0)}, FOREST)
    pipeline.fit(rows, read_target(orders, data))
    assert "amount" in pipeline[:-1].get_feature_names_out()


def test_columns_are_found_by_name_not_by_place(
    orders: pd.DataFrame, contract: Contract, data: Data
) -> None:
    rows = orders[list(contract.features(data))]
    pipeline = build_pipeline(contract, data, {"amount": (2.0, 6.0)}, BOOSTING)
    pipeline.fit(rows, read_target(orders, data))
    turned = rows[rows.columns[::-1]]
    np.testing.assert_array_equal(
        pipeline.predict_proba(turned), pipeline.predict_proba(rows)
    )


def test_only_some_estimators_take_categories() -> None:
    assert [takes_categories(e) for e in CLASSIFIERS] == [True, False, False, False]


def test_only_some_estimators_take_missing_values() -> None:
    assert [takes_missing(e) for e in CLASSIFIERS] == [True, True, False, False]
