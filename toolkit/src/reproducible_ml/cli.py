"""The command line: `rml`. Each command imports what it needs only when it runs."""

import logging
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import click

from reproducible_ml import (
    cli_exploration,
    cli_governance,
    cli_monitoring,
    cli_registry,
    cli_serving,
    cli_site,
)
from reproducible_ml.console import examples as _examples
from reproducible_ml.console import project as _project
from reproducible_ml.core.errors import report_errors

# Packages that not every project installs; a command needs one of its own.
OPTIONAL = {"track": ("mlflow", "wandb"), **cli_serving.PACKAGES}


class Commands(click.Group):
    """Commands in the order of their definition, without those that cannot run here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands whose packages are installed."""
        return [
            name
            for name in self.commands
            if name not in OPTIONAL or any(map(find_spec, OPTIONAL[name]))
        ]


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="reproducible-ml", prog_name="rml")
def cli() -> None:
    """Reproduce, compare and try models in a DVC repository.

    Commands whose packages are not installed are not listed: `make setup` installs
    those of `rml track` if params.yaml has `tracking: mlflow` or `wandb`, those of `rml
    serve` and `rml work` if the project has deployment/service.py and
    deployment/worker.py.

    \b
    Completion of commands and options, for bash (else zsh_source, fish_source):
      eval "$(_RML_COMPLETE=bash_source rml)"
    """  # noqa: D301 (click takes the backspace as: do not wrap)


@cli.command(epilog=_examples("rml check"))
def check() -> None:
    """Check params.yaml, data/catalog.yaml and docs/governance/, before anything runs.

    Prints a line for each mistake: the key, its value and the rule. Generated pages
    that are out of date, as docs/data/dictionary.md, are a mistake, too.
    """
    from reproducible_ml.adopt.catalog import check_catalog
    from reproducible_ml.card.catalog import CATALOG, empty_fields, read_catalog
    from reproducible_ml.exploration.dictionary import check_dictionary
    from reproducible_ml.governance.pages import check_pages, is_used

    found = _project()
    found.check()
    for line in [*check_catalog(found), *check_dictionary(found.root)]:
        click.echo(f"warning: {line}", err=True)
    empty = len(empty_fields(read_catalog(found.root / CATALOG)))
    click.echo(
        f"params.yaml is valid; data/catalog.yaml: {empty} required fields are empty."
        if empty
        else "params.yaml and data/catalog.yaml are valid."
    )
    if is_used(found.root):
        click.echo(check_pages(found))


@cli.command(
    epilog=_examples(
        "rml data visits.csv --target returned",
        "rml data https://example.org/visits.csv.gz --target returned --time visited",
        'rml data sqlite:///shop.db --query "SELECT * FROM visits" --key id --target x',
        "rml data                 (read the table of the project again)",
    )
)
@click.argument("source", required=False)
@click.option("--target", help="The column to predict.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]))
@click.option(
    "--positive", help="Of two classes, the one whose probability is predicted."
)
@click.option("--id", help="Columns that identify a row, separated by commas.")
@click.option(
    "--group",
    help="Column of the entity that rows belong to; the split keeps it together.",
)
@click.option("--time", help="Column with the date of a row: test on the latest fifth.")
@click.option("--name", help="Name of the file or folder in data/raw/.")
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    help="What 03/04/2026 means.",
)
@click.option(
    "--decimal", type=click.Choice(["comma", "point"]), help="What 1,234 means."
)
@click.option("--text", help="Columns that hold text, separated by commas.")
@click.option("--missing", help="Texts that mean a missing value, separated by commas.")
@click.option(
    "--encoding", help="Of CSV files, such as cp1251 or shift_jis; else it is detected."
)
@click.option(
    "--delimiter",
    help="Between values of CSV files: one or several characters, tab or blanks.",
)
@click.option("--query", help="Of a database: one SELECT, or the path of a .sql file.")
@click.option(
    "--key", help="Of a database: columns that identify a row, separated by commas."
)
@click.option(
    "--catalog",
    multiple=True,
    metavar="KEY=VALUE",
    help="A field of data/catalog.yaml, such as owner=Sales; repeat it for several.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--yes", is_flag=True, help="Change an edited contract without asking.")
def data(**options: Any) -> None:
    """Bring your own table: a file, folder, URL or database.

    The whole table is read and checked. If it is valid, it is put into data/raw/ under
    DVC, and data/schema.yaml, params.yaml and dvc.yaml are written for it. Your own
    edits of these files are kept wherever the table allows. On a terminal, it then asks
    for what data/catalog.yaml lacks: owner, license, personal data and so on.
    """
    from reproducible_ml.adopt.adopt import adopt
    from reproducible_ml.adopt.request import Options
    from reproducible_ml.reproduce import write_documents

    found = _project()
    try:
        adopt(found, Options(**_absolute(options)))
    except KeyboardInterrupt:
        click.echo("\nStopped. Nothing was changed.", err=True)
        raise
    if not options["dry_run"]:
        write_documents(found)


