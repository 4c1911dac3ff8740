"""Compare two versions by the log of predictions: in shadow, or with shared requests.

Without labels, a log says how much two versions differ, not which one is better.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.registry.tags import Version, find_version, read_registry
from reproducible_ml.report.markdown import code, show_in_terminal, table
from reproducible_ml.report.results import model_hashes, read_results
from reproducible_ml.serving.read_log import PREDICTION, is_probability, read_log
from reproducible_ml.versioning.git import Revision

Floats = npt.NDArray[np.float64]

# Where an answer is found in the log.
PLACE = ["request_id", "row"]

# Fewer rows give no interval that is worth its name.
FEWEST = 30


class Difference(NamedTuple):
    """A figure of both versions, and by how much the second one is higher.

    Attributes:
        name: What is compared.
        first: Of the first version.
        second: Of the second version.
        difference: Of second and first; paired where both answered the same rows.
        low: Lower end of its 95 % interval; None with too few rows.
        high: Upper end.
    """

    name: str
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the interval excludes zero."""
        return (
            self.low is not None
            and self.high is not None
            and not self.low <= 0 <= self.high
        )


class LogComparison(NamedTuple):
    """Two versions in a log.

    Attributes:
        first: The version that answers.
        second: The other one.
        paired: Whether both answered the same rows, one of them in shadow.
        rows: Different rows that the first version answered, the second one, and both.
        changed: Rows with another prediction, of those that both answered.
        changed_share: Their share, with its 95 % interval (Wilson); None if not paired.
        differences: Of the answers.
        start: Time of the first answer that counts.
        end: Time of the last one.
    """

    first: str
    second: str
    paired: bool
    rows: tuple[int, int, int]
    changed: int
    changed_share: tuple[float, float, float] | None
    differences: list[Difference]
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def is_enough(self) -> bool:
        """Whether there are enough rows to tell chance from a difference."""
        return min(self.rows[2:] if self.paired else self.rows[:2]) >= FEWEST


def compare_log(
    folder: Path, first: str | None = None, second: str | None = None
) -> LogComparison:
    """Compare the answers of two versions.

    A row that was asked for several times counts once, with its last answer, so that
    one that comes often does not outweigh the others.

    Args:
        folder: The log of predictions, as of RML_SERVE_LOG_FOLDER.
        first: The model version that answers; by default the one with most answers.
        second: The other version; by default the one with most answers that remain.

    Raises:
        UserError: There is no such log, or it has not both versions.
    """
    log = read_log(folder)
    versions = log["model_version"].value_counts()
    known = ", ".join(versions.index[:5])
    chosen: list[str] = []
    for version in (first, second):
        left = [name for name in versions.index if name not in chosen]
        fits = [name for name in left if version is None or name.startswith(version)]
        if not fits:
            what = f"no answers of version {version}" if version else "one version only"
            raise UserError(f"{folder}: has {what}. It has: {known or 'no rows'}")
        chosen.append(fits[0])
    # In shadow, the version that is returned is the one to compare with.
    shadow = {*log.loc[~log["returned"], "model_version"]}
    if first is None and second is None and chosen[0] in shadow:
        chosen.reverse()
    old, new = (log[log["model_version"] == version] for version in chosen)
    both = _pairs(old, new)
    paired = len(both) > 0
    if paired:
        both = both.drop_duplicates("row_key_old", keep="last")
        sides = [_side(both, "_old"), _side(both, "_new")]
    else:
        sides = [each.drop_duplicates("row_key", keep="last") for each in (old, new)]
    changed = int((sides[0][PREDICTION] != sides[1][PREDICTION]).sum()) if paired else 0
    times = pd.concat([side["time"] for side in sides])
    return LogComparison(
        chosen[0],
        chosen[1],
        paired,
        (old["row_key"].nunique(), new["row_key"].nunique(), len(both)),
        changed,
        _share(changed, len(both)) if paired else None,
        _differences(sides[0], sides[1], paired=paired),
        times.min(),
        times.max(),
    )


def show_log(root: Path, folder: Path, first: str | None, second: str | None) -> None:
    """Print how two versions differ in a log.

    Args:
        root: Of the repository, whose registered versions have names.
        folder: As of `compare_log`.
        first: A registered version, `latest`, a stage, or the beginning of a
            `model_version`; None as of `compare_log`.
        second: Likewise.

    Raises:
        UserError: As of `compare_log`, or there is no such version.
    """
    wanted = [each and _model_version(root, each) for each in (first, second)]
    if first and wanted[0] == wanted[1]:
        raise UserError(
            f"{one_line(first)} and {one_line(str(second))}: are the same model,"
            f" {wanted[0]}. Fix: name two"
        )
    found = compare_log(folder, *wanted)
    show_in_terminal(as_markdown(found, _registered(root)))


def _registered(root: Path) -> dict[str, str]:
    """Return the names of the registered versions, by their `model_version`.

    The same model may have several, if only what is around it changed.
    """
    try:
        registry = read_registry(root)
    except UserError:
        return {}  # such as a clone without tags: the log has versions of its own
    found: dict[str, list[str]] = {}
    for version in registry.versions:
        if known := _of(root, version):
            found.setdefault(known, []).append(version.name)
    return {known: ", ".join(names) for known, names in found.items()}


