"""Files that are no sound text tables: empty, encoded otherwise, cut off, misshapen."""

import bz2
import gzip
import io
import lzma
import re

import pyarrow as pa
import pyarrow.parquet as pq

from .tables import (
    FRAME,
    LINES,
    TEXT,
    Table,
    changed,
    csv,
    joined,
    json_lines,
    parquet,
    replaced,
    text,
    with_line,
    zipped,
)

ZURICH = "50,1.0,Zürich,true,2024-01-01,1,no\n"
CONFLICT = ["<<<<<<< HEAD", LINES[8], "=======", LINES[9], ">>>>>>> theirs"]
QUOTED = TEXT.replace(",Bonn,", ',"Bonn\n(Rhein)",', 3)


def twice() -> bytes:
    """Return a Parquet file in which two columns have one name."""
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    names = ["age" if name == "visits" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), content := io.BytesIO())
    return content.getvalue()


CONTENT: dict[str, Table] = {
    "empty": text(""),
    "blank": text("\n\n \n"),
    "header only": text(LINES[0] + "\n"),
    "one row": text("\n".join(LINES[:2])),
    "gzip under .csv": Table(gzip.compress(TEXT.encode())),
    "bzip2 under .csv": Table(bz2.compress(TEXT.encode())),
    "xz under .csv": Table(lzma.compress(TEXT.encode())),
    "zip under .csv": Table(zipped("people.csv")),
    "text under .csv.gz": Table(TEXT.encode(), "people.csv.gz"),
    "damaged gzip": Table(gzip.compress(TEXT.encode())[:-100], "people.csv.gz"),
    "spreadsheet": Table(zipped("[Content_Types].xml", "xl/workbook.xml")),
    "old spreadsheet": Table(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)),
    "few rows of many columns": text(
        "\n".join(",".join(f"{r}{n}" for n in range(900)) for r in "x12").replace(
            "x899", "bought"
        )
    ),
    "binary Stata file": Table(b"<stata_dta><header>" + bytes(99), "people.dta"),
    "Parquet without rows": Table(parquet(FRAME[:0]), "people.parquet"),
    "Parquet with one name twice": Table(twice(), "people.parquet"),
    "suffix in upper case": Table(TEXT.encode(), "PEOPLE.CSV"),
    "Parquet under .csv": Table(parquet(FRAME)),
    "damaged Parquet": Table(parquet(FRAME)[:-100], "people.parquet"),
    "web page": text("<!DOCTYPE html>\n<html><body>Log in, please</body></html>\n"),
    "XML": text('<?xml version="1.0"?>\n<Error>AccessDenied</Error>\n'),
    "JSON": text('[{"age": 1, "bought": "no"}]\n'),
    "JSON lines under .csv": Table(json_lines(FRAME)),
    "PDF": text("%PDF-1.7\n1 0 obj\n"),
    "SQLite": Table(b"SQLite format 3\0" + bytes(100)),
    "DVC pointer": text("outs:\n- md5: 0123\n  path: people.csv\n"),
    "Git LFS pointer": text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"
    ),
}

ENCODINGS: dict[str, Table] = {
    "byte-order mark": text(TEXT, "utf-8-sig"),
    "UTF-16": text(TEXT, "utf-16"),
    "UTF-16 without mark": text(TEXT, "utf-16-be"),
    "windows-1252": text(TEXT.replace("Bonn", "Köln"), "cp1252"),
    "Cyrillic": text(TEXT.replace("Bonn", "Москва"), "cp1251"),
    "mixed encodings": Table(
        changed(9, "city", "Köln").content + ZURICH.encode("cp1252")
    ),
    "cut in a character": Table((TEXT + ZURICH).encode()[:-27]),
    "NUL bytes": changed(9, "city", "Bo\0nn"),
    "CR only": text(TEXT.replace("\n", "\r")),
    "Windows line ends": text(TEXT.replace("\n", "\r\n")),
    "CR and LF line ends": text(TEXT.replace("\n", "\r", 100)),
    "mixed line ends": text(TEXT.replace("\n", "\r\n", 100)),
}

FORM: dict[str, Table] = {
    "semicolons": text(TEXT.replace(",", ";")),
    "semicolons, told by sep=": text("sep=;\n" + TEXT.replace(",", ";")),
    "odd delimiter": text(TEXT.replace(",", "^")),
    "rows quoted whole": joined([LINES[0], *(f'"{t}"' for t in LINES[1:])]),
    "preamble": text("Customers of 2024\n\nexported by Ann\n" + TEXT),
    "long row": replaced(9, lambda line: line + ",1"),
    "short row": replaced(9, lambda line: line.rsplit(",", 1)[0]),
    "ragged rows": text(
        "".join(f"{t}{',x' * (n % 5 == 4)}\n" for n, t in enumerate(LINES))
    ),
    "cut off": Table(TEXT.encode().rstrip(b"\n").rsplit(b",", 2)[0]),
    "delimiter at the end of a row": replaced(9, lambda line: line + ","),
    "delimiter at the end of rows": joined([LINES[0], *(t + "," for t in LINES[1:])]),
    "delimiter at the end of lines": joined([line + "," for line in LINES]),
    "unclosed quote": text(TEXT.replace(",Rome,", ',"Rome,', 1)),
    "quote that takes another's end": replaced(
        9, lambda line: line.replace(",false,", ',"false,').replace(",true,", ',"true,')
    ),
    "unclosed last quote": text(TEXT + '50,1.0,Rome,true,2024-01-01,1,"no\n'),
    "quote within quotes": replaced(
        9, lambda line: re.sub(",([A-Z][a-z]+),", r',"Bo"n"n",', line)
    ),
    "quoted line ends": text(QUOTED),
    "merge conflict": joined([*LINES[:8], *CONFLICT, *LINES[10:]]),
    "repeated header": with_line(9, LINES[0]),
    "repeated header of other names": with_line(
        9, LINES[0].replace("member", "client")
    ),
    "units below the header": with_line(2, "years,EUR,-,-,-,-,-"),
    "names below the header": with_line(2, "Alter,Lohn,Ort,Mitglied,Tag,Besuche,Kauf"),
    "totals": text(TEXT + "Total,600000.0,,,,1000,\n"),
    "no header": joined(LINES[1:]),
    "doubled column": text(TEXT.replace("visits", "age", 1)),
    "nameless column": text(TEXT.replace("visits", "", 1)),
    "index column": text(FRAME.to_csv()),
    "look-alike names": text(TEXT.replace("visits", "\u0430ge", 1)),
    "names that differ in blanks": text(TEXT.replace("visits", "age ", 1)),
    "names that differ in case": text(TEXT.replace("visits", "Age", 1)),
    "name with a blank": text(TEXT.replace("visits", "visits ", 1)),
    "missing target": csv(FRAME.drop(columns="bought")),
    "misspelled target": csv(FRAME.rename(columns={"bought": "bougth"})),
    "target in another case": text(TEXT.replace("bought", "BOUGHT", 1)),
    "very long value": changed(9, "city", "x" * 3_000_000),
}