def _absolute(options: dict[str, Any]) -> dict[str, Any]:
    """Return options whose paths do not depend on the folder they were typed in."""
    from os.path import expanduser
    from pathlib import Path

    from reproducible_ml.core.project import find_project

    if Path.cwd() == find_project().root:
        return options
    found = dict(options)
    if options["source"] and "://" not in options["source"]:
        path = Path(expanduser(options["source"]))  # noqa: PTH111 (as in sources)
        found["source"] = str(path.absolute())
    # A query may be the text itself.
    if options["query"] and Path(options["query"]).is_file():
        found["query"] = str(Path(options["query"]).absolute())
    return found


@cli.command(epilog=_examples("rml repro", "rml repro train --force"))
@click.argument("targets", nargs=-1)
@click.option("--force", is_flag=True, help="Run every stage, even if nothing changed.")
def repro(targets: tuple[str, ...], *, force: bool) -> None:
    """Run the stages that changed, then draw and print the results.

    It checks params.yaml, runs `dvc repro`, draws reports/overview.png and prints the
    metrics. TARGETS are stages; without them, all run.
    """
    from reproducible_ml.reproduce import reproduce

    reproduce(_project(), targets, force=force)


@cli.command(epilog=_examples("rml update", "rml update --better"))
@click.option(
    "--accept", is_flag=True, help="Keep the updated model, whatever its scores are."
)
@click.option(
    "--better", is_flag=True, help="Keep it only if it is better by more than noise."
)
def update(*, accept: bool, better: bool) -> None:
    """Let a model that is trained in batches learn the newest rows.

    The model goes on where it stopped, with the training rows that follow those it has
    learned. Both are scored on test rows that are new. If the updated one is not worse
    in the metric of the gate by more than noise, it replaces the other: the rows are
    listed in train.updates of params.yaml, so that `dvc repro` makes the same model
    from nothing, and the rest of the pipeline runs.
    """
    from reproducible_ml.update import update as run

    run(_project(), accept=accept, better=better)


@cli.command(epilog=_examples("rml show", "rml show --no-open"))
@click.option("--no-open", is_flag=True, help="Print its path, and open no browser.")
def show(*, no_open: bool) -> None:
    """Open all results in a browser: reports/index.html, a page without a server.

    It is one file, which asks nothing of a network and can be sent to others. It says
    of which commit the results are, and whether data, parameters or code changed since.
    """
    from reproducible_ml.page.page import show as run

    run(_project(), browser=not no_open)


