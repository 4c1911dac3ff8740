"""Markdown in which text from users is no markup.

Names and values appear in code spans, sentences with all signs of Markdown escaped.
"""

import re
from collections.abc import Iterable, Sequence

from reproducible_ml.core.errors import one_line

# A span of code.
CODE = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)")

# Characters of a name or value that are shown.
WIDTH = 60

# What begins markup within a line: a backslash makes it a plain sign.
SIGNS = re.compile(r"([\\`*_{}\[\]()<>#!|~&$@^])")

# What begins a list or a heading, at the start of a line.
STARTS = re.compile(r"^(\s*)([-+=])|^(\s*\d+)([.)])")

# A number, an interval or a dash.
NUMBERS = re.compile(r"[-\d.,e]+( to [-\d.,e]+)?( \(few\))?")

ADDRESS = re.compile(r"https?://[A-Za-z0-9./_~%?=&#:+,;-]*[A-Za-z0-9/_~%=&#+-]")


def code(text: object, width: int = WIDTH) -> str:
    """Return a text as a code span, short and on one line."""
    shown = one_line(str(text))
    if len(shown) > width:
        shown = f"{shown[: width - 1]}…"
    return span(shown.strip()) if shown.strip() else "(empty)"


def span(text: str) -> str:
    """Return a code span of a text that is on one line, whatever signs it has."""
    runs = re.findall("`+", text)
    ticks = "`" * min(n for n in range(1, len(text) + 2) if "`" * n not in runs)
    blank = " " if runs else ""
    return f"{ticks}{blank}{text}{blank}{ticks}"


def cell(text: str) -> str:
    """Return Markdown for a cell of a table, which a bar in code would end."""
    return CODE.sub(lambda found: found.group().replace("|", r"\|"), text)


def plain(text: str) -> str:
    """Return a sentence that is shown as it is typed; addresses become links."""
    line = one_line(" ".join(text.split()))
    parts, end = [], 0
    for found in ADDRESS.finditer(line):
        parts += [_escaped(line[end : found.start()]), f"<{found.group()}>"]
        end = found.end()
    return STARTS.sub(r"\1\3\\\2\4", "".join([*parts, _escaped(line[end:])]))


def _escaped(text: str) -> str:
    return SIGNS.sub(r"\\\1", text)


def prose(paragraphs: Sequence[str]) -> str:
    """Return paragraphs, each shown as it is typed."""
    return "\n\n".join(plain(each) for each in paragraphs if each.strip())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, in which columns of numbers align to the right."""
    cells = [list(row) for row in rows]
    rules = [
        "---:" if cells and all(map(NUMBERS.fullmatch, column)) else "---"
        for column in zip(*cells, strict=True)
    ]
    lines = [list(header), rules or ["---"] * len(header), *cells]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def section(title: str, *parts: str) -> str:
    """Return a heading and what is below it, nothing if that is nothing."""
    kept = [part for part in parts if part]
    return "\n\n".join([f"## {title}", *kept]) if kept else ""


def document(*parts: str) -> str:
    """Return the parts that are not empty as one text."""
    return "\n\n".join(part for part in parts if part) + "\n"


def front_matter(values: object) -> str:
    """Return metadata as YAML between lines of dashes, as Hugging Face reads it."""
    import yaml

    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---"
