"""`rml show`: write reports/index.html if what it shows changed, and open it.

The page asks nothing of a network: a policy in its head forbids it, and allows no style
or script but its own, by their hashes.
"""

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from reproducible_ml.card.fields import FIELDS, read_fields
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.page.card import card_section
from reproducible_ml.page.data import data_section
from reproducible_ml.page.markup import Html, tag
from reproducible_ml.page.sections import (
    Directions,
    Results,
    question,
    read_results,
    sections,
    state_box,
)
from reproducible_ml.page.state import State, read_state
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.lock import find_outdated

PAGE = Path("reports/index.html")
CARD = Path("reports/model_card.md")
METRICS = Path("reports/metrics.json")

# What else the page shows; all of reports/ as well, except what is drawn from it.
SHOWN = ("params.yaml", "dvc.yaml", "data/schema.yaml", str(FIELDS))
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
    made_from = fingerprint(root, state)
    if stamp_of(page) != made_from:
        write_text(make_page(project, state, made_from), page)
    return page


def stamp_of(page: Path) -> str | None:
    """Return what a page was made from, as a hash; None if there is no page."""
    if not page.is_file():
        return None
    with page.open("rb") as file:
        found = STAMP.search(file.read(START))
    return found[1].decode() if found else None


def fingerprint(root: Path, state: State) -> str:
    """Return a hash of all that the page shows, and of the code that makes it."""
    digest = hashlib.sha256(json.dumps(state).encode("utf-8", "surrogateescape"))
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


def make_page(project: Project, state: State, made_from: str) -> str:
    """Return the page."""
    results = read_results(project.root, directions(project))
    style, script = asset("style.css"), asset("script.js")
    title = title_of(project, results)
    data = data_section(
        results.validation, results.split, results.profile, results.contract
    )
    human = read_fields(project.root / FIELDS).model_dump()
    card = card_section(results.files.text(str(CARD)))
    found = [*sections(results, human, card, data)]
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        Html('<meta charset="utf-8">\n'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'),
        Html(f'<meta name="made-from" content="{made_from}">\n'),
        Html(
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<link rel="icon" href="data:,">\n'
        ),
        tag("title", title),
        tag("style", style),
    )
    links = [tag("li", tag("a", name, href=f"#{at}")) for at, name, _ in found]
    body = tag(
        "body",
        tag("a", "Skip to the results", href="#main", class_="skip"),
        tag(
            "header",
            tag("h1", title),
            tag("p", question(results)),
            state_box(state),
        ),
        tag("nav", tag("ul", *links), aria_label="Sections"),
        tag(
            "main",
            *(
                tag("section", tag("h2", name, id=at), content, aria_labelledby=at)
                for at, name, content in found
            ),
            id="main",
        ),
        tag(
            "footer",
            "Written by ",
            tag("code", "make repro"),
            " from the files in reports/. It holds all that it shows, and asks nothing"
            " of a network.",
        ),
        tag("script", script),
    )
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def title_of(project: Project, results: Results) -> str:
    """Return the name of the table, or else of the project."""
    name = results.contract.get("title") or project.package
    return str(name).replace("_", " ").capitalize()


def directions(project: Project) -> Directions:
    """Return whether higher is better, by metric, of all tasks of the project."""
    try:
        tables = project.load("models.metrics").METRICS.values()
    except UserError:
        # Code of the project is broken now; results may be older.
        return {}
    return {
        name: metric.greater_is_better
        for known in tables
        for name, metric in known.items()
    }


def asset(name: str) -> Html:
    """Return a style sheet or script of this folder."""
    return Html(files("reproducible_ml.page").joinpath(name).read_text("utf-8"))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
