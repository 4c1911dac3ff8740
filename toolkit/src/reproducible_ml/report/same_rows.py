"""Score the model of the base on the test rows of now, where the test rows changed.

Metrics of two test sets say as much about the rows as about the models: the newest rows
may be harder. Both models are scored on the same rows, which neither was trained on, so
that the differences are paired.
"""

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ValidationError

from reproducible_ml.contract.checks import broken_rules, set_categories
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import suitable_threads
from reproducible_ml.core.parts import count_rows, parts, read_part
from reproducible_ml.core.project import Project
from reproducible_ml.report.results import (
    MANIFEST,
    MODEL,
    Bootstrap,
    Evaluation,
    Results,
    pair,
    section,
)
from reproducible_ml.versioning.dvc import cached_file, run_dvc
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import (
    locked_hashes,
    locked_outputs,
    locked_stages,
)

Mask = npt.NDArray[np.bool_]


class SameRows(NamedTuple):
    """Results of both models on the same rows.

    Attributes:
        old: Those of the base, with the scores of its model on these rows.
        new: Those of now; scored again only if not all test rows are used.
        rows: Number of rows.
        note: Which rows these are.
    """

    old: Results
    new: Results
    rows: int
    note: str


class _Side(NamedTuple):
    """A model, and the results of its revision."""

    results: Results
    contract: Contract
    data: Data
    pipeline: Any
    threshold: float | None


class NotComparableError(UserError):
    """The model of the base cannot be scored on the test rows of now."""


def score_same_rows(
    project: Project,
    base: Revision,
    old: Results,
    new: Results,
    params: Any,
    metrics: Mapping[str, Any],
    *,
    offline: bool,
) -> SameRows | None:
    """Score the models of the base and of now on the same rows, if it is needed.

    Args:
        project: The repository, after `dvc repro`.
        base: Files at the base.
        old: Results at the base.
        new: Results now.
        params: The validated params.yaml of now.
        metrics: The known metrics by name.
        offline: Do not contact the remote storage.

    Returns:
        None if the results can be compared as they are, or not at all.

    Raises:
        NotComparableError: The test rows changed, and the model of the base cannot be
            scored on them; says why.
    """
    if pair(old, new).kind != "unpaired" or not _other_rows(old, new):
        return None
    test = _test_table(project.root, new)
    _check_same_code(old, new)
    with tempfile.TemporaryDirectory() as folder:
        _fetch(project.root, base, old, Path(folder), offline=offline)
        before = _load(project, old, Path(folder))
    usable, trained, broken = _usable(project, test, before, new)
    rows = int(usable.sum())
    if not rows:
        raise NotComparableError(
            f"of {len(usable)} test rows, the model of the base was trained on"
            f" {trained}, and {broken} break its contract"
        )
    chosen = {n: metrics[n] for n in params.evaluate.metrics if n in metrics}
    scored = _score(before, test, usable, chosen, params)
    if rows < len(usable):
        now = _load(project, new, project.root / "models")
        new = _score(now, test, usable, chosen, params)
    return SameRows(scored, new, rows, _note(rows, trained, broken))


def _other_rows(old: Results, new: Results) -> bool:
    """Return whether the test rows or their targets are others, not only the sample."""
    if old.bootstrap is None or new.bootstrap is None:
        return False
    return bool(new.bootstrap.other_rows(old.bootstrap))


def _note(rows: int, trained: int, broken: int) -> str:
    without = [
        f"{trained} that the base was trained on" if trained else "",
        f"{broken} that break the contract of the base" if broken else "",
    ]
    left = " and ".join(filter(None, without))
    which = f"the test rows of now without {left}" if left else "the test rows of now"
    return (
        "The test rows changed, so the model of the base was scored again: intervals"
        f" of paired differences on the same {rows} rows, {which}."
    )


def _test_table(root: Path, new: Results) -> Path:
    made = locked_hashes(locked_stages(new.lock).get("split", {}), "outs")
    tables = [root / path for path in made if path.endswith("/test")]
    if not tables or not tables[0].is_dir() or not (root / MODEL).is_file():
        raise NotComparableError("the test rows of now are not here")
    return tables[0]


def _check_same_code(old: Results, new: Results) -> None:
    """Refuse a model whose own classes changed: they would predict otherwise."""
    sides = [
        {
            path: md5
            for path, md5 in locked_hashes(stage, "deps").items()
            if path.startswith("code/") and not path.endswith(".py")
        }
        for stage in (locked_stages(r.lock).get("train", {}) for r in (old, new))
    ]
    if other := sorted(p for p in sides[1] if sides[0].get(p) != sides[1][p]):
        raise NotComparableError(f"code that the models use changed: {other[0]}")


def _fetch(
    root: Path, base: Revision, old: Results, folder: Path, *, offline: bool
) -> None:
    """Put the model of the base and its manifest into a folder."""
    known = locked_outputs(old.lock)
    for name in (MODEL, MANIFEST):
        target = folder / Path(name).name
        if cached := cached_file(root, known.get(name, "")):
            target.write_bytes(cached.read_bytes())
            continue
        if not offline:
            # From the remote, without a change of the working tree.
            with suppress(UserError):
                get = ("get", str(root), name, "--rev", str(base.commit))
                run_dvc(*get, "--out", str(target), cwd=folder)
        if not target.is_file():
            where = "in the cache" if offline else "in the cache or on the remote"
            raise NotComparableError(f"the model of the base is not {where}")


