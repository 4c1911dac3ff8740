"""Whether a file holds the rows of a person, in all kinds of tables."""

import bz2
import datetime
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.governance.rows import NotSearchedError, holds, matches
from reproducible_ml.governance.spelling import Person

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


@pytest.mark.parametrize(
    ("value", "content", "expected"),
    [
        # JSON escapes what it likes, and CSV doubles quotes.
        ("Zoë Müller", rb'{"name": "Zo\u00eb M\u00FCller"}', True),
        ("a/b@x.org", rb'{"name": "a\/b@x.org", "b": 1}', True),
        ("O'Brien", rb'{"name": "O\u0027Brien"}', True),
        ("😀 1", rb'{"name": "\ud83d\ude00 1"}', True),
        ("Zoë Müller", rb'{"name": "Zo\u00eb M\u00fcllers"}', False),
        ("17", b'{"name": 170, "amount": 17}\n{"name": 1}', False),
        ("17", b'[{"a": {"name": 17.0}}]', True),
        ('Al "Z" B', b'id,name\n1,"Al ""Z"" B"\n', True),
        ("Al B", b'id,name\n1,"Al\r\nB"\n2,"x"\n', True),
        ("Al B", b'id,name\n1,"Al"\n2,"B"\n', False),
        # Numbers are compared as such.
        ("17", b"id,name\n1,17.0\n", True),
        ("17", b"id,name\n1,00017\n", True),
        ("00017", b"id,name\n1,17\n", True),
        ("17", b"id,name\n1,17.5\n17,170\n", False),
        ("1234", b"id;name\n1;1.234,0\n", True),
        ("1234567", b'id,name\n1,"12,34,567"\n', True),
        ("1234", "id;name\n1;1\u202f234\n".encode(), True),
        ("1234", "id;name\n1;1\u00a0234\n".encode("cp1252"), True),
        ("1234", b"id;name\n1;12.34\n", False),
        ("1.5", b"id;name\n1;1,50\n", True),
        ("12345678901234567890", b"id,name\n1,1.2345678901234567e+19\n", True),
        # Text of other encodings, composed or not.
        ("Иван", "номер,name\n1,Иван\n".encode("cp1251"), True),
        ("Иван", "номер,name\n1,Иванов\n".encode("koi8-r"), False),
        ("Łukasz", "id,name\n1,Łukasz\n".encode("cp1250"), True),
        ("5 €", "id,name\n1,5 €\n".encode("cp1252"), True),
        ("Müller Alexander", "id,name\n1,Müller Alexander\n".encode("cp850"), True),
        ("Müller Łukasz", "id,name\n1,Müller Łukasz\n".encode("cp1250"), True),
        ("田中", "id,name\n1,田中\n".encode("shift-jis"), True),
        ("Zoë", "id,name\n1,Zoë\n".encode("mac-roman"), True),
        ("Zoë", "id,name\n1,Zoë\n".encode("utf-16-le"), True),
        ("Zoë", "id,name\n1,Zoë\n".encode("utf-16-be"), True),
        ("4711", "id,name\n1,4711\n".encode("utf-32"), True),
        ("4711", "id,name\n1,4711\n".encode("cp500"), True),
        ("Zoe\u0308", "id,name\n1,Zo\u00eb\n".encode(), True),
        ("Zo\u00eb", "id,name\n1,Zoe\u0308\n".encode(), True),
    ],
)
def test_value_is_found_however_it_is_written(
    value: str, content: bytes, expected: bool
) -> None:
    content = zstandard(content)
    assert holds(io.BytesIO(content), Person([value], "name")) == expected


def zstandard(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def test_values_in_parquet_are_compared_by_what_they_mean() -> None:
    table = pa.table(
        {
            "date": pa.array([datetime.date(2024, 1, 5), None]),
            "time": pa.array([None, datetime.datetime(2024, 1, 5)], pa.timestamp("ns")),
            "price": pa.array([Decimal("1.50"), Decimal("2")], pa.decimal128(9, 2)),
            "list": pa.array([[1, 2], [17]]),
            "texts": pa.array([["a", "Zoe\u0308"], None]),
            "inner": pa.array([None, {"a": {"b": "x 17"}, "c": 1.0}]),
            "map": pa.array([[("k", 18)], []], pa.map_(pa.string(), pa.int64())),
            "bytes": pa.array([b"19", None]),
            "text": pa.array(["00020", "1.234"]),
        }
    )
    for column, value, expected in (
        ("date", "2024-01-05", [True, False]),
        ("time", "2024-01-05", [False, True]),
        ("price", "1.5", [True, False]),
        ("list", "17", [False, True]),
        ("texts", "Zoë", [True, False]),
        ("map", "18", [True, False]),
        ("bytes", "19", [True, False]),
        ("text", "20", [True, False]),
        ("text", "1234", [False, True]),
        (None, "17", [False, True]),
        (None, "2024-01-05", [True, True]),
        (None, "nothing", [False, False]),
    ):
        assert matches(table, Person([value], column)).to_pylist() == expected, column
