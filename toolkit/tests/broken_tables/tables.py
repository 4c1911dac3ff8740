"""A clean table of people, and ways to spoil it.

Lines count from 1, as in editors: the header is line 1, row 0 of `FRAME` line 2.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Table(NamedTuple):
    """A file of a name; or a folder of files, if there are more."""

    content: bytes
    name: str = "people.csv"
    more: Mapping[str, bytes] = {}

    def write(self, folder: Path) -> Path:
        """Return the path of the file, or of the folder, that is written there."""
        for name, content in {self.name: self.content, **self.more}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / Path(self.name).parts[0]


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
BOUGHT = FRAME["bought"].to_numpy()
OPPOSITE = np.where(BOUGHT == "yes", "no", "yes")

# Rows by number: every second, every fortieth, a day of the month for each.
ROW = np.arange(len(FRAME))
ODD, FEW = ROW % 2 == 1, ROW % 40 == 7
DAYS = [f"{row % 28 + 1:02}" for row in ROW]


def words(number: int) -> list[str]:
    """Return so many different words that are no numbers."""
    return ["w" + "".join(chr(97 + int(d)) for d in f"{n:03}") for n in range(number)]


def csv(frame: pd.DataFrame, **options: Any) -> Table:
    """Return a table of this frame."""
    return Table(frame.to_csv(index=False, **options).encode())


def changed(line: int, column: str, value: str, frame: pd.DataFrame = FRAME) -> Table:
    """Return the table with one value changed."""
    frame = frame.astype(object).copy()
    frame.loc[line - 2, column] = value
    return csv(frame)


def with_line(line: int, text: str) -> Table:
    """Return the table with a line put in, so that it has this number."""
    return joined([*LINES[: line - 1], text, *LINES[line - 1 :]])


def replaced(line: int, change: Callable[[str], str]) -> Table:
    """Return the table with one line changed."""
    return joined([change(t) if n == line else t for n, t in enumerate(LINES, 1)])


def joined(lines: list[str]) -> Table:
    """Return a table of these lines."""
    return Table("\n".join(lines).encode() + b"\n")


def column(name: str, values: Any, frame: pd.DataFrame = FRAME) -> Table:
    """Return the table with a column of its own, before the target."""
    frame = frame.copy()
    frame.insert(len(frame.columns) - 1, name, values)
    return csv(frame)


def target(values: Any) -> Table:
    """Return the table with another target."""
    return csv(FRAME.assign(bought=values))


def text(content: str, encoding: str = "utf-8") -> Table:
    """Return a file of this text."""
    return Table(content.encode(encoding))


def zipped(*names: str) -> bytes:
    """Return a zip file that holds files of these names, each with the table."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return content.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    """Return a Parquet file of the frame."""
    return frame.to_parquet(index=False)


def json_lines(frame: pd.DataFrame) -> bytes:
    """Return a file of an object a row."""
    return frame.to_json(orient="records", lines=True, force_ascii=False).encode()
