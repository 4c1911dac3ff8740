"""The phases of CRISP-ML(Q), each task with what answers it in this repository.

Source: S. Studer et al.: "Towards CRISP-ML(Q): a machine learning process model with
quality assurance methodology". *Machine Learning and Knowledge Extraction* 3(2), pp.
392-413, 2021.
"""

from collections.abc import Callable
from typing import NamedTuple

from reproducible_ml.card.catalog import empty_fields
from reproducible_ml.card.markdown import code, document, section, table
from reproducible_ml.governance.answers import WRITTEN, Gaps, short
from reproducible_ml.governance.questions import Canvas
from reproducible_ml.governance.repository import Repository

SOURCE = (
    'After S. Studer et al.: "Towards CRISP-ML(Q)". *Machine Learning and Knowledge'
    " Extraction* 3(2), 2021, <https://doi.org/10.3390/make3020020>. Each task of the"
    " six phases has the files of this repository that answer it; what is missing is"
    " said."
)


class Task(NamedTuple):
    """A task of a phase.

    Attributes:
        name: What is to be done.
        files: That answer it; `CODE` stands for the folder of the project's package.
        said: Fields of canvas.yaml that answer it.
        check: Returns what is missing, from what is in the files.
        note: A command, or what else to know.
    """

    name: str
    files: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    check: Callable[[Repository], str] | None = None
    note: str = ""


def _catalog(repository: Repository) -> str:
    names = empty_fields(repository.catalog)
    return f"empty in data/catalog.yaml: {', '.join(names)}" if names else ""


def _floors(repository: Repository) -> str:
    gate = repository.section("gate")
    if gate.get("floors") or gate.get("slice_floors"):
        return ""
    return "no limit is set: `gate.floors` in params.yaml"


def _descriptions(repository: Repository) -> str:
    names = [n for n, c in repository.contract.columns.items() if not c.description]
    count = len(repository.contract.columns)
    return f"{len(names)} of {count} columns have no description" if names else ""


def _figures(repository: Repository) -> str:
    missing = repository.missing_reports
    return f"no results yet: `make repro` ({', '.join(missing)})" if missing else ""


def _slices(repository: Repository) -> str:
    if repository.section("evaluate").get("slices"):
        return ""
    return "no groups are scored: `evaluate.slices` in params.yaml"


def _search(repository: Repository) -> str:
    method = (repository.section("train").get("search") or {}).get("method", "none")
    return "no search was made: `train.search`" if method == "none" else ""


def _oversight(repository: Repository) -> str:
    said = any(repository.human.oversight)
    return "" if said else "`oversight` in docs/model_card.yaml is empty"


PHASES: dict[str, tuple[Task, ...]] = {
    "1. Business and data understanding": (
        Task("Scope", ("docs/model_card.yaml",), ("value", "decisions")),
        Task("Success: business", (), ("business_success",)),
        Task("Success: machine learning", ("params.yaml",), (), _floors),
        Task("Success: economic", (), ("economic_success",)),
        Task("Feasibility", (), ("feasibility",)),
        Task("Data collection", ("data/catalog.yaml",), ("data_collection",), _catalog),
        Task("Data description", ("data/schema.yaml",), (), _descriptions),
        Task(
            "Data quality",
            ("reports/validation.json", "reports/profile.json"),
            (),
            _figures,
        ),
    ),
    "2. Data preparation": (
        Task("Select data", ("data/schema.yaml", "CODE/datasets/split.py")),
        Task("Clean data", ("reports/cleaning.json", "CODE/datasets/clean.py")),
        Task(
            "Construct features", ("CODE/features/build.py", "CODE/features/derived.py")
        ),
        Task("Standardize data", ("data/schema.yaml", "CODE/datasets/validate.py")),
    ),
    "3. Modeling": (
        Task("Define quality measures", ("params.yaml", "CODE/models/metrics.py")),
        Task("Select a model", ("reports/search.csv",), (), _search),
        Task("Domain knowledge", (), ("features",)),
        Task("Train", ("CODE/models/train.py", "reports/training")),
        Task(
            "Reproducibility",
            ("dvc.yaml", "dvc.lock", "environments/runtime.txt"),
            note="`rml verify` rebuilds the last commit elsewhere",
        ),
        Task("Documentation", ("reports/model_card.md",)),
    ),
    "4. Evaluation": (
        Task(
            "Validate performance",
            ("reports/evaluation.json", "reports/metrics.json"),
            (),
            _figures,
        ),
        Task("Robustness and groups", ("reports/evaluation.json",), (), _slices),
        Task(
            "Explainability",
            ("reports/plots/importance.csv", "reports/plots/partial_dependence.csv"),
            note="`rml explain` for single rows",
        ),
        Task("Compare with the success criteria", (), ("offline_evaluation",), _floors),
    ),
    "5. Deployment": (
        Task("Hardware for predictions", (), ("making_predictions",)),
        Task(
            "Evaluate under production conditions",
            ("docs/deployment.md",),
            note="a second version in shadow: `RML_SERVE_CANDIDATE`",
        ),
        Task("User acceptance and usability", (), ("action", "impact")),
        Task("Risk of errors that nobody foresaw", (), ("fallback",), _oversight),
        Task(
            "Strategy",
            ("docs/registry.md", ".github/workflows/release.yaml"),
            note="`rml promote`, `rml rollback`",
        ),
    ),
    "6. Monitoring and maintenance": (
        Task(
            "Monitor",
            ("CODE/deployment/monitoring.py", "docs/monitoring.md"),
            ("live_monitoring",),
        ),
        Task(
            "Outcomes", ("docs/monitoring.md",), ("feedback",), None, "`rml outcomes`"
        ),
        Task(
            "Update",
            (".github/workflows/retrain.yaml",),
            ("building_models",),
            None,
            "`rml retrain`",
        ),
        Task("Packages", (".github/workflows/audit.yaml", ".github/dependabot.yml")),
    ),
}


def crisp_page(repository: Repository, canvas: Canvas) -> str:
    """Return the page crisp_ml.md."""
    gaps = Gaps()
    parts = []
    for phase, tasks in PHASES.items():
        cells = [_row(task, phase, repository, canvas, gaps) for task in tasks]
        parts.append(
            section(phase, table(["task", "answered by", "people say", "gaps"], cells))
        )
    return document(
        WRITTEN,
        "# CRISP-ML(Q)",
        SOURCE,
        *parts,
        section("Gaps", f"{len(gaps.lines)} in all.\n\n{gaps.listed()}"),
    )


def _row(
    task: Task, phase: str, repository: Repository, canvas: Canvas, gaps: Gaps
) -> list[str]:
    where = f"{phase.partition('. ')[2]}, {task.name}"
    missing = []
    links = []
    for name in task.files:
        path = name.replace("CODE", repository.package)
        if repository.has(path):
            links.append(repository.link(path))
        else:
            missing.append(f"{code(path, 100)} is missing")
    said = [short(canvas, name) for name in task.said]
    missing += [
        f"{code(name)} in canvas.yaml is empty"
        for name, text in zip(task.said, said, strict=True)
        if not text
    ]
    if task.check and (found := task.check(repository)):
        missing.append(found)
    for what in missing:
        gaps.add(where, what)
    answered = "<br>".join([*links, *([task.note] if task.note else [])])
    return [
        task.name,
        answered or "-",
        "<br>".join(filter(None, said)) or "-",
        "<br>".join(missing) or "-",
    ]
