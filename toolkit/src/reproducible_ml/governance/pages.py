"""The pages of docs/governance/: written, and checked to be up to date."""

import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.governance.canvases import ai_canvas, ml_canvas
from reproducible_ml.governance.crisp import crisp_page
from reproducible_ml.governance.privacy import privacy_page
from reproducible_ml.governance.questions import read_canvas, read_technical
from reproducible_ml.governance.repository import FOLDER, Repository
from reproducible_ml.governance.risk import decide
from reproducible_ml.governance.risk_answers import read_risk
from reproducible_ml.governance.risk_page import risk_page
from reproducible_ml.governance.technical import SIX_MONTHS, technical_page
from reproducible_ml.serving.log_writer import DAY
from reproducible_ml.versioning.lock import find_outdated

LOG_FOLDER = "RML_SERVE_LOG_FOLDER"

TECHNICAL_PAGE = FOLDER / "technical_documentation.md"

# In the order in which they are read.
PAGES = (
    FOLDER / "ai_canvas.md",
    FOLDER / "machine_learning_canvas.md",
    FOLDER / "crisp_ml.md",
    FOLDER / "risk.md",
    TECHNICAL_PAGE,
    FOLDER / "data_protection.md",
)


def is_used(root: Path) -> bool:
    """Return whether a project has the component."""
    return (root / FOLDER).is_dir()


def make_pages(project: Project) -> dict[Path, str | None]:
    """Return the text of each page; None for a page that there should not be.

    Raises:
        UserError: A line for each error in a file that they are made of.
    """
    repository = Repository(project)
    # All that people write comes first: each mistake is said.
    errors = []
    for read in (
        lambda: repository.contract,
        lambda: repository.catalog,
        lambda: repository.human,
        read_canvas,
        read_technical,
        read_risk,
    ):
        try:
            read()
        except UserError as error:
            errors.append(str(error))
    if errors:
        raise UserError("\n".join(errors))
    canvas, risk = read_canvas(), read_risk()
    decision = decide(risk)
    # Of Section B of Annex I, the law of the sector asks for documentation instead.
    high = "high" in decision.possible and not decision.section_b
    # The page of risks links to this one.
    technical = technical_page(repository, read_technical()) if high else None
    return {
        PAGES[0]: ai_canvas(repository, canvas),
        PAGES[1]: ml_canvas(repository, canvas),
        PAGES[2]: crisp_page(repository, canvas),
        PAGES[3]: risk_page(repository, risk, decision),
        PAGES[4]: technical,
        PAGES[5]: privacy_page(repository),
    }


def write_pages(project: Project) -> list[Path]:
    """Write the pages that changed, and return them. The current folder is the root.

    Raises:
        UserError: As of `make_pages`; nothing was written.
    """
    changed = []
    # A page may say whether another one is there: twice is enough.
    for _ in range(2):
        for path, text in make_pages(project).items():
            if _text(path) == text:
                continue
            if text is None:
                path.unlink()
            else:
                write_text(text, path)
            changed.append(path)
    return [*dict.fromkeys(changed)]


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def stale_pages(project: Project) -> Iterator[str]:
    """Yield a line for each page that is not what would be written now.

    A project that has none of them yet is not stale.
    """
    if not any(path.is_file() for path in PAGES):
        return
    for path, text in make_pages(project).items():
        found = _text(path)
        if found == text:
            continue
        if text is None:
            why = "is about a high risk, which the answers no longer give"
        else:
            why = "is out of date" if found else "is missing"
        yield f"{path}: {why}. Fix: rml governance"


def check_pages(project: Project) -> str:
    """Check that all pages are up to date, and return a line that says so.

    Raises:
        UserError: A line for each page that is not.
    """
    if lines := list(stale_pages(project)):
        raise UserError("\n".join(lines))
    if not any(path.is_file() for path in PAGES):
        return f"{FOLDER} has no pages yet; `rml governance` writes them."
    return f"{FOLDER} is up to date."


def describe_log(folder: Path, today: datetime.date) -> str:
    """Return how far a log of predictions goes back.

    Args:
        folder: As of RML_SERVE_LOG_FOLDER: it has a folder for each day.
        today: The day on which it is asked.
    """
    days = sorted(
        datetime.date.fromisoformat(path.name.removeprefix(DAY))
        for path in folder.glob(f"{DAY}????-??-??")
        if path.is_dir()
    )
    if not days:
        return f"{folder}: no log of predictions"
    back = (today - days[0]).days
    short = "" if back >= SIX_MONTHS else ", less than six months (Art. 19 and 26(6))"
    return (
        f"{folder}: predictions from {days[0]} to {days[-1]}, {back} days back{short}"
    )


def governance(project: Project, *, check: bool) -> None:
    """Write the pages, or check them: `rml governance`."""
    if not is_used(project.root):
        raise UserError(
            f"{FOLDER}: the project has no such folder. Fix: copy it from the template,"
            " or make a project with the component `governance`"
        )
    if check:
        sys.stdout.write(f"{check_pages(project)}\n")
        return
    written = write_pages(project)
    for path in written:
        sys.stdout.write(f"{path}: {'written' if path.is_file() else 'removed'}\n")
    if not written:
        sys.stdout.write(f"{FOLDER}: all pages were up to date.\n")
    if folder := os.environ.get(LOG_FOLDER):
        today = datetime.datetime.now(tz=datetime.UTC).date()
        sys.stdout.write(f"{describe_log(Path(folder), today)}\n")
    try:
        outdated = find_outdated(project.root, data=False)
    except UserError as error:
        outdated = [("dvc.lock", f"cannot be checked: {error}")]
    for stage, why in outdated:
        sys.stderr.write(f"warning: figures may be old: {stage}: {why}\n")
