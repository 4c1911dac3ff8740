"""Commands of `rml` that watch the model in use; `cli` adds them to the others."""

import sys
from pathlib import Path
from typing import Any

import click

from reproducible_ml.console import examples, project, project_and_folder

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
model = click.option(
    "--model", type=click.Path(path_type=Path), help="Folder of the model: models/."
)
prometheus = click.option(
    "--prometheus",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write metrics, as a collector of text files reads them.",
)


@click.command(
    epilog=examples(
        "rml monitor logs",
        "rml monitor --window day --since 7d --json",
        "rml monitor new.csv --time visited --window week",
        "rml monitor logs --since 24h --prometheus /var/lib/node/rml.prom",
    )
)
@click.argument("source", required=False)
@click.option(
    "--reference",
    metavar="TABLE",
    help="Compare with this table; by default with the training rows.",
)
@click.option(
    "--window",
    type=click.Choice(["none", "hour", "day", "week"]),
    default="none",
    show_default=True,
    help="Compare each hour, day or week (UTC) as well.",
)
@click.option(
    "--since", metavar="TIME", help="2026-11-29, 2026-11-29T15:00, or 24h, 7d, 4w ago."
)
@click.option("--until", metavar="TIME", help="Rows before this time.")
@click.option("--time", metavar="COLUMN", help="Of a table: when a row was.")
@click.option(
    "--version",
    metavar="MODEL_VERSION",
    help="Of a log: rows that this version answered, also in shadow.",
)
@model
@click.option(
    "--answers/--no-answers",
    default=True,
    help="Of a table: whether its rows are predicted, and the answers compared.",
)
@as_json
@prometheus
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; by default monitoring/report.html.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but alerts.")
def monitor(**options: Any) -> None:
    """Compare what the model gets and answers with what it was trained on.

    SOURCE is a log of predictions, by default RML_SERVE_LOG_FOLDER, or any table that
    `rml predict` reads. A column has drifted if chance does not explain the difference,
    corrected for all comparisons, and it is so large that it matters. Where a shift of
    half a standard deviation might be missed, it says that there are too few rows.
    Broken rules of the contract, missing values, unseen categories, volume and age of
    the rows are in the page as well.

    Exit code 0: fine. 3: drift, or beyond a limit of deployment/monitoring.py, which
    also says where alerts are sent. 4: too few rows to tell. 1: an error.
    """
    folder = Path.cwd()
    found = project()
    from reproducible_ml.monitoring.monitor import Options
    from reproducible_ml.monitoring.monitor import monitor as run

    sys.exit(run(found, Options(folder=folder, **options)))


@click.command(
    epilog=examples(
        "rml outcomes labels.csv --log logs --time decided",
        "rml outcomes labels/ --log logs --window day --since 30d",
        'rml outcomes sqlite:///shop.db --query "SELECT * FROM returns" --key visit'
        " --log logs",
    )
)
@click.argument("labels")
@click.option(
    "--log",
    envvar="RML_SERVE_LOG_FOLDER",
    required=True,
    show_envvar=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The log of predictions.",
)
@click.option(
    "--time", metavar="COLUMN", help="Time since when a label is known: label_time."
)
@click.option(
    "--window",
    "width",
    type=click.Choice(["none", "hour", "day", "week"]),
    default="week",
    show_default=True,
    help="Width of the windows of time.",
)
@click.option("--since", help="Answers from then on: 2026-11-29, or 24h, 7d, 4w ago.")
@click.option("--until", help="Answers before then, likewise.")
@model
@click.option("--query", help="Of a database: one SELECT, or the path of a .sql file.")
@click.option(
    "--key", help="Of a database: columns that identify a row, separated by commas."
)
@as_json
@prometheus
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; by default monitoring/outcomes.html.",
)
def outcomes(labels: str, **options: Any) -> None:
    """Evaluate the answers in a log by LABELS that became known since.

    LABELS is a file, folder, URL or database, or the folder that POST /feedback of the
    service writes. It has the column of the target, or `label`; and `request_id` and
    `row` (0 without it), or `row_key`, or the columns that the row key is made of.

    The metrics of the project are computed with intervals, by version of the model and
    window of time, and compared with those that the version had on its test rows.

    Exit code 0: a version that answers now is not worse than on its test rows. 3: it
    is, beyond noise; deployment/monitoring.py says where alerts are sent. 4: too few
    labels to tell. 1: an error.
    """
    from reproducible_ml.monitoring.outcomes.command import outcomes as run

    found, folder = project_and_folder()
    sys.exit(run(found, labels, folder, **options))


@click.command(
    epilog=examples("rml retrain", "rml retrain --data visits_may.csv --push")
)
@click.option(
    "--data",
    "given",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A new version of the raw table, or a file for its folder.",
)
@click.option(
    "--base", help="Branch, tag or commit to begin with; else the default branch."
)
@click.option("--yes", is_flag=True, help="Change an edited contract without asking.")
@click.option(
    "--push", "pushed", is_flag=True, help="Push data, model and the new branch."
)
def retrain(*, given: Path | None, base: str | None, yes: bool, pushed: bool) -> None:
    """Train again on new data, on a branch of its own.

    It gets the newest data (imports of DVC, the query or path that `rml data`
    recorded, or --data), checks them, runs the pipeline, and compares the new model
    with that of the default branch on the same test rows. With a split by time, the
    test rows move forward to the newest ones. Your working tree is not touched, and
    the default branch never changes.

    Exit code 0: the gate is passed, and there is a branch retrain/DATE-...; or there is
    nothing new. 3: the gate is not passed, or the data are not accepted; there is no
    branch. 4: there is a branch, but the models cannot be compared: a person decides.
    The report is monitoring/retrain.md, the result as JSON monitoring/retrain.json.
    """
    given = given.absolute() if given else None
    found = project()
    from reproducible_ml.monitoring.retraining.retrain import retrain as run

    sys.exit(run(found, given, base, accept=yes, pushed=pushed))


COMMANDS = (monitor, outcomes, retrain)
