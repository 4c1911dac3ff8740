"""Check that files of Git and DVC are complete, and that folders can be written."""

import os
import re
import shutil
import stat
import time
import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from reproducible_ml.core.errors import first_line
from reproducible_ml.core.files import load_yaml, parse_params, yaml_problem
from reproducible_ml.doctor.check import Context, NotCheckedError, Problem, listed
from reproducible_ml.versioning.git import run_git

LOCK = "dvc.lock"
PIPELINE = "dvc.yaml"
ALWAYS = ("params.yaml", "data/schema.yaml", "data/catalog.yaml")
PROJECT = "pyproject.toml"
CONFIGS = (".dvc/config", ".dvc/config.local")
IGNORE = ".dvcignore"

# A clock that is a bit slow is no problem.
TOLERANCE = 120

MARKERS = re.compile(rb"^(<<<<<<<|>>>>>>>) ", re.M)

DIGEST = re.compile(r"[0-9a-f]{32}(\.dir)?")

DATA = ("data", "data/raw", "data/interim", "data/processed", "models", "reports")
OTHERS = (".", ".dvc", ".dvc/tmp", ".dvc/cache", ".dvc/cache/files/md5", ".git")

# What a run needs beside the data (bytes).
LEAST = 200_000_000


def check_files(context: Context) -> Iterator[Problem]:
    """Files of DVC and YAML files that stages read are complete and can be read."""
    for name in _names(context):
        path = context.root / name
        if not path.exists():
            if name in ALWAYS and _committed(context, name) is not None:
                yield Problem(f"{name}: does not exist", f"git restore {name}")
        elif why := find_fault(context, name):
            yield Problem(f"{name}: {why}", *_remedy(context, name))


def check_pipeline(context: Context) -> Iterator[Problem]:
    """DVC can read the whole pipeline: names, variables, and who writes what."""
    from dvc.exceptions import DvcException

    if any(check_files(context)):
        raise NotCheckedError("a file cannot be read")
    try:
        _ = context.stages
        context.repository.index.check_graph()
    except NotCheckedError as error:
        fix = "correct dvc.yaml or .dvc; `dvc dag` says more"
        no_git = "not a git repository" in str(error)
        yield Problem(str(error), "git init" if no_git else fix)
    except DvcException as error:
        said = first_line(error)
        yield Problem(f"DVC says: {said}", "correct dvc.yaml; `dvc dag` says more")


def _names(context: Context) -> list[str]:
    pointers = {context.name(p) for p in (context.root / "data").glob("**/*.dvc")}
    pointers |= {
        context.name(p) for p in (context.root / "data/raw").glob("*.query.yaml")
    }
    tracked = run_git(context.root, "ls-files", "-z", "*.dvc") or b""
    pointers |= {*filter(None, tracked.decode("utf-8", "replace").split("\0"))}
    return [PIPELINE, LOCK, PROJECT, *ALWAYS, *CONFIGS, IGNORE, *sorted(pointers)]


def find_fault(context: Context, name: str) -> str | None:
    """Return what is wrong with the content of a file, if anything."""
    path = context.root / name
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not content.strip(b"\0 \t\r\n"):
        # An empty one means as much as none.
        return None if name in (*CONFIGS, IGNORE) else "is empty"
    if MARKERS.search(content):
        return "has the marks of an unfinished merge (<<<<<<<)"
    if _is_cut(context, name, content):
        return "is cut off: the committed file goes on"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "is not text in UTF-8"
    if name in CONFIGS:
        return _config_fault(path)
    if name == IGNORE:
        return None
    return _toml_fault(text) if name == PROJECT else _yaml_fault(name, text)


def _is_cut(context: Context, name: str, content: bytes) -> bool:
    """Return whether a file is only the first part of the committed one.

    A user may delete the end of a file, but not in the middle of a line; and of those
    that DVC writes, not at all while dvc.yaml stays as it is.
    """
    committed = _committed(context, name)
    if not committed or content == committed or not committed.startswith(content):
        return False
    if not content.endswith(b"\n"):
        return content != committed.rstrip(b"\n")
    pipeline = context.root / PIPELINE
    same = pipeline.is_file() and pipeline.read_bytes() == _committed(context, PIPELINE)
    return name == LOCK and same


