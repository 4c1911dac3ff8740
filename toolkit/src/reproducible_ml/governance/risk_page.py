"""What `rml risk` prints, and the page risk.md."""

import datetime
from collections.abc import Iterable

from reproducible_ml.card.markdown import code, document, plain, prose, section, table
from reproducible_ml.governance.answers import WRITTEN, bullets
from reproducible_ml.governance.regulation import (
    NO_ADVICE,
    Duty,
    Fact,
    day,
    regulation,
)
from reproducible_ml.governance.repository import FOLDER, Repository
from reproducible_ml.governance.risk import NAMES, Decision
from reproducible_ml.governance.risk_answers import GROUPS, Risk, text_of, unanswered

SHOWN = {True: "yes", False: "no", None: "**not answered**"}

SECTION_B = (
    "Section B of Annex I: of the AI Act, only Art. 6(1), 60a and 102 to 112 apply; the"
    " law of the sector has the rest."
)

TRANSPARENCY_DUTIES = {
    "interacts": "the provider lets people know that they deal with an AI system",
    "synthetic": "the provider marks what is generated so that machines can tell",
    "recognises": "the deployer tells those who are exposed to it",
    "deep_fakes": "the deployer says that it is generated or changed",
    "public_texts": "the deployer says that the text is generated",
}


def headline(decision: Decision) -> str:
    """Return the class on one line, without markup."""
    if decision.kind is None:
        names = ", ".join(NAMES[name] for name in decision.possible)
        return f"cannot be decided: {names} are possible"
    annexes = " and ".join(f"Annex {name}" for name in decision.annex)
    return NAMES[decision.kind] + (
        f", by {annexes}" if decision.kind == "high" and annexes else ""
    )


def describe(risk: Risk, decision: Decision, today: datetime.date) -> list[str]:
    """Return what `rml risk` prints, a line each.

    Args:
        risk: The answers.
        decision: What they decide.
        today: Shown beside dates; it is in no page.
    """
    known = regulation()
    lines = [f"Class: {headline(decision)}", ""]
    if decision.kind is None:
        lines += ["Open questions that decide it:"]
        lines += [f"  {name}: {' '.join(text_of(name))}" for name in decision.open]
    else:
        lines += [f"  {name}: {' '.join(text_of(name))}" for name in decision.reasons]
    lines += [f"Note: {note}" for note in decision.notes]
    if decision.exception and decision.kind != "high":
        lines.append("Art. 6(3) takes it out of Annex III: write down why (Art. 6(4)).")
    if decision.section_b:
        lines.append(SECTION_B)
    lines += ["", f"By {known.act}:"]
    for name in decision.facts:
        fact = known.facts[name]
        date, when = "-", ""
        if fact.applies:
            days = (fact.applies - today).days
            date, when = str(fact.applies), f"in {days} days" if days > 0 else "applies"
        lines.append(f"  {date:<10}  {when:<12}  {fact.article}: {fact.text}")
    lines += ["", f"Checked on {known.checked()}. {NO_ADVICE}"]
    return lines


def as_json(risk: Risk, decision: Decision) -> dict[str, object]:
    """Return the decision, ready for JSON."""
    known = regulation()
    facts = [
        {
            "name": name,
            "article": known.facts[name].article,
            "applies": _iso(known.facts[name].applies),
            "checked": known.facts[name].checked.isoformat(),
        }
        for name in decision.facts
    ]
    return {
        "class": decision.kind,
        "possible": list(decision.possible),
        "annexes": list(decision.annex),
        "open": list(decision.open),
        "unanswered": unanswered(risk),
        "reasons": list(decision.reasons),
        "notes": list(decision.notes),
        "facts": facts,
        "legal_advice": False,
    }


def _iso(date: datetime.date | None) -> str | None:
    return None if date is None else date.isoformat()


def risk_page(repository: Repository, risk: Risk, decision: Decision) -> str:
    """Return the page risk.md."""
    known = regulation()
    return document(
        WRITTEN,
        "# Risk under the EU AI Act",
        f"By {known.act}; no fact was checked before {day(known.checked())}.",
        f"**{NO_ADVICE}**",
        prose(risk.note),
        section("Class", _class(decision)),
        section("What applies, and from when", _facts(decision)),
        section("Duties", *_duties(repository, risk, decision)),
        section("Answers", *_answers(risk)),
        section("Sources", _sources(decision)),
    )


