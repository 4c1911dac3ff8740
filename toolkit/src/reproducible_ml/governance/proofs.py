"""Proofs: what of a project a program can check, each with what it was found by.

A proof says what the repository has: that a service with these alerts runs somewhere
cannot be seen from here.
"""

import csv
import re
from collections.abc import Callable
from io import StringIO
from typing import NamedTuple

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.project import CONTRACT
from reproducible_ml.governance.evidence import FILE, Written
from reproducible_ml.governance.facts import Facts
from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.report.gates import GROUP_GAPS, Gate, GateResult, check_gates
from reproducible_ml.report.results import EVALUATION, compare, number
from reproducible_ml.report.review import known_metrics

IMPORTANCE = "reports/plots/importance.csv"
PLOTS = "reports/plots"
TRIALS = "reports/search.csv"
CATALOG = "data/catalog.yaml"
OWNERS = ".github/CODEOWNERS"

# Those that people review: what a model is made of.
SPECIFIED = ("params.yaml", "dvc.yaml", "code")

# How long a log of predictions may be kept.
DAYS = 400

# The gate of slices, by its name.
GROUP_FLOORS = "floors of groups"

# Patterns that match no name: an end before something, or nothing at all.
NEVER = re.compile(
    r"\(\?!\)|(?<!\\)\$(?:\^|[\w(\[.\\])|(?<![\\\[(|^])[\w.\])]\^|\[\^\\s\\S\]"
    r"|\[\^\\w\\W\]|\\Z.|.\\A|^$"
)

# Names in a list.
SHOWN = 5

PULLS = ("pull_request", "merge_group")
SCHEDULED = ("schedule", "repository_dispatch")


class Found(NamedTuple):
    """What came of a proof.

    Attributes:
        met: Whether it holds.
        text: What it is based on, or what is missing and how to get it.
    """

    met: bool
    text: str


Proof = Callable[[Facts, Written], Found]


def check(proof: Proof, facts: Facts, written: Written | None) -> Found:
    """Return what came of a proof; a file that cannot be read is none."""
    expected = (UserError, OSError, ValueError, TypeError, KeyError, AttributeError)
    try:
        return proof(facts, written or Written())
    except expected as error:
        return Found(False, f"cannot be checked: {first_line(error)}")


