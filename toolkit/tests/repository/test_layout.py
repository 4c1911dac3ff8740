"""What must hold for the repository as a whole: forms, labels, links, README."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Project, needs_sample

ROOT = Path(__file__).resolve().parents[3]
CLI = "reproducible_ml.cli"
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yaml"))
FORMS = [path for path in FORMS if path.name != "config.yaml"]

form = pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)


def tracked(pattern: str) -> list[Path]:
    """Return the files in Git that are also in the working tree."""
    command = ["git", "ls-files", "-z", pattern]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def prose(page: Path) -> str:
    """Return Markdown without its code, where brackets are no links."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", lambda code: code.group().replace("[", ""), text)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file or folder, and the anchor, of each link within the project."""
    for target in re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", prose(page)):
        if not re.match(r"[a-z+]+:", target):
            name, _, anchor = target.partition("#")
            yield (page.parent / name if name else page), anchor


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), flags=re.M)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


# (A page that a template engine fills in is checked in what it makes.)
PAGES = [page for page in tracked("*.md") if "{{" not in str(page)]
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)


def test_no_package_is_named_code() -> None:
    # It would hide the module `code` of the standard library from pdb and IPython.
    assert not (ROOT / "code/__init__.py").exists()


@form
def test_issue_form_is_one_that_github_takes(path: Path) -> None:
    content = load(path)
    assert content["name"]
    assert content["description"]
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert fields
    for names in (
        [field["id"] for field in fields],
        [field["attributes"]["label"] for field in fields],
    ):
        assert len(set(names)) == len(names)
    labels = load(ROOT / ".github/labels.yaml")
    assert set(content["labels"]) <= {label["name"] for label in labels}


def test_labels_are_unique_and_valid() -> None:
    labels = load(ROOT / ".github/labels.yaml")
    names = [label["name"] for label in labels]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{6}", label["color"]) for label in labels)
    assert all(0 < len(label["description"]) <= 100 for label in labels)


@every_page
def test_links_in_markdown_lead_somewhere(page: Path) -> None:
    found = [*links(page)]
    assert [str(target) for target, _ in found if not target.exists()] == []
    broken = [
        f"{target}#{anchor}"
        for target, anchor in found
        if anchor and target.suffix == ".md" and anchor not in anchors(target)
    ]
    assert broken == []


@needs_sample
@pytest.mark.integration
def test_readme_shows_what_repro_prints(project: Project) -> None:
    command = [sys.executable, "-m", "reproducible_ml.cli", "repro"]
    printed = project.run(*command).stdout
    blocks = project.read("README.md").split("```")[1::2]
    [block] = [block for block in blocks if "roc_auc" in block]
    assert block.strip() in printed


def test_commands_use_the_python_of_rml_where_no_environment_is_active() -> None:
    command = ["env", "-i", "PATH=/usr/bin:/bin", sys.executable, "-m", CLI, "once"]
    find = ["--force", "test-path", "--", "sh", "-c", "command -v python"]
    done = subprocess.run(
        [*command, *find], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == Path(sys.executable).with_name("python")
