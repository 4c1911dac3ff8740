"""What stages took, by revision: time and memory from the log that Git ignores.

A run is known by what dvc.lock says of the stage: all revisions with the same line in
it share the run, wherever HEAD was. Only one run stands behind a number, so two of them
are shown beside each other, and no difference is called significant.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.core.resources import LOG, MEGABYTE, append_line
from reproducible_ml.modeling.drawing.summary import format_table
from reproducible_ml.versioning.git import Revision, find_commit
from reproducible_ml.versioning.lock import LOCK, locked_stages

# The log is cut to its newer half from so many bytes on.
MOST = 5_000_000

PRICE = "RML_PRICE_PER_HOUR"

CAUTION = "Each number is of one run; times vary from run to run."


class Run(BaseModel):
    """What a stage took, or a service.

    Attributes:
        kind: `stage` or `serve`.
        names: Of the stages, or the version of the model.
        time: When it ended, in seconds since 1970.
        commit: HEAD at that time.
        computer: Processor and number of cores.
        key: Of what dvc.lock says of the stage; empty if it was not run by `rml`.
    """

    kind: str
    names: list[str]
    time: float
    seconds: float
    cpu_seconds: float
    memory_bytes: int | None = None
    commit: str | None = None
    computer: str = ""
    key: str = ""


class Price(NamedTuple):
    """What an hour of the computer costs; None if that was not said."""

    per_hour: float | None = None
    currency: str = ""

    def amount(self, seconds: float) -> str:
        """Return what some time costs."""
        if self.per_hour is None:
            return ""
        return f"{seconds / 3600 * self.per_hour:.4f} {self.currency}".strip()


def read_price(project: Project) -> Price:
    """Return what RML_PRICE_PER_HOUR says, or else pyproject.toml.

    Raises:
        UserError: It is no number.
    """
    text = os.environ.get(PRICE) or project.settings.get("price_per_hour")
    if text is None:
        return Price()
    try:
        price = float(text)
        if not 0 <= price < float("inf"):
            raise ValueError(price)
    except (ValueError, TypeError):
        raise UserError(
            f"price_per_hour: {text!r} is no price. Fix: set {PRICE}, or price_per_hour"
            " of [tool.reproducible_ml] in pyproject.toml, to a number such as 0.40"
        ) from None
    return Price(price, str(project.settings.get("currency", "")))


def note_locked(root: Path, start: float) -> list[Run]:
    """Note which lines of dvc.lock are those of the stages that ran; return these runs.

    Args:
        root: Of the repository.
        start: When the pipeline was started, in seconds since 1970.
    """
    runs = [run for run in read_runs(root) if run.kind == "stage" and run.time >= start]
    keys = stage_keys(Revision(root))
    ran = {name: keys[name] for run in runs for name in run.names if name in keys}
    if ran:
        facts = {"kind": "locked", "from": start, "to": time.time(), "stages": ran}
        append_line(facts, root)
    _shorten(root / LOG)
    return runs


def _shorten(log: Path) -> None:
    if log.is_file() and log.stat().st_size > MOST:
        lines = log.read_text("utf-8", "replace").splitlines(keepends=True)
        write_text("".join(lines[len(lines) // 2 :]), log)


def stage_keys(revision: Revision) -> dict[str, str]:
    """Return a hash of what dvc.lock of a revision says of each stage."""
    return {
        name: hashlib.sha256(json.dumps(stage, sort_keys=True).encode()).hexdigest()[
            :16
        ]
        for name, stage in locked_stages(revision.yaml(LOCK)).items()
    }


def read_runs(root: Path) -> list[Run]:
    """Return the runs of the log, the oldest first, without damaged lines."""
    found: list[Run] = []
    for facts in _lines(root / LOG):
        if facts.get("kind") == "locked":
            _set_keys(found, facts)
            continue
        try:
            found.append(Run.model_validate(facts))
        except ValidationError:
            continue
    return found


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    if not log.is_file():
        return
    for line in log.read_text("utf-8", "replace").splitlines():
        try:
            facts = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(facts, dict):
            yield facts


def _set_keys(runs: Sequence[Run], facts: Mapping[str, Any]) -> None:
    """Set the keys of the runs that ended in the time that a line names."""
    try:
        start, end = float(facts["from"]), float(facts["to"])
        keys = {str(name): str(key) for name, key in facts["stages"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    for run in runs:
        if run.kind == "stage" and start <= run.time <= end and not run.key:
            run.key = next((keys[name] for name in run.names if name in keys), "")


def runs_of(runs: Sequence[Run], revision: Revision) -> dict[str, Run]:
    """Return the newest run of each stage of a revision, in the order of dvc.lock."""
    known = {run.key: run for run in runs if run.key}
    keys = stage_keys(revision)
    return {name: known[key] for name, key in keys.items() if key in known}


def services_of(runs: Sequence[Run], version: str) -> list[Run]:
    """Return the runs of services with a version of the model."""
    return [run for run in runs if run.kind == "serve" and run.names == [version]]


def megabytes(run: Run) -> str:
    """Return the peak memory of a run."""
    found = run.memory_bytes
    return "-" if found is None else f"{found / MEGABYTE:,.0f}"


def usage_rows(runs: Mapping[str, Run], price: Price) -> list[list[str]]:
    """Return a table of runs, with its header and the sum of all."""
    rows = [["stage", "seconds", "processor s", "peak MB"]]
    rows += [
        [name, f"{run.seconds:,.1f}", f"{run.cpu_seconds:,.1f}", megabytes(run)]
        for name, run in runs.items()
    ]
    seconds = [run.seconds for run in runs.values()]
    if len(runs) > 1:
        cpu = sum(run.cpu_seconds for run in runs.values())
        most = max(runs.values(), key=lambda run: run.memory_bytes or 0)
        rows.append(["all", f"{sum(seconds):,.1f}", f"{cpu:,.1f}", megabytes(most)])
        seconds.append(sum(seconds))
    if price.per_hour is not None:
        amounts = map(price.amount, seconds)
        rows = [
            [*row, cell] for row, cell in zip(rows, ["cost", *amounts], strict=True)
        ]
    return rows


def describe_runs(runs: Sequence[Run], price: Price) -> str:
    """Return a table of the stages that just ran, in their order."""
    return format_table(usage_rows({", ".join(r.names): r for r in runs}, price))


def computers(found: Mapping[str, Mapping[str, Run]]) -> str:
    """Return a sentence on the computers of revisions; empty if nothing ran.

    Args:
        found: The runs of each revision.
    """
    by_name = {
        name: " and ".join(dict.fromkeys(run.computer for run in runs.values()))
        for name, runs in found.items()
        if runs
    }
    kinds = {*by_name.values()}
    if len(kinds) == 1:
        same = "The same kind of computer: " if len(by_name) > 1 else "Computer: "
        return f"{same}{kinds.pop()}."
    listed = "; ".join(f"{name}: {kind}" for name, kind in by_name.items())
    differing = "The computers, or how stages were started, differ"
    return listed and f"{differing}, so times cannot be compared. {listed}."


def compare_in_report(base: Revision | None, head: Revision) -> Iterator[str]:
    """Yield the section of the report, if runs of both revisions are in the log."""
    # It needs NumPy, which a run with nothing to do spares.
    from reproducible_ml.report.markdown import code, table

    if base is None:
        return
    runs = read_runs(head.root)
    old, new = runs_of(runs, base), runs_of(runs, head)
    again = [n for n in new if n in old and new[n].key != old[n].key]
    if not again:
        return
    rows = [
        [
            code(name),
            *(f"{run.seconds:,.1f}" for run in (old[name], new[name])),
            *(megabytes(run) for run in (old[name], new[name])),
        ]
        for name in again
    ]
    yield "### Time and memory"
    titles = ["stage", "base, s", "now, s", "base, MB", "now, MB"]
    both = {"base": old, "now": new}
    chosen = {n: {name: r[name] for name in again} for n, r in both.items()}
    yield f"{table(titles, rows)}\n\n{computers(chosen)} {CAUTION}"


def show_resources(project: Project, names: Sequence[str], *, as_json: bool) -> None:
    """Print what the stages of revisions took.

    Args:
        project: The repository.
        names: Commits, branches or tags; none for the working tree.
        as_json: Print JSON.

    Raises:
        UserError: There is no such revision, or the log has no run of any.
    """
    root, price = project.root, read_price(project)
    runs = read_runs(root)
    revisions = {name: _revision(root, name) for name in names}
    revisions = revisions or {"working tree": Revision(root)}
    found = {name: runs_of(runs, each) for name, each in revisions.items()}
    if as_json:
        content = {
            name: {stage: run.model_dump() for stage, run in each.items()}
            for name, each in found.items()
        }
        sys.stdout.write(json.dumps(content, indent=2) + "\n")
        return
    if not any(found.values()):
        raise UserError(
            f"{LOG}: has no run of {', '.join(found)}. Fix: `rml repro --force` on this"
            " computer; DVC restores what ran before without running it"
        )
    if len(found) == 1:
        [one] = found.values()
        sys.stdout.write(format_table(usage_rows(one, price)) + "\n\n")
        sys.stdout.write(f"{_times(one)} ")
    else:
        sys.stdout.write(format_table(_side_by_side(found)) + "\n\n")
    sys.stdout.write(f"{computers(found)} {CAUTION}\n")
    for name, each in revisions.items():
        _show_services(runs, name, each, price)


def _revision(root: Path, name: str) -> Revision:
    commit = find_commit(root, name)
    if commit is None:
        raise UserError(f"{name}: no such branch, tag or commit here. See `git log`")
    return Revision(root, commit)


def _times(runs: Mapping[str, Run]) -> str:
    moments = [datetime.fromtimestamp(run.time, UTC) for run in runs.values()]
    first, last = (f"{each:%Y-%m-%d %H:%M}" for each in (min(moments), max(moments)))
    return f"Ran {first} UTC." if first == last else f"Ran {first} to {last} UTC."


def _side_by_side(found: Mapping[str, Mapping[str, Run]]) -> list[list[str]]:
    stages = dict.fromkeys(stage for runs in found.values() for stage in runs)
    header = [f"{name}, {unit}" for unit in ("s", "MB") for name in found]
    rows = [["stage", *header]]
    for stage in stages:
        each = [runs.get(stage) for runs in found.values()]
        seconds = ["-" if run is None else f"{run.seconds:,.1f}" for run in each]
        rows.append(
            [stage, *seconds, *("-" if r is None else megabytes(r) for r in each)]
        )
    return rows


def _show_services(
    runs: Sequence[Run], name: str, revision: Revision, price: Price
) -> None:
    """Print what services with the model of a revision took."""
    version = model_version(revision)
    served = services_of(runs, version) if version else []
    if not served:
        return
    seconds = sum(run.seconds for run in served)
    cost = price.amount(seconds)
    most = max(served, key=lambda run: run.memory_bytes or 0)
    sys.stdout.write(
        f"Served ({name}, model {version}): {seconds / 3600:,.2f} hours,"
        f" {sum(run.cpu_seconds for run in served):,.1f} s of processor time, peak"
        f" {megabytes(most)} MB{f', {cost}' if cost else ''}.\n"
    )


def model_version(revision: Revision) -> str | None:
    """Return the version of a revision's model, where its manifest is at hand."""
    found = revision.json("models/model.json") if revision.commit is None else None
    return str(found["sha256"])[:12] if found and "sha256" in found else None
