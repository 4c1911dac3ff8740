"""Fit a pipeline batch by batch, so that memory does not grow with the table.

Rows are taken in the order of a hash of their keys: see `shuffled`.

What turns columns into features is fitted to the first rows of this order and kept; the
estimator sees all rows, by its `partial_fit`.
"""

import hashlib
import logging
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import temporary_folder, write_text
from reproducible_ml.core.params import Count, Section
from reproducible_ml.core.parts import Rows, count_rows, fingerprint
from reproducible_ml.modeling.fitting.estimator import ROWS, TABLE, logged
from reproducible_ml.modeling.fitting.shuffled import Shuffled
from reproducible_ml.modeling.metrics.tasks import Scorer, steps
from reproducible_ml.modeling.model.store import copy_model, load_model, read_manifest
from reproducible_ml.modeling.model.training_rows import FEATURE_ROWS

logger = logging.getLogger(__name__)

# Variable with the folder of a model that `rml update` continues. The result does not
# depend on it, only the time that it takes.
START = "RML_UPDATE_FROM"

Read = Callable[[pd.DataFrame], tuple[pd.DataFrame, pd.Series]]


class Increment(Section):
    """Rows that a model learned after others, in the order of the training table.

    Attributes:
        rows: Their number.
        sha256: Hash of their keys and of the values that the model gets.
        after: The last commit when they were added by `rml update`.
    """

    rows: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    after: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what params.yaml and the manifest of a model say of it."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Settings(NamedTuple):
    """How to fit batch by batch.

    Attributes:
        rows: Number of rows of a batch.
        passes: How often the estimator sees each row.
        class_weight: As in params.yaml.
        classes: Values of the target, and their labels; empty for numbers.
        live_steps: How often the loss is logged.
    """

    rows: int
    passes: int
    class_weight: str | None
    classes: Mapping[Any, str]
    live_steps: int = 0


def problem_in_batches(
    batch_rows: int | None,
    passes: int,
    rows: int | None,
    updates: Sequence[Increment],
    all_at_once: Mapping[str, bool],
) -> str | None:
    """Return why parameters of `train` contradict each other, or None.

    Args:
        batch_rows: Rows of a batch; None to fit to all rows at once.
        passes: How often each row is seen.
        rows: Rows to train on, at most.
        updates: What `rml update` wrote.
        all_at_once: What needs all rows in memory, and whether it is asked for.
    """
    if batch_rows is None:
        if passes != 1 or updates:
            name = "updates" if updates else "passes"
            return f"train.{name} needs train.batch_rows: the rows of a batch"
        return None
    for name, wanted in all_at_once.items():
        if wanted:
            return (
                f"{name} needs all rows in memory, which train.batch_rows avoids."
                " Remove one of them, or limit the rows by train.rows instead"
            )
    if rows is not None and updates:
        return "train.updates continues a model of all rows: remove train.rows"
    return None


def check_partial_fit(
    estimator: Any, class_weight: str | None, workers: int = 1
) -> None:
    """Raise UserError if an estimator cannot be fitted batch by batch, or not so."""
    name = type(estimator).__name__
    if workers > 1:
        raise UserError(
            f"params.yaml: train.workers: {name} is fitted by one process. Fix: remove"
            " it, or name xgboost.XGBClassifier or xgboost.XGBRegressor"
        )
    if not hasattr(estimator, "partial_fit"):
        raise UserError(
            f"params.yaml: train.batch_rows: {name} has no partial_fit. Fix: name an"
            " estimator that has, as sklearn.linear_model.SGDClassifier with loss:"
            " log_loss, or limit the rows by train.rows instead"
        )
    if class_weight and not _takes_weights(estimator):
        raise UserError(
            f"params.yaml: train.class_weight: {name} cannot weight rows in"
            " partial_fit. Fix: remove it, or name another estimator"
        )
    # scikit-learn would say so only after the features were fitted.
    if estimator.get_params().get("early_stopping"):
        raise UserError(
            "params.yaml: train.estimator.arguments: early_stopping needs all rows at"
            " once, which train.batch_rows excludes. Fix: remove one of them"
        )


def _takes_weights(estimator: Any) -> bool:
    return "sample_weight" in signature(estimator.partial_fit).parameters


