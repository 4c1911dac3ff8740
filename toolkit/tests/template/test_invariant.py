"""Default answers give this repository again, without the machinery."""

from pathlib import Path

import pytest
from hooks.machinery import MACHINERY, is_machinery

from ..copies import ROOT
from .conftest import Generate, tracked

# These are about the project, so they read differently.
OWN = {"CHANGELOG.md", "README.md"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, generate: Generate) -> Path:
    folder = tmp_path_factory.mktemp("defaults")
    generate(folder)
    return folder / "reproducible-ml"


def test_defaults_give_this_repository_byte_for_byte(project: Path) -> None:
    names = [name for name in tracked() if not is_machinery(name)]
    assert tracked(project) == names
    differing = [
        name
        for name in names
        if (project / name).read_bytes() != (ROOT / name).read_bytes()
        or (project / name).stat().st_mode != (ROOT / name).stat().st_mode
    ]
    assert set(differing) == OWN


@pytest.mark.parametrize("name", MACHINERY)
def test_machinery_is_there_and_stays_behind(name: str, project: Path) -> None:
    assert (ROOT / name).exists()
    assert not (project / name).exists()


def test_only_what_reads_differently_is_written_twice() -> None:
    overlay = ROOT / "{{cookiecutter.project_slug}}"
    assert {path.name for path in overlay.iterdir()} == OWN


def test_nothing_but_the_project_is_written(project: Path) -> None:
    assert [path.name for path in project.parent.iterdir()] == ["reproducible-ml"]
