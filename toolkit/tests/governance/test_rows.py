"""Whether a file holds the rows of a person, in all kinds of tables."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.governance.rows import NotSearchedError, Person, holds, matches

ANYWHERE = Person(["4711"])
CUSTOMER = Person(["4711"], "customer")


def parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pd.DataFrame(columns).to_parquet(file)
    return file.getvalue()


def packed(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/table.csv", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "anywhere", "customer"),
    [
        (b"customer,age\n4711,30\n", True, True),
        (b"customer;age\r\n 4711 ;30\r\n", True, True),
        (b'\xef\xbb\xbfcustomer,"age"\n"4711",30\n', True, True),
        (b"# export\ncustomer\tage\n4711\t30\n", True, True),
        (b"customer,amount\n1,4711\n", True, False),
        (b"customer,amount\n14711,47112\n", False, False),
        # A row over several lines may be that of the person.
        (b'customer,note\n4711,"two\nlines"\n', True, True),
        (b'customer,note\n1,"two\n4711"\n', True, True),
        # Without such a column, any word counts.
        (b'{"id": 4711}\n', True, True),
        (b"id,age\n4711,30\n", True, True),
        ("customer,age\n4711,30\n".encode("utf-16"), True, True),
        (b"customer,town\n4711,K\xf6ln\n", True, True),
        (parquet(customer=[1, 4711]), True, True),
        (parquet(customer=[1.0, 4711.0, None]), True, True),
        (parquet(customer=["1", " 4711"]), True, True),
        (parquet(customer=[1, 2], amount=[4711, 0]), True, False),
        (parquet(note=["called 4711 again", "x"]), True, True),
        (parquet(note=["47110", "x4711"]), False, False),
        (
            parquet(customer=pd.Categorical(["4711", "2"])),
            True,
            True,
        ),
        (b"", False, False),
        (b"PAR1 is no Parquet: 4711", True, True),
        (b"\x1f\x8b is not gzip: 4711", True, True),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_value_is_found_as_it_stands_in_tables(
    content: bytes, anywhere: bool, customer: bool, pack: Callable[[bytes], bytes]
) -> None:
    content = pack(content)
    assert holds(io.BytesIO(content), ANYWHERE) == anywhere
    assert holds(io.BytesIO(content), CUSTOMER) == customer
    assert not holds(io.BytesIO(content), Person([]))


def test_archives_are_searched_with_their_names() -> None:
    assert holds(io.BytesIO(packed(b"a,b\n1,4711\n")), CUSTOMER)
    assert not holds(io.BytesIO(packed(b"a,b\n1,2\n")), CUSTOMER)
    assert holds(io.BytesIO(packed(b"")), Person(["table"]))


def test_rows_of_several_values_are_marked() -> None:
    table = pa.table({"customer": [1, 2, None, 4], "note": ["a", "b", "(x.y)", "d"]})
    assert matches(table, Person(["2", "4"], "customer")).to_pylist() == [
        False,
        True,
        False,
        True,
    ]
    assert matches(table, Person(["(x.y)"])).to_pylist() == [False, False, True, False]
    assert matches(table.slice(0, 0), ANYWHERE).to_pylist() == []
    numbers = pa.table(
        {
            "id": pa.array([2**53, 2**53 + 1, None], pa.int64()),
            "small": pa.array([1, 2, 3], pa.int8()),
            "share": pa.array([0.5, None, float("nan")]),
        }
    )
    for value, expected in {
        str(2**53 + 1): [False, True, False],
        "0.5": [True, False, False],
        "003": [False, False, True],
        "nan": [False, False, False],
        "300": [False, False, False],
    }.items():
        assert matches(numbers, Person([value])).to_pylist() == expected


@pytest.mark.parametrize(
    "content",
    [
        parquet(a=[1, 2])[:-9],
        gzip.compress(b"a,b\n1,2\n" * 99)[:-9],
        b"SQLite format 3\0 12",
        packed(b"SQLite format 3\0 12"),
    ],
)
def test_what_cannot_be_searched_is_said(content: bytes) -> None:
    with pytest.raises(NotSearchedError):
        holds(io.BytesIO(content), ANYWHERE)
