"""What must hold for the repository as a whole: folders, forms and links."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CODE = ROOT / "code/reproducible_ml"

FOLDERS = (
    ".ci",
    ".cloud",
    ".devcontainer",
    ".dvc",
    ".github/ISSUE_TEMPLATE",
    ".github/workflows",
    "benchmarks",
    "code/reproducible_ml",
    "data",
    "docs/code",
    "docs/data",
    "docs/media",
    "docs/references",
    "environments",
    "notebooks",
    "pipelines",
    "reports",
    "tests/data_validation",
    "tests/pipeline",
    "tests/unit",
)
KINDS = ("ask", "data_acquisition", "data_creation", "experiment", "explore", "model")
GITHUB = sorted((ROOT / ".github").rglob("*.y*ml"))


def _tracked(pattern: str = "") -> list[Path]:
    """Return the files in Git that also lie in the working tree."""
    command = ["git", "ls-files", "-z", *([pattern] if pattern else [])]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def _form(kind: str) -> Any:
    path = ROOT / ".github" / "ISSUE_TEMPLATE" / f"{kind}.yaml"
    return yaml.safe_load(path.read_text("utf-8"))


def _labels() -> Any:
    return yaml.safe_load((ROOT / ".github" / "labels.yaml").read_text("utf-8"))


def _prose(page: Path) -> str:
    """Return Markdown without its code, where brackets are no links."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", lambda code: code.group().replace("[", ""), text)


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file, or the folder, and the anchor of each link within the project."""
    for target in re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", _prose(page)):
        if not re.match(r"[a-z+]+:", target):
            name, _, anchor = target.partition("#")
            yield (page.parent / name if name else page), anchor


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ +(.+?) *$", _prose(page), flags=re.M)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


# (A page that a template engine fills in is checked in what it makes.)
PAGES = [page for page in _tracked("*.md") if "{{" not in str(page)]


def test_no_package_is_named_code() -> None:
    # It would hide the module `code` of the standard library from pdb and IPython.
    assert not (ROOT / "code" / "__init__.py").exists()


def test_copy_of_the_repository_runs_its_own_code(tmp_path: Path) -> None:
    # As `dvc exp run --temp` makes it; the installed package is the original's.
    package = CODE.relative_to(ROOT)
    (tmp_path / package).mkdir(parents=True)
    (tmp_path / package / "mine.py").write_text("print('of the copy')")
    command = [sys.executable, "-m", f"{package.name}.mine"]
    assert subprocess.check_output(command, cwd=tmp_path) == b"of the copy\n"


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_holds_something_in_git(folder: str) -> None:
    assert any((ROOT / folder) in path.parents for path in _tracked())


def test_no_file_in_git_is_empty() -> None:
    assert [path for path in _tracked() if not path.read_bytes().strip()] == []


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_yaml_for_github_can_be_read(path: Path) -> None:
    assert yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_issue_form_has_what_github_requires(kind: str) -> None:
    form = _form(kind)
    assert form["name"]
    assert form["description"]
    assert any(field["type"] != "markdown" for field in form["body"])


@pytest.mark.parametrize("kind", KINDS)
def test_fields_of_an_issue_form_have_ids_and_labels_of_their_own(kind: str) -> None:
    fields = [field for field in _form(kind)["body"] if field["type"] != "markdown"]
    for names in (
        [field["id"] for field in fields],
        [field["attributes"]["label"] for field in fields],
    ):
        assert len(set(names)) == len(names)


def test_labels_are_told_apart_and_have_a_color() -> None:
    labels = _labels()
    names = [label["name"] for label in labels]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{6}", label["color"]) for label in labels)
    assert all(0 < len(label["description"]) <= 100 for label in labels)


@pytest.mark.parametrize("kind", KINDS)
def test_label_of_an_issue_form_is_declared(kind: str) -> None:
    assert set(_form(kind)["labels"]) <= {label["name"] for label in _labels()}


def test_command_that_applies_the_labels_reads_the_file() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    comment = (ROOT / ".github" / "labels.yaml").read_text("utf-8")
    command = re.search(r"\.venv/bin/python -c .*", comment)
    assert command is not None
    assert command.group() in contributing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_in_markdown_lead_somewhere(page: Path) -> None:
    broken = [str(target) for target, _ in _links(page) if not target.exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_anchors_in_markdown_are_headings(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in _links(page)
        if anchor and target.suffix == ".md" and anchor not in _anchors(target)
    ]
    assert broken == []
