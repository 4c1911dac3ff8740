"""Detect the type of a file from its first bytes, and reject files of wrong types."""

import bz2
import json
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from reproducible_ml.core.errors import UserError

# Number of bytes that are examined.
HEAD_BYTES = 1 << 16

# Compressions that can be read, by the suffix of the file.
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}

# File types by suffix; files with other suffixes are CSV.
EXPECTED_TYPES = {
    ".parquet": "parquet",
    ".json": "json_lines",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
}

# Byte-order marks and their encodings. That of UTF-32 begins like that of UTF-16.
BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

# The header of a table may be "PK" or "PAR1", so each pattern has bytes that do not
# occur in text.
BINARY = {
    "gzip": rb"\x1f\x8b\x08",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "bzip2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\x00",
    "7z": rb"7z\xbc\xaf\x27\x1c",
    "spreadsheet": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|PK\x03\x04.{26}"
    rb"(\[Content_Types\]|_rels/|docProps/|xl/|mimetypeapplication/vnd\.oasis)",
    "zip": rb"PK(\x03\x04|\x05\x06)",
    "tar": rb".{257}ustar[\x00 ]",
    "parquet": rb"PAR1[\x00-\x08\x0e-\x1f]",
    "arrow": rb"ARROW1\x00\x00",
    "avro": rb"Obj\x01",
    "hdf5": rb"\x89HDF\r\n\x1a\n",
    "numpy": rb"\x93NUMPY",
    "pickle": rb"\x80[\x02-\x05]",
    "pdf": rb"%PDF-\d\.\d",
    "sqlite": rb"SQLite format 3\x00",
    "duckdb": rb".{8}DUCK..\x00\x00",
    "stata": rb"<stata_dta><header>|[\x69\x6c-\x6f\x71-\x73][\x01\x02]\x01\x00",
    "spss": rb"\$FL[23]@\(#\)|[\x20-\x7e\r\n]{0,200}?ASCII SPSS PORT FILE",
    "sas": rb"\x00{12}\xc2\xea\x81\x60|HEADER RECORD\*{7}LIB",
    "orc": rb"ORC.{0,16}?[\x00-\x08\x0e-\x1f]",
    "r": rb"(RD[AX][2-4]\n)?(X\n\x00\x00\x00[\x02\x03]|B\n[\x02\x03]\x00\x00\x00"
    rb"|A\n[23]\n\d{6}\n(131840|197888)\n)",
    "access": rb"\x00\x01\x00\x00Standard (Jet|ACE) DB",
    "matlab": rb"MATLAB [57]\.[0-9] MAT-file",
    "netcdf": rb"CDF[\x01\x02\x05]\x00",
    "feather": rb"FEA1[\x00-\x08\x0e-\x1f]",
    "rar": rb"Rar!\x1a\x07",
    "lz4": rb"\x04\x22\x4d\x18",
    "image": rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|(II\*\x00|MM\x00\*)",
}
# Control characters that text has, delimiters of some exports among them.
TEXT_CONTROLS = b"\x00\x01\x02\x03\t\n\r\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f"
NO_CONTROLS = bytes(b for b in range(256) if b >= 32 or b in TEXT_CONTROLS)
# So many kinds of other ones, and this share of them, are binary data.
CONTROLS, CONTROLS_SHARE = 4, 0.005

# Compressions that R uses, whatever the names of its files are.
PACKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}

TEXT = {
    "lfs": r"version https://git-lfs\.github\.com/spec/",
    # Other keys, nested or not, may precede the list of files.
    "dvc": r"(?:(?:[\w-]+:| |#|- )[^\n]*\n)*?(?:outs|deps):\s*\n\s*- [\w-]+: ",
    "html": r"(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*"
    r"(?:<!doctype\s+html|<(?:html|head|body)[^>]*>\s*<)",
    "xml": r"<\?xml\s+version",
}