def _committed(context: Context, name: str) -> bytes | None:
    return run_git(context.root, "show", f"HEAD:./{name}")


def _config_fault(path: Path) -> str | None:
    from dvc.config import Config, ConfigError

    try:
        # Of this file alone: with the others, a fault in them would be one of all.
        Config.validate(Config.load_file(str(path)))
    except (ConfigError, ValueError) as error:
        return f"is not valid: {first_line(error)}"
    return None


def _toml_fault(text: str) -> str | None:
    try:
        tomllib.loads(text)
    except ValueError as error:
        return f"is not valid TOML: {first_line(error)}"
    return None


def _yaml_fault(name: str, text: str) -> str | None:
    read_by_dvc = name in (PIPELINE, LOCK, ALWAYS[0]) or name.endswith(".dvc")
    try:
        # DVC refuses a key that is there twice, others take the last one.
        found = parse_params(text) if read_by_dvc else load_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return f"is not valid YAML ({yaml_problem(error)})"
    if not isinstance(found, dict):
        return "is not a mapping of YAML"
    return _schema_fault(name, found)


def _schema_fault(name: str, content: dict[str, Any]) -> str | None:
    """Return what DVC would not accept in one of its files."""
    from dvc import schema
    from voluptuous import Invalid

    kinds = {
        LOCK: schema.COMPILED_LOCKFILE_SCHEMA,
        PIPELINE: schema.COMPILED_MULTI_STAGE_SCHEMA,
    }
    single = schema.COMPILED_SINGLE_STAGE_SCHEMA if name.endswith(".dvc") else None
    if (kind := kinds.get(name, single)) is None:
        return None
    try:
        kind(content)
    except Invalid as error:
        return f"is not complete: {first_line(error)}"
    wrong = [value for value in _digests(content) if not DIGEST.fullmatch(value)]
    return f"has no MD5 but {wrong[0]!r}" if wrong else None


def _digests(content: Any) -> Iterator[str]:
    """Yield the hashes of files in dvc.lock or in a .dvc file."""
    if isinstance(content, dict):
        if isinstance(content.get("path"), str) and "md5" in content:
            yield str(content["md5"])
        for value in content.values():
            yield from _digests(value)
    elif isinstance(content, list):
        for value in content:
            yield from _digests(value)


def _remedy(context: Context, name: str) -> tuple[str, Any]:
    """Return the command that repairs a file, and a cure if nothing can be lost."""
    committed = _committed(context, name)
    path = context.root / name
    if path.is_dir():
        then = f", then: git restore {name}" if committed else ""
        return f"move that folder to another place{then}", None
    if not os.access(path, os.R_OK):
        return f"chmod u+r {name}", None
    then = " && make repro" if name == LOCK else ""
    if run_git(context.root, "ls-files", "--unmerged", "--", name):
        return f"git checkout --ours {name}{then}; or edit it, then git add", None
    if committed is None or MARKERS.search(committed) or not committed.strip():
        if name != LOCK:
            return "correct it by hand: no good version is committed", None
        content = path.read_bytes()
        cure = None if content.strip() else partial(_remove, context, name)
        return f"rm {name} && make repro", cure
    content = path.read_bytes()
    worthless = committed.startswith(content) or not content.strip(b"\0 \t\r\n")
    cure = partial(_restore, context, name) if worthless else None
    return f"git restore {name}{then}", cure


def _restore(context: Context, name: str) -> str:
    committed = _committed(context, name)
    (context.root / name).write_bytes(committed or b"")
    return f"Restored {name} as it was committed."


def _remove(context: Context, name: str) -> str:
    (context.root / name).unlink()
    return f"Removed {name}, which was empty; `make repro` writes it."


