"""Tables whose rows, targets or other forms are wrong, and flaws in awkward places."""

import gzip

import numpy as np
import pandas as pd

from .tables import (
    BOUGHT,
    FEW,
    FRAME,
    LINES,
    OPPOSITE,
    ROW,
    TEXT,
    Table,
    changed,
    clean,
    column,
    csv,
    json_lines,
    parquet,
    replaced,
    target,
    text,
    words,
)

# The first rows once more, each a minute later.
MEASURED = FRAME.assign(
    **{f"x{n}": np.random.default_rng(n).normal(size=200).round(4) for n in range(4)}
).assign(minute=ROW * 7)
NEAR = pd.concat([MEASURED, MEASURED[:60].assign(minute=ROW[:60] * 7 + 1)])
ONE = [FRAME[:1]] * 200

TARGETS: dict[str, Table] = {
    "null in the target": changed(9, "bought", ""),
    "constant target": target("no"),
    "target without values": target(""),
    "mixed-coded target": target(np.where(FEW, "YES", BOUGHT)),
    "target coded in two ways": target(
        np.where(FEW, np.where(BOUGHT == "yes", "1", "0"), BOUGHT)
    ),
    "class of one row": target(np.where(ROW == 7, "maybe", BOUGHT)),
    "rare class": target(np.where(FEW, "maybe", BOUGHT)),
    "imbalance": target(np.where(ROW % 20 == 0, "yes", "no")),
    "target of texts": target([f"reason {row}" for row in ROW]),
    "target of dates": target(FRAME["joined"]),
    "sentinel in a target of numbers": target(np.where(FEW, -999, 150 + ROW)),
    "classes of codes": target(np.where(FEW, 2, 1)),
    "classes written as decimals": target([f"{n % 3 + 1}.0" for n in ROW]),
    "sum of two columns": target(FRAME["age"] + FRAME["visits"]),
    "sorted by target": csv(FRAME.sort_values("bought")),
}

ROWS: dict[str, Table] = {
    "all rows alike": csv(pd.concat(ONE)),
    "few rows": csv(FRAME[:20]),
    "too few rows": csv(FRAME[:5]),
    "repeated rows": csv(pd.concat([FRAME, FRAME])),
    "conflicting labels": csv(pd.concat([FRAME, FRAME.assign(bought=OPPOSITE)[:20]])),
    "rows of one entity": column("customer_id", [f"C{row // 3}" for row in ROW]),
    "rows of one entity that is a category": column(
        "patient", [f"P{row // 5}" for row in ROW]
    ),
    "near copies": csv(NEAR),
    "few different rows": csv(FRAME[["city", "member", "bought"]]),
    "rows alike with other ids": column(
        "order_id", [f"O{row}" for row in range(220)], pd.concat([FRAME, FRAME[:20]])
    ),
    "identifiers": column("order_id", [f"O{row}" for row in ROW]),
    "row numbers": column("index", ROW),
    "leak": column("paid", BOUGHT),
    "recoded leak": column("paid", np.where(BOUGHT == "yes", 1, 0)),
    "number that nearly tells the class": column(
        "ended", np.where(BOUGHT == "yes", 310, ROW + 100)
    ),
    "cap of nines of one class": column(
        "gain", np.where((BOUGHT == "yes") & (ROW % 5 > 1), 99999, ROW * 37 % 1000)
    ),
    "category given for one class": column(
        "cause", np.where(BOUGHT == "yes", FRAME["city"], "")
    ),
    "leak by missing values": column(
        "paid_on", np.where(BOUGHT == "yes", FRAME["joined"], "")
    ),
    "same columns": column("years", FRAME["age"]),
}

SEVERAL = FRAME.astype(object)
for _line, _name, _value in [
    (5, "age", "forty"),
    (5, "joined", "2024-02-31"),
    (7, "income", "inf"),
    (9, "bought", ""),
]:
    SEVERAL.loc[_line - 2, _name] = _value
