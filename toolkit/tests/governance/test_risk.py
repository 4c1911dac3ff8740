"""The class under the AI Act: its table of decisions, what is asked, and its facts."""

import datetime
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.governance.interview import ask, keep_answers, matters
from reproducible_ml.governance.regulation import NO_ADVICE, describe_age, regulation
from reproducible_ml.governance.risk import Decision, decide
from reproducible_ml.governance.risk_answers import (
    AREAS,
    CONDITIONS,
    HEADER,
    PROHIBITED,
    TRANSPARENCY,
    Risk,
    empty_risk,
    questions,
    read_risk,
    unanswered,
)
from reproducible_ml.governance.risk_page import SECTION_B, describe

from ..copies import ROOT

TODAY = datetime.date(2026, 11, 29)

# A system that is covered, and nothing else.
NOTHING: dict[str, Any] = dict.fromkeys(questions(), False) | {
    "ai_system": True,
    "role": "provider",
}
EXCEPTION = {"no_significant_risk": True, "preparatory": True}


def decided(**answers: Any) -> Decision:
    return decide(Risk(**NOTHING | answers))


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({}, "minimal"),
        ({"ai_system": False}, "outside"),
        ({"excluded": True}, "outside"),
        ({"excluded": True, "manipulation": True}, "outside"),
        *(({name: True}, "prohibited") for name in PROHIBITED),
        ({"social_scoring": True, "employment": True}, "prohibited"),
        ({"product": True}, "minimal"),
        ({"product": True, "product_assessment": True}, "high"),
        *(({name: True}, "high") for name in AREAS),
        # Art. 6(3): no significant risk and one of four conditions ...
        *(
            ({"education": True, "no_significant_risk": True, name: True}, "minimal")
            for name in CONDITIONS
        ),
        ({"education": True, "no_significant_risk": True}, "high"),
        ({"education": True, "narrow_task": True}, "high"),
        # ... but never for what profiles people, nor for products.
        ({"education": True, "profiling": True, **EXCEPTION}, "high"),
        ({"product": True, "product_assessment": True, **EXCEPTION}, "high"),
        *(({name: True}, "transparency") for name in TRANSPARENCY),
        ({"interacts": True, "employment": True}, "high"),
        ({"interacts": True, "education": True, **EXCEPTION}, "transparency"),
        ({"general_purpose": True}, "general-purpose"),
        ({"general_purpose": True, "synthetic": True}, "transparency"),
        ({"profiling": True}, "minimal"),
    ],
)
def test_class_of_answers(answers: dict[str, Any], kind: str) -> None:
    found = decided(**answers)
    assert found.kind == kind
    assert found.possible == (kind,)
    assert found.open == ()
    assert set(found.reasons) <= {name for name in answers if answers[name]} | {
        "ai_system"
    }


@pytest.mark.parametrize(
    ("answers", "possible", "open_"),
    [
        ({"ai_system": None}, ("outside", "minimal"), ("ai_system",)),
        ({"child_abuse": None}, ("prohibited", "minimal"), ("child_abuse",)),
        (
            {"child_abuse": None, "employment": True},
            ("prohibited", "high"),
            ("child_abuse",),
        ),
        ({"justice": None}, ("high", "minimal"), ("justice",)),
        ({"product": None}, ("minimal",), ()),
        (
            {"product": None, "product_assessment": True},
            ("high", "minimal"),
            ("product",),
        ),
        (
            {"product": True, "product_assessment": None},
            ("high", "minimal"),
            ("product_assessment",),
        ),
        # Whether it profiles people decides only where the exception may apply.
        ({"education": True, "profiling": None}, ("high",), ()),
        (
            {"education": True, "profiling": None, **EXCEPTION},
            ("high", "minimal"),
            ("profiling",),
        ),
        (
            {"education": True, "no_significant_risk": True, "narrow_task": None},
            ("high", "minimal"),
            ("narrow_task",),
        ),
        ({"deep_fakes": None}, ("transparency", "minimal"), ("deep_fakes",)),
        (
            {"general_purpose": None},
            ("general-purpose", "minimal"),
            ("general_purpose",),
        ),
        ({"systemic": None, "role": None}, ("minimal",), ()),
    ],
)
def test_what_is_open_is_never_taken_for_no(
    answers: dict[str, Any], possible: tuple[str, ...], open_: tuple[str, ...]
) -> None:
    found = decided(**answers)
    assert found.possible == possible
    assert found.kind == (possible[0] if len(possible) == 1 else None)
    assert found.open == open_
    said = "\n".join(describe(Risk(**NOTHING | answers), found, TODAY))
    assert ("Class: cannot be decided" in said) == (len(possible) > 1)


