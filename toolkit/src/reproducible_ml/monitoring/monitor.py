"""The command `rml monitor`: from what was typed to a verdict, a page and alerts."""

import datetime
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.project import Project
from reproducible_ml.monitoring.alert import notify
from reproducible_ml.monitoring.document import Pair, in_order, make_page, verdict_words
from reproducible_ml.monitoring.drift import (
    compare,
    notes,
    summarise,
    unseen_categories,
    violations,
)
from reproducible_ml.monitoring.exposition import as_prometheus
from reproducible_ml.monitoring.limits import alerts, exit_code
from reproducible_ml.monitoring.log_rows import Choice, tally_log
from reproducible_ml.monitoring.reference import (
    Reference,
    table_reference,
    training_reference,
)
from reproducible_ml.monitoring.result import Result
from reproducible_ml.monitoring.settings import Settings
from reproducible_ml.monitoring.table_rows import Reader, read_chunks, tally_table
from reproducible_ml.monitoring.tally import Name, Tally
from reproducible_ml.monitoring.windows import (
    HOUR,
    Width,
    parse_span,
    to_datetime,
    to_microseconds,
)
from reproducible_ml.report.markdown import show_in_terminal
from reproducible_ml.serving.command import (
    fetch_rows,
    load_deployment,
    load_project_model,
)
from reproducible_ml.serving.read_log import is_log

logger = logging.getLogger(__name__)

REPORT = Path("monitoring/report.html")

# Beside the report: what was sent.
STATE = "alerts.json"

# Where the service writes its log.
FOLDER = "RML_SERVE_LOG_FOLDER"

# Columns in the terminal that did not drift; the page has all.
LISTED = 15


class Options(NamedTuple):
    """What was typed.

    Attributes:
        source: A log of predictions, or any table; None: the log of the service.
        folder: What typed paths are relative to.
        reference: A table to compare with; None: the training rows.
        window: Width of windows of time.
        since: Time of the first row that counts.
        until: Time of the first row that does not.
        time: Column of a table with the time of a row.
        version: Beginning of the model version whose rows in a log count.
        model: Folder of the model.
        answers: Whether answers to the rows of a table are computed and compared.
        as_json: Print JSON.
        prometheus: File for a collector of Prometheus.
        report: File of the page.
        quiet: Print nothing but alerts.
    """

    source: str | None
    folder: Path
    reference: str | None = None
    window: Width = "none"
    since: str | None = None
    until: str | None = None
    time: str | None = None
    version: str | None = None
    model: Path | None = None
    answers: bool = True
    as_json: bool = False
    prometheus: Path | None = None
    report: Path | None = None
    quiet: bool = False


def monitor(project: Project, options: Options) -> int:
    """Compare, write the page, tell people, and print; return the exit code.

    Raises:
        UserError: Something cannot be read, or is no time or setting.
    """
    settings: Settings = load_deployment(project, "monitoring").settings()
    found, pairs = examine(project, options, settings)
    page = options.folder / options.report if options.report else project.root / REPORT
    write_text(make_page(found, pairs, project.package), page)
    if options.prometheus:
        write_text(as_prometheus(found), options.folder / options.prometheus)
    failed = notify(found.alerts, settings, page.with_name(STATE), project.package)
    if options.as_json:
        sys.stdout.write(f"{found.model_dump_json(indent=2)}\n")
    elif options.quiet:
        sys.stdout.write("".join(f"{one_line(a.text)}\n" for a in found.alerts))
    else:
        shown = page
        if page.is_relative_to(options.folder):
            shown = page.relative_to(options.folder)
        show_in_terminal(tabulate(found), "\n".join([*ending(found, shown), ""]))
    if failed:
        raise UserError("\n".join(f"alerts were not sent: {each}" for each in failed))
    return found.exit_code


def examine(
    project: Project, options: Options, settings: Settings
) -> tuple[Result, dict[Name, Pair]]:
    """Return what is found, and the distributions of what was compared.

    Raises:
        UserError: As of `monitor`.
    """
    now = datetime.datetime.now(datetime.UTC)
    span = parse_span(options.since, options.until, now)
    folder = options.folder / options.model if options.model else None
    model = load_project_model(project, folder)
    predict = project.load("deployment.predict").predict
    compute = load_section(Compute, project.root / "params.yaml")
    reader = Reader(model, predict, compute)
    reference = _reference(project, options, reader)
    source = options.source or os.environ.get(FOLDER)
    if not source:
        raise UserError(f"Name a log or a table, or set {FOLDER}")
    choice = Choice(span, options.window, options.version)
    tally = _tally(source, options, reference, choice, reader)
    comparisons = compare(tally, reference, options.window)
    end = to_microseconds(now)
    end = end if span.end is None else min(span.end, end)
    windows = summarise(tally, comparisons, options.window, end)
    found = alerts(tally, comparisons, windows, settings, end, options.window)
    newest = tally.newest
    result = Result(
        time=now.isoformat(timespec="seconds"),
        source=source,
        reference=" and ".join(dict.fromkeys(reference.source)),
        reference_rows=reference.rows,
        model_version=reference.version,
        rows=tally.rows.total(),
        refused=tally.refused.total(),
        newest=None
        if newest is None
        else to_datetime(newest).isoformat(timespec="seconds"),
        age_hours=None if newest is None else (end - newest) / HOUR,
        window=options.window,
        comparisons=comparisons,
        windows=windows,
        violations=violations(tally),
        unseen=unseen_categories(tally),
        notes=notes(tally, reference, to_microseconds(now)),
        alerts=found,
        exit_code=exit_code(found, comparisons, tally),
    )
    return result, _pairs(tally, reference)


