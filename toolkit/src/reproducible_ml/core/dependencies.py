"""Check that the code which a stage runs is among its dependencies in dvc.yaml.

DVC runs a stage again when one of its dependencies changes. Code that is of none could
change unnoticed: results would still be those of the old code.
"""

import ast
import builtins
import io
import os
import re
import site
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import reproducible_ml
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import load_yaml

PIPELINE = Path("dvc.yaml")

# Where a stage names what it writes.
KINDS = ("outs", "metrics", "plots")

# Files that say how the pipeline runs; DVC compares the parameters of a stage.
SETTINGS = {"dvc.yaml", "dvc.lock", "params.yaml", "pyproject.toml"}

TOOLKIT = Path(reproducible_ml.__file__).resolve().parent


class StageDependencies(NamedTuple):
    """What a stage of dvc.yaml runs and depends on.

    Attributes:
        command: Its command, with the variables of dvc.yaml filled in.
        paths: Its dependencies, relative to the folder of dvc.yaml.
        outputs: Its outputs, metrics and plots.
        in_git: Whether Git has them all, and DVC's cache none.
        variables: The variables that dvc.yaml defines.
        params: The parameters of params.yaml that it depends on.
    """

    command: str
    paths: tuple[Path, ...]
    outputs: tuple[Path, ...]
    in_git: bool
    variables: dict[str, str]
    params: tuple[str, ...] = ()

    def missing(self, files: Iterable[str]) -> list[str]:
        """Return the files that are none of the dependencies, nor in one of them."""
        return sorted(file for file in files if not _is_within(Path(file), self.paths))

    def as_written(self, file: str) -> str:
        """Return a path as dvc.yaml would name it."""
        for name, value in self.variables.items():
            if Path(file).is_relative_to(value):
                rest = Path(file).relative_to(value).parts
                return "/".join([f"${{{name}}}", *rest])
        return file


def read_stages(root: Path) -> dict[str, StageDependencies]:
    """Return the stages of dvc.yaml; none without that file."""
    if not (root / PIPELINE).is_file():
        return {}
    pipeline = load_yaml((root / PIPELINE).read_bytes()) or {}
    tables = [each for each in pipeline.get("vars", []) if isinstance(each, dict)]
    variables = {name: str(value) for table in tables for name, value in table.items()}

    def fill_in(text: Any) -> str:
        return re.sub(
            r"\$\{([^}]+)\}",
            lambda name: variables.get(name[1].strip(), name[0]),
            str(text),
        )

    stages = {
        n: s for n, s in pipeline.get("stages", {}).items() if isinstance(s, dict)
    }
    return {
        name: _dependencies(stage, variables, fill_in) for name, stage in stages.items()
    }


def _dependencies(
    stage: Mapping[str, Any], variables: dict[str, str], fill_in: Callable[[Any], str]
) -> StageDependencies:
    """Return what an entry of dvc.yaml says."""
    written = [out for kind in KINDS for out in stage.get(kind) or ()]
    outputs: dict[str, Any] = {}
    for out in written:
        outputs |= out if isinstance(out, dict) else {out: {}}
    return StageDependencies(
        fill_in(stage.get("cmd", "")),
        tuple(Path(fill_in(path)) for path in stage.get("deps") or ()),
        tuple(Path(fill_in(path)) for path in outputs),
        all((options or {}).get("cache") is False for options in outputs.values()),
        variables,
        tuple(name for name in stage.get("params") or () if isinstance(name, str)),
    )


def stages_that_run(module: str, root: Path) -> dict[str, StageDependencies]:
    """Return the stages of dvc.yaml whose command runs a module."""
    called = re.compile(rf"-m {re.escape(module)}(\s|$)")
    found = read_stages(root)
    return {name: one for name, one in found.items() if called.search(one.command)}


def check_code(stages: Mapping[str, StageDependencies], root: Path) -> None:
    """Check that stages depend on what was imported, or read by `watch_files`, so far.

    Args:
        stages: Those that run here.
        root: Folder of dvc.yaml, resolved.

    Raises:
        UserError: Names each line that is missing in dvc.yaml, and each link.
    """
    used = USED | used_files(root)
    problems = [
        f"{name}: is or lies in a link that leaves the repository, so that neither Git"
        " nor DVC sees what changes there. Fix: copy it, or install it as a package"
        for name, why in used.items()
        if why == LINK
    ]
    for name, stage in stages.items():
        files = {
            file: why
            for file, why in used.items()
            if why != LINK and not _is_within(Path(file), stage.outputs)
        }
        problems += missing_lines(name, stage, files)
    if problems:
        raise UserError("\n".join(problems))


# Files that other processes used, and how; see `used_files`.
USED: dict[str, str] = {}

# Why a file is named that lies behind a link.
LINK = "link"

_opened: set[str] = set()