def describe_rows(chosen: Rows, used: int | Sequence[Increment]) -> dict[str, Any]:
    """Return what the manifest of a model says of its training rows.

    Args:
        chosen: Rows of the table that were to be used.
        used: Number of them, or the increments in which they were learned.

    Returns:
        `rows` used and `sha256` of the table; `of` how many rows there are, if not all
        were used; `below` which number these have: see `core.parts.first_rows`. In
        batches `increments`, in the order in which they were learned, and the number
        of `feature_rows`.
    """
    increments = [] if isinstance(used, int) else [*used]
    rows = used if isinstance(used, int) else sum(each.rows for each in used)
    found: dict[str, Any] = {"rows": rows, "sha256": fingerprint(chosen.table)}
    if (total := count_rows(chosen.table)) > rows:
        found["of"] = total
        logger.info("The table has %d rows: the others are not learned", total)
    if increments:
        found["feature_rows"] = min(FEATURE_ROWS, increments[0].rows)
    if chosen.below is not None:
        return found | {"below": chosen.below}
    if increments:
        found["increments"] = [each.as_json() for each in increments]
    return found


class Plan(NamedTuple):
    """What to learn, and what a model has learned already.

    Attributes:
        increments: What to learn, in the order of the table; empty: all rows at once.
        pipeline: That which has learned the first ones, or an unfitted one.
        learned: Number of these.
    """

    increments: list[Increment]
    pipeline: Any = None
    learned: int = 0


def make_plan(
    updates: Sequence[Increment], table: Path, columns: Sequence[str], package: str
) -> Plan:
    """Return what to learn: what params.yaml says, and for `rml update` the new rows.

    Args:
        updates: `train.updates` of params.yaml.
        table: Training rows.
        columns: Those that the model gets.
        package: The project's own package, or a module in it.
    """
    folder = os.environ.get(START)
    if not folder:
        return Plan([*updates])
    manifest = Path(folder) / "model.json"
    learned = learned_increments(read_manifest(manifest))
    increments = [*(updates or learned)]
    if increments[: len(learned)] != learned:
        raise UserError(
            "params.yaml: train.updates: is not what the model has learned. Fix: set"
            " train.updates: [] to train a new model on all rows"
        )
    if len(increments) == len(learned):
        seen = sum(each.rows for each in learned)
        increments.append(find_increment(Rows(table, seen), columns))
    pipeline = load_model(manifest.with_suffix(".skops"), manifest, package)
    return Plan(increments, pipeline, len(learned))


def learned_increments(manifest: Mapping[str, Any]) -> list[Increment]:
    """Return the increments in the manifest of a model; empty if it has none."""
    found = manifest.get("training_data", {}).get("increments", [])
    return [Increment.model_validate(each) for each in found]


class Fitted(NamedTuple):
    """A pipeline, and what it was fitted to.

    Attributes:
        pipeline: Fitted.
        increments: The rows that it learned.
        counts: Their number by label of the class.
    """

    pipeline: Pipeline
    increments: list[Increment]
    counts: dict[str, int]


def fit_in_batches(
    plan: Plan,
    rows: Rows,
    read: Read,
    columns: Sequence[str],
    settings: Settings,
    folder: Path,
    scorer: Scorer | None = None,
    progress: Path | None = None,
    package: str | None = None,
) -> Fitted:
    """Fit a pipeline to rows in batches, one increment after the other.

    The result does not depend on the parts of the table, nor on whether the pipeline
    was stored and loaded between two increments.

    Args:
        plan: The pipeline, which is changed, and what it learns.
        rows: The rows, if there are no increments.
        read: Returns features and target of rows.
        columns: The columns that `read` needs.
        settings: Size and number of batches.
        folder: For temporary files; it is removed in the end.
        scorer: Computes the loss that is logged.
        progress: Folder for the loss during training; None: not written.
        package: The project's own package, or a module in it.

    Raises:
        UserError: The rows are not those of the increments, or the loss is no number.
        ValueError: The estimator does not accept the rows.
    """
    pipeline = plan.pipeline
    done: list[Increment] = []
    counts: Counter[Any] = Counter()

    def count_classes(frame: pd.DataFrame) -> None:
        if settings.classes:
            counts.update(read(frame)[1].value_counts().to_dict())

    start = 0
    for number, known in enumerate(plan.increments or [None]):
        stop = start + known.rows if known else rows.stop
        some = rows if known is None else Rows(rows.table, start, stop)
        start = stop or 0
        with temporary_folder(folder) as place:
            shuffled = Shuffled(some, place) if number >= plan.learned else None
            others = [shuffled.add] if shuffled else []
            found = _scan(some, columns, count_classes, *others)
            done.append(_check(known, found, number))
            if shuffled is None:
                continue
            logger.info(
                "Fitting %s to %d rows in batches of %d",
                type(pipeline.named_steps["estimator"]).__name__,
                shuffled.rows,
                settings.rows,
            )
            # A loaded pipeline and this one must be the same in all respects.
            pipeline = copy_model(pipeline, package) if number else pipeline
            fitting = _Fitting(pipeline, read, settings, counts)
            if not number:
                fitting.fit_features(shuffled)
            fitting.fit(shuffled, scorer, progress)
    labels = {settings.classes[value]: count for value, count in counts.items()}
    return Fitted(pipeline, done, labels)