def _reference(project: Project, options: Options, reader: Reader) -> Reference:
    if options.reference is None:
        assert reader.predict is not None
        return training_reference(
            project.root, reader.model, reader.predict, reader.compute
        )
    with tempfile.TemporaryDirectory(prefix="rml-") as temporary:
        path = fetch_rows(
            options.reference, options.folder, None, None, Path(temporary)
        )
        assert reader.predict is not None
        return table_reference(
            read_chunks(path, reader),
            options.reference,
            reader.model,
            reader.predict,
            reader.compute,
        )


def _tally(
    source: str, options: Options, reference: Reference, choice: Choice, reader: Reader
) -> Tally:
    """Return the counts of a log or table."""
    folder = options.folder / Path(source).expanduser()
    if options.source is None or is_log(folder):
        if options.time:
            raise UserError("--time is for a table; a log has times of its own")
        return tally_log(folder, reference, choice, reader.compute)
    if options.version:
        raise UserError(f"--version is for a log of predictions; {source} is none")
    time = options.time or reader.model.data.time
    if time is None and (options.window != "none" or any(choice.span)):
        raise UserError(
            "--window, --since and --until need to know when a row was. Fix: name its"
            " column: --time COLUMN"
        )
    if not options.answers:
        reader = reader._replace(predict=None)
    with tempfile.TemporaryDirectory(prefix="rml-") as temporary:
        path = fetch_rows(source, options.folder, None, None, Path(temporary))
        return tally_table(path, reference, choice, reader._replace(time=time))


def _pairs(tally: Tally, reference: Reference) -> dict[Name, Pair]:
    found = {}
    for name, cells in tally.whole().cells.get(0, {}).items():
        version, column = name
        known = reference.inputs if version is None else reference.answers
        old = known[column]
        found[name] = Pair(old, cells.as_distribution(old))
    return found


def tabulate(result: Result) -> Table:
    """Return a table of the columns, those that drifted first."""
    shown = Table(box=None, pad_edge=False, header_style="")
    for name in ("column", "verdict", "moved", "PSI", "p", "missing", "rows", "needed"):
        right = name not in ("column", "verdict")
        shown.add_column(name, justify="right" if right else "left", no_wrap=right)
    colours = {"drift": "red", "too few": "yellow", "fine": "green"}
    ordered = in_order(result.overall)
    worst = [each for each in ordered if each.verdict == "drift"]
    for each in [*worst, *ordered[len(worst) :][:LISTED]]:
        shown.add_row(
            Text(one_line(each.column)),
            Text(each.verdict, style=colours[each.verdict]),
            f"{each.moved:.0%}",
            f"{each.psi:.2f}",
            f"{each.p:.2g}",
            f"{each.missing:.1%}",
            f"{each.rows}",
            "-" if each.rows_needed is None else f"{each.rows_needed}",
        )
    return shown


def ending(result: Result, page: Path) -> Iterator[str]:
    """Yield lines below the table."""
    overall = result.overall
    shown = min(len(overall), LISTED + sum(e.verdict == "drift" for e in overall))
    if shown < len(overall):
        yield f"and {len(overall) - shown} more columns"
        yield ""
    refused = (
        f", {result.refused} more break the contract ({result.refused_share:.1%})"
        if result.refused
        else ""
    )
    rows = f"{result.rows} rows of {one_line(result.source)}"
    yield f"{verdict_words(result)}: {rows}{refused}"
    yield from (f"- {one_line(each.text)}" for each in result.alerts)
    few = [each for each in overall if each.verdict == "too few"]
    if few:
        needed = [each.rows_needed for each in few if each.rows_needed]
        least = f"up to {max(needed)} rows are needed" if needed else ""
        if len(needed) < len(few):
            least = "the reference itself has too few"
        yield f"- too few rows to tell: {len(few)} of {len(overall)} columns ({least})"
    for each in result.windows[-5:]:
        drifted = f" ({', '.join(each.drifted[:3])})" if each.drifted else ""
        yield f"- {each.name}: {each.rows} rows, {each.verdict}{one_line(drifted)}"
    yield from (f"- {one_line(each)}" for each in result.notes)
    yield f"Report: {page}"
