"""Outcomes as a page: performance over time with intervals, calibration, delay."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from reproducible_ml.monitoring.outcomes.result import (
    Outcomes,
    VersionOutcome,
)
from reproducible_ml.monitoring.outcomes.text import (
    BIAS,
    LATE,
    describe_counts,
    describe_delay,
    find,
    worst,
)
from reproducible_ml.monitoring.windows import DAY, to_datetime
from reproducible_ml.page.charts import Row, Series, interval_chart, line_chart
from reproducible_ml.page.frame import html_page, written_by
from reproducible_ml.page.markup import Html, join, table, tag

NOT_KNOWN = math.nan


def make_page(found: Outcomes, title: str) -> str:
    """Return the page.

    Args:
        found: What it shows.
        title: Name of the project.
    """
    return html_page(
        f"{title}: outcomes",
        header=[
            tag(
                "p", "How good the answers were, by the labels that became known since."
            ),
            _box(found),
        ],
        sections=[
            ("time", "Performance over time", join(_over_time(found))),
            ("versions", "Versions", join(map(_version, found.versions))),
            ("calibration", "Calibration", join(_calibration(found))),
            ("groups", "Groups of rows", _groups(found)),
            ("labels", "Labels", join(_labels(found))),
        ],
        footer=written_by("rml outcomes", found.time),
    )


def _box(found: Outcomes) -> Html:
    lines = [each.text for each in found.alerts] or found.reasons
    first = "Worse than on the test rows" if found.alerts else "Cannot tell"
    if not lines:
        first = "Fine"
        lines = ["Nothing is worse than on the test rows, beyond noise."]
    items = tag("ul", *(tag("li", each) for each in lines))
    kind = "state" if first == "Fine" else "state stale"
    return tag("div", tag("p", tag("strong", first)), items, class_=kind, role="note")


def name_of(each: VersionOutcome) -> str:
    """Return the name of a version, and that it is in shadow."""
    name = each.name or each.version
    return f"{name} in shadow" if each.shadow else name


def _over_time(found: Outcomes) -> Iterator[Html]:
    """Yield a chart of each metric, of which each version is a line."""
    drawn = [each for each in found.versions if each.windows]
    if not drawn:
        yield tag("p", "There is one window of time only.", class_="quiet")
        return
    first = min(s.start for each in drawn for s in each.windows if s.start is not None)
    metrics = dict.fromkeys(one.name for each in drawn for one in each.all.metrics)
    since = f"days since {to_datetime(first):%Y-%m-%d}"
    charts = [
        line_chart(f"{metric} by {found.window}", (since, metric), lines)
        for metric in metrics
        if (lines := [*_lines(drawn, metric, first)])
    ]
    yield tag("div", *charts, _shares(found), class_="grid")
    note = "Bands are 95 % intervals; a point is at the start of its window."
    yield tag("p", f"{note} {LATE}", class_="note")
    for each in drawn:
        yield _window_table(each, found.metric)


def _shares(found: Outcomes) -> Html:
    starts = [s.start or 0 for each in found.versions for s in each.windows]
    first = min(starts, default=0)
    lines = [
        Series(
            name_of(each),
            [((s.start or 0) - first) / DAY for s in each.windows],
            [
                s.labelled / s.answered if s.answered else NOT_KNOWN
                for s in each.windows
            ],
        )
        for each in found.versions
        if each.windows
    ]
    since = f"days since {to_datetime(first):%Y-%m-%d}"
    title = "Share of answers that have a label"
    return line_chart(title, (since, "share with a label"), lines)


def _lines(
    drawn: Sequence[VersionOutcome], metric: str, first: int
) -> Iterator[Series]:
    for each in drawn:
        known = [
            ((scope.start - first) / DAY, one)
            for scope in each.windows
            if scope.start is not None
            and (one := find(scope, metric))
            and one.value is not None
        ]
        if not known:
            continue
        x = [place for place, _ in known]
        yield Series(
            name_of(each),
            x,
            [_plain(one.value) for _, one in known],
            [_plain(one.low) for _, one in known],
            [_plain(one.high) for _, one in known],
        )
        test = find(each.all, metric)
        if test and test.registered is not None:
            level = [test.registered] * len(x)
            yield Series(f"{name_of(each)}, test rows", x, level)


def _plain(value: float | None) -> float:
    return NOT_KNOWN if value is None else value


def _window_table(each: VersionOutcome, metric: str) -> Html:
    rows = []
    for scope in each.windows:
        one = find(scope, metric)
        rows.append(
            [
                scope.name,
                scope.answered,
                scope.labelled,
                one.value if one else None,
                one.low if one else None,
                one.high if one else None,
                worst(scope).replace("*", ""),
            ]
        )
    header = ["window", "answers", "labels", metric, "from", "to", "verdict"]
    return table(f"{name_of(each)}: windows", header, rows)


def _version(each: VersionOutcome) -> Html:
    rows = [
        [
            one.name,
            one.value,
            one.low,
            one.high,
            one.registered,
            one.difference,
            one.difference_low,
            one.difference_high,
            one.verdict,
        ]
        for one in each.all.metrics
    ]
    header = ["metric", "value", "from", "to", "test rows", "difference"]
    header += ["from", "to", "verdict"]
    says = f"{each.all.labelled:,} of {each.all.answered:,} answers have a label."
    return join(
        [
            tag("h3", name_of(each)),
            tag("p", says),
            table(f"{name_of(each)}: metrics", header, rows) if rows else "",
        ]
    )


def _calibration(found: Outcomes) -> Iterator[Html]:
    rows = [
        [
            name_of(each),
            scope.name,
            one.name,
            one.expected,
            one.observed,
            one.low,
            one.high,
            one.verdict,
        ]
        for each in found.versions
        for scope in each.scopes
        for one in scope.calibration
    ]
    lines = [
        Series(
            name_of(each),
            [one.expected for one in each.reliability],
            [one.observed for one in each.reliability],
            [one.low for one in each.reliability],
            [one.high for one in each.reliability],
        )
        for each in found.versions
        if each.reliability
    ]
    if lines:
        chart = line_chart(
            "Reliability",
            ("probability", "share of positives"),
            lines,
            diagonal=True,
            note="Bins of as many rows each, with 95 % intervals (Wilson).",
        )
        yield tag("div", chart, class_="grid")
    if rows:
        header = ["version", "window", "class", "expected", "observed"]
        header += ["difference from", "to", "verdict"]
        yield table("Expected and observed", header, rows)
    else:
        yield tag("p", "No answer has a label.")


def _groups(found: Outcomes) -> Html:
    charts = []
    for each in found.versions:
        for column, groups in each.slices.items():
            before = {
                group.group: group.metrics.get(found.metric)
                for group in each.registered_slices.get(column, [])
            }
            rows = [
                Row(
                    group.group,
                    one.value,
                    one.low,
                    one.high,
                    f"{group.rows} labels, test: {_known(before.get(group.group))}",
                )
                for group in groups
                if (one := group.metrics.get(found.metric))
            ]
            whole = find(each.all, found.metric)
            level = Row("all", whole.value) if whole else None
            title = f"{name_of(each)}: {found.metric} by {column}"
            charts.append(interval_chart(title, found.metric, rows, level))
    if charts:
        return tag("div", *charts, class_="grid")
    says = "There are none: evaluate.slices in params.yaml names columns."
    return tag("p", says, class_="quiet")


def _known(value: Any) -> str:
    return "-" if value is None or value.value is None else f"{value.value:.4g}"


def _labels(found: Outcomes) -> Iterator[Html]:
    yield tag("p", describe_counts(found))
    if delay := describe_delay(found):
        yield tag("p", delay)
    yield tag("p", f"{LATE} {BIAS}")
