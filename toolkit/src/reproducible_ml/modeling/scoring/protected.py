"""The groups of people that `evaluate.protected` names, and how much they differ.

Rows without a value are a group as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Codes,
    Predictions,
    unit_decimals,
)
from reproducible_ml.modeling.scoring.gaps import (
    FEW,
    GAPS,
    ODDS,
    OF_ODDS,
    RATES,
    WITH_RATIO,
    Ends,
    Varied,
    find_gap,
)
from reproducible_ml.modeling.scoring.group_metrics import Name, vary_by_group
from reproducible_ml.modeling.scoring.scores import finite, grouped

Json = dict[str, Any]
Cuts = Mapping[str, tuple[float, ...]]

# Groups of a column that can be compared; classes, and groups of few rows, that are
# listed.
MOST, CLASSES, LISTED = 100, 20, 10


def check_protected(
    contract: Contract,
    target: str,
    protected: Cuts,
    together: Sequence[Sequence[str]],
) -> Iterator[str]:
    """Yield what is wrong with `evaluate.protected`, except for names and bounds.

    Args:
        contract: The columns.
        target: The column that is predicted.
        protected: Bounds by column.
        together: Columns of each intersection.
    """
    for name, cuts in protected.items():
        kind = contract.columns[name].dtype if name in contract.columns else ""
        if name in contract.columns and kind == "float64" and not cuts:
            yield f"protected: {name}: a column of numbers needs bounds of groups"
        if kind == "datetime64[ns]":
            yield f"protected: {name}: dates cannot be groups. Fix: name another column"
        if name == target:
            yield f"protected: {name}: is the target. Fix: name another column"
    for names in together:
        if len(names) > 1 and join_names(names) in protected:
            yield f"intersections: {join_names(names)}: is the name of a column as well"
        if len({*names}) < max(2, len(names)) or not {*names} <= protected.keys():
            yield (
                f"intersections: [{', '.join(names)}]: needs two or more columns of"
                " evaluate.protected"
            )


def join_names(names: Sequence[str]) -> str:
    """Return the name of an intersection of columns, or of a group of it."""
    return " and ".join(names)


class Partition(NamedTuple):
    """Groups: their names, the group of each test row, and counts of training rows."""

    names: list[str]
    codes: Codes
    training: Codes


def partition(
    test: pd.DataFrame, train: pd.DataFrame, names: Sequence[str], cuts: Cuts
) -> Partition:
    """Divide rows by a column, or by the combinations of several that occur.

    Args:
        test: Columns of the test rows.
        train: The same of the training rows.
        names: The columns.
        cuts: Bounds of ranges of numbers, by column.
    """
    single = [grouped(pd.concat([test[n], train[n]]), cuts[n]) for n in names]
    texts, codes = single[0]
    for more, own in single[1:]:
        # One number for each pair: rows of a matrix take several times as long to sort.
        found, codes = np.unique(codes * len(more) + own, return_inverse=True)
        texts = [
            join_names([texts[code // len(more)], more[code % len(more)]])
            for code in found
        ]
    if len(texts) > MOST:
        # Such as countries in the contract that nobody is of.
        kept, codes = np.unique(codes, return_inverse=True)
        texts = [texts[code] for code in kept]
    here, there = codes[: len(test)], codes[len(test) :]
    return Partition(texts, here, np.bincount(there, minlength=len(texts)))


def score_protected(
    rows: Predictions,
    test: pd.DataFrame,
    train: pd.DataFrame,
    protected: Cuts,
    together: Sequence[Sequence[str]],
    classes: Mapping[Any, str],
    replicates: int,
    limit: int,
) -> dict[str, Json]:
    """Return the metrics of each protected group, and how much they differ.

    Args:
        rows: Predictions of `n` rows.
        test: The columns of these rows; the index is what is drawn, as `row_keys` of
            `score_rows`.
        train: The columns of the training rows.
        protected: Bounds of ranges of numbers by column; without, each value is a
            group.
        together: Columns whose combinations are groups as well.
        classes: Name of each class, in the order of reports; empty for numbers.
        replicates: Number of replicates.
        limit: Sampled rows behind them, at most, for each column.

    Returns:
        By column or `join_names` of an intersection: `groups`, and `gaps` by metric.

    Raises:
        UserError: A column has more groups than can be compared.
    """
    found = {}
    for names in (*((name,) for name in protected), *together):
        name = join_names(names)
        groups = partition(test, train, names, protected)
        if (count := len(groups.names)) > MOST:
            key = "protected" if len(names) == 1 else "intersections"
            raise UserError(
                f"params.yaml: evaluate.{key}: {name}: {count} groups are more than"
                f" {MOST}. Fix: give bounds, or merge values in the table"
            )
        row_keys = test.index.to_numpy(dtype=np.uint64)
        texts = [f"{name}\0{group}" for group in groups.names]
        limits = replicates, limit
        metrics = vary_by_group(rows, groups.codes, row_keys, texts, *limits)
        found[name] = _describe(rows, groups, metrics, classes)
    return found


def _describe(
    rows: Predictions,
    groups: Partition,
    metrics: Mapping[Name, Varied],
    classes: Mapping[Any, str],
) -> Json:
    """Return the report on one column."""
    several = rows.output.ndim == 2
    task = "multiclass" if several else "binary" if classes else "regression"
    sizes = np.bincount(groups.codes, minlength=len(groups.names))
    decimals = DECIMALS if classes else unit_decimals(rows.actual)
    listed = _most_frequent(rows, classes) if several else {}
    found = []
    for place, name in enumerate(groups.names):
        facts = {
            "group": name,
            "rows": int(sizes[place]),
            "training_rows": int(groups.training[place]),
            "metrics": _of_class(metrics, place, None, decimals),
        }
        if several:
            facts["classes"] = [
                {"class": text, "metrics": _of_class(metrics, place, code, decimals)}
                for code, text in listed.items()
            ]
        found.append(facts)
    gaps = {
        name: _gap(name, metrics, groups.names, classes if several else {}, decimals)
        for name in GAPS[task]
    }
    return {"groups": found, "gaps": gaps}


def _most_frequent(rows: Predictions, classes: Mapping[Any, str]) -> dict[Any, str]:
    """Return the classes with most rows, in the order of reports."""
    sizes = np.bincount(rows.actual, minlength=rows.output.shape[1])
    chosen = sorted(classes, key=lambda code: -sizes[code])[:CLASSES]
    return {code: name for code, name in classes.items() if code in chosen}


def _of_class(
    metrics: Mapping[Name, Varied], place: int, code: Any, decimals: int
) -> Json:
    """Return the metrics of a group that are about a class, or about all."""
    return {
        name: _rounded(Ends(float(each.value[place]), *each.interval(place)), decimals)
        | {"rows": int(each.rows[place])}
        for (name, of), each in metrics.items()
        if of == code
    }


def _rounded(ends: Ends, decimals: int) -> dict[str, Any]:
    return {name: finite(value, decimals) for name, value in ends._asdict().items()}


def _gap(
    name: str,
    metrics: Mapping[Name, Varied],
    groups: Sequence[str],
    classes: Mapping[Any, str],
    decimals: int,
) -> Json:
    """Return how much groups differ in a metric, of several classes in the worst."""
    wanted = OF_ODDS if name == ODDS else (name,)
    used = {key: each for key, each in metrics.items() if key[0] in wanted}
    chosen = list(used)
    gap = find_gap([*used.values()], with_ratio=name in WITH_RATIO)
    facts: Json = {"difference": _rounded(Ends(np.nan, np.nan, np.nan), decimals)}
    if gap:
        metric, code = chosen[gap.place]
        facts["difference"] = _rounded(gap.difference, decimals)
        if gap.ratio:
            facts["ratio"] = _rounded(gap.ratio, DECIMALS)
        facts["lowest"], facts["highest"] = groups[gap.lowest], groups[gap.highest]
        facts |= {"class": classes[code]} if code is not None else {}
        facts |= {"metric": metric} if name == ODDS else {}
        if gap.difference.low > 0:
            facts["surest"] = [groups[place] for place in gap.surest]
    few = sorted(
        {
            # All rows of a group are as many for every class.
            (int(size), place, -1 if code is None or part == "rows" else code, part)
            for (metric, code), each in used.items()
            for part in [RATES.get(metric, "rows")]
            for place, size in enumerate(each.rows)
            if size < FEW
        }
    )
    facts["few"] = [
        {"group": groups[place], "rows": size, "of": part}
        | ({"class": classes[code]} if code >= 0 else {})
        for size, place, code, part in few[:LISTED]
    ]
    return facts | {"few_count": len(few)}
