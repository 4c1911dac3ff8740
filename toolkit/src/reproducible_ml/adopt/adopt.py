"""Make the project about the user's own table, from a file, a URL or a database."""

import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproducible_ml.adopt.catalog import (
    NewCatalog,
    describe_catalog,
    prepare_catalog,
    write_catalog_of,
)
from reproducible_ml.adopt.catalog_questions import parse_settings
from reproducible_ml.adopt.configure import (
    FORMS,
    PIPELINE,
    Sample,
    find_sample,
    has_sample,
    raw_table,
    remove_sample,
    set_params,
    set_pipeline,
)
from reproducible_ml.adopt.merge import reads_alike
from reproducible_ml.adopt.propose import Context, Proposal, propose
from reproducible_ml.adopt.request import Options, Request, read_given, read_request
from reproducible_ml.adopt.table_files import ask_for_target
from reproducible_ml.adopt.yaml_files import (
    contract_diff,
    contract_to_yaml,
    update_contract,
)
from reproducible_ml.card.catalog import CATALOG
from reproducible_ml.card.fields import FIELDS
from reproducible_ml.contract.findings import warning_lines
from reproducible_ml.contract.schema import Column, Data, load_contract
from reproducible_ml.core.errors import UserError, printable
from reproducible_ml.core.files import PARAMS, all_or_nothing, parse_params, write_text
from reproducible_ml.core.project import Project
from reproducible_ml.sources.source import (
    Source,
    fetch,
    read_source,
    recorded_source,
    track,
)
from reproducible_ml.versioning.dvc import running_commands

# Columns that are shown one by one; of more, kinds are counted.
COLUMNS = 60

SCHEMA = Path("data/schema.yaml")

RAW = Path("data/raw")

REPORT = Path("data/interim/problems.csv")


def print_proposal(project: Project, proposal: Proposal, name: str) -> None:
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
    for line in warning_lines(proposal.warnings):
        console.print(_text(f"warning: {line}"), soft_wrap=True)


def _text(text: str) -> Text:
    """Return text that is printed as it is: rich would take brackets for styles."""
    return Text(printable(text))


def _task(project: Project, proposal: Proposal) -> str:
    """Return a line on the task, the estimator, the metrics and the test rows."""
    params = project.load("params").Params.model_validate(proposal.params)
    by = {
        "hash": "at random, the same at every run",
        "group": f'by "{params.data.group}"',
        "time": f'by "{params.data.time}", from {params.split.cutoff:%Y-%m-%d} on'
        if params.split.cutoff
        else "",
    }
    estimator = params.train.estimator.path.rpartition(".")[2]
    kept = "; equal rows are kept as different cases (clean.duplicates)"
    if (proposal.params.get("clean") or {}).get("duplicates") != "keep":
        kept = ""
    return (
        f"Task: {params.data.task} ({proposal.choice.evidence}); estimator {estimator};"
        f" metrics {', '.join(params.evaluate.metrics)};"
        f" test rows {by.get(params.split.method, params.split.method)}{kept}."
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
    """Return the columns to show: of many, first those with a role or excluded."""
    columns = proposal.contract.columns

    def is_plain(name: str) -> bool:
        use = _use(name, columns[name], proposal)
        return use == columns[name].treatment != "exclude"

    chosen = {*sorted(columns, key=is_plain)[:COLUMNS]}
    return [name for name in columns if name in chosen]


def _use(name: str, column: Column, proposal: Proposal) -> str:
    """Return the column's roles, and its treatment if it is a feature."""
    data = Data.model_validate(proposal.params["data"])
    roles = [
        role for role in ("target", "group", "time") if getattr(data, role) == name
    ]
    roles += ["id"] if name in data.id else []
    if not roles or name in proposal.contract.features(data):
        roles.append(column.treatment)
    return ", ".join(roles)


def _kind(name: str, proposal: Proposal) -> str:
    """Return what a column holds, in a word or two."""
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    return found.kind if reads_alike(column, found.column) else column.dtype


def _why(name: str, proposal: Proposal) -> str:
    """Return why a column is read, and treated, as it is."""
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    notes = column.metadata
    reasons = [notes.reason] if notes.treatment == "exclude" and notes.reason else []
    read = "read as data/schema.yaml says"
    reasons += [found.evidence if reads_alike(column, found.column) else read]
    if notes.calendar is not None:
        fields = ", ".join(notes.calendar)
        reasons.append(f"features: {fields}" if fields else "no features of the time")
    return "; ".join(filter(None, reasons))


def adopt(project: Project, options: Options) -> None:
    """Read a table, print what is proposed for it, and write it into the project.

    Args:
        project: Whose root is the current folder.
        options: As they were typed.

    Raises:
        UserError: The table is rejected, or the user did not confirm a change of the
            contract. Nothing was changed.
    """
    if not options.dry_run and (busy := running_commands(project.root)):
        raise UserError(
            f"{busy[0]} is running, on the files that would be changed. Wait until it"
            " has finished"
        )
    settings = parse_settings(options.catalog)
    data = project.params().data
    contract = None if has_sample() else load_contract(SCHEMA, data)
    known = data.target if contract else None
    source = find_source(options)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=".dvc/tmp") as folder:
        download, work = Path(folder) / "download", Path(folder) / "work"
        download.mkdir()
        sys.stderr.write(f"Reading {printable(source.place)}\n")
        fetched = fetch(source, RAW, download)
        request = make_request(options, known, fetched, source.name)
        params = parse_params(PARAMS.read_text("utf-8"))
        context = Context(project, params, contract, work, REPORT)
        with naming_download(fetched, source.name):
            proposal = propose(fetched, request, context)
        proposal = with_download_name(proposal, fetched, source.name)
        print_proposal(project, proposal, source.name)
        old = SCHEMA.read_text("utf-8") if contract else ""
        new = contract_to_yaml(proposal.contract)
        if old:
            new = update_contract(old, proposal.contract)
        changes = contract_diff(old, new) if old else ""
        if changes:
            sys.stdout.write(f"\n{printable(changes)}\n")
        if options.dry_run:
            sys.stdout.write("\nDry run: nothing was changed.\n")
        elif not changes or options.yes or confirm():
            checked, table = work / "checked", RAW / source.name
            catalog = prepare_catalog(
                project, proposal.contract, table, checked, proposal.rows, settings
            )
            write_project(project, source, fetched, new, proposal, catalog)
        else:
            raise UserError("nothing was changed")


