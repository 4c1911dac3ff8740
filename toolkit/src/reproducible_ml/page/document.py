"""What the page of all results has."""

from reproducible_ml.card.fields import FIELDS, read_fields
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.exploration.profile import Status
from reproducible_ml.page.card import card_section
from reproducible_ml.page.data import data_section
from reproducible_ml.page.frame import html_page
from reproducible_ml.page.markup import tag
from reproducible_ml.page.profile import profile_section
from reproducible_ml.page.resources import read_resources, resources
from reproducible_ml.page.results import Directions, Results, read_results
from reproducible_ml.page.sections import question, sections, state_box
from reproducible_ml.page.state import State

CARD = "reports/model_card.md"


def make_page(project: Project, state: State, status: Status, made_from: str) -> str:
    """Return the page.

    Args:
        project: Whose results it shows.
        state: Of which commit they are, and whether anything changed since.
        status: The profile of the table, and whether it is up to date.
        made_from: A hash of all that it shows.
    """
    results = read_results(project.root, directions(project))
    title = title_of(project, results)
    data = data_section(
        results.validation, results.split, results.profile, results.contract
    )
    human = read_fields(project.root / FIELDS).model_dump()
    card = card_section(results.files.text(CARD))
    took = resources(read_resources(project, project.root))
    profile = profile_section(status)
    found = [*sections(results, human, card, data, profile, took)]
    return html_page(
        title,
        header=[tag("p", question(results)), state_box(state)],
        sections=found,
        footer=[
            "Written by ",
            tag("code", "make repro"),
            " from the files in reports/. It holds all that it shows, and asks nothing"
            " of a network.",
        ],
        made_from=made_from,
    )


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
