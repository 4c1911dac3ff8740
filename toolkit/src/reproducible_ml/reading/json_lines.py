"""Read JSON lines: an object per line, whose values are converted like text of CSV."""

import codecs
import io
import json
from collections.abc import Collection, Iterable, Iterator
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

FLATTEN = "Flatten it in the source: one column for each value inside."
LIKE_PANDAS = f"{FLATTEN[:-1]}, as pandas.json_normalize does."
JOIN = "Write one text, or one column for each value inside."


class Number(str):
    """The text of a number, which is no text in JSON."""

    __slots__ = ()


TEXTS = {str, Number, type(None)}


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
    for batch in _batches(file, contract.columns, decimal_commas(contract)):
        yield convert_texts(batch, contract)


def json_texts(file: Path, commas: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, with every value as text, and null for absent ones.

    Numbers of the columns in `commas` get a decimal comma, as their texts have.

    Raises:
        InvalidLine: A line is not a flat JSON object.
    """
    # Objects may have different keys, so the whole file is read for their names.
    names = dict.fromkeys(chain.from_iterable(map(parse_line, json_lines(file))))
    yield from _batches(file, names, commas)


def json_lines(file: Path) -> Iterator[Line]:
    """Yield the lines that are not blank."""
    with io.BufferedReader(open_bytes(file)) as opened:
        for number, content in enumerate(opened, start=1):
            if number == 1:
                content = content.removeprefix(codecs.BOM_UTF8)
            if content.strip():
                yield Line(number, content)


def decimal_commas(contract: Contract) -> frozenset[str]:
    """Return the columns whose texts have a decimal comma, as numbers of JSON never."""
    return frozenset(
        name
        for name, column in contract.columns.items()
        if column.metadata.decimal == ","
    )


def number_columns(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the columns with numbers, such as 1.234, but not in texts as "1.234".

    Raises:
        InvalidLine: A line is not a flat JSON object.
    """
    numbers, texts = dict[str, None](), set[str]()
    for line in chain.from_iterable(map(json_lines, files)):
        for name, value in parse_object(line, MARKING_DECODER).items():
            if type(value) is Number:
                numbers[name] = None
            elif value is not None and any(map(str.isdigit, value)):
                texts.add(name)
    return tuple(name for name in numbers if name not in texts)


def valid_objects(
    file: Path, findings: list[Finding], commas: Collection[str] = ()
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield number and values of valid lines; append findings about the others."""
    found: dict[tuple[str, str | None], Finding] = {}
    for line in json_lines(file):
        try:
            values = parse_line(line, commas)
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


def parse_line(line: Line, commas: Collection[str] = ()) -> dict[str, str | None]:
    """Return the values as text: numbers to the last digit, null as None.

    Numbers of the columns in `commas` get a decimal comma, as their texts have.

    Raises:
        InvalidLine: The line is not a flat JSON object.
    """
    values = parse_object(line, MARKING_DECODER if commas else DECODER)
    for name in commas:
        if type(value := values.get(name)) is Number:
            values[name] = value.replace(".", ",")
    return values


def parse_object(line: Line, decoder: json.JSONDecoder) -> dict[str, str | None]:
    """Return the values as the decoder makes them, booleans as text.

    Raises:
        InvalidLine: The line is not a flat JSON object.
    """
    values = _loads(line, decoder)
    if not isinstance(values, dict):
        raise InvalidLine("is not a JSON object", "Write one object per line.")
    if rb"\ud" in line.content:
        _reject_half_characters(values)
    if TEXTS.issuperset(map(type, values.values())):
        return values
    return {name: _text(name, value) for name, value in values.items()}


def _loads(line: Line, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(line.content.decode().strip())
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
# Takes three times as long, so that it is only used where texts have a decimal comma.
MARKING_DECODER = json.JSONDecoder(
    parse_int=Number,
    parse_float=Number,
    parse_constant=Number,
    object_pairs_hook=_unique,
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


def _batches(
    file: Path, names: Collection[str], commas: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield batches with the values of these columns as text, null if absent."""
    lines = json_lines(file)
    while chunk := list(islice(lines, LINES)):
        objects = [parse_line(line, commas) for line in chunk]
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
