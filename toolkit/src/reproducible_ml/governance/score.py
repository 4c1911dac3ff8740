"""`rml score`: the points of the ML Test Score, by section, and the least of them."""

import datetime
import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from reproducible_ml.card.markdown import CODE, SIGNS, cell
from reproducible_ml.core.errors import one_line
from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.governance.evidence import (
    FILE,
    Written,
    read_evidence,
    write_skeleton,
)
from reproducible_ml.governance.facts import Facts
from reproducible_ml.governance.maturity import Maturity, find_maturity
from reproducible_ml.governance.proofs import Found, check
from reproducible_ml.governance.rubric import IDS, ITEMS, SECTIONS, Item

PAGE = FILE.with_suffix(".md")

AUTOMATED, WRITTEN = 1.0, 0.5

# What a score means, by the most it may be.
MEANINGS: tuple[tuple[float, str], ...] = (
    (0, "more of a research project than a system in use"),
    (1, "not untested, but expect serious gaps"),
    (2, "the basics are there; more work is needed"),
    (3, "tested reasonably; more of it could be automated"),
    (5, "strongly automated tests and monitoring"),
    (7, "exceptionally automated tests and monitoring"),
)

CAUTION = (
    "A point says what this repository has. Whether a workflow ran, or alerts reach"
    " anybody, cannot be seen from here."
)


class Points(NamedTuple):
    """A test, and what came out.

    Attributes:
        item: The test.
        value: 1 if all proofs hold, 0.5 for written evidence, else 0.
        based_on: What the points are for.
        missing: What a higher value needs.
    """

    item: Item
    value: float
    based_on: Sequence[str]
    missing: Sequence[str]


class Score(NamedTuple):
    """All points, and what they are about.

    Attributes:
        subject: The commit, or what else was looked at.
        points: Of each test.
        maturity: The level, and its criteria.
        has_evidence: Whether there is a file of written evidence.
    """

    subject: str
    points: Sequence[Points]
    maturity: Maturity
    has_evidence: bool

    @property
    def sections(self) -> dict[str, float]:
        """The sum of the points of each section."""
        sums = dict.fromkeys(SECTIONS, 0.0)
        for one in self.points:
            sums[one.item.section] += one.value
        return sums

    @property
    def minimum(self) -> float:
        """The least sum, which counts."""
        return min(self.sections.values())

    @property
    def meaning(self) -> str:
        """What the least sum means."""
        return next(text for most, text in MEANINGS if self.minimum <= most)

    def of(self, section: str) -> list[Points]:
        """Return the points of a section."""
        return [one for one in self.points if one.item.section == section]


def find_score(facts: Facts, subject: str | None = None) -> Score:
    """Return the score of a project.

    Args:
        facts: What can be seen of it.
        subject: What it is about; by default, the last commit.

    Raises:
        UserError: The file of written evidence is not valid.
    """
    written = read_evidence(facts.root, IDS)
    found = {
        (item.id, name): check(proof, facts, written)
        for item in ITEMS
        for name, proof in item.proofs.items()
    }
    points = [
        find_points(
            item, [found[item.id, name] for name in item.proofs], facts, written
        )
        for item in ITEMS
    ]
    return Score(
        facts.commit if subject is None else subject,
        points,
        find_maturity(facts, written or Written(), found),
        written is not None,
    )


def find_points(
    item: Item, found: Sequence[Found], facts: Facts, written: Written | None
) -> Points:
    """Return the points of a test, by what came of its proofs."""
    if found and all(one.met for one in found):
        return Points(item, AUTOMATED, list(dict.fromkeys(f.text for f in found)), [])
    lacking = list(dict.fromkeys(one.text for one in found if not one.met))
    evidence = written.evidence.get(item.id) if written else None
    if evidence is None:
        note = (written.missing.get(item.id) if written else None) or ""
        if note:
            lacking.append(f"no evidence: {note}")
        elif not found:
            lacking.append(f"no evidence in {FILE}. Fix: do it, and write down what")
        return Points(item, 0.0, [], lacking)
    if why := evidence.problem(facts.root, facts.today):
        return Points(item, 0.0, [], [*lacking, f"{FILE}: {item.id}: {why}"])
    unchecked = " (an address that is not checked)" if evidence.is_address else ""
    parts = filter(None, (evidence.text, f"{evidence.link}{unchecked}"))
    text = f"written on {evidence.date} by {evidence.by}: {' '.join(parts)}"
    return Points(item, WRITTEN, [f"{text} (counts until {evidence.until})"], lacking)


def show_score(project: Project, *, as_json: bool, least: float | None) -> bool:
    """Print the score; return whether it is at least as wanted, and its page is so."""
    facts = Facts(project)
    score = find_score(facts)
    content = json.dumps(as_dict(score), indent=2, ensure_ascii=False)
    sys.stdout.write(f"{content if as_json else as_text(score)}\n")
    sys.stdout.flush()
    page = project.root / PAGE
    stale = False
    if page.is_file():
        stale = page.read_text("utf-8") != score_page(project, facts.outdated)
    low = least is not None and score.minimum < least
    if stale:
        word = "error" if least is not None else "warning"
        sys.stderr.write(f"{word}: {PAGE}: is out of date. Fix: rml score --page\n")
    if low:
        name = min(score.sections, key=lambda one: score.sections[one])
        sys.stderr.write(
            f"error: the least section, {SECTIONS[name]}, has {score.minimum:g}, less"
            f" than {least:g}. Fix: see what is missing above\n"
        )
    return not low and not (stale and least is not None)


