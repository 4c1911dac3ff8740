"""Outcomes as text: tables for the terminal, and metrics for Prometheus."""

import datetime
from collections.abc import Iterable, Iterator

from reproducible_ml.monitoring.exposition import Gauge, Labels, write_gauges
from reproducible_ml.monitoring.outcomes.result import (
    MetricOutcome,
    Outcomes,
    Scope,
    VersionOutcome,
)
from reproducible_ml.report.markdown import code, table

# What an analyst must know of any such table.
BIAS = (
    "If labels come sooner for some rows than for others, or only for some, as for"
    " cases that were checked, these rows are no random sample, and neither their"
    " metrics nor the alarm are about all answers."
)
LATE = "The newest windows miss the labels that have not come yet."


def as_markdown(found: Outcomes) -> str:
    """Return tables of metrics by version and by window, and what they mean."""
    parts: list[str] = []
    for each in found.versions:
        parts += [_title(each), _metrics(each)]
        if each.windows:
            parts.append(_windows(each, found.metric))
        parts += [_groups(each, column, found.metric) for column in each.slices]
    parts += [describe_counts(found), *filter(None, [describe_delay(found)])]
    parts += [f"{LATE} {BIAS}", verdict(found)]
    return "\n\n".join(parts)


def verdict(found: Outcomes) -> str:
    """Return what follows from all, in a sentence for each reason."""
    lines = [f"**Alert**: {each.text}." for each in found.alerts]
    lines += [f"**Cannot tell**: {reason}." for reason in found.reasons]
    return "\n\n".join(lines) or "Nothing is worse than on the test rows, beyond noise."


def _title(each: VersionOutcome) -> str:
    name = f"**{each.name}** ({each.version})" if each.name else f"**{each.version}**"
    role = "in shadow" if each.shadow else "now" if each.current else "earlier"
    share = each.all.labelled / each.all.answered if each.all.answered else 0.0
    return (
        f"{name}, {role}: {each.all.labelled} of {each.all.answered} answers have a"
        f" label ({share:.1%})."
    )


def _metrics(each: VersionOutcome) -> str:
    lines = [
        [
            code(one.name),
            _number(one.value),
            _ends(one.low, one.high),
            _number(one.registered),
            _number(one.difference, sign=True),
            _ends(one.difference_low, one.difference_high),
            _verdict(one),
        ]
        for one in each.all.metrics
    ]
    header = ["metric", "value", "95 % interval", "test rows", "difference"]
    parts = [table([*header, "95 % interval", "verdict"], lines)] if lines else []
    if each.all.calibration:
        cells = [
            [
                code(one.name),
                _number(one.expected),
                _number(one.observed),
                _ends(one.low, one.high),
                one.verdict,
            ]
            for one in each.all.calibration
        ]
        header = ["calibration", "expected", "observed", "95 % of the difference", ""]
        parts.append(table(header, cells))
    return "\n\n".join(parts) or "No label belongs to its answers."


def _groups(each: VersionOutcome, column: str, metric: str) -> str:
    """Return the groups of rows by a column, beside the same ones of the test rows."""
    before = {
        group.group: group.metrics[metric].value
        for group in each.registered_slices.get(column, [])
        if metric in group.metrics
    }
    lines = [
        [
            code(group.group),
            str(group.rows),
            _interval(one.value, one.low, one.high),
            _number(before.get(group.group)),
        ]
        for group in each.slices[column]
        if (one := group.metrics.get(metric))
    ]
    return table([code(column), "labels", metric, "test rows"], lines)


def _windows(each: VersionOutcome, metric: str) -> str:
    lines = []
    for scope in each.windows:
        found = find(scope, metric)
        first = scope.calibration[0] if scope.calibration else None
        lines.append(
            [
                scope.name,
                str(scope.answered),
                f"{scope.labelled / scope.answered:.0%}" if scope.answered else "-",
                _interval(found.value, found.low, found.high) if found else "-",
                worst(scope),
                f"{_number(first.observed)} of {_number(first.expected)}"
                if first
                else "-",
            ]
        )
    header = ["window", "answers", "with label", metric, "verdict on all metrics"]
    return table([*header, "observed of expected"], lines)


def worst(scope: Scope) -> str:
    """Return the metrics that are worse, or why nothing can be said."""
    bad = [one.name for one in scope.metrics if one.verdict == "worse"]
    if bad:
        more = f" and {len(bad) - 2} more" if len(bad) > 2 else ""
        return f"**worse**: {', '.join(bad[:2])}{more}"
    found = {one.verdict for one in scope.metrics}
    order = ("within noise", "too few labels", "no test rows", "undefined")
    return next((each for each in order if each in found), "no labels")


