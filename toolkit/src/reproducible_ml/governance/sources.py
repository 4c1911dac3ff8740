"""Raw tables that must have a row, as what was made of them has it.

The search may not find it there: a number is written otherwise, or the text is in some
encoding. So the project's own reader looks into them, by the contract of that time.
What is not found so either is undecided, and people have to look.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import ValidationError

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import load_yaml
from reproducible_ml.governance.history import Record
from reproducible_ml.governance.rows import matches
from reproducible_ml.governance.spelling import Person
from reproducible_ml.governance.storages import FOLDER, Storage
from reproducible_ml.reading.raw import file_format, read_chunks
from reproducible_ml.versioning.git import run_git

SCHEMA = "data/schema.yaml"

# Rows that are looked at together.
ROWS = 100_000


def find_suspects(records: Iterable[Record], hits: set[str]) -> set[str]:
    """Return the hashes of data of which something with a row was made.

    Only if none of what it was made of is known to have the row.

    Args:
        records: Of all commits and runs.
        hits: Hashes of what has rows, folders included.
    """
    every = [*records]
    data = {digest for record in every for digest, _ in record.written}
    suspects: set[str] = set()
    while True:
        having = hits | suspects
        new = {
            digest
            for record in every
            if not record.read & hits
            and any(written in having for written, _ in record.written)
            for digest in record.read & data
        }
        if new <= suspects:
            return suspects
        suspects |= new


def read_contracts(root: Path) -> dict[str, Contract]:
    """Return each valid version of data/schema.yaml by its MD5, the newest first."""
    prefix = (run_git(root, "rev-parse", "--show-prefix") or b"").decode().strip()
    listed = run_git(root, "log", "--all", "--reflog", "--format=%H", "--", SCHEMA)
    names = [
        f"{commit}:{prefix}{SCHEMA}" for commit in (listed or b"").decode().split()
    ]
    contents = [(root / SCHEMA).read_bytes()] if (root / SCHEMA).is_file() else []
    contents += filter(
        None, (run_git(root, "cat-file", "blob", name) for name in names)
    )
    found: dict[str, Contract] = {}
    for content in contents:
        try:
            contract = Contract.model_validate(load_yaml(content))
        except (yaml.YAMLError, ValidationError, ValueError, RecursionError):
            continue
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        found.setdefault(digest, contract)
    return found


def read_suspect(
    root: Path,
    storages: Sequence[Storage],
    files: Mapping[str, str],
    contracts: Iterable[Contract],
    person: Person,
) -> set[str]:
    """Return the hashes of those files of a raw table that have a row.

    Args:
        root: Of the project; copies are made in its .dvc/tmp, and deleted.
        storages: Where the files may be.
        files: Path of each one, by its hash; folders of it may name columns.
        contracts: Of which the first that can read a file is used.
        person: Whose row it is.
    """
    found = set()
    folder = root / ".dvc/tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as temporary:
        for digest, path in files.items():
            target = Path(temporary, path)
            if file_format(target) and _copy(storages, digest, target):
                if any(_has(target, one, person) for one in contracts):
                    found.add(digest)
                target.unlink()
    return found


def _copy(storages: Iterable[Storage], digest: str, target: Path) -> bool:
    for storage in storages:
        for place in storage.objects.get(digest, ()):
            target.parent.mkdir(parents=True, exist_ok=True)
            with storage.open(place) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            return True
    return False


def _has(file: Path, contract: Contract, person: Person) -> bool:
    """Return whether a file has a row; not if the contract is not its own."""
    try:
        return any(
            bool(pc.any(matches(chunk.rows, person)).as_py())
            for chunk in read_chunks([file], contract, ROWS)
        )
    except (pa.ArrowInvalid, UserError, OSError, ValueError):
        return False


def contracts_of(
    records: Iterable[Record], digest: str, known: Mapping[str, Contract]
) -> list[Contract]:
    """Return by which contracts a table was read; all if none is recorded."""
    recorded = {one for r in records if digest in r.read for one, _ in r.paths}
    found = [contract for md5, contract in known.items() if md5 in recorded]
    return found or [*known.values()]


def files_of(
    digest: str, path: str, folders: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield hash and path of a file, or of the files in a folder."""
    if not digest.endswith(FOLDER):
        yield digest, path
    for name, one in folders.get(digest, {}).items():
        yield one, f"{path}/{name}"