def _of(root: Path, version: Version) -> str:
    """Return the `model_version` of a registered version; empty if it is not here."""
    revision = Revision(root, version.commit)
    return model_hashes(revision, read_results(revision))["model.sha256"][:12]


def _model_version(root: Path, wanted: str) -> str:
    if re.fullmatch(r"[0-9a-f]{4,12}", wanted):
        return wanted
    version = find_version(read_registry(root), wanted)
    if known := _of(root, version):
        return known
    raise UserError(
        f"{version.name}: its model is not here, so that its answers cannot be found."
        " Fix: name its model_version in the log, or run `dvc pull` at that commit"
    )


def as_markdown(found: LogComparison, names: Mapping[str, str]) -> str:
    """Return a comparison as text.

    Args:
        found: The comparison.
        names: Names of registered versions, by `model_version`.
    """
    base, head = (
        f"**{names[version]}** ({version})" if version in names else f"**{version}**"
        for version in (found.first, found.second)
    )
    when = f"{found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC"
    if found.paired and found.changed_share:
        share, low, high = (f"{100 * each:.1f}" for each in found.changed_share)
        rows = (
            f"Both answered {found.rows[2]} rows. {found.changed} predictions differ:"
            f" {share} % (95 % interval {low} to {high} %)."
        )
    else:
        rows = (
            f"The base answered {found.rows[0]} rows, the other version {found.rows[1]}"
            " other ones."
        )
    few = (
        f"**Warning**: too few rows to tell a difference from chance ({FEWEST} needed)."
    )
    lines = [
        [
            code(each.name),
            f"{each.first:.4g}",
            f"{each.second:.4g}",
            f"{each.difference:+.4g}",
            "" if each.low is None else f"{each.low:+.4g} to {each.high:+.4g}",
            "**beyond noise**" if each.is_beyond_noise else "",
        ]
        for each in found.differences
    ]
    header = ["answers", "base", "version", "difference", "95 % interval", ""]
    return "\n\n".join(
        [
            f"{head} compared with {base} (the base), by their answers from {when}.",
            *([] if found.is_enough else [few]),
            f"{rows} A row that came several times counts once.",
            table(header, lines),
            "Answers without labels show how much two versions differ, not which is"
            " better.",
        ]
    )


def _pairs(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the answers of both versions to the same row of the same request.

    Clients choose the ids of requests, and may send one with several. Only then rows
    are distinguished by their keys: two versions may read a row in different ways, as
    with a category that one of them does not know, and so give it different keys.
    """
    again = [each.loc[each.duplicated(PLACE), PLACE] for each in (old, new)]
    repeated = pd.concat(again).drop_duplicates().assign(repeated=True)
    sides = []
    for each in (old, new):
        found = each.merge(repeated, on=PLACE, how="left")
        same = found["row_key"].where(found["repeated"].notna(), "")
        sides.append(found.drop(columns="repeated").assign(same=same))
    return sides[0].merge(sides[1], on=[*PLACE, "same"], suffixes=("_old", "_new"))


def _side(both: pd.DataFrame, end: str) -> pd.DataFrame:
    names = {
        name: name.removesuffix(end)
        for name in map(str, both.columns)
        if name.endswith(end)
    }
    return both[list(names)].rename(columns=names)


def _share(number: int, rows: int) -> tuple[float, float, float]:
    from scipy.stats import binomtest

    interval = binomtest(number, rows).proportion_ci(method="wilson")
    return number / rows, float(interval.low), float(interval.high)


def _differences(
    old: pd.DataFrame, new: pd.DataFrame, *, paired: bool
) -> list[Difference]:
    found = []
    if pd.api.types.is_numeric_dtype(old[PREDICTION]):
        columns = {"mean of prediction": (old[PREDICTION], new[PREDICTION])}
    else:
        classes = sorted({*old[PREDICTION]} | {*new[PREDICTION]})
        columns = {
            f'share of "{each}"': (old[PREDICTION] == each, new[PREDICTION] == each)
            for each in classes
        }
    for name in old.columns.intersection(new.columns):
        if is_probability(name):
            columns[f"mean of {name}"] = (old[name], new[name])
    for name, sides in columns.items():
        one, other = (np.asarray(side, dtype=np.float64) for side in sides)
        found.append(_difference(name, one, other, paired=paired))
    return found


def _difference(name: str, old: Floats, new: Floats, *, paired: bool) -> Difference:
    """Return the difference of two means, with its interval of Student or of Welch.

    Welch, "The generalization of Student's problem when several different population
    variances are involved", Biometrika 34 (1947).
    """
    first, second = float(old.mean()), float(new.mean())
    unknown = Difference(name, first, second, second - first, None, None)
    if min(len(old), len(new)) < FEWEST:
        return unknown
    if paired:
        variance, freedom = (new - old).var(ddof=1) / len(new), len(new) - 1
    else:
        parts = np.array([side.var(ddof=1) / len(side) for side in (old, new)])
        variance = parts.sum()
        squares = sum(parts**2 / (np.array([len(old), len(new)]) - 1))
        freedom = variance**2 / squares if squares else 1
    from scipy.stats import t

    half = float(t.ppf(0.975, freedom) * np.sqrt(variance))
    middle = unknown.difference
    return unknown._replace(low=middle - half, high=middle + half)
