"""`rml forget`: delete the rows of a person from all versions of the data.

The source is cleaned first, and the pipeline run without the rows. What is left are the
old versions, in the cache, on the remotes and in the run cache: the tables that have a
row, and all that was made of them. What a version without the rows uses as well stays.
"""

import datetime
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.part_store import STORE
from reproducible_ml.governance.deletion_plan import Plan, check_column, make_plan
from reproducible_ml.governance.search import clean_log
from reproducible_ml.governance.spelling import Person
from reproducible_ml.governance.storages import Storage, open_storages
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
        "Not searched: in another form, such as that of a model, or damaged (--path"
        " names such data)": plan.unclear,
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
