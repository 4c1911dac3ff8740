"""`rml show`: write reports/index.html if what it shows changed, and open it."""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.page.resources import read_resources, resources
from reproducible_ml.page.state import State, read_state
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.lock import find_outdated

if TYPE_CHECKING:
    from reproducible_ml.exploration.profile import Status

PAGE = Path("reports/index.html")
METRICS = Path("reports/metrics.json")
VALIDATED = Path("data/interim/validated")

# Rows times columns of the largest table that is profiled without being asked for.
SHOWN_VALUES = 30_000_000

# What else the page shows; all of reports/ as well, except what is drawn from it.
SHOWN = (
    "params.yaml",
    "dvc.yaml",
    "dvc.lock",
    "data/schema.yaml",
    "data/catalog.yaml",
    "docs/model_card.yaml",
)
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
    from reproducible_ml.exploration.profile import refresh

    with suppress(UserError):
        # The page says what is wrong.
        refresh(project.root, SHOWN_VALUES)
    page = write_page(project, find_outdated(project.root, data=False))
    if browser:
        open_page(page)
    else:
        sys.stdout.write(f"{page}\n")


def open_page(page: Path) -> None:
    """Open a page in a browser; where there is none, say so."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
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
    lacks = "" if (root / VALIDATED).is_dir() else "without the table"
    said = [resources(read_resources(project, root)), lacks]
    made_from = fingerprint(root, state, said)
    if stamp_of(page) != made_from:
        from reproducible_ml.page.document import make_page

        status = profile_status(root)
        write_text(make_page(project, state, status, made_from), page)
    return page


def profile_status(root: Path) -> "Status":
    """Return the profile of the table, and why it is not up to date, if it is not."""
    from reproducible_ml.exploration.profile import Status, read_status

    try:
        return read_status(root)
    except UserError as error:
        words = f"Whether there is a profile is not known: {first_line(error)}"
        return Status(None, words)


def stamp_of(page: Path) -> str | None:
    """Return what a page was made from, as a hash; None if there is no page."""
    if not page.is_file():
        return None
    with page.open("rb") as file:
        found = STAMP.search(file.read(START))
    return found[1].decode() if found else None


def fingerprint(root: Path, state: State, said: Sequence[str]) -> str:
    """Return a hash of all that the page shows, and of the code that makes it.

    Args:
        root: Of the repository.
        state: Of which commit it is.
        said: What else it says, such as of time and memory.
    """
    digest = hashlib.sha256(
        json.dumps([state, said]).encode("utf-8", "surrogateescape")
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
