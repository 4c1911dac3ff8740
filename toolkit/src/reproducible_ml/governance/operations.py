"""Proofs about infrastructure and monitoring: what workflows, alerts and tests do.

As those of `proofs`, they say what the repository has.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from reproducible_ml.core.files import write_text
from reproducible_ml.governance.evidence import Written
from reproducible_ml.governance.facts import ALERTS, Facts
from reproducible_ml.governance.proofs import (
    PULLS,
    SCHEDULED,
    Found,
    Proof,
    listed,
)
from reproducible_ml.report.gates import Gate
from reproducible_ml.report.results import number
from reproducible_ml.versioning.git import find_commit

DEPENDABOT = ".github/dependabot.yml"

# By how much a score may get worse with a gate that is one.
TOLERANCE = 0.1

# Of whoever makes the commits of a trial, for both roles that Git has.
IDENTITY = {"NAME": "rml score", "EMAIL": "score@example.org"}
WHO = ("AUTHOR", "COMMITTER")


def rebuilt_elsewhere(facts: Facts, _: Written) -> Found:
    """The pipeline is rebuilt under other conditions, and every output compared."""
    found = facts.find_steps("rml verify|make verify", *PULLS, "push", *SCHEDULED)
    if found:
        return Found(True, f"{found[0].workflow} runs `{_short(found[0].command)}`")
    verified = facts.was_verified()
    if verified:
        return Found(True, "`rml verify` rebuilt these files here, bit for bit")
    why = facts.why_not("rml verify|make verify", *PULLS, "push", *SCHEDULED)
    why = f"no workflow runs `rml verify`{why}"
    if verified is False:
        why = "stale: `rml verify` rebuilt other files here"
    return Found(False, f"{why}. Fix: add it, or run it")


def _short(command: str) -> str:
    return command if len(command) < 40 else command[:39] + "…"


def packages_locked(facts: Facts, _: Written) -> Found:
    """Versions of packages are locked by hash."""
    name = "environments/runtime.txt"
    text = re.sub(r"(?m)\\\n", " ", facts.revision.text(name) or "")
    lines = [line.strip() for line in text.splitlines()]
    pinned = [line for line in lines if line and line[0] not in "#-"]
    loose = [line.split()[0] for line in pinned if "--hash=" not in line]
    if not pinned or loose:
        why = f"{name} has no hash of {listed(loose)}" if loose else f"{name} is empty"
        return Found(False, f"{why}. Fix: make lock")
    return Found(True, f"{name} locks {len(pinned)} packages by hash")


def gate_before_release(facts: Facts, _: Written) -> Found:
    """What is released has passed the gates in the same job before."""
    jobs: dict[tuple[str, str], dict[str, int]] = {}
    wanted = {
        "report": "make report.*|rml report.*",
        "package": r"rml package.*|docker push.*|gh release create.*",
    }
    for what, pattern in wanted.items():
        for step in facts.find_steps(pattern):
            places = jobs.setdefault((step.workflow, step.job), {})
            places[what] = min(step.position, places.get(what, step.position))
    for (workflow, _job), places in jobs.items():
        if places.get("report", 10**6) < places.get("package", -1):
            return Found(True, f"{workflow} runs `make report` before `rml package`")
    return Found(
        False,
        "no workflow runs `make report` before `rml package` in a job. Fix: add it",
    )


def gate_can_fail(facts: Facts, _: Written) -> Found:
    """The gate is valid, and its metric may not get much worse."""
    try:
        gate = Gate.model_validate(facts.section("gate"))
        name = gate.metric or facts.params["evaluate"]["metrics"][0]
        value = number(facts.results.metrics.get(name))
    except (ValueError, KeyError, TypeError, IndexError):
        return Found(False, "params.yaml is not valid: rml check")
    if value is None or gate.tolerance >= abs(value):
        why = f"{name} may get worse by {gate.tolerance:g}, and is {value}"
        return Found(False, f"gate.tolerance: {why}. Fix: a smaller tolerance")
    # Of a score between 0 and 1, a tenth; of an error in a unit, a tenth of it.
    bound = TOLERANCE * max(1.0, abs(value))
    if gate.tolerance >= bound:
        why = (
            f"{gate.tolerance:g} is {bound:g} or more, with which next to nothing fails"
        )
        return Found(False, f"gate.tolerance: {why}. Fix: a smaller tolerance")
    floors = f", with floors of {listed([*gate.floors])}" if gate.floors else ""
    return Found(True, f"the gate is about {name}{floors}")


def explanation_tested(facts: Facts, _: Written) -> Found:
    """What moved a single prediction can be shown, and a test checks it."""
    return _called_by_tests(facts, "explain", "explains predictions")


def rollback_tried(facts: Facts, _: Written) -> Found:
    """A version that was in use is brought back, in a repository made for it."""
    from reproducible_ml.registry.promote import rollback
    from reproducible_ml.registry.tags import artifact_name, read_registry

    with (
        tempfile.TemporaryDirectory(prefix="rml-") as folder,
        redirect_stdout(StringIO()),
    ):
        root = Path(folder)
        write_text(facts.revision.text("dvc.yaml") or "", root / "dvc.yaml")
        _git(root, "init", "--quiet")
        _git(root, "add", "dvc.yaml")
        model, commits = "", []
        for day, version in enumerate(("v1.0.0", "v1.1.0"), 1):
            _git(root, "commit", "--quiet", "--allow-empty", "-m", version, day=day)
            model = model or artifact_name(root)
            commits.append(find_commit(root, "HEAD"))
            for tag in (f"{model}@{version}", f"{model}#prod#{day}"):
                _git(root, "tag", "--annotate", tag, "-m", tag, day=day)
        for name, value in IDENTITY.items():
            _git(root, "config", f"user.{name.lower()}", value)
        rollback(root, "prod", pushed=False)
        now = read_registry(root).stages["prod"].commit
    if now != commits[0]:
        return Found(False, "`rml rollback` did not bring the version before back")
    return Found(True, f"tried now: `rml rollback` brings {model} v1.0.0 back")


def _git(root: Path, *arguments: str, day: int = 1) -> None:
    """Run Git in a repository for a trial, as somebody, on a day that is over.

    Raises:
        OSError: It failed.
    """
    variables = {f"GIT_{who}_{n}": v for who in WHO for n, v in IDENTITY.items()}
    variables |= {f"GIT_{who}_DATE": f"2026-01-0{day}T00:00:00Z" for who in WHO}
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise OSError(f"git {arguments[0]}: {said[:200]}")


def _called_by_tests(facts: Facts, name: str, what: str) -> Found:
    calling = [test for test in facts.tests if name in test.names]
    ran = ""
    for test in calling:
        if test.tier:
            run, ran = facts.are_tests_run(test.tier)
            if run:
                return Found(True, f"{test.file} {what}: {test.name}; {ran}")
    if calling:
        return Found(False, f"a test {what}, but {ran or 'it is skipped'}")
    return Found(
        False, f"no test here {what}. Fix: add one; or try it, and write it down"
    )


def candidate_set(facts: Facts, _: Written) -> Found:
    """A second version answers beside the first one before it takes its place."""
    try:
        if facts.default("deployment/service.py", "candidate"):
            return Found(True, "deployment/service.py has a candidate")
    except KeyError:
        pass
    for name, content in facts.documents(".cloud"):
        if "RML_SERVE_CANDIDATE" in _texts(content):
            return Found(True, f"{name} sets RML_SERVE_CANDIDATE")
    return Found(
        False,
        "nothing sets RML_SERVE_CANDIDATE, so no version is tried in shadow. Fix: see"
        " docs/deployment.md",
    )


def _texts(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    else:
        parts = value if isinstance(value, list) else []
    return {str(value)} | {text for part in parts for text in _texts(part)}


def candidate_compared(facts: Facts, _: Written) -> Found:
    """The answers of both versions are compared."""
    found = facts.find_steps(r"rml compare .*--log.*")
    if not found:
        return Found(False, "no workflow runs `rml compare --log`. Fix: add it")
    return Found(True, f"{found[0].workflow} runs `rml compare --log`")


def updates_announced(facts: Facts, _: Written) -> Found:
    """Newer versions of the packages are announced."""
    updates = facts.revision.yaml(DEPENDABOT).get("updates")
    for update in updates if isinstance(updates, list) else ():
        if not isinstance(update, dict) or _announces_nothing(update):
            continue
        if update.get("package-ecosystem") not in ("pip", "uv"):
            continue
        folder = facts.root / str(update.get("directory", "/")).strip("/")
        if isinstance(update.get("schedule"), dict) and [*folder.glob("*.txt")]:
            interval = update["schedule"].get("interval", "")
            return Found(True, f"{DEPENDABOT} announces newer packages ({interval})")
    return Found(
        False, f"{DEPENDABOT} has no updates of pip for environments/. Fix: add them"
    )


def _announces_nothing(update: dict[str, Any]) -> bool:
    """Return whether Dependabot is told to announce nothing."""
    # 0 still lets security updates through, of which the version is not known here.
    if update.get("open-pull-requests-limit", 1) in (0, "0"):
        return True
    ignored = update.get("ignore")
    return any(
        isinstance(each, dict)
        and str(each.get("dependency-name")).strip("*") == ""
        and not each.keys() - {"dependency-name"}
        for each in (ignored if isinstance(ignored, list) else ())
    )


def alert_on(metric: str, what: str) -> Proof:
    """Return the proof that an alert is about a metric.

    Args:
        metric: Its name in Prometheus.
        what: What that tells.
    """

    def proof(facts: Facts, _: Written) -> Found:
        for name, expression in facts.alerts.items():
            if re.search(rf"\b{metric}\b", expression):
                return Found(True, f"{ALERTS}: alert {name}")
        return Found(
            False,
            f"no alert of {ALERTS} is about {metric}, {what}. Fix: add it (component"
            " monitoring)",
        )

    proof.__doc__ = f"An alert tells {what}."
    return proof


def ways_compared(facts: Facts, _: Written) -> Found:
    """What is released answers as the project does, to the byte."""
    # In the order of the steps, and of the lines of each.
    writers: dict[tuple[str, str, str], str] = {}
    for step in facts.steps:
        place = (step.workflow, step.job)
        words = step.command.split()
        compares = step.runs(r"cmp \S+ \S+$") and step.events
        if compares and words[-1] != words[-2]:
            by = {writers.get((*place, word), "") for word in words[-2:]}
            if by == {"project", "package"}:
                return Found(True, f"{step.workflow}: {_short(step.command)}")
        # Whatever else names the file may have changed it.
        changed = [word for word in words if (*place, word) in writers and not compares]
        writers |= {(*place, word): "other" for word in changed}
        for name in re.findall(r"(?:--output[ =]|>\s*)(\S+)", step.command):
            project = step.runs("rml predict .*")
            package = step.runs(r"[\w.-]+-predict .*")
            writers[*place, name] = (
                "project" if project else "package" if package else "other"
            )
    return Found(
        False,
        "no workflow compares (cmp) the answers of the package with those of `rml"
        " predict`, two files of one job. Fix: add it",
    )
