"""The class of a system under the AI Act, decided from answers of yes, no or nothing.

Nothing is never no: a class is said only if every way to answer the open questions
leads to it. The order is that of the Act: what is not covered; what is prohibited (Art.
5); high risk by products (Annex I) or areas (Annex III, with Art. 6(3)); transparency
(Art. 50); general-purpose models (Art. 51); all else is minimal.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from reproducible_ml.governance.risk_answers import (
    AREAS,
    CONDITIONS,
    NEW_PROHIBITIONS,
    PROHIBITED,
    TRANSPARENCY,
    Risk,
)

Truth = bool | None

NAMES = {
    "outside": "not covered by the AI Act",
    "prohibited": "prohibited",
    "high": "high risk",
    "transparency": "transparency duties",
    "general-purpose": "general-purpose AI model",
    "minimal": "minimal risk",
}


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
        section_b=_only_section_b(risk),
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


def _only_section_b(risk: Risk) -> Truth:
    """Return whether it is high risk by a product of Section B, and by nothing else."""
    if not _by_product(risk):
        return False
    return all_of([risk.product_section_b, negated(_by_area(risk))])


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
    if found.kind == "high" and found.section_b:
        # Nothing else applies to the system; a model that is offered is another thing.
        yield "section_b"
        if risk.general_purpose is not False:
            yield "general_purpose"
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
    """Yield answers that hardly fit each other, or that others depend on."""
    if risk.role is None and risk.ai_system is not False:
        yield "role is empty: duties depend on whether you are provider or deployer."
    if risk.excluded and risk.role != "deployer":
        yield (
            "excluded is yes: private use takes out deployers only (Art. 2(10)), never"
            " a provider. If that is the reason, answer no."
        )
    if risk.recognises and risk.biometrics is False:
        yield (
            "recognises is yes, but biometrics is no: check both. Recognition of"
            " emotions, and categories by sensitive traits, are high risk by Annex"
            " III(1)."
        )
    if risk.deep_fakes and risk.synthetic is False:
        yield "deep_fakes is yes, but synthetic is no: check both (Art. 50(2), (4))."
    if risk.systemic and risk.general_purpose is False:
        yield "systemic is yes, but general_purpose is no: check both (Art. 51)."
    if risk.emotions_at_work is False and risk.recognises and risk.employment:
        yield (
            "It recognises emotions and is for employment, but emotions_at_work is no:"
            " check Art. 5(1)(f)."
        )
    if risk.product is False and risk.product_assessment:
        yield "product_assessment is yes, but product is no: check both."
    if risk.biometrics and risk.profiling is False:
        yield "biometrics is yes, but profiling is no: check Art. 6(3)."
