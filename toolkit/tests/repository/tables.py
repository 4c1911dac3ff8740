"""Tables as people bring them: made up, but with the habits of real exports."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

COMMON = "the a it was and but we had this place with our room for food"
GOOD = "lovely friendly clean tasty perfect again"
BAD = "dirty rude cold awful never broken"

Random = np.random.Generator


def logistic(values: pd.Series, random: Random) -> Any:
    """Return True with a probability that rises with the value."""
    scaled = (values - values.mean()) / values.std()
    return random.random(len(values)) < 1 / (1 + np.exp(-3 * scaled.to_numpy(float)))


def customers(folder: Path, random: Random) -> Path:
    """Binary, mixed types, missing values; semicolons, decimal commas, day first."""
    rows = 800
    age = random.integers(18, 90, rows)
    spent = random.lognormal(6, 1, rows).round(2)
    visits = random.poisson(4, rows)
    joined = pd.Timestamp("2019-01-01") + pd.to_timedelta(
        random.integers(0, 2000, rows), "D"
    )
    table = pd.DataFrame(
        {
            "Kunde": [f"{i:06d}" for i in random.permutation(rows)],
            "Alter": np.where(random.random(rows) < 0.05, "k.A.", age.astype(str)),
            "Umsatz": [
                f"{x:,.2f} €".translate(str.maketrans(",.", ".,")) for x in spent
            ],
            "Besuche": pd.array(visits, dtype="Int64"),
            "Ort": random.choice(["Köln", "Bonn", "Münster", "Aachen"], rows),
            "Newsletter": random.choice(["ja", "nein"], rows),
            "Eintritt": joined.strftime("%d.%m.%Y"),
            "Postleitzahl": [f"{x:05d}" for x in random.integers(1067, 1367, rows)],
            "Land": "DE",
        }
    )
    table.loc[random.random(rows) < 0.1, "Besuche"] = pd.NA
    leaves = logistic(pd.Series(visits * -1.0 + (age < 30) * 3), random)
    table["gekündigt"] = np.where(leaves, "ja", "nein")
    table.to_csv(folder / "Kunden 2024.csv", sep=";", index=False)
    return folder / "Kunden 2024.csv"


def seeds(folder: Path, random: Random) -> Path:
    """Multi-class, one class rare; Parquet."""
    rows = 900
    kind = random.choice(
        ["barley", "oat", "rye", "wheat"], rows, p=[0.4, 0.3, 0.2, 0.1]
    )
    place = pd.Series(kind).map({"barley": 0, "oat": 1, "rye": 2, "wheat": 3})
    table = pd.DataFrame(
        {
            "length_mm": (6 + place + random.normal(0, 0.5, rows)).round(3),
            "width_mm": (3 - place / 4 + random.normal(0, 0.3, rows)).round(3),
            "mass_mg": (30 + 5 * (place % 2) + random.normal(0, 3, rows)).round(),
            "field": random.choice(["north", "south", "east"], rows),
            "organic": random.random(rows) < 0.3,
            "sown": pd.Timestamp("2024-03-01")
            + pd.to_timedelta(random.integers(0, 60, rows), "D"),
            "kind": kind,
        }
    )
    table["mass_mg"] = table["mass_mg"].astype("Int64")
    table.loc[::17, "mass_mg"] = pd.NA
    table.to_parquet(folder / "seeds.parquet", index=False)
    return folder / "seeds.parquet"


def rentals(folder: Path, random: Random) -> Path:
    """Regression with dates; compressed CSV, a code for "no value"."""
    hours = pd.date_range("2024-01-01", periods=1200, freq="7h")
    warm = 10 - 10 * np.cos(2 * np.pi * hours.day_of_year / 366)
    warm += random.normal(0, 2, len(hours))
    rented = 30 + 8 * warm + 60 * np.sin(np.pi * hours.hour / 24)
    rented -= 40 * (hours.day_of_week >= 5)
    wind = random.gamma(2, 6, len(hours)).round(1)
    table = pd.DataFrame(
        {
            "started": hours.strftime("%Y-%m-%d %H:%M"),
            "temperature": warm.round(1),
            "wind": np.where(random.random(len(hours)) < 0.06, -999.0, wind),
            "humidity": [f"{x}%" for x in random.integers(30, 100, len(hours))],
            "holiday": random.choice(["Y", "N"], len(hours), p=[0.05, 0.95]),
            "bikes": np.maximum(0, rented + random.normal(0, 15, len(hours))).round(),
        }
    )
    table["bikes"] = table["bikes"].astype(int)
    with gzip.open(folder / "rentals.csv.gz", "wt", encoding="utf-8") as file:
        table.to_csv(file, index=False)
    return folder / "rentals.csv.gz"


def reviews(folder: Path, random: Random) -> Path:
    """Binary, told by words; JSON lines, with quotes and line ends inside texts."""
    common, good, bad = (words.split() for words in (COMMON, GOOD, BAD))
    lines = []
    for number in range(700):
        happy = bool(random.random() < 0.6)
        words = list(random.choice(common, random.integers(8, 40)))
        words += list(random.choice(good if happy else bad, random.integers(1, 4)))
        words += list(random.choice(bad if happy else good, random.integers(0, 2)))
        random.shuffle(words)
        text = " ".join(words)
        if number % 50 == 0:
            text = f'"{text}",\nand more'
        lines.append(
            {
                "review": text,
                "nights": int(random.integers(1, 14)),
                "language": "en",
                "recommended": happy,
            }
        )
    table = pd.DataFrame(lines)
    table.to_json(folder / "reviews.jsonl", orient="records", lines=True)
    return folder / "reviews.jsonl"


def sensors(folder: Path, random: Random) -> Path:
    """Wide: 300 columns, few of which matter."""
    values = random.normal(0, 1, (500, 300)).round(4)
    table = pd.DataFrame(values, columns=[f"sensor_{i:03d}" for i in range(300)])
    score = table["sensor_007"] * 2 - table["sensor_100"] + table["sensor_250"]
    table["failed"] = logistic(score, random).astype(int)
    table.to_csv(folder / "sensors.csv", index=False)
    return folder / "sensors.csv"


def orders(folder: Path, random: Random, parts: range = range(11)) -> Path:
    """Many parts in a folder; the last comes late."""
    (folder / "orders").mkdir(exist_ok=True)
    for number in range(12):
        rows = 120
        items = random.integers(1, 9, rows)
        weight = (items * random.gamma(3, 0.4, rows)).round(2)
        table = pd.DataFrame(
            {
                "order": np.arange(number * rows, (number + 1) * rows) + 10**17,
                "items": items,
                "weight_kg": weight,
                "country": random.choice(["AT", "BE", "CH"], rows),
                "express": random.choice(["true", "false"], rows),
                "comment": random.choice(["", "ring twice", "leave at the door"], rows),
            }
        )
        table["late"] = np.where(logistic(pd.Series(weight), random), "yes", "no")
        if number == 11:
            table.loc[0, "country"] = "LU"
        if number in parts:
            path = folder / "orders" / f"part-{number:02d}.csv"
            table.to_csv(path, index=False)
    return folder / "orders"


def members(folder: Path, random: Random) -> Path:
    """Binary, with the mistakes of a spreadsheet; docs/data/broken_tables.md has it."""
    rows = 300
    age = random.integers(18, 80, rows)
    visits = random.poisson(3, rows)
    bought = np.where(logistic(pd.Series(visits + age / 20), random), "yes", "no")
    days = random.integers(1, 13, (2, rows))
    table = pd.DataFrame(
        {
            "age": age.astype(str),
            "income": (random.lognormal(8, 0.3, rows)).round(2).astype(str),
            "city": random.choice(["Oslo", "Rome", "Bonn"], rows),
            "joined": [f"{a:02d}/{b:02d}/2024" for a, b in days.T],
            "visits": visits,
            "bought": bought,
        }
    )
    # Line n of the file is row n - 2.
    table.loc[7, "age"] = "forty"
    table.loc[3:299:38, "income"] = "not given"
    table.loc[28, "city"] = "Bonn, Rhine"
    for spelling, first, count in (("NO", 19, 3), ("YES", 60, 2)):
        same = table.index[
            (table["bought"] == spelling.lower()) & (table.index >= first)
        ]
        table.loc[[first, *same[1:count]], "bought"] = spelling
    lines = [",".join(map(str, row)) for row in table.itertuples(index=False)]
    header = ",".join(table.columns)
    total = f"Total,,,,{visits.sum()},"
    text = "\n".join([header, *lines, total, ""])
    (folder / "members.csv").write_text(text)
    return folder / "members.csv"


TABLES: dict[str, tuple[Callable[[Path, Random], Path], str]] = {
    "customers": (customers, "gekündigt"),
    "seeds": (seeds, "kind"),
    "rentals": (rentals, "bikes"),
    "reviews": (reviews, "recommended"),
    "sensors": (sensors, "failed"),
    "orders": (orders, "late"),
}


# Broken at first.
BROKEN: dict[str, tuple[Callable[[Path, Random], Path], str]] = {
    "members": (members, "bought")
}


def write(name: str, folder: Path) -> tuple[Path, str]:
    """Write one of the tables; return where it is and what to predict."""
    function, target = (TABLES | BROKEN)[name]
    return function(folder, np.random.default_rng(0)), target
