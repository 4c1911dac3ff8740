"""docs/governance/risk.yaml: the questions on which the class of a system depends."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import Field, StrictBool

from reproducible_ml.card.forms import (
    Text,
    empty_form_of,
    is_needed,
    read_form,
    text_field,
)
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import load_yaml
from reproducible_ml.core.params import Section
from reproducible_ml.governance.regulation import Role

ANSWERS = Path("docs/governance/risk.yaml")

HEADER = """\
# Answers on which the class of the system under the EU AI Act depends: `rml risk` asks
# for them, decides, and writes risk.md. Answer yes or no; what is empty counts as
# unknown, never as no. Think of the intended purpose: what its provider says that it is
# for, not what it could do. This is no legal advice.
"""

Answer = StrictBool | None


def _ask(question: str, article: str) -> Any:
    return Field(
        None,
        description=f"{question} [{article}]",
        json_schema_extra={"needed": True},
    )


class Risk(Section):
    """The content of docs/governance/risk.yaml."""

    note: Text = text_field(
        "What the answers are about, and what they assume.", required=False
    )
    role: Role | None = Field(
        None,
        description="Who you are: provider (you develop it, and offer or use it under"
        " your name), deployer (you use it), or both. [Art. 3(3), (4)]",
        json_schema_extra={"needed": True},
    )
    ai_system: Answer = _ask(
        "Does it infer from its inputs how to generate predictions, recommendations or"
        " decisions, with some autonomy? A trained model in use does.",
        "Art. 3(1)",
    )
    excluded: Answer = _ask(
        "Is it used only for defence or national security, or only for scientific"
        " research; or are you only a deployer, who uses it privately?",
        "Art. 2(3), (6), (10)",
    )

    manipulation: Answer = _ask(
        "Does it manipulate or deceive people so that they decide to their, or others',"
        " significant harm?",
        "Art. 5(1)(a)",
    )
    vulnerability: Answer = _ask(
        "Does it exploit age, disability or a social or economic situation so that"
        " significant harm follows?",
        "Art. 5(1)(b)",
    )
    social_scoring: Answer = _ask(
        "Does it score people by behaviour or personality over time, with bad treatment"
        " that is unjustified or out of context?",
        "Art. 5(1)(c)",
    )
    crime_prediction: Answer = _ask(
        "Does it predict that a person commits a crime, from profiling or personality"
        " alone?",
        "Art. 5(1)(d)",
    )
    face_scraping: Answer = _ask(
        "Does it collect images of faces, untargeted, from the internet or cameras for"
        " a database that recognises faces?",
        "Art. 5(1)(e)",
    )
    emotions_at_work: Answer = _ask(
        "Does it infer emotions at work or in education, for other than medical or"
        " safety reasons?",
        "Art. 5(1)(f)",
    )
    sensitive_categories: Answer = _ask(
        "Does it infer origin, opinions, beliefs, union membership, sex life or"
        " orientation of people from biometric data?",
        "Art. 5(1)(g)",
    )
    live_identification: Answer = _ask(
        "Does it identify people by biometrics, live, in public places, for law"
        " enforcement, beyond the three permitted aims?",
        "Art. 5(1)(h)",
    )
    intimate_images: Answer = _ask(
        "Does it generate or change realistic intimate images of identifiable people"
        " without their explicit consent, by purpose or for lack of safeguards?",
        "Art. 5(1)(ba)",
    )
    child_abuse: Answer = _ask(
        "Does it generate or change material of child sexual abuse, by purpose or for"
        " lack of safeguards?",
        "Art. 5(1)(bb)",
    )

    product: Answer = _ask(
        "Is it a product, or a safety component of one, under the law of Annex I: such"
        " as medical devices, diagnostics, toys, lifts, radio equipment, machinery,"
        " vehicles, aviation? What only assists, speeds up or checks quality is no"
        " safety component, unless its failure endangers health or safety.",
        "Art. 6(1)(a), (1a), (1b); Annex I",
    )
    product_assessment: Answer = _ask(
        "Does that law demand that a third party assesses the product, for reasons of"
        " health and safety?",
        "Art. 6(1)(b), (1c)",
    )
    product_section_b: Answer = _ask(
        "Is it law of Section B: aviation, vehicles, ships, railways, machinery?",
        "Art. 2(2); Annex I, Section B",
    )

    biometrics: Answer = _ask(
        "Is it for identification of people at a distance, categories of people by"
        " sensitive traits, or recognition of emotions? Not: whether somebody is who"
        " they say.",
        "Annex III(1)",
    )
    infrastructure: Answer = _ask(
        "Is it a safety component of digital infrastructure, road traffic, or the"
        " supply of water, gas, heat or electricity?",
        "Annex III(2)",
    )
    education: Answer = _ask(
        "Is it for admission, the assessment of learning or of the right level, or the"
        " detection of cheating, in education?",
        "Annex III(3)",
    )
    employment: Answer = _ask(
        "Is it for recruitment, or for decisions on terms, promotion, dismissal, tasks"
        " or performance of workers?",
        "Annex III(4)",
    )
    essential_services: Answer = _ask(
        "Is it for eligibility for public benefits or health services,"
        " creditworthiness (not fraud), prices or risk of life or health insurance, or"
        " the dispatch and triage of emergencies?",
        "Annex III(5)",
    )
    law_enforcement: Answer = _ask(
        "Is it for law enforcement: risk of victims or offenders, polygraphs, evidence,"
        " profiling?",
        "Annex III(6)",
    )
    migration: Answer = _ask(
        "Is it for migration, asylum or borders: polygraphs, risk, applications,"
        " identification?",
        "Annex III(7)",
    )
    justice: Answer = _ask(
        "Is it for courts, arbitration, or to influence elections or how people vote?",
        "Annex III(8)",
    )

    profiling: Answer = _ask(
        "Does it profile people: evaluate, from personal data, how somebody works,"
        " pays, behaves, is, or will?",
        "Art. 6(3), third subparagraph; GDPR Art. 4(4)",
    )
    no_significant_risk: Answer = _ask(
        "Is there no significant risk of harm to health, safety or fundamental rights,"
        " also as it does not influence decisions materially?",
        "Art. 6(3)",
    )
    narrow_task: Answer = _ask(
        "Does it perform a narrow procedural task?", "Art. 6(3)(a)"
    )
    improves_work: Answer = _ask(
        "Does it improve the result of work that a person has completed?",
        "Art. 6(3)(b)",
    )
    finds_patterns: Answer = _ask(
        "Does it find patterns in, or deviations from, earlier decisions, without"
        " replacing or influencing the human assessment?",
        "Art. 6(3)(c)",
    )
    preparatory: Answer = _ask(
        "Does it only prepare an assessment in such an area?", "Art. 6(3)(d)"
    )

    interacts: Answer = _ask(
        "Do people interact with it directly, where that is not obvious?", "Art. 50(1)"
    )
    synthetic: Answer = _ask(
        "Does it generate text, images, sound or video?", "Art. 50(2)"
    )
    recognises: Answer = _ask(
        "Does it recognise emotions, or put people into categories by biometrics?",
        "Art. 50(3)",
    )
    deep_fakes: Answer = _ask("Does it make deep fakes?", "Art. 50(4)")
    public_texts: Answer = _ask(
        "Does it write texts that inform the public, without an editor who answers for"
        " them?",
        "Art. 50(4)",
    )

    general_purpose: Answer = _ask(
        "Do you offer the model itself for a wide range of tasks, as large language"
        " models are?",
        "Art. 3(63), 53",
    )
    systemic: Answer = _ask(
        "Was it trained with more than 10^25 floating-point operations, or designated"
        " by the Commission?",
        "Art. 51",
    )


GROUPS: dict[str, tuple[str, ...]] = {
    "Is it covered?": ("ai_system", "excluded"),
    "Prohibited practices (Art. 5)": (
        "manipulation",
        "vulnerability",
        "social_scoring",
        "crime_prediction",
        "face_scraping",
        "emotions_at_work",
        "sensitive_categories",
        "live_identification",
        "intimate_images",
        "child_abuse",
    ),
    "Products (Annex I)": ("product", "product_assessment", "product_section_b"),
    "Areas (Annex III)": (
        "biometrics",
        "infrastructure",
        "education",
        "employment",
        "essential_services",
        "law_enforcement",
        "migration",
        "justice",
    ),
    "Exception of Art. 6(3), for an area of Annex III": (
        "profiling",
        "no_significant_risk",
        "narrow_task",
        "improves_work",
        "finds_patterns",
        "preparatory",
    ),
    "Transparency (Art. 50)": (
        "interacts",
        "synthetic",
        "recognises",
        "deep_fakes",
        "public_texts",
    ),
    "General-purpose models (Art. 51)": ("general_purpose", "systemic"),
}
PROHIBITED = GROUPS["Prohibited practices (Art. 5)"]
AREAS = GROUPS["Areas (Annex III)"]
CONDITIONS = ("narrow_task", "improves_work", "finds_patterns", "preparatory")
TRANSPARENCY = GROUPS["Transparency (Art. 50)"]
NEW_PROHIBITIONS = ("intimate_images", "child_abuse")


def questions() -> list[str]:
    """Return the names of the questions of yes and no."""
    return [name for names in GROUPS.values() for name in names]


def text_of(name: str) -> tuple[str, str]:
    """Return the text of a question, and the article it is about."""
    text, _, article = (Risk.model_fields[name].description or "").rpartition(" [")
    return text, article.rstrip("]")


def unanswered(risk: Risk) -> list[str]:
    """Return the questions without an answer."""
    return [
        name
        for name in Risk.model_fields
        if is_needed(Risk, name) and getattr(risk, name) is None
    ]


def read_risk(path: Path = ANSWERS) -> Risk:
    """Return the answers in a file; none if there is no file.

    Raises:
        UserError: A line for each error in the file.
    """
    with suppress(yaml.YAMLError, UnicodeDecodeError):
        found = load_yaml(path.read_text("utf-8")) if path.is_file() else None
        if isinstance(found, dict) and (lines := [*_mistakes(found, path)]):
            raise UserError("\n".join(lines))
    return read_form(path, Risk)


def _mistakes(found: Mapping[Any, Any], path: Path) -> Iterator[str]:
    """Yield a line for each name that is no question, and each answer that is none."""
    known = [*Risk.model_fields]
    for name, answer in found.items():
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            words = f"did you mean {near[0]}?" if near else "remove it"
            yield f"{path}, {name}: no such question. Fix: {words}"
        elif name == "role" and answer not in (None, *get_args(Role)):
            roles = ", ".join(get_args(Role))
            yield f"{path}, role: is {answer!r}. Fix: answer one of {roles}"
        elif name not in ("note", "role") and not isinstance(answer, bool | None):
            yield f"{path}, {name}: is {answer!r}. Fix: answer yes or no"


def empty_risk() -> str:
    """Return the text of docs/governance/risk.yaml without answers."""
    return empty_form_of(Risk, HEADER)
