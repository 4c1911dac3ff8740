"""The project around the current folder: its root, and its package by name.

The toolkit does not import the project. It finds the modules it needs through the name
of the package in pyproject.toml: `[tool.reproducible_ml] package`.
"""

import sys
import tomllib
import traceback
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import PARAMS, parse_params, write_text

PYPROJECT = "pyproject.toml"
CONTRACT = Path("data/schema.yaml")


class Project:
    """A repository that uses this toolkit."""

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
            raise UserError(f"{path}: is not valid TOML: {error}") from error
        except FileNotFoundError:
            return {}

    @property
    def package(self) -> str:
        """Name of the project's package in `code/`."""
        if not isinstance(self.settings.get("package"), str):
            raise UserError(
                f"{self.root / PYPROJECT}: does not name the project's package. Fix:"
                ' add [tool.reproducible_ml] package = "NAME OF THE FOLDER IN code/"'
            )
        return str(self.settings["package"])

    @property
    def sample(self) -> tuple[str, ...]:
        """Files that only belong to the sample, as paths relative to the root."""
        return tuple(self.settings.get("sample", ()))

    def forget_sample(self) -> None:
        """Remove the list of files that only belong to the sample."""
        import tomlkit

        path = self.root / PYPROJECT
        content = tomlkit.parse(path.read_text("utf-8"))
        settings: Any = content.get("tool", {}).get("reproducible_ml", {})
        if settings.pop("sample", None) is not None:
            write_text(tomlkit.dumps(content), path)
            self.__dict__.pop("settings", None)

    def load(self, module: str) -> Any:
        """Import a module of the project's package, such as `models.metrics`.

        Raises:
            UserError: Code of the project fails when it is imported: file and line.
        """
        code = str(self.root.resolve() / "code")
        if code not in sys.path:
            sys.path.insert(0, code)
        try:
            return import_module(f"{self.package}.{module}")
        except UserError:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            places = [(frame.filename, frame.lineno) for frame in frames]
            text = str(error)
            if isinstance(error, SyntaxError):
                # It is found before the file runs, so no frame is in the file.
                places.append((error.filename or "", error.lineno))
                text = error.msg
            own = [place for place in places if place[0].startswith(code)]
            if not own:
                raise
            file, line = own[-1]
            place = Path(file).relative_to(self.root.resolve())
            problem = one_line(f"{type(error).__name__}: {text}")
            raise UserError(f"{place} line {line}: {problem}") from error

    def params(self, path: Path | None = None) -> Any:
        """Return all sections of params.yaml, validated.

        Raises:
            UserError: A line for each mistake in any section.
        """
        from reproducible_ml.core.params import read_yaml

        kind = self.load("params").Params
        return read_yaml(path or self.root / PARAMS, kind, parse_params)

    def check(self, path: Path | None = None) -> None:
        """Check all sections of params.yaml, and what stages would only reject later.

        Raises:
            UserError: A line for each mistake.
        """
        from reproducible_ml.core.params import read_valid_sections

        path = path or self.root / PARAMS
        lines: list[str] = []
        try:
            params = self.params(path)
        except UserError as error:
            params = read_valid_sections(path, self.load("params").Params)
            if params is None:
                raise
            lines = str(error).splitlines()
        known = {line.partition(": ")[2] for line in lines}
        lines += [
            line
            for line in dict.fromkeys(params.problems(path.parent / CONTRACT))
            if line.partition(": ")[2] not in known
        ]
        if lines:
            raise UserError("\n".join(lines))

    def metrics(self, task: str) -> Any:
        """Return the project's metrics for a task, by name."""
        return self.load("models.metrics").METRICS.get(task, {})


def find_project(start: Path | None = None) -> Project:
    """Return the project that a folder, by default the current one, belongs to.

    Raises:
        UserError: The folder is not in a project.
    """
    folder = (start or Path.cwd()).resolve()
    for root in (folder, *folder.parents):
        if (root / "dvc.yaml").is_file() and (root / PYPROJECT).is_file():
            return Project(root)
    raise UserError(
        f"{folder}: is not in a project: neither this folder nor a parent of it has"
        " dvc.yaml and pyproject.toml. Fix: change to the folder of your project."
    )
