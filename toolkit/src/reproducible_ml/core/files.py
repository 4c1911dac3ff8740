"""Write files completely or not at all, and read YAML that anybody may have written.

YAML may neither be too deep nor grow by aliases: a parser written in C crashes on deep
nesting, and a few lines of aliases can stand for more values than memory holds.
"""

import copy
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

PARAMS = Path("params.yaml")

# How deep a file may be nested, and how many values its aliases may stand for.
DEEP, ALIASED = 50, 100_000


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block succeeds.

    Args:
        path: File or folder.
        shared: Other processes may replace it at the same time: the last one wins. By
            default, what a killed process left is removed.
    """
    own = f".{secrets.token_hex(4)}" if shared else ""
    temporary = path.with_name(f".{path.name}{own}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.old.tmp")
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            # A folder cannot replace another one, so the old one is moved away first.
            os.replace(path, aside)  # noqa: PTH105
        os.replace(temporary, path)  # noqa: PTH105 (the atomic call, by its name)
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        _remove(temporary)
        _remove(aside)


@contextmanager
def replacing_folder(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Yield an empty temporary folder; as `replacing` otherwise."""
    with replacing(path, shared=shared) as temporary:
        temporary.mkdir()
        yield temporary


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Make a folder anew, and remove it in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(text: str, path: Path) -> None:
    """Write text to a file atomically, as UTF-8 with the line ends of Unix."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(value: Any, path: Path, indent: int | None = 2) -> None:
    """Write JSON to a file atomically, with sorted keys.

    Raises:
        ValueError: The value contains NaN or infinity, which JSON does not have.
    """
    text = json.dumps(
        value, indent=indent, sort_keys=True, allow_nan=False, ensure_ascii=False
    )
    write_text(text + "\n", path)


@contextmanager
def all_or_nothing(*paths: Path, keep: bool = False) -> Iterator[None]:
    """Move files or folders away, and restore all of them unless the block succeeds.

    In the block the paths do not exist; what it creates there stays if it succeeds.
    Until then the old ones are kept beside them, as .NAME.kept.tmp. If this process is
    killed, the next call with the same paths restores what was not replaced.

    Args:
        paths: Files and folders.
        keep: Copy the paths, which must be files, instead of moving them, so that the
            block can edit them.
    """
    # Not the name that `replacing` uses, which may be called in the block.
    asides = {path: path.with_name(f".{path.name}.kept.tmp") for path in paths}
    for path, aside in asides.items():
        if aside.exists() and not path.exists():
            # The previous run was killed in between.
            aside.rename(path)
        _remove(aside)
    existing = [path for path in paths if path.exists()]
    try:
        for path in existing:
            if keep:
                shutil.copy2(path, asides[path])
            else:
                path.rename(asides[path])
        yield
    except BaseException:
        for path, aside in asides.items():
            if aside.exists() or path not in existing:
                _remove(path)
            if aside.exists():
                aside.rename(path)
        raise
    for aside in asides.values():
        _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def load_yaml(text: str | bytes) -> Any:
    """Return the content of YAML 1.1.

    Raises:
        yaml.YAMLError: It is not valid, or fails `check_yaml`.
    """
    import yaml

    check_yaml(text)
    # libyaml is ten times as fast; every stage reads several files.
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def parse_params(text: str) -> Any:
    """Parse the text of params.yaml as DVC does: as YAML 1.2.

    There, `yes` is text and `1e-3` is a number. `dvc exp run --set-param` rewrites the
    file without the quotes that YAML 1.1 would need.
    """
    # Every stage reads several sections, and this parser takes a tenth of a second.
    return copy.deepcopy(_parse_params(text))


@lru_cache(maxsize=2)
def _parse_params(text: str) -> Any:
    import yaml
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    check_yaml(text)
    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise yaml.YAMLError(yaml_problem(error)) from error


def check_yaml(text: str | bytes) -> None:
    """Check that YAML can be read without harm.

    Raises:
        yaml.YAMLError: It is not valid, too deep, or its aliases stand for too much.
    """
    import yaml

    # Events come one by one: unlike nodes, they need no recursion.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    aliased = size = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, size))
            if len(open_) > DEEP:
                raise _error(f"is nested more than {DEEP} levels deep", event)
        elif isinstance(event, yaml.AliasEvent):
            repeated = sizes.get(event.anchor or "", 1)
            aliased += repeated
            size += repeated
            if aliased > ALIASED:
                raise _error(f"has aliases of more than {ALIASED:,} values", event)
        elif isinstance(event, yaml.ScalarEvent):
            size += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            size += 1
            if anchor:
                sizes[anchor] = size - before


def yaml_problem(error: Exception) -> str:
    """Return what a YAML parser found, and in which line."""
    problem = getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    if not problem or not mark:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}: {problem.partition(' with value')[0]}"


def _error(problem: str, event: Any) -> "yaml.YAMLError":
    import yaml

    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
