"""Rows that belong to no table: a repeated header, units below it, and totals."""

import re
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from reproducible_ml.datasets.reading.values import MISSING, misfits
from reproducible_ml.datasets.schema import Column, Contract

TOTALS = {
    *("total", "totals", "grand total", "sum", "overall"),
    *("gesamt", "gesamtsumme", "insgesamt", "summe"),
    *("somme", "total général", "totale", "totaal", "som", "suma", "celkem", "итого"),
}

# Digits and what stands in and around numbers; no date has but such signs.
NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d\s*[^\w\s/:-]{0,3}")


def total_in(row: Mapping[str, object], contract: Contract) -> str | None:
    """Return the column that names a row of totals; all others hold numbers, or none.

    Args:
        row: The last row of a file; texts, or values of the contract's types.
        contract: Its categories are values, whatever they say.
    """
    texts = {
        name: str(value).strip() for name, value in row.items() if value is not None
    }
    texts = {name: text for name, text in texts.items() if text not in MISSING}
    others = [text for text in texts.values() if text.casefold() not in TOTALS]
    named = [name for name, text in texts.items() if text.casefold() in TOTALS]
    is_total = len(named) == 1 and others and all(map(NUMBER.fullmatch, others))
    if not is_total or texts[named[0]] in (contract.columns[named[0]].isin or ()):
        return None
    return named[0]


def units_in(row: Mapping[str, str], contract: Contract) -> bool:
    """Say whether a row holds units or names, where values of other types should be.

    One text alone may be a mistake in a row, unless the rest of it is empty.

    Args:
        row: The first row of a text file.
        contract: Says which columns hold other values than texts.
    """
    said = {name: text for name, text in row.items() if _says_something(text)}
    typed = [n for n in said if contract.columns[n].dtype not in ("str", "category")]
    wrong = [n for n in typed if _is_misfit(said[n], contract.columns[n])]
    return bool(wrong) and wrong == typed and (len(wrong) > 1 or len(said) == 1)


def _says_something(text: str) -> bool:
    """Say whether a text is more than a dash or a blank."""
    return (
        text.strip() not in MISSING
        and re.search(r"[^-\u2013\u2014.\s]", text) is not None
    )


def _is_misfit(text: str, column: Column) -> bool:
    """Say whether a text is none of the column's values, nor one in another form."""
    misfit = misfits(pa.array([text], pa.string()), column)[0].as_py()
    return bool(misfit) and not re.match(r"\W*[0-9]", text)


def repeats_header(frame: pd.DataFrame, contract: Contract) -> bool:
    """Say whether a row holds the names of the columns, where that is not told else.

    Columns of other types than text refuse a header by themselves.
    """
    if any(column.dtype != "str" for column in contract.columns.values()):
        return False
    same = pd.Series(True, index=frame.index)
    for name in contract.columns:
        same &= frame[name] == name
        if not same.any():
            return False
    return True
