"""`rml models`: which versions there are, where they are, and how good they are."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.registry.history import MetricValue, VersionRecord, history_of
from reproducible_ml.registry.tags import Registry, describe_ignored, read_registry
from reproducible_ml.report.markdown import show_in_terminal
from reproducible_ml.report.results import PARAMS, section
from reproducible_ml.versioning.git import Revision, find_commit

NONE = """\
No version of the model is registered here. Register the last commit:

    rml register

If others registered some: git fetch --tags. docs/registry.md shows the whole way.
"""

# Between versions whose metrics are not about the same rows, or the same question.
BREAK = "not comparable with the row above"

# Metrics that have a column each; more need --json.
COLUMNS = 3


def list_models(root: Path, *, as_json: bool, picture: Path | None) -> None:
    """Print the registered versions, as a table or JSON, or draw their metrics.

    Args:
        root: Of the repository.
        as_json: Print JSON.
        picture: A .png file to draw them into; None: print them.
    """
    registry = read_registry(root)
    for line in warnings(registry):
        sys.stderr.write(f"warning: {line}\n")
    records = history_of(root, registry)
    if picture:
        from reproducible_ml.registry.picture import draw

        draw(records, picture)
        sys.stdout.write(f"{picture.name}: {len(records)} versions\n")
    elif as_json:
        content = [as_dictionary(record) for record in records]
        sys.stdout.write(f"{json.dumps(content, indent=2, ensure_ascii=False)}\n")
    elif not records:
        sys.stdout.write(NONE)
    else:
        show_in_terminal(
            tabulate(records, metric_names(root, records)), ending(records)
        )


def show_version_here(root: Path) -> None:
    """Print the tag of the version that the last commit is, such as model@v1.2.0.

    Raises:
        UserError: It is no version.
    """
    registry = read_registry(root)
    commit = find_commit(root, "HEAD") or ""
    found = registry.at(commit)
    if found is None:
        raise UserError(
            f"HEAD: {commit[:7]} is no registered version. Fix: rml register; or `git"
            " fetch --tags`; or check out the tag of a version"
        )
    sys.stdout.write(f"{found.tag}\n")


def warnings(registry: Registry) -> Iterator[str]:
    """Yield what GTO and DVC do not read, or do not read in the same way."""
    yield from map(describe_ignored, registry.ignored)
    for stage, one in registry.stages.items():
        if one.removes:
            # `gto show` looks for the version before, `dvc artifacts get` does not.
            yield (
                f"{stage}: tag {one.tag} took it away, which GTO and DVC answer"
                f" differently. Fix: rml promote VERSION {stage}"
            )
        elif registry.at(one.commit) is None:
            yield (
                f"{stage}: tag {one.tag} points to commit {one.commit[:7]}, which is no"
                f" registered version. Fix: rml promote VERSION {stage}"
            )


def as_dictionary(record: VersionRecord) -> dict[str, Any]:
    """Return a record as JSON has it."""
    return record._asdict() | {
        "date": record.date.isoformat(),
        "metrics": {name: m._asdict() for name, m in record.metrics.items()},
    }


def metric_names(root: Path, records: Sequence[VersionRecord]) -> list[str]:
    """Return the names of all metrics, those that params.yaml names first."""
    params = Revision(root).yaml(PARAMS)
    wanted = section(params, "evaluate").get("metrics")
    first = [section(params, "gate").get("metric")]
    first += wanted if isinstance(wanted, list) else []
    known = {name for record in records for name in record.metrics}
    names = dict.fromkeys([*map(str, first), *sorted(known)])
    return [name for name in names if name in known]


def tabulate(records: Sequence[VersionRecord], names: Sequence[str]) -> Table:
    """Return a table of versions, the newest last.

    Args:
        records: In the order of registration.
        names: Of the metrics; the first COLUMNS are shown.
    """
    table = Table(header_style="bold", box=None, pad_edge=False)
    for title in ("version", "stages"):
        table.add_column(title, overflow="fold")
    for name in names[:COLUMNS]:
        table.add_column(Text(one_line(name)), justify="right", overflow="fold")
    for title in ("test rows", "date", "commit"):
        table.add_column(title, overflow="fold")
    for record in records:
        same = record.comparable_with_previous
        cells = [
            record.version,
            ", ".join(record.stages) or "-",
            *(_shown(record.metrics.get(name)) for name in names[:COLUMNS]),
            f"{(record.test_set or '-')[:7]}{'' if same else ' *'}",
            f"{record.date:%Y-%m-%d}",
            record.commit[:7],
        ]
        table.add_row(*map(Text, cells))
    return table


def _shown(metric: MetricValue | None) -> str:
    """Return a metric with its interval; in a terminal in lines, to be narrow."""
    if metric is None:
        return "-"
    value = format_number(metric.value)
    if metric.low is None or metric.high is None:
        return value
    ends = f"{format_number(metric.low)} to {format_number(metric.high)}"
    return f"{value}\n{ends}" if sys.stdout.isatty() else f"{value} ({ends})"


def ending(records: Sequence[VersionRecord]) -> str:
    """Return what has to be said below the table."""
    lines = ["With 95 % intervals. Compare two: rml compare VERSION VERSION"]
    for record in records:
        if record.why_not:
            lines.append(f"* {record.version}: {BREAK}: {record.why_not}")
    return "\n".join(lines) + "\n"
