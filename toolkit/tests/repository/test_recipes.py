"""The recipes of docs/code/README.md, followed to the letter in copies of the project.

A block with a title is a new file; a `diff` block changes the file of its title: the
lines of its context and those with a `-` are replaced by the context and those with
a `+`. The place must be the only one.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ..copies import ROOT, copy_project
from .conftest import Project, needs_sample

pytestmark = needs_sample

MOST_FILES = 3


class Block(NamedTuple):
    """A piece of code: a new file, or a change of one."""

    path: str
    is_change: bool
    text: str

    def apply(self, folder: Path) -> bool:
        """Create or change the file; return whether that was possible."""
        path = folder / self.path
        if not self.is_change:
            path.write_text(self.text, "utf-8")
            return True
        lines = [(line[:1] or " ", line[1:]) for line in self.text.splitlines()]
        old, new = (
            "".join(f"{line}\n" for sign, line in lines if sign in kept)
            for kept in (" -", " +")
        )
        text = path.read_text("utf-8")
        # Whole lines alone.
        if f"\n{text}".count(f"\n{old}") != 1:
            return False
        path.write_text(f"\n{text}".replace(f"\n{old}", f"\n{new}")[1:], "utf-8")
        return True


def read_recipes() -> dict[str, list[Block]]:
    """Return the blocks of each recipe by its heading."""
    page = (ROOT / "docs/code/README.md").read_text("utf-8").partition("## Recipes")[2]
    fence = r'^```(\w+) title="(.+?)"\n(.*?)^```$'
    recipes = {}
    for section in re.split(r"^### ", page, flags=re.M)[1:]:
        heading = section.partition("\n")[0]
        found = re.findall(fence, section, flags=re.M | re.S)
        if found:
            recipes[heading] = [Block(p, kind == "diff", t) for kind, p, t in found]
    return recipes


RECIPES = read_recipes()


@pytest.fixture
def copy(cold: tuple[Project, list[str]], tmp_path: Path) -> Project:
    """Return a reproduced project of the test's own."""
    copy_project(cold[0].folder, tmp_path / "project")
    return Project(tmp_path / "project")


def check(project: Project) -> list[str]:
    """Run the pipeline, linters and the project's tests; return the stages that ran."""
    project.run("git", "add", "--all")
    lines = project.run("rml", "repro").stdout.splitlines()
    stages = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
    project.run("rml", "check")
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    # The caches of the libraries are shared by all copies.
    types = str(project.folder.parents[1] / "mypy_cache")
    project.run("mypy", "--cache-dir", types, "code", "tests")
    project.run(sys.executable, "-m", "pytest", "tests", "-q", "-x")
    return stages


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_touches_few_files_and_fits_the_code(name: str, tmp_path: Path) -> None:
    assert len({block.path for block in RECIPES[name]}) <= MOST_FILES
    for block in RECIPES[name]:
        source, target = ROOT / block.path, tmp_path / block.path
        target.parent.mkdir(parents=True, exist_ok=True)
        assert source.exists() == block.is_change, block.path
        if source.exists() and not target.exists():
            shutil.copy2(source, target)
        assert block.apply(tmp_path), f"{block.path} has not exactly one:\n{block.text}"


@pytest.mark.slow
def test_recipes_work_together(copy: Project) -> None:
    """Those that change the same lines as an earlier one are left out."""
    for blocks in RECIPES.values():
        before = {
            block.path: (copy.folder / block.path).read_text("utf-8")
            for block in blocks
            if (copy.folder / block.path).exists()
        }
        applied = [block.apply(copy.folder) for block in blocks]
        if not all(applied):
            for block in blocks:
                (copy.folder / block.path).unlink(missing_ok=True)
            for path, text in before.items():
                (copy.folder / path).write_text(text, "utf-8")
    copy.run("ruff", "check", "--fix", "--quiet")
    check(copy)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_recipe_works(name: str, copy: Project) -> None:
    before = copy.read("dvc.lock")
    for block in RECIPES[name]:
        assert block.apply(copy.folder)
    assert check(copy)
    assert copy.read("dvc.lock") != before
