"""What monitoring found in the text format of Prometheus, for a collector of files.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, get_args

from reproducible_ml.monitoring.result import Alert, Comparison, Result

Labels = Mapping[str, str]


class Gauge(NamedTuple):
    """A metric, and its values by labels."""

    name: str
    about: str
    samples: list[tuple[Labels, float]]


def as_prometheus(result: Result) -> str:
    """Return a result as text; of windows, the newest alone is in it."""
    return write_gauges(_gauges(result))


def write_gauges(gauges: Iterable[Gauge]) -> str:
    """Return gauges as text, those without a value left out."""
    lines: list[str] = []
    for gauge in gauges:
        if gauge.samples:
            lines.append(f"# HELP {gauge.name} {gauge.about}")
            lines.append(f"# TYPE {gauge.name} gauge")
            lines += [_line(gauge.name, *sample) for sample in gauge.samples]
    return "\n".join([*lines, ""])


def _gauges(result: Result) -> Iterator[Gauge]:
    yield _single("run_timestamp_seconds", "When rml monitor ran", _epoch(result.time))
    yield _single("exit_code", "0 fine, 3 an alert, 4 too few rows", result.exit_code)
    yield _single("rows", "Rows that meet the contract", result.rows)
    yield _single("refused_rows", "Rows that break the contract", result.refused)
    if result.newest:
        about = "Time of the newest row"
        yield _single("newest_row_timestamp_seconds", about, _epoch(result.newest))
    if result.windows:
        last = result.windows[-1].rows
        yield _single("last_window_rows", "Rows of the newest window", last)
    overall = result.overall
    yield _columns(
        "drift",
        "Whether a column drifted, in all rows or in a window",
        overall,
        {each.key: 1.0 for each in result.comparisons if each.verdict == "drift"},
    )
    few = {each.key: 1.0 for each in overall if each.verdict == "too few"}
    yield _columns("too_few_rows", "Whether drift might have been missed", overall, few)
    for name, about in (
        ("psi", "Population stability index"),
        ("moved", "Share of rows in other bins than in the reference"),
        ("missing", "Share of rows without a value"),
    ):
        values = {each.key: float(getattr(each, name)) for each in overall}
        suffix = "" if name == "psi" else "_share"
        yield _columns(f"{name}{suffix}", about, overall, values)
    yield Gauge(
        "rml_monitor_violations",
        "Cells that break a rule of the contract",
        [
            ({"column": each.column, "rule": each.rule}, each.cells)
            for each in result.violations
        ],
    )
    yield Gauge(
        "rml_monitor_unseen_rows",
        "Rows with a category that the contract does not name",
        [({"column": each.column}, each.rows) for each in result.unseen],
    )
    kinds = Counter(each.kind for each in result.alerts)
    known = get_args(Alert.model_fields["kind"].annotation)
    yield Gauge(
        "rml_monitor_alerts",
        "Alerts of the last run",
        [({"kind": kind}, kinds[kind]) for kind in known],
    )


def _single(name: str, about: str, value: float) -> Gauge:
    return Gauge(f"rml_monitor_{name}", about, [({}, value)])


def _columns(
    name: str,
    about: str,
    comparisons: Iterable[Comparison],
    values: Mapping[tuple[str | None, str], float],
) -> Gauge:
    samples: list[tuple[Labels, float]] = [
        (
            {"about": each.about, "column": each.column, "model": each.version or ""},
            values.get(each.key, 0.0),
        )
        for each in comparisons
    ]
    return Gauge(f"rml_monitor_{name}", about, samples)


def _line(name: str, labels: Labels, value: float) -> str:
    said = ",".join(f'{key}="{_escaped(each)}"' for key, each in labels.items())
    return f"{name}{{{said}}} {value:.10g}" if said else f"{name} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _epoch(time: str) -> float:
    return datetime.datetime.fromisoformat(time).timestamp()
