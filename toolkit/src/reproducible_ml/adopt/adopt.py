"""Bring your own table: from a file, a URL or a database to a project about it."""

import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproducible_ml.adopt.configure import (
    drop_sample,
    has_sample,
    restoring,
    set_params,
    set_pipeline,
)
from reproducible_ml.adopt.merge import reads_alike
from reproducible_ml.adopt.propose import Context, Proposal, propose
from reproducible_ml.adopt.request import Options, Request, read_request
from reproducible_ml.adopt.table_form import target_wanted
from reproducible_ml.adopt.yaml_files import difference, rewrite, to_yaml
from reproducible_ml.contract.findings import MAX_PRINTED, limit_per_kind
from reproducible_ml.contract.schema import Column, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import load_section, parse_params
from reproducible_ml.core.project import Project
from reproducible_ml.core.text import printable
from reproducible_ml.sources.source import Source, fetch, read_source, recorded, track

# Columns that are shown one by one; of more, kinds are counted.
COLUMNS = 60


def show(project: Project, proposal: Proposal, name: str) -> None:
    """Print the decision about each column, the task, and all warnings."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    columns = proposal.contract.columns
    console.print(_text(f"\n{name}: {proposal.rows} rows, {len(columns)} columns\n"))
    console.print(_table(proposal))
    if len(columns) > COLUMNS:
        kinds = Counter(_kind(name, proposal) for name in columns)
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        console.print(
            _text(
                f"\nThese are {COLUMNS} of {len(columns)} columns ({shown});"
                " data/schema.yaml lists all."
            )
        )
    console.print(_text(f"\n{_task(project, proposal)}"))
    for finding in limit_per_kind(proposal.warnings, MAX_PRINTED):
        console.print(_text(f"warning: {finding}"), soft_wrap=True)


def _text(text: str) -> Text:
    """Return text that is shown as it is: brackets in it are no styles."""
    return Text(printable(text))


def _task(project: Project, proposal: Proposal) -> str:
    """Return what is learned, how the test rows are chosen, and how it is judged."""
    params = project.load("params").Params.model_validate(proposal.params)
    by = {
        "hash": "at random, the same at every run",
        "group": f'by "{params.data.group}"',
        "time": f'by "{params.data.time}", from {params.split.cutoff:%Y-%m-%d} on'
        if params.split.cutoff
        else "",
    }
    estimator = params.train.estimator.path.rpartition(".")[2]
    return (
        f"Task: {params.data.task} ({proposal.choice.evidence}); estimator {estimator};"
        f" metrics {', '.join(params.evaluate.metrics)};"
        f" test rows {by[params.split.method]}."
    )


def _table(proposal: Proposal) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("column", "holds", "treatment", "why"):
        # Folded, so that no name is cut off in a narrow terminal.
        table.add_column(title, overflow="fold")
    columns = proposal.contract.columns
    for name in _shown(proposal):
        use = _use(name, columns[name], proposal)
        cells = (name, _kind(name, proposal), use, _why(name, proposal))
        table.add_row(*(_text(cell.replace("\n", "\\n")) for cell in cells))
    return table


def _shown(proposal: Proposal) -> list[str]:
    """Return the columns to show: of many, those with a role or left out come first."""
    columns = proposal.contract.columns

    def is_plain(name: str) -> bool:
        use = _use(name, columns[name], proposal)
        return use == columns[name].treatment != "exclude"

    chosen = {*sorted(columns, key=is_plain)[:COLUMNS]}
    return [name for name in columns if name in chosen]


def _use(name: str, column: Column, proposal: Proposal) -> str:
    """Return the column's role, or else what the model sees of it."""
    data = Data.model_validate(proposal.params["data"])
    roles = [
        role for role in ("target", "group", "time") if getattr(data, role) == name
    ]
    roles += ["id"] if name in data.id else []
    return ", ".join(roles) or column.treatment


def _kind(name: str, proposal: Proposal) -> str:
    """Return what a column holds, in a word or two."""
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    return found.kind if reads_alike(column, found.column) else column.dtype


def _why(name: str, proposal: Proposal) -> str:
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    notes = column.metadata
    said = [notes.reason] if notes.treatment == "exclude" and notes.reason else []
    if reads_alike(column, found.column):
        return "; ".join([*said, *filter(None, [found.evidence])])
    return "; ".join([*said, "read as data/schema.yaml says"])


SCHEMA = Path("data/schema.yaml")
PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
RAW = Path("data/raw")
REPORT = Path("data/interim/problems.csv")


def adopt(project: Project, options: Options) -> None:
    """Do what the options ask for; the current folder is the project's root."""
    data = load_section(Data)
    contract = None if has_sample(PIPELINE) else load_contract(SCHEMA, data)
    known = data.target if contract else None
    source = find_source(options)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=".dvc/tmp") as folder:
        download, work = Path(folder) / "download", Path(folder) / "work"
        download.mkdir()
        sys.stderr.write(f"Reading {printable(source.place)}\n")
        fetched = fetch(source, RAW, download)
        wanted = make_request(options, known, fetched, source.name)
        params = parse_params(PARAMS.read_text("utf-8"))
        context = Context(project, params, contract, work, REPORT)
        with named(fetched, source.name):
            proposal = propose(fetched, wanted, context)
        proposal = renamed(proposal, fetched, source.name)
        show(project, proposal, source.name)
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


def make_request(
    options: Options, known: str | None, fetched: Path, name: str
) -> Request:
    """Return what is wanted, or tell the columns if none is to be predicted."""
    if not options.target and known is None:
        with named(fetched, name):
            raise UserError(target_wanted(fetched, REPORT))
    return read_request(options, known)


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


def find_source(options: Options) -> Source:
    """Return the source that is named, or that of the table that the project has."""
    if options.source:
        return read_source(options.source, options.query, options.key, options.name)
    if has_sample(PIPELINE):
        raise UserError("name a table: rml data SOURCE --target COLUMN")
    for name in ("name", "query", "key"):
        if getattr(options, name):
            raise UserError(f"--{name} belongs to a source: name the SOURCE as well")
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
            " command again with --yes."
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
