"""Detect the format of numbers: decimal sign, thousands separator, currency, unit."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling.distinct import Tally, first_bytes
from reproducible_ml.reading.values import (
    APOSTROPHES,
    OTHER_SPACES,
    SPACES,
    plain_numbers,
    plain_separators,
)

CURRENCY_SIGNS = "$€£¥₹₩₽₺¢"
CURRENCY_CODES = """
    US$ R$ C$ A$ EUR USD GBP CHF JPY CNY INR SEK NOK DKK PLN CZK HUF CAD AUD NZD BRL MXN
    ZAR TRY RUB KRW Rs. Rs kr. kr Fr.
"""
CURRENCIES = frozenset([*CURRENCY_CODES.split(), *CURRENCY_SIGNS])

# Units that some numbers may lack; other units count only if all numbers have them.
MEASURES = """
    % ‰ ° °C °F kg g mg µg t lb lbs oz km m cm mm µm in ft mi yd l L ml mL cl h hr hrs
    min s sec ms d days y yr yrs years Pa kPa hPa bar mbar psi mV mA kW kWh MWh Wh Hz
    kHz MHz GHz kB KB MB GB TB bpm mmHg mg/dL mg/dl mmol/L mmol/l km/h mph m/s m² m³
    m2 m3 km² km2 ha px pt pcs
"""
UNITS = frozenset(MEASURES.split())

# Units in another case, such as KG; of one letter, they may be another unit.
FOLDED_UNITS = frozenset(unit.casefold() for unit in UNITS if len(unit) > 1)

# Multiples are not units: "12k" and "950" differ in size.
MULTIPLES = frozenset("kKMBGT千万萬億亿만억")
MULTIPLE_WORDS = """
    k m b g t mn mm bn mio mio. mrd mrd. tsd tsd. million millions billion billions
    thousand lakh crore cr mil 千 万 萬 億 亿 만 억
