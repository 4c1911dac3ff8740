"""What is to be deleted of a person, and what is derived from it."""

import fnmatch
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.governance.history import History, Record, members, read_history
from reproducible_ml.governance.rows import (
    NotSearchedError,
    columns_of,
    holds,
)
from reproducible_ml.governance.search import search_files, search_git, search_logs
from reproducible_ml.governance.sources import (
    contracts_of,
    files_of,
    find_suspects,
    read_contracts,
    read_suspect,
)
from reproducible_ml.governance.spelling import Person
from reproducible_ml.governance.storages import FOLDER, Storage
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.tombstone import (
    read_tombstones,
)

# What is said of an object of unknown origin.
NOWHERE = "not recorded"


class Plan(NamedTuple):
    """What would be deleted, and what must be looked at.

    Attributes:
        objects: Path of each object, by hash.
        runs: Entries of run caches that name one of them, by storage.
        commits: Those whose data lack something then.
        kept: Paths that were made of the rows, and stay because they were asked for.
        current: Paths of data in use that hold the rows: nothing is deleted then.
        lost: Recorded objects that may hold rows, but are nowhere here.
        git: Files of Git that have a value, with a commit.
        files: Files of the working tree that have one.
        logs: Rows by file of the logs.
        foreign: Objects with rows that no commit and no run of this project recorded.
        unclear: Paths of objects that could not be searched.
        undecided: Paths of data of which something with the rows was made, but in
            which they were not found.
    """

    objects: dict[str, str]
    runs: dict[str, list[str]]
    commits: list[str]
    kept: list[str]
    current: list[str]
    lost: list[str]
    git: list[str]
    files: list[str]
    logs: dict[Path, int]
    foreign: list[str]
    unclear: list[str]
    undecided: list[str]


def make_plan(
    root: Path,
    storages: Sequence[Storage],
    person: Person,
    paths: Sequence[str],
    keep: Sequence[str],
    logs: Sequence[Path],
    *,
    unrecorded: bool,
) -> Plan:
    """Return what has to be deleted; the arguments are those of `forget`."""
    history, folders = read_history(root, storages), members(storages)
    earlier = read_tombstones(root).deletions
    # Of a folder that is deleted, the list says what was in it.
    listed = {d: path for one in earlier for d, path in one.objects.items()}
    names = {d: path for d, path in listed.items() if path != NOWHERE}
    names |= history.paths(folders)
    used = {digest for record in history.current for digest, _ in record.written}
    used |= {one for digest in used for one in folders.get(digest, {}).values()}
    hits, unclear = find_hits(storages, person, folders)
    every = [*history.records, *history.current]
    # What was deleted before had the rows, or those of another person.
    had = hits | {*listed}
    suspects = find_suspects(every, had)
    hits |= read_suspects(root, storages, suspects, names, folders, every, person)
    hits |= {folder for folder, inside in folders.items() if hits & {*inside.values()}}
    hits |= {
        digest
        for record in history.records
        for digest, path in record.written
        if path in paths and digest not in used
    }
    # What was deleted before, and was made of it since, or by others, goes as well. So
    # does the rest, if an earlier run was interrupted.
    groups = [(hits, keep), *(({*one.objects}, one.kept) for one in earlier)]
    gone, kept = set(), set()
    for one, patterns in groups:
        new, asked = choose(history, one, folders, patterns)
        gone |= new
        kept |= asked
    there = {digest for storage in storages for digest in storage.objects}
    # A colleague may have what is not here; but what Git has, DVC does not.
    tracked_files = run_git(root, "ls-files", "-z") or b""
    in_git = [*filter(None, tracked_files.decode("utf-8", "replace").split("\0"))]
    stored = {d for d in gone if d in there or not _is_in(names.get(d, ""), in_git)}
    # What is listed already, and nowhere here, needs nothing more.
    stored = {d for d in stored if d in there or d not in listed}
    # Another project may have the same cache or remote.
    foreign = {d for d in stored if d not in names and not unrecorded}
    tracked = {d for r in history.current if not r.read for d, _ in r.written}
    # What is wrong is the source, if that has the rows, and not what is made of it.
    wrong = gone & _with_files(tracked, folders) or used & gone
    sources = {d for r in history.records if not r.read for d, _ in r.written}
    lost = _with_files(sources, folders) - there
    lost -= {*listed}
    undecided = find_suspects(every, had | hits | gone) - lost - {*listed}
    return Plan(
        objects={d: names.get(d, NOWHERE) for d in sorted(stored - foreign)},
        runs={
            storage.name: [run for run in storage.runs if _names(storage, run, gone)]
            for storage in storages
        },
        commits=sorted(
            {
                commit
                for record in history.records
                if any(digest in gone for digest, _ in record.written)
                for commit in history.commits.get(record.source, ())
            }
        ),
        kept=sorted(kept),
        current=sorted({names[one] for one in wrong if one in names}),
        lost=sorted(names[one] for one in lost if one in names),
        git=search_git(root, person),
        files=search_files(root, person),
        logs=search_logs(logs, person),
        foreign=sorted(foreign),
        unclear=sorted(names.get(one, one) for one in unclear - gone),
        undecided=sorted(
            f"{names.get(one, NOWHERE)} ({one})"
            for one in undecided & there - gone - unclear
        ),
    )


