"""Look at the first lines of a table before anything is installed.

Only what is certainly wrong is refused: `rml data` reads the table with more care.
"""

import difflib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from hooks.words import printable

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
# Names of columns, and lines before them, are found in this much of a table.
BYTES = 256 * 1024
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}

# A table whose lines are so long that fewer fit may have thousands of columns.
LINES = 50

# Columns that a message names.
NAMED = 12


def header_problems(path: Path, target: str) -> Iterator[str]:
    """Yield what is certainly wrong with a table of text or its target column.

    Args:
        path: A file that exists; other than text, and folders, are not looked at.
        target: Name of the column to predict.
    """
    if not path.is_file() or not path.name.lower().endswith(SUFFIXES):
        return
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as f:
            start = f.read(BYTES)
    except (OSError, EOFError, zlib.error) as error:
        yield f"data_source: {path} cannot be read: {error}"
        return
    text = _decode(start)
    if not start.strip() or (text is not None and not text.strip()):
        yield f"data_source: {path} is empty."
        return
    if text is None or target in text.replace('""', '"'):
        return
    names = _names(text)
    known = ", ".join(map(printable, names[:NAMED]))
    known += f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(target.strip().casefold(), folded, n=1)
    fix = f'Did you mean "{printable(folded[close[0]])}"? ' if close else ""
    yield (
        f'target_column: "{printable(target)}" is not a column of {path}. {fix}Its'
        f" columns: {known}."
    )


def _decode(start: bytes) -> str | None:
    """Return bytes as text; nothing if what they say is not certain."""
    if len(start) == BYTES and start.count(b"\n") < LINES:
        return None  # Its first line may be longer.
    encoding = next((MARKS[mark] for mark in MARKS if start.startswith(mark)), "utf-8")
    # The last line may be cut within a character.
    whole = start.rpartition(b"\n")[0] if len(start) == BYTES else start
    try:
        text = whole.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _names(text: str) -> list[str]:
    """Return what looks like the names of columns: the cells of the first line."""
    line = text.strip().splitlines()[0]
    delimiter = max(",;\t|", key=line.count)
    cells = (cell.strip().strip('"') for cell in line.split(delimiter))
    return [cell for cell in cells if cell]