"""
FOLDED_MULTIPLES = frozenset(MULTIPLE_WORDS.split())

# A regular expression, the longest first.
CURRENCY = "|".join(
    re.escape(text) for text in sorted(CURRENCIES, key=lambda text: (-len(text), text))
)

# Styles of numbers; the first that matches counts. With one group of three digits, the
# sign before it may be a decimal sign or a thousands separator: "1.234".
GROUP = r"^[-+]?[1-9][0-9]{0,2}"
PLAIN_NUMBER = {
    "whole": r"^-?(0|[1-9][0-9]{0,17})$",
    "point3": GROUP + r"\.[0-9]{3}$",
    "point": r"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$",
}
FIRST = np.isin(np.arange(256), list(b"-+.0123456789"))
STYLES = PLAIN_NUMBER | {
    # Telephone numbers as well.
    "code": r"^([-+]?0[0-9]+|\+[0-9]{7,}|\+[0-9][0-9 ]{9,})$",
    "long": r"^-?[1-9][0-9]{18,}$",
    "signed": r"^[-+]?[0-9]+([eE][-+]?[0-9]+)?$",
    "comma3": GROUP + r",[0-9]{3}$",
    "comma": r"^[-+]?([0-9]+,[0-9]*|,[0-9]+)([eE][-+]?[0-9]+)?$",
    "points": GROUP + r"(\.[0-9]{3}){2,}$",
    "points,": GROUP + r"(\.[0-9]{3})+,[0-9]*$",
    "commas": GROUP + r"(,[0-9]{3}){2,}$",
    "commas.": GROUP + r"(,[0-9]{3})+\.[0-9]*$",
    # Indian: lakhs and crores.
    "lakhs": r"^[-+]?[1-9][0-9]?(,[0-9]{2})+,[0-9]{3}$",
    "lakhs.": r"^[-+]?[1-9][0-9]?(,[0-9]{2})+,[0-9]{3}\.[0-9]*$",
    "blanks": GROUP + r"( [0-9]{3})+$",
    "blanks,": GROUP + r"( [0-9]{3})+,[0-9]*$",
    "blanks.": GROUP + r"( [0-9]{3})+\.[0-9]*$",
    "quotes": GROUP + r"('[0-9]{3})+$",
    "quotes,": GROUP + r"('[0-9]{3})+,[0-9]*$",
    "quotes.": GROUP + r"('[0-9]{3})+\.[0-9]*$",
    "underscores": GROUP + r"(_[0-9]{3})+$",
    "underscores.": GROUP + r"(_[0-9]{3})+\.[0-9]*$",
    "infinite": r"(?i)^[-+]?(inf|infinity)$",
}

NUMBER = (
    rf"^(?P<sign>[-+]?){SPACES}(?P<prefix>{CURRENCY})?{SPACES}"
    rf"(?P<body>[-+]?[0-9.,](?:[0-9.,_'{APOSTROPHES}\s{OTHER_SPACES}]*[0-9.,])?"
    r"(?:[eE][-+]?[0-9]+)?)"
    rf"{SPACES}(?P<suffix>[^0-9\s.,'+\-][^0-9]{{0,14}}[23]?)?$"
)

# How numbers and infinity begin: all other texts are skipped quickly.
LIKELY = (
    rf"^[-+]?{SPACES}(?:{CURRENCY})?{SPACES}[-+]?[0-9.,]"
    r"|^[-+]?[iI][nN][fF]"
)

Decimal = Literal[".", ","]
PLAIN = ColumnMetadata()

# Styles without a separator, with a decimal sign, and with one between thousands.
WITHOUT = {"whole", "code", "long", "signed", "infinite"}
DECIMALS = {".": {"point", "point3"}, ",": {"comma", "comma3"}}
GROUPS = {
    ".": {"points", "points,", "point3"},
    ",": {"commas", "commas.", "lakhs", "lakhs.", "comma3"},
    " ": {"blanks", "blanks,", "blanks."},
    "'": {"quotes", "quotes,", "quotes."},
    "_": {"underscores", "underscores."},
}

# Decimal sign and thousands separator; of several that fit, the first is chosen.
READINGS = (
    (".", ""),
    (".", ","),
    (",", ""),
    (",", "."),
    (".", " "),
    (",", " "),
    (".", "'"),
    (",", "'"),
    (".", "_"),
)

# Three decimals everywhere are unlikely beside whole numbers, as every tenth number
# would end in a zero that is not written: 0.9 ** rows. So many rows show that it is
# thousands.
GROUPED = 50

# A unit in a smaller share of the rows is a mistake.
FEW = 0.05


def is_unit(unit: str) -> bool:
    """Return whether this is a known unit or currency."""
    known = unit in UNITS or unit in CURRENCIES
    return known or unit.casefold() in FOLDED_UNITS or unit.upper() in CURRENCIES


def may_be_unit(suffix: str) -> bool:
    """Return whether a suffix may be a unit; single letters are codes, as in "12A".

    A single character of Chinese, Japanese or Korean is a word: 12元.
    """
    known = is_unit(suffix) or suffix in MULTIPLES
    is_letter = len(suffix) == 1 and suffix.isalpha()
    return known or not is_letter or unicodedata.category(suffix) == "Lo"


def is_multiple(suffix: str) -> bool:
    """Return whether this multiplies a number, as M does, and is no unit, as m is."""
    return not is_unit(suffix) and suffix.casefold() in FOLDED_MULTIPLES


class NumberPattern(NamedTuple):
    """How a number is written: what stands around it, and its style."""

    prefix: str
    suffix: str
    style: str


def number_patterns(texts: pa.StringArray) -> pa.StringArray | pa.DictionaryArray:
    """Return prefix, suffix and style of each number, joined by tabs; null for others.

    Args:
        texts: Texts without blanks around them.
    """
    styles = _styles(texts, PLAIN_NUMBER)
    patterns = pc.binary_join_element_wise("", "", styles.dictionary, "\t")
    plain = pa.DictionaryArray.from_arrays(styles.indices, patterns)
    if not plain.null_count:
        return plain
    others = plain.is_null()
    rest = _with_units(texts.filter(others))
    return pc.replace_with_mask(plain.dictionary_decode(), others, rest)


class NumberFormat(NamedTuple):
    """How the numbers of a column are written.

    Attributes:
        decimal: Decimal sign.
        thousands: Separator between thousands, empty without one.
        prefix: Currency before numbers.
        suffix: Unit or currency after numbers.
        rows: How many rows it fits.
        styles: Styles that occur.
        bare: Rows without the unit.
        ambiguous: Whether another decimal sign fits as well.
    """

    decimal: Decimal
    thousands: Literal["", ".", ",", " ", "'", "_"]
    prefix: str
    suffix: str
    rows: int
    styles: frozenset[str]
    bare: int
    ambiguous: bool

    @property
    def whole(self) -> bool:
        """Whether no number has decimals."""
        groups = {style for style in GROUPS.get(self.thousands, ()) if style[-1] == "s"}
        if self.thousands in (".", ","):
            groups |= {"point3" if self.thousands == "." else "comma3"}
        return self.styles <= {"whole", "long", *groups}


def choose_number_format(tally: Tally, decimal: Decimal | None) -> NumberFormat | None:
    """Return the format that fits most rows, or None if there are no numbers.

    Args:
        tally: Rows of each pattern.
        decimal: Decimal sign of the table, which decides if both fit.
    """
    # Columns are asked for their format again and again, and many columns are alike.
    return _choose_format(tuple(tally.rows.items()), decimal)


@lru_cache(maxsize=4096)
def _choose_format(
    rows_of: tuple[tuple[str, int], ...], decimal: Decimal | None
) -> NumberFormat | None:
    found = {NumberPattern(*key.split("\t")): rows for key, rows in rows_of}
    if not found:
        return None
    prefix, suffix = _around(found)
    styles, bare = _counts(found, prefix, suffix)
    fits = {
        reading: sum(n for style, n in styles.items() if style in _accepted(*reading))
        for reading in READINGS
    }
    best = [reading for reading in READINGS if fits[reading] == max(fits.values())]
    money = not CURRENCIES.isdisjoint((prefix, suffix))
    chosen, ambiguous = _settled(best, styles, decimal, money=money)
    used = frozenset(style for style in styles if style in _accepted(*chosen))
    sign, thousands = _needed(used, *chosen)
    return NumberFormat(
        sign,  # type: ignore[arg-type]
        thousands,  # type: ignore[arg-type]
        prefix,
        suffix,
        fits[chosen],
        used,
        bare,
        ambiguous,
    )


def decimal_sign(reading: NumberFormat) -> Decimal | None:
    """Return the decimal sign if the column leaves no doubt, otherwise None."""
    grouped = {"commas", "commas.", "lakhs", "lakhs.", "blanks.", "quotes."}
    point = reading.styles & {"point", *grouped}
    comma = reading.styles & {"comma", "points,", "points", "blanks,", "quotes,"}
    if bool(point) == bool(comma):
        return None
    return "." if point else ","


def count_units(tally: Tally) -> Iterator[tuple[str, int, str]]:
    """Yield units and currencies with rows and first pattern, most frequent first.

    Others than the known ones count if they occur in upper and in lower case.
    """
    rows: Counter[str] = Counter()
    keys: dict[str, str] = {}
    for key, count in tally.rows.items():
        spelling = NumberPattern(*key.split("\t"))
        unit = spelling.prefix or spelling.suffix
        rows[unit] += count
        keys.setdefault(unit, key)
    spelled = Counter(unit.casefold() for unit in rows)
    for unit, count in rows.most_common():
        if is_unit(unit) or (len(unit) > 1 and spelled[unit.casefold()] > 1):
            yield unit, count, keys[unit]


def count_multiples(tally: Tally) -> tuple[Counter[str], dict[str, str]]:
    """Return the rows of each multiple, as K and M, and its first pattern.

    Numbers without one are counted under an empty text.
    """
    rows: Counter[str] = Counter()
    keys: dict[str, str] = {}
    for key, count in tally.rows.items():
        suffix = NumberPattern(*key.split("\t")).suffix
        if not suffix or suffix.casefold() in FOLDED_MULTIPLES:
            rows[suffix] += count
            keys.setdefault(suffix, key)
    return rows, keys


def count_numbers(tally: Tally) -> int:
    """Return how many rows are numbers, with a known unit or multiple or without."""
    found = [(NumberPattern(*key.split("\t")), n) for key, n in tally.rows.items()]
    return sum(
        rows
        for spelling, rows in found
        if not spelling.suffix
        or is_unit(spelling.suffix)
        or spelling.suffix.casefold() in FOLDED_MULTIPLES
    )


def are_codes(reading: NumberFormat) -> bool:
    """Return whether digits are codes: 00012 would become 12."""
    return "code" in reading.styles and reading.styles <= WITHOUT


def number_column(reading: NumberFormat, notes: ColumnMetadata = PLAIN) -> Column:
    """Return the declaration of a column of numbers in this format."""
    update = {
        "decimal": reading.decimal,
        "thousands": reading.thousands,
        "prefix": reading.prefix,
        "suffix": reading.suffix,
    }
    dtype: Literal["Int64", "float64"] = "Int64" if reading.whole else "float64"
    notes = notes.model_copy(update=update)
    return Column(dtype=dtype, nullable=True, metadata=notes)


def _with_units(texts: pa.StringArray) -> pa.StringArray:
    likely = pc.match_substring_regex(plain_numbers(texts), LIKELY)
    if not pc.all(likely).as_py():
        found = _with_units(texts.filter(likely)) if pc.any(likely).as_py() else None
        none = pa.nulls(len(texts), pa.string())
        return none if found is None else pc.replace_with_mask(none, likely, found)
    texts = plain_numbers(texts)
    infinite = pc.match_substring_regex(texts, STYLES["infinite"])
    sign, prefix, body, suffix = pc.extract_regex(texts, NUMBER).flatten()
    body = pc.binary_join_element_wise(sign, body, "")
    body = plain_separators(body)
    style = _styles(pc.if_else(infinite, texts, body), STYLES).dictionary_decode()
    # 2021 Q3 is a date.
    quarter = pc.fill_null(pc.match_substring_regex(suffix, "^[Qq][23]$"), False)
    style = pc.if_else(quarter, pa.scalar(None, pa.string()), style)
    around = [pc.utf8_trim_whitespace(pc.fill_null(s, "")) for s in (prefix, suffix)]
    return pc.binary_join_element_wise(*around, style, "\t")


def _styles(texts: pa.StringArray, styles: dict[str, str]) -> pa.DictionaryArray:
    """Return the name of each number's style, null if it has none."""
    found = np.full(len(texts), -1)
    left = np.flatnonzero(texts.is_valid())
    texts = texts.drop_null()
    if styles is PLAIN_NUMBER:
        first = FIRST[first_bytes(texts)]
        left, texts = left[first], texts.filter(pa.array(first))
    for number, form in enumerate(styles.values()):
        if not len(left):
            break
        fits = pc.match_substring_regex(texts, form)
        mask = fits.to_numpy(zero_copy_only=False)
        found[left[mask]] = number
        left, texts = left[~mask], texts.filter(pc.invert(fits))
    codes = pa.array(found, pa.int8(), mask=found < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(styles)))


