"""A hash of the code that predicts: of the project, and what it imports of this."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reproducible_ml.core.dependencies import imported_files
from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.model import Model


def code_hash(predict: Callable[..., Any]) -> str:
    """Return the SHA-256 of the module of a function and of all that it imports.

    Only files of the repository count: versions of packages are in the manifest of a
    model.
    """
    file = Path(inspect.getfile(predict)).resolve()
    root = next(
        (folder for folder in file.parents if (folder / "pyproject.toml").is_file()),
        file.parent,
    )
    files = imported_files([file.relative_to(root).as_posix()], root)
    found = hashlib.sha256()
    for name in sorted(files):
        content = (root / name).read_bytes()
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()


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
