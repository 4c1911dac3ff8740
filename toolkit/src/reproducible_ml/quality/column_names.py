"""Check the column names of a file: missing, unknown, duplicate or misspelled."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.spellings import closest_match

RENAME = "Rename it in the source, or change its name in data/schema.yaml."


class Header(NamedTuple):
    """Column names of a file.

    Attributes:
        names: In the order of the file.
        line: The line they stand on; None if the format has no lines.
        lines: The lines of names that stand elsewhere, as in JSON Lines.
    """

    names: Sequence[str]
    line: int | None
    lines: Mapping[str, int] = {}

    def line_of(self, name: str) -> int | None:
        """Return the line on which a name stands."""
        return self.lines.get(name, self.line)


def check_names(file: Path, header: Header, contract: Contract) -> list[Finding]:
    """Return how the names differ from those of the contract; their order is free."""
    if not header.names:
        return [Finding("header", file, "has no header", "Export it again.")]
    if found := _other_delimiter(file, header, contract):
        return [found]
    if not any(closest_match(name, list(contract.columns)) for name in header.names):
        return [_no_name_known(file, header)]
    return list(_check_each(file, header, contract))


def _other_delimiter(file: Path, header: Header, contract: Contract) -> Finding | None:
    """Return a finding if another delimiter separates the names."""
    if len(header.names) > 1 or len(contract.columns) == 1:
        return None
    for delimiter in ",;\t|:":
        names = header.names[0].split(delimiter)
        if len(names) > 1 and set(names) & set(contract.columns):
            shown = "\\t" if delimiter == "\t" else delimiter
            problem = f'has a single column whose name contains the delimiter "{shown}"'
            fix = f'Set metadata: {{delimiter: "{shown}"}} in data/schema.yaml.'
            return Finding("delimiter", file, problem, fix, header.line)
    return None


def _no_name_known(file: Path, header: Header) -> Finding:
    problem = "contains none of the columns that data/schema.yaml declares"
    fix = "Add a header with their names, or declare these names."
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
        problem = f"has the column {quoted(name)} more than once"
        fix = "Rename or drop one of them in the source."
        yield Finding("duplicate column", file, problem, fix, header.line)


def _unknown(file: Path, header: Header, name: str) -> Finding:
    if name.strip():
        problem = f"has an unknown column {quoted(name)}"
        fix = "Drop it from the source, or declare it in data/schema.yaml."
    elif header.names[-1] == name:
        problem = "ends with a delimiter, which makes an extra column"
        fix = "Remove the delimiter at the end of each line."
    else:
        problem = "has a column without a name"
        fix = "Name it in the source, or drop it."
    return Finding("unknown column", file, problem, fix, header.line_of(name))
