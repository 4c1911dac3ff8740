"""Profile a table: read it once, and write all that is known of it as JSON.

Memory does not grow with the number of rows: whole-table figures are counted batch by
batch, all others come from a sample of the rows.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from reproducible_ml.adopt.catalog import found_personal
from reproducible_ml.card.catalog import CATALOG, read_catalog
from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS, write_json
from reproducible_ml.core.inputs import hash_path, recorded_hashes
from reproducible_ml.core.params import load_section
from reproducible_ml.core.parts import count_rows, parts
from reproducible_ml.core.project import CONTRACT
from reproducible_ml.exploration.columns import Dates, Texts, summary_of
from reproducible_ml.exploration.counting import (
    Hashes,
    Mask,
    RepeatedRows,
    RowSample,
    combine,
)
from reproducible_ml.exploration.relations import relations
from reproducible_ml.exploration.summary import Summary
from reproducible_ml.exploration.tables import ODD, Table, project_table
from reproducible_ml.reading.parquet_files import parquet_schema
from reproducible_ml.versioning.git import Revision

Item = TypeVar("Item")
Json = dict[str, Any]

# Changes when a profile of before cannot be read, or has other figures.
FORMAT = 3

VALIDATED = Path("data/interim/validated")

# What `rml profile` writes of the project's table.
FOLDER = Path("reports/profile")
NAME = "profile.json"

# Rows of the sample: fewer of wide tables, so that it has about so many values.
SAMPLE, SAMPLE_VALUES, SAMPLE_LEAST = 100_000, 8_000_000, 1_000

# Different values of a column that are counted exactly.
DISTINCT, DISTINCT_IN_ALL, DISTINCT_LEAST = 2**16, 2**24, 2**10


class Roles(NamedTuple):
    """What is said of columns, beside the table itself.

    Attributes:
        target: The column to predict.
        ids: Columns that identify a row.
        personal: Columns that are about a person, or look like it by their names.
        not_personal: Columns that are not, whatever they look like.
    """

    target: str | None = None
    ids: tuple[str, ...] = ()
    personal: frozenset[str] = frozenset()
    not_personal: frozenset[str] = frozenset()

    @property
    def hidden(self) -> frozenset[str]:
        """Columns of which no single value is shown."""
        return self.personal | {*self.ids}


def roles_of(data: Data, contract: Contract, root: Path) -> Roles:
    """Return the roles that params.yaml and data/catalog.yaml give to columns.

    Those that look as if they were about a person are taken for it, unless the catalog
    says that they are not.

    Args:
        data: Section of params.yaml.
        contract: Of the table; roles of other columns are left out.
        root: Of the repository.

    Raises:
        UserError: The catalog is not valid.
    """
    columns = contract.columns
    catalog = read_catalog(root / CATALOG)
    looks = found_personal(catalog, contract, Revision(root).yaml(str(PARAMS)) or {})
    personal = {*catalog.personal_among(columns), *(one.column for one in looks)}
    return Roles(
        data.target if data.target in columns else None,
        tuple(name for name in data.id if name in columns),
        frozenset(personal & {*columns} - {*catalog.not_personal}),
        frozenset(catalog.not_personal),
    )


def profile(table: Table, roles: Roles, name: str) -> Json:
    """Return the profile of a table, ready for JSON.

    Args:
        table: The table.
        roles: Of its columns.
        name: What it is called on the page.

    Raises:
        UserError: It cannot be read.
    """
    as_text: frozenset[str] = frozenset()
    found = _read(table, as_text, roles)
    if odd := frozenset(s.name for s in found.summaries if _is_misread(s)):
        found = _read(table, odd, roles)
    related = relations(found.summaries, roles.target, frozenset(roles.ids))
    # Texts that look like those of people, in whichever column they are.
    looks = {s.name for s in found.summaries if isinstance(s, Texts) and s.looks}
    hidden = roles.hidden | (looks - roles.not_personal)
    return {
        "format": FORMAT,
        "name": name,
        "rows": found.sample.rows,
        "files": len(table.files),
        "bytes": sum(file.stat().st_size for file in table.files),
        "sample": found.sample.size,
        "target": roles.target,
        "ids": [*roles.ids],
        "columns": [s.result(hidden=s.name in hidden) for s in found.summaries],
        "left_out": [*table.left_out],
        "duplicates": found.duplicates,
        "relations": related,
    }


class _Found(NamedTuple):
    summaries: list[Summary]
    sample: RowSample
    duplicates: Json


def _is_misread(summary: Summary) -> bool:
    odd = summary.odd[0]
    return odd > ODD * (summary.present + odd)


def _read(table: Table, as_text: frozenset[str], roles: Roles) -> _Found:
    """Read the table once."""
    from joblib import cpu_count
    from tqdm import tqdm

    names = [*table.types]
    distinct = min(DISTINCT, max(DISTINCT_LEAST, DISTINCT_IN_ALL // max(1, len(names))))
    rows = min(SAMPLE, max(SAMPLE_LEAST, SAMPLE_VALUES // max(1, len(names))))
    summaries = [
        summary_of(
            name,
            pa.string() if name in as_text else kind,
            distinct,
            table.dtypes.get(name, ""),
        )
        for name, kind in table.types.items()
    ]
    for summary in summaries:
        summary.notes = [*table.notes.get(summary.name, ())]
        if isinstance(summary, Dates):
            summary.zone = summary.name in table.zoned
        if summary.name in as_text:
            summary.notes.append(
                "holds text as well as other values: it is read as text"
            )
    share = 1.0 if not table.rows else min(1.0, 0.98 * rows / table.rows)
    sample, whole, rest = RowSample(rows, share), RepeatedRows(), RepeatedRows()
    threads = cpu_count()
    with ThreadPoolExecutor(threads) as pool:
        reader = _ahead(table.read(), pool)
        with tqdm(
            desc="profile", total=table.rows, unit=" rows", disable=None, leave=False
        ) as progress:
            for batch in reader:
                chosen, kept = sample.add(batch.num_rows)
                work = _Adding(table, batch, chosen, as_text)
                parts = _split(summaries, 4 * threads)
                hashes = [h for part in pool.map(work, parts) for h in part]
                _compare(hashes, names, roles, batch.num_rows, whole, rest)
                if kept is not None:
                    for summary in summaries:
                        summary.keep(kept)
                progress.update(batch.num_rows)
    duplicates = whole.result(sample.rows)
    if ids := [name for name in names if name in roles.ids]:
        duplicates["without_ids"] = rest.result(sample.rows) | {"ids": ids}
    left = [s.name for s in summaries if type(s) is Summary]
    if left:
        duplicates["not_compared"] = left
    return _Found(summaries, sample, duplicates)


class _Adding:
    """Adds the values of a batch to the summaries of some columns."""

    def __init__(
        self, table: Table, batch: pa.RecordBatch, chosen: Mask, as_text: frozenset[str]
    ) -> None:
        self.table = table
        self.batch = batch
        self.chosen = chosen
        self.as_text = as_text
        self.names = {name: at for at, name in enumerate(batch.schema.names)}

    def __call__(self, summaries: Sequence[Summary]) -> list[Hashes | None]:
        return [self._add(summary) for summary in summaries]

    def _add(self, summary: Summary) -> Hashes | None:
        name = summary.name
        at = self.names.get(name)
        if at is None:
            # Only in other files of JSON.
            kind = pa.string() if name in self.as_text else self.table.types[name]
            return summary.add(pa.nulls(self.batch.num_rows, kind), self.chosen)
        found = self.table.convert(name, self.batch.column(at), name in self.as_text)
        if found.odd:
            rows, example = summary.odd
            summary.odd = rows + found.odd, example or found.example
        return summary.add(found.values, self.chosen)


def _compare(
    hashes: Sequence[Hashes | None],
    names: Sequence[str],
    roles: Roles,
    rows: int,
    whole: RepeatedRows,
    rest: RepeatedRows,
) -> None:
    """Add the rows to those that are compared, with and without identifiers."""
    known = [(n, h) for n, h in zip(names, hashes, strict=True) if h is not None]
    whole.add(combine([h for _, h in known], rows))
    if roles.ids:
        rest.add(combine([h for n, h in known if n not in roles.ids], rows))


def _split(items: Sequence[Item], number: int) -> list[Sequence[Item]]:
    """Return the items, in order, in about so many parts."""
    step = max(1, -(-len(items) // number))
    return [items[at : at + step] for at in range(0, len(items), step)]


def _ahead(batches: Iterator[Item], pool: ThreadPoolExecutor) -> Iterator[Item]:
    """Yield items; the next one is read while one is worked on."""
    done = object()
    waiting = pool.submit(next, batches, done)
    while (item := waiting.result()) is not done:
        waiting = pool.submit(next, batches, done)
        yield item  # type: ignore[misc]


def data_hash(root: Path) -> str | None:
    """Return the hash of the validated table as it is on the disk; None without one."""
    folder = root / VALIDATED
    return hash_path(folder) if folder.is_dir() else None


def recorded_hash(root: Path) -> str | None:
    """Return the hash that dvc.lock records of the validated table."""
    return recorded_hashes(root).get(VALIDATED.as_posix(), (None, ""))[0]


def declared_hash(contract: Contract, roles: Roles) -> str:
    """Return a hash of what a profile takes from contract, parameters and catalog."""
    types = {name: str(column.dtype) for name, column in contract.columns.items()}
    said = [FORMAT, types, roles.target, [*roles.ids], sorted(roles.personal)]
    said.append(sorted(roles.not_personal))
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def read_profile(path: Path) -> Json | None:
    """Return what `rml profile` wrote; None if it cannot be shown."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    is_known = isinstance(found, dict) and found.get("format") == FORMAT
    return found if is_known else None