def _settled(
    best: list[tuple[str, str]],
    styles: Mapping[str, int],
    decimal: Decimal | None,
    *,
    money: bool,
) -> tuple[tuple[str, str], bool]:
    """Return one of the formats that fit as well, and whether another may be right."""
    for reading in best:
        if reading[0] == decimal:
            return reading, False
    group = {"point3", "comma3"} & {*styles}
    either = {(".", ""), (",", ".")} if "point3" in group else {(".", ","), (",", "")}
    if not group or not either <= {*best}:
        return best[0], False
    grouped = next(reading for reading in best if reading in either and reading[1])
    if money:
        # Amounts of money do not have three decimals.
        return grouped, False
    if "whole" not in styles:
        # Three decimals in all rows are common with points, but not with commas.
        return best[0], "comma3" in group
    enough = sum(styles[style] for style in group) >= GROUPED
    return (grouped, False) if enough else (best[0], True)


def _around(found: dict[NumberPattern, int]) -> tuple[str, str]:
    """Return the most common prefix and suffix, empty if too few rows have any."""
    rows: Counter[tuple[str, str]] = Counter()
    for spelling, count in found.items():
        if may_be_unit(spelling.suffix):
            rows[spelling[:2]] += count
    few = FEW * rows.total()
    # What is not a known unit, and more often absent than present, is a note.
    least = {True: few, False: max(few, rows["", ""])}
    often = {
        around: n
        for around, n in rows.items()
        if any(around) and n >= least[is_unit("".join(around))]
    }
    return max(often, key=lambda around: often[around], default=("", ""))