EXPORT = "save the table as CSV (UTF-8)"
IN_PANDAS = "`pandas.read_{}(...).to_csv(..., index=False)` does"
TO_LINES = (
    '`pandas.read_json("{name}").to_json("{stem}.jsonl", orient="records", lines=True)`'
)
UNPACK = "take the table out of it"
QUERY = '--query "SELECT ..." --key COLUMNS'
PROBLEMS = {
    "empty": "is empty: export it again",
    "csv": "is plain text: rename it to {stem}.csv if it is a table",
    "json_lines": "holds JSON: rename it to {stem}.jsonl if each line is a row",
    "json": "is one JSON value: write one object per line to {stem}.jsonl, as"
    f" {TO_LINES} does",
    "json_joined": "has several JSON objects on one line: write one object per line to"
    " lines.jsonl, as `jq -c . {name} > lines.jsonl` does",
    "parquet": "is Parquet: rename it to {stem}.parquet",
    "unpacked": "is not compressed: rename it to {name}",
    "twice": "is compressed twice: decompress it once",
    "gzip": "is compressed by gzip: rename it to {name}.gz",
    "zstd": "is compressed by zstd: rename it to {name}.zst",
    "bzip2": "is compressed by bzip2: run `bunzip2`, or compress it by gzip",
    "xz": "is compressed by xz: run `unxz`, or compress it by gzip",
    "7z": f"is a 7z archive: {UNPACK}",
    "zip": f"is a zip archive: {UNPACK}",
    "tar": f"is a tar archive: {UNPACK}",
    "spreadsheet": "is a spreadsheet: save it as CSV (UTF-8)",
    "arrow": "is an Arrow or Feather file: save it as Parquet",
    "avro": "is an Avro file: save it as Parquet",
    "hdf5": f"is an HDF5 file: {EXPORT}",
    "numpy": f"is a NumPy file: {EXPORT}",
    "pickle": f"is a pickle, which may run code when loaded: {EXPORT}",
    "pdf": f"is a PDF document: {EXPORT}",
    "sqlite": f"is an SQLite database: run `rml data sqlite:///{{path}} {QUERY}`",
    "duckdb": f"is a DuckDB database: run `rml data duckdb:///{{path}} {QUERY}`",
    "lfs": "is a Git LFS pointer, not data: run `git lfs pull`",
    "dvc": "is a DVC pointer, not data: run `dvc pull`",
    "html": "is a web page, perhaps a login or error page: download the file itself",
    "stata": f"is a Stata file, which is binary: {EXPORT}, as"
    f" {IN_PANDAS.format('stata')}",
    "spss": f"is an SPSS file, which is binary: {EXPORT}, in SPSS by Save As",
    "sas": f"is a SAS file, which is binary: {EXPORT}, as {IN_PANDAS.format('sas')}",
    "orc": "is an ORC file: save it as Parquet, as "
    "`pandas.read_orc(...).to_parquet(...)` does",
    "r": f"is a file of R, which is binary: {EXPORT}, in R by `write.csv(table,"
    ' "table.csv", row.names = FALSE)`',
    "access": f"is an Access database: {EXPORT}",
    "matlab": f"is a MATLAB file: {EXPORT}",
    "netcdf": f"is a NetCDF file: {EXPORT}",
    "feather": "is an Arrow or Feather file: save it as Parquet",
    "rar": f"is a rar archive: {UNPACK}",
    "lz4": "is compressed by lz4: decompress it, or compress it by gzip",
    "image": f"is an image, not a table: {EXPORT}",
    "binary": f"is binary, not text: {EXPORT}",
    "xml": f"is XML, perhaps a server's error: download it again, or {EXPORT}",
}


def compression(file: Path) -> str | None:
    """Return the compression that the suffix of a file stands for, if any."""
    return COMPRESSED.get(file.suffix.lower())


def open_bytes(file: Path) -> pa.NativeFile:
    """Open a file for reading; it is decompressed if its suffix says so."""
    return pa.input_stream(file, compression=compression(file))


def reject_wrong_type(file: Path) -> None:
    """Check that the type of a file is that of its suffix.

    Raises:
        UserError: A line that says what it is instead, and what to do.
    """
    name = file.with_suffix("") if compression(file) else file
    expected = EXPECTED_TYPES.get(name.suffix.lower(), "csv")
    found = file_type(file)
    if found != expected:
        raise UserError(_problem(file, name, found))


