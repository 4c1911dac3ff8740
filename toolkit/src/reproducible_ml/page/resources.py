"""The section of the page on time and memory: what this computer took to make it."""

from pathlib import Path
from typing import NamedTuple

from reproducible_ml.core.project import Project
from reproducible_ml.core.resources import MEGABYTE
from reproducible_ml.page.markup import Html, join, table, tag
from reproducible_ml.report.resources import (
    CAUTION,
    Price,
    Run,
    computers,
    read_price,
    read_runs,
    runs_of,
)
from reproducible_ml.versioning.git import Revision


class Resources(NamedTuple):
    """What the stages took, and what an hour costs."""

    runs: dict[str, Run]
    price: Price


def read_resources(project: Project, root: Path) -> Resources:
    """Return the runs that made the results in the working tree."""
    return Resources(runs_of(read_runs(root), Revision(root)), read_price(project))


def resources(found: Resources) -> Html:
    """Return a table of the stages that ran on this computer; empty if none did."""
    runs, price = found
    if not runs:
        return Html()
    header = ["Stage", "Seconds", "Processor, s", "Peak memory, MB"]
    costs = price.per_hour is not None
    rows = [
        [
            name,
            run.seconds,
            run.cpu_seconds,
            None if run.memory_bytes is None else run.memory_bytes // MEGABYTE,
            *([price.amount(run.seconds)] if costs else []),
        ]
        for name, run in runs.items()
    ]
    known = table("Time and memory of each stage", [*header, "Cost"][: 4 + costs], rows)
    total = sum(run.seconds for run in runs.values())
    together = f"Together {total:,.1f} s"
    if costs:
        together += f", {price.amount(total)}"
    note = f"{together}. {computers({'': runs})} {CAUTION}"
    return join([known, tag("p", note)])
