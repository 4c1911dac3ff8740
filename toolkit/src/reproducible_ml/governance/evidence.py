"""Written evidence: what people did for a test of the ML Test Score, when, and who.

It is in docs/governance/ml_test_score.yaml. It is worth half a point at most, for a
year, and only as long as the files exist that it names.
"""

import datetime
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import Section, read_yaml
from reproducible_ml.versioning.git import run_git

FILE = Path("docs/governance/ml_test_score.yaml")

# How long evidence counts.
YEAR = datetime.timedelta(days=365)

# A text with fewer characters, such as "yes", says nothing.
SHORT = 20

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# With a dot: no name of a single computer.
HOST = re.compile(r"(?:[^\s./]+\.)+[^\s./]{2,}")

HEAD = """\
# Evidence for the ML Test Score that no program can check: `rml score` reads it.
# It is worth half a point, for a year. What is automated needs none: `rml score` says
# what is missing.

# Columns that must never become features: a regular expression of names, and why.
# `rml score` checks it against data/schema.yaml.
forbidden: {}
#  '(?i)phone|e_?mail': identifies a person

# What was done for a test, when, by whom (a role is enough), and a text or a link to
# what came out: a file that is in Git, also with a #heading, or an address, which
# nothing checks.
evidence: {}
#  data.new_features:
#    date: 2026-01-31
#    by: data scientist
#    text: A feature was added in two hours, with its test.
#    link: docs/code/README.md

# Why there is none for others; this gives no points.
missing: {}
#  model.staleness: The table has no time.

# The tests without an automated point may be:
"""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


def _date(value: object) -> object:
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ValueError("is not a date such as 2026-01-31")
    return value


def _stripped(text: str) -> str:
    return text.strip()


Filled = Annotated[str, AfterValidator(_stripped)]


class Evidence(Section):
    """What was done for a test.

    Attributes:
        date: When.
        by: Whose work it is: a role is enough.
        text: What was done, and what came out.
        link: A file of the repository, also with the name of a heading, or an address.
    """

    date: Annotated[datetime.date, BeforeValidator(_date)]
    by: Filled
    text: Filled = ""
    link: Filled = ""

    def problem(self, root: Path, today: datetime.date) -> str:
        """Return why it does not count; empty if it does."""
        if not self.by:
            return "it does not say whose it is (by)"
        if self.date > today:
            return f"its date {self.date} is in the future"
        if today - self.date > YEAR:
            return f"it is of {self.date}, older than a year: do it again"
        if not self.link and len(self.text) < SHORT:
            return f"it has no link, and no text of {SHORT} characters"
        return find_broken(root, self.link) if self.link else ""

    @property
    def is_address(self) -> bool:
        """Whether its link leads out of the repository, so that nothing checks it."""
        return SCHEME.match(self.link) is not None

    @property
    def until(self) -> datetime.date:
        """The last day on which it counts."""
        return self.date + YEAR


class Written(Section):
    """The content of the file.

    Attributes:
        forbidden: Why columns may not be features, by a pattern of their names.
        evidence: By the id of the test.
        missing: Why there is none, by the id of the test.
    """

    forbidden: dict[
        Annotated[str, AfterValidator(_pattern)], Annotated[str, Field(min_length=1)]
    ] = {}
    evidence: dict[str, Evidence] = {}
    missing: dict[str, Annotated[str, Field(min_length=1)]] = {}


def read_evidence(root: Path, known: Sequence[str]) -> Written | None:
    """Return the content of the file, or None if there is no such file.

    Args:
        root: Of the project.
        known: The ids of all tests.

    Raises:
        UserError: A line for each mistake in it.
    """
    if not (root / FILE).is_file():
        return None
    found = read_yaml(root / FILE, Written)
    unknown = [
        f"{FILE}: {part}.{name}: there is no such test. Fix: one of those that `rml"
        " score` lists"
        for part in ("evidence", "missing")
        for name in getattr(found, part)
        if name not in known
    ]
    both = [
        f"{FILE}: {name}: is under both `evidence` and `missing`. Fix: remove one"
        for name in found.evidence
        if name in found.missing
    ]
    if unknown or both:
        raise UserError("\n".join([*unknown, *both]))
    return found


def find_broken(root: Path, link: str) -> str:
    """Return what is wrong with a link; empty if it is good, or an address.

    Git must have the file: else other clones, and CI, find nothing.
    """
    if SCHEME.match(link):
        return "" if _is_address(link) else f"{link} is no address with a host"
    path, _, heading = link.partition("#")
    target = Path(os.path.normpath(root / path))
    if not path or Path(path).is_absolute() or not target.is_relative_to(root):
        return f"{link} is no file of this repository, and no address"
    if not target.exists():
        return f"{path} does not exist"
    if target.is_dir():
        return f"{path} is a folder: name a file in it"
    name = target.relative_to(root).as_posix()
    if not run_git(root, "ls-files", "-z", "--", f":(literal){name}"):
        return f"{path} is not in Git, so others do not have it: git add it"
    if heading and heading not in _headings(target):
        return f"{path} has no heading #{heading}"
    return ""


def _is_address(link: str) -> bool:
    """Return whether this is the address of a host that others can reach."""
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and HOST.fullmatch(host) is not None
        and not re.search(r"\s", link)
    )


def _headings(path: Path) -> set[str]:
    """Return the names of headings in Markdown, as GitHub makes them."""
    if not path.is_file():
        return set()
    found = re.findall(r"(?m)^#+ +(.+?)\s*#*$", path.read_text("utf-8", "replace"))
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one))
        .lower()
        .replace(" ", "-")
        for one in found
    }


def write_skeleton(root: Path, tests: Mapping[str, str]) -> Path:
    """Write the file with nothing in it but comments, and return its path.

    Args:
        root: Of the project.
        tests: What is asked, by id, of those that lack an automated point.

    Raises:
        UserError: The file exists.
    """
    if (root / FILE).exists():
        raise UserError(f"{FILE}: exists already. Fix: edit it")
    lines = [f"#  {name}: {question}" for name, question in tests.items()]
    (root / FILE).parent.mkdir(parents=True, exist_ok=True)
    write_text(HEAD + "\n".join(lines) + "\n", root / FILE)
    return FILE
