"""New versions of a table that has a contract, most of them with something wrong.

Lines count from 1, as in editors: row 0 of `NEW` is on line 2.
"""

import gzip
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from .tables import Table, clean, csv, joined, json_lines, parquet, text, words

PARAMS = """\
data: {target: bought, positive: "yes", id: [customer]}
compute: {backend: sequential, n_jobs: 1}
train: {estimator: {path: sklearn.ensemble.HistGradientBoostingClassifier}}
evaluate: {metrics: [roc_auc]}
"""

CONTRACT = """\
schema_type: dataframe
strict: true
columns:
  customer: {dtype: str, unique: true, str_matches: "^C[0-9]{5}$"}
  age: {dtype: int64, in_range: {min_value: 0, max_value: 120}}
  income: {dtype: float64, nullable: true, less_than: 1.0e+17}
  city: {dtype: category, isin: [Bonn, Köln, Rome]}
  member: {dtype: bool}
  joined: {dtype: "datetime64[ns]", greater_than: 2020-01-01}
  visits: {dtype: Int64, nullable: true, in_range: {min_value: 0, max_value: 99}}
  bought: {dtype: category, isin: ["no", "yes"]}
"""


def version(rows: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the table as it is every month, of other people."""
    frame = clean(rows, seed).replace({"city": {"Oslo": "Köln"}})
    frame.insert(0, "customer", [f"C{n + 10_000 * seed:05}" for n in range(rows)])
    return frame


OLD, NEW = version(), version(seed=1)
TEXT = NEW.to_csv(index=False)
LINES = TEXT.splitlines()
ROW = np.arange(len(NEW))
SOME = ROW % 100 == 7
HEADER, GOOD = LINES[0], LINES[8]
BAD = "C20000,140,1.0,Rome,true,2024-01-01,1,no\n"


def value(column: str, text: str, line: int = 9) -> Table:
    """Return the new version with one value changed."""
    frame = NEW.astype(object)
    frame.loc[line - 2, column] = text
    return csv(frame)


def values(column: str, text: Any) -> Table:
    """Return the new version with other values in some rows, the first on line 9."""
    return csv(NEW.assign(**{column: NEW[column].astype(object).mask(SOME, text)}))


def header(change: Callable[[str], str]) -> Table:
    """Return the new version with another header."""
    return joined([change(HEADER), *LINES[1:]])


def row(change: Callable[[str], str]) -> Table:
    """Return the new version with line 9 changed."""
    return joined([*LINES[:8], change(GOOD), *LINES[9:]])


COLUMNS: dict[str, Table] = {
    "as it should be": text(TEXT),
    "re-ordered columns": csv(NEW.iloc[:, ::-1]),
    "missing column": csv(NEW.drop(columns="age")),
    "renamed column": header(lambda names: names.replace("income", "earnings")),
    "column renamed a bit": header(lambda names: names.replace("income", "incomes")),
    "column renamed by case": header(lambda names: names.replace("age", "Age")),
    "column renamed by blanks": header(lambda names: names.replace("age", " age")),
    "look-alike column": header(lambda names: names.replace("age", "\u0430ge")),
    "hidden character": header(lambda names: names.replace("age", "age\u200b")),
    "extra column": csv(NEW.assign(remark="none")),
    "doubled column": csv(NEW[[*NEW, "age"]]),
    "nameless column": text(NEW.to_csv()),
    "delimiter at the end of lines": joined([line + "," for line in LINES]),
    "delimiter at the end of rows": joined([HEADER, *(t + "," for t in LINES[1:])]),
    "no header": joined(LINES[1:]),
    "hostile column": csv(NEW.assign(**{"=cmd|<b>\n": 1})),
}

FILES: dict[str, Table] = {
    "empty": text(""),
    "header only": text(HEADER + "\n"),
    "header without line end": text(HEADER),
    "byte-order mark": text(TEXT, "utf-8-sig"),
    "CR line ends": text(TEXT.replace("\n", "\r")),
    "mixed line ends": text(TEXT.replace("\n", "\r\n", 500)),
    "semicolons": csv(NEW, sep=";"),
    "tabs": csv(NEW, sep="\t"),
    "windows-1252": text(TEXT, "cp1252"),
    "UTF-16": text(TEXT, "utf-16"),
    "mixed encodings": Table(
        TEXT.encode() + BAD.replace("Rome", "Köln").encode("cp1252")
    ),
    "preamble": text("Customers\nof January\n" + TEXT),
    "NUL bytes": value("customer", "C10\x00007"),
    "pointer": text("outs:\n- md5: 0123\n  path: people.csv\n"),
    "web page": text("<!DOCTYPE html>\n<html><body>Log in</body></html>\n"),
    "long row": row(lambda line: line + ",1"),
    "short row": row(lambda line: line.rpartition(",")[0]),
    "decimal comma without quotes": row(lambda line: line.replace(".", ",", 1)),
    "cut off": Table(TEXT.encode()[:-20]),
    "damaged gzip": Table(gzip.compress(TEXT.encode())[:-300], "people.csv.gz"),
    "damaged Parquet": Table(parquet(NEW)[:-300], "people.parquet"),
    "unclosed quote": row(lambda line: line.replace(",", ',"', 1)),
    "merge conflict": joined([*LINES[:8], "<<<<<<< HEAD", GOOD, "=======", *LINES[9:]]),
    "repeated header": joined([*LINES[:8], HEADER, *LINES[8:]]),
    "totals": text(TEXT + "Total,,2998000.5,,,,4987,\n"),
}

VALUES: dict[str, Table] = {
    "text in whole numbers": value("age", "forty"),
    "text in numbers": value("income", "much"),
    "decimals in whole numbers": value("age", "41.5"),
    "decimal comma": value("income", "2999,5"),
    "thousands": value("income", "2,999.50"),
    "German thousands": value("income", "2.999,50"),
    "unit": value("age", "41 years"),
    "currency": value("income", "$2999"),
    "spelling of no value": values("income", "k.A."),
    "sentinel": values("age", "-999"),
    "dash": values("visits", "-"),
    "no value": values("age", ""),
    "no value of a truth": values("member", ""),
    "no value of the target": values("bought", ""),
    "infinity": value("income", "inf"),
    "float overflow": value("income", "1e400"),
    "integer overflow": value("visits", "99999999999999999999"),
    "float rounding": value("income", "9007199254740993"),
    "out of range": value("age", "140"),
    "beyond a bound": value("joined", "1988-05-05"),
    "out of vocabulary": values("city", "Paris"),
    "category by case": values("city", "rome"),
    "category by blanks": values("city", "Rome "),
    "category by letters": values("city", "R\u043eme"),
    "category by a typing error": values("city", "Romme"),
    "mojibake": values("city", "KÃ¶ln"),
    "other truths": csv(
        NEW.assign(member=np.where(NEW["member"] == "true", "yes", "no"))
    ),
    "other class": values("bought", "maybe"),
    "impossible date": value("joined", "2024-02-31"),
    "other dates": csv(
        NEW.assign(joined=pd.to_datetime(NEW["joined"]).dt.strftime("%d.%m.%Y"))
    ),
    "date with a time zone": value("joined", "2024-02-01T10:00:00+01:00"),
    "date out of the calendar": value("joined", "9999-12-31"),
    "broken pattern": value("customer", "10007"),
    "repeated unique value": value("customer", "C10000"),
    "hostile value": value("age", "=1+1|<b>\x1b[31m\n\u202e"),
    "very long value": value("customer", "C" * 2_000_000),
}

SEVERAL = NEW.astype(object)
for _line, _name, _value in [
    (5, "age", "forty"),
    (5, "joined", "2024-02-31"),
    (7, "income", "inf"),
    (9, "bought", ""),
    (9, "age", "140"),
    (10, "age", "forty"),
]:
    SEVERAL.loc[_line - 2, _name] = _value
FEW = csv(SEVERAL[:100]).content
WRONG = NEW["age"].astype(object)
WRONG[:150] = words(150)
FOLDED = TEXT.replace("true", '"tru\n\ne"', 2)

PLACES: dict[str, Table] = {
    "several flaws": csv(SEVERAL),
    "150 flaws of one kind": csv(NEW.assign(age=WRONG)),
    "150 ragged rows": joined(
        [HEADER, *(t + ",1" for t in LINES[1:151]), *LINES[151:]]
    ),
    "flaws of form and of values": text(TEXT + BAD + "C20001,1\n"),
    "after quoted line ends": text(FOLDED + BAD),
    "after blank lines": text("\n" + TEXT.replace("\n", "\n\n", 3) + BAD),
    "after CR line ends": text((TEXT + BAD).replace("\n", "\r")),
    "in gzip": Table(gzip.compress((TEXT + BAD).encode()), "people.csv.gz"),
    "in JSON lines": Table(json_lines(SEVERAL), "people.jsonl"),
    "in Parquet": Table(
        parquet(NEW.assign(age=NEW["age"].where(ROW != 7, 140))), "people.parquet"
    ),
    "in one part of several": Table(
        csv(NEW[100:]).content, "people/a.csv", {"people/b.csv": FEW}
    ),
    "repeated in another part": Table(
        csv(NEW).content, "people/a.csv", {"people/b.csv": csv(NEW[:1]).content}
    ),
}

OTHER = np.where(NEW["bought"] == "yes", "no", "yes")
COPIES = pd.concat([NEW, NEW[:100]])
COPIED = COPIES.assign(customer=[f"C{n:05}" for n in range(len(COPIES))])
RARE = ROW % 50 == 7

TABLES: dict[str, Table] = {
    "constant target": csv(NEW.assign(bought="no")),
    "class of one row": csv(NEW.assign(bought=np.where(ROW == 7, "yes", "no"))),
    "rare class": csv(NEW.assign(bought=np.where(SOME & (ROW < 600), "yes", "no"))),
    "sorted by target": csv(NEW.sort_values("bought")),
    "one row": csv(NEW[:1]),
    "few rows": csv(NEW[:40]),
    "overlap": csv(COPIED),
    "conflicting labels": csv(COPIED.assign(bought=[*NEW["bought"], *OTHER[:100]])),
    "leak": csv(NEW.assign(visits=np.where(NEW["bought"] == "yes", 7, 3))),
    "constant column": csv(NEW.assign(visits=3)),
    "column without values": csv(NEW.assign(income="")),
    "sentinel within the range": csv(
        NEW.assign(visits=np.where(RARE, 99, NEW["visits"]))
    ),
    "label shift": csv(NEW.assign(bought=np.where(ROW % 4 == 0, "yes", "no"))),
    "numeric drift": csv(NEW.assign(income=NEW["income"] * 1.2)),
    "drift of categories": csv(NEW.assign(city=np.where(ROW % 2, "Bonn", NEW["city"]))),
    "drift of missing values": csv(NEW.assign(income=NEW["income"].where(ROW % 3 > 0))),
    "fewer rows": csv(NEW[:450]),
}
