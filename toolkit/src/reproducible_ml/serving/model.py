"""A model in use: what it needs of a row, and what it answers."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import one_thread
from reproducible_ml.core.params import Content, load_section
from reproducible_ml.modeling.metrics.tasks import Task, make_task
from reproducible_ml.modeling.model.store import load_model, read_manifest
from reproducible_ml.reading.values import arrow_type
from reproducible_ml.serving.fast_trees import FastTrees

Floats = npt.NDArray[np.float64]

# What happens to a category that the contract does not name.
Unseen = Literal["reject", "missing"]

# What a project predicts: (checked rows, model) -> answers with the index of the rows.
PredictFunction = Callable[[pd.DataFrame, "Model"], pd.DataFrame]

MODEL, MANIFEST = "model.skops", "model.json"

# The section `predict` of params.yaml at the time of packaging.
SETTINGS = "predict.json"

# BLAS may round the output for a row otherwise in a batch of another size. Estimators
# and transformers that are not listed get batches of exactly this many rows.
BATCH = 256
ROW_BY_ROW = {
    *("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    *("GradientBoostingClassifier", "GradientBoostingRegressor"),
    *("RandomForestClassifier", "RandomForestRegressor"),
    *("ExtraTreesClassifier", "ExtraTreesRegressor"),
    *("DecisionTreeClassifier", "DecisionTreeRegressor"),
    *("DummyClassifier", "DummyRegressor", "XGBClassifier", "XGBRegressor"),
    *("Calendar", "CategoryCodes", "CategoryColumns", "Clip"),
    *("Hashed", "Numbers", "Words"),
    *("SimpleImputer", "StandardScaler", "MaxAbsScaler", "MinMaxScaler"),
    *("RobustScaler", "TargetEncoder", "OneHotEncoder", "OrdinalEncoder"),
    "FunctionTransformer",
}
KNOWN_MODULES = ("sklearn.", "reproducible_ml.")


def load_settings(kind: type[Content], folder: Path) -> Content:
    """Return a section of params.yaml, or what it was when a model was packaged.

    Args:
        kind: Class of the section.
        folder: The model's.

    Raises:
        UserError: The section is not valid.
    """
    packaged = folder / SETTINGS
    if packaged.is_file():
        return kind.model_validate_json(packaged.read_text("utf-8"))
    return load_section(kind)


def model_files(folder: Path) -> list[tuple[int, int, int]] | None:
    """Return what changes with the files of a model; None if one is missing."""
    try:
        found = [(folder / name).stat() for name in (MODEL, MANIFEST)]
    except OSError:
        return None  # it is being replaced
    return [(each.st_mtime_ns, each.st_ino, each.st_size) for each in found]


class Model:
    """A stored model with its contract, roles of columns and threshold.

    Attributes:
        pipeline: Fitted features and estimator.
        contract: Columns of the table that it was trained on.
        data: Roles of the columns.
        threshold: Probability from which the positive class is predicted.
        version: The first 12 hexadecimal digits of the SHA-256 of the model file.
        unseen: What happens to a category that the contract does not name.
        checks: Functions of the project that check rows.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        manifest: dict[str, Any],
        unseen: Unseen = "reject",
        checks: Sequence[Callable[[pd.DataFrame], Any]] = (),
    ) -> None:
        self.pipeline = pipeline
        self.manifest = manifest
        self.contract = _in_order(manifest)
        self.data = Data.model_validate(manifest["params"]["data"])
        self.threshold: float = (
            0.5 if manifest["threshold"] is None else manifest["threshold"]
        )
        self.version: str = manifest["sha256"][:12]
        self.unseen = unseen
        self.checks = [check for check in checks if self._can_run(check)]
        self.task: Task = make_task(self.contract, self.data)
        self.features = list(self.contract.features(self.data))

    @classmethod
    def load(
        cls,
        folder: Path,
        unseen: Unseen = "reject",
        checks: Sequence[Callable[[pd.DataFrame], Any]] = (),
        package: str | None = None,
    ) -> "Model":
        """Return the model in a folder, which has model.skops and model.json.

        Args:
            folder: As `models/` of a project.
            unseen: What happens to a category that the contract does not name.
            checks: Functions of the project that check rows. Those that need other
                columns than the features, as the target, are left out.
            package: The project's own package, or a module in it; its types are
                trusted.

        Raises:
            UserError: A file is missing, or not as `load_model` demands.
        """
        model, manifest = folder / MODEL, folder / MANIFEST
        for file in (manifest, model):
            if not file.is_file():
                raise UserError(
                    f"{file}: does not exist. Fix: run `make repro`, or `dvc pull`"
                    f" {model} {manifest}"
                )
        facts = read_manifest(manifest)
        if not {"columns", "contract", "params", "threshold"} <= facts.keys():
            raise UserError(
                f"{manifest}: has no contract. Fix: train the model again: make repro"
            )
        return cls(load_model(model, manifest, package), facts, unseen, checks)

    @cached_property
    def needed(self) -> Contract:
        """The contract of the features alone."""
        columns = {name: self.contract.columns[name] for name in self.features}
        return self.contract.model_copy(update={"columns": columns})

    @cached_property
    def arrow_types(self) -> dict[str, pa.DataType]:
        """The type of each column of the contract, as `arrow_type` tells it."""
        columns = self.contract.columns.items()
        return {name: arrow_type(column) for name, column in columns}

    @cached_property
    def keys(self) -> list[str]:
        """Columns that identify a row."""
        return list(self.data.id) or list(self.contract.inputs(self.data))

    def output(self, rows: pd.DataFrame) -> Floats:
        """Return what the model computes for rows, whatever other rows are with them.

        Returns:
            Shape (n,): the probability of the positive class, or the number of a
            regression; shape (n, classes), in scikit-learn's order of the classes.
        """
        rows = rows[self.features]
        if not len(rows):
            several = self.data.task == "multiclass"
            return np.zeros((0, len(self.task.names)) if several else 0)
        if not self.is_row_by_row:
            return self._in_batches(self.pipeline, rows)
        return self.output_of(self.pipeline[:-1].transform(rows))

    @cached_property
    def is_row_by_row(self) -> bool:
        """Whether the features of a row do not depend on the rest of its batch."""
        return all(map(_is_row_by_row, _leaves(self.pipeline[:-1])))

    @cached_property
    def trees(self) -> FastTrees | None:
        """What does the same as a boosted estimator, faster; None if nothing does."""
        return FastTrees.of(self.pipeline[-1])

    def output_of(self, features: Any) -> Floats:
        """Return what the estimator computes for features, as of `output`."""
        estimator = self.pipeline[-1]
        if _is_row_by_row(estimator):
            return self.task.output(self.trees or estimator, features)
        return self._in_batches(estimator, features)

    def _in_batches(self, model: Any, rows: Any) -> Floats:
        with one_thread("blas"):
            parts = [
                self.task.output(model, _padded(part))[: len(part)]
                for start in range(0, len(rows), BATCH)
                for part in [rows[start : start + BATCH]]
            ]
        return np.concatenate(parts)

    def answers(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return answers to checked rows, with the index of the rows.

        Binary: `prediction`, the name of the class, which is the positive one from the
        threshold on, and `probability`, that of the positive class. Several classes:
        `prediction`, the most probable, and `probability_CLASS` for each. Regression:
        `prediction`, a number.
        """
        answers = pd.DataFrame(self.answers_of(self.output(rows)), index=rows.index)
        if self.task.names:
            answers["prediction"] = answers["prediction"].astype("str")
        return answers

    def answers_of(self, output: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of `answers` for what the model computed."""
        names = self.task.names
        if self.data.task == "regression":
            return {"prediction": output}
        if self.data.task == "binary":
            positive = output >= self.threshold
            return {
                "prediction": np.where(positive, names[True], names[False]),
                "probability": output,
            }
        known = np.array([names[code] for code in sorted(names)], dtype=object)
        columns = {"prediction": known[output.argmax(axis=1)]}
        return columns | {
            f"probability_{names[code]}": output[:, code] for code in names
        }

    def _can_run(self, check: Callable[[pd.DataFrame], Any]) -> bool:
        """Return whether a check of the project needs nothing but the features."""
        features = self.contract.features(self.data)
        empty = pd.DataFrame(
            {name: pd.Series(dtype=column.dtype) for name, column in features.items()}
        )
        try:
            check(empty)
        except KeyError:
            return False
        return True


def _in_order(manifest: dict[str, Any]) -> Contract:
    """Return the contract with its columns in their order: JSON has sorted keys."""
    contract = Contract.model_validate(manifest["contract"])
    columns = {name: contract.columns[name] for name in manifest["columns"]}
    return contract.model_copy(update={"columns": columns})


def _leaves(step: Any) -> list[Any]:
    """Return the transformers inside pipelines and transformers of columns."""
    if isinstance(step, Pipeline):
        return [leaf for _, each in step.steps for leaf in _leaves(each)]
    if isinstance(step, ColumnTransformer):
        return [leaf for _, each, _ in step.transformers_ for leaf in _leaves(each)]
    return [] if isinstance(step, str) or step is None else [step]


def _is_row_by_row(step: Any) -> bool:
    kind = type(step)
    known = kind.__module__.startswith(KNOWN_MODULES)
    return known and kind.__name__ in ROW_BY_ROW


def _padded(rows: Any) -> Any:
    """Return a batch of exactly BATCH rows: the last one is repeated."""
    places = np.minimum(np.arange(BATCH), len(rows) - 1)
    return rows.iloc[places] if isinstance(rows, pd.DataFrame) else rows[places]
