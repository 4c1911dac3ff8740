"""The encoding of a file is detected, and its text read as UTF-8 in blocks."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.reading.encoding import (
    BLOCK,
    detect_encoding,
    encoding_of_mark,
    first_bytes,
    text_blocks,
    undecodable_bytes,
    wrong_encoding,
)

UNICODE = "id,name\n1,Müller\n2,日本\n3,😀\n"


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
    path.write_bytes(UNICODE.encode(written))
    assert read(path, named) == UNICODE
    assert first_bytes(path) == path.read_bytes()
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read(packed, named) == UNICODE
    assert first_bytes(packed) == path.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("shift", range(4))
def test_character_may_lie_across_blocks(
    tmp_path: Path, encoding: str, shift: int
) -> None:
    text = "x" * shift + "😀" * (BLOCK // 3)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    assert read(path, encoding) == text


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
    assert encoding_of_mark(b"a") is None


TEXT = "id,name\n1,Ada\n2,Müller\n3,Ada\n4,Köln\n"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("ascii", "utf-8"),
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_unicode_is_found_without_a_word(
    tmp_path: Path, written: str, found: str
) -> None:
    path = write(tmp_path, TEXT.encode(written, errors="ignore"))
    assert detect_encoding(path) == (found, None)


def test_windows_1252_is_found_and_shown(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT.encode("cp1252"))
    found, finding = detect_encoding(path)
    assert found == "cp1252"
    assert str(finding) == (
        f'{path} line 3: "Müller" is not UTF-8, but looks like this in windows-1252'
        " (2 rows). Fix: Set `encoding: cp1252` in metadata of data/schema.yaml"
        " if that is right."
    )


def test_windows_1252_may_hold_what_looks_like_utf8_by_chance(tmp_path: Path) -> None:
    path = write(tmp_path, "id\nGroß\u2013klein\nMüller\n".encode("cp1252"))
    assert detect_encoding(path)[0] == "cp1252"


def test_mixed_encodings_are_reported_with_a_line_of_each(tmp_path: Path) -> None:
    good = "id,name\n1,Müller\n".encode()
    path = write(tmp_path, good + '2,"Köln, alt"\n'.encode("cp1252"))
    found, finding = detect_encoding(path)
    assert found == ""
    assert str(finding) == (
        f'{path} line 3: "K\\xf6ln" is not UTF-8, but line 2 is ("Müller"):'
        " it mixes encodings (1 row). Fix: Export it again, all of it as UTF-8."
    )


@pytest.mark.parametrize(
    "content",
    [
        "name\n\u0416\u0419\n".encode("cp1251"),
        "name\nH\x81llo\n".encode("latin-1"),
    ],
)
def test_other_encodings_are_not_guessed(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    found, finding = detect_encoding(path)
    assert found == ""
    assert f"{path} line 2: " in str(finding)
    assert "is not UTF-8 (1 row)" in str(finding)
    assert "set `encoding` in metadata of data/schema.yaml" in str(finding)


def test_file_that_ends_within_a_character_is_truncated(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1,Zoë".encode()[:-1])
    found, finding = detect_encoding(path)
    assert found == ""
    assert f"{path} line 2: " in str(finding)
    assert "is truncated in the middle of a character. Fix: Copy" in str(finding)


def test_line_counts_also_where_lines_end_as_on_old_macs(tmp_path: Path) -> None:
    path = write(tmp_path, "id\rAda\rMüller\r".encode("cp1252"))
    finding = detect_encoding(path)[1]
    assert finding is not None
    assert finding.line == 3


@pytest.mark.parametrize(
    ("written", "named"),
    [("utf-8", "utf-16"), ("utf-16", "utf-8"), ("utf-16-le", "utf-8")],
)
def test_encoding_other_than_named_is_reported(
    tmp_path: Path, written: str, named: str
) -> None:
    path = write(tmp_path, TEXT.encode(written))
    assert str(wrong_encoding(path, named)) == (
        f"{path}: is {written}, not {named}."
        f" Fix: Set `encoding: {written}` in metadata of data/schema.yaml."
    )


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
def test_undecodable_bytes_are_reported_with_their_line(
    tmp_path: Path, encoding: str
) -> None:
    bad = {"cp1252": b"\x81\n", "utf-16-le": b"\x00\xd8\x0a\x00"}[encoding]
    path = write(tmp_path, "id\n1\n".encode(encoding) + bad)
    finding = undecodable_bytes(path, encoding)
    assert finding.line == 3
    assert f"is not text in {encoding}. Fix: Export it as UTF-8" in str(finding)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1251", "Казань Самара Санкт-Петербург"),
        ("koi8_r", "Казань Самара"),
        ("cp866", "Казань Самара"),
        ("cp932", "東京 大阪 横浜市"),
        ("gb18030", "北京 上海 广州"),
        ("big5", "台北 高雄 臺中"),
        ("cp949", "서울 부산"),
        ("cp1250", "Łódź Kraków Wrocław"),
        ("cp1253", "Αθήνα Πάτρα"),
        ("cp1255", "ירושלים חיפה"),
        ("cp1256", "القاهرة الرياض"),
        ("mac_roman", "Zürich Genève"),
        ("cp850", "Zürich Köln"),
    ],
)
def test_likely_encodings_are_shown_with_a_text_in_each(
    tmp_path: Path, encoding: str, words: str
) -> None:
    names = words.split()
    rows = "".join(f"{n},{names[n % len(names)]}\n" for n in range(30))
    found, finding = detect_encoding(
        write(tmp_path, f"id,name\n{rows}".encode(encoding))
    )
    assert found == ""
    assert f'{encoding} ("{names[0]}")' in str(finding)
    assert "it mixes encodings" not in str(finding)


def test_other_western_encodings_are_named_beside_windows_1252(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1,İstanbul\n2,Muğla\n".encode("cp1254"))
    found, finding = detect_encoding(path)
    assert found == "cp1252"
    assert 'cp1254 ("İstanbul")' in str(finding)