@pytest.mark.parametrize("section_b", [True, False, None])
def test_products_of_section_b_have_other_duties(section_b: bool | None) -> None:
    answers = {"product": True, "product_assessment": True}
    found = decided(**answers, product_section_b=section_b)
    assert found.kind == "high"
    assert found.section_b is section_b
    said = "\n".join(describe(Risk(**NOTHING | answers), found, TODAY))
    assert (SECTION_B in said) == (section_b is True)
    assert ("section_b" in found.facts) == (section_b is not False)
    if section_b:
        assert found.facts == ("amended", "section_b")
        area = decided(**answers, product_section_b=True, education=None)
        assert area.section_b is None
        assert "literacy" in area.facts
    # An area makes it high risk by itself.
    both = decided(**answers, product_section_b=section_b, employment=True)
    assert both.annex == ("I", "III")
    assert not both.section_b


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"recognises": True}, "biometrics is no: check both"),
        ({"systemic": True}, "general_purpose is no: check both"),
        ({"deep_fakes": True}, "synthetic is no: check both"),
        ({"excluded": True}, "never a provider"),
        ({"role": None}, "role is empty: duties depend"),
    ],
)
def test_answers_that_do_not_fit_are_said(answers: dict[str, Any], said: str) -> None:
    [note] = decided(**answers).notes
    assert said in note
    assert decided(role="deployer", excluded=True).notes == ()
    fitting = {"biometrics": True, "general_purpose": True, "synthetic": True}
    whole = {"profiling": True, "role": "deployer"}
    assert decided(**fitting | whole | answers | {"role": "deployer"}).notes == ()


def test_no_answers_decide_nothing() -> None:
    found = decide(Risk())
    assert found.kind is None
    assert len(found.possible) == 6
    assert unanswered(Risk()) == ["role", *questions()]


def test_a_class_holds_however_the_open_questions_are_answered() -> None:
    chance = random.Random(0)
    for _ in range(400):
        # Mostly no: otherwise nearly all would be prohibited.
        full = {n: chance.random() < 0.08 for n in questions()} | {
            "ai_system": chance.random() < 0.9
        }
        hidden = chance.sample(questions(), chance.randint(0, 8))
        found = decide(Risk(**full | dict.fromkeys(hidden)))
        seen = set()
        for _ in range(20):
            rest = {name: chance.random() < 0.5 for name in hidden}
            kind = decide(Risk(**full | rest)).kind
            assert kind in found.possible
            seen.add(kind)
        if found.kind:
            assert seen == {found.kind}
        else:
            # Its answers do decide it.
            assert found.open
            assert set(found.open) <= set(hidden)
            shut = {name: False for name in hidden if name not in found.open}
            same = decide(Risk(**full | dict.fromkeys(hidden) | shut))
            assert set(found.possible) >= set(same.possible)


def test_dates_are_those_in_force() -> None:
    facts = regulation().facts

    def applies(**answers: Any) -> dict[str, str]:
        return {n: str(facts[n].applies) for n in decided(**answers).facts}

    product = applies(product=True, product_assessment=True)
    assert product["high_annex_i"] == "2028-08-02"
    assert "high_annex_iii" not in product
    area = applies(employment=True)
    assert area["high_annex_iii"] == "2027-12-02"
    assert "high_annex_i" not in area
    assert applies(social_scoring=True)["prohibited"] == "2025-02-02"
    new = applies(intimate_images=True)
    assert new["prohibited_images"] == "2026-12-02"
    assert "prohibited" not in new
    assert applies(synthetic=True)["transparency"] == "2026-08-02"
    assert applies(synthetic=True)["transparency_grace"] == "2026-12-02"
    assert applies(general_purpose=True)["general_purpose"] == "2025-08-02"
    assert applies()["literacy"] == "2025-02-02"
    assert "derogation_record" in applies(education=True, **EXCEPTION)


