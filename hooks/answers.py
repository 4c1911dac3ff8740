"""Check what cookiecutter was answered."""

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hooks.addresses import data_problems, remote_problems

# One line; and nothing that quotes, escapes or begins an expression in TOML, YAML,
# JSON, Markdown, Jinja or a shell.
LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\"\\`{}$<>|]"

# Form of an answer, and what it means in words.
FORMS = {
    "project_name": (
        r"(?=.{1,60}$)[^\W_]([\w .,'()&+-]*[\w.)])?",
        "may have letters, digits, spaces and .,'()&+-_ (60 at most), and begins with a"
        " letter or a digit",
    ),
    "project_slug": (
        r"(?=.{1,50}$)[a-z0-9]+([._-][a-z0-9]+)*",
        "is one folder's name of small letters a-z, digits and single hyphens, dots or"
        " underscores between them (50 characters at most)",
    ),
    "package_name": (
        r"[a-z][a-z0-9_]{0,29}",
        "begins with a small letter a-z, followed by small letters, digits and"
        " underscores (30 characters at most)",
    ),
    "description": (
        rf"{LINE}{{1,200}}",
        'is one line of at most 200 characters without " \\ ` { } $ < > |',
    ),
    "author_name": (
        r"(?=.{1,100}$)[^\W_]([\w .,'()&+-]*[\w.)])?",
        "may have letters, digits, spaces and .,'()&+-_ (100 at most), and begins with"
        " a letter or a digit",
    ),
    "author_email": (
        r"|[A-Za-z0-9.!#%&'*+/=?^_~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*",
        "is an address as name@example.org, or empty",
    ),
}

# Packages in the lock that are imported by another name.
IMPORTED = {"dateutil", "git", "sklearn", "yaml"}
FOLDERS = {"benchmarks", "conftest", "hooks", "setup", "tests"}
RESERVED = {"aux", "con", "nul", "prn"}


def find_problems(answers: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the answers, a line each.

    Args:
        answers: By question, as in cookiecutter.json; under cruft also `_commit`.
        template: What `hooks.source` tells.
    """
    problems = [
        f'{name}: "{printable(answers[name])}" does not fit. It {words}.'
        for name, (form, words) in FORMS.items()
        if not re.fullmatch(form, answers[name])
    ]
    return [
        *problems,
        *_name_problems(answers, locked(Path(template["folder"]))),
        *data_problems(answers, template),
        *remote_problems(answers["remote"], answers["remote_url"]),
    ]


def printable(text: str) -> str:
    """Return text that is safe in a terminal, and not too long."""
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return shown if len(shown) <= 80 else f"{shown[:79]}…"


def locked(template: Path) -> set[str]:
    """Return the names of all packages in the locks, as Python would spell them."""
    texts = [path.read_text("utf-8") for path in template.glob("environments/*.txt")]
    names = re.findall(r"^([\w.-]+)==", "\n".join(texts), flags=re.M)
    return {re.sub(r"[.-]", "_", name).lower() for name in names}


def _name_problems(answers: Mapping[str, Any], packages: set[str]) -> Iterator[str]:
    """Yield names that something else has already."""
    slug, package = answers["project_slug"], answers["package_name"]
    if re.sub(r"[.-]", "_", slug) in packages:
        yield f'project_slug: "{slug}" is a package that the project needs itself.'
    if slug in RESERVED:
        yield f'project_slug: Windows has no folder named "{slug}".'
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        yield f'package_name: "{package}" is a word of the language Python.'
    elif package in sys.stdlib_module_names:
        yield f'package_name: "{package}" would hide a module of Python itself.'
    elif package in packages | IMPORTED:
        yield f'package_name: "{package}" would hide a package that the project needs.'
    elif package in FOLDERS:
        yield f'package_name: "{package}" is a folder or file of the project already.'
