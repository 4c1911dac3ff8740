"""Maturity of operations, level 0 to 2, with what each criterion is based on.

Levels as in Google Cloud's "MLOps: Continuous delivery and automation pipelines in
machine learning": 0, all by hand; 1, the pipeline is automated and trains anew by
itself; 2, the pipeline itself is built, tested and delivered automatically. A level is
reached if all its criteria are met, and those of the levels below.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reproducible_ml.governance import proofs as p
from reproducible_ml.governance.evidence import Written
from reproducible_ml.governance.facts import Facts
from reproducible_ml.governance.proofs import Found
from reproducible_ml.versioning.lock import locked_stages

NAMES = (
    "some steps need a person",
    "the pipeline is automated",
    "pipeline and delivery are automated",
)


class Criterion(NamedTuple):
    """A criterion of a level, and what was found."""

    level: int
    text: str
    found: Found


class Maturity(NamedTuple):
    """The highest level whose criteria are all met, and all criteria."""

    level: int
    criteria: Sequence[Criterion]

    @property
    def name(self) -> str:
        """What the level means."""
        return NAMES[self.level]


def find_maturity(
    facts: Facts, written: Written, found: Mapping[tuple[str, str], Found]
) -> Maturity:
    """Return the level of a project.

    Args:
        facts: What can be seen of it.
        written: Its written evidence.
        found: What came of the proofs of the score, by test and name.
    """
    ways = {
        "the pipeline is one command, and its results are up to date": (
            p.check(_pipeline, facts, written)
        ),
        "rows are validated by every run": found["data.schema", "checked"],
        "a model is validated before it replaces another one": (
            found["infrastructure.validated", "gate"]
        ),
        "packages are the same in every place": (
            found["infrastructure.reproducible", "locked"]
        ),
        "training starts by itself": p.check(p.retrained, facts, written),
        "it gets newer rows": p.check(p.rows_renewed, facts, written),
        "results are recorded with data, code and parameters": p.check(
            _recorded, facts, written
        ),
        "the model has a way into use": p.check(_way_into_use, facts, written),
        "the model in use is watched": found["monitoring.inputs", "alert"],
    }
    delivery = {
        "each change is tested": found["data.feature_code", "run"],
        "each change is reproduced, and held to the gates": (
            found["infrastructure.integration", "report"]
        ),
        "models have versions and stages": p.check(_registry, facts, written),
        "a release is built, checked and published by a workflow": (
            found["infrastructure.validated", "before"]
        ),
        "what is released answers as the project does": (
            found["monitoring.skew", "compared"]
        ),
        "an alert can start the training": p.check(_started_by_alerts, facts, written),
    }
    criteria = [Criterion(1, text, one) for text, one in ways.items()]
    criteria += [Criterion(2, text, one) for text, one in delivery.items()]
    level = 0
    while level < 2 and all(c.found.met for c in criteria if c.level == level + 1):
        level += 1
    return Maturity(level, criteria)


def _pipeline(facts: Facts, _: Written) -> Found:
    stages = [*locked_stages(facts.lock)]
    if not stages:
        return Found(False, "dvc.lock has no stages: make repro")
    if facts.outdated:
        return Found(False, f"stale: {facts.outdated[0]}: make repro")
    return Found(True, f"dvc.lock is up to date: {p.listed(stages)}")


def _recorded(facts: Facts, _: Written) -> Found:
    why = facts.is_current("reports/metrics.json")
    text = "dvc.lock has the hashes of all inputs of reports/metrics.json"
    return Found(not why, why or text)


def _way_into_use(facts: Facts, _: Written) -> Found:
    folder = facts.root / "code" / facts.project.package / "deployment"
    known = ("service", "worker", "serverless")
    ways = [name for name in known if (folder / f"{name}.py").is_file()]
    if not ways and (folder / "predict.py").is_file():
        ways = ["predict"]
    if not ways:
        return Found(False, "code/ has no deployment/predict.py")
    return Found(True, f"deployment: {', '.join(ways)}")


def _registry(facts: Facts, _: Written) -> Found:
    artifacts = facts.revision.yaml("dvc.yaml").get("artifacts")
    named = [
        name
        for name, one in (artifacts.items() if isinstance(artifacts, dict) else ())
        if isinstance(one, dict) and one.get("path")
    ]
    if not named:
        return Found(False, "dvc.yaml names no artifact. Fix: see docs/registry.md")
    return Found(True, f"dvc.yaml names the artifact {p.listed(named)}")


def _started_by_alerts(facts: Facts, _: Written) -> Found:
    found = facts.find_steps("rml retrain", "repository_dispatch")
    if not found:
        why = "no workflow with `rml retrain` starts by repository_dispatch"
        return Found(False, f"{why}. Fix: add it")
    return Found(True, f"{found[0].workflow} starts by repository_dispatch")