def make_request(
    options: Options, known: str | None, fetched: Path, name: str
) -> Request:
    """Return the request, or list the columns in an error if no target is named."""
    if not options.target and known is None:
        with naming_download(fetched, name):
            raise UserError(ask_for_target(fetched, REPORT, read_given(options)))
    return read_request(options, known)


@contextmanager
def naming_download(fetched: Path, name: str) -> Iterator[None]:
    """Name a download in errors by its own name, not by its temporary path."""
    try:
        yield
    except UserError as error:
        if not fetched.is_relative_to(".dvc"):
            raise
        if REPORT.exists():
            text = REPORT.read_text("utf-8")
            write_text(text.replace(str(fetched), name), REPORT)
        raise UserError(str(error).replace(str(fetched), name)) from error


def with_download_name(proposal: Proposal, fetched: Path, name: str) -> Proposal:
    """Return the proposal with warnings that name a download by its own name."""
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
    if has_sample():
        raise UserError(
            "the project is still about its sample. Name a table:"
            " rml data SOURCE --target COLUMN"
        )
    for name in ("name", "query", "key"):
        if getattr(options, name):
            raise UserError(f"--{name} needs a SOURCE: rml data SOURCE --{name} ...")
    return recorded_source(raw_table())


def confirm() -> bool:
    """Ask whether the contract may be changed; without a terminal, raise UserError."""
    if not sys.stdin.isatty():
        raise UserError(
            "the contract would change as shown above. Review it, then run the command"
            " again with --yes."
        )
    sys.stdout.write("\nChange data/schema.yaml like this? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def write_project(
    project: Project,
    source: Source,
    fetched: Path,
    contract: str,
    proposal: Proposal,
    catalog: NewCatalog,
) -> None:
    """Write the files that make the project one about the table; all of them or none.

    Args:
        project: Whose root is the current folder.
        source: Where the table comes from.
        fetched: Where it is now.
        contract: The new text of data/schema.yaml.
        proposal: What else was decided.
        catalog: What people said of the table; it is written last.
    """
    table = RAW / source.name
    pointer = table.with_name(f"{table.name}.dvc")
    before = _contents(pointer, SCHEMA, PARAMS, PIPELINE, CATALOG)
    sample = find_sample(project)
    with all_or_nothing(SCHEMA, PARAMS, PIPELINE, keep=True):
        # The stage `sample` goes first: DVC would find two owners of one file.
        old = parse_params(PARAMS.read_text("utf-8"))["data"]
        set_pipeline(PIPELINE, table, old, proposal.params["data"])
        set_params(PARAMS, proposal.params)
        if before[SCHEMA] != contract:
            write_text(contract, SCHEMA)
        track(source, fetched, RAW)
    if sample:
        with ignoring_interrupts():
            leave_sample(project, sample, table)
    entry = write_catalog_of(catalog)
    after = _contents(*before)
    written = [str(path) for path in before if before[path] != after[path]]
    if written:
        sys.stdout.write(f"\nWritten: {', '.join(written)}.\n")
    else:
        sys.stdout.write("\nNothing to change: all files are up to date.\n")
    for line in describe_catalog(entry, catalog):
        sys.stdout.write(f"warning: {printable(line)}\n")
    sys.stdout.write(
        "Next: review data/schema.yaml, correct it where you know better, then run:"
        " make repro\n"
    )


def leave_sample(project: Project, sample: Sample, table: Path) -> None:
    """Remove the sample, and print what was removed."""
    edited = remove_sample(project, sample, table)
    sys.stdout.write(
        "\nRemoved the sample, its tests and its results (dvc.lock and"
        " reports/): `make repro` writes those of your table.\n"
    )
    if str(FIELDS) in sample.files and str(FIELDS) not in edited:
        sys.stdout.write(f"Emptied {FIELDS}: say there what your model is for.\n")
    forms = [
        name
        for name in sample.files
        if name == str(CATALOG) or name.startswith(FORMS)
        if name not in edited and Path(name).is_file()
    ]
    if forms:
        names = ", ".join(forms)
        sys.stdout.write(f"Emptied {names}: what they said was about the sample.\n")
    for name in edited:
        sys.stdout.write(f"Kept {name}: it is about the sample, but was edited.\n")


def _contents(*paths: Path) -> dict[Path, str | None]:
    return {path: path.read_text("utf-8") if path.exists() else None for path in paths}


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C during a short block that must not stop half-way."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