def test_each_fact_has_a_source_and_a_day_and_is_said_to_be_old() -> None:
    known = regulation()
    assert {s for fact in known.facts.values() for s in fact.sources} <= {
        *known.sources
    }
    assert all(fact.checked <= TODAY and fact.sources for fact in known.facts.values())
    # A duty is begun by files that this repository has.
    for name in {name for duty in known.duties for name in duty.has}:
        assert (ROOT / name).exists(), name
    last = known.checked() + datetime.timedelta(days=known.old_after)
    assert describe_age(last) == []
    [line] = describe_age(last + datetime.timedelta(days=1))
    assert "were last checked more than 180 days ago (2026-11-29)" in line


def test_only_what_can_matter_is_asked() -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        name = question.rstrip(": ").rpartition(" ")[2]
        asked.append(name)
        replies = {"ai_system": "yes", "education": "maybe", "profiling": "yes"}
        if asked.count(name) > 1:
            return "YES\n"
        return replies.get(name, "no\n") if "provider" not in question else "both\n"

    said: list[str] = []
    given = ask(Risk(), answer, said.append)
    assert given["role"] == "both"
    assert given["education"] is True
    assert any(line.startswith("Answer yes") for line in said)
    # It profiles people: Art. 6(3) is out of the question.
    assert "no_significant_risk" not in asked
    assert "product_assessment" not in asked
    assert "systemic" not in asked
    assert decide(Risk(**given)).kind == "high"
    # What is prohibited, or not covered, needs no other answer.
    assert not matters("product", Risk(ai_system=True, social_scoring=True))
    assert not matters("manipulation", Risk(ai_system=False))
    # Nothing typed leaves all open, and end of input does not hang.
    assert ask(Risk(), lambda _: "", said.append) == {}


def test_answers_are_kept_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "risk.yaml"
    keep_answers({"ai_system": True, "role": "deployer"}, path)
    text = path.read_text()
    assert text.startswith(HEADER)
    assert "\nai_system: yes\n" in text
    path.write_text(text + "# Ours.\n")
    keep_answers({"excluded": False}, path)
    found = read_risk(path)
    assert (found.ai_system, found.excluded, found.role) == (True, False, "deployer")
    assert path.read_text().endswith("# Ours.\n")
    path.write_text("ai_sytem: yes\nexcluded: perhaps\n")
    with pytest.raises(UserError) as error:
        read_risk(path)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(str(path)) for line in lines)
    assert "ai_sytem: no such question. Fix: did you mean ai_system?" in lines[0]
    assert "excluded: is 'perhaps'. Fix: answer yes or no" in lines[1]
    assert empty_risk().count("(required)") == len(questions()) + 1


def rml(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "reproducible_ml.cli", "risk", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.PIPE,
        timeout=100,
        check=False,
    )


def test_command_reads_a_file_and_never_waits_for_a_script(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "sub").mkdir()
    done = rml(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: docs/governance/risk.yaml: does not exist.")
    answers = [f"{name}: no" for name in questions() if name != "ai_system"]
    (tmp_path / "sub/a.yaml").write_text("\n".join([*answers, "ai_system: yes"]))
    done = rml(tmp_path / "sub", "--answers", "a.yaml")
    assert done.returncode == 0, done.stderr
    assert "Class: minimal risk\n" in done.stdout
    assert NO_ADVICE in done.stdout
    (tmp_path / "sub/a.yaml").write_text("ai_system: yes\n")
    found = json.loads(rml(tmp_path, "--answers", "sub/a.yaml", "--json").stdout)
    assert found["class"] is None
    assert found["possible"][0] == "outside"
    # Nothing was written: the project has no docs/governance/.
    assert not (tmp_path / "docs").exists()
