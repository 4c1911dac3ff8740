"""AI canvas and machine-learning canvas, with the figures of the model.

Sources: A. Agrawal, J. Gans, A. Goldfarb, *Prediction Machines*, Harvard Business
Review Press 2018 (AI canvas); L. Dorard, *Machine Learning Canvas* (ownml.co).
"""

from reproducible_ml.card import sections
from reproducible_ml.card.markdown import code, document, plain, section, table
from reproducible_ml.governance.answers import (
    WRITTEN,
    Gaps,
    answer,
    bullets,
    costs,
    figures,
    importances,
    predicts,
    row_counts,
)
from reproducible_ml.governance.questions import CANVAS, Canvas
from reproducible_ml.governance.repository import Repository

AI_SOURCE = (
    "After A. Agrawal, J. Gans and A. Goldfarb, *Prediction Machines*, Harvard Business"
    " Review Press 2018. People answered in `canvas.yaml`; figures are those in"
    " `reports/`."
)
ML_SOURCE = (
    "After L. Dorard's Machine Learning Canvas (<https://www.ownml.co>). People"
    " answered in `canvas.yaml`; figures are those in `reports/`."
)


def ai_canvas(repository: Repository, canvas: Canvas) -> str:
    """Return the page ai_canvas.md."""
    gaps = Gaps()

    def said(name: str, title: str) -> str:
        return answer(canvas, name, CANVAS, title, gaps)

    parts = [
        section("Prediction", said("prediction", "Prediction"), predicts(repository)),
        section("Judgment", said("judgment", "Judgment"), costs(repository)),
        section("Action", said("action", "Action")),
        section("Outcome", said("outcome", "Outcome")),
        section("Input", said("input", "Input"), _inputs(repository)),
        section(
            "Training",
            said("training", "Training"),
            row_counts(repository, gaps, "Training"),
        ),
        section("Feedback", said("feedback", "Feedback"), _feedback(repository, gaps)),
        section("Impact", said("impact", "Impact")),
        section("How good it is", figures(repository, gaps, "How good it is")),
    ]
    return document(
        WRITTEN,
        "# AI canvas",
        AI_SOURCE,
        *parts,
        section("Gaps", gaps.listed()),
    )


def _inputs(repository: Repository) -> str:
    count = len(repository.contract.features(repository.data))
    return (
        f"The model gets {count} {'column' if count == 1 else 'columns'}, as"
        f" {repository.link('data/schema.yaml')} describes."
    )


def _feedback(repository: Repository, gaps: Gaps) -> str:
    if repository.monitoring is None:
        return gaps.add(
            "Feedback",
            "the project has no monitoring: outcomes are compared with nothing",
        )
    guide = repository.link("docs/monitoring.md", anchor="outcomes")
    return f"`rml outcomes` compares answers with outcomes that came later: {guide}."


def ml_canvas(repository: Repository, canvas: Canvas) -> str:
    """Return the page machine_learning_canvas.md."""
    gaps = Gaps()

    def said(name: str, title: str) -> str:
        return answer(canvas, name, CANVAS, title, gaps)

    facts = repository.facts
    table_of = repository.catalog
    training = (
        sections.training(facts)
        if facts is not None and repository.section("train").get("estimator")
        else ""
    )
    parts = [
        section("Value proposition", said("value", "Value proposition")),
        section("Decisions", said("decisions", "Decisions"), costs(repository)),
        section(
            "Prediction task",
            said("prediction_task", "Prediction task"),
            predicts(repository),
        ),
        section(
            "Data sources",
            said("data_sources", "Data sources"),
            plain(" ".join(table_of.source)),
            f"All that is known of the table: {repository.link('data/catalog.yaml')}.",
        ),
        section(
            "Data collection",
            said("data_collection", "Data collection"),
            row_counts(repository, gaps, "Data collection"),
            sections.period(facts) if facts else "",
        ),
        section("Features", said("features", "Features"), importances(repository)),
        section(
            "Offline evaluation",
            said("offline_evaluation", "Offline evaluation"),
            figures(repository, gaps, "Offline evaluation"),
            sections.too_good(facts) if facts else "",
            sections.slices(facts, repository.main_metric) if facts else "",
            _gates(repository, gaps),
        ),
        section(
            "Making predictions",
            said("making_predictions", "Making predictions"),
            _deployments(repository),
        ),
        section(
            "Building models", said("building_models", "Building models"), training
        ),
        section(
            "Monitoring",
            said("live_monitoring", "Monitoring"),
            monitoring(repository, gaps, "Monitoring"),
        ),
    ]
    return document(
        WRITTEN,
        "# Machine-learning canvas",
        ML_SOURCE,
        *parts,
        section("Gaps", gaps.listed()),
    )


def _gates(repository: Repository, gaps: Gaps) -> str:
    """Return the limits below which a change is rejected."""
    gate = repository.section("gate")
    floors = [
        [code(name), sections.number(float(value))]
        for name, value in (gate.get("floors") or {}).items()
        if value is not None
    ]
    beyond = ", beyond noise" if gate.get("only_beyond_noise", True) else ""
    rule = (
        f"`rml report` rejects a change if {code(repository.main_metric)} gets worse by"
        f" more than {float(gate.get('tolerance') or 0):g}{beyond}."
    )
    if not floors:
        missing = gaps.add(
            "Offline evaluation", "no limit that a metric must keep: `gate.floors`"
        )
        return f"{rule}\n\n{missing}"
    return f"{rule}\n\n{table(['metric', 'limit'], floors)}"


def _deployments(repository: Repository) -> str:
    """Return the ways in which the model can be used."""
    folder = f"{repository.package}/deployment"
    ways = [
        ("in batches: `rml predict`", f"{folder}/predict.py"),
        ("by a web service: `rml serve`", f"{folder}/service.py"),
        ("by a worker of a queue: `rml work`", f"{folder}/worker.py"),
        ("by a function of a cloud", f"{folder}/serverless.py"),
    ]
    return bullets(
        [
            f"{words}: {repository.link(path)}"
            for words, path in ways
            if repository.has(path)
        ]
    )


def monitoring(repository: Repository, gaps: Gaps, where: str) -> str:
    """Return the limits of monitoring, as in the code; a gap without monitoring."""
    found = repository.monitoring
    if found is None:
        return gaps.add(where, "the project has no monitoring")
    limits = {
        "max_age_hours": "hours since the newest row, from which a log is stale",
        "max_refused": "share of rows that break the contract",
        "min_rows": "fewest rows of an hour, day or week",
        "alert_repeat_hours": "hours until the same alert is sent again",
    }
    cells = [
        [words, code(name), "none" if found[name] is None else f"{found[name]:g}"]
        for name, words in limits.items()
        if name in found
    ]
    guide = repository.link("docs/monitoring.md")
    alerts = (
        ""
        if found.get("alert_command")
        else gaps.add(
            where,
            "no command gets alerts (`alert_command`); an address would be in the"
            " environment, where this page does not look",
        )
    )
    shown = table(["limit", "setting", "value"], cells)
    parts = [f"Drift, refused rows and outcomes: {guide}.", shown, alerts]
    return "\n\n".join(part for part in parts if part)
