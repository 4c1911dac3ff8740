"""Check that the model's own code is among the dependencies of the stages that use it.

DVC runs a stage again when one of its dependencies changes. A class of this repository
that is part of the model, but of no dependency, could change unnoticed: reports would
still describe the old one.
"""

import re
import site
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import yaml

from reproducible_ml.core.errors import UserError

PIPELINE = Path("dvc.yaml")
STAGES = ("train", "evaluate")


def check_own_code(model: Any, root: Path | None = None) -> None:
    """Check that the stages depend on all code of this repository in the model.

    Args:
        model: Estimator or pipeline, fitted or not.
        root: Folder of dvc.yaml; None for the current one. Without dvc.yaml, or without
            the stages `train` and `evaluate` in it, there is nothing to check.

    Raises:
        UserError: Names each line that is missing in dvc.yaml.
    """
    root = (root or Path.cwd()).resolve()
    if not (root / PIPELINE).is_file():
        return
    pipeline = yaml.safe_load((root / PIPELINE).read_text("utf-8"))
    stages = {name: pipeline.get("stages", {}).get(name) for name in STAGES}
    variables, files = _variables(pipeline), own_files(model, root)
    problems = [
        f"{PIPELINE}: stage {stage}: {path} defines {files[path]}, a part of the model,"
        " but is not a dependency: DVC would not run the stage again after a change of"
        f" it. Fix: add to its deps: - {_with_variables(path, variables)}"
        for stage, settings in stages.items()
        if settings
        for path in _outside(files, _dependencies(settings, variables))
    ]
    if problems:
        raise UserError("\n".join(problems))


def own_files(model: Any, root: Path) -> dict[str, str]:
    """Return the files of this repository that define classes or functions of a model.

    Args:
        model: Estimator or pipeline, fitted or not.
        root: Folder of the repository, resolved.

    Returns:
        Path of each file, relative to `root`, and the name of something defined there.
    """
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    found: dict[str, str] = {}
    for definition in set(_definitions(model)):
        module = sys.modules.get(definition.__module__)
        path = Path(getattr(module, "__file__", None) or "/").resolve()
        inside = path.is_relative_to(root)
        if inside and not any(path.is_relative_to(each) for each in installed):
            name = f"{definition.__module__}.{definition.__qualname__}"
            place = path.relative_to(root).as_posix()
            found[place] = min(name, found.get(place, name))
    return found


def _definitions(model: Any) -> Iterator[Any]:
    """Yield the classes, with their bases, and functions that a model is made of."""
    seen: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, FunctionType):
            yield item
        else:
            yield from (item if isinstance(item, type) else type(item)).__mro__
        waiting += _parts(item)


def _parts(item: Any) -> list[Any]:
    """Return the objects that an object holds."""
    if isinstance(item, type | FunctionType | ModuleType):
        return []
    if isinstance(item, dict):
        return [*item.values()]
    if isinstance(item, list | tuple | set | frozenset):
        return [*item]
    if isinstance(item, MethodType):
        return [item.__func__, item.__self__]
    if isinstance(item, partial):
        return [item.func, item.args, item.keywords]
    if isinstance(item, np.ndarray):
        return item.ravel().tolist() if item.dtype == object else []
    return [*vars(item).values()] if hasattr(item, "__dict__") else []


def _variables(pipeline: dict[str, Any]) -> dict[str, str]:
    """Return the variables that dvc.yaml defines itself."""
    tables = [each for each in pipeline.get("vars", []) if isinstance(each, dict)]
    return {name: str(value) for table in tables for name, value in table.items()}


def _dependencies(stage: dict[str, Any], variables: dict[str, str]) -> list[Path]:
    """Return the paths that a stage depends on."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1].strip(), match[0])

    return [
        Path(re.sub(r"\$\{([^}]+)\}", value, str(each)))
        for each in stage.get("deps", [])
    ]


def _outside(files: Iterable[str], folders: list[Path]) -> list[str]:
    """Return the files that are none of these paths, nor in one of them."""
    return sorted(
        path for path in files if not any(Path(path).is_relative_to(f) for f in folders)
    )


def _with_variables(path: str, variables: dict[str, str]) -> str:
    """Return a path as dvc.yaml would name it."""
    for name, value in variables.items():
        if Path(path).is_relative_to(value):
            return "/".join([f"${{{name}}}", *Path(path).relative_to(value).parts])
    return path
