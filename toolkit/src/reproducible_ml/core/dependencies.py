"""Check that the code which a stage runs is among its dependencies in dvc.yaml.

DVC runs a stage again when one of its dependencies changes. Code that is of none could
change unnoticed: results would still be those of the old code.
"""

import ast
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import reproducible_ml
from reproducible_ml.core.errors import UserError

PIPELINE = Path("dvc.yaml")

TOOLKIT = Path(reproducible_ml.__file__).resolve().parent


class StageDependencies(NamedTuple):
    """What a stage of dvc.yaml runs and depends on.

    Attributes:
        command: Its command, with the variables of dvc.yaml filled in.
        paths: Its dependencies, relative to the folder of dvc.yaml.
        variables: The variables that dvc.yaml defines.
    """

    command: str
    paths: tuple[Path, ...]
    variables: dict[str, str]

    def missing(self, files: Iterable[str]) -> list[str]:
        """Return the files that are none of the dependencies, nor in one of them."""
        return sorted(
            file
            for file in files
            if not any(Path(file).is_relative_to(path) for path in self.paths)
        )

    def as_written(self, file: str) -> str:
        """Return a path as dvc.yaml would name it."""
        for name, value in self.variables.items():
            if Path(file).is_relative_to(value):
                rest = Path(file).relative_to(value).parts
                return "/".join([f"${{{name}}}", *rest])
        return file


def read_stages(root: Path) -> dict[str, StageDependencies]:
    """Return the stages of dvc.yaml; none without that file."""
    import yaml

    if not (root / PIPELINE).is_file():
        return {}
    # Ten times as fast where libyaml is there; every stage reads this file.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    pipeline = yaml.load((root / PIPELINE).read_bytes(), loader) or {}
    tables = [each for each in pipeline.get("vars", []) if isinstance(each, dict)]
    variables = {name: str(value) for table in tables for name, value in table.items()}

    def fill_in(text: Any) -> str:
        return re.sub(
            r"\$\{([^}]+)\}",
            lambda name: variables.get(name[1].strip(), name[0]),
            str(text),
        )

    return {
        name: StageDependencies(
            fill_in(stage.get("cmd", "")),
            tuple(Path(fill_in(path)) for path in stage.get("deps", ())),
            variables,
        )
        for name, stage in pipeline.get("stages", {}).items()
        if isinstance(stage, dict)
    }


def stages_that_run(module: str, root: Path) -> dict[str, StageDependencies]:
    """Return the stages of dvc.yaml whose command runs a module."""
    called = re.compile(rf"-m {re.escape(module)}(\s|$)")
    found = read_stages(root)
    return {name: one for name, one in found.items() if called.search(one.command)}


def check_loaded_code(stages: Mapping[str, StageDependencies], root: Path) -> None:
    """Check that stages depend on all code of this repository that was imported.

    Args:
        stages: Those that ran here.
        root: Folder of dvc.yaml, resolved.

    Raises:
        UserError: Names each line that is missing in dvc.yaml.
    """
    files = {
        file: f"is imported, as {name},"
        for name, loaded in [*sys.modules.items()]
        if (file := own_file(getattr(loaded, "__file__", None), root))
    }
    problems = [
        line
        for name, stage in stages.items()
        for line in missing_lines(name, stage, files)
    ]
    if problems:
        raise UserError("\n".join(problems))


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