FOLDED = TEXT.replace(",Bonn,", ',"Bonn\n\n(Rhein)",', 2)
BAD = "forty,1.0,Rome,true,2024-01-01,1,no\n"
LARGE = clean(4000)
WRONG = LARGE["income"].astype(object)
WRONG[:150] = words(150)
WIDE = pd.concat(
    [FRAME[[]], pd.DataFrame({f"x{n}": ROW * n % 97 for n in range(200)})], axis=1
)

PLACES: dict[str, Table] = {
    "several flaws": csv(SEVERAL),
    "150 flaws of one kind": csv(LARGE.assign(income=WRONG)),
    "after quoted line ends": text(FOLDED + BAD),
    "ragged after quoted line ends": text(FOLDED + "1,2\n"),
    "after a preamble": text("Customers\n\n" + FOLDED + BAD),
    "after blank lines": text(TEXT.replace("\n", "\n\n", 3) + BAD),
    "after Windows line ends": text((FOLDED + BAD).replace("\n", "\r\n")),
    "after CR line ends": text((TEXT + BAD).replace("\n", "\r")),
    "after mixed line ends": text(TEXT.replace("\n", "\r", 100) + BAD),
    "in UTF-16": text(FOLDED + BAD, "utf-16"),
    "in gzip": Table(gzip.compress((FOLDED + BAD).encode()), "people.csv.gz"),
    "in a wide table": csv(
        WIDE.assign(x123=np.where(ROW == 7, "much", ROW), bought=BOUGHT)
    ),
}

FORMS: dict[str, Table] = {
    "JSON lines: text in numbers": Table(json_lines(SEVERAL), "people.jsonl"),
    "JSON lines: no JSON": Table(
        json_lines(FRAME[:7]) + b'{"age": 4\n' + json_lines(FRAME[7:]), "people.jsonl"
    ),
    "JSON lines: cut off": Table(json_lines(FRAME)[:-30], "people.jsonl"),
    "JSON lines: nested": Table(
        json_lines(FRAME.assign(city=FRAME["city"].map(lambda name: {"name": name}))),
        "people.jsonl",
    ),
    "Parquet: text in numbers": Table(
        parquet(FRAME.assign(age=SEVERAL["age"].astype(str))), "people.parquet"
    ),
    "Parquet: null target": Table(
        parquet(FRAME.assign(bought=FRAME["bought"].where(ROW != 7))), "people.parquet"
    ),
    "folder: bad value in a part": Table(
        csv(FRAME[:100]).content,
        "people/a.csv",
        {"people/b.csv": csv(SEVERAL.iloc[:100]).content},
    ),
    "folder: ragged part": Table(
        csv(FRAME[:100]).content,
        "people/a.csv",
        {"people/b.csv": replaced(9, lambda line: line + ",1").content},
    ),
    "folder: other columns in a part": Table(
        csv(FRAME[:100]).content,
        "people/a.csv",
        {"people/b.csv": csv(FRAME[100:].rename(columns={"age": "years"})).content},
    ),
    "folder: one part with a column too many": Table(
        csv(FRAME[:70]).content,
        "people/a.csv",
        {
            "people/b.csv": csv(FRAME[70:140].assign(note="x")).content,
            "people/c.csv": csv(FRAME[140:]).content,
        },
    ),
    "folder: columns in names of folders": Table(
        csv(FRAME[:100]).content,
        "people/year=2023/a.csv",
        {"people/year=2024/a.csv": csv(FRAME[100:]).content},
    ),
    "folder: re-ordered part": Table(
        csv(FRAME[:100]).content,
        "people/a.csv",
        {"people/b.csv": csv(FRAME.iloc[100:, ::-1]).content},
    ),
    "folder: part with another delimiter": Table(
        csv(FRAME[:100]).content,
        "people/a.csv",
        {"people/b.csv": csv(FRAME[100:], sep=";").content},
    ),
    "folder: part that is a pointer": Table(
        csv(FRAME[:100]).content,
        "people/a.csv",
        {"people/b.csv": b"outs:\n- md5: 0123\n  path: b.csv\n"},
    ),
    "folder: part without rows": Table(
        csv(FRAME).content, "people/a.csv", {"people/b.csv": LINES[0].encode()}
    ),
}
