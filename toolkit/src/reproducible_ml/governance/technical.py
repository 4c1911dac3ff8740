"""Technical documentation of a high-risk system: Annex IV of the AI Act.

Its nine headings and their points, in our own words, each filled with what the
repository knows and what people said. What neither says is a gap, and counted.
"""

from collections.abc import Callable
from typing import NamedTuple

from reproducible_ml.card import sections
from reproducible_ml.card.catalog import empty_fields
from reproducible_ml.card.fields import FIELDS
from reproducible_ml.card.markdown import code, document, plain, prose, section, table
from reproducible_ml.governance.answers import (
    WRITTEN,
    Gaps,
    bullets,
    costs,
    figures,
    importances,
    predicts,
    row_counts,
)
from reproducible_ml.governance.canvases import monitoring
from reproducible_ml.governance.questions import TECHNICAL, Technical
from reproducible_ml.governance.regulation import NO_ADVICE, regulation
from reproducible_ml.governance.repository import Repository

# Six months, as Art. 19 and 26(6) ask for logs.
SIX_MONTHS = 183

Fill = Callable[[Repository, Gaps, str], str]


class Point(NamedTuple):
    """A point of Annex IV.

    Attributes:
        number: As in the Annex.
        title: What it asks for.
        fill: Returns what the repository knows.
        fields: Of technical_documentation.yaml, that people fill in.
    """

    number: str
    title: str
    fill: Fill
    fields: tuple[str, ...] = ()


def technical_page(repository: Repository, answers: Technical) -> str:
    """Return the page technical_documentation.md."""
    gaps = Gaps()
    bodies: list[str] = []
    lacking = 0
    points = 0
    for heading, found in HEADINGS.items():
        parts = []
        for point in found:
            before = len(gaps.lines)
            parts.append(_filled(point, repository, answers, gaps))
            points += 1
            lacking += len(gaps.lines) > before
        bodies.append(section(heading, *parts))
    known = regulation()
    count = (
        f"**{lacking} of {points} points have gaps, {len(gaps.lines)} in all**; they"
        " are listed at the end."
    )
    return document(
        WRITTEN,
        "# Technical documentation",
        f"As Annex IV asks for (Art. 11(1)), by {known.act}. {NO_ADVICE}",
        count,
        *bodies,
        section("Gaps", gaps.listed()),
    )


def _filled(
    point: Point, repository: Repository, answers: Technical, gaps: Gaps
) -> str:
    where = f"{point.number} {point.title}"
    parts = [f"### {where}"]
    for name in point.fields:
        if said := prose(getattr(answers, name)):
            parts.append(said)
        else:
            what = f"{code(name)} in {code(TECHNICAL.name)} is empty"
            parts.append(gaps.add(where, what))
    parts.append(point.fill(repository, gaps, where))
    return "\n\n".join(part for part in parts if part)


def _nothing(repository: Repository, gaps: Gaps, where: str) -> str:
    return ""


def _human(name: str) -> Fill:
    """Return what fills in a field of docs/model_card.yaml."""

    def fill(repository: Repository, gaps: Gaps, where: str) -> str:
        if said := prose(getattr(repository.human, name)):
            return said
        return gaps.add(where, f"{code(name)} in {code(FIELDS.as_posix())} is empty")

    return fill


def _together(*fills: Fill) -> Fill:
    def fill(repository: Repository, gaps: Gaps, where: str) -> str:
        parts = [each(repository, gaps, where) for each in fills]
        return "\n\n".join(part for part in parts if part)

    return fill


def _version(repository: Repository, gaps: Gaps, where: str) -> str:
    known = repository.model_hash
    if known is None:
        return gaps.add(where, "dvc.lock has no model: run `make repro`")
    return (
        f"The model of this commit has the MD5 {code(known)} in"
        f" {repository.link('dvc.lock')}. Versions are tags of Git: `rml models` lists"
        f" them, {repository.link('docs/registry.md')} says what they mean. Its hash,"
        f" versions and threshold: {repository.link('reports/model_card.md')}."
    )


