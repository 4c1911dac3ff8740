"""Ask for the class of the system under the AI Act: `rml risk`."""

import datetime
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reproducible_ml.adopt.catalog_questions import YES, ask_terminal, is_asked
from reproducible_ml.card.forms import parse_form, set_fields
from reproducible_ml.core.errors import UserError, printable
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.governance.pages import is_used, write_pages
from reproducible_ml.governance.regulation import describe_age
from reproducible_ml.governance.risk import decide
from reproducible_ml.governance.risk_answers import (
    ANSWERS,
    AREAS,
    CONDITIONS,
    PROHIBITED,
    TRANSPARENCY,
    Risk,
    empty_risk,
    questions,
    read_risk,
    text_of,
)
from reproducible_ml.governance.risk_page import as_json as describe_as_json
from reproducible_ml.governance.risk_page import describe

ROLES = ("provider", "deployer", "both")


def assess(project: Project, answers: Path | None, *, as_json: bool) -> None:
    """Ask for answers on a terminal, decide, and print the class.

    The current folder is the project's root.

    Args:
        project: The project.
        answers: File of the answers; None for docs/governance/risk.yaml.
        as_json: Print JSON, and ask nothing.

    Raises:
        UserError: There are no answers, or they are not valid.
    """
    path = answers or ANSWERS
    asked = is_asked() and not as_json
    if not path.is_file() and not asked:
        raise UserError(
            f"{path}: does not exist. Fix: run `rml risk` in a terminal, or name a file"
            " with --answers"
        )
    risk = read_risk(path)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    keep = path.is_file() or answers is not None or is_used(project.root)
    if asked and (given := ask(risk, ask_terminal, _say)):
        risk = risk.model_copy(update=given)
        if keep:
            keep_answers(given, path)
        else:
            _say("The answers are not kept: name a file with --answers.")
    decision = decide(risk)
    if as_json:
        found = describe_as_json(risk, decision)
        sys.stdout.write(f"{json.dumps(found, indent=2, ensure_ascii=False)}\n")
    else:
        for line in describe(risk, decision, today):
            _say(line)
    for line in describe_age(today):
        sys.stderr.write(f"warning: {line}\n")
    if path == ANSWERS and is_used(project.root) and not as_json:
        for written in write_pages(project):
            _say(f"{written}: {'written' if written.is_file() else 'removed'}")


def _say(line: str) -> None:
    sys.stdout.write(f"{printable(line)}\n")


def keep_answers(given: Mapping[str, Any], path: Path) -> None:
    """Write answers into a file; its comments and other answers stay.

    Raises:
        UserError: The file cannot be changed.
    """
    old = path.read_text("utf-8") if path.is_file() else empty_risk()
    text = set_fields(old, given, path)
    parse_form(text, Risk, path)
    write_text(text, path)


def ask(
    risk: Risk, show: Callable[[str], str], say: Callable[[str], Any]
) -> dict[str, Any]:
    """Ask what can still matter for the class, and return the answers.

    Args:
        risk: What is answered.
        show: Shows a question and returns the answer.
        say: Shows a line.
    """
    given: dict[str, Any] = {}
    say("yes, no, or Enter to leave a question open; it then counts as unknown.")
    if risk.role is None:
        text = Risk.model_fields["role"].description
        if (
            said := _one_of(f"{text} ", {role: role for role in ROLES}, show, say)
        ) is not None:
            given["role"] = said
    for name in questions():
        now = risk.model_copy(update=given)
        if getattr(now, name) is not None or not matters(name, now):
            continue
        text, article = text_of(name)
        said = _one_of(f"{text} [{article}] {name}: ", YES, show, say)
        if said is not None:
            given[name] = said
    return given


def _one_of(
    question: str,
    choices: Mapping[str, Any],
    show: Callable[[str], str],
    say: Callable[[str], Any],
) -> Any:
    """Return the choice that was typed, None for an empty answer."""
    while (said := show(question).strip().lower()) not in choices:
        if not said:
            return None
        say(f"Answer {', '.join(choices)}, or nothing.")
    return choices[said]


def matters(name: str, risk: Risk) -> bool:
    """Return whether a question can still matter, given the answers before it."""
    if name == "ai_system":
        return True
    if risk.ai_system is False or (risk.excluded and name != "excluded"):
        return False
    if name == "excluded" or name in PROHIBITED:
        return True
    if any(getattr(risk, each) for each in PROHIBITED):
        return False
    if name == "product_assessment":
        return risk.product is not False
    if name == "product_section_b":
        return risk.product is not False and risk.product_assessment is not False
    areas = [getattr(risk, each) for each in AREAS]
    in_area = any(areas) or None in areas
    if name == "profiling":
        return in_area
    if name == "no_significant_risk":
        return in_area and not risk.profiling
    if name in CONDITIONS:
        return in_area and not risk.profiling and risk.no_significant_risk is not False
    if name == "systemic":
        return risk.general_purpose is not False
    return name in (*AREAS, *TRANSPARENCY, "product", "general_purpose")