def read_suspects(
    root: Path,
    storages: Sequence[Storage],
    suspects: Iterable[str],
    names: Mapping[str, str],
    folders: Mapping[str, Mapping[str, str]],
    records: Sequence[Record],
    person: Person,
) -> set[str]:
    """Return which files of suspected data have rows, as the project reads them."""
    known = read_contracts(root) if suspects and person.values else {}
    found: set[str] = set()
    for digest in sorted(suspects if known else ()):
        path = names.get(digest, digest)
        files = dict(files_of(digest, path, folders))
        contracts = contracts_of(records, digest, known)
        found |= read_suspect(root, storages, files, contracts, person)
    return found


def _with_files(
    digests: Iterable[str], folders: Mapping[str, Mapping[str, str]]
) -> set[str]:
    """Return hashes with those of the files in the folders among them."""
    found = {*digests}
    return found | {one for each in found for one in folders.get(each, {}).values()}


def check_column(
    storages: Sequence[Storage], person: Person, logs: Sequence[Path], *, known: bool
) -> None:
    """Raise an error if no table has the column that was named.

    Args:
        storages: Whose tables are looked at.
        person: With the column.
        logs: Folders of Parquet files.
        known: Whether something was deleted before, and the column maybe with it: it is
            a warning then.

    Raises:
        UserError: There are tables, but none with this column.
    """
    if person.column is None or not person.values:
        return
    seen: set[str] = set()
    opened = chain(
        (
            storage.open(paths[0])
            for storage in storages
            for digest, paths in storage.objects.items()
            if not digest.endswith(FOLDER)
        ),
        (path.open("rb") for log in logs for path in log.rglob("*.parquet")),
    )
    for file in opened:
        with file:
            seen |= columns_of(file)
        if person.column in seen:
            return
    if not seen:
        return
    near = get_close_matches(person.column, [*seen], 3, 0.5)
    folded = [one for one in seen if one.casefold() == person.column.casefold()]
    near = [*dict.fromkeys([*folded, *near])]
    words = f"did you mean {' or '.join(near)}?" if near else "name another"
    line = f"--column {person.column}: no table here has it. Fix: {words}"
    if not known:
        raise UserError(line)
    sys.stderr.write(f"warning: {one_line(line)}\n")


def find_hits(
    storages: Sequence[Storage],
    person: Person,
    folders: Mapping[str, Mapping[str, str]],
) -> tuple[set[str], set[str]]:
    """Return the objects that hold a row, with their folders; and what is unclear."""
    places: dict[str, tuple[Storage, str]] = {}
    for storage in storages:
        for digest, paths in storage.objects.items():
            places.setdefault(digest, (storage, paths[0]))
    found, unclear = set(), set()
    wanted = places if person.values else ()
    for digest in tqdm(wanted, "Searching", disable=None, leave=False):
        storage, path = places[digest]
        if digest.endswith(FOLDER):
            continue
        try:
            with storage.open(path) as file:
                if holds(file, person):
                    found.add(digest)
        except NotSearchedError:
            unclear.add(digest)
    for folder, files in folders.items():
        # A file may be named after a person.
        named = {d for name, d in files.items() if person.word.search(name)}
        found |= named
        if named or found & {*files.values()}:
            found.add(folder)
    return found, unclear


def find_derived(records: Sequence[Record], hits: set[str]) -> set[str]:
    """Return the hashes of what was made of the rows, though they may not be in it.

    What a stage also wrote without having read any of it is none of them.
    """
    clean: set[str] = set()
    while True:
        found: set[str] = set()
        grown = True
        while grown:
            tainted = hits | found
            new = {
                digest
                for record in records
                if record.read & tainted
                for digest, _ in record.written
            }
            grown = not (new - clean) <= found
            found |= new - clean
        tainted = hits | found
        free = {
            digest
            for record in records
            if not record.read & tainted
            for digest, _ in record.written
        } - hits
        if free <= clean:
            return found
        clean |= free


def choose(
    history: History,
    hits: set[str],
    folders: Mapping[str, Mapping[str, str]],
    keep: Sequence[str],
) -> tuple[set[str], set[str]]:
    """Return the hashes to delete, and the paths that stay as they were asked for.

    Args:
        history: Of all commits.
        hits: Of files with rows, and of the folders that they are in.
        folders: The files of each folder.
        keep: Patterns of paths that stay, though they were made of the rows.
    """
    hits = hits | {f for f, files in folders.items() if hits & {*files.values()}}
    derived = find_derived([*history.records, *history.current], hits)
    tainted = hits | derived
    kept, wanted = set(), set()
    for record in history.records:
        for digest, path in record.written:
            asked = any(fnmatch.fnmatch(path, one) for one in keep)
            if asked and digest in derived - hits:
                kept.add(path)
                wanted.add(digest)
    clean = wanted | {
        digest
        for record in [*history.records, *history.current]
        for digest, _ in record.written
        if digest not in tainted
    }
    # Of a folder that DVC tracks, only the files with rows go; the others are data.
    tracked = {
        digest
        for record in history.records
        for digest, _ in record.written
        if digest in hits and digest not in derived and digest in folders
    }
    used = clean | (_with_files(clean | tracked, folders) - tracked)
    gone = (hits - tracked) | _with_files(derived - wanted, folders)
    return gone - (used - hits), kept


def _is_in(path: str, files: Iterable[str]) -> bool:
    return any(one == path or one.startswith(f"{path}/") for one in files)


def _names(storage: Storage, run: str, digests: set[str]) -> bool:
    text = storage.read(run).decode("utf-8", "replace")
    return any(digest in text for digest in digests)