def write_page(project: Project) -> None:
    """Write the page of the score, and print its path."""
    (project.root / PAGE).parent.mkdir(parents=True, exist_ok=True)
    write_text(score_page(project), project.root / PAGE)
    sys.stdout.write(f"Wrote {PAGE}.\n")


def make_skeleton(facts: Facts) -> None:
    """Write the file for written evidence, and print what it is about.

    Raises:
        UserError: It exists.
    """
    open_ = {
        item.id: item.question
        for item in ITEMS
        if not item.proofs
        or not all(check(p, facts, None).met for p in item.proofs.values())
    }
    path = write_skeleton(facts.root, open_)
    sys.stdout.write(
        f"Wrote {path}. {len(open_)} tests lack an automated point: write down what was"
        " done for them, then run `rml score`.\n"
    )


def as_dict(score: Score) -> dict[str, Any]:
    """Return the score as JSON has it."""
    return {
        "subject": score.subject,
        "minimum": score.minimum,
        "meaning": score.meaning,
        "sections": score.sections,
        "evidence_file": str(FILE) if score.has_evidence else None,
        "tests": [
            {
                "id": one.item.id,
                "section": one.item.section,
                "question": one.item.question,
                "how": one.item.how,
                "points": one.value,
                "based_on": [*one.based_on],
                "missing": [*one.missing],
            }
            for one in score.points
        ],
        "maturity": {
            "level": score.maturity.level,
            "criteria": [
                {"level": c.level, "criterion": c.text, **c.found._asdict()}
                for c in score.maturity.criteria
            ],
        },
    }


def as_text(score: Score) -> str:
    """Return the score as lines for a terminal."""
    lines = [f"ML Test Score of {score.subject}"]
    for section, title in SECTIONS.items():
        lines += ["", f"{title}: {score.sections[section]:g} of 7"]
        for one in score.of(section):
            lines.append(f"  {one.value:<3g}  {one.item.id}: {one.item.question}")
            lines += [f"         {text}" for text in one.based_on]
            lines += [f"       - {text}" for text in one.missing]
    lines += ["", f"Score, the least section: {score.minimum:g} ({score.meaning})"]
    level = f"level {score.maturity.level} of 2 ({score.maturity.name})"
    lines += ["", f"Maturity: {level}"]
    for criterion in score.maturity.criteria:
        mark = "+" if criterion.found.met else "-"
        text = f"{criterion.text}: {criterion.found.text}"
        lines.append(f"  {mark} level {criterion.level}: {text}")
    if not score.has_evidence:
        lines += [
            "",
            f"There is no file of written evidence, {FILE}. To make one: rml score"
            " --write-skeleton",
        ]
    lines += ["", CAUTION]
    return "\n".join(one_line(line) for line in lines)


def as_markdown(score: Score) -> str:
    """Return the score as a page of the documentation."""
    sums = [
        [SECTIONS[name], f"{value:g} of 7"] for name, value in score.sections.items()
    ]
    sums.append(["**least: the score**", f"**{score.minimum:g}**: {score.meaning}"])
    lines = ["# ML Test Score", "", f"{score.subject} {CAUTION}", ""]
    lines += _table(["section", "points"], sums)
    for section, title in SECTIONS.items():
        rows = [
            [
                f"`{one.item.id}`: {one.item.question}",
                f"{one.value:g}",
                "<br>".join([*map(_cell, one.based_on), *map(_missing, one.missing)]),
            ]
            for one in score.of(section)
        ]
        lines += ["", f"## {title}", ""]
        lines += _table(["test", "points", "based on, or *missing*"], rows)
    lines += ["", f"## Maturity: level {score.maturity.level}", ""]
    lines += [f"{score.maturity.name.capitalize()}.", ""]
    rows = [
        [str(c.level), c.text, (_cell if c.found.met else _missing)(c.found.text)]
        for c in score.maturity.criteria
    ]
    lines += _table(["level", "criterion", "based on, or *missing*"], rows)
    return "\n".join(lines) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    every = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(row)} |" for row in every]


def _missing(text: str) -> str:
    return f"*{_cell(text)}*"


def _cell(text: str) -> str:
    """Return text that neither ends a cell nor is markup, but for code."""
    parts, end = [], 0
    line = one_line(text)
    for found in CODE.finditer(line):
        parts += [SIGNS.sub(r"\\\1", line[end : found.start()]), cell(found.group())]
        end = found.end()
    return "".join([*parts, SIGNS.sub(r"\\\1", line[end:])])


def score_page(project: Project, outdated: Sequence[str] | None = None) -> str:
    """Return docs/governance/ml_test_score.md: the same for the same files.

    Neither records of this computer nor today's date count: evidence is as old as it
    was on the day of the newest evidence, which the page names.

    Args:
        project: The project.
        outdated: Why dvc.lock is not up to date; by default, DVC is asked.
    """
    written = read_evidence(project.root, IDS)
    dates = [one.date for one in written.evidence.values()] if written else []
    # A date in the future is a mistake, which the page says as well.
    now = datetime.datetime.now(datetime.UTC).date()
    day = max((date for date in dates if date <= now), default=None)
    facts = Facts(project, records=False, today=day, outdated=outdated)
    since = f" on {day}, the day of the newest evidence" if day else ""
    subject = (
        f"By `rml score`, from the files of this commit{since}; records of a computer"
        " do not count here."
    )
    return as_markdown(find_score(facts, subject))
