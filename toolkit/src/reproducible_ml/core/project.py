"""The project around the current folder: its root, and its package by name.

The toolkit does not import the project. What it needs of it is found by the name that
pyproject.toml gives: `[tool.reproducible_ml] package`.
"""

import sys
import tomllib
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import PARAMS, parse_params, read_yaml


class Project:
    """A repository with a project of this toolkit."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def package(self) -> str:
        """Name of the project's package in `code/`."""
        path = self.root / "pyproject.toml"
        try:
            settings = tomllib.loads(path.read_text("utf-8"))
            return str(settings["tool"]["reproducible_ml"]["package"])
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{path}: is not TOML: {error}") from error
        except (FileNotFoundError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: does not name the project's package. Add:"
                ' [tool.reproducible_ml] package = "name of the folder in code/"'
            ) from error

    def load(self, module: str) -> Any:
        """Return a module of the project's package, as `models.metrics`."""
        code = str(self.root.resolve() / "code")
        if code not in sys.path:
            sys.path.insert(0, code)
        return import_module(f"{self.package}.{module}")

    def params(self, path: Path | None = None) -> Any:
        """Return the whole of params.yaml, checked.

        Raises:
            UserError: A line for each mistake in any section.
        """
        kind = self.load("params").Params
        return read_yaml(path or self.root / PARAMS, kind, parse_params)

    def check(self, path: Path | None = None) -> None:
        """Check params.yaml as a whole, also by what the stages would refuse later.

        Raises:
            UserError: A line for each mistake.
        """
        params = self.params(path)
        if problems := [*params.problems()]:
            raise UserError("\n".join(problems))

    def metrics(self, task: str) -> Any:
        """Return the project's metrics of a task, by name."""
        return self.load("models.metrics").METRICS.get(task, {})


def find_project(start: Path | None = None) -> Project:
    """Return the project in or above a folder.

    Raises:
        UserError: There is none.
    """
    folder = (start or Path.cwd()).resolve()
    for root in (folder, *folder.parents):
        if (root / "dvc.yaml").is_file() and (root / "pyproject.toml").is_file():
            return Project(root)
    raise UserError(
        f"{folder}: no project here: neither this folder nor one above it has dvc.yaml"
        " and pyproject.toml. Change to the folder of your project."
    )