def listed(names: list[str]) -> str:
    """Return some names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def tests_run(facts: Facts, _: Written) -> Found:
    """`make test` runs again and again."""
    return Found(*facts.are_tests_run())


def contract_valid(facts: Facts, _: Written) -> Found:
    """The contract says of every column what it holds."""
    try:
        contract, _data = facts.contract
    except UserError as error:
        return Found(False, first_line(error))
    if not contract.columns:
        return Found(False, f"{CONTRACT} has no columns. Fix: rml data")
    return Found(True, f"{CONTRACT} describes {len(contract.columns)} columns")


def contract_used(facts: Facts, _: Written) -> Found:
    """The pipeline checked the table against this very contract."""
    why = facts.read_by_a_stage(str(CONTRACT))
    return Found(not why, why or f"the stages in dvc.lock read {CONTRACT} as it is")


def importance_measured(facts: Facts, _: Written) -> Found:
    """The importance of each feature of this model was measured."""
    if why := facts.is_current(PLOTS):
        return Found(False, why)
    try:
        contract, data = facts.contract
    except UserError as error:
        return Found(False, first_line(error))
    lacking = sorted({*contract.features(data)} - _importances(facts).keys())
    if lacking:
        return Found(False, f"{IMPORTANCE} lacks {listed(lacking)}: make repro")
    return Found(True, f"{IMPORTANCE} has all features of this model")


def features_useful(facts: Facts, _: Written) -> Found:
    """No feature is without importance."""
    found = _importances(facts)
    useless = [name for name, value in found.items() if not value > 0]
    if not found or useless:
        return Found(
            False,
            f"{len(useless)} of {len(found)} features have no importance"
            f" ({listed(useless)}). Fix: treatment: exclude in {CONTRACT}; or try it,"
            " and write down why they stay",
        )
    return Found(True, f"each of {len(found)} features has an importance above 0")


def _importances(facts: Facts) -> dict[str, float]:
    rows = csv.DictReader(StringIO(facts.revision.text(IMPORTANCE) or ""))
    found = {}
    for row in rows:
        try:
            found[str(row["feature"])] = float(row["importance"])
        except (KeyError, TypeError, ValueError):
            continue
    return found


def report_on_pull_requests(facts: Facts, _: Written) -> Found:
    """Each pull request is reproduced, compared with its base and held to the gates."""
    wanted = {
        "make repro": r"make repro|rml repro",
        "make report": r"make report|rml report",
    }
    steps = {name: facts.find_steps(p, *PULLS) for name, p in wanted.items()}
    lacking = [name for name, found in steps.items() if not found]
    if lacking:
        why = " and ".join(f"`{name}`" for name in lacking)
        why += " on pull requests" + facts.why_not(wanted[lacking[0]], *PULLS)
        return Found(False, f"no workflow runs {why}. Fix: add it")
    return Found(
        True,
        f"{steps['make report'][0].workflow} runs `make repro` and `make report` on"
        " each pull request",
    )


def costs_kept(facts: Facts, _: Written) -> Found:
    """Time and memory of the stages are kept from run to run, for the report."""
    log = r".*\bresources\.jsonl"
    found = [
        step
        for step in facts.steps
        if step.command.startswith("actions/cache@")
        and step.events
        and not step.why
        and re.search(log, step.command)
    ]
    if not found:
        return Found(
            False,
            "no workflow keeps .dvc/tmp/rml/resources.jsonl (actions/cache), so reports"
            " do not compare the time of stages. Fix: add it beside `make report`",
        )
    return Found(True, f"{found[0].workflow} keeps time and memory of the stages")


def columns_forbidden(facts: Facts, written: Written) -> Found:
    """Columns that must not be features are named, and are none."""
    if not written.forbidden:
        return Found(
            False,
            f"{FILE} names no columns that must not be features. Fix: add them under"
            " `forbidden`, with the reason",
        )
    never = [pattern for pattern in written.forbidden if NEVER.search(pattern)]
    if never:
        return Found(
            False,
            f"{FILE}: no name matches {listed(never)}. Fix: a pattern of a column",
        )
    try:
        contract, data = facts.contract
    except UserError as error:
        return Found(False, first_line(error))
    used = {*contract.features(data), *_importances(facts)}
    broken = [
        f"{name} ({reason})"
        for pattern, reason in written.forbidden.items()
        for name in sorted(used)
        if re.search(pattern, name)
    ]
    if broken:
        return Found(
            False,
            f"forbidden, but features: {listed(broken)}. Fix: treatment: exclude in"
            f" {CONTRACT}",
        )
    count = len(written.forbidden)
    return Found(True, f"no feature is forbidden by the {count} patterns in {FILE}")


def score_run(facts: Facts, _: Written) -> Found:
    """`rml score` itself runs again and again."""
    found = facts.find_steps("rml score", *PULLS, "push", *SCHEDULED)
    if not found:
        why = facts.why_not("rml score", *PULLS, "push", *SCHEDULED)
        return Found(False, f"no workflow runs `rml score`{why}. Fix: add it to one")
    return Found(True, f"{found[0].workflow} runs `rml score`")


def personal_declared(facts: Facts, _: Written) -> Found:
    """Somebody said whether the data are about people, and of which columns."""
    content = facts.revision.yaml(CATALOG)
    personal = content.get("personal")
    if not isinstance(personal, bool):
        return Found(
            False,
            f"{CATALOG} does not say whether the data are about people. Fix: fill in"
            " `personal`",
        )
    table = content.get("table")
    looks = table.get("looks_personal") if isinstance(table, dict) else None
    declared = [
        name
        for key in ("personal_columns", "not_personal")
        for name in (content.get(key) or ())
    ]
    open_ = [n for n in (looks or {}) if n not in declared and "*" not in declared]
    if open_:
        return Found(
            False,
            f"{CATALOG}: these columns look personal, and nobody decided:"
            f" {listed(open_)}. Fix: list them in personal_columns or not_personal",
        )
    empty = [k for k in ("legal_basis", "retention") if personal and not content.get(k)]
    if empty:
        return Found(False, f"{CATALOG}: {' and '.join(empty)} empty. Fix: fill in")
    which = "which columns are" if personal else "that no column is"
    return Found(True, f"{CATALOG} says {which} about people")


def log_limited(facts: Facts, _: Written) -> Found:
    """The log of predictions is not kept for ever."""
    service = facts.root / "code" / facts.project.package / "deployment/service.py"
    if not service.is_file():
        return Found(True, "there is no service that logs predictions")
    try:
        days = facts.default("deployment/service.py", "log_days")
    except KeyError:
        return Found(True, "predictions are logged for 190 days at most (the default)")
    if not isinstance(days, int) or days > DAYS:
        return Found(
            False,
            f"{service.name}: log_days is {days!r}: predictions are kept for more than"
            f" {DAYS} days. Fix: a smaller number",
        )
    return Found(True, f"predictions are logged for {days} days at most")


def features_tested(facts: Facts, _: Written) -> Found:
    """A test imports each module that makes features."""
    return _modules_tested(facts, "features")


def training_tested(facts: Facts, _: Written) -> Found:
    """A test imports each module that says what the model is, and how it is scored."""
    return _modules_tested(facts, "models/train.py", "models/metrics.py")


def _modules_tested(facts: Facts, *places: str) -> Found:
    package = facts.project.package
    code = facts.root / "code"
    files = []
    for place in places:
        path = code / package / place
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    files = [f for f in files if f.name != "__init__.py" and f.is_file()]
    if not files:
        return Found(False, f"code/{package} has no {' or '.join(places)}")
    tested = {m for test in facts.tests if test.tier == "test" for m in test.modules}
    names = {
        ".".join(file.relative_to(code).with_suffix("").parts): file for file in files
    }
    untested = [file for name, file in names.items() if name not in tested]
    lacking = [file.relative_to(facts.root).as_posix() for file in untested]
    if lacking:
        return Found(
            False,
            f"no test in tests/ imports {listed(lacking)}. Fix: add one (docs/code)",
        )
    return Found(True, f"tests import {listed([*names])}")


def owners_named(facts: Facts, _: Written) -> Found:
    """Somebody is asked for a review of what the model is made of."""
    lines = (facts.revision.text(OWNERS) or "").splitlines()
    rules = [line.split("#")[0].split() for line in lines]
    # The last one that matches decides; without an owner, nobody is asked.
    rules = [rule for rule in reversed(rules) if rule]
    owners = {
        path: next((rule[1:] for rule in rules if _covers(rule[0], path)), [])
        for path in SPECIFIED
    }
    lacking = [path for path, known in owners.items() if not known]
    if lacking:
        return Found(
            False, f"{OWNERS} names nobody for {listed(lacking)}. Fix: name somebody"
        )
    return Found(True, f"{OWNERS} names who reviews {listed([*SPECIFIED])}")


def _covers(pattern: str, path: str) -> bool:
    plain = pattern.strip("/")
    return plain in ("*", "**", path, f"{path}/*", f"{path}/**")


def labels_joined(facts: Facts, _: Written) -> Found:
    """What came true is compared with what the model said, on a schedule."""
    return _scheduled(facts, "rml outcomes", "labels that come later")


def _scheduled(facts: Facts, command: str, what: str) -> Found:
    found = facts.find_steps(command, *SCHEDULED)
    if not found:
        not_ = facts.why_not(command, *SCHEDULED)
        why = f"no workflow runs `{command}` on a schedule, with {what}{not_}"
        return Found(False, f"{why}. Fix: add it")
    return Found(True, f"{found[0].workflow} runs `{command}` on a schedule")


def hyperparameters_searched(facts: Facts, _: Written) -> Found:
    """The settings of the estimator come from a search, or are compared with one."""
    # A job that searches beside the pipeline finds out whether others would be better.
    if found := facts.find_steps(r"rml exp .*train\.search\.method=.*", *SCHEDULED):
        return Found(True, f"{found[0].workflow} searches on a schedule")
    if facts.section("train", "search").get("method") in (None, "none"):
        return Found(
            False, "train.search.method is none. Fix: search, in params.yaml: random"
        )
    if why := facts.is_current(TRIALS):
        return Found(False, why)
    count = len((facts.revision.text(TRIALS) or "").splitlines()) - 1
    if count < 2:
        return Found(False, f"{TRIALS} has fewer than two trials: make repro")
    return Found(True, f"{TRIALS} has {count} trials")


def retrained(facts: Facts, _: Written) -> Found:
    """A model of the newest rows is compared with the one in use, on a schedule."""
    return _scheduled(facts, "rml retrain", "the newest rows")


def rows_renewed(facts: Facts, _: Written) -> Found:
    """There is a place that newer rows come from."""
    for pointer in sorted((facts.root / "data/raw").glob("*.dvc")):
        name = pointer.relative_to(facts.root).as_posix()
        if facts.revision.yaml(name).get("deps"):
            return Found(True, f"{name} names where newer rows come from")
    for query in sorted((facts.root / "data/raw").glob("*.query.yaml")):
        return Found(True, f"data/raw/{query.name} says how newer rows are read")
    return Found(
        False,
        "no file in data/raw names where newer rows come from. Fix: rml data URL, or"
        " rml data PATH --time COLUMN",
    )


def baseline_beaten(facts: Facts, _: Written) -> Found:
    """The model is better than one that ignores the features, beyond noise."""
    if why := facts.is_current(EVALUATION):
        return Found(False, why)
    try:
        names = facts.params["evaluate"]["metrics"]
        name = facts.section("gate").get("metric") or names[0]
        metric = facts.evaluation["metrics"][name]
        low, high = float(metric["low"]), float(metric["high"])
        simple = float(metric["baseline"]["value"])
        greater = _metrics(facts)[name].greater_is_better
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return Found(
            False, f"{EVALUATION} has no interval and baseline of the first metric"
        )
    shown = f"{name}: {low:.4g} to {high:.4g}, baseline {simple:.4g}"
    if low > simple if greater else high < simple:
        return Found(True, f"{EVALUATION}: better than one without features ({shown})")
    return Found(False, f"not better than one that ignores the features ({shown})")


def _metrics(facts: Facts) -> Metrics:
    """Return the project's metrics; none if its code cannot be imported."""
    task = str(facts.section("data").get("task", "binary"))
    try:
        return known_metrics(facts.project, task)
    except (UserError, ImportError):
        return {}


