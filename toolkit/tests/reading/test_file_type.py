"""Files whose content is not what their name says are rejected with the fix."""

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.file_type import file_type, reject_wrong_type

TABLE = b"id,name\n1,Ada\n2,Bob\n"


def problems(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        reject_wrong_type(file)
    message = str(error.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def packed(*names: str, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"id": [1, 2]}).to_parquet(buffer)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("people.csv")
        member.size = len(TABLE)
        archive.addfile(member, io.BytesIO(TABLE))
    return buffer.getvalue()


def numpy_file() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: export it again"),
        (b" \n\r\n\t\n", "is empty: export it again"),
        (b"\xef\xbb\xbf\n", "is empty: export it again"),
        (b"\xff\xfe", "is empty: export it again"),
        (gzip.compress(TABLE), "is compressed by gzip: rename it to people.csv.gz"),
        (zstd(TABLE), "is compressed by zstd: rename it to people.csv.zst"),
        (bz2.compress(TABLE), "is compressed by bzip2: run `bunzip2`"),
        (lzma.compress(TABLE), "is compressed by xz: run `unxz`"),
        (packed("people.csv"), "is a zip archive: take the table out of it"),
        (tarred(), "is a tar archive: take the table out of it"),
        (packed("[Content_Types].xml", "xl/a.xml"), "is a spreadsheet: save it as CSV"),
        (packed("docProps/app.xml", "xl/a.xml"), "is a spreadsheet: save it as CSV"),
        (
            packed(
                "mimetype",
                content=b"application/vnd.oasis.opendocument.spreadsheet",
            ),
            "is a spreadsheet: save it as CSV (UTF-8)",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is a spreadsheet: save it"),
        (b"<!DOCTYPE html><p>Log in", "is a web page"),
        (b"\n<html lang='en'>\n<body>404</body>", "download the file itself"),
        (b"<!-- made today -->\n<!doctype HTML>", "is a web page"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>', "is XML"),
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document: save the table as CSV"),
        (parquet(), "is Parquet: rename it to people.parquet"),
        (pickle.dumps({"id": [1]}), "is a pickle, which may run code when loaded"),
        (numpy_file(), "is a NumPy file: save the table as CSV"),
        (b'[{"id": 1}, {"id": 2}]', "is one JSON value: write one object per line"),
        (b'[\n  {"id": 1},', "is one JSON value: write one object per line"),
        (b'{\n  "id": 1\n}\n', "is one JSON value: write one object per line"),
        (b'{"id": 1}\n{"id": 2}\n', "holds JSON: rename it to people.jsonl"),
        ('{"id": 1}\n'.encode("utf-16"), "holds JSON: rename it to people.jsonl"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
            "is a Git LFS pointer, not data: run `git lfs pull`",
        ),
        (
            b"outs:\n- md5: 6137cde4893c59f76f005a8123d8e8e6\n  path: people.csv\n",
            "is a DVC pointer, not data: run `dvc pull`",
        ),
        (
            b"md5: 6137\nfrozen: true\nmeta:\n  by: me\ndeps:\n- path: x.csv\nouts:\n",
            "is a DVC pointer, not data: run `dvc pull`",
        ),
    ],
)
def test_what_is_no_csv_is_reported_with_the_fix(
    tmp_path: Path, content: bytes, words: str
) -> None:
    assert words in problems(tmp_path / "people.csv", content)


def test_database_under_the_name_of_a_table_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with sqlite3.connect(path) as database:
        database.execute("create table people (id integer)")
    database.close()
    words = f"is an SQLite database: run `rml data sqlite:///{path} --query"
    assert words in problems(path, path.read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,Ada\n",
        "{id},[name]\n1,2\n",
        '{"id": 1},b\n1,2\n',
        "[1],[2],[3]\n1,2,3\n",
        "<html>,<body>\n1,2\n",
        "<id>,b\n1,2\n",
        "PK,name\n1,2\n",
        "PAR1,PAR2\n1,2\n",
        "BZh9,b\n1,2\n",
        "md5,size\n0cc1,2\n",
        "md5: sum,size\n1,2\n",
        "outs:,deps:\n1,2\n",
        "%PDF,b\n1,2\n",
        "version https,b\n1,2\n",
        "Obj,SQLite\n1,2\n",
        "\n\nid,name\n1,2\n",
        "x\n" + "0" * 300,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_strange_header_is_still_csv(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode(encoding))
    assert file_type(path) == "csv"
    reject_wrong_type(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv.gz", gzip.compress(TABLE)),
        ("people.csv.zst", zstd(TABLE)),
        ("people.parquet", parquet()),
        ("people.jsonl", b'{"id": 1}\n{"id": 2}\n'),
        ("people.ndjson", b'{"id": 1}\n{"id": 2}\n'),
        ("people.json", b'{"id": 1}\n{"id": 2}\n'),
        ("people.tsv", b"id\tname\n1\tAda\n"),
        ("people.jsonl", b'{"id": 1}'),
        ("people.jsonl", b'{"text": "' + b"x" * 100_000 + b'"}\n'),
        ("people.jsonl.gz", gzip.compress(b'{"id": 1}\n')),
    ],
)
def test_file_that_is_what_its_name_says_is_taken(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    reject_wrong_type(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv.gz", TABLE, "is not compressed: rename it to a.csv"),
        ("a.csv.gz", b"", "is empty: export it again"),
        ("a.csv.gz", gzip.compress(b"\n"), "is empty: export it again"),
        ("a.csv.gz", zstd(TABLE), "is compressed by zstd: rename it to a.csv.zst"),
        ("a.csv.gz", gzip.compress(gzip.compress(TABLE)), "is compressed twice"),
        ("a.csv.gz", gzip.compress(tarred()), "is a tar archive"),
        ("a.csv.gz", gzip.compress(TABLE)[:15], "damaged or truncated: copy it again"),
        ("a.csv.zst", packed("a.csv"), "is a zip archive"),
        ("a.parquet", TABLE, "is plain text: rename it to a.csv"),
        ("a.parquet", b"", "is empty: export it again"),
        ("a.jsonl", TABLE, "is plain text: rename it to a.csv"),
        ("a.jsonl", b'[{"id": 1}]', "is one JSON value: write one object per line"),
        ("a.jsonl", parquet(), "is Parquet: rename it to a.parquet"),
        ("a.jsonl.gz", gzip.compress(TABLE), "is plain text: rename it to a.csv"),
    ],
)
def test_name_that_promises_something_else_is_reported(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    assert words in problems(tmp_path / name, content)
