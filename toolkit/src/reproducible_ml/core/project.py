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
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import PARAMS, parse_params, read_yaml

PYPROJECT = "pyproject.toml"


class Project:
    """A repository with a project of this toolkit."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The table `[tool.reproducible_ml]` of pyproject.toml."""
        path = self.root / PYPROJECT
        try:
            content = tomllib.loads(path.read_text("utf-8"))
            return dict(content.get("tool", {}).get("reproducible_ml", {}))
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{path}: is not TOML: {error}") from error
        except FileNotFoundError:
            return {}

    @property
    def package(self) -> str:
        """Name of the project's package in `code/`."""
        if not isinstance(self.settings.get("package"), str):
            raise UserError(
                f"{self.root / PYPROJECT}: does not name the project's package. Add:"
                ' [tool.reproducible_ml] package = "name of the folder in code/"'
            )
        return str(self.settings["package"])

    @property
    def sample(self) -> tuple[str, ...]:
        """Files that are about the sample alone, as paths from the root."""
        return tuple(self.settings.get("sample", ()))

    def forget_sample(self) -> None:
        """Remove the list of files that are about the sample alone."""
        import tomlkit

        path = self.root / PYPROJECT
        content = tomlkit.parse(path.read_text("utf-8"))
        settings: Any = content.get("tool", {}).get("reproducible_ml", {})
        if settings.pop("sample", None) is not None:
            write_text(tomlkit.dumps(content), path)
            self.__dict__.pop("settings", None)

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
        if (root / "dvc.yaml").is_file() and (root / PYPROJECT).is_file():
            return Project(root)
    raise UserError(
        f"{folder}: no project here: neither this folder nor one above it has dvc.yaml"
        " and pyproject.toml. Change to the folder of your project."
    )
