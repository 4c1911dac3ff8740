"""The command `rml outcomes`: from labels and the log to a verdict."""

import datetime
import sys
import tempfile
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.metrics.tasks import choose_metrics
from reproducible_ml.monitoring.alert import notify
from reproducible_ml.monitoring.outcomes.evaluation import Plan, evaluate
from reproducible_ml.monitoring.outcomes.joined import VERSION, join, read_answers
from reproducible_ml.monitoring.outcomes.labels import read_labels
from reproducible_ml.monitoring.outcomes.page import make_page
from reproducible_ml.monitoring.outcomes.registered import find_registered
from reproducible_ml.monitoring.outcomes.text import as_markdown, as_prometheus
from reproducible_ml.monitoring.settings import Settings
from reproducible_ml.monitoring.windows import Width, parse_span
from reproducible_ml.report.markdown import show_in_terminal
from reproducible_ml.serving.command import (
    as_of_database,
    fetch_rows,
    load_deployment,
    load_project_model,
)

REPORT = Path("monitoring/outcomes.html")

# Beside the report: which alerts were sent.
STATE = "outcomes_alerts.json"


def outcomes(
    project: Project,
    source: str,
    folder: Path,
    *,
    log: Path,
    time: str | None = None,
    width: Width = "week",
    since: str | None = None,
    until: str | None = None,
    model: Path | None = None,
    query: str | None = None,
    key: str | None = None,
    as_json: bool = False,
    prometheus: Path | None = None,
    report: Path | None = None,
) -> int:
    """Evaluate the answers in a log; write and print how good they were.

    Args:
        project: Its metrics are computed.
        source: Labels: a path, the URL of a file, or that of a database.
        folder: What typed paths are relative to.
        log: The log of predictions.
        time: Column with the time since when a label is known.
        width: Of the windows.
        since: Time from which on answers count, as of `parse_time`.
        until: Time before which they count.
        model: Folder of the model; its contract says which labels are valid.
        query: Of a database as source.
        key: Columns that identify a row of it, separated by commas.
        as_json: Print JSON.
        prometheus: File for a collector of Prometheus.
        report: File of the page.

    Returns:
        The exit code: 0, 3 or 4.

    Raises:
        UserError: Labels or log cannot be read, or do not fit the contract.
    """
    settings: Settings = load_deployment(project, "monitoring").settings()
    loaded = load_project_model(project, folder / model if model else None)
    plan = _plan(project, loaded.data.task, width)
    compute = load_section(Compute, project.root / "params.yaml")
    with tempfile.TemporaryDirectory(prefix="rml-") as temporary:
        labels = read_labels(
            fetch_rows(source, folder, query, key, Path(temporary)),
            as_of_database(loaded) if query else loaded,
            compute,
            time,
        )
    now = datetime.datetime.now(datetime.UTC)
    span = parse_span(since, until, now)
    answers = read_answers(folder / log, list(plan.slices), span)
    if answers.empty:
        raise UserError(f"{log}: has no answers in this time")
    joined = join(answers, labels)
    versions = {*joined.answers[VERSION]}
    found = evaluate(joined, loaded, find_registered(project.root, versions), plan)
    page = folder / report if report else project.root / REPORT
    title = project.package.replace("_", " ").capitalize()
    write_text(make_page(found, title), page)
    if prometheus:
        write_text(as_prometheus(found), folder / prometheus)
    failed = notify(found.alerts, settings, page.with_name(STATE), project.package)
    if as_json:
        sys.stdout.write(f"{found.model_dump_json(indent=2)}\n")
    else:
        show_in_terminal(as_markdown(found), f"Report: {page}\n")
    if failed:
        raise UserError("\n".join(f"alerts were not sent: {each}" for each in failed))
    return found.exit_code


def _plan(project: Project, task: str, width: Width) -> Plan:
    params = project.params()
    evaluate, gate = params.evaluate, params.gate
    known = project.load("models.metrics").METRICS[task]
    chosen = choose_metrics("evaluate.metrics", evaluate.metrics, known, task)
    metric = gate.metric if gate.metric in chosen else next(iter(chosen))
    return Plan(
        chosen,
        width,
        evaluate.slices,
        evaluate.replicates,
        evaluate.interval_rows,
        metric,
        gate.tolerance,
    )
