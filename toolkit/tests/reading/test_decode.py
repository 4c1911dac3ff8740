"""Tests of reproducible_ml.reading.encoding."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.reading.encoding import (
    BLOCK,
    encoding_of_mark,
    first_bytes,
    text_blocks,
)

TEXT = "id,name\n1,Müller\n2,日本\n3,😀\n"


def read(file: Path, encoding: str) -> str:
    return b"".join(text_blocks(file, encoding)).decode()


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_text_is_the_same_in_every_encoding(
    tmp_path: Path, written: str, named: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(written))
    assert read(path, named) == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("shift", range(4))
def test_character_may_lie_across_blocks(
    tmp_path: Path, encoding: str, shift: int
) -> None:
    text = "x" * shift + "😀" * (BLOCK // 3)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    assert read(path, encoding) == text


def test_compressed_text_is_decompressed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert read(path, "utf-8") == TEXT
    assert first_bytes(path) == TEXT.encode()


@pytest.mark.parametrize("size", [10, BLOCK - 4, BLOCK, 2 * BLOCK - 4])
def test_lines_that_end_as_on_old_macs_end_in_newlines(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\r" + b"x" * size + b"\r2\r\r3\r")
    assert read(path, "utf-8").endswith("x\n2\n\n3\n")


def test_other_line_ends_may_follow_those_of_old_macs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\r" + b"x" * (3 * BLOCK - 4) + b"\r\n2\r3\n")
    assert read(path, "utf-8").endswith("x\n2\n3\n")


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a\r\n1\r\n")
    assert read(tmp_path / "a.csv", "utf-8") == "a\r\n1\r\n"


@pytest.mark.parametrize("content", [b"a\n\xfc\n", b"a\n\xc3", b"\xed\xa0\x80\n"])
def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(pa.ArrowInvalid):
        read(tmp_path / "a.csv", "utf-8")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(b"\x81", "cp1252"), ("a".encode("utf-16")[:-1], "utf-16"), (b"a\0", "utf-16")],
)
def test_bytes_that_mean_nothing_in_an_encoding_are_refused(
    tmp_path: Path, content: bytes, encoding: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UnicodeDecodeError):
        read(tmp_path / "a.csv", encoding)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    assert encoding_of_mark("a".encode(encoding)) == encoding


def test_without_byte_order_mark_nothing_is_told() -> None:
    assert encoding_of_mark(b"a") is None