def _check(known: Increment | None, found: Increment, number: int) -> Increment:
    if known is None:
        return found
    if (known.rows, known.sha256) != (found.rows, found.sha256):
        raise UserError(
            f"params.yaml: train.updates: entry {number + 1} is of {known.rows} rows"
            " that the training table no longer has in this place: rows before the"
            " newest ones were changed, added or removed. Fix: set train.updates: [] to"
            " train a new model on all rows"
        )
    return known


def find_increment(rows: Rows, columns: Sequence[str]) -> Increment:
    """Return number and hash of rows.

    Args:
        rows: At least one.
        columns: Those that the model gets.
    """
    return _scan(rows, columns)


def _add(digest: Any, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Add rows to a hash that does not depend on where parts begin."""
    hashes = keys.hash_rows(frame, columns)
    row_keys = frame.index.to_numpy(dtype=np.uint64)
    digest.update(np.column_stack([row_keys, hashes]).astype("<u8").tobytes())


def _scan(
    rows: Rows, columns: Sequence[str], *others: Callable[[pd.DataFrame], None]
) -> Increment:
    """Read rows once: hash and count them, and call other functions with each part."""
    digest, count = hashlib.sha256(), 0
    for frame in rows.frames(columns):
        _add(digest, frame, columns)
        count += len(frame)
        for other in others:
            other(frame)
    if not count:
        raise UserError(f"{rows.table}: has no rows to train on")
    return Increment(rows=count, sha256=digest.hexdigest())


class _Fitting:
    """Fits a pipeline to an increment."""

    def __init__(
        self,
        pipeline: Pipeline,
        read: Read,
        settings: Settings,
        counts: "Counter[Any]",
    ) -> None:
        self.features = pipeline[:-1]
        self.estimator = pipeline.named_steps["estimator"]
        self.read = read
        self.settings = settings
        self.weights = class_weights(counts) if settings.class_weight else {}

    def fit_features(self, shuffled: Shuffled) -> None:
        """Fit what makes features to the first rows."""
        rows, target = self.read(next(shuffled.batches(FEATURE_ROWS)))
        self.features.fit(rows, target)
        if len(rows) < shuffled.rows:
            logger.info("Features are fitted to %d of them", len(rows))

    def fit(
        self, shuffled: Shuffled, scorer: Scorer | None, progress: Path | None
    ) -> None:
        """Fit the estimator to all rows, and log its loss on some of them."""
        size, passes = self.settings.rows, self.settings.passes
        count = -(-shuffled.rows // size) * passes
        if progress:
            shutil.rmtree(progress, ignore_errors=True)
        wanted = steps(count, self.settings.live_steps) if progress and scorer else []
        if progress and not wanted:
            write_text("step\tloss\n", progress / TABLE)
        batches = (b for _ in range(passes) for b in shuffled.batches(size))
        bar = tqdm(batches, "train", count, unit=" batches", disable=None, leave=False)
        if not wanted:
            self._learn(bar)
            return
        assert progress is not None
        assert scorer is not None
        first = next(shuffled.batches(min(ROWS, FEATURE_ROWS)))
        rows, target = self.read(first)
        known = self.features.transform(rows)
        at, left = 0, iter(bar)
        for live, step in logged(wanted, progress):
            self._learn(islice(left, step - at))
            at = step
            loss = scorer.value(self.estimator, known, target)
            if not math.isfinite(loss):
                raise UserError(
                    f"params.yaml: train.estimator: its loss is {loss} after"
                    f" {min(step * size, shuffled.rows * passes)} rows: it diverges."
                    " Fix: set a smaller learning rate (eta0) in its arguments"
                )
            live.log_metric("loss", round(loss, scorer.decimals(target)))

    def _learn(self, batches: Any) -> None:
        for batch in batches:
            rows, target = self.read(batch)
            arguments: dict[str, Any] = {}
            if self.settings.classes:
                labels = pd.Series([*self.settings.classes], dtype=object)
                arguments["classes"] = np.unique(labels.infer_objects().to_numpy())
            if self.weights:
                arguments["sample_weight"] = target.map(self.weights).to_numpy(float)
            features = self.features.transform(rows)
            self.estimator.partial_fit(features, target.to_numpy(), **arguments)


def class_weights(counts: Mapping[Any, int]) -> dict[Any, float]:
    """Return the weight of each class: inverse to its number of rows so far."""
    total = sum(counts.values())
    return {label: total / (len(counts) * n) for label, n in counts.items() if n}
