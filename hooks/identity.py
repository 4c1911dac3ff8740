"""Swap the names of this repository for those of the new project."""

import re
from collections.abc import Mapping

# What `ruff format` allows a line to have.
LINE_LENGTH = 88

SPDX = {"Proprietary": "LicenseRef-Proprietary"}

# Answers whose text stands for itself wherever it occurs as whole words.
NAMES = ("author_name", "description", "project_name", "project_slug", "package_name")


def replacements(
    identity: Mapping[str, str], answers: Mapping[str, str]
) -> dict[str, str]:
    """Return the new text for each text that names the template's own project.

    Args:
        identity: The answers that this repository is.
        answers: Those of the new project.
    """
    words = {identity[name]: answers[name] for name in NAMES}
    if email := answers["author_email"]:
        old, new = (f'{{name = "{who["author_name"]}"' for who in (identity, answers))
        words[old] = f'{new}, email = "{email}"'
    old, new = identity["license"], answers["license"]
    words[f'license = "{old}"'] = f'license = "{SPDX.get(new, new)}"'
    return words


def swap(text: str, words: Mapping[str, str]) -> str:
    """Replace whole words, the longest first, in one pass."""
    longest = sorted(words, key=len, reverse=True)
    # "churn" in "churned" is not a whole word, but in "churn_model" it is.
    pattern = "|".join(
        re.sub(r"^(?=\w)", r"\\b", re.escape(word))
        + (r"(?![^\W_])" if re.search(r"\w$", word) else "")
        for word in longest
    )
    return re.sub(pattern, lambda found: words[found.group()], text)


def wrap_imports(text: str) -> str:
    """Wrap imports that a longer name made too long, as `ruff format` does."""
    return re.sub(
        r"^( *)(from [\w.]+ import )([\w, ]+)$", _wrap_import, text, flags=re.M
    )


def _wrap_import(line: re.Match[str]) -> str:
    indent, start, names = line.groups()
    if len(line.group()) <= LINE_LENGTH:
        return line.group()
    body = "".join(f"{indent}    {name.strip()},\n" for name in names.split(","))
    return f"{indent}{start}(\n{body}{indent})"
