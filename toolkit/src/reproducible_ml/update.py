"""`rml update`: let a model learn the newest rows, and keep it if it is not worse.

A model that is trained in batches goes on where it stopped. What it learned, and in
which order, is written to `train.updates` of params.yaml: `dvc repro` from nothing
learns the same rows in the same order, and makes the same bytes. Before anything is
replaced, both models are scored on test rows that are new; the differences are paired.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reproducible_ml.contract.schema import Contract, load_contract
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.dependencies import read_stages
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS, parse_params, temporary_folder
from reproducible_ml.core.inputs import find_changed, recorded_hashes
from reproducible_ml.core.parts import Rows, count_rows
from reproducible_ml.core.project import CONTRACT, Project
from reproducible_ml.modeling.drawing.summary import format_number, format_table
from reproducible_ml.report.results import (
    BOOTSTRAP,
    MANIFEST,
    MODEL,
    Interval,
    change_verdict,
    difference,
    is_noise,
    number,
)
from reproducible_ml.report.review import gate_metric
from reproducible_ml.reproduce import STAMPS, reproduce
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import find_commit, run_git

STAGE, BEFORE = "train", "split"

# What train may read that is new: the rows, and bounds that only a new model takes.
NEW = ("data/processed/train", "reports/cleaning.json", CONTRACT.as_posix())

ANEW = "Fix: set train.updates: [] and run `make repro`, which trains a new model"

# Test rows below which an interval says little.
FEWEST = 30


class Score(NamedTuple):
    """A metric of both models on the same rows.

    Attributes:
        old: Of the model before.
        new: Of the updated one.
        interval: 95 % interval of the difference; None if it is not known.
        verdict: What it means, as "within noise".
        greater_is_better: Whether a higher value is better.
    """

    old: float | None
    new: float | None
    interval: Interval | None
    verdict: str
    greater_is_better: bool

    @property
    def loss(self) -> float:
        """By how much the updated model is worse."""
        assert self.old is not None
        assert self.new is not None
        return (self.old - self.new) * (1 if self.greater_is_better else -1)


class Judged(NamedTuple):
    """How both models do on some test rows, and which rows these are."""

    scores: dict[str, Score]
    rows: int
    which: str


def update(project: Project, *, accept: bool, better: bool) -> None:
    """Let the model learn the newest rows, and run the rest of the pipeline.

    Args:
        project: Whose root is the current folder.
        accept: Keep the updated model whatever its scores are.
        better: Keep it only if it is better by more than noise.

    Raises:
        UserError: The model cannot be continued, or the updated one is not good enough;
            model and parameters stay as they were.
    """
    from reproducible_ml.modeling.fitting.batches import START

    root, params = project.root, project.params()
    manifest = _check_model(root, params)
    reproduce(project, (BEFORE,), force=False)
    tables = {path.name: path for path in read_stages(root)[BEFORE].outputs}
    seen = int(manifest["training_data"]["rows"])
    total = count_rows(tables["train"])
    if total < seen:
        raise UserError(
            f"{tables['train']}: has {total} rows, but the model has learned {seen}."
            f" {ANEW}"
        )
    _check_same(project, root, params, manifest)
    if total == seen:
        sys.stdout.write(f"The model has learned all {seen:,} rows: nothing to do.\n")
        return
    with temporary_folder(root / STAMPS / "update") as folder:
        old, new = folder / "old", folder / "new"
        old.mkdir()
        for path in (MODEL, MANIFEST):
            shutil.copy2(root / path, old / Path(path).name)
        sys.stdout.write(f"Learning {total - seen:,} rows after {seen:,}\n")
        sys.stdout.flush()
        _train(root, {START: str(old)}, new)
        judged = _judge(project, params, tables["test"], old, new)
        _show(judged)
        _decide(judged, params, accept=accept, better=better)
        wanted = _accepted(root, new)
        _write_updates(root, wanted)
        os.environ[START] = str(old)
        try:
            reproduce(project, (), force=False)
        except BaseException:
            sys.stderr.write(
                "The updated model was accepted, and params.yaml has its rows, but the"
                " pipeline did not finish. Fix: `make repro` finishes it; or, to go"
                " back: git restore params.yaml, then `make repro`\n"
            )
            raise
        made, expected = (
            json.loads(path.read_text("utf-8"))["sha256"]
            for path in (root / MANIFEST, new / Path(MANIFEST).name)
        )
        if made != expected:
            raise UserError(
                f"{MODEL}: the same rows gave another model than the one that was"
                " judged. Fix: git restore params.yaml, then `make repro`"
            )
    sys.stdout.write(
        "The model was updated. Commit params.yaml, dvc.lock and reports/.\n"
    )


def _check_model(root: Path, params: Any) -> dict[str, Any]:
    """Return the manifest of a model that can be continued."""
    from reproducible_ml.modeling.fitting.batches import learned_increments
    from reproducible_ml.modeling.model.store import read_manifest

    train = params.train
    if not train.batch_rows or train.rows:
        why = (
            "train.rows is set: a part of the rows cannot be continued"
            if train.batch_rows
            else "train.batch_rows is empty: only models trained in batches go on"
        )
        raise UserError(f"params.yaml: {why}. Fix: see docs/scaling.md")
    if params.clean.outliers.action != "keep":
        raise UserError(
            f"params.yaml: clean.outliers.action: {params.clean.outliers.action}: new"
            " rows move the bounds, and so change rows that the model has learned. Fix:"
            " keep, and `make repro` once"
        )
    for path in (MODEL, MANIFEST):
        if not (root / path).is_file():
            raise UserError(f"{path}: does not exist. Fix: `dvc pull` or `make repro`")
    if problems := find_changed([MODEL, MANIFEST], recorded_hashes(root), root):
        raise UserError("\n".join(problems))
    manifest = read_manifest(root / MANIFEST)
    if not learned_increments(manifest):
        raise UserError(
            f"{MODEL}: was not trained in batches by an estimator with partial_fit, so"
            " that it cannot go on. Fix: name one in train.estimator (XGBoost has none,"
            " it sees all rows for each tree), and run `make repro`"
        )
    return manifest


def _check_same(
    project: Project, root: Path, params: Any, manifest: Mapping[str, Any]
) -> None:
    """Refuse a model that `dvc repro` would not make again: its code changed, say."""
    status = json.loads(run_dvc("status", STAGE, "--json", cwd=root) or "{}")
    changed = {
        path
        for item in status.get(STAGE, [])
        if isinstance(item, dict)
        for path in item.get("changed deps", {})
    }
    if PARAMS.name in changed:
        was, data = manifest["params"], params
        for name in ("data", "features", "train"):
            now = getattr(data, name).model_dump(mode="json")
            if other := [k for k in now if now[k] != was[name].get(k)]:
                raise UserError(
                    f"params.yaml: {name}.{other[0]}: changed since the model was"
                    f" trained. {ANEW}"
                )
    if other := sorted(changed - {*NEW, PARAMS.name}):
        raise UserError(f"{other[0]}: changed since the model was trained. {ANEW}")
    before = Contract.model_validate(manifest["contract"])
    # JSON has sorted them.
    columns = {name: before.columns[name] for name in manifest["columns"]}
    before = before.model_copy(update={"columns": columns})
    sides = [
        {
            name: (c.dtype, c.nullable, c.isin, c.metadata)
            for name, c in contract.columns.items()
            if name in contract.features(params.data) or name == params.data.target
        }
        for contract in (before, load_contract(root / CONTRACT, params.data))
    ]
    if list(sides[0].items()) != list(sides[1].items()):
        names = [
            n for n in sides[0] | sides[1] if sides[0].get(n) != sides[1].get(n)
        ] or ["the order of columns"]
        raise UserError(
            f"{CONTRACT}: {names[0]}: changed since the model was trained. {ANEW}"
        )
    # The project's own types can be found from now on.
    project.load("features.build")


def _train(root: Path, variables: Mapping[str, str], folder: Path) -> None:
    """Run the stage `train` with all that it writes in another folder."""
    stage = read_stages(root)[STAGE]
    written = {path.as_posix() for path in stage.outputs}
    words = [
        str(folder / Path(word).name) if word in written else word
        for word in shlex.split(stage.command)
    ]
    words[0] = sys.executable if words[0] == "python" else words[0]
    done = subprocess.run(
        words, cwd=root, env=os.environ | {**variables}, check=False
    ).returncode
    if done:
        # The stage has said why.
        sys.exit(done if done > 0 else 1)


def _newest(test: Path, params: Any) -> tuple[Rows, str]:
    """Return the test rows that the old model was not scored on, and their name."""
    import hashlib

    every = Rows(test), f"all {count_rows(test):,} test rows"
    if params.split.method == "time":
        return every[0], f"{every[1]}, which are the newest"
    total = count_rows(test)
    known = _scored(params, total)
    seen = int(known.get("rows", 0))
    keys = [rows.index.to_numpy(np.uint64) for rows in Rows(test, stop=seen).frames([])]
    if not seen or sum(map(len, keys)) < seen:
        return every
    found = np.sort(np.concatenate(keys))
    if hashlib.sha256(found.tobytes()).hexdigest() != known.get("test_set"):
        return every[0], f"{every[1]}, as the new ones are not the last"
    return Rows(test, start=seen), f"{total - seen:,} test rows that are new"


def _scored(params: Any, total: int) -> dict[str, Any]:
    """Return what is known of the test rows before the new ones, or nothing.

    Args:
        params: Of the project.
        total: Test rows now. The report of so many was made after the new ones came.
    """
    path = Path(BOOTSTRAP)
    texts = [path.read_bytes() if path.is_file() else None]
    commits = [each.after for each in reversed(params.train.updates)]
    for commit in ("HEAD", *commits):
        if commit:
            texts.append(run_git(Path(), "show", f"{commit}:{BOOTSTRAP}"))
    for text in texts:
        found = json.loads(text) if text else {}
        if 0 < int(found.get("rows", 0)) < total:
            return dict(found)
    return json.loads(texts[0]) if texts[0] else {}


def _judge(project: Project, params: Any, test: Path, old: Path, new: Path) -> Judged:
    """Score both models on the newest test rows."""
    from reproducible_ml.modeling.metrics.metric import Predictions
    from reproducible_ml.modeling.metrics.tasks import make_task
    from reproducible_ml.modeling.model.store import load_model, read_manifest
    from reproducible_ml.modeling.scoring.bootstrap import unit_keys
    from reproducible_ml.modeling.scoring.scores import score_rows

    data, options = params.data, params.evaluate
    contract = load_contract(project.root / CONTRACT, data)
    task, features = make_task(contract, data), list(contract.features(data))
    manifests = [folder / Path(MANIFEST).name for folder in (old, new)]
    models = [
        load_model(path.with_suffix(".skops"), path, project.package)
        for path in manifests
    ]
    rows, which = _newest(test, params)
    groups = [data.group] if data.group else []
    columns = list(dict.fromkeys([*features, data.target, *groups]))
    actual, units = [], []
    outputs: list[list[Any]] = [[], []]
    for frame in rows.frames(columns):
        actual.append(task.actual(read_target(frame, data)))
        units.append(unit_keys(frame, data.group))
        for found, model in zip(outputs, models, strict=True):
            found.append(task.output(model, frame[features]))
    if not actual:
        return Judged({}, 0, which)
    known = project.metrics(data.task)
    chosen = {name: known[name] for name in options.metrics}
    drawn, limits = np.concatenate(units), (options.replicates, options.interval_rows)
    sides = []
    for found, path in zip(outputs, manifests, strict=True):
        predicted = Predictions(np.concatenate(actual), np.concatenate(found))
        if (threshold := read_manifest(path).get("threshold")) is not None:
            predicted = predicted._replace(threshold=threshold)
        sides.append(score_rows(predicted, drawn, chosen, *limits))
    scores = {
        name: _compare(
            [number(side.metrics[name]) for side in sides],
            [side.replicates[name].tolist() for side in sides],
            metric.greater_is_better,
        )
        for name, metric in chosen.items()
    }
    return Judged(scores, len(drawn), which)


def _compare(
    values: Sequence[float | None],
    replicates: Sequence[Sequence[float | None]],
    greater_is_better: bool,
) -> Score:
    old, new = values
    if old is None or new is None:
        return Score(old, new, None, "not defined", greater_is_better)
    interval = difference(*replicates, paired=True)
    verdict = change_verdict(new - old, interval, greater_is_better)
    return Score(old, new, interval, verdict, greater_is_better)


def _show(judged: Judged) -> None:
    header = ["metric", "before", "updated", "95 % interval of the difference", ""]
    cells = [
        [
            name,
            format_number(each.old),
            format_number(each.new),
            " to ".join(map(format_number, each.interval)) if each.interval else "-",
            each.verdict,
        ]
        for name, each in judged.scores.items()
    ]
    sys.stdout.write(f"\n{format_table([header, *cells])}\n\n{judged.which}\n")
    sys.stdout.flush()


def _decide(judged: Judged, params: Any, *, accept: bool, better: bool) -> None:
    """Raise UserError if the updated model is not to be kept, by the gate's rules."""
    if accept:
        return
    stays = "The model stays as it was. Fix: --accept takes the updated one"
    name, gate = gate_metric(params), params.gate
    if judged.rows < FEWEST:
        raise UserError(
            f"{judged.which}: too few to tell a difference from chance ({FEWEST}"
            f" needed). {stays}"
        )
    score = judged.scores[name]
    if score.old is None or score.new is None:
        raise UserError(f"{name} is not defined on {judged.which}. {stays}")
    if better and score.verdict != "better":
        raise UserError(
            f"the updated model is not better in {name} by more than noise"
            f" ({score.verdict}), as --better demands. {stays}"
        )
    allowed = gate.only_beyond_noise and is_noise(score.interval)
    if score.loss > gate.tolerance and not allowed:
        raise UserError(
            f"the updated model is worse in {name} by {format_number(score.loss)}, more"
            f" than noise and gate.tolerance allow. {stays}"
        )


def _accepted(root: Path, folder: Path) -> list[dict[str, Any]]:
    """Return the increments of the updated model, as `train.updates` has them."""
    made = json.loads((folder / Path(MANIFEST).name).read_text("utf-8"))
    found: list[dict[str, Any]] = made["training_data"]["increments"]
    if commit := find_commit(root, "HEAD"):
        found[-1] = found[-1] | {"after": commit}
    return found


def _write_updates(root: Path, wanted: list[dict[str, Any]]) -> None:
    from reproducible_ml.adopt.configure import set_params

    path = root / PARAMS
    params = parse_params(path.read_text("utf-8"))
    params["train"]["updates"] = wanted
    set_params(path, params)