def _load(project: Project, results: Results, folder: Path) -> _Side:
    from reproducible_ml.modeling.model.store import load_model, read_manifest

    manifest = folder / Path(MANIFEST).name
    project.load("datasets.split")  # The project's own types can be found from now on.
    try:
        facts = read_manifest(manifest)
        model = load_model(folder / Path(MODEL).name, manifest, project.package)
        contract = Contract.model_validate(facts["contract"])
        columns = {name: contract.columns[name] for name in facts["columns"]}
        data = Data.model_validate(facts["params"]["data"])
    except (UserError, ValidationError, KeyError) as error:
        words = str(error).replace(f"{folder}/", "").partition(" Fix:")[0]
        raise NotComparableError(f"a model cannot be loaded: {words}") from error
    contract = contract.model_copy(update={"columns": columns})
    return _Side(results, contract, data, model, facts.get("threshold"))


def _usable(
    project: Project, test: Path, before: _Side, new: Results
) -> tuple[Mask, int, int]:
    """Return which test rows both models may be scored on.

    Returns:
        A mask; how many rows the model of the base was trained on; how many of the
        others it would refuse.
    """
    data = Data.model_validate(section(new.params, "data"))
    if data.id != before.data.id:
        raise NotComparableError("data.id changed, so the same rows cannot be found")
    module = project.load("datasets.split")
    try:
        split = module.Split.model_validate(section(before.results.params, "split"))
    except ValidationError as error:
        raise NotComparableError("the split of the base cannot be read") from error
    features = before.contract.features(before.data)
    wanted = [*features, data.target, *split.columns(before.data)]
    tested, fine = [], []
    for part in parts(test):
        rows = read_part(part)
        if not len(rows):
            continue
        _check_columns(rows, before.contract, dict.fromkeys(wanted))
        tested.append(np.asarray(module.is_test(rows, before.data, split), dtype=bool))
        fine.append(~_refused(rows, before.contract, list(features), data))
    held_out, accepted = np.concatenate(tested), np.concatenate(fine)
    return (
        held_out & accepted,
        int((~held_out).sum()),
        int((held_out & ~accepted).sum()),
    )


def _check_columns(
    rows: pd.DataFrame, contract: Contract, names: Mapping[str, None]
) -> None:
    for name in names:
        if name not in rows:
            raise NotComparableError(f'column "{name}" of the base is gone')
        kinds = contract.columns[name].dtype, str(rows[name].dtype)
        if kinds[0] != kinds[1]:
            raise NotComparableError(
                f'column "{name}" was {kinds[0]} at the base and is {kinds[1]} now'
            )


def _refused(
    rows: pd.DataFrame, contract: Contract, features: list[str], data: Data
) -> Mask:
    """Return which rows break the contract of the base, or are of a class it lacks."""
    names = [*features, *([data.target] if data.task != "regression" else [])]
    columns = {name: contract.columns[name] for name in names}
    wanted = contract.model_copy(update={"columns": columns})
    refused = np.zeros(len(rows), dtype=bool)
    for _, _, broken in broken_rules(rows[names], wanted):
        refused |= np.asarray(broken, dtype=bool)
    return refused


def _score(
    side: _Side, test: Path, usable: Mask, metrics: Mapping[str, Any], params: Any
) -> Results:
    """Return the results of a model on some of the test rows."""
    from reproducible_ml.modeling.metrics.metric import Predictions
    from reproducible_ml.modeling.metrics.tasks import make_task
    from reproducible_ml.modeling.scoring.bootstrap import unit_keys
    from reproducible_ml.modeling.scoring.protected import score_protected
    from reproducible_ml.modeling.scoring.scores import (
        bootstrap_report,
        describe,
        score_rows,
        score_slices,
    )

    task, wanted = make_task(side.contract, side.data), params.evaluate.slices
    protected, group = params.evaluate.protected, params.data.group
    features = list(side.contract.features(side.data))
    known = side.contract.model_copy(
        update={"columns": {name: side.contract.columns[name] for name in features}}
    )
    actual, output, kept, at = [], [], [], 0
    with suitable_threads(count_rows(test) * max(1, len(features))):
        for rows in map(read_part, parts(test)):
            rows, at = rows[usable[at : at + len(rows)]], at + len(rows)
            if len(rows):
                inputs = set_categories(rows[features], known)
                actual.append(task.actual(read_target(rows, side.data)))
                output.append(task.output(side.pipeline, inputs))
                names = {**wanted, **protected, **({group: ()} if group else {})}
                kept.append(rows[[name for name in names if name in rows]])
    predicted = Predictions(np.concatenate(actual), np.concatenate(output))
    if side.threshold is not None:
        predicted = predicted._replace(threshold=side.threshold)
    columns = pd.concat(kept)
    row_keys = columns.index.to_numpy(dtype=np.uint64)
    units = unit_keys(columns, group)
    columns = columns.set_axis(units)
    limits = params.evaluate.replicates, params.evaluate.interval_rows
    scores = score_rows(predicted, units, metrics, *limits)
    described = describe(scores)
    replicates = bootstrap_report(scores, row_keys, predicted.actual, task.names, group)
    there = {name: cuts for name, cuts in wanted.items() if name in columns}
    facts: dict[str, Any] = {
        "metrics": described,
        "slices": score_slices(predicted, columns, metrics, there, *limits),
    }
    if protected.keys() <= {*columns}:
        facts["protected"] = score_protected(
            predicted,
            columns,
            columns.head(0),
            protected,
            params.evaluate.intersections,
            task.names,
            *limits,
        )
    return side.results._replace(
        metrics={name: found["value"] for name, found in described.items()},
        evaluation=Evaluation.model_validate(facts),
        bootstrap=Bootstrap.model_validate(replicates),
    )
