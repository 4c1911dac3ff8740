"""Check that the model's own code is among the dependencies of the stages that use it.

DVC runs a stage again when one of its dependencies changes. A class of this repository
that is part of the model, but of no dependency, could change unnoticed: reports would
still describe the old one.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from reproducible_ml.core.dependencies import (
    TOOLKIT,
    imported_files,
    missing_lines,
    own_file,
    read_stages,
)
from reproducible_ml.core.errors import UserError

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
    stages = {
        name: stage for name, stage in read_stages(root).items() if name in STAGES
    }
    if not stages:
        return
    defined = own_files(model, root)
    files = dict.fromkeys(_all_code(defined, root), "is imported by the model's code")
    files |= {
        file: f"defines {name}, a part of the model," for file, name in defined.items()
    }
    problems = [
        line
        for name, stage in stages.items()
        for line in missing_lines(name, stage, files)
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
    found: dict[str, str] = {}
    for definition in set(_definitions(model)):
        module = sys.modules.get(definition.__module__)
        if file := own_file(getattr(module, "__file__", None), root):
            name = f"{definition.__module__}.{definition.__qualname__}"
            found[file] = min(name, found.get(file, name))
    return found


def _all_code(files: Iterable[str], root: Path) -> set[str]:
    """Return the project's files that files of the project import, and these."""
    own = [file for file in files if not (root / file).is_relative_to(TOOLKIT)]
    return imported_files(own, root)


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