def _counts(
    found: dict[NumberPattern, int], prefix: str, suffix: str
) -> tuple[dict[str, int], int]:
    """Return the rows of each style, and how many rows lack the unit."""
    styles: Counter[str] = Counter()
    bare = 0
    for spelling, rows in found.items():
        if spelling.prefix not in ("", prefix) or spelling.suffix not in ("", suffix):
            continue
        if spelling.suffix == suffix or is_unit(suffix):
            styles[spelling.style] += rows
        bare += rows * (spelling[:2] != (prefix, suffix))
    return dict(styles), bare


@cache
def _accepted(decimal: str, thousands: str) -> frozenset[str]:
    """Return the styles that are numbers under these signs."""
    other = "," if decimal == "." else "."
    groups = {s for s in GROUPS.get(thousands, ()) if not s.endswith(other)}
    return frozenset(WITHOUT | DECIMALS[decimal] | groups)


def _needed(styles: frozenset[str], decimal: str, thousands: str) -> tuple[str, str]:
    """Return the signs, without those that do not occur."""
    if not styles & GROUPS.get(thousands, set()):
        thousands = ""
    decimals = {*DECIMALS[","], "points,", "blanks,", "quotes,"}
    if not styles & decimals and thousands != ".":
        decimal = "."
    return decimal, thousands
