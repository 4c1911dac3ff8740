"""Commands of `rml` about versions of the model; `cli` adds them to the others."""

from pathlib import Path

import click

from reproducible_ml.console import examples, project

push = click.option("--push", "pushed", is_flag=True, help="Push the tags as well.")


@click.command(epilog=examples("rml register", "rml register 2.0.0-rc.1 --push"))
@click.argument("version", required=False)
@click.option(
    "--dry-run", "dry", is_flag=True, help="Only check, and show the version."
)
@push
def register(*, version: str | None, dry: bool, pushed: bool) -> None:
    """Make the last commit a version of the model.

    It becomes a tag of Git, such as model@v1.2.0. Without VERSION, the next semantic
    version is taken: major if the data contract changed since the latest version, minor
    if the estimator or the features did, else patch. It is refused, with a line for
    each reason, if the version could not be reproduced or is not good enough: files
    that are not committed, a dvc.lock that is not up to date, failed gates, outputs
    that are not on the DVC remote, or empty fields in the model card.
    """
    from reproducible_ml.registry.register import register as run

    run(project(), version, pushed=pushed, dry=dry)


@click.command(epilog=examples("rml promote 1.2.0 staging", "rml promote staging prod"))
@click.argument("version")
@click.argument("stage")
@push
def promote(*, version: str, stage: str, pushed: bool) -> None:
    """Put a version into a stage, such as staging or prod.

    It is a tag of Git, such as model#prod#3, the latest of which counts. VERSION is
    1.2.0 or v1.2.0, `latest` (never a release candidate), or a stage that the version
    is in. Then `dvc artifacts get ADDRESS model --stage prod` has it.
    """
    from reproducible_ml.registry.promote import promote as run

    run(project().root, version, stage, pushed=pushed)


@click.command(epilog=examples("rml rollback prod", "rml rollback prod --push"))
@click.argument("stage")
@push
def rollback(*, stage: str, pushed: bool) -> None:
    """Put the version into STAGE that was there before.

    Typed again, it goes one more version back, not forth.
    """
    from reproducible_ml.registry.promote import rollback as run

    run(project().root, stage, pushed=pushed)


@click.command(epilog=examples("rml models", "rml models --plot history.png"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--plot",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="Draw the metrics of all versions.",
)
@click.option(
    "--here", is_flag=True, help="Only the tag of the version that the last commit is."
)
def models(*, as_json: bool, picture: Path | None, here: bool) -> None:
    """List the versions of the model, with stages and metrics.

    The metrics are read from Git, as they were at each version. Where the test rows
    changed from one version to the next, the table and the plot say so. With --here, it
    exits with 1 if the last commit is no version, so that a script can rely on it.
    """
    from reproducible_ml.registry.listing import list_models, show_version_here

    if here:
        show_version_here(project().root)
        return
    picture = picture.absolute() if picture else None
    list_models(project().root, as_json=as_json, picture=picture)


@click.command(
    epilog=examples(
        "rml compare 1.1.0 1.2.0", "rml compare prod latest", "rml compare --log logs"
    )
)
@click.argument("base", required=False)
@click.argument("version", required=False)
@click.option(
    "--log",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Compare what the service answered with both, as its log of predictions says.",
)
def compare(*, base: str | None, version: str | None, log: Path | None) -> None:
    """Compare two versions of the model.

    The tables are those of the report on a pull request. The differences of metrics are
    paired if both versions were tested on the same rows. BASE and VERSION are versions,
    `latest`, or stages.

    With --log, it is about the answers of both to real requests, one of them in shadow
    or for a share of the requests. BASE and VERSION may then be left out, or be the
    beginning of `model_version` in the log.
    """
    if log is not None:
        log = log.absolute()
        from reproducible_ml.registry.log_comparison import show_log

        show_log(project().root, log, base, version)
        return
    if base is None or version is None:
        raise click.UsageError("Name two versions, or a log: --log FOLDER.")
    from reproducible_ml.registry.comparison import compare_models

    compare_models(project(), base, version)


COMMANDS = (register, promote, rollback, models, compare)
