"""Tables with wrong or strange values, one thing wrong in each unless it says more."""

import numpy as np

from .tables import (
    DAYS,
    FEW,
    FRAME,
    ODD,
    ROW,
    TEXT,
    Table,
    changed,
    clean,
    column,
    csv,
    text,
    words,
)

# More rows, as many mistakes make a text column of one of numbers.
LARGE = clean(4000)
WRONG = LARGE["age"].astype(object)
WRONG[:150] = words(150)


# Digits as Arabic writes them, and some months.
ARABIC = {48 + digit: 0x660 + digit for digit in range(10)}
GERMAN = ("Jan", "Mär", "Mai", "Okt")


def dates(form: str) -> list[str]:
    """Return a date a row, `{}` being the day of the month."""
    return [form.format(day) for day in DAYS]


def town(odd: str, usual: str = "Rome") -> Table:
    """Return the table with a column of towns, one of them rarely spelled otherwise."""
    return column("town", np.where(FEW, odd, np.where(ODD, usual, "Oslo")))


NUMBERS: dict[str, Table] = {
    "text in whole numbers": changed(9, "age", "forty"),
    "text in numbers": changed(9, "income", "much"),
    "text in many numbers": csv(LARGE.assign(age=WRONG)),
    "text in half of the numbers": column("mass", np.where(ODD, "heavy", ROW)),
    "unit on one value": changed(9, "age", "41 years"),
    "units": column("mass", [f"{row} kg" for row in ROW]),
    "mixed units": column("mass", [f"{n} {'kg' if n % 3 else 'g'}" for n in ROW]),
    "missing units": column("mass", [f"{n} kg" if n % 9 else n for n in ROW]),
    "currency": column("price", [f"${n},000.50" for n in ROW + 1]),
    "mixed decimal signs": column("mass", [f"{n}{',.'[n % 2]}5" for n in ROW]),
    "decimal or thousands": column("mass", [f"{n},125" for n in ROW + 1]),
    "decimal or thousands, undecided": column(
        "mass", [f"{n},125" for n in ROW + 1], FRAME.drop(columns="income")
    ),
    "sentinel": column("height", np.where(FEW, -999, 150 + ROW % 50)),
    "spelled sentinel": column("height", np.where(FEW, "k.A.", 150 + ROW % 50)),
    "unknown sentinel": column("height", np.where(FEW, "not asked", 150 + ROW % 50)),
    "infinity": changed(9, "income", "inf"),
    "float overflow": changed(9, "income", "1e400"),
    "integer overflow": changed(9, "age", "99999999999999999999"),
    "integers beyond 64 bits": column("serial", [10**25 + int(n) * 7 for n in ROW]),
    "integers beyond floats": column("serial", [2**60 + int(n) * 7 for n in ROW]),
    "float rounding": column("mass", [f"{2**60 + int(n)}.5" for n in ROW]),
    "leading zeros": column("code", [f"{n % 50:05}" for n in ROW]),
    "ranges among numbers": column(
        "mass", np.where(ROW % 4 == 0, "120 - 150", [f"{n}.5" for n in ROW])
    ),
    "units by case": column("mass", [f"{n} {'kg' if n % 3 else 'KG'}" for n in ROW]),
    "thousands and millions": column(
        "mass", [("950", "12K", "1.5M")[n % 3] for n in ROW]
    ),
    "Indian groups": column("mass", [f"{n + 1},23,456.50" for n in ROW % 90]),
    "Swiss apostrophes": column("mass", [f"{n + 1}\u2019234.50" for n in ROW % 90]),
    "minus sign": column("mass", [f"\u2212{n}.5" for n in ROW]),
    "digits of other scripts": column(
        "mass",
        [f"{n}.5".translate({48 + d: 0x660 + d for d in range(10)}) for n in ROW],
    ),
    "number far beyond all others": changed(9, "income", "-5000000000"),
    "cap of nines": column("gain", np.where(FEW, 99999, np.where(ODD, 0, ROW * 100))),
    "identifiers as floats": column("account_id", [f"{100000 + n}.0" for n in ROW]),
    "codes as floats": column("shop_id", [f"{n % 20}.0" for n in ROW]),
    "telephone numbers": column("line", [f"+49 170 {10**6 + n * 37}" for n in ROW]),
}

