"""Tables as they should not be: each a clean one with one thing wrong.

`TABLES` maps the name of a flaw to the bytes of a file, the verdict of `make data`, and
words that its message must hold: the place and the fix.
"""

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

Verdict = Literal["reject", "warn", "accept"]


class Broken(NamedTuple):
    """A file, what is to be said about it, and where."""

    content: bytes
    verdict: Verdict
    words: tuple[str, ...]
    name: str = "people.csv"


def clean(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    """Return a table with nothing wrong: a column of every kind, and a target."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    joined = pd.Timestamp("2023-01-01") + pd.to_timedelta(
        random.integers(0, 700, rows), "D"
    )
    score = age / 20 + random.normal(0, 1, rows)
    return pd.DataFrame(
        {
            "age": age,
            "income": random.normal(3000, 500, rows).round(2),
            "city": random.choice(["Bonn", "Oslo", "Rome"], rows),
            "member": random.choice(["true", "false"], rows),
            "joined": joined.strftime("%Y-%m-%d"),
            "visits": random.poisson(5, rows),
            "bought": np.where(score > np.median(score), "yes", "no"),
        }
    )


FRAME = clean()
TEXT = FRAME.to_csv(index=False)
LINES = TEXT.splitlines()


def changed(line: int, column: str, value: str) -> bytes:
    """Return the file with one value changed; lines count from 1, as editors do."""
    frame = FRAME.astype(str)
    frame.loc[line - 2, column] = value
    return frame.to_csv(index=False).encode()


def with_line(line: int, text: str) -> bytes:
    """Return the file with a line put in, so that it has this number."""
    return "\n".join([*LINES[: line - 1], text, *LINES[line - 1 :]]).encode() + b"\n"


def replaced(line: int, change: Callable[[str], str]) -> bytes:
    """Return the file with one line changed."""
    lines = [change(t) if n == line else t for n, t in enumerate(LINES, 1)]
    return "\n".join(lines).encode() + b"\n"


def column(name: str, values: Any) -> bytes:
    """Return the file with a column of its own, before the target."""
    frame = FRAME.copy()
    frame.insert(len(frame.columns) - 1, name, values)
    return frame.to_csv(index=False).encode()


def target(values: Any) -> bytes:
    """Return the file with another target."""
    return FRAME.assign(bought=values).to_csv(index=False).encode()


def spreadsheet() -> bytes:
    """Return the beginning of what Excel writes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


def zipped() -> bytes:
    """Return the table in a zip file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("people.csv", TEXT)
    return content.getvalue()


BOUGHT = FRAME["bought"].to_numpy()
MANY = np.arange(len(FRAME))
ODD = MANY % 2 == 1
FEW = MANY % 40 == 0
ZURICH = "50,1.0,Zürich,true,2024-01-01,1,no\n"
DAYS = [f"{x % 28 + 1:02}" for x in MANY]
OPPOSITE = np.where(BOUGHT == "yes", "no", "yes")

TABLES: dict[str, Broken] = {
    # Files
    "clean": Broken(TEXT.encode(), "accept", ()),
    "empty": Broken(b"", "reject", ("is empty",)),
    "blank": Broken(b"\n\n \n", "reject", ("empty",)),
    "header only": Broken((LINES[0] + "\n").encode(), "reject", ("no rows",)),
    "byte-order mark": Broken(TEXT.encode("utf-8-sig"), "accept", ()),
    "UTF-16": Broken(TEXT.encode("utf-16"), "accept", ()),
    "latin-1": Broken(
        TEXT.replace("Bonn", "Köln").encode("cp1252"), "warn", ("windows-1252", "Köln")
    ),
    "mixed encodings": Broken(
        changed(9, "city", "Köln")
        + "5,1.0,Zürich,true,2024-01-01,1,no\n".encode("cp1252"),
        "reject",
        ("line 202", "encoding"),
    ),
    "NUL bytes": Broken(changed(9, "city", "Bo\0nn"), "reject", ("line 9", "NUL")),
    "CR only": Broken(TEXT.replace("\n", "\r").encode(), "accept", ()),
    "Windows line ends": Broken(TEXT.replace("\n", "\r\n").encode(), "accept", ()),
    "gzip under .csv": Broken(
        gzip.compress(TEXT.encode()), "reject", ("gzip", ".csv.gz")
    ),
    "zip under .csv": Broken(zipped(), "reject", ("zip",)),
    "spreadsheet": Broken(spreadsheet(), "reject", ("spreadsheet", "CSV")),
    "old spreadsheet": Broken(
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "reject", ("spreadsheet",)
    ),
    "web page": Broken(
        b"<!DOCTYPE html>\n<html><body>Log in, please</body></html>\n",
        "reject",
        ("web page",),
    ),
    "JSON": Broken(b'[{"age": 1, "bought": "no"}]\n', "reject", ("JSON",)),
    "DVC pointer": Broken(
        b"outs:\n- md5: 0123\n  path: people.csv\n", "reject", ("dvc pull",)
    ),
    "Git LFS pointer": Broken(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n",
        "reject",
        ("git lfs pull",),
    ),
    # Form
    "semicolons": Broken(TEXT.replace(",", ";").encode(), "accept", ()),
    "preamble": Broken(
        b"Customers of 2024\n\nexported by Ann\n" + TEXT.encode(), "warn", ("3",)
    ),
    "long row": Broken(
        replaced(9, lambda t: t + ",1"), "reject", ("line 9", "8 values", "7")
    ),
    "short row": Broken(
        replaced(9, lambda t: t.rsplit(",", 1)[0]), "reject", ("line 9", "6 values")
    ),
    "cut off": Broken(
        TEXT.encode().rstrip(b"\n").rsplit(b",", 2)[0], "reject", ("line 201",)
    ),
    "trailing delimiter": Broken(
        "\n".join([LINES[0], *(t + "," for t in LINES[1:])]).encode(),
        "reject",
        ("line 1", "delimiter"),
    ),
    "unclosed quote": Broken(
        changed(9, "city", "Rome").replace(b",Rome,", b',"Rome,', 1),
        "reject",
        ("quote",),
    ),
    "quoted line ends": Broken(
        changed(9, "city", "Bonn").replace(b",Bonn,", b',"Bonn\n(Rhein)",', 1),
        "accept",
        (),
    ),
    "merge conflict": Broken(
        with_line(9, "<<<<<<< HEAD"), "reject", ("line 9", "merge")
    ),
    "repeated header": Broken(with_line(9, LINES[0]), "reject", ("line 9", "header")),
    "totals": Broken(
        TEXT.encode() + b"Total,600000.0,,,,1000,\n", "reject", ("line 202", "total")
    ),
    "no header": Broken(
        "\n".join(LINES[1:]).encode() + b"\n", "reject", ("line 1", "names")
    ),
    "doubled column": Broken(
        TEXT.replace("visits", "age", 1).encode(), "reject", ("line 1", '"age"')
    ),
    "nameless column": Broken(
        TEXT.replace("visits", "", 1).encode(), "reject", ("line 1",)
    ),
    "look-alike names": Broken(
        TEXT.replace("visits", "\u0430ge", 1).encode(),
        "reject",
        ("line 1", "column 6", "looks like"),
    ),
    "very long value": Broken(changed(9, "city", "x" * 3_000_000), "accept", ()),
    "one row": Broken("\n".join(LINES[:2]).encode(), "reject", ("one row",)),
    # Values
    "text in numbers": Broken(
        changed(9, "age", "forty"), "reject", ("line 9", '"age"', '"forty"', "1 row")
    ),
    "units": Broken(column("mass", [f"{x} kg" for x in MANY]), "accept", ()),
    "mixed units": Broken(
        column("mass", [f"{x} {'kg' if x % 2 else 'g'}" for x in MANY]),
        "reject",
        ('"mass"', "kg", "unit"),
    ),
    "sentinel": Broken(
        column("height", np.where(MANY % 10 == 0, -999, 150 + MANY % 50)),
        "warn",
        ('"height"', "-999"),
    ),
    "infinity": Broken(
        changed(9, "income", "inf"), "reject", ("line 9", '"income"', "finite")
    ),
    "beyond 64 bits": Broken(
        column("serial", [str(10**25 + int(x) * 7) for x in MANY]), "accept", ()
    ),
    "impossible date": Broken(
        changed(9, "joined", "2024-02-31"), "reject", ("line 9", '"2024-02-31"', "date")
    ),
    "mixed dates": Broken(
        column(
            "paid",
            [
                f"2024-01-{x % 28 + 1:02}" if x % 2 else f"{x % 28 + 1:02}.01.2024"
                for x in MANY
            ],
        ),
        "reject",
        ('"paid"', "form"),
    ),
    "day or month first": Broken(
        column("paid", [f"{x % 9 + 1:02}/{x % 11 + 1:02}/2024" for x in MANY]),
        "reject",
        ('"paid"', "DATES="),
    ),
    "mixed time zones": Broken(
        column(
            "paid",
            [
                f"2024-01-{x % 28 + 1:02}T10:00:00{'+01:00' if x % 2 else 'Z'}"
                for x in MANY
            ],
        ),
        "warn",
        ('"paid"', "UTC"),
    ),
    "dirty categories": Broken(
        column(
            "town", np.where(MANY % 40 == 0, "rome", np.where(MANY % 2, "Rome", "Oslo"))
        ),
        "warn",
        ('"town"', '"rome"', '"Rome"'),
    ),
    "mojibake": Broken(
        column(
            "town",
            np.where(MANY % 40 == 0, "MÃ¼nchen", np.where(MANY % 2, "München", "Oslo")),
        ),
        "warn",
        ('"town"', '"MÃ¼nchen"'),
    ),
    "all null": Broken(column("nothing", ""), "accept", ()),
    "constant": Broken(column("country", "DE"), "accept", ()),
    # Targets
    "null target": Broken(changed(9, "bought", ""), "reject", ("line 9", '"bought"')),
    "constant target": Broken(target("no"), "reject", ('"bought"', "nothing to learn")),
    "mixed-coded target": Broken(
        target(np.where(MANY % 40 == 0, "YES", BOUGHT)), "reject", ('"YES"', '"yes"')
    ),
    "rare class": Broken(
        target(np.where(MANY == 7, "maybe", BOUGHT)), "reject", ('"maybe"', "1 row")
    ),
    "imbalance": Broken(
        target(np.where(MANY % 20 == 0, "yes", "no")), "warn", ("class_weight",)
    ),
    "missing target": Broken(
        FRAME.drop(columns="bought").to_csv(index=False).encode(),
        "reject",
        ('"bought"',),
    ),
    # Rows
    "all rows alike": Broken(
        pd.concat([FRAME[:1]] * 200).to_csv(index=False).encode(), "reject", ()
    ),
    "repeated rows": Broken(
        pd.concat([FRAME] * 2).to_csv(index=False).encode(), "warn", ("200 ", "repeat")
    ),
    "conflicting labels": Broken(
        pd.concat(
            [
                FRAME,
                FRAME[:20].assign(bought=np.where(BOUGHT[:20] == "yes", "no", "yes")),
            ]
        )
        .to_csv(index=False)
        .encode(),
        "warn",
        ("20",),
    ),
    "leak": Broken(column("paid", BOUGHT), "warn", ('"paid"', "target", "excluded")),
    "recoded leak": Broken(
        column("paid", np.where(BOUGHT == "yes", 1, 0)),
        "warn",
        ('"paid"', "target", "excluded"),
    ),
    "formulas": Broken(column("note", "=HYPERLINK(1)"), "accept", ()),
}