class Status(NamedTuple):
    """The profile of the project's table that was written last.

    Attributes:
        found: The profile; None if there is none.
        problem: Why it is not of the table that dvc.lock records; empty if it is.
        hidden: Columns of which no values are shown now.
    """

    found: Json | None
    problem: str
    hidden: frozenset[str] = frozenset()


def read_status(root: Path) -> Status:
    """Return the profile of the project's table, and whether it is up to date.

    Raises:
        UserError: The contract or params.yaml is not valid.
    """
    data = load_section(Data, root / PARAMS)
    contract = load_contract(root / CONTRACT, data)
    roles = roles_of(data, contract, root)
    found = read_profile(root / FOLDER / NAME)
    return Status(found, _problem(found, root, contract, roles), roles.hidden)


def _problem(found: Json | None, root: Path, contract: Contract, roles: Roles) -> str:
    recorded = recorded_hash(root)
    if found is None:
        lacks = "" if (root / VALIDATED).is_dir() else _LACKS
        return f"There is no profile of this table yet.{lacks}"
    if recorded is None:
        return "dvc.lock records no validated table that this profile could be of."
    if found.get("data") != recorded:
        lacks = "" if (root / VALIDATED).is_dir() else _LACKS
        return (
            "This profile is of other data than dvc.lock records:"
            f" {VALIDATED} was changed or made anew since.{lacks}"
        )
    if found.get("declared") != declared_hash(contract, roles):
        return (
            "This profile was made before data/schema.yaml, the roles of columns in"
            " params.yaml or data/catalog.yaml changed."
        )
    return ""


