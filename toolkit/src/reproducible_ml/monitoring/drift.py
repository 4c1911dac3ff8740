"""Compare counts with the reference, by the rule of `quality.difference`."""

from collections.abc import Iterator
from typing import NamedTuple

from reproducible_ml.monitoring.reference import Reference
from reproducible_ml.monitoring.result import (
    ALL,
    Comparison,
    Unseen,
    Verdict,
    Violation,
    WindowSummary,
)
from reproducible_ml.monitoring.tally import Name, Tally
from reproducible_ml.monitoring.windows import (
    DAY,
    LENGTHS,
    UNKNOWN,
    Width,
    label,
    to_datetime,
)
from reproducible_ml.quality.difference import (
    ALPHA,
    change,
    corrected,
    rows_needed,
)
from reproducible_ml.quality.distributions import Distribution
from reproducible_ml.quality.drift import describe

# Windows that are listed, with those in between that have no rows.
MOST_WINDOWS = 20_000

# Categories that are named, and characters of one.
NAMED, WIDTH = 3, 40

# The worst one first.
VERDICTS: tuple[Verdict, ...] = ("drift", "too few", "fine")


class Counted(NamedTuple):
    """What is to be compared.

    Attributes:
        window: Its name.
        name: Model version and column.
        old: The reference.
        new: Counts in its bins.
    """

    window: str
    name: Name
    old: Distribution
    new: Distribution


def compare(tally: Tally, reference: Reference, width: Width) -> list[Comparison]:
    """Return the comparison of each column, in all rows and in each window.

    The correction is over all of them.
    """
    counted = [*_counted(tally.whole(), reference, ALL)]
    if width != "none":
        for start in sorted(tally.cells):
            part = Tally()
            part.cells[start] = tally.cells[start]
            counted += _counted(part, reference, label(start, width))
    changes = [change(each.old, each.new) for each in counted]
    needed: dict[Name, int | None] = {}
    found = []
    for each, size, p in zip(counted, changes, corrected(changes), strict=True):
        if each.name not in needed:
            needed[each.name] = rows_needed(each.old, len(counted))
        enough = needed[each.name]
        verdict: Verdict = "fine"
        if p < ALPHA and size.matters:
            verdict = "drift"
        elif enough is None or each.new.rows < enough:
            verdict = "too few"
        version, column = each.name
        found.append(
            Comparison(
                column=column,
                about="input" if version is None else "answer",
                version=version,
                window=each.window,
                rows=each.new.rows,
                rows_needed=enough,
                p=p,
                psi=size.psi,
                moved=size.moved,
                missing=each.new.missing / max(1, each.new.rows),
                missing_before=each.old.missing / max(1, each.old.rows),
                verdict=verdict,
                change=describe(each.old, each.new, each.new)
                if verdict == "drift"
                else "",
            )
        )
    return found


def _counted(tally: Tally, reference: Reference, window: str) -> Iterator[Counted]:
    for cells in tally.cells.values():
        for name, values in cells.items():
            version, column = name
            known = reference.inputs if version is None else reference.answers
            old = known[column]
            yield Counted(window, name, old, values.as_distribution(old))


def summarise(
    tally: Tally, comparisons: list[Comparison], width: Width, now: int
) -> list[WindowSummary]:
    """Return what is known of each window, also of those without rows in between."""
    if width == "none":
        return []
    by_window: dict[str, list[Comparison]] = {}
    for each in comparisons:
        by_window.setdefault(each.window, []).append(each)
    found = []
    for start in window_starts(tally, width, now):
        name = label(start, width)
        inside = by_window.get(name, [])
        few = sum(each.verdict == "too few" for each in inside)
        drifted = [each.column for each in inside if each.verdict == "drift"]
        found.append(
            WindowSummary(
                name=name,
                start=None if start == UNKNOWN else to_datetime(start).isoformat(),
                rows=tally.rows[start],
                refused=tally.refused[start],
                drifted=drifted,
                too_few=few,
                verdict="drift"
                if drifted
                else "too few"
                if few or not inside
                else "fine",
            )
        )
    return found


def window_starts(tally: Tally, width: Width, now: int) -> list[int]:
    """Return the windows in their order; one of rows without a time comes first.

    Between the first and the last that is not in the future, those without rows are
    among them.
    """
    present = {*tally.rows, *tally.refused}
    timed = sorted(present - {UNKNOWN})
    if not timed:
        return sorted(present)
    past = [start for start in timed if start <= now]
    length = LENGTHS[width]
    if past and (past[-1] - past[0]) // length < MOST_WINDOWS:
        timed = [*range(past[0], past[-1] + 1, length), *timed[len(past) :]]
    return [*sorted(present & {UNKNOWN}), *timed]


def violations(tally: Tally) -> list[Violation]:
    """Return the rules that rows break, the most frequent first."""
    whole = tally.whole()
    total = max(1, whole.rows[0] + whole.refused[0])
    return [
        Violation(column=column, rule=rule, cells=cells, share=cells / total)
        for (column, rule), cells in sorted(
            whole.rules.get(0, {}).items(), key=lambda item: (-item[1], item[0])
        )
    ]


def unseen_categories(tally: Tally) -> list[Unseen]:
    """Return the categories that the contract does not name, by column."""
    return [
        Unseen(
            column=column,
            rows=values.total(),
            values=[value[:WIDTH] for value, _ in values.most_common(NAMED)],
        )
        for column, values in sorted(tally.unseen.items())
    ]


def notes(tally: Tally, reference: Reference, now: int) -> list[str]:
    """Return what could not be compared, or is not known, and why."""
    found = []
    if tally.newest is not None and tally.newest > now + DAY:
        found.append(
            f"The newest row is of {to_datetime(tally.newest):%Y-%m-%d}, in the future:"
            " how old the rows are is not known."
        )
    if tally.untimed:
        found.append(
            f"{tally.untimed} rows have no time, so they are not counted with --since"
            " or --until."
        )
    if tally.absent:
        names = ", ".join(sorted(tally.absent))
        found.append(f"Not in all rows, so not compared there: {names}.")
    if tally.unreadable:
        names = ", ".join(sorted(tally.unreadable))
        found.append(f"Of another type than in the contract, so not compared: {names}.")
    found += [
        f"Answers of model version {version} ({rows} rows) are not compared: those to"
        f" compare with are of {reference.version}."
        for version, rows in tally.versions.most_common()
        if version != reference.version
    ]
    return found