def find(scope: Scope, metric: str) -> MetricOutcome | None:
    """Return a metric of a scope."""
    return next((one for one in scope.metrics if one.name == metric), None)


def describe_counts(found: Outcomes) -> str:
    """Return what became of the labels."""
    counts = found.counts
    lines = [f"{counts['labels']} labels; {counts['labelled']} answers have a label"]
    says = {
        "shadow": "answers in shadow are evaluated as well",
        "empty": "rows of the table have no label yet",
        "repeated": "labels were followed by another one of the same row",
        "contradictions": "rows have different labels, of which the last counts",
        "unknown": "labels belong to no answer in the log",
        "early": "labels were known before their row was asked, and are left out",
    }
    lines += [f"{counts[key]} {text}" for key, text in says.items() if counts[key]]
    return f"{'; '.join(lines)}."


def describe_delay(found: Outcomes) -> str:
    """Return how late labels come; empty if that is not known."""
    delay = found.delay
    if delay is None:
        return ""
    parts = [
        "fewer than half of the answers have got one"
        if delay.median is None
        else f"half of the labels come within {delay.median:.3g} days"
    ]
    if delay.most is not None:
        parts.append(f"90 % within {delay.most:.3g}")
    parts += [
        f"after {days} {'days' if days > 1 else 'day'} {share:.1%} have none yet"
        for days, share in delay.missing.items()
    ]
    late = f" {delay.before} labels have a time before their answer." * bool(
        delay.before
    )
    return f"Delay of labels (Kaplan-Meier): {', '.join(parts)}.{late}"


def _verdict(one: MetricOutcome) -> str:
    return f"**{one.verdict}**" if one.verdict == "worse" else one.verdict


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:+,.0f}" if sign else f"{value:,.0f}"
    return f"{value:+.4g}" if sign else f"{value:.4g}"


def _ends(low: float | None, high: float | None) -> str:
    return "-" if None in (low, high) else f"{_number(low)} to {_number(high)}"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    ends = "" if low is None or high is None else f" ({_ends(low, high)})"
    return f"{_number(value)}{ends}"


def as_prometheus(found: Outcomes) -> str:
    """Return gauges for Prometheus; of windows, the newest alone is among them."""
    return write_gauges(_gauges(found))


def _gauges(found: Outcomes) -> Iterator[Gauge]:
    yield _gauge(
        "run_timestamp_seconds", "When rml outcomes ran", [({}, _epoch(found))]
    )
    about = "0 fine, 3 worse than on the test rows, 4 too few labels"
    yield _gauge("exit_code", about, [({}, float(found.exit_code))])
    own = [
        ({"model": each.version, "shadow": str(each.shadow).lower()}, each)
        for each in found.versions
    ]
    answers = [(names, float(each.all.answered)) for names, each in own]
    yield _gauge("answers", "Answers in the log", answers)
    labels = [(names, float(each.all.labelled)) for names, each in own]
    yield _gauge("labels", "Answers whose label is known", labels)
    metrics = [
        ({**names, "metric": one.name, "window": window}, one)
        for names, each in own
        for window, scope in (("all", each.all), *_newest(each))
        for one in scope.metrics
    ]
    for suffix, about in (
        ("value", "Metric of answers whose label is known"),
        ("low", "Lower end of its 95 % interval"),
        ("high", "Upper end of its 95 % interval"),
        ("registered", "The metric on the test rows of the version"),
    ):
        known = [(names, getattr(one, suffix)) for names, one in metrics]
        yield _gauge(f"metric_{suffix}", about, [e for e in known if e[1] is not None])
    about = "Whether a metric is worse than on the test rows, beyond noise"
    worse = [(names, float(one.verdict == "worse")) for names, one in metrics]
    yield _gauge("worse", about, worse)
    if found.delay:
        days = (("0.5", found.delay.median), ("0.9", found.delay.most))
        known = [({"quantile": q}, each) for q, each in days if each is not None]
        yield _gauge("delay_days", "Days from an answer to its label", known)


def _newest(each: VersionOutcome) -> list[tuple[str, Scope]]:
    """Return the newest window that has a label."""
    known = [scope for scope in each.windows if scope.labelled]
    return [("newest", known[-1])] if known else []


def _gauge(name: str, about: str, samples: Iterable[tuple[Labels, float]]) -> Gauge:
    return Gauge(f"rml_outcomes_{name}", about, [*samples])


def _epoch(found: Outcomes) -> float:
    return datetime.datetime.fromisoformat(found.time).timestamp()
