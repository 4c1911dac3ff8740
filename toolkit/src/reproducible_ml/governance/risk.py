"""The class of a system under the AI Act, decided from answers of yes, no or nothing.

Nothing is never no: a class is said only if every way to answer the open questions
leads to it. The order is that of the Act: what is not covered; what is prohibited (Art.
5); high risk by products (Annex I) or areas (Annex III, with Art. 6(3)); transparency
(Art. 50); general-purpose models (Art. 51); all else is minimal.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, StrictBool

from reproducible_ml.card.forms import (
    Text,
    empty_form_of,
    is_needed,
    read_form,
    text_field,
)
from reproducible_ml.core.params import Section
from reproducible_ml.governance.regulation import Role

ANSWERS = Path("docs/governance/risk.yaml")

HEADER = """\
# Answers on which the class of the system under the EU AI Act depends: `rml risk` asks
# for them, decides, and writes risk.md. Answer yes or no; what is empty counts as
# unknown, never as no. Think of the intended purpose: what people are told it is for,
# not what it could do. This is no legal advice.
"""

Answer = StrictBool | None
Truth = bool | None

CLASSES = (
    "outside",
    "prohibited",
    "high",
    "transparency",
    "general-purpose",
    "minimal",
)
NAMES = {
    "outside": "not covered by the AI Act",
    "prohibited": "prohibited",
    "high": "high risk",
    "transparency": "transparency duties",
    "general-purpose": "general-purpose AI model",
    "minimal": "minimal risk",
}


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
        "Is it used only for defence or national security, only for scientific"
        " research, or only privately?",
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


class Decision(NamedTuple):
    """What the answers decide.

    Attributes:
        kind: The class; None: it cannot be decided.
        possible: The classes that the open questions leave, in the order of the Act.
        open: Questions whose answers could decide it.
        reasons: The answers that decided, by question.
        facts: Of regulation.yaml, that apply.
        annex: Which annexes make it a high risk.
        section_b: Whether, of Annex I, it is Section B; None: unknown.
        exception: Whether Art. 6(3) takes it out of Annex III.
        notes: What to look at.
    """

    kind: str | None
    possible: tuple[str, ...]
    open: tuple[str, ...]
    reasons: tuple[str, ...]
    facts: tuple[str, ...]
    annex: tuple[Literal["I", "III"], ...] = ()
    section_b: Truth = False
    exception: Truth = False
    notes: tuple[str, ...] = ()


def any_of(values: Iterable[Truth]) -> Truth:
    """Return whether one is true; None if that depends on what is unknown."""
    known = list(values)
    if any(value is True for value in known):
        return True
    return None if any(value is None for value in known) else False


def all_of(values: Iterable[Truth]) -> Truth:
    """Return whether all are true; None if that depends on what is unknown."""
    found = any_of(None if value is None else not value for value in values)
    return None if found is None else not found


def negated(value: Truth) -> Truth:
    """Return the opposite; of what is unknown, nothing is known."""
    return None if value is None else not value


class Stage(NamedTuple):
    """A class, whether it applies, and the questions that say so."""

    kind: str
    applies: Truth
    asked: tuple[str, ...]


def decide(risk: Risk) -> Decision:
    """Return the class that the answers decide, or what is missing."""
    stages = [*_stages(risk)]
    possible, open_ = [], list[str]()
    for stage in stages:
        if stage.applies is False:
            continue
        possible.append(stage.kind)
        if stage.applies is True:
            break
        open_ += [name for name in stage.asked if getattr(risk, name) is None]
    kind = possible[0] if len(possible) == 1 else None
    exception = _exception(risk)
    annex: list[Literal["I", "III"]] = []
    if _by_product(risk):
        annex.append("I")
    if _by_area(risk):
        annex.append("III")
    found = Decision(
        kind=kind,
        possible=tuple(possible),
        open=tuple(dict.fromkeys(open_)),
        reasons=tuple(_reasons(risk, kind)),
        facts=(),
        annex=tuple(annex),
        section_b=risk.product_section_b if annex == ["I"] else False,
        exception=exception if _in_area(risk) else False,
        notes=tuple(_notes(risk)),
    )
    return found._replace(facts=tuple(_facts(risk, found)))


def _stages(risk: Risk) -> Iterator[Stage]:
    """Yield the classes in the order of the Act; the last one always applies."""
    covered = ("ai_system", "excluded")
    yield Stage("outside", any_of([negated(risk.ai_system), risk.excluded]), covered)
    yield Stage("prohibited", any_of(_of(risk, PROHIBITED)), PROHIBITED)
    yield Stage(
        "high",
        any_of([_by_product(risk), _by_area(risk)]),
        tuple(_asked_for_high(risk)),
    )
    yield Stage("transparency", any_of(_of(risk, TRANSPARENCY)), TRANSPARENCY)
    yield Stage("general-purpose", risk.general_purpose, ("general_purpose",))
    yield Stage("minimal", True, ())


def _of(risk: Risk, names: Iterable[str]) -> list[Truth]:
    return [getattr(risk, name) for name in names]


def _by_product(risk: Risk) -> Truth:
    return all_of([risk.product, risk.product_assessment])


def _in_area(risk: Risk) -> Truth:
    return any_of(_of(risk, AREAS))


def _by_area(risk: Risk) -> Truth:
    return all_of([_in_area(risk), negated(_exception(risk))])


def _exception(risk: Risk) -> Truth:
    """Return whether Art. 6(3) applies: never to what profiles people."""
    condition = any_of(_of(risk, CONDITIONS))
    return all_of([negated(risk.profiling), risk.no_significant_risk, condition])


def _asked_for_high(risk: Risk) -> Iterator[str]:
    """Yield the questions that can still matter for high risk."""
    if _by_product(risk) is None:
        yield from ("product", "product_assessment")
    if _by_area(risk) is None:
        if _in_area(risk) is None:
            yield from AREAS
        if _exception(risk) is None:
            yield from ("profiling", "no_significant_risk")
            if any_of(_of(risk, CONDITIONS)) is None:
                yield from CONDITIONS


def _reasons(risk: Risk, kind: str | None) -> Iterator[str]:
    """Yield the questions whose answers decided."""
    if kind == "outside":
        if risk.ai_system is False:
            yield "ai_system"
        if risk.excluded:
            yield "excluded"
    elif kind == "prohibited":
        yield from (name for name in PROHIBITED if getattr(risk, name))
    elif kind == "high":
        if _by_product(risk):
            yield from ("product", "product_assessment")
        if _by_area(risk):
            yield from (name for name in AREAS if getattr(risk, name))
            if risk.profiling:
                yield "profiling"
    elif kind == "transparency":
        yield from (name for name in TRANSPARENCY if getattr(risk, name))
    elif kind == "general-purpose":
        yield "general_purpose"


def _facts(risk: Risk, found: Decision) -> Iterator[str]:
    """Yield the facts that apply to a decision, in the order of the Act."""
    yield "amended"
    if found.kind == "outside":
        yield from ("definition", "scope")
        return
    if found.kind == "prohibited":
        chosen = [name for name in PROHIBITED if getattr(risk, name)]
        if {*chosen} - {*NEW_PROHIBITIONS}:
            yield "prohibited"
        if {*chosen} & {*NEW_PROHIBITIONS}:
            yield "prohibited_images"
        return
    yield "literacy"
    possible = {*found.possible}
    if found.kind is None and "outside" in possible:
        yield from ("definition", "scope")
    if found.kind is None and "prohibited" in possible:
        yield from ("prohibited", "prohibited_images")
    if "high" in possible:
        if _by_product(risk) is not False:
            yield from ("high_annex_i", "safety_component")
            if risk.product_section_b is not False:
                yield "section_b"
        if _by_area(risk) is not False:
            yield from ("high_annex_iii", "derogation")
        yield from ("general", "existing", "special_categories", "simplified")
        yield from ("standards", "monitoring_template")
    elif _in_area(risk):
        yield from ("derogation", "derogation_record")
    if any_of(_of(risk, TRANSPARENCY)) is not False:
        yield "transparency"
        if risk.synthetic is not False:
            yield "transparency_grace"
    if risk.general_purpose is not False:
        yield "general_purpose"


def _notes(risk: Risk) -> Iterator[str]:
    """Yield answers that hardly fit each other."""
    if risk.emotions_at_work is False and risk.recognises and risk.employment:
        yield (
            "It recognises emotions and is for employment, but emotions_at_work is no:"
            " check Art. 5(1)(f)."
        )
    if risk.product is False and risk.product_assessment:
        yield "product_assessment is yes, but product is no: check both."
    if risk.biometrics and risk.profiling is False:
        yield "biometrics is yes, but profiling is no: check Art. 6(3)."


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
    return read_form(path, Risk)


def empty_risk() -> str:
    """Return the text of docs/governance/risk.yaml without answers."""
    return empty_form_of(Risk, HEADER)
