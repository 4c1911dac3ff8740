"""Bring your own table: from a file, a URL or a database to a project about it.

The table is read and judged as a whole; if nothing is wrong with it, it is put into
data/raw/ under DVC, and data/schema.yaml, params.yaml and dvc.yaml are written for it.
Without SOURCE, the table that the project has is looked for again where it came from.
What you edited in these files stays, wherever the table allows.
"""

import argparse
import logging
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import yaml

from reproducible_ml.datasets.adoption.configure import (
    drop_sample,
    has_sample,
    set_params,
    set_pipeline,
)
from reproducible_ml.datasets.adoption.merge import difference, rewrite, to_yaml
from reproducible_ml.datasets.adoption.propose import Context, Proposal, Wanted, propose
from reproducible_ml.datasets.adoption.show import show
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.sources.address import Source, read_source
from reproducible_ml.datasets.sources.source import fetch, recorded, track
from reproducible_ml.errors import UserError
from reproducible_ml.files import write_text
from reproducible_ml.models.plots import PLOTS
from reproducible_ml.params import load_params

SCHEMA = Path("data/schema.yaml")
PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
RAW = Path("data/raw")
REPORT = Path("data/interim/problems.csv")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; `make data` gives the same options in capitals."""
    parser = argparse.ArgumentParser(
        prog="make data",
        usage="make data SOURCE=... TARGET=... [OPTION=...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="As options of make: SOURCE=visits.csv TARGET=returned DATES=day-first"
        " DRY_RUN=1",
    )
    add = parser.add_argument
    add("source", nargs="?", help="path, folder, URL or database; else as before")
    add("--target", help="the column to predict")
    add("--task", choices=["binary", "multiclass", "regression"])
    add("--positive", help="the class whose probability is predicted, of two")
    add("--id", type=_names, help="columns that say which row it is, by commas")
    add("--group", help="column of the entity that rows belong to: split by it")
    add("--time", help="column with the date of a row: test on the latest fifth")
    add("--name", help="of the file or folder in data/raw/")
    add("--dates", choices=["day-first", "month-first"], help="what 03/04/2026 means")
    add("--decimal", choices=["comma", "point"], help="what 1,234 means")
    add("--text", type=_names, default=(), help="columns that hold text, by commas")
    add("--missing", type=_names, default=(), help="texts that mean no value")
    add("--query", help="of a database: one SELECT, or the path of a .sql file")
    add("--key", help="of a database: columns that tell the rows apart, by commas")
    add("--dry-run", action="store_true", help="show what would be done")
    add("--yes", action="store_true", help="change an edited contract unasked")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def read_wishes(options: argparse.Namespace, contract: Contract | None) -> Wanted:
    """Return what is wanted; the target is that of params.yaml if none is named."""
    target = options.target
    if target is None and contract is not None:
        target = load_params(PARAMS).data.target
    if target is None:
        raise UserError("name the column to predict: make data SOURCE=... TARGET=...")
    signs: dict[str | None, Any] = {"comma": ",", "point": ".", None: None}
    return Wanted(
        target=target,
        task=options.task,
        positive=options.positive,
        id=options.id,
        group=options.group,
        time=options.time,
        day_first=options.dates and options.dates == "day-first",
        decimal=signs[options.decimal],
        text=options.text,
        missing=options.missing,
    )


def find_source(options: argparse.Namespace) -> Source:
    """Return the source that is named, or that of the table that the project has."""
    if options.source:
        return read_source(options.source, options.query, options.key, options.name)
    if has_sample(PIPELINE):
        raise UserError("name a table: make data SOURCE=... TARGET=...")
    return recorded(raw_table())


def raw_table() -> Path:
    """Return where dvc.yaml says that the raw table is."""
    variables = yaml.safe_load(PIPELINE.read_text("utf-8"))["vars"]
    return Path(next(v["path"]["raw"] for v in variables if "path" in v))


def adopt(options: argparse.Namespace) -> None:
    """Do what the options ask for, in the repository around the current folder."""
    contract = None
    if not has_sample(PIPELINE):
        contract = load_contract(SCHEMA, load_params(PARAMS).data)
    wanted = read_wishes(options, contract)
    source = find_source(options)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=".dvc/tmp") as folder:
        download, work = Path(folder) / "download", Path(folder) / "work"
        download.mkdir()
        sys.stderr.write(f"Reading {source.place}\n")
        fetched = fetch(source, RAW, download)
        params = yaml.safe_load(PARAMS.read_text("utf-8"))
        context = Context(params, contract, work, REPORT)
        proposal = propose(fetched, wanted, context)
        show(proposal, source.name)
        old = SCHEMA.read_text("utf-8") if contract else ""
        new = rewrite(old, proposal.contract) if old else to_yaml(proposal.contract)
        changes = difference(old, new) if old else ""
        if changes:
            sys.stdout.write(f"\n{changes}\n")
        if options.dry_run:
            sys.stdout.write("\nNothing was changed: this was a dry run.\n")
        elif not changes or options.yes or agreed():
            write(source, fetched, new, proposal)
        else:
            raise UserError("nothing was changed")


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
    """Write the files that make the project one about the table."""
    sample = has_sample(PIPELINE)
    data = proposal.params["data"]
    # The stage `sample` goes first: DVC would find two owners of one file.
    set_pipeline(
        PIPELINE,
        RAW / source.name,
        PLOTS[data["task"]],
        data["target"],
        data["task"],
    )
    track(source, fetched, RAW)
    set_params(PARAMS, proposal.params)
    write_text(contract, SCHEMA)
    kept = drop_sample(Path()) if sample else []
    for name in kept:
        sys.stdout.write(f"{name} is about the sample, but was edited: it stays.\n")
    sys.stdout.write(
        f"\nWritten: {RAW / source.name} (in DVC), {SCHEMA}, {PARAMS}, {PIPELINE}.\n"
        "Read the contract, change what you know better, then: make repro\n"
    )


def main() -> None:
    """Adopt a table; expected errors are told in a line each, with exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    options = parse(sys.argv[1:])
    try:
        adopt(options)
    except (UserError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Nothing was changed.\n")
        sys.exit(130)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