def groups_scored(facts: Facts, _: Written) -> Found:
    """Groups of rows are scored."""
    if why := facts.is_current(EVALUATION):
        return Found(False, why)
    wanted = facts.section("evaluate", "slices")
    there = facts.evaluation.get("slices")
    lacking = [n for n in wanted if not (isinstance(there, dict) and there.get(n))]
    if not wanted or lacking:
        why = f"{EVALUATION} has no groups of {listed(lacking)}" if lacking else ""
        return Found(
            False,
            f"{why or 'evaluate.slices is empty'}. Fix: name columns in params.yaml,"
            " make repro",
        )
    return Found(True, f"{EVALUATION} has groups of {listed([*wanted])}")


def groups_gated(facts: Facts, _: Written) -> Found:
    """Each group must reach a floor, and does."""
    gate = Gate.model_validate(facts.section("gate"))
    if not any(gate.slice_floors.values()):
        return Found(
            False, "gate.slice_floors is empty. Fix: a floor by column and metric"
        )
    if idle := _idle_floors(facts, gate):
        return Found(
            False,
            f"gate.slice_floors: a model without features reaches {listed(idle)}. Fix:"
            " stricter ones",
        )
    result = _gate(facts, gate, GROUP_FLOORS)
    if result is None or not result.passed:
        why = result.reason if result else "it is not checked"
        return Found(False, f"gate.slice_floors: {why}")
    columns = listed([*gate.slice_floors])
    return Found(True, f"gate.slice_floors: all groups of {columns} reach them")


