"""What a person should look at: drift, and what is beyond the limits of settings."""

from collections.abc import Iterator

from reproducible_ml.monitoring.drift import window_starts
from reproducible_ml.monitoring.result import (
    ALL,
    DRIFT,
    FINE,
    TOO_FEW,
    Alert,
    Comparison,
    WindowSummary,
)
from reproducible_ml.monitoring.settings import Settings
from reproducible_ml.monitoring.tally import Name, Tally
from reproducible_ml.monitoring.windows import HOUR, LENGTHS, UNKNOWN, Width

# Windows that an alert names.
NAMED = 3


def alerts(
    tally: Tally,
    comparisons: list[Comparison],
    windows: list[WindowSummary],
    settings: Settings,
    now: int,
    width: Width,
) -> list[Alert]:
    """Return what a person should look at.

    Args:
        tally: The counts.
        comparisons: Of `compare`.
        windows: Of `summarise`.
        settings: The limits.
        now: Until when rows were expected, in microseconds since 1970.
        width: Of the windows.
    """
    found = [*_drift_alerts(comparisons)]
    if tally.newest is not None and settings.max_age_hours is not None:
        hours = (now - tally.newest) / HOUR
        if hours > settings.max_age_hours:
            text = (
                f"The newest row is {hours:.0f} hours old; the limit is"
                f" {settings.max_age_hours:g}."
            )
            found.append(Alert(kind="stale", subject="newest row", text=text))
    refused, total = tally.refused.total(), tally.rows.total() + tally.refused.total()
    if total and refused / total > settings.max_refused:
        text = (
            f"{refused} of {total} rows ({refused / total:.1%}) break the contract; the"
            f" limit is {settings.max_refused:.1%}."
        )
        found.append(Alert(kind="refused", subject="contract", text=text))
    found += _volume_alerts(tally, windows, settings.min_rows, now, width)
    return found


def _drift_alerts(comparisons: list[Comparison]) -> Iterator[Alert]:
    """Yield an alert for each column that drifted, in all rows or in some windows."""
    by_column: dict[Name, list[Comparison]] = {}
    for each in comparisons:
        if each.verdict == "drift":
            by_column.setdefault(each.key, []).append(each)
    for (version, column), found in by_column.items():
        where = [each.window for each in found]
        worst = max(found, key=lambda each: each.moved)
        of = "" if version is None else f" of model {version}"
        windows = [name for name in where if name != ALL]
        times = f" in {', '.join(windows[:NAMED])}" if windows else ""
        more = len(windows) - NAMED
        times += f" and {more} more windows" if more > 0 else ""
        text = (
            f'"{column}"{of} has drifted{times}: {worst.moved:.0%} of the rows moved,'
            f" PSI {worst.psi:.2f}."
        )
        yield Alert(kind="drift", subject=column, text=text)


def _volume_alerts(
    tally: Tally, windows: list[WindowSummary], least: int, now: int, width: Width
) -> Iterator[Alert]:
    """Yield an alert for each window with too few rows, one for many."""
    if width == "none":
        return
    few = [
        window
        for window, start in zip(windows, window_starts(tally, width, now), strict=True)
        if start != UNKNOWN
        and start + LENGTHS[width] <= now  # it has ended
        and window.rows + window.refused < least
    ]
    if len(few) > NAMED:
        text = (
            f"{len(few)} windows, from {few[0].name} to {few[-1].name}, have fewer than"
            f" {least} rows."
        )
        yield Alert(kind="volume", subject=f"until {few[-1].name}", text=text)
        return
    for window in few:
        rows = window.rows + window.refused
        text = f"{window.name} has {rows} rows; at least {least} were expected."
        yield Alert(kind="volume", subject=window.name, text=text)


def exit_code(found: list[Alert], comparisons: list[Comparison], tally: Tally) -> int:
    """Return 3 for an alert, 4 if all rows together do not tell enough, else 0."""
    if found:
        return DRIFT
    overall = [each for each in comparisons if each.window == ALL]
    few = any(each.verdict == "too few" for each in overall)
    unknown = few or not overall or tally.unreadable or not tally.rows.total()
    return TOO_FEW if unknown else FINE
