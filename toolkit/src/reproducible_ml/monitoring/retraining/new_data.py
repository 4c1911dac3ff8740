"""Get the newest data into a clone: imports of DVC, queries, or a file that is given.

What comes in is checked as `rml data` checks it, or by the stage `validate`.
"""

import filecmp
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.adopt.configure import PIPELINE, has_sample, raw_table
from reproducible_ml.core.errors import UserError
from reproducible_ml.monitoring.retraining.workspace import Ran, Workspace
from reproducible_ml.sources.source import origin_of, remember_origin
from reproducible_ml.versioning.dvc import default_remote, read_pointer


class Refusal(UserError):
    """New data are not accepted; a line for each reason."""


class NewData(NamedTuple):
    """What was looked at, and what changed.

    Attributes:
        sources: Where newer data were looked for, one text for each.
        changed: Tables that have other content than before, with their new hashes.
    """

    sources: list[str]
    changed: dict[str, str]


def get_new_data(workspace: Workspace, given: Path | None, *, accept: bool) -> NewData:
    """Get the newest data into a clone.

    Args:
        workspace: The clone, at the commit to begin with.
        given: A new version of the raw table, or a file to be added to its folder; None
            for what imports and recorded sources give.
        accept: Change an edited contract without asking.

    Raises:
        Refusal: The data are not accepted.
        UserError: They cannot be had, or `given` does not suit the table.
    """
    before = table_hashes(workspace)
    if given is None:
        sources = [*_update(workspace, accept=accept)]
    else:
        sources = [given.name]
        _take(workspace, given, accept=accept)
    now = table_hashes(workspace)
    changed = {name: now[name] for name in now if now[name] != before.get(name)}
    return NewData(sources, changed)


def table_hashes(workspace: Workspace) -> dict[str, str]:
    """Return the hash of each table that DVC tracks in a .dvc file, by its path."""
    found = {}
    for name in workspace.git("ls-files", "*.dvc").splitlines():
        for out in read_pointer(workspace.folder / name).get("outs", ()):
            path = Path(name).parent / str(out["path"])
            found[path.as_posix()] = str(out.get("md5", ""))
    return found


def _update(workspace: Workspace, *, accept: bool) -> Iterator[str]:
    """Get the newest version of what has a source; yield each source."""
    folder = workspace.folder
    pointers = workspace.git("ls-files", "*.dvc").splitlines()
    imports = [n for n in pointers if read_pointer(folder / n).get("deps")]
    for name in imports:
        _demand(workspace.dvc("update", name), f"{name}: dvc update failed")
        yield f"dvc update {name}"
    if has_sample(folder / PIPELINE):
        return
    table = raw_table(folder / PIPELINE)
    if f"{table.as_posix()}.dvc" in imports:
        return
    origin = None
    if not _record(folder / table).exists():
        # A path is known to the user's clone only.
        origin = origin_of(workspace.root / table)
        if origin is None:
            return
        remember_origin(folder / table, origin)
    _read(workspace, (), accept=accept)
    # Whoever reads the report has no use for a path of this computer.
    yield f"rml data ({Path(origin).name})" if origin else "rml data"


def _take(workspace: Workspace, given: Path, *, accept: bool) -> None:
    """Make a file or folder the raw table, or a part of it."""
    folder = workspace.folder
    if has_sample(folder / PIPELINE):
        raise UserError(
            "the project is still about its sample. Fix: rml data SOURCE --target"
            " COLUMN, make repro, and commit"
        )
    table = raw_table(folder / PIPELINE)
    pointer = folder / f"{table}.dvc"
    if read_pointer(pointer).get("deps") or _record(folder / table).exists():
        raise UserError(
            f"{table}: has a source of its own, which gives its newest version. Fix:"
            " leave out --data; or replace the source for good: rml data SOURCE"
        )
    outs = read_pointer(pointer).get("outs") or [{}]
    is_folder = str(outs[0].get("md5", "")).endswith(".dir")
    if not (is_folder and given.is_file()):
        arguments = (str(given), "--name", table.name)
        _read(workspace, arguments, accept=accept)
        return
    _demand(_get(workspace, pointer), f"{table}: its parts are not here")
    target = folder / table / given.name
    if target.exists() and not filecmp.cmp(given, target, shallow=False):
        raise UserError(
            f"{given}: {table} has a file of this name with other content. Fix: rename"
            " the new one, as its rows are added"
        )
    shutil.copyfile(given, target)
    _read(workspace, (), accept=accept)


def _read(workspace: Workspace, arguments: tuple[str, ...], *, accept: bool) -> None:
    """Run `rml data`, whose errors are reasons not to accept the data."""
    ran = workspace.rml("data", *arguments, *(["--yes"] if accept else []))
    if ran.code:
        raise Refusal("\n".join(ran.reasons))


def _get(workspace: Workspace, pointer: Path) -> Ran:
    command = "pull" if default_remote(workspace.folder) else "checkout"
    return workspace.dvc(command, str(pointer))


def _demand(ran: Ran, what: str) -> None:
    if ran.code:
        raise UserError(f"{what}: {' '.join(ran.reasons)}")


def _record(table: Path) -> Path:
    return table.with_name(f"{table.name}.query.yaml")
