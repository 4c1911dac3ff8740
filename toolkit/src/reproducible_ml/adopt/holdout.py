"""Choose the test set of a new table, and whether its equal rows are different cases.

The split is tried until both sides can be used: a model needs rows of two classes on
both sides, and is better if it saw all classes. With few groups, or few rows of a
class, one split in two leaves a side without them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.adopt.parameters import cutoffs
from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import CLASS_ROWS
from reproducible_ml.core import keys
from reproducible_ml.core.equal_rows import has_equal_keys
from reproducible_ml.core.files import PARAMS
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import read_table
from reproducible_ml.core.project import Project
from reproducible_ml.quality.distributions import read_subset
from reproducible_ml.quality.duplicate_rows import REPEATED, expected_by_chance

# Salts that are tried, at most, and rows that are assigned to a side in all of them.
SALTS = 200
ROWS = 20_000_000

# In more rows, copies of a row do not matter.
MANY = 100_000

# A test set is of the right size if its share is within this factor of the wanted.
FACTOR = 2.5

# With fewer groups in the test set, metrics say little about other groups.
FEW_GROUPS = 3

# What to do if the requested column of a method leaves no usable split.
WITHOUT = {
    "group": "Leave out --group for a random split, or add rows of other groups.",
    "time": "Leave out --time for a random split, or add rows of other days.",
}

Counts = npt.NDArray[np.int64]


class Holdout(NamedTuple):
    """How test rows are held out.

    Attributes:
        settings: Keys of the section `split` of params.yaml that select the rows.
        warnings: What the user should know about the two sides.
        rejections: Why no split leaves two sides that can be used.
    """

    settings: dict[str, Any]
    warnings: list[Finding]
    rejections: list[Finding]


class Sides(NamedTuple):
    """Rows of each class in the training and in the test set; a number has one class.

    Attributes:
        counts: Of shape (2, classes): training rows first.
        labels: Names of the classes; empty if the target is a number.
        wanted: Share of test rows; None: any.
    """

    counts: Counts
    labels: list[str]
    wanted: float | None

    @property
    def problem(self) -> str | None:
        """Why no model can be trained on one side or tested on the other, or None."""
        needed, rows = (2, "classes") if self.labels else (2, "rows")
        for side, counts in zip(("training", "test"), self.counts, strict=True):
            found = (counts > 0).sum() if self.labels else counts.sum()
            if not counts.sum():
                return f"the {side} set has no rows"
            if found < needed:
                return f"the {side} set has {self._missing(counts) or f'1 of 2 {rows}'}"
        return None

    @property
    def flaw(self) -> str | None:
        """What is worse than it has to be, or None."""
        for side, counts in zip(("training", "test"), self.counts, strict=True):
            if self.labels and (missing := self._missing(counts)):
                return f"the {side} set has {missing}"
        if self._is_lopsided:
            return f"the test set has {self._share:.0%} of the rows"
        return None

    @property
    def rank(self) -> tuple[bool, int, int, bool]:
        """The lower, the better."""
        train, test = (int((counts == 0).sum()) for counts in self.counts)
        return self.problem is not None, train, test, self._is_lopsided

    @property
    def _share(self) -> float:
        return float(self.counts[1].sum() / max(1, self.counts.sum()))

    @property
    def _is_lopsided(self) -> bool:
        if self.wanted is None:
            return False
        odds = self._share / self.wanted, (1 - self._share) / (1 - self.wanted)
        return min(*odds, 1 / max(odds[0], 1e-9)) < 1 / FACTOR

    def _missing(self, counts: Counts) -> str | None:
        missing = [self.labels[n] for n in np.flatnonzero(counts == 0) if self.labels]
        if not missing:
            return None
        if len(missing) == 1:
            return f"no row of class {quoted(missing[0])}"
        return f"no row of {len(missing)} classes, such as {quoted(missing[0])}"


class Trial:
    """The rows of a table, to be put on one side or the other again and again.

    Args:
        table: Folder of parts, as `validate` writes them.
        data: Roles of the columns.
        columns: What decides on the side of a row; none: its key.
        copies: Whether the stage `clean` keeps rows that equal an earlier one.
    """

    def __init__(
        self, table: Path, data: Data, columns: list[str], *, copies: bool = False
    ) -> None:
        self.data = data
        rows = read_table(table, list(dict.fromkeys([data.target, *columns])))
        if copies and not data.id:
            rows = with_own_keys(rows, data)
        elif not copies and len(rows) <= MANY:
            # The copies share the key of a row, and its side.
            rows = rows[~pair_with_target(rows, data).duplicated().to_numpy()]
        classes = rows[data.target]
        if data.task == "regression":
            self.labels, self.classes = list[str](), np.zeros(len(rows), np.int64)
        else:
            codes, labels = pd.factorize(classes)
            order = np.argsort([str(label) for label in labels], kind="stable")
            self.labels = [str(labels[place]) for place in order]
            self.classes = np.argsort(order)[codes].astype(np.int64)
        self.codes = _units(rows, columns)
        self.units = rows
        if columns:
            self.units = rows.iloc[np.unique(self.codes, return_index=True)[1]]

    def sides(self, split: Any, is_test: Any) -> Sides:
        """Return the rows of each class on both sides of a split."""
        test = np.asarray(is_test(self.units, self.data, split), dtype=np.int64)
        number = max(1, len(self.labels))
        both = np.bincount(test[self.codes] * number + self.classes, None, 2 * number)
        wanted = None if split.method == "time" else getattr(split, "test_size", None)
        return Sides(both.reshape(2, number), self.labels, wanted)


def _units(rows: pd.DataFrame, columns: list[str]) -> npt.NDArray[np.intp]:
    """Return for each row the number of its unit: its rows are on one side."""
    if not columns:
        return np.arange(len(rows))
    groups = rows.groupby(columns, dropna=False, observed=True, sort=False)
    return np.asarray(groups.ngroup(), dtype=np.intp)


def choose_split(
    table: Path,
    params: dict[str, Any],
    project: Project,
    raw: Path,
    *,
    keep: bool = False,
) -> Holdout:
    """Return the settings of a split whose two sides can be used.

    Args:
        table: Folder of parts, as `validate` writes them.
        params: What params.yaml will hold; a split by time may have no cutoff yet.
        project: Says which rows a split holds out.
        raw: What the table was read from, to be named in findings.
        keep: The settings are changed only if a model could not be trained or tested:
            test rows should stay the same from one delivery of a table to the next.
    """
    module = project.load("datasets.split")
    data = Data.model_validate(params["data"])
    given = params["split"]
    copies = (params.get("clean") or {}).get("duplicates") == "keep"
    days = given.get("method") == "time"
    found: list[tuple[dict[str, Any], Any]] = []
    trial: Trial | None = None
    for settings in _candidates(table, data, given, days=days):
        split = module.Split.model_validate({**given, **settings})
        trial = trial or Trial(table, data, split.columns(data), copies=copies)
        sides = trial.sides(split, module.is_test)
        found.append((settings, sides))
        # A later cutoff for a class would look into the future.
        good = not sides.problem if keep or days else not any(sides.rank)
        if good or len(found) * len(trial.codes) > ROWS or len(trial.units) < 2:
            break
    assert trial is not None
    settings, sides = min(found, key=lambda one: one[1].rank[: 1 if days else 4])
    if sides.problem:
        # The reason is what is wrong at best: an empty side is only bad luck.
        closest = min((each for _, each in found), key=lambda one: max(one.rank[1:3]))
        problem = str(closest.problem)
        return Holdout(settings, [], [_no_split(problem, trial, given, data, raw)])
    changed = {n: value for n, value in settings.items() if given.get(n) != value}
    fix = "Merge it with another class, or collect more rows: no split is better."
    if keep or days:
        key = "cutoff" if days else "salt"
        fix = f"Set another split.{key} or another split.method in params.yaml."
    warnings = list(_untrained(sides, data, raw, fix))
    if settings is not found[0][0]:
        warnings.append(_changed(changed, given | found[0][0], found[0][1], sides))
    if given.get("method") == "group":
        split = module.Split.model_validate({**given, **settings})
        test = int(np.sum(module.is_test(trial.units, data, split)))
        warnings += _few_groups(test, len(trial.units), data, raw)
    return Holdout(changed, warnings, [])


def _candidates(
    table: Path, data: Data, given: dict[str, Any], *, days: bool
) -> Iterator[dict[str, Any]]:
    """Yield settings to try, the present ones first."""
    if days:
        if given.get("cutoff") is not None:
            yield {"cutoff": given["cutoff"]}
        for cutoff in cutoffs(table, str(data.time)):
            yield {"cutoff": cutoff}
        return
    yield {}
    yield from ({"salt": str(number)} for number in range(1, SALTS))


def _changed(
    changed: dict[str, Any], before: dict[str, Any], first: Sides, sides: Sides
) -> Finding:
    """Return the finding about other test rows than those of the present settings."""
    [(key, value)] = changed.items()
    old = quoted(str(before.get(key, "")))
    reason = first.problem or first.flaw
    problem = f"split.{key} is {quoted(str(value))} now, as with {old} {reason}"
    flaw = f" No other value is better, but {sides.flaw}." if sides.flaw else ""
    fix = f"Nothing: this is how the test rows were chosen.{flaw}"
    return Finding("other split", Path(PARAMS), problem, fix)


def _untrained(sides: Sides, data: Data, raw: Path, fix: str) -> Iterator[Finding]:
    """Yield a finding for each class that has no rows on one of the sides."""
    train, test = sides.counts
    for place, label in enumerate(sides.labels):
        if not train[place]:
            kind, problem = "class not trained on", "the training set"
        elif not test[place] and train[place] >= CLASS_ROWS:
            # A rarer class has a warning of its own.
            kind, problem = "class not tested", "the test set"
        else:
            continue
        yield Finding(
            kind,
            raw,
            f"is a class without any row in {problem}",
            fix,
            column=data.target,
            value=label,
            rows=int(train[place] + test[place]),
        )


def _few_groups(test: int, groups: int, data: Data, raw: Path) -> Iterator[Finding]:
    if test < FEW_GROUPS or groups - test < FEW_GROUPS:
        problem = (
            f"has {groups} values, of which {test} are held out: metrics say little"
            " about other groups"
        )
        fix = "Add rows of other groups if the model is to be used for such."
        yield Finding("few groups", raw, problem, fix, column=data.group)


def _no_split(
    problem: str, trial: Trial, given: dict[str, Any], data: Data, raw: Path
) -> Finding:
    """Return the finding that no split leaves two sides that can be used."""
    method = given.get("method", "hash")
    column = {"group": data.group, "time": data.time}.get(method) or data.target
    alone = len(trial.units) < 2
    if alone and method == "group":
        problem = "has one value in all rows, so that no group can be held out"
    elif alone and method == "time":
        problem = "has one time in all rows, so that no later ones can be held out"
    else:
        where = {"group": "of groups ", "time": "by time "}.get(method, "")
        problem = f"no split {where}leaves two sides that can be used: {problem}"
    fix = WITHOUT.get(method) or "Collect more rows of it, or merge it with others."
    if method == "hash" and not trial.labels:
        fix = "Collect more rows."
    return Finding("no split", raw, problem, fix, column=column)


def keep_equal_rows(
    table: Path, contract: Contract, params: dict[str, Any], compute: Compute
) -> None:
    """Set `clean.duplicates: keep` if many rows are equal by chance.

    In columns of few values, as in a survey, different cases are often equal. To drop
    all but one would leave the model without most cases, and without how frequent
    each is.

    Args:
        table: Folder of parts, as `validate` writes them.
        contract: Its columns.
        params: What params.yaml will hold; it is changed.
        compute: Where parts are read.
    """
    data, clean = Data.model_validate(params["data"]), params.get("clean")
    if data.id or not clean or clean.get("duplicates") != "drop":
        return
    # No row has the key of an earlier one in most tables, and few in others.
    if not has_equal_keys(table):
        return
    every = read_table(table, [data.target])
    rows = len(every)
    ordered = np.sort(every.index.to_numpy(np.uint64))
    if (ordered[1:] == ordered[:-1]).sum() <= REPEATED * rows:
        return
    found = int(pair_with_target(every, data).duplicated().sum())
    if found <= REPEATED * rows or found == rows - 1:
        return
    some = read_subset(table, compute)
    if found <= expected_by_chance(some[list(contract.columns)], rows):
        clean["duplicates"] = "keep"


def pair_with_target(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Return key and target of rows: without an id, they are the same if the row is."""
    return pd.DataFrame({"key": rows.index, "target": [*rows[data.target]]})


def with_own_keys(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Return rows with the keys that `clean` gives them if it keeps copies."""
    pairs = pair_with_target(rows, data)
    copies = pairs.groupby(["key", "target"]).cumcount().to_numpy().astype(np.int64)
    own = keys.number_copies(rows.index.to_numpy(np.uint64), copies)
    return rows.set_axis(pd.Index(own, name=keys.ROW_KEY))
