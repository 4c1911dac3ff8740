"""`rml models` and `rml compare`: which versions there are, and which one is better."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.registry.history import MetricValue, VersionRecord, history_of
from reproducible_ml.registry.tags import (
    Registry,
    describe_ignored,
    find_version,
    read_registry,
)
from reproducible_ml.report import changes
from reproducible_ml.report.markdown import show_in_terminal
from reproducible_ml.report.report import groups, metrics
from reproducible_ml.report.results import NO_RESULTS, compare, pair, read_results
from reproducible_ml.report.review import gate_metric, known_metrics
from reproducible_ml.versioning.git import Revision

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NONE = """\
No version of the model is registered here. Register the last commit:

    rml register

If others registered some: git fetch --tags. docs/registry.md shows the whole way.
"""

# Between versions whose metrics are not about the same rows, or the same question.
BREAK = "not comparable with the row above"

# Metrics that have a column each; more need --json.
COLUMNS = 4

# Versions that are drawn, the newest ones.
DRAWN = 30


def list_models(project: Project, *, as_json: bool, picture: Path | None) -> None:
    """Print the registered versions, as a table or JSON, or draw their metrics.

    Args:
        project: The repository.
        as_json: Print JSON.
        picture: A .png file to draw them into; None: print them.
    """
    registry = read_registry(project.root)
    for line in warnings(registry):
        sys.stderr.write(f"warning: {line}\n")
    records = history_of(project.root, registry)
    if picture:
        draw(records, picture)
        sys.stdout.write(f"{picture}: {len(records)} versions\n")
    elif as_json:
        content = [as_dictionary(record) for record in records]
        sys.stdout.write(f"{json.dumps(content, indent=2, ensure_ascii=False)}\n")
    elif not records:
        sys.stdout.write(NONE)
    else:
        show_in_terminal(tabulate(records, _order(project, records)), ending(records))


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


def _order(project: Project, records: Sequence[VersionRecord]) -> list[str]:
    """Return the names of all metrics, those of params.yaml first."""
    try:
        params = project.params()
        first = [gate_metric(params), *params.evaluate.metrics]
    except UserError:
        # The versions can be listed all the same.
        first = []
    known = {name for record in records for name in record.metrics}
    return [name for name in dict.fromkeys([*first, *sorted(known)]) if name in known]


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
        table.add_row(*map(Text, map(one_line, cells)))
    return table


def _shown(metric: MetricValue | None) -> str:
    if metric is None:
        return "-"
    value = format_number(metric.value)
    if metric.low is None or metric.high is None:
        return value
    return f"{value} ({format_number(metric.low)}-{format_number(metric.high)})"


def ending(records: Sequence[VersionRecord]) -> str:
    """Return what has to be said below the table."""
    lines = ["In brackets: 95 % intervals. Compare two: rml compare VERSION VERSION"]
    for record in records:
        if record.why_not:
            lines.append(f"* {record.version}: {BREAK}: {record.why_not}")
    return "\n".join(lines) + "\n"


def draw(records: Sequence[VersionRecord], path: Path) -> None:
    """Draw each metric of the newest versions with its intervals, into a PNG file.

    Raises:
        UserError: There is nothing to draw, or the file has another suffix.
    """
    import matplotlib as mpl

    from reproducible_ml.core.files import replacing
    from reproducible_ml.modeling.drawing.style import project_style

    shown = records[-DRAWN:]
    names = sorted({name for record in shown for name in record.metrics})
    if path.suffix != ".png":
        raise UserError(f"{path}: is no .png file. Fix: give a name that ends in .png")
    if not names:
        raise UserError("no version has metrics to draw. Fix: rml register")
    mpl.use("Agg")
    from matplotlib.figure import Figure

    with project_style():
        width = max(4.5, 1.6 + 0.5 * len(shown))
        figure = Figure((2 * width, 2.6 * -(-len(names) // 2)), layout="constrained")
        grid = figure.subplots(-(-len(names) // 2), 2, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            _draw_metric(axes, name, shown)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        figure.suptitle("Versions of the model, with 95 % intervals")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_metric(axes: "Axes", name: str, records: Sequence[VersionRecord]) -> None:
    """Draw a metric: a line through versions that can be compared, else a gap."""
    from reproducible_ml.modeling.drawing.style import BLUE, GREY, name_ticks, short

    line: list[tuple[int, float]] = []
    for place, record in enumerate(records):
        if place and not record.comparable_with_previous:
            axes.axvline(place - 0.5, color=GREY, linestyle="--", linewidth=1.2)
            _draw_line(axes, line)
            line = []
        found = record.metrics.get(name)
        if found is None or found.value is None:
            continue
        line.append((place, found.value))
        if found.low is not None and found.high is not None:
            axes.vlines(place, found.low, found.high, color=BLUE, alpha=0.5)
    _draw_line(axes, line)
    axes.set_xlim(-0.6, len(records) - 0.4)
    name_ticks(axes, [record.version for record in records], room=40)
    axes.set_title(short(name, 40))
    if any(not record.comparable_with_previous for record in records[1:]):
        axes.set_xlabel("dashed: the test rows changed, not comparable")


def _draw_line(axes: "Axes", points: Sequence[tuple[int, float]]) -> None:
    from reproducible_ml.modeling.drawing.style import BLUE

    if points:
        axes.plot(*zip(*points, strict=True), color=BLUE, marker="o", markersize=5)


def compare_models(project: Project, old: str, new: str) -> None:
    """Print how two versions differ: metrics with paired intervals, and why.

    Args:
        project: The repository.
        old: A version, `latest`, or a stage.
        new: Another one.
    """
    root = project.root
    registry = read_registry(root)
    base, head = (find_version(registry, name) for name in (old, new))
    before, after = (Revision(root, version.commit) for version in (base, head))
    was, now = read_results(before), read_results(after)
    task = str(now.params.get("data", {}).get("task", "binary"))
    known = known_metrics(project, task)
    found = compare(was, now, known, [])
    pairing = pair(was, now)
    same = was if pairing.kind != "none" else NO_RESULTS
    parts = [
        f"**{head.name}** compared with **{base.name}** (the base).",
        "" if pairing.kind == "paired" else f"**Warning**: {pairing.note}",
        metrics(was, now, found, known) if found else "Neither has metrics.",
        changes.params(was, now),
        changes.tables(before, after, was, now),
        changes.stages(was, now),
        changes.packages(before, after),
        groups(same, now, found[0].name, known) if found else "",
    ]
    show_in_terminal("\n\n".join(filter(None, parts)))