def _forms(repository: Repository, gaps: Gaps, where: str) -> str:
    folder = f"{repository.package}/deployment"
    ways = {
        "predict.py": "in batches (`rml predict`), and as a package (`rml package`)",
        "service.py": "a web service (`rml serve`)",
        "worker.py": "a worker of a queue (`rml work`)",
        "serverless.py": "a function of a cloud",
    }
    lines = [
        f"{words}: {repository.link(f'{folder}/{name}')}"
        for name, words in ways.items()
        if repository.has(f"{folder}/{name}")
    ]
    return f"The repository has the code for:\n\n{bullets(lines)}" if lines else ""


def _software(repository: Repository, gaps: Gaps, where: str) -> str:
    if not repository.versions:
        return gaps.add(where, "`environments/runtime.txt` locks no versions")
    cells = [[code(name), code(v)] for name, v in repository.versions.items()]
    return (
        f"{table(['package', 'version'], cells)}\n\nAll packages are locked in"
        f" {repository.link('environments/runtime.txt')}. A model is only loaded by the"
        " versions that wrote it."
    )


def _instructions(repository: Repository, gaps: Gaps, where: str) -> str:
    return bullets(
        [
            "what it is for, and its limits:"
            f" {repository.link('reports/model_card.md')}",
            f"how to use it: {repository.link('docs/deployment.md')}",
        ]
    )


def _steps(repository: Repository, gaps: Gaps, where: str) -> str:
    cells = [[code(name), plain(words)] for name, words in repository.stages.items()]
    return (
        f"{table(['stage', 'does'], cells)}\n\nThe pipeline is"
        f" {repository.link('dvc.yaml')}; every commit has its code, parameters, data"
        " and results by hash."
    )


def _design(repository: Repository, gaps: Gaps, where: str) -> str:
    parts = [f"It predicts: {predicts(repository)}"]
    if repository.facts is not None and repository.section("train").get("estimator"):
        train = repository.facts.train
        estimator = train["estimator"]["path"]
        parts.append(
            f"{code(estimator, 200)}, in one scikit-learn pipeline with the features;"
            f" parameters in {repository.link('params.yaml')}. The metric that decides"
            f" is {code(repository.main_metric)}."
        )
    found = costs(repository)
    return "\n\n".join([*parts, *([found] if found else [])])


def _architecture(repository: Repository, gaps: Gaps, where: str) -> str:
    design = repository.link("docs/solution_architecture.md")
    return f"{design}. `rml resources` shows time and memory of each stage."


def _data(repository: Repository, gaps: Gaps, where: str) -> str:
    catalog = repository.catalog
    if names := empty_fields(catalog):
        gaps.add(where, f"data/catalog.yaml: {', '.join(names)} empty")
    said = [
        f"{words}: {plain(' '.join(getattr(catalog, name)))}"
        for name, words in (
            ("source", "source"),
            ("owner", "owner"),
            ("license", "license"),
            ("updates", "changes"),
        )
        if any(getattr(catalog, name))
    ]
    raw = catalog.table
    if raw:
        rows = "" if raw.rows is None else f", {raw.rows:,} rows"
        said.append(f"{code(raw.path)}: {raw.bytes:,} bytes{rows}, MD5 {code(raw.md5)}")
    parts = [
        bullets(said),
        row_counts(repository, gaps, where),
        _held_out(repository),
    ]
    files = [
        ("what each column means and may hold", "data/schema.yaml"),
        ("what was found in the rows", "reports/validation.json"),
        ("how values are distributed", "reports/profile.json"),
        ("what was cleaned", "reports/cleaning.json"),
    ]
    parts.append(bullets([f"{words}: {repository.link(n)}" for words, n in files]))
    contract = repository.contract
    if undescribed := [n for n, c in contract.columns.items() if not c.description]:
        gaps.add(
            where,
            f"{len(undescribed)} of {len(contract.columns)} columns have no description"
            " in data/schema.yaml",
        )
    return "\n\n".join(part for part in parts if part)


def _held_out(repository: Repository) -> str:
    split = repository.section("split")
    if repository.facts is None or not {"method", "test_size"} <= {*split}:
        return ""
    return sections.held_out(repository.facts, {"cutoff": "", **split})


