"""The HTML of the page, all of it in one text.

The page asks nothing of a network: a policy in its head forbids it, and allows no style
or script but its own, by their hashes.
"""

import base64
import hashlib
from importlib.resources import files

from reproducible_ml.card.fields import FIELDS, read_fields
from reproducible_ml.core.errors import UserError
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
from reproducible_ml.page.state import State

CARD = "reports/model_card.md"


def make_page(project: Project, state: State, made_from: str) -> str:
    """Return the page.

    Args:
        project: Whose results it shows.
        state: Of which commit they are, and whether anything changed since.
        made_from: A hash of all that it shows.
    """
    results = read_results(project.root, directions(project))
    style, script = asset("style.css"), asset("script.js")
    title = title_of(project, results)
    data = data_section(
        results.validation, results.split, results.profile, results.contract
    )
    human = read_fields(project.root / FIELDS).model_dump()
    card = card_section(results.files.text(CARD))
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
