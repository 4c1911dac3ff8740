"""Tables of many habits with nothing wrong in them: no one may be warned of."""

import gzip

import numpy as np
import pandas as pd

from .tables import (
    BOUGHT,
    DAYS,
    FRAME,
    ROW,
    TEXT,
    Table,
    clean,
    csv,
    json_lines,
    parquet,
    text,
)

CHANCE = np.random.default_rng(5)
SCORE = FRAME["age"] / 20 + CHANCE.normal(0, 1, len(FRAME))
WORDS = ["good", "bad", "slow", "fast", "kind", "rude", "cheap", "dear"]
REVIEWS = [" ".join(CHANCE.choice(WORDS, 6)) for _ in ROW]
PEOPLE = [
    f"{name}, {n}" for n, name in enumerate(CHANCE.choice(["李", "Zoë", "Ольга"], 200))
]


def german() -> Table:
    """Return a table as a German Excel writes it."""
    frame = FRAME.assign(
        joined=pd.to_datetime(FRAME["joined"]).dt.strftime("%d.%m.%Y"),
        income=[
            f"{x:,.2f}".translate(str.maketrans(",.", ".,")) for x in FRAME["income"]
        ],
        member=np.where(FRAME["member"] == "true", "ja", "nein"),
        city=FRAME["city"].replace("Bonn", "Köln"),
    )
    return Table(
        frame.to_csv(index=False, sep=";", lineterminator="\r\n").encode("utf-8-sig")
    )


def american() -> Table:
    """Return a table with dollars, percents, months first and twelve hours."""
    moments = pd.to_datetime(FRAME["joined"]) + pd.to_timedelta(ROW * 37, "min")
    frame = FRAME.assign(
        joined=moments.dt.strftime("%m/%d/%Y %I:%M %p"),
        income=[f"${x:,.2f}" for x in FRAME["income"]],
        member=np.where(FRAME["member"] == "true", "Y", "N"),
        rate=[f"{x:.1f}%" for x in CHANCE.uniform(0, 100, len(FRAME))],
    )
    return csv(frame)


def wide() -> Table:
    """Return a table of 300 columns."""
    names = [f"gene_{n}" for n in range(300)]
    genes = pd.DataFrame(CHANCE.normal(size=(200, 300)).round(4), columns=names)
    return csv(genes.assign(bought=BOUGHT))


CLEAN: dict[str, Table] = {
    "plain": text(TEXT),
    "tabs": Table(FRAME.to_csv(index=False, sep="\t").encode(), "people.tsv"),
    "bars": csv(FRAME, sep="|"),
    "all quoted": csv(FRAME, quoting=1, lineterminator="\r\n"),
    "German Excel": german(),
    "American": american(),
    "Excel's Unicode text": text(FRAME.to_csv(index=False, sep="\t"), "utf-16"),
    "old Mac": text(TEXT.replace("\n", "\r")),
    "gzip": Table(gzip.compress(TEXT.encode()), "people.csv.gz"),
    "Parquet": Table(
        parquet(FRAME.assign(joined=pd.to_datetime(FRAME["joined"]))), "people.parquet"
    ),
    "JSON lines": Table(json_lines(FRAME), "people.jsonl"),
    "parts": Table(
        csv(FRAME[:120]).content,
        "people/2023.csv",
        {"people/2024.csv": csv(FRAME[120:]).content},
    ),
    "Unicode": csv(
        FRAME.assign(name=PEOPLE)[["name", *FRAME]].rename(
            columns={"city": "Städte 都市"}
        )
    ),
    "huge integer id": csv(FRAME.assign(id=2**62 + ROW * 977)[["id", *FRAME]]),
    "missing values": csv(
        FRAME.assign(
            income=FRAME["income"].where(ROW % 7 > 0),
            city=FRAME["city"].where(ROW % 5 > 0),
        ),
        na_rep="NA",
    ),
    "missing values spelled otherwise": csv(
        FRAME.assign(visits=FRAME["visits"].astype(object).where(ROW % 7 > 0, "?"))
    ),
    "time stamps": csv(
        FRAME.assign(
            joined=[
                f"2024-01-{d}T{n % 24:02}:{n % 60:02}:00Z" for n, d in enumerate(DAYS)
            ]
        )
    ),
    "scientific": csv(
        FRAME.assign(mass=CHANCE.lognormal(-20, 3, 200))[["mass", *FRAME]],
        float_format="%.4e",
    ),
    "texts": csv(FRAME.assign(review=REVIEWS)[["review", *FRAME]]),
    "quoted line ends": csv(
        FRAME.assign(review=[r.replace(" ", '\n"so" ', 1) for r in REVIEWS])[
            ["review", *FRAME]
        ]
    ),
    "negative numbers": csv(
        FRAME.assign(balance=CHANCE.normal(0, 900, 200).round(2))[["balance", *FRAME]]
    ),
    "tiny": csv(clean(50)),
    "wide": wide(),
    "one feature": csv(FRAME[["age", "bought"]]),
    "numbers for classes": csv(FRAME.assign(bought=np.where(BOUGHT == "yes", 1, 0))),
    "several classes": csv(
        FRAME.assign(bought=pd.qcut(SCORE, 3, ["low", "mid", "high"]))
    ),
    "regression": csv(FRAME.assign(bought=SCORE.round(3))),
    "whole numbers to predict": csv(FRAME.assign(bought=(SCORE * 100).astype(int))),
    "sorted by target": csv(FRAME.sort_values("bought")),
    "blank lines at the end": text(TEXT + "\n\n"),
    "no line end at the end": text(TEXT.rstrip("\n")),
}