def _oversight(repository: Repository, gaps: Gaps, where: str) -> str:
    return "\n\n".join(
        [
            _human("oversight")(repository, gaps, where),
            "`rml explain` says which columns moved a prediction, and by how much."
            f" {_page(repository, 'what-moved-a-prediction')}.",
        ]
    )


def _page(repository: Repository, anchor: str) -> str:
    return repository.link("docs/deployment.md", anchor=anchor)


def _retraining(repository: Repository, gaps: Gaps, where: str) -> str:
    workflow = ".github/workflows/retrain.yaml"
    if not repository.has(workflow):
        return ""
    return (
        f"{repository.link(workflow)} trains anew on new data and proposes the result;"
        " a person decides."
    )


def _testing(repository: Repository, gaps: Gaps, where: str) -> str:
    if repository.facts is None:
        return figures(repository, gaps, where)
    parts = [
        _held_out(repository),
        figures(repository, gaps, where),
        sections.too_good(repository.facts),
        sections.calibration(repository.facts),
        _groups(repository, gaps, where),
        f"All results: {repository.link('reports/evaluation.json')}. Tests of the code:"
        f" {repository.link('tests')}.",
    ]
    return "\n\n".join(part for part in parts if part)


def _groups(repository: Repository, gaps: Gaps, where: str) -> str:
    assert repository.facts is not None
    evaluation = repository.facts.evaluation
    parts = []
    if evaluation.get("slices"):
        parts.append(sections.slices(repository.facts, repository.main_metric))
    if evaluation.get("protected"):
        parts.append(sections.protected(repository.facts))
    else:
        parts.append(
            gaps.add(
                where,
                "differences between groups of people were not checked: no column is"
                " declared as protected",
            )
        )
    return "\n\n".join(parts)


def _security(repository: Repository, gaps: Gaps, where: str) -> str:
    lines = [
        "loading the model runs no code from its file (skops, with a list of trusted"
        " types)",
        f"packages are locked by hash: {repository.link('environments/runtime.txt')}",
        "inputs are checked against the contract before they reach the model",
        "data and model are recorded by hash, and checked when they are read",
    ]
    if repository.has(".github/SECURITY.md"):
        lines.append(f"what to report where: {repository.link('.github/SECURITY.md')}")
    return bullets(lines)


def _capabilities(repository: Repository, gaps: Gaps, where: str) -> str:
    if repository.facts is None:
        return figures(repository, gaps, where)
    return "\n\n".join(
        [
            _human("limits")(repository, gaps, where),
            figures(repository, gaps, where),
            _groups(repository, gaps, where),
        ]
    )


def _inputs(repository: Repository, gaps: Gaps, where: str) -> str:
    contract, data = repository.contract, repository.data
    features = contract.features(data)
    may_miss = sum(column.nullable for column in features.values())
    parts = [
        f"{len(features)} columns, as {repository.link('data/schema.yaml')} describes:"
        f" types, limits, categories; {may_miss} may be missing.",
        importances(repository),
    ]
    return "\n\n".join(part for part in parts if part)


def _logs(repository: Repository, gaps: Gaps, where: str) -> str:
    service = repository.service
    if service is None:
        return gaps.add(
            where, "the project has no service, so that nothing logs predictions"
        )
    days = service.get("log_days")
    without = (
        ", ".join(code(str(n)) for n in service.get("log_without") or ()) or "none"
    )
    parts = [
        "The service logs time, request, row, version of the model, inputs and answer"
        " of each row:"
        f" {_page(repository, 'log-of-predictions')}. Kept"
        f" for {days} days, unless `RML_SERVE_LOG_DAYS` says otherwise; columns that"
        f" are left out: {without}.",
    ]
    parts.append(
        "How far they go back is not in Git: `rml governance` says it where"
        " `RML_SERVE_LOG_FOLDER` is set."
    )
    if not service.get("log_folder"):
        parts.append(
            gaps.add(
                where,
                "logging is off in the code: `RML_SERVE_LOG_FOLDER` must name a folder"
                " where it runs",
            )
        )
    if isinstance(days, int) and days < SIX_MONTHS:
        parts.append(
            gaps.add(
                where,
                f"logs are kept for {days} days, less than six months (Art. 19, 26(6))",
            )
        )
    return "\n\n".join(parts)


