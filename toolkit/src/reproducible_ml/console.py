"""What modules of commands share: the project they are about, and their help texts."""

from pathlib import Path
from typing import Any


def examples(*lines: str) -> str:
    """Return the end of a help text."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def project() -> Any:
    """Return the project; its root becomes the current folder."""
    import os

    from reproducible_ml.core.project import find_project

    found = find_project()
    os.chdir(found.root)
    return found


def project_and_folder() -> tuple[Any, Path]:
    """Return the project as `project` does, and the folder that typed paths are in.

    In the root, that is the empty path, so that messages name files as they were typed.
    """
    folder = Path.cwd()
    found = project()
    return found, Path() if folder == found.root else folder
