"""`rml forget`: delete the rows of a person from all versions of the data.

The source is cleaned first, and the pipeline run without the rows. What is left are the
old versions, in the cache, on the remotes and in the run cache: the tables that have a
row, and all that was made of them. What a version without the rows uses as well stays.
"""

import datetime
import fnmatch
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.part_store import STORE
from reproducible_ml.governance.history import History, Record, members, read_history
from reproducible_ml.governance.rows import (
    NotSearchedError,
    clean_log,
    columns_of,
    holds,
    search_files,
    search_git,
    search_logs,
)
from reproducible_ml.governance.sources import (
    contracts_of,
    files_of,
    find_suspects,
    read_contracts,
    read_suspect,
)
from reproducible_ml.governance.spelling import Person
from reproducible_ml.governance.storages import FOLDER, Storage, open_storages
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.tombstone import (
    DELETED,
    Deletion,
    Deletions,
    read_deletions,
    read_tombstones,
    write_deletions,
)

# Lines of a list that are printed.
SHOWN = 20

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


def forget(
    root: Path,
    person: Person,
    *,
    paths: Sequence[str] = (),
    keep: Sequence[str] = (),
    logs: Sequence[Path] = (),
    unrecorded: bool = False,
    reason: str = "",
    decided_by: str = "",
    really: bool = False,
) -> None:
    """Print what would be deleted, and delete it if that was asked for.

    Args:
        root: Of the project.
        person: How the rows are known; without values, only what data/deleted.yaml
            lists, and what was made of it, is deleted.
        paths: Outputs all older versions of which have rows, whatever is found in them.
        keep: Patterns of paths that stay, though they were made of the rows.
        logs: Folders of Parquet files from which rows are removed.
        unrecorded: Delete objects as well that no commit or run recorded.
        reason: For data/deleted.yaml.
        decided_by: For data/deleted.yaml: a role.
        really: Delete.

    Raises:
        UserError: Data in use have the rows, or a storage cannot be read.
    """
    from dvc.repo import Repo

    with closing(Repo(str(root))) as repository:
        storages = open_storages(repository)
        check_column(storages, person, logs, known=bool(read_deletions(root).deletions))
        plan = make_plan(
            root, storages, person, paths, keep, logs, unrecorded=unrecorded
        )
        sys.stdout.write(describe(plan, storages, person, really=really))
        sys.stdout.flush()
        if plan.current:
            names = ", ".join(person.word.sub("...", n) for n in plan.current[:SHOWN])
            raise UserError(
                f"data in use have the rows: {names}. Nothing was deleted. Fix: remove"
                " them from the source, `rml data` (or `dvc add`), `make repro`,"
                " commit; then run this again"
            )
        if not really:
            return
        note(root, plan, person, keep, reason, decided_by)
        with repository.lock:
            remove(storages, plan.objects, plan.runs)
        # Without looking: it only saves time, and parts of it may have the rows.
        if (root / STORE).exists():
            shutil.rmtree(root / STORE)
        for path in plan.logs:
            clean_log(path, person)
    sys.stdout.write(
        f"Deleted. Commit {DELETED} if it changed, and push it. In each other clone:"
        " git pull && dvc checkout && rml forget --listed --yes\n"
    )


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


def note(
    root: Path,
    plan: Plan,
    person: Person,
    keep: Sequence[str],
    reason: str,
    decided_by: str,
) -> None:
    """Write data/deleted.yaml, before anything is deleted, and without any value."""
    before = read_deletions(root)
    known = read_tombstones(root)
    new = {
        digest: person.word.sub("...", path)
        for digest, path in plan.objects.items()
        if digest not in known.by_hash
    }
    if not new:
        return
    deletion = Deletion(
        day=datetime.datetime.now(datetime.UTC).date(),
        reason=reason or known.deletions[-1].reason,
        decided_by=decided_by or known.deletions[-1].decided_by,
        commits=tuple(commit[:12] for commit in plan.commits),
        kept=tuple(keep),
        objects=new,
    )
    write_deletions(root, Deletions(deletions=(*before.deletions, deletion)))


def remove(
    storages: Sequence[Storage], objects: Iterable[str], runs: Mapping[str, list[str]]
) -> None:
    """Delete objects, and entries of run caches, wherever they are."""
    for storage in storages:
        paths = [path for one in objects for path in storage.objects.get(one, ())]
        storage.remove([*paths, *runs.get(storage.name, ())])


def describe(
    plan: Plan, storages: Sequence[Storage], person: Person, *, really: bool
) -> str:
    """Return in lines what is deleted, and what people must look at."""
    text = _counts(plan.objects, plan.runs, storages)
    if plan.commits and plan.objects:
        text += f"Commits whose data are no longer complete: {len(plan.commits)}\n"
    lists: dict[str, Iterable[Any]] = {
        "Have rows, but no commit or run here recorded them; --unrecorded deletes them"
        " as well, if no other project needs them": plan.foreign,
        "Damaged, or in a form that is not searched (--path names such data)": (
            plan.unclear
        ),
        "Not decided: may hold the rows, as data made of them had some, but they were"
        " not found there (--path data/raw/NAME deletes all older versions)": (
            plan.undecided
        ),
        "Stay, as --keep asks for it, though made of the rows": plan.kept,
        "Recorded, but in no cache or remote here, so not searched": plan.lost,
        "In Git, whose history stays as it is": plan.git,
        "In the working tree": plan.files,
        "In logs, rows": [f"{path}: {count}" for path, count in plan.logs.items()],
    }
    for title, lines in lists.items():
        text += _list(title, [*lines])
    found = (plan.objects, plan.foreign, plan.git, plan.files, plan.logs)
    if not any((*found, plan.undecided)) and not any(plan.runs.values()):
        text += "Nothing was found in what was searched.\n"
    if any(value.lower() != value.upper() for value in person.values):
        text += (
            "Letter case counts: a value in another spelling needs a line of its own.\n"
        )
    if not really and (plan.objects or any(plan.runs.values()) or plan.logs):
        text += "\nNothing was deleted yet. To delete it: --yes\n"
    return text


def _counts(
    objects: Mapping[str, str],
    runs: Mapping[str, list[str]],
    storages: Sequence[Storage],
) -> str:
    lines = []
    for storage in storages:
        there = [digest for digest in objects if digest in storage.objects]
        size = sum(map(storage.size, there))
        lines.append(
            f"{storage.name}: {len(there)} objects, {size / 1e6:.1f} MB, and"
            f" {len(runs.get(storage.name, ()))} entries of the run cache"
        )
    text = "".join(f"{line}\n" for line in lines)
    ordered = sorted((path, digest) for digest, path in objects.items())
    return text + _list("Objects", [f"{path} ({digest})" for path, digest in ordered])


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = len(lines) - SHOWN
    shown = [*lines[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return f"{title}:\n" + "".join(f"  {one_line(line)}\n" for line in shown)