def _idle_floors(facts: Facts, gate: Gate) -> list[str]:
    """Return the floors of groups that a model without features reaches."""
    metrics = _metrics(facts)
    found = []
    for column, floors in gate.slice_floors.items():
        for name, floor in floors.items():
            scores = facts.evaluation.get("metrics", {}).get(name) or {}
            simple = number((scores.get("baseline") or {}).get("value"))
            if name not in metrics or simple is None:
                reached = floor <= 0
            elif metrics[name].greater_is_better:
                reached = floor <= max(0.0, simple)
            else:
                reached = floor >= simple
            if reached:
                found.append(f"{column}.{name}: {floor:g}")
    return found


def people_compared(facts: Facts, _: Written) -> Found:
    """Groups of people are compared."""
    wanted = facts.section("evaluate", "protected")
    if not wanted:
        return Found(
            False,
            "evaluate.protected is empty: groups of people are not compared. Fix: name"
            " columns in params.yaml, make repro",
        )
    if why := facts.is_current(EVALUATION):
        return Found(False, why)
    there = facts.evaluation.get("protected")
    lacking = [n for n in wanted if not (isinstance(there, dict) and there.get(n))]
    if lacking:
        return Found(False, f"{EVALUATION} does not compare {listed(lacking)}")
    return Found(True, f"{EVALUATION} compares groups of {listed([*wanted])}")


def people_gated(facts: Facts, _: Written) -> Found:
    """A large difference between groups of people fails the gate."""
    gate = Gate.model_validate(facts.section("gate"))
    if not gate.max_group_gap:
        return Found(False, "gate.max_group_gap is empty. Fix: a limit by metric")
    # Rates and scores are between 0 and 1, and so are their differences.
    idle = [name for name, limit in gate.max_group_gap.items() if limit >= 1]
    if idle and facts.contract[1].task != "regression":
        return Found(
            False, f"gate.max_group_gap: {listed(idle)} may differ by 1. Fix: less"
        )
    result = _gate(facts, gate, GROUP_GAPS)
    if result is None or not result.passed:
        why = result.reason if result else "it is not checked"
        return Found(False, f"gate.max_group_gap: {why}")
    return Found(True, f"gate.max_group_gap: {listed([*gate.max_group_gap])}")


def _gate(facts: Facts, gate: Gate, name: str) -> GateResult | None:
    """Return what came of a gate for the results as they are."""
    names = [*facts.params["evaluate"]["metrics"]]
    metrics, head = _metrics(facts), facts.results
    changes = compare(head, head, metrics, names)
    found = check_gates(gate, names, head, changes, metrics)
    return next((result for result in found if result.name == name), None)