def watch_files() -> None:
    """Note from now on which files Python opens to read; see `used_files`.

    Compiled libraries, such as the reader of Parquet, open files by themselves. It is
    no audit hook of Python: in one, a Ctrl-C is lost at times, and the process hangs.
    """
    builtins.open = io.open = _noting_open


_open = io.open


def _noting_open(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
    if isinstance(file, str | os.PathLike) and not {*mode} & {*"wax+"}:
        _opened.add(str(os.fspath(file)))
    return _open(file, mode, *arguments, **named)


def used_files(root: Path) -> dict[str, str]:
    """Return the files of the repository that this process imported or read, and how.

    Args:
        root: Folder of the repository, resolved.

    Returns:
        Words that follow the path in a message, by the path relative to `root`.
    """
    found: dict[str, str] = {}
    for name, loaded in [*sys.modules.items()]:
        path = getattr(loaded, "__file__", None)
        if file := own_file(path, root):
            found[file] = f"is imported, as {name},"
        if path and (link := _link(path, root)):
            found[link] = LINK
    return found | _read_files(root)


def used_by_job(root: Path, process: Any) -> dict[str, str]:
    """Return what a job for another process used, and begin anew.

    A worker of a cluster may have imported other modules for an earlier process.

    Args:
        root: Folder of the repository, resolved.
        process: Identifies the process that sent the job.
    """
    _served.append(process)
    found = used_files(root) if _served[0] == process else _read_files(root)
    _opened.clear()
    del _served[1:]
    return found


_served: list[Any] = []


def _read_files(root: Path) -> dict[str, str]:
    files = [_read_file(path, root) for path in [*_opened]]
    return dict.fromkeys(filter(None, files), "is read")


def _read_file(path: str, root: Path) -> str | None:
    """Return a file that results may depend on, relative to the repository."""
    if path.startswith(installed_folders()) or path.endswith((".py", ".pyc")):
        return None
    file = Path(path).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        return None
    inside = file.relative_to(root)
    hidden = any(part.startswith(".") for part in inside.parts)
    settings = inside.name in SETTINGS or inside.suffix == ".dvc"
    return None if hidden or settings else inside.as_posix()


def _link(path: str, root: Path) -> str | None:
    """Return the link, if a file of the repository really lies elsewhere."""
    if path.startswith(installed_folders()):
        return None
    file = Path(path).absolute()
    if not file.is_relative_to(root) or file.resolve().is_relative_to(root):
        return None
    links = [each for each in (file, *file.parents) if each.is_symlink()]
    return links[-1].relative_to(root).as_posix()


def _is_within(file: Path, paths: Iterable[Path]) -> bool:
    return any(file.is_relative_to(path) for path in paths)


def missing_lines(
    name: str, stage: StageDependencies, files: dict[str, str]
) -> Iterator[str]:
    """Yield an error for each file that a stage lacks among its dependencies.

    Args:
        name: Of the stage.
        stage: What it depends on.
        files: Why it needs each file, which follows the path in the message.
    """
    for file in stage.missing(files):
        yield (
            f"{PIPELINE}: stage {name}: {file} {files[file]} but is not a dependency:"
            " DVC would not run the stage again after a change of it. Fix: add to its"
            f" deps: - {stage.as_written(file)}"
        )


def own_file(path: str | None, root: Path) -> str | None:
    """Return the path of a module's file relative to the repository.

    None if it lies elsewhere or is installed, or if no result can depend on it.
    """
    installed = installed_folders()
    if not path or path.startswith(installed):
        return None
    file = Path(path).resolve()
    inside = file.is_relative_to(root) and not str(file).startswith(installed)
    if not inside or not file.is_file() or has_no_influence(file):
        return None
    return file.relative_to(root).as_posix()


@cache
def installed_folders() -> tuple[str, ...]:
    """Return the folders of Python's own modules and of installed packages."""
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    return (sysconfig.get_path("stdlib"), *folders)


def has_no_influence(file: Path) -> bool:
    """Return whether a file only makes a folder a package, or finds the package."""
    if file.name != "__init__.py":
        return False
    if not (file.parent.parent / "__init__.py").exists():
        return True
    tree = ast.parse(file.read_text("utf-8"))
    return all(isinstance(node, ast.Expr) for node in tree.body)


def imported_files(files: Iterable[str], root: Path) -> set[str]:
    """Return files of the repository, and what they import of it, in functions as well.

    Args:
        files: Paths relative to `root`.
        root: Folder of the repository, resolved.
    """
    found: set[str] = set()
    waiting = [*files]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += filter(
                None, (_source(name, root) for name in _imports(root / file))
            )
    return found


def _imports(file: Path) -> Iterator[str]:
    """Yield the names that may be modules in all imports of a file."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _source(name: str, root: Path) -> str | None:
    """Return the file of a module of this repository; None for anything else."""
    try:
        found = find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return own_file(found.origin, root) if found and found.has_location else None
