"""Read JSON lines: an object per line, whose values are converted like text of CSV."""

import codecs
import io
import json
from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from reproducible_ml.contract.findings import MAX_LISTED, Finding
from reproducible_ml.contract.schema import Contract
from reproducible_ml.reading.csv_files import convert_texts
from reproducible_ml.reading.file_type import open_bytes

# Number of lines that are held in memory as Python objects.
LINES = 10_000

TEXTS = {str, type(None)}
FLATTEN = "Flatten it in the source: one column for each value inside."
LIKE_PANDAS = f"{FLATTEN[:-1]}, as pandas.json_normalize does."
JOIN = "Write one text, or one column for each value inside."


class Line(NamedTuple):
    """A line that is not blank: its number, from 1, and its bytes."""

    number: int
    content: bytes


# A subclass of ArrowInvalid, as all readers of raw files raise.
class InvalidLine(pa.ArrowInvalid):  # type: ignore[misc]
    """A line is not a flat JSON object; has the problem, its fix and its column."""

    def __init__(self, problem: str, fix: str, column: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.fix, self.column = problem, fix, column


def read_json_lines(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, with the columns and types of the contract.

    Raises:
        pyarrow.ArrowInvalid: A line or a value does not fit the contract.
    """
    for batch in _batches(file, contract.columns):
        yield convert_texts(batch, contract)


def json_texts(file: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, with every value as text, and null for absent ones.

    Raises:
        InvalidLine: A line is not a flat JSON object.
    """
    # Objects may have different keys, so the whole file is read for their names.
    names = dict.fromkeys(chain.from_iterable(map(parse_line, json_lines(file))))
    yield from _batches(file, names)


def json_lines(file: Path) -> Iterator[Line]:
    """Yield the lines that are not blank."""
    with io.BufferedReader(open_bytes(file)) as opened:
        for number, content in enumerate(opened, start=1):
            if number == 1:
                content = content.removeprefix(codecs.BOM_UTF8)
            if content.strip():
                yield Line(number, content)


def valid_objects(
    file: Path, findings: list[Finding]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield number and values of valid lines; append findings about the others."""
    found: dict[tuple[str, str | None], Finding] = {}
    for line in json_lines(file):
        try:
            values = parse_line(line)
        except InvalidLine as error:
            key = (error.problem, error.column)
            if key in found:
                found[key] = found[key]._replace(rows=(found[key].rows or 0) + 1)
            elif len(found) < MAX_LISTED:
                place = (line.number, error.column, None, 1)
                found[key] = Finding("json", file, error.problem, error.fix, *place)
        else:
            yield line.number, values
    findings += found.values()


def parse_line(line: Line) -> dict[str, str | None]:
    """Return the values as text: numbers to the last digit, null as None.

    Raises:
        InvalidLine: The line is not a flat JSON object.
    """
    values = _loads(line)
    if not isinstance(values, dict):
        raise InvalidLine("is not a JSON object", "Write one object per line.")
    if rb"\ud" in line.content:
        _reject_half_characters(values)
    if TEXTS.issuperset(map(type, values.values())):
        return values
    return {name: _text(name, value) for name, value in values.items()}


def _loads(line: Line) -> Any:
    try:
        return DECODER.decode(line.content.decode().strip())
    except UnicodeDecodeError as error:
        raise InvalidLine("is not UTF-8", "Write the file as UTF-8.") from error
    except RecursionError as error:
        raise InvalidLine("is nested too deeply", FLATTEN) from error
    except json.JSONDecodeError as error:
        # Some messages end in "starting at", for a position to follow.
        message = error.msg.removesuffix(" starting at")
        problem = f"is not JSON: {message} at character {error.colno}"
        truncated = line.number > 1 and not line.content.endswith(b"\n")
        fix = "Write one object per line: complete, split or delete this one."
        if truncated:
            fix = "Export it again: it seems truncated."
        raise InvalidLine(problem, fix) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidLine("occurs twice in the object", "Keep one of them.", twice)
    return values


DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_unique
)


def _text(name: str, value: Any) -> str | None:
    if isinstance(value, dict | list):
        if isinstance(value, dict):
            raise InvalidLine("is an object, not a value", LIKE_PANDAS, name)
        raise InvalidLine("is a list, not a value", JOIN, name)
    if isinstance(value, bool):
        return "true" if value else "false"
    text: str | None = value
    return text


def _reject_half_characters(values: dict[str, Any]) -> None:
    """Raise InvalidLine if a value has one half of a surrogate pair."""
    for name, value in values.items():
        try:
            f"{name}{value}".encode()
        except UnicodeEncodeError as error:
            fix = "Correct it in the source."
            raise InvalidLine("contains half a character", fix) from error


def _batches(file: Path, names: Collection[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches with the values of these columns as text, null if absent."""
    lines = json_lines(file)
    while chunk := list(islice(lines, LINES)):
        objects = [parse_line(line) for line in chunk]
        if any(values.keys() - names for values in objects):
            raise pa.ArrowInvalid(f"{file}: has a column that is not in the contract")
        yield text_batch(objects, names)


def text_batch(
    objects: list[dict[str, str | None]], names: Collection[str]
) -> pa.RecordBatch:
    """Return a batch with the values of these columns as text, null if absent."""
    columns = [[values.get(name) for values in objects] for name in names]
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))