def check_dates(context: Context) -> Iterator[Problem]:
    """No file is dated in the future."""
    latest = time.time() + TOLERANCE
    folders = [context.root / folder for folder in ("data", "models", "reports")]
    paths = {context.root / name for name in context.tracked}
    paths |= {path for folder in folders for path in folder.rglob("*")}
    ahead = [
        path
        for path in sorted(paths)
        if path.is_file() and not path.is_symlink() and path.stat().st_mtime > latest
    ]
    if not ahead:
        return
    names = [context.name(path) for path in ahead]
    newest = max(path.stat().st_mtime for path in ahead)
    when = datetime.fromtimestamp(newest).isoformat(" ", "minutes")
    yield Problem(
        f"dated in the future, up to {when}, so that they look newer than what is made"
        f" after them: {listed(names)}",
        f"check the clock, then: touch {names[0]}{' ...' if names[1:] else ''}",
        partial(_touch, ahead),
    )


def _touch(paths: list[Path]) -> str:
    for path in paths:
        path.touch()
    return f"Dated files as of now: {len(paths)}."


def check_links(context: Context) -> Iterator[Problem]:
    """Folders of data are no symbolic links: DVC refuses to write through them."""
    folders = {context.root / name for name in DATA}
    try:
        for out in context.outputs:
            folders |= _between(Path(out.fs_path), context.root)
    except NotCheckedError:
        pass  # The files that DVC cannot read are another check.
    for folder in sorted(folders):
        if folder.is_symlink() and not _in_cache(folder, context):
            name = context.name(folder)
            yield Problem(
                f"{name}: is a link to {os.readlink(folder)}, which DVC does not"  # noqa: PTH115
                " follow",
                f"rm {name}, and move the folder here. To keep data on another disk,"
                " move the cache: dvc cache dir --local FOLDER && dvc config --local"
                " cache.type symlink",
            )


def _between(path: Path, root: Path) -> set[Path]:
    """Return a path and its parents in the project."""
    return {one for one in [path, *path.parents] if one.is_relative_to(root)} - {root}


def _in_cache(path: Path, context: Context) -> bool:
    # Or a single file: with links as cache.type, or one that the user links.
    return not path.is_dir() or path.resolve().is_relative_to(context.cache.resolve())


def check_writable(context: Context) -> Iterator[Problem]:
    """Folders that commands write into can be written."""
    for name in dict.fromkeys([*OTHERS, *DATA]):
        folder = context.root / name
        if not folder.is_dir():
            # That of Git is a file in a worktree and in a submodule.
            if folder.exists() and name != ".git":
                yield Problem(
                    f"{name}: is a file, but has to be a folder",
                    f"mv {name} {name}.old",
                )
            continue
        found = folder.stat()
        if not found.st_mode & stat.S_IWUSR and found.st_uid == _user():
            command = f"chmod u+w {name}"
            yield Problem(
                f"{name}: is read-only", command, partial(_allow, folder, command)
            )
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield Problem(
                f"{name}: cannot be written; it belongs to the user {found.st_uid}",
                f'sudo chown -R "$(id -u)" {name}, unless its disk is read-only',
            )


def _user() -> int:
    """Return the number of the user; of Windows that of all files, 0."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _allow(folder: Path, command: str) -> str:
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    return f"Ran {command}."


def check_space(context: Context) -> Iterator[Problem]:
    """There is room for the data of one more run, here and in the cache."""
    places = [context.root]
    try:
        size = sum(out.meta.size or 0 for out in context.outputs)
        places += _existing(context.cache)
    except NotCheckedError:
        # A full disk may be why DVC cannot read its files.
        size = 0
    needed = LEAST + 2 * size
    for place in {path.stat().st_dev: path for path in places}.values():
        free = shutil.disk_usage(place).free
        if free < needed:
            yield Problem(
                f"{context.name(place)}: {_shown(free)} are free on this disk, but a"
                f" run needs about {_shown(needed)}",
                "free some; what the cache could do without: dvc gc --workspace"
                " --all-branches --dry",
            )
        if not hasattr(os, "statvfs"):
            continue  # Windows does not count files.
        files = os.statvfs(place)
        if files.f_files and files.f_favail < 1000:
            yield Problem(
                f"{context.name(place)}: this disk has room for {files.f_favail} more"
                " files",
                "remove some, or use another disk",
            )


def _existing(path: Path) -> list[Path]:
    """Return the path or the nearest parent that exists."""
    return [one for one in [path, *path.parents] if one.exists()][:1]


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
