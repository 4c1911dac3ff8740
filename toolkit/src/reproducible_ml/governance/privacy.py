"""Notes on data protection: columns about people, and where rows are stored."""

from typing import NamedTuple

from reproducible_ml.card.markdown import code, document, prose, section, table
from reproducible_ml.card.sections import number
from reproducible_ml.governance.answers import WRITTEN, Gaps, bullets
from reproducible_ml.governance.repository import FOLDER, Repository

DELETION = FOLDER / "deletion.md"

INTRODUCTION = (
    "What this repository knows of personal data; the rest is for people to say, in"
    " `data/catalog.yaml`. This is no legal advice."
)


# Columns that are listed, and of which gaps are.
LISTED, MOST = 100, 20

# What reports/profile.json has of a column, by kind; of the others, it has no values.
SHOWN_IN_PROFILE = {
    "values": "frequent values",
    "numbers": "quantiles",
    "dates": "quantiles",
}


class Importance(NamedTuple):
    """What a column adds to the score: mean, and standard deviation of the shuffles."""

    value: float
    deviation: float

    @property
    def is_noise(self) -> bool:
        """Whether it can hardly be distinguished from none."""
        return self.value <= 2 * self.deviation


def privacy_page(repository: Repository) -> str:
    """Return the page data_protection.md."""
    gaps = Gaps()
    return document(
        WRITTEN,
        "# Data protection",
        INTRODUCTION,
        section("What was said", _said(repository, gaps)),
        section("Columns about people", _columns(repository, gaps)),
        section("Minimisation", _minimisation(repository)),
        section("Where rows are stored", _stored(repository, gaps)),
        section("Deletion", _deletion(repository, gaps)),
        section("Gaps", gaps.listed()),
    )


def _said(repository: Repository, gaps: Gaps) -> str:
    catalog = repository.catalog
    if catalog.personal is None:
        return gaps.add(
            "What was said",
            f"{code('personal')} in data/catalog.yaml is empty: whether rows are about"
            " people is not known",
        )
    if not catalog.personal:
        return (
            f"{repository.link('data/catalog.yaml')} says that no row is about a person"
            " who can be identified."
        )
    parts = [
        f"{repository.link('data/catalog.yaml')} says that rows are about people.",
        "**Legal basis.**",
        prose(catalog.legal_basis),
        "**Retention.**",
        prose(catalog.retention),
    ]
    return "\n\n".join(parts)


def _importances(repository: Repository) -> dict[str, Importance]:
    return {
        name: Importance(mean, deviation)
        for name, mean, deviation in repository.importances
    }


def _about_people(repository: Repository) -> list[str]:
    """Return the columns that are declared or look personal, and are not ruled out."""
    catalog = repository.catalog
    declared = catalog.personal_among(repository.contract.columns)
    found = [
        each.column
        for each in repository.personal
        if each.column not in catalog.not_personal
    ]
    chosen = {*declared, *found}
    return [name for name in repository.contract.columns if name in chosen]


def _columns(repository: Repository, gaps: Gaps) -> str:
    catalog = repository.catalog
    looks = {each.column: each for each in repository.personal}
    declared = {*catalog.personal_among(repository.contract.columns)}
    known = _importances(repository)
    features = repository.contract.features(repository.data)
    names = _about_people(repository)
    undeclared = [name for name in names if name not in declared]
    for name in undeclared[:MOST]:
        gaps.add(
            "Columns about people",
            f"{code(name)} looks like it, but data/catalog.yaml does not say so, nor"
            " that it is not",
        )
    if len(undeclared) > MOST:
        more = f"{len(undeclared) - MOST} more columns look like it, undeclared"
        gaps.add("Columns about people", more)
    cells = []
    for name in names[:LISTED]:
        found = looks.get(name)
        cells.append(
            [
                code(name),
                "yes" if name in declared else "**no**",
                f"{found.kind}, by {found.by}" if found else "no",
                _role(repository, name) if name not in features else "feature",
                number(known[name].value) if name in known else "-",
            ]
        )
    ruled_out = [name for name in catalog.not_personal if name in looks]
    note = ""
    if ruled_out:
        shown = ", ".join(code(name) for name in ruled_out[:LISTED])
        note = f"Looks like it, but is said not to be: {shown}."
    if len(names) > LISTED:
        note = f"And {len(names) - LISTED} more columns.\n\n{note}"
    if not cells:
        nothing = "No column is declared as about people, and none looks like it."
        return f"{nothing}\n\n{note}".strip()
    header = ["column", "declared", "looks like", "used as", "importance"]
    return f"{table(header, cells)}\n\n{note}".strip()


def _role(repository: Repository, name: str) -> str:
    data = repository.data
    roles = [
        role for role in ("target", "group", "time") if getattr(data, role) == name
    ]
    roles += ["id"] if name in data.id else []
    return ", ".join(roles) or "not used"