def _metrics(repository: Repository, gaps: Gaps, where: str) -> str:
    names = repository.section("evaluate").get("metrics") or ()
    shown = ", ".join(code(str(name)) for name in names)
    return (
        f"Measured: {shown}; decided by {code(repository.main_metric)}. What they mean:"
        f" {repository.link('docs/solution_architecture.md', anchor='glossary')}."
    )


def _risks(repository: Repository, gaps: Gaps, where: str) -> str:
    gate = repository.section("gate")
    floors = {**(gate.get("floors") or {}), **(gate.get("slice_floors") or {})}
    rule = (
        "A change is rejected if the metric that decides gets worse:"
        f" {repository.link('docs/pull_requests.md', anchor='gates')}."
    )
    if floors:
        return (
            f"{rule} Limits that must be kept: {len(floors)}, in `gate` of params.yaml."
        )
    return f"{rule}\n\n{gaps.add(where, 'no limit is set: `gate.floors`')}"


def _changes(repository: Repository, gaps: Gaps, where: str) -> str:
    return bullets(
        [
            f"what changed for users: {repository.link('CHANGELOG.md')}",
            "every change of code, data and results: the history of Git, and `rml"
            " report`",
        ]
    )


def _standards(repository: Repository, gaps: Gaps, where: str) -> str:
    fact = regulation().facts["standards"]
    return f"{fact.text} (Checked on {fact.checked}.)"


def _watching(repository: Repository, gaps: Gaps, where: str) -> str:
    return monitoring(repository, gaps, where)


HEADINGS: dict[str, tuple[Point, ...]] = {
    "1. General description": (
        Point(
            "1(a)",
            "Purpose, provider, version",
            _together(_human("intended_use"), _version),
            ("provider", "earlier_versions"),
        ),
        Point("1(b)", "What it works with", _nothing, ("interaction",)),
        Point("1(c)", "Versions of software", _software),
        Point("1(d)", "Forms in which it is offered", _forms, ("forms",)),
        Point("1(e)", "Hardware", _nothing, ("hardware",)),
        Point("1(f)", "Pictures of a product", _nothing, ("product",)),
        Point("1(g)", "User interface", _nothing, ("interface",)),
        Point("1(h)", "Instructions for use", _instructions, ("instructions",)),
    ),
    "2. Elements and development": (
        Point("2(a)", "Methods and steps", _steps, ("third_party",)),
        Point("2(b)", "Design", _design, ("design_choices",)),
        Point("2(c)", "Architecture, resources", _architecture, ("resources",)),
        Point("2(d)", "Data", _data, ("labelling",)),
        Point("2(e)", "Human oversight", _oversight, ("oversight",)),
        Point("2(f)", "Planned changes", _retraining, ("planned_changes",)),
        Point("2(g)", "Validation and tests", _testing, ("test_reports",)),
        Point("2(h)", "Security", _security, ("security",)),
    ),
    "3. Monitoring, functioning, control": (
        Point("3", "Capabilities and limits", _capabilities),
        Point(
            "3",
            "Unintended results, risks",
            _human("out_of_scope"),
            ("foreseeable_risks",),
        ),
        Point("3", "Inputs", _inputs),
        Point("3", "Logs", _logs, ("logs",)),
    ),
    "4. Why these metrics": (Point("4", "Metrics", _metrics, ("metrics",)),),
    "5. Risk management": (
        Point("5", "Risk management (Art. 9)", _risks, ("risk_management",)),
    ),
    "6. Changes": (Point("6", "Changes over its lifetime", _changes, ("changes",)),),
    "7. Standards": (Point("7", "Harmonised standards", _standards, ("standards",)),),
    "8. Declaration of conformity": (
        Point("8", "EU declaration (Art. 47)", _nothing, ("declaration",)),
    ),
    "9. Monitoring after it is offered": (
        Point("9", "Monitoring (Art. 72)", _watching, ("monitoring",)),
    ),
}
