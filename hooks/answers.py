"""Check the answers to the questions of cookiecutter."""

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hooks.addresses import (
    EXAMPLES,
    data_problems,
    remote_problems,
    secret_problems,
)
from hooks.components import choose_components
from hooks.words import printable

# One line; and nothing that quotes, escapes or begins an expression in TOML, YAML,
# JSON, Markdown, Jinja or a shell.
LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\"\\`{}$<>|]"

# The form of each answer, and the same in words.
FORMS = {
    "project_name": (
        r"(?=.{1,60}$)[^\W_]([\w .,'()&+-]*[\w.)])?",
        "may have letters, digits, spaces and .,'()&+-_ (60 characters at most), and"
        " must begin with a letter or a digit",
    ),
    "project_slug": (
        r"(?=.{1,50}$)[a-z0-9]+([._-][a-z0-9]+)*",
        "must be the name of one folder: lower-case letters a-z and digits, with single"
        " hyphens, dots or underscores between them (50 characters at most)",
    ),
    "package_name": (
        r"[a-z][a-z0-9_]{0,29}",
        "must begin with a lower-case letter a-z, followed by such letters, digits and"
        " underscores (30 characters at most)",
    ),
    "description": (
        rf"{LINE}{{1,200}}",
        'must be one line of at most 200 characters without " \\ ` { } $ < > |',
    ),
    "author_name": (
        r"(?=.{1,100}$)[^\W_]([\w .,'()&+-]*[\w.)])?",
        "may have letters, digits, spaces and .,'()&+-_ (100 characters at most), and"
        " must begin with a letter or a digit",
    ),
    "author_email": (
        r"|[A-Za-z0-9.!#%&'*+/=?^_~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*",
        "must be an address such as name@example.org, or empty",
    ),
}

# Lists in cookiecutter.json would give menus, but a traceback where none is shown.
CHOICES = {
    "license": ("MIT", "BSD-3-Clause", "Apache-2.0", "Proprietary"),
    "remote": ("none", *EXAMPLES),
}

TOOLKIT = "reproducible-ml"

# Packages in the lock that are imported by another name.
IMPORTED = {"dateutil", "git", "sklearn", "yaml"}
FOLDERS = {"conftest", "setup", "tests", "toolkit"}
RESERVED = {"aux", "con", "nul", "prn"}


def find_problems(answers: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
    """Return the mistakes in the answers, one line each.

    Args:
        answers: By question, as in cookiecutter.json; under cruft also `_commit`.
        template: What `template()` of `hooks.source` returns.
    """
    # First and alone: other messages repeat what was answered.
    if secrets := list(secret_problems(answers)):
        return secrets
    problems = [
        f'{name}: "{printable(answers[name])}" is not valid. It {words}.'
        for name, (form, words) in FORMS.items()
        if not re.fullmatch(form, answers[name])
    ]
    choices = [*_choice_problems(answers)]
    return [
        *problems,
        *_name_problems(answers, locked(Path(template["folder"]))),
        *data_problems(answers, template),
        *(choices or remote_problems(answers["remote"], answers["remote_url"])),
        *_component_problems(answers["components"]),
    ]


def _choice_problems(answers: Mapping[str, Any]) -> Iterator[str]:
    for name, choices in CHOICES.items():
        if answers[name] not in choices:
            known = ", ".join(choices)
            yield f'{name}: "{printable(answers[name])}" is not one of {known}.'


def _component_problems(answer: str) -> Iterator[str]:
    try:
        choose_components(answer)
    except ValueError as error:
        yield f"components: {error}"


def locked(template: Path) -> set[str]:
    """Return the names of the toolkit and all locked packages, with underscores."""
    texts = [path.read_text("utf-8") for path in template.glob("environments/*.txt")]
    names = re.findall(r"^([\w.-]+)==", "\n".join(texts), flags=re.M)
    return {re.sub(r"[.-]", "_", name).lower() for name in [TOOLKIT, *names]}


def _name_problems(answers: Mapping[str, Any], packages: set[str]) -> Iterator[str]:
    """Yield names that are taken."""
    slug, package = answers["project_slug"], answers["package_name"]
    prefix = f'package_name: "{package}" is'
    if re.sub(r"[.-]", "_", slug) in packages:
        yield f'project_slug: "{slug}" is the name of a package that the project needs.'
    if slug in RESERVED:
        yield f'project_slug: "{slug}" cannot be the name of a folder on Windows.'
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        yield f"{prefix} a keyword of Python."
    elif package in sys.stdlib_module_names:
        yield f"{prefix} a module of the standard library."
    elif package in packages | IMPORTED:
        yield f"{prefix} the name of a package that the project needs."
    elif package in FOLDERS:
        yield f"{prefix} the name of a file or folder of the project."
