"""Read a raw file slowly: each row with its place, and what is wrong with its shape."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reproducible_ml.datasets.diagnosis.names import Header, alike, judge_names
from reproducible_ml.datasets.diagnosis.shape import sound_rows
from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.reading.csv_files import NumberedRows
from reproducible_ml.datasets.reading.json_lines import FLATTEN, sound_objects, texts_of
from reproducible_ml.datasets.reading.parquet_files import (
    parquet_batches,
    parquet_schema,
    suits,
)
from reproducible_ml.datasets.reading.raw import form
from reproducible_ml.datasets.schema import Contract

# Rows that are held in memory as Python objects at a time.
ROWS = 10_000

# Lines in which a header is looked for that does not stand where it should.
SEARCHED = 50

Places = npt.NDArray[np.int64]


class Chunk(NamedTuple):
    """Some rows by columns, and the line of each, from 1; in Parquet, the row."""

    lines: Places
    columns: dict[str, pa.Array]


def read_chunks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[Chunk]:
    """Yield the rows that have the contract's columns; add what is wrong with others.

    Values are the file's own texts; those of Parquet are as they are.
    """
    read = {"csv": _csv_chunks, "json": _json_chunks, "parquet": _parquet_chunks}
    yield from read[form(file) or "csv"](file, contract, findings)


def _csv_chunks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[Chunk]:
    rows = sound_rows(file, contract.metadata, findings)
    header = next(rows, None)
    names = header.values if header else []
    line = header.line if header else None
    if found := judge_names(file, Header(names, line), contract):
        findings += _header_elsewhere(file, contract) or found
        return
    while chunk := list(islice(rows, ROWS)):
        columns = zip(*(row.values for row in chunk), strict=True)
        arrays = [pa.array(column, pa.string()) for column in columns]
        lines = np.array([row.line for row in chunk])
        yield Chunk(lines, dict(zip(names, arrays, strict=True)))


def _header_elsewhere(file: Path, contract: Contract) -> list[Finding]:
    """Return a finding if the header stands after more or fewer lines than declared."""
    dialect = contract.metadata.model_copy(update={"preamble": 0})
    for row in islice(NumberedRows(file, dialect), SEARCHED):
        if sorted(row.values) == sorted(contract.columns):
            problem = "is the header, which is expected elsewhere"
            fix = f"Set metadata: {{preamble: {row.line - 1}}} in data/schema.yaml."
            return [Finding("preamble", file, problem, fix, row.line)]
    return []


def _json_chunks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[Chunk]:
    names: dict[str, int] = {}
    for line, values in sound_objects(file, findings):
        for name in values:
            names.setdefault(name, line)
    # A key may be left out where it may have no value.
    unknown = [name for name in names if name not in contract.columns]
    for name, column in contract.columns.items():
        if column.nullable and not alike(name, unknown):
            names.setdefault(name, 1)
    if found := judge_names(file, Header(list(names), None, names), contract):
        findings += found
        return
    rows = sound_objects(file, [])
    while chunk := list(islice(rows, ROWS)):
        lines = np.array([line for line, _ in chunk])
        batch = texts_of([values for _, values in chunk], list(contract.columns))
        yield Chunk(lines, dict(zip(batch.schema.names, batch.columns, strict=True)))


def _parquet_chunks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[Chunk]:
    schema = parquet_schema(file)
    found = judge_names(file, Header(schema.names, None), contract)
    found = found or list(_unsuited(file, schema, contract))
    findings += found
    first = 1
    for batch in () if found else parquet_batches(file):
        lines = np.arange(first, first + batch.num_rows)
        yield Chunk(lines, {name: batch[name] for name in contract.columns})
        first += batch.num_rows


def _unsuited(file: Path, schema: pa.Schema, contract: Contract) -> Iterator[Finding]:
    for name, column in contract.columns.items():
        kind = schema.field(name).type
        if not suits(kind, column):
            problem = f"holds {kind}, which cannot be {column.dtype}"
            fix = "Convert it in the source, or change its dtype in data/schema.yaml."
            if pa.types.is_nested(kind):
                fix = FLATTEN
            yield Finding("type", file, problem, fix, column=name)