@cli.command(
    epilog=_examples(
        "rml resources", "rml resources HEAD~1 HEAD", "rml resources v1.2.0"
    )
)
@click.argument("names", nargs=-1, metavar="[REVISION]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def resources(names: tuple[str, ...], *, as_json: bool) -> None:
    """Show how much time and memory each stage took on this computer.

    REVISION is a commit, branch or tag; without one, it is the working tree; several
    are shown side by side. A log that Git ignores, .dvc/tmp/rml/resources.jsonl, has
    the runs of `rml repro`; what DVC restored did not run. RML_PRICE_PER_HOUR, or
    price_per_hour of [tool.reproducible_ml] in pyproject.toml, adds what it cost.
    """
    from reproducible_ml.report.resources import show_resources

    show_resources(_project(), names, as_json=as_json)


@cli.command("check-lock", epilog=_examples("rml check-lock"))
def check_lock() -> None:
    """Check that dvc.lock is up to date; needs no data.

    Exits with 1 and a line for each reason if it is not.
    """
    from reproducible_ml.versioning.lock import check_lock as run

    run(_project().root)


@cli.command()
@click.option(
    "--base", help="Branch, tag or commit; by default where the branch left main."
)
@click.option("--offline", is_flag=True, help="Do not contact the remote storage.")
def report(*, base: str | None, offline: bool) -> None:
    """Report what a change does, for its reviewers.

    Compares the results in the working tree with those of a base commit, checks that
    the committed results were reproduced, and checks the gates of params.yaml. Writes
    reports/report.md and prints it without the diagrams. Run it after `make repro`. It
    exits with 1, after the report is written, if results were not reproduced or a gate
    failed.
    """
    from reproducible_ml.report.report import write_report

    if not write_report(_project(), base, offline=offline):
        sys.exit(1)


@cli.command(
    epilog=_examples(
        "rml exp -S train.seed=1",
        "rml exp -S train.estimator.arguments.max_iter=200 -S split.salt=a --name more",
    )
)
@click.option(
    "-S",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter to change; repeat it for several.",
)
@click.option("--name", help="Name of the experiment; by default DVC chooses one.")
def exp(*, settings: tuple[str, ...], name: str | None) -> None:
    """Run the pipeline with other settings, and compare.

    Uncommitted changes of parameters, code and data are part of the experiment. The
    results stay in the working tree, and DVC stores the experiment. Wrong settings, and
    files that the experiment would lose, are errors before anything runs. If a stage
    fails, the working tree is restored.
    """
    from reproducible_ml.experiments.run import experiment

    experiment(_project(), settings, name or None)


@cli.command(epilog=_examples("rml exps", "rml exps | grep queued"))
def exps() -> None:
    """List the experiments on the last commit, the best first.

    The table has the parameters and metrics that differ. Experiments that are queued,
    running or failed come last.
    """
    from reproducible_ml.experiments.listing import list_experiments

    list_experiments(_project())


@cli.command(epilog=_examples("rml branch more"))
@click.argument("name", required=False, default="")
def branch(name: str) -> None:
    """Make a Git branch of the experiment NAME, ready to be pushed."""
    from reproducible_ml.experiments.listing import branch as run

    run(_project().root, name)


@cli.command("queue-reset", epilog=_examples("rml queue-reset"))
def queue_reset() -> None:
    """Repair the queue of experiments after a process was killed."""
    from reproducible_ml.experiments.queue import reset_queue

    reset_queue(_project().root)


@cli.command(epilog=_examples("rml track", "rml track HEAD more"))
@click.argument("names", nargs=-1)
def track(names: tuple[str, ...]) -> None:
    """Log results to the tracking server that params.yaml and the environment name.

    NAMES are commits or experiments; without them, the result in the working tree.
    `rml repro` and `rml exp` do it if params.yaml has `tracking: mlflow` or `wandb`. If
    the server or its client is missing, that is a warning, never an error.
    """
    from reproducible_ml.tracking.track import track as run

    run(_project(), names)


for _command in (
    *cli_exploration.COMMANDS,
    *cli_registry.COMMANDS,
    *cli_serving.COMMANDS,
    *cli_monitoring.COMMANDS,
    *cli_governance.COMMANDS,
    *cli_site.COMMANDS,
):
    cli.add_command(_command)


@cli.command(epilog=_examples("rml verify", "rml verify v1.2.0 --same-processor"))
@click.argument("revision", default="HEAD")
@click.option(
    "--same-processor",
    is_flag=True,
    help="Do not imitate an older processor, to rule out rounding in BLAS.",
)
def verify(*, revision: str, same_processor: bool) -> None:
    """Rebuild the last commit elsewhere, and compare every output.

    HEAD, or another REVISION, is cloned into a temporary folder and rebuilt from raw
    data with another hash seed, time zone, locale, umask and number of threads, and
    with the features of an older processor. Exits with 1 if an output differs.
    """
    from reproducible_ml.verify.rebuild import verify as run

    if not run(_project().root, revision, same_processor=same_processor):
        sys.exit(1)


@cli.command(epilog=_examples("rml doctor", "rml doctor --fix", "rml doctor --remote"))
@click.option("--fix", is_flag=True, help="Fix what can be fixed without any loss.")
@click.option("--remote", is_flag=True, help="Also read all objects of the remotes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, fix: bool, remote: bool, as_json: bool) -> None:
    """Find what is damaged or badly set up, and the command that fixes it.

    Hashes the cache and the data, and looks at the files of DVC, what killed commands
    left, Git, remotes and the environment. Damaged files are moved to .dvc/tmp/damaged
    by --fix, not deleted. Exits with 1 if a problem is left.
    """
    from reproducible_ml.doctor.doctor import examine, examine_as_json

    run = examine_as_json if as_json else examine
    if not run(_project(), fix=fix, remote=remote):
        sys.exit(1)


@cli.command("check-files", epilog=_examples("rml check-files params.yaml notes.md"))
@click.argument("paths", nargs=-1, required=True)
def check_files(paths: tuple[str, ...]) -> None:
    """Check files before they are committed; .pre-commit-config.yaml calls this.

    Passwords, tokens and keys, files of more than 1 MB, which belong to DVC, and text
    without a line break at its end are errors. A secret is not repeated.
    """
    from pathlib import Path

    from reproducible_ml.doctor.repository import file_problems

    problems = file_problems([Path(path) for path in paths])
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    sys.exit(1 if problems else 0)


@cli.command(epilog=_examples("rml licenses"))
def licenses() -> None:
    """Print a table of the licenses of the packages in environments/runtime.txt."""
    from reproducible_ml.doctor.environment import license_table

    click.echo(license_table(_project().root / "environments/runtime.txt"))


@cli.command(hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Run it, even on the same files.")
def once(name: str, command: tuple[str, ...], *, force: bool) -> None:
    """Run COMMAND, unless it succeeded on the same files before.

    The files are those that Git tracks or would track; their content counts, not their
    dates. NAME distinguishes commands.
    """
    from reproducible_ml.versioning.once import run_once

    sys.exit(run_once(_project().root, name, command, force=force))


def main() -> None:
    """Run `rml`; expected errors are a line each, with exit code 1."""
    from reproducible_ml.core.errors import end_interrupted, use_replacement_characters

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    use_replacement_characters()
    # `python` in dvc.yaml is that of this environment, even if nobody activated it.
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
    with report_errors():
        try:
            cli.main(prog_name="rml", standalone_mode=False)
        except click.exceptions.Abort:
            end_interrupted()  # by Ctrl-C
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)


def _interrupt(number: int, _: Any) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number))


if __name__ == "__main__":
    main()
