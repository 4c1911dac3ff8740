"""Raw tables of which something with a row was made, as the project reads them."""

from pathlib import Path

import fsspec
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.files import load_yaml
from reproducible_ml.governance.history import Record
from reproducible_ml.governance.sources import (
    contracts_of,
    find_suspects,
    read_suspect,
)
from reproducible_ml.governance.spelling import Person
from reproducible_ml.governance.storages import Storage

RAW, OTHER = "a" * 32, "b" * 32


def contract(metadata: str, column: str) -> Contract:
    text = f"metadata: {metadata}\ncolumns: {{id: {column}, x: {{dtype: str}}}}\n"
    return Contract.model_validate(load_yaml(text))


@pytest.mark.parametrize(
    ("value", "content", "made_by"),
    [
        # Blanks delimit values, so the search does not know the column.
        (
            "1234567",
            b"id x\n12_34.567 a\n",
            contract("{delimiter: ' '}", "{dtype: str}"),
        ),
        (
            "1234",
            "id|x\n€ 1.234,0 |a\n".encode("cp1252"),
            contract(
                "{delimiter: '|', encoding: cp1252}",
                "{dtype: float64, metadata: {thousands: '.', decimal: ',', prefix: €}}",
            ),
        ),
        (
            "2024-01-05",
            b"id,x\n05.01.2024,a\n",
            contract("{}", "{dtype: 'datetime64[ns]', metadata: {format: '%d.%m.%Y'}}"),
        ),
    ],
)
def test_own_reader_finds_rows_that_are_written_otherwise(
    tmp_path: Path, value: str, content: bytes, made_by: Contract
) -> None:
    (tmp_path / RAW).write_bytes(content)
    objects = {RAW: [str(tmp_path / RAW)]}
    storage = Storage("cache", fsspec.filesystem("file"), objects, [], None)
    files = {RAW: "data/raw/table.csv", OTHER: "data/raw/none.csv"}
    record = Record(
        frozenset({RAW, "schema"}),
        (("table", "validated"),),
        "lock",
        ((RAW, "data/raw/table.csv"), ("schema", "data/schema.yaml")),
    )
    known = {"newer": contract("{}", "{dtype: bool}"), "schema": made_by}
    used = contracts_of([record], RAW, known)
    assert used == [made_by]
    person = Person([value], "id")
    found = read_suspect(tmp_path, [storage], files, used, person)
    assert found == {RAW}
    assert not read_suspect(
        tmp_path, [storage], files, used, Person([f"{value}1"], "id")
    )
    assert not [*(tmp_path / ".dvc/tmp").iterdir()]


def test_inputs_of_a_row_are_suspects_unless_one_is_known_to_have_it() -> None:
    def record(read: str, written: str) -> Record:
        return Record(frozenset(read.split()), ((written, written),), "")

    records = [
        record("", "raw1"),
        record("", "raw2"),
        record("", "raw3"),
        record("raw1 raw2 code", "table1"),
        record("raw3 raw2 code", "table2"),
        record("table1", "train"),
    ]
    assert find_suspects(records, {"train"}) == {"table1", "raw1", "raw2"}
    assert find_suspects(records, {"train", "table1"}) == {"raw1", "raw2"}
    assert find_suspects(records, {"train", "table1", "raw1"}) == set()
    assert find_suspects(records, {"table2", "raw3"}) == set()
    assert find_suspects(records, set()) == set()