DATES: dict[str, Table] = {
    "impossible date": changed(9, "joined", "2024-02-31"),
    "date of another form": changed(9, "joined", "08.10.2024"),
    "date beyond the calendar": column(
        "until", np.where(FEW, "9999-12-31", FRAME["joined"])
    ),
    "mixed dates": column(
        "paid", np.where(ODD, dates("2024-01-{}"), dates("{}.01.2024"))
    ),
    "day or month first": column(
        "paid", [f"{n % 9 + 1:02}/{n % 11 + 1:02}/2024" for n in ROW]
    ),
    "day and month swapped in a half": column(
        "paid", np.where(ODD, dates("01/{}/2024"), dates("{}/01/2024"))
    ),
    "day and month swapped once": column(
        "paid", np.where(ROW == 7, "01/31/2024", dates("{}/01/2024"))
    ),
    "mixed time zones": column(
        "paid",
        np.where(
            ODD, dates("2024-01-{}T10:00:00+01:00"), dates("2024-01-{}T10:00:00Z")
        ),
    ),
    "time zone in some rows": column(
        "paid",
        np.where(ODD, dates("2024-01-{}T10:00:00+01:00"), dates("2024-01-{}T10:00:00")),
    ),
    "years of two digits": column("paid", dates("{}.01.24")),
    "years of two digits, in doubt": column(
        "born", [f"31.12.{n % 40 + 10}" for n in ROW]
    ),
    "serials among dates": column(
        "paid", np.where(ROW % 4 == 0, "45299", dates("2024-01-{}"))
    ),
    "numbers of days": column("paid", np.where(FEW, "45299", dates("2024-01-{}"))),
    "many numbers of days": column(
        "paid", np.where(ROW % 5 == 0, "45299", dates("2024-01-{}"))
    ),
    "words among dates": column(
        "paid", np.where(ROW % 4 == 0, "soon", dates("2024-01-{}"))
    ),
    "months": column("paid", [f"{2000 + n // 12}-{n % 12 + 1:02}" for n in ROW]),
    "quarters": column("paid", [f"{1990 + n // 4}Q{n % 4 + 1}" for n in ROW]),
    "months in German": column(
        "paid",
        [f"{day}. {GERMAN[int(day) % 4]} 2024" for day in DAYS],
    ),
    "months in Finnish": column("paid", dates("{}. tammikuuta 2024")),
    "named time zone": column("paid", dates("2024-01-{} 10:00 CET")),
    "Greenwich time": column("paid", dates("2024-01-{} 10:00:00 UTC")),
    "time of day": column("paid", [f"{n % 24:02}:{n % 60:02}" for n in ROW]),
}

TEXTS: dict[str, Table] = {
    "categories by case": town("rome"),
    "categories by blanks": town("Rome "),
    "categories by letters": town("R\u043eme"),
    "categories by accents": town("Ko\u0308ln", "Köln"),
    "mojibake": town("MÃ¼nchen", "München"),
    "truths in several spellings": column(
        "vip", np.where(FEW, "YES", np.where(ODD, "yes", "no"))
    ),
    "truths in other words": column(
        "vip", np.where(FEW, "1", np.where(ODD, "true", "false"))
    ),
    "NA among codes": column("land", [("DE", "FR", "NA", "US")[n % 4] for n in ROW]),
    "None among names": column("town", [("Rome", "None", "Oslo")[n % 3] for n in ROW]),
    "hidden character": town("Ro\u200bme"),
    "direction of text": town("\u202eRome"),
    "cell far longer than others": column(
        "note", np.where(ROW == 7, "long " * 900, np.where(ODD, "short", "brief"))
    ),
    "all null": column("nothing", ""),
    "constant": column("country", "DE"),
    "formulas": column("note", [f"=HYPERLINK({n})" for n in ROW]),
    "hostile cells": changed(9, "age", "=1+1|<b>\x1b[31m\u202e"),
    "hostile names": text(TEXT.replace("visits", "=cmd|<b>", 1)),
}