_LACKS = (
    f" This clone lacks the table ({VALIDATED}): `make repro` or `dvc pull` brings it."
)


def profile_project(root: Path) -> Json:
    """Profile the validated table, and write what `read_status` reads.

    Raises:
        UserError: The table is not there.
    """
    data = load_section(Data, root / PARAMS)
    contract = load_contract(root / CONTRACT, data)
    if not (root / VALIDATED).is_dir():
        raise UserError(
            f"{VALIDATED}: this clone lacks the project's table. Fix: run `make repro`"
            " or `dvc pull`, or name a table: rml profile TABLE"
        )
    table = project_table(root / VALIDATED, contract)
    roles = roles_of(data, contract, root)
    before = data_hash(root)
    found = profile(table, roles, VALIDATED.as_posix())
    found |= {"data": before, "declared": declared_hash(contract, roles)}
    return found


def refresh(root: Path, values: int) -> None:
    """Profile the validated table if it is there, small, and not profiled yet.

    Args:
        root: Of the repository.
        values: The most rows times columns of a table that is profiled.
    """
    if not (root / VALIDATED).is_dir() or not read_status(root).problem:
        return
    files = parts(root / VALIDATED)
    rows = count_rows(root / VALIDATED)
    if rows * len(parquet_schema(files[0]).names) > values:
        return
    # It would be out of date at once.
    if data_hash(root) == recorded_hash(root):
        write_json(profile_project(root), root / FOLDER / NAME, indent=None)
