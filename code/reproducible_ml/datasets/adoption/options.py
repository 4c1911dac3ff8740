"""The options of `make data`."""

import argparse
from typing import Any

from reproducible_ml.datasets.adoption.wishes import Wanted
from reproducible_ml.errors import UserError

DESCRIPTION = """\
Bring your own table: from a file, a URL or a database to a project about it.

The table is read and judged as a whole; if nothing is wrong with it, it is put into
data/raw/ under DVC, and data/schema.yaml, params.yaml and dvc.yaml are written for it.
Without SOURCE, the table that the project has is looked for again where it came from.
What you edited in these files stays, wherever the table allows.
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; `make data` gives the same options in capitals."""
    parser = argparse.ArgumentParser(
        prog="make data",
        usage="make data SOURCE=... TARGET=... [OPTION=...]",
        description=DESCRIPTION,
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
    add("--missing", type=_names, default=(), help="texts for no value, by commas")
    add("--query", help="of a database: one SELECT, or the path of a .sql file")
    add("--key", help="of a database: columns that tell the rows apart, by commas")
    add("--dry-run", action="store_true", help="show what would be done")
    add("--yes", action="store_true", help="change an edited contract unasked")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def read_wishes(options: argparse.Namespace, known: str | None) -> Wanted:
    """Return what is wanted; the target is the known one if none is named."""
    target = options.target or known
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