def reject_unknown_name(file: Path) -> None:
    """Reject a file whose suffix is not that of a table.

    Raises:
        UserError: A line that says what it is, and what to do.
    """
    raise UserError(_problem(file, file, file_type(file)))


def _problem(file: Path, name: Path, found: str) -> str:
    names = {"name": name.name, "stem": name.stem, "path": file.absolute()}
    return f"{file}: {PROBLEMS[found].format(**names)}"


def file_type(file: Path) -> str:
    """Return the type of the content of a file, a key of `PROBLEMS`.

    Text that is nothing else is "csv", whatever its delimiter and encoding. For a
    compressed file it is the type of the decompressed content, if its compression is
    that of its suffix.
    """
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    outside = _binary(head)
    if compression(file) is None or not head:
        return outside or _text_type(head)
    if outside != compression(file):
        return outside or "unpacked"
    head = _decompressed_head(file)
    inside = _binary(head) or _text_type(head)
    return "twice" if inside in COMPRESSED.values() else inside


def _decompressed_head(file: Path) -> bytes:
    """Return the first bytes of the decompressed content."""
    with open_bytes(file) as opened:
        try:
            return bytes(opened.read(HEAD_BYTES))
        except OSError as error:
            problem = "compressed data is damaged or truncated: copy it again"
            raise UserError(f"{file}: {problem}") from error


def _binary(head: bytes) -> str | None:
    types = (t for t, p in BINARY.items() if re.match(p, head, re.DOTALL))
    found = next(types, None)
    if found in PACKERS:
        return "r" if _is_of_r(head, found) else found
    return found or ("binary" if _has_controls(head) else None)


def _is_of_r(head: bytes, packer: str) -> bool:
    try:
        inside = PACKERS[packer]().decompress(head, HEAD_BYTES)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False
    return re.match(BINARY["r"], inside) is not None


def _has_controls(head: bytes) -> bool:
    """Say whether there are control characters as in no text of any encoding."""
    if head.startswith(tuple(BYTE_ORDER_MARKS)) or _is_utf16(head):
        return False
    found = head.translate(None, NO_CONTROLS)
    return len({*found}) >= CONTROLS and len(found) > CONTROLS_SHARE * len(head)


def _is_utf16(head: bytes) -> bool:
    """Say whether the text has line ends of UTF-16 without a mark."""
    return any(end in head for end in (b"\n\0", b"\0\n", b"\r\0"))


def _text_type(head: bytes) -> str:
    encodings = (
        name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)
    )
    text = head.decode(next(encodings, "utf-8"), errors="replace")
    # UTF-16 without a mark looks like ASCII with zero bytes between the characters.
    text = text.replace("\0", "").lstrip()
    if not text and len(head) < HEAD_BYTES:
        return "empty"
    flags = re.DOTALL | re.IGNORECASE
    types = (t for t, p in TEXT.items() if re.match(p, text, flags))
    return next(types, None) or _json_type(text) or "csv"


def _json_type(text: str) -> str | None:
    """Return the type of JSON; None for a CSV header such as `{a},[b]`."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # Longer than the head, or invalid: only its beginning can be examined.
        return _json_beginning(text)
    after = text[end:].lstrip(" \t\r")
    if isinstance(value, dict) and after.startswith(("{", ",{", ", {")):
        return "json_joined"
    if isinstance(value, dict) and _is_by_columns(value) and not after.strip():
        return "json"
    if isinstance(value, dict) and after[:1] in ("", "\n"):
        return "json" if "\n" in text[:end] else "json_lines"
    return "json" if not after.strip() or after.startswith("\n[") else None


def _is_by_columns(value: dict[str, object]) -> bool:
    """Say whether an object holds a whole table: lists or objects with its values."""
    values = value.values()
    inside = [v for v in values if isinstance(v, dict | list)]
    return len(inside) == len(values) and any(len(v) > 1 for v in inside)


def _json_beginning(text: str) -> str | None:
    if re.match(r'\{ *"[^"\n]*" *:', text):
        return "json_lines"
    return "json" if re.match(r'(\[\s*)+\{\s*"|\{\s*"[^"]*"\s*:', text) else None
