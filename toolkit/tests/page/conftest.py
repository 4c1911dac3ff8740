"""A project with the results of each task."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .results import CLASSES, commit, write_project


@pytest.fixture
def results(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes and commits a project with results."""

    def make(task: str) -> Path:
        root = write_project(tmp_path / task, task)
        commit(root)
        return root

    return make


@pytest.fixture(params=CLASSES)
def root(request: pytest.FixtureRequest, results: Callable[[str], Path]) -> Path:
    """A project of each task."""
    return results(request.param)
