"""Judge the names of a file's columns: missing, unknown, doubled, or look-alikes."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract

# Cyrillic and Greek letters, each above the Latin one that it looks like.
LOOKALIKE_LETTERS = "авекмнорстухіјѕԁһӏԛԝАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυ"
LATIN = "aBeKMHopcTyxijsdhlqwABEKMHOPCTYXIJSABEZHIKMNOPTYXaivopu"
LOOKALIKES = str.maketrans(LOOKALIKE_LETTERS, LATIN)

RENAME = "Rename it in the source, or change its name in data/schema.yaml."


class Header(NamedTuple):
    """The names of a file's columns, and the line they stand on if it has lines.

    `lines` has the lines of those that stand elsewhere.
    """

    names: Sequence[str]
    line: int | None
    lines: Mapping[str, int] = {}

    def line_of(self, name: str) -> int | None:
        """Return the line that a name stands on."""
        return self.lines.get(name, self.line)


def check_names(file: Path, header: Header, contract: Contract) -> list[Finding]:
    """Return what keeps these names from being those of the contract; order is free."""
    if not header.names:
        return [Finding("header", file, "has no header", "Export it again.")]
    if found := _other_delimiter(file, header, contract):
        return [found]
    if not any(closest_match(name, list(contract.columns)) for name in header.names):
        return [_no_name_known(file, header)]
    return list(_check_each(file, header, contract))


def _other_delimiter(file: Path, header: Header, contract: Contract) -> Finding | None:
    """Return a finding if all the names stand in one column."""
    if len(header.names) > 1 or len(contract.columns) == 1:
        return None
    for delimiter in ",;\t|:":
        names = header.names[0].split(delimiter)
        if len(names) > 1 and set(names) & set(contract.columns):
            shown = "\\t" if delimiter == "\t" else delimiter
            problem = f'has one column, and "{shown}" between its names'
            fix = f'Set metadata: {{delimiter: "{shown}"}} in data/schema.yaml.'
            return Finding("delimiter", file, problem, fix, header.line)
    return None


def _no_name_known(file: Path, header: Header) -> Finding:
    problem = "names none of the columns that data/schema.yaml declares"
    fix = "Put a line with their names there, or declare these names."
    names = ", ".join(header.names)
    return Finding("header", file, problem, fix, header.line, value=names)


def _check_each(file: Path, header: Header, contract: Contract) -> Iterator[Finding]:
    names = list(dict.fromkeys(header.names))
    missing = [name for name in contract.columns if name not in names]
    unknown = [name for name in names if name not in contract.columns]
    for name in unknown:
        if found := closest_match(name, missing):
            meant, difference = found
            missing.remove(meant)
            problem = f"looks like {quoted(meant)}{difference}"
            yield Finding(
                "renamed column", file, problem, RENAME, header.line_of(name), name
            )
        else:
            yield _unknown(file, header, name)
    for name in missing:
        problem = f"lacks the column {quoted(name)}"
        fix = "Add it in the source, or drop it from data/schema.yaml."
        yield Finding("missing column", file, problem, fix, header.line)
    for name in (n for n in names if n and header.names.count(n) > 1):
        problem = f"has the column {quoted(name)} twice"
        fix = "Rename or drop one of them in the source."
        yield Finding("doubled column", file, problem, fix, header.line)


def _unknown(file: Path, header: Header, name: str) -> Finding:
    if name.strip():
        problem = f"has an unknown column {quoted(name)}"
        fix = "Drop it from the source, or declare it in data/schema.yaml."
    elif header.names[-1] == name:
        problem = "has a delimiter at its end, which makes one more column"
        fix = "Take it away from the end of each line."
    else:
        problem = "has a column without a name"
        fix = "Name it in the source, or drop it."
    return Finding("unknown column", file, problem, fix, header.line_of(name))


def closest_match(text: str, known: Sequence[str]) -> tuple[str, str] | None:
    """Return which known text was probably meant, and a note how it differs.

    The note is empty where the eye sees it.
    """
    same = next(
        (k for k in known if fold_lookalikes(k) == fold_lookalikes(text) != ""), None
    )
    if same is not None:
        return same, f", but {_hidden_difference(text, same)}"
    close = get_close_matches(text, known, 1, 0.75)
    return (close[0], "") if close else None


def fold_lookalikes(text: str) -> str:
    """Return the text without all that the eye hardly sees."""
    plain = unicodedata.normalize("NFKD", text.translate(LOOKALIKES))
    return "".join(c for c in plain.casefold() if c.isalnum())


def _hidden_difference(text: str, meant: str) -> str:
    strange = next((c for c in text if c in LOOKALIKE_LETTERS and c not in meant), None)
    if strange:
        return f"has other letters ({unicodedata.name(strange)})"
    hidden = next((c for c in text if not c.isprintable()), None)
    if hidden:
        return f"has a hidden character (U+{ord(hidden):04X})"
    if text.casefold() == meant.casefold():
        return "differs by case"
    return f"differs by {'blanks' if text.strip() == meant else 'signs or accents'}"
