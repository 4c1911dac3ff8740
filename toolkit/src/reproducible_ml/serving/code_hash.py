"""A hash of the code that predicts: of the project, and what it imports of this."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import reproducible_ml
from reproducible_ml.core.dependencies import imported_files
from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.model import Model

# Folders of the toolkit whose code decides what a model answers.
TOOLKIT = (
    "contract",
    "core",
    "modeling/metrics",
    "modeling/model",
    "reading",
    "serving",
)

# Folders of a project whose code can be part of a model.
PROJECT = ("features", "models/estimators")


def code_hash(predict: Callable[..., Any]) -> str:
    """Return the SHA-256 of the code that turns rows into answers.

    It is that of the project's module with `predict`, of its features and estimators,
    of what these import of the project, and of the toolkit. Versions of packages are in
    the manifest of a model.

    Args:
        predict: The project's function.
    """
    found = hashlib.sha256()
    for name, file in sorted(code_files(predict).items()):
        content = file.read_bytes()
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def code_files(predict: Callable[..., Any]) -> dict[str, Path]:
    """Return the files that `code_hash` is about, by name."""
    file = Path(inspect.getfile(predict)).resolve()
    package, *inner = predict.__module__.split(".")
    code = file.parents[len(inner)]
    own = [file, *_modules(code / package, PROJECT)]
    names = imported_files([each.relative_to(code).as_posix() for each in own], code)
    toolkit = Path(reproducible_ml.__file__).resolve().parent
    return {name: code / name for name in names} | {
        each.relative_to(toolkit.parent).as_posix(): each
        for each in _modules(toolkit, TOOLKIT)
    }


def _modules(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        yield from (folder / name).rglob("*.py")


def check_code(model: Model, code: str, folder: Path) -> None:
    """Check that a model was made with the code that runs, if its manifest tells.

    Args:
        model: The model.
        code: The hash of the code that runs.
        folder: The model's, for the message.

    Raises:
        UserError: It was made with other code.
    """
    made_with = model.manifest.get("code")
    if made_with not in (None, code):
        raise UserError(
            f"{folder}: the model was made with other prediction code"
            f" ({made_with:.12}) than this ({code:.12}). Fix: start it with its own"
            " code, such as that of its wheel"
        )
