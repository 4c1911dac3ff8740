"""`rml show`: write reports/index.html if what it shows changed, and open it."""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.page.resources import read_resources, resources
from reproducible_ml.page.state import State, read_state
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.lock import find_outdated

PAGE = Path("reports/index.html")
METRICS = Path("reports/metrics.json")

# What else the page shows; all of reports/ as well, except what is drawn from it.
SHOWN = ("params.yaml", "dvc.yaml", "data/schema.yaml", "docs/model_card.yaml")
DRAWN = (".html", ".png", ".tmp")

# The hash of what a page was made from is in its first bytes.
STAMP = re.compile(rb'<meta name="made-from" content="([0-9a-f]{64})">')
START = 2000


def show(project: Project, *, browser: bool) -> None:
    """Write the page, with whether it is up to date, and open it.

    Args:
        project: Whose root is the current folder.
        browser: Whether to open it; else its path is printed.

    Raises:
        UserError: There are no results yet.
    """
    if not (project.root / METRICS).is_file():
        raise UserError(f"{METRICS}: there are no results yet. Fix: run `make repro`")
    page = write_page(project, find_outdated(project.root, data=False))
    if not browser:
        sys.stdout.write(f"{page}\n")
        return
    import webbrowser

    if not webbrowser.open(page.as_uri()):
        sys.stdout.write(f"No browser was found. Open {page}\n")


def write_page(project: Project, outdated: Sequence[tuple[str, str]]) -> Path:
    """Write the page unless it shows the same already; return its path.

    Args:
        project: The repository.
        outdated: What is not up to date, as `find_outdated` returns it; nothing right
            after the pipeline ran.
    """
    root = project.root.resolve()
    page = root / PAGE
    state = read_state(root, outdated)
    made_from = fingerprint(root, state, resources(read_resources(project, root)))
    if stamp_of(page) != made_from:
        from reproducible_ml.page.document import make_page

        write_text(make_page(project, state, made_from), page)
    return page


def stamp_of(page: Path) -> str | None:
    """Return what a page was made from, as a hash; None if there is no page."""
    if not page.is_file():
        return None
    with page.open("rb") as file:
        found = STAMP.search(file.read(START))
    return found[1].decode() if found else None


def fingerprint(root: Path, state: State, took: str) -> str:
    """Return a hash of all that the page shows, and of the code that makes it.

    Args:
        root: Of the repository.
        state: Of which commit it is.
        took: What it says of time and memory.
    """
    digest = hashlib.sha256(
        json.dumps([state, took]).encode("utf-8", "surrogateescape")
    )
    for path in [*_shown(root), *sorted(Path(__file__).parent.glob("*.*"))]:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    # Versions and stages are tags.
    digest.update(run_git(root, "for-each-ref", "refs/tags") or b"")
    return digest.hexdigest()


def _shown(root: Path) -> Iterable[Path]:
    reports = sorted((root / "reports").rglob("*"))
    found = [*(root / name for name in SHOWN), *reports]
    return [p for p in found if p.is_file() and p.suffix not in DRAWN]
