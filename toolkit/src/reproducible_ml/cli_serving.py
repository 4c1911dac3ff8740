"""Commands of `rml` that use the model; `cli` adds them to the others."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from reproducible_ml.console import examples, project, project_and_folder
from reproducible_ml.core.errors import UserError

# Packages that not every project installs.
PACKAGES = {"serve": ("uvicorn",), "work": ("faststream",)}


@click.command(
    epilog=examples(
        "rml predict new.csv --output answers.csv",
        "rml predict new/ --output answers/ --on-bad-row quarantine",
        'rml predict sqlite:///shop.db --query "SELECT * FROM visits" --key id'
        " --output sqlite:///shop.db --table answers",
    )
)
@click.argument("source")
@click.option(
    "--output",
    required=True,
    metavar="DEST",
    help="A file (.csv or .parquet), a folder, or the URL of a database.",
)
@click.option("--table", help="Of a database as output: the table to write to.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    help="Of the files in a folder.",
)
@click.option("--keep", help="Columns to copy into the output, separated by commas.")
@click.option(
    "--on-bad-row",
    type=click.Choice(["fail", "quarantine"]),
    default="fail",
    help="A row that breaks the contract: write nothing, or all others.",
)
@click.option(
    "--quarantine",
    type=click.Path(path_type=Path),
    help="File for bad rows; by default DEST.bad.jsonl.",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="Folder of the model: models/."
)
@click.option("--query", help="Of a database: one SELECT, or the path of a .sql file.")
@click.option(
    "--key", help="Of a database: columns that identify a row, separated by commas."
)
def predict(source: str, **options: Any) -> None:
    """Predict the rows of SOURCE: a file, folder, URL or database.

    The rows are checked against the contract as those of the training table were. The
    target need not be there, further columns are ignored, and answers keep the order of
    the rows. In a database, a row of the same key and model version is replaced, so
    that a batch can run again. Exits with 1 if nothing was written.
    """
    from reproducible_ml.serving.command import predict as run

    found, folder = project_and_folder()
    run(found, source, folder, **options)


@click.command(
    epilog=examples(
        "rml explain 1 17",
        "rml explain 5cd0fdf859e93eb1 --top 5 --picture row.png",
        "rml explain 2 --file new.csv --json",
        "rml explain --background models/background.parquet",
    )
)
@click.argument("rows", nargs=-1, metavar="[ROW]...")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="A file or folder with rows; ROW is a position in it, by default all.",
)
@click.option(
    "--class", "label", metavar="NAME", help="Of several classes, the one to explain."
)
@click.option(
    "--top",
    type=click.IntRange(1),
    help="Contributions to show; in JSON by default all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--picture", type=click.Path(path_type=Path), help="PNG file to draw the rows in."
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="Folder of the model: models/."
)
@click.option(
    "--background",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the training rows to compare with, for a service that explains.",
)
def explain(rows: tuple[str, ...], **options: Any) -> None:
    """Explain what moved the prediction for each ROW.

    ROW is a position in the test set, from 1, or a row key as `rml predict` writes it.
    Each column gets a contribution (Shapley value): base value, which is the mean of
    100 training rows, plus contributions is what the model predicts: a number, or the
    log-odds of a class of two, or the log-probability of one of several, up to a number
    that is the same for all classes of a row. For boosted trees and linear models they
    are exact, for others estimated, with a standard error. Contributions explain the
    model, not what causes the target.
    """
    from reproducible_ml.serving.explaining.command import explain as run

    found, folder = project_and_folder()
    run(found, rows, folder, **options)


@click.command(epilog=examples("rml package", "rml package --output wheels"))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="Folder for the wheels.",
)
@click.option("--force", is_flag=True, help="Even if dvc.lock is not up to date.")
@click.option(
    "--explain",
    is_flag=True,
    help="Add 100 training rows, so that its service can explain.",
)
def package(*, output: Path, force: bool, explain: bool) -> None:
    """Build a wheel of the model, and of the toolkit that it needs.

    The wheel holds models/, the project's code and the section `predict` of
    params.yaml, and pins the versions that the model was made with: it predicts without
    this repository and without DVC. The same files give the same bytes.
    """
    from reproducible_ml.serving.package import package as build

    folder = output.absolute()
    for wheel in build(project(), folder, force=force, explain=explain):
        size = wheel.stat().st_size / 1000
        click.echo(f"{output / wheel.name} ({size:.0f} kB)")


@click.command(
    epilog=examples(
        "rml serve",
        "rml serve --host 0.0.0.0 --port 80 --workers 4",
        "rml serve --grpc-port 8081",
        "RML_API_KEY=secret RML_SERVE_LOG_FOLDER=logs rml serve --model models",
    )
)
@click.option("--host", help="Address, by default 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port, by default 8080; 0 for any that is free.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of processes.",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(1, 65535),
    help="Port for gRPC; without it, there is none.",
)
@click.option("--model", help="Folder with model.skops and model.json; else models/.")
@click.option("--name", help="Name of the model in addresses.")
def serve(
    *,
    host: str | None,
    port: int | None,
    workers: int,
    grpc_port: int | None,
    model: str | None,
    name: str | None,
) -> None:
    """Answer requests over HTTP with the model.

    / is a page with a form for one row; POST /predict takes rows as JSON or as an Arrow
    stream; /v2 is the Open Inference Protocol, which --grpc-port adds over gRPC;
    /openapi.json describes all; /metrics is for Prometheus. Each row is checked against
    the contract. Another model in the folder takes the place of the first without a
    lost request; Ctrl-C or SIGTERM ends the service when all requests are answered.
    Settings are in deployment/service.py of the project. On Amazon SageMaker and Google
    Vertex AI, address, port, model and routes are those that they want.
    """
    _check_installed("serve", "deployment/service.py")
    _use_one_thread()
    from reproducible_ml.serving.service.run import serve as run

    at = f"[{host}]" if host and ":" in host else host or "127.0.0.1"
    run(
        project(),
        host=host,
        port=port,
        workers=workers,
        grpc_address=f"{at}:{grpc_port}" if grpc_port else None,
        model=str(Path(model).absolute()) if model else None,
        name=name,
    )


@click.command(
    epilog=examples(
        "rml work",
        "rml work --server nats://broker:4222 --messages 32 --metrics-port 8090",
        "NATS_USER=me NATS_PASSWORD=secret rml work --server tls://broker:4222",
    )
)
@click.option(
    "--server",
    metavar="URL",
    envvar="NATS_URL",
    show_envvar=True,
    help="Of NATS, by default nats://127.0.0.1:4222; several with commas.",
)
@click.option("--model", help="Folder with model.skops and model.json; else models/.")
@click.option("--messages", type=click.IntRange(1), help="How many to take at once.")
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    help="Port of 127.0.0.1 for Prometheus; without it, there is none.",
)
def work(
    *,
    server: str | None,
    model: str | None,
    messages: int | None,
    metrics_port: int | None,
) -> None:
    """Answer requests of a queue, NATS JetStream, with the model.

    A message has rows as JSON or as an Arrow stream, as POST /predict of the service
    does; its reply goes to another subject, at least once and always with the same id.
    What fails is tried again later; what cannot be answered goes to a subject of dead
    letters. Any number of workers share the load; Ctrl-C or SIGTERM ends one when its
    messages are answered. Settings are in deployment/worker.py of the project;
    credentials are read from NATS_CREDS or NATS_NKEY (files), NATS_TOKEN, or NATS_USER
    and NATS_PASSWORD.
    """
    _check_installed("work", "deployment/worker.py")
    _use_one_thread()
    from reproducible_ml.serving.worker.app import work as run

    folder = str(Path(model).absolute()) if model else None
    run(
        project(),
        server=server,
        model=folder,
        messages=str(messages) if messages else None,
        metrics_port=str(metrics_port) if metrics_port else None,
    )


def _check_installed(command: str, module: str) -> None:
    """Refuse a command whose packages `make setup` installs if there is a module."""
    [package] = PACKAGES[command]
    if not find_spec(package):
        raise UserError(
            f"rml {command}: {package} is not installed. Fix: run `make setup` in a"
            f" project that has {module}"
        )


def _use_one_thread() -> None:
    """Let libraries use one thread: it is faster for single rows than many.

    They read these variables when they are loaded.
    """
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


COMMANDS = (predict, explain, package, serve, work)
