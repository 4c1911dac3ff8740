"""What of this repository makes projects, and is not part of the projects it makes."""

from pathlib import PurePosixPath

MACHINERY = (
    ".github/workflows/template.yaml",
    "cookiecutter.json",
    "docs/template.md",
    "hooks",
    "tests/template",
    "{{cookiecutter.project_slug}}",
)


def is_machinery(name: str) -> bool:
    """Say whether a file, by its path in the repository, stays behind."""
    path = PurePosixPath(name)
    return any(path.is_relative_to(part) for part in MACHINERY)