def _minimisation(repository: Repository) -> str:
    """Return the columns that could be left out."""
    contract, data = repository.contract, repository.data
    features = contract.features(data)
    roles = {data.target, data.group, data.time, *data.id}
    known = _importances(repository)
    people = {*_about_people(repository)}
    unused = [n for n in contract.columns if n not in features and n not in roles]
    barely = [n for n in features if n in known and known[n].is_noise]
    parts = [
        "What is not needed should not be delivered, let alone stored. To leave a"
        " column out, drop it at its source and from `data/schema.yaml`; to try it"
        " first, set its treatment to `exclude` and compare: `rml exp`.",
        bullets(
            [
                _candidates("The model does not use", unused, people),
                _candidates(
                    "The model barely uses (importance within two standard deviations"
                    " of none; columns that say the same hide each other)",
                    barely,
                    people,
                ),
            ]
        ),
    ]
    if not known:
        parts.append("Importances are not known: `make repro` computes them.")
    if people and (kept := [n for n in features if n in people and n not in barely]):
        names = ", ".join(code(name) for name in kept[:20])
        parts.append(f"About people, and used: {names}.")
    return "\n\n".join(part for part in parts if part)


def _candidates(words: str, names: list[str], people: set[str], most: int = 30) -> str:
    """Return a line with columns that could be left out, those about people first."""
    if not names:
        return f"{words}: none."
    ordered = sorted(names, key=lambda name: name not in people)
    shown = [
        f"{code(name)}{' (about people)' if name in people else ''}"
        for name in ordered[:most]
    ]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{words}: {', '.join(shown)}{more}."


def _stored(repository: Repository, gaps: Gaps) -> str:
    remote = repository.remote
    cells = [
        [code(repository.raw), "the raw table", "DVC", "until it is replaced"],
        [code("data/interim/"), "the checked and cleaned table", "DVC", "next run"],
        [
            code("data/interim/problems.csv"),
            "values of rows that were rejected",
            "this computer",
            "until the table passes",
        ],
        [
            code("data/processed/"),
            "training and test rows",
            "DVC",
            "next run",
        ],
        [
            code(".dvc/cache"),
            "every version of all of these, and of models",
            "each clone",
            "until `dvc gc`",
        ],
        [
            "remote" if remote is None else f"remote {code(remote)}",
            "copies of the cache" if remote else "none is set",
            "-" if remote is None else repository.link(".dvc/config"),
            "-" if remote is None else "until `dvc gc --cloud`",
        ],
        [
            code("models/"),
            "categories and words of the training rows, in model and contract",
            "DVC",
            "as the cache",
        ],
        [
            code("reports/"),
            "quantiles, frequent values, groups; no whole rows",
            "Git",
            "for good",
        ],
        [
            code("data/schema.yaml"),
            "names and ranges of columns, values of categories",
            "Git",
            "for good",
        ],
    ]
    cells += _logs(repository, gaps)
    if remote is None:
        pass
    elif repository.catalog.personal:
        gaps.add(
            "Where rows are stored",
            f"who may read the remote {code(remote)}, and where it is, is not known"
            " here",
        )
    rows = table(["where", "what", "kept by", "for how long"], cells)
    return f"{rows}\n\n{_values_in_git(repository)}".strip()


def _values_in_git(repository: Repository) -> str:
    """Return which columns about people have values in Git; nothing if none has."""
    profile = (repository.report("profile") or {}).get("columns") or {}
    lines = []
    for name in _about_people(repository):
        places = []
        if count := len(repository.contract.columns[name].isin or ()):
            places.append(f"{count} values in {code('data/schema.yaml')}")
        known = profile.get(name) or {}
        count = len(known.get("bins") or ())
        if what := SHOWN_IN_PROFILE.get(str(known.get("kind")), "") if count else "":
            places.append(f"{count} {what} in {code('reports/profile.json')}")
        if places:
            lines.append(f"{code(name)}: {', '.join(places)}")
    if not lines:
        return ""
    if len(lines) > LISTED:
        lines = [*lines[:LISTED], f"and {len(lines) - LISTED} more columns"]
    return (
        "Columns about people whose values stand in Git, which keeps them for good;"
        " look whether one of them tells who somebody is:\n\n"
    ) + bullets(lines)


def _logs(repository: Repository, gaps: Gaps) -> list[list[str]]:
    """Return where a service keeps rows, as its code says."""
    service = repository.service
    if service is None:
        return [["logs of predictions", "the project has no service", "-", "-"]]
    without = [str(name) for name in service.get("log_without") or ()]
    left_out = ", ".join(code(name) for name in without) or "no column"
    days = f"{service.get('log_days')} days"
    missing = [
        name
        for name in repository.catalog.personal_among(repository.contract.columns)
        if name not in without and name in repository.contract.features(repository.data)
    ]
    if missing:
        names = ", ".join(code(name) for name in missing[:10])
        gaps.add(
            "Where rows are stored",
            f"logs of predictions would have {names}: leave out what is not needed with"
            " `log_without` in deployment/service.py, or say why it is",
        )
    folder = service.get("log_folder")
    place = code(str(folder)) if folder else "`RML_SERVE_LOG_FOLDER` (none by default)"
    return [
        [place, f"inputs and answers; {left_out} left out", "the service", days],
        [
            "`RML_SERVE_FEEDBACK_FOLDER` (none by default)",
            "labels that were sent",
            "the service",
            days,
        ],
    ]


def _deletion(repository: Repository, gaps: Gaps) -> str:
    if repository.has(DELETION):
        return f"How to delete the rows of a person: {repository.link(DELETION)}."
    return gaps.add("Deletion", f"{code(DELETION.as_posix())} is missing")
