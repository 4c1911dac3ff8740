"""Bring your own table: from a file, a URL or a database to a project about it."""

import argparse
import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import yaml

from reproducible_ml.datasets.adoption.choices import target_wanted
from reproducible_ml.datasets.adoption.configure import (
    drop_sample,
    has_sample,
    restoring,
    set_params,
    set_pipeline,
)
from reproducible_ml.datasets.adoption.contract_text import (
    difference,
    rewrite,
    to_yaml,
)
from reproducible_ml.datasets.adoption.options import parse, read_wishes
from reproducible_ml.datasets.adoption.propose import Context, Proposal, propose
from reproducible_ml.datasets.adoption.show import printable, show
from reproducible_ml.datasets.adoption.wishes import Wanted
from reproducible_ml.datasets.schema import load_contract
from reproducible_ml.datasets.sources.address import Source, read_source
from reproducible_ml.datasets.sources.source import fetch, recorded, track
from reproducible_ml.errors import UserError
from reproducible_ml.files import write_text
from reproducible_ml.params import load_params, parse_params

SCHEMA = Path("data/schema.yaml")
PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
RAW = Path("data/raw")
REPORT = Path("data/interim/problems.csv")


def adopt(options: argparse.Namespace) -> None:
    """Do what the options ask for, in the repository around the current folder."""
    if not PIPELINE.exists():
        raise UserError("dvc.yaml: is not here. Run this in the repository's folder.")
    data = load_params(PARAMS).data
    contract = None if has_sample(PIPELINE) else load_contract(SCHEMA, data)
    known = data.target if contract else None
    source = find_source(options)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=".dvc/tmp") as folder:
        download, work = Path(folder) / "download", Path(folder) / "work"
        download.mkdir()
        sys.stderr.write(f"Reading {printable(source.place)}\n")
        fetched = fetch(source, RAW, download)
        wanted = wishes(options, known, fetched, source.name)
        params = parse_params(PARAMS.read_text("utf-8"))
        context = Context(params, contract, work, REPORT)
        with named(fetched, source.name):
            proposal = propose(fetched, wanted, context)
        proposal = renamed(proposal, fetched, source.name)
        show(proposal, source.name)
        old = SCHEMA.read_text("utf-8") if contract else ""
        new = rewrite(old, proposal.contract) if old else to_yaml(proposal.contract)
        changes = difference(old, new) if old else ""
        if changes:
            sys.stdout.write(f"\n{printable(changes)}\n")
        if options.dry_run:
            sys.stdout.write("\nNothing was changed: this was a dry run.\n")
        elif not changes or options.yes or agreed():
            write(source, fetched, new, proposal)
        else:
            raise UserError("nothing was changed")


def wishes(
    options: argparse.Namespace, known: str | None, fetched: Path, name: str
) -> Wanted:
    """Return what is wanted, or tell the columns if none is to be predicted."""
    if not options.target and known is None:
        with named(fetched, name):
            raise UserError(target_wanted(fetched, REPORT))
    return read_wishes(options, known)


@contextmanager
def named(fetched: Path, name: str) -> Iterator[None]:
    """Let errors name what was downloaded by its name, not by a place soon gone."""
    try:
        yield
    except UserError as error:
        if not fetched.is_relative_to(".dvc"):
            raise
        if REPORT.exists():
            text = REPORT.read_text("utf-8")
            write_text(text.replace(str(fetched), name), REPORT)
        raise UserError(str(error).replace(str(fetched), name)) from error


def renamed(proposal: Proposal, fetched: Path, name: str) -> Proposal:
    """Return the proposal whose warnings name a download by its name as well."""
    if not fetched.is_relative_to(".dvc"):
        return proposal
    warnings = [
        finding._replace(file=Path(name) / finding.file.relative_to(fetched))
        for finding in proposal.warnings
    ]
    return proposal._replace(warnings=warnings)


def find_source(options: argparse.Namespace) -> Source:
    """Return the source that is named, or that of the table that the project has."""
    if options.source:
        return read_source(options.source, options.query, options.key, options.name)
    if has_sample(PIPELINE):
        raise UserError("name a table: make data SOURCE=... TARGET=...")
    for name in ("name", "query", "key"):
        if getattr(options, name):
            raise UserError(
                f"{name.upper()}= belongs to a source: give SOURCE=... as well"
            )
    return recorded(raw_table())


def raw_table() -> Path:
    """Return where dvc.yaml says that the raw table is."""
    variables = yaml.safe_load(PIPELINE.read_text("utf-8"))["vars"]
    return Path(next(v["path"]["raw"] for v in variables if "path" in v))


def agreed() -> bool:
    """Ask whether the contract may be changed; only a person can say yes."""
    if not sys.stdin.isatty():
        raise UserError(
            "the contract would change as shown above. Look at it, then run the"
            " command again with YES=1 (--yes)."
        )
    sys.stdout.write("\nChange data/schema.yaml like this? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def write(source: Source, fetched: Path, contract: str, proposal: Proposal) -> None:
    """Write the files that make the project one about the table; all of them or none.

    Args:
        source: Where the table comes from.
        fetched: Where it is now.
        contract: What data/schema.yaml is to say.
        proposal: What else was decided.
    """
    table = RAW / source.name
    pointer = table.with_name(f"{table.name}.dvc")
    before = _contents(pointer, SCHEMA, PARAMS, PIPELINE)
    sample = has_sample(PIPELINE)
    with restoring(SCHEMA, PARAMS, PIPELINE):
        # The stage `sample` goes first: DVC would find two owners of one file.
        old = parse_params(PARAMS.read_text("utf-8"))["data"]
        set_pipeline(PIPELINE, table, old, proposal.params["data"])
        set_params(PARAMS, proposal.params)
        if before[SCHEMA] != contract:
            write_text(contract, SCHEMA)
        track(source, fetched, RAW)
    with uninterrupted():
        for name in drop_sample(Path(), table) if sample else []:
            sys.stdout.write(f"{name} is about the sample, but was edited: it stays.\n")
    after = _contents(*before)
    written = [str(path) for path in before if before[path] != after[path]]
    if written:
        sys.stdout.write(f"\nWritten: {', '.join(written)}.\n")
    else:
        sys.stdout.write("\nNothing to change: all is as it was.\n")
    sys.stdout.write(
        "Read the contract, change what you know better, then: make repro\n"
    )


def _contents(*paths: Path) -> dict[Path, str | None]:
    return {path: path.read_text("utf-8") if path.exists() else None for path in paths}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for nothing, in a block that is short and must not be halved."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def main() -> None:
    """Adopt a table; expected errors are told in a line each, with exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    options = parse(sys.argv[1:])
    try:
        adopt(options)
    except (UserError, OSError) as error:
        lines = printable(str(error)).splitlines()
        sys.exit("\n".join(f"error: {line}" for line in lines))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Nothing was changed.\n")
        sys.exit(130)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