def _class(decision: Decision) -> str:
    parts = [f"**{headline(decision)[0].upper()}{headline(decision)[1:]}.**"]
    if decision.kind is None:
        parts += [
            "An open question is never taken for no. These decide:",
            bullets([_question(name) for name in decision.open]),
        ]
    elif decision.reasons:
        parts += [
            "Because of:",
            bullets([_question(name) for name in decision.reasons]),
        ]
    if decision.exception and decision.kind != "high":
        parts.append(
            "It is in an area of Annex III, but Art. 6(3) takes it out. Who relies on"
            " that documents why, before it is offered, and registers the system (Art."
            " 6(4), 49(2))."
        )
    if decision.section_b:
        parts.append(SECTION_B)
    elif decision.section_b is None and decision.kind == "high":
        parts.append(
            "Whether it is by Section B of Annex I alone is open"
            f" ({code('product_section_b')}, areas of Annex III): far less applies"
            " then."
        )
    parts.append(bullets([f"**Note**: {plain(note)}" for note in decision.notes]))
    return "\n\n".join(part for part in parts if part)


def _question(name: str) -> str:
    text, article = text_of(name)
    return f"{code(name)}: {plain(text)} ({plain(article)})"


def _facts(decision: Decision) -> str:
    known = regulation()
    cells = [_fact(known.facts[name]) for name in decision.facts]
    return table(["article", "what", "applies from", "checked"], cells)


def _fact(fact: Fact) -> list[str]:
    return [
        plain(fact.article),
        plain(fact.text),
        day(fact.applies) if fact.applies else "-",
        fact.checked.isoformat(),
    ]


def _duties(repository: Repository, risk: Risk, decision: Decision) -> list[str]:
    parts = []
    if decision.kind == "prohibited":
        return ["It may not be offered, put into service or used."]
    if decision.kind == "outside":
        return ["None of the AI Act, as long as the answers hold. Other laws apply."]
    only_section_b = decision.kind == "high" and decision.section_b
    if only_section_b:
        parts.append(SECTION_B)
    elif "high" in decision.possible:
        duties = [
            duty
            for duty in regulation().duties
            if risk.role in (None, "both", duty.role)
            and not (duty.article == "Art. 86" and decision.annex == ("I",))
        ]
        words = "" if decision.kind else "If it is high risk: "
        role = f" as {risk.role}" if risk.role and risk.role != "both" else ""
        parts += [
            f"{words}{role.strip().capitalize() or 'By role'}, with what this"
            " repository"
            " has for it; that alone does not fulfil a duty. Art. 8 to 27 apply from"
            " the"
            " day of the class; later articles have no date of their own (Art."
            " 113(2)).",
            table(
                ["article", "who", "what", "begun by"],
                [_duty(duty, repository) for duty in duties],
            ),
        ]
    transparency = [
        f"Art. 50: {words} ({code(name)})"
        for name, words in TRANSPARENCY_DUTIES.items()
        if getattr(risk, name)
    ]
    if not only_section_b:
        parts.append(bullets(transparency))
    if risk.general_purpose:
        more = ", and Art. 55, as its risk is systemic" if risk.systemic else ""
        open_ = (
            " (whether also Art. 55 is not answered)" if risk.systemic is None else ""
        )
        parts.append(f"Of the model, as its provider: Art. 53 and 54{more}{open_}.")
    if not only_section_b:
        parts.append("Art. 4: support the AI literacy of those who work with it.")
    return parts


def _duty(duty: Duty, repository: Repository) -> list[str]:
    has = [repository.link(name) for name in duty.has]
    return [
        plain(duty.article),
        duty.role,
        plain(duty.text),
        "<br>".join(has) or "nothing: people must",
    ]


def _answers(risk: Risk) -> Iterable[str]:
    if missing := unanswered(risk):
        yield f"{len(missing)} questions are not answered."
    role = risk.role or "**not answered**"
    yield f"Role: {role}."
    for title, names in GROUPS.items():
        cells = [
            [code(name), plain(text_of(name)[0]), SHOWN[getattr(risk, name)]]
            for name in names
        ]
        yield f"### {title}\n\n{table(['question', 'text', 'answer'], cells)}"


def _sources(decision: Decision) -> str:
    known = regulation()
    used = dict.fromkeys(
        source for name in decision.facts for source in known.facts[name].sources
    )
    return bullets([plain(known.sources[name]) for name in used])


PAGE = FOLDER / "risk.md"
