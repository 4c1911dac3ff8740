"""Convert text of raw files to values, as declared by the columns of the contract."""

import re
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.schema import Column

# Text that means a missing value, unless the contract declares it as a category.
NA_VALUES = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")

ARROW_TYPES = {
    "float64": pa.float64(),
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
    "str": pa.string(),
    "datetime64[ns]": pa.timestamp("ns"),
}

# The text that Arrow reads as booleans.
TRUE_VALUES = ("true", "TRUE", "True", "1")
FALSE_VALUES = ("false", "FALSE", "False", "0")

# This format accepts all of ISO 8601 with an offset: fractions, a space for T.
ISO_WITH_OFFSET = "%Y-%m-%dT%H:%M:%S%z"

# Spaces besides those of ASCII that separate thousands: no-break, figure, thin space.
OTHER_SPACES = r"\x{00A0}\x{202F}\x{2007}\x{2009}"
SPACES = rf"[\s{OTHER_SPACES}]*"

# Apostrophes besides that of ASCII: the Swiss locale of CLDR separates thousands by the
# first one.
APOSTROPHES = "\u2019\u02bc\u00b4\u2018"

# Signs and digits of numbers besides those of ASCII, each with its ASCII character:
# minus signs and the dashes that typographers use for one; full-width forms; Arabic
# decimal sign and separator; digits of other scripts, each from its zero on.
OTHER_SIGNS = dict.fromkeys("\u2212\u2010\u2011\u2013\ufe63\uff0d", "-") | {
    **{"\uff0b": "+", "\uff0e": ".", "\uff0c": ",", "\u066b": ".", "\u066c": ","},
    **{
        chr(ord(zero) + digit): str(digit)
        for zero in "\u0660\u06f0\u0966\u09e6\u0e50\uff10"
        for digit in range(10)
    },
}
ASCII_SIGNS = str.maketrans(OTHER_SIGNS)

# Text that Arrow may be able to cast: reduces the slow search for text that it cannot.
CASTABLE = {
    pa.int64(): r"^(-?[0-9]+|0[xX][0-9a-fA-F]+)$",
    pa.float64(): r"(?i)^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$"
    r"|^[-+]?(inf|infinity|nan)$",
    pa.timestamp("ns"): r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
    pa.timestamp("ns", "UTC"): r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
}

# Names of months, in full and shortened: English, German, French, Spanish, Italian,
# Portuguese, Dutch, Scandinavian, Polish, Russian and Turkish. A name that stands for
# different months in two languages, such as listopad, is left out.
NAMES = """
    january jan januar jänner jän janvier janv enero ene gennaio gen janeiro januari
        stycznia styczeń sty января январь янв ocak oca
    february feb februar feber février févr fév febrero febbraio fevereiro fev februari
        lutego luty февраля февраль фев şubat şub
    march mar märz mär mrz mars marzo março maart mrt marts marca marzec марта март
        мар mart
    april apr avril avr abril abr aprile kwietnia kwiecień kwi апреля апрель апр nisan
        nis
    may mai mayo maggio mag maio mei maj maja мая май may\u0131s
    june jun juni juin junio giugno giu junho czerwca czerwiec cze июня июнь июн haziran
        haz
    july jul juli juillet juil julio luglio lug julho lipca lipiec июля июль июл temmuz
        tem
    august aug août agosto ago augustus augusti sierpnia sierpień sie августа август авг
        ağustos ağu
    september sep sept septembre septiembre settembre set setembro września wrzesień wrz
        сентября сентябрь сент сен eylül eyl
    october oct oktober okt octobre octubre ottobre ott outubro out października
        październik paź октября октябрь окт ekim eki
    november nov novembre noviembre novembro ноября ноябрь ноя kas\u0131m kas
    december dec dezember dez décembre déc diciembre dic dicembre dezembro desember des
        grudnia grudzień декабря декабрь дек aral\u0131k ara
"""
MONTHS = [names.split() for names in re.split(r"\n    (?=\S)", NAMES.strip())]
ENGLISH = {name: names[0].capitalize() for names in MONTHS for name in names}

# The longest first, so that no name is taken for its beginning.
ANY_NAME = "|".join(sorted(ENGLISH, key=lambda name: (-len(name), name)))
NAME = re.compile(
    rf"(?<![^\W\d_])({ANY_NAME})(?![^\W\d_])(?:\.(?=[ ,]|$))?", re.IGNORECASE
)

# Days since 1900, as spreadsheets store dates: from 1954 to 2064.
SERIAL = r"^\s*[2-5][0-9]{4}(\.[0-9]+)?\s*$"

# Greenwich time as an offset, and quarters, which stand for their first month.
UTC = re.compile(r"(?:UTC|GMT)(?=$| \d{4}$)")
QUARTER, QUARTER_FIRST = re.compile("Q([1-4])", re.I), re.compile("([1-4])Q", re.I)


def convert(texts: pa.Array, column: Column) -> pa.Array:
    """Return the values, null where missing.

    Numbers are exact to the last digit, dates with an offset are converted to UTC, and
    text is not changed. Text categories are dictionary-encoded.

    Raises:
        pyarrow.ArrowInvalid: A value cannot be converted: see `unconvertible`.
    """
    values, bad = try_convert(texts, column)
    if pc.any(bad, min_count=0).as_py():
        first = texts.filter(bad)[0].as_py()
        raise pa.ArrowInvalid(f"{first!r} cannot be converted to {column.dtype}")
    if column.dtype == "category" and values.type == pa.string():
        return values.dictionary_encode()
    return values


def unconvertible(texts: pa.Array, column: Column) -> pa.BooleanArray:
    """Return for each text whether it is not missing but unconvertible; never null."""
    return try_convert(texts, column)[1]


def try_convert(texts: pa.Array, column: Column) -> tuple[pa.Array, pa.BooleanArray]:
    """Return the values, with null for unconvertible text, and a mask of the latter."""
    present = _present(texts, column)
    values = _read(present, column)
    bad = pc.and_(pc.is_valid(present), pc.is_null(values))
    if values.type == pa.float64():
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    return values, bad


def is_read_by_arrow(column: Column) -> bool:
    """Return whether Arrow's CSV reader reads the column as `convert` does.

    It is stricter in one case: it rejects spaces around text for a missing value.
    """
    notes = column.metadata
    spelled = (notes.missing, notes.thousands, notes.prefix, notes.suffix, notes.true)
    named = set(NA_VALUES) & set(column.isin or ())
    return not (any(spelled) or notes.false or notes.format or named) and (
        notes.decimal == "."
    )


def plain_numbers(texts: pa.StringArray) -> pa.StringArray:
    """Return numbers with signs and digits of ASCII, such as -1.5 for \u22121.5.

    Other texts, in which these are no signs of a number, may change as well.
    """
    ascii_only = pc.string_is_ascii(texts)
    if pc.all(ascii_only, min_count=0).as_py():
        return texts
    odd = pc.match_substring_regex(texts, f"[{''.join(OTHER_SIGNS)}]")
    if not pc.any(odd, min_count=0).as_py():
        return texts
    codes = texts.dictionary_encode()
    plain = [text.translate(ASCII_SIGNS) for text in codes.dictionary.to_pylist()]
    return pa.array(plain, pa.string()).take(codes.indices)


def plain_separators(texts: pa.StringArray) -> pa.StringArray:
    """Return numbers with an ASCII blank or apostrophe between thousands."""
    texts = pc.replace_substring_regex(texts, f"[{OTHER_SPACES}]", " ")
    return pc.replace_substring_regex(texts, f"[{APOSTROPHES}]", "'")


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column; for a category, the type of its values."""
    if column.dtype == "category":
        return pa.infer_type(list(column.isin or ("",)))
    return ARROW_TYPES[column.dtype]


def _present(texts: pa.Array, column: Column) -> pa.StringArray:
    """Return the text with null for missing values; strips spaces of other dtypes."""
    texts = texts.cast(pa.string())
    if arrow_type(column) != pa.string():
        texts = pc.utf8_trim_whitespace(texts)
    spellings = {*NA_VALUES, *column.metadata.missing} - set(
        map(str, column.isin or ())
    )
    missing = pc.is_in(texts, pa.array(sorted(spellings), pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), texts)


def _read(texts: pa.StringArray, column: Column) -> pa.Array:
    """Return the values, with null for unconvertible text."""
    kind = arrow_type(column)
    if kind == pa.string():
        return texts
    if kind == pa.bool_():
        return _booleans(texts, column)
    if kind == pa.timestamp("ns"):
        return _dates(texts, column.metadata.format)
    return _cast(_number_texts(texts, column), kind)


def _booleans(texts: pa.StringArray, column: Column) -> pa.BooleanArray:
    notes = column.metadata
    true, false = (
        (notes.true, notes.false) if notes.true else (TRUE_VALUES, FALSE_VALUES)
    )
    is_true = pc.is_in(texts, pa.array(true, pa.string()))
    known = pc.or_(is_true, pc.is_in(texts, pa.array(false, pa.string())))
    return pc.if_else(known, is_true, pa.scalar(None, pa.bool_()))


def _dates(texts: pa.StringArray, form: str | None) -> pa.TimestampArray:
    """Return times without zone; those with an offset are converted to UTC."""
    if form is None:
        return _cast(texts, pa.timestamp("ns"))
    if form == ISO_WITH_OFFSET:
        texts = pc.replace_substring_regex(texts, " ?(?:UTC|GMT)$", "Z")
        return _cast(texts, pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns"))
    # Not Arrow's strptime, which reads 31 February as 2 March. Dates repeat, so that
    # each different one is parsed once.
    codes = texts.dictionary_encode()
    times = parse_dates(codes.dictionary.to_pandas(), form)
    inside = times.between(pd.Timestamp.min, pd.Timestamp.max)
    values = pa.array(times.where(inside).astype("datetime64[ns]"), pa.timestamp("ns"))
    return values.take(codes.indices)


def _number_texts(texts: pa.StringArray, column: Column) -> pa.StringArray:
    """Return numbers as Arrow reads them, with null for text of another format."""
    notes = column.metadata
    texts = plain_numbers(texts)
    if notes.prefix or notes.suffix:
        texts = _without_affixes(texts, notes.prefix, notes.suffix)
    if notes.thousands in (" ", "'"):
        texts = plain_separators(texts)
    if not notes.thousands and notes.decimal == ".":
        return texts
    right = pc.match_substring_regex(texts, _grouped(notes.thousands, notes.decimal))
    if notes.thousands:
        texts = pc.replace_substring(texts, notes.thousands, "")
    if notes.decimal == ",":
        texts = pc.replace_substring(texts, ",", ".")
    return pc.if_else(right, texts, pa.scalar(None, pa.string()))


def _without_affixes(texts: pa.StringArray, prefix: str, suffix: str) -> pa.StringArray:
    """Return numbers without currency, percent sign or unit, and spaces beside it."""
    if prefix:
        start = rf"^([-+]?){SPACES}(?:{re.escape(prefix)})?{SPACES}"
        texts = pc.replace_substring_regex(texts, start, r"\1")
    if suffix:
        end = rf"{SPACES}{re.escape(suffix)}$"
        texts = pc.replace_substring_regex(texts, end, "")
    return texts


def _grouped(thousands: str, decimal: str) -> str:
    """Return the pattern of a number whose groups, if any, have three digits.

    In India, only the last group has: 1,23,456.
    """
    whole = "[0-9]+"
    if thousands:
        whole = rf"(?:[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]+)"
    if thousands == ",":
        whole = rf"(?:[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}|{whole})"
    number = rf"(?:{whole}(?:{re.escape(decimal)}[0-9]*)?|{re.escape(decimal)}[0-9]+)"
    return rf"(?i)^[-+]?(?:{number}(?:e[-+]?[0-9]+)?|inf|infinity|nan)$"


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array:
    """Return the values, with null for unconvertible text."""
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        different = texts.drop_null().unique()
        likely = pc.match_substring_regex(different, CASTABLE[kind])
        good = _castable(different.filter(likely), kind)
        fits = pc.is_in(texts, pa.array(good, pa.string()))
        return pc.if_else(fits, texts, pa.scalar(None, pa.string())).cast(kind)


def _castable(texts: pa.StringArray, kind: pa.DataType) -> Sequence[str]:
    """Return the text that can be cast, found by bisection."""
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return []
        half = len(texts) // 2
        return [*_castable(texts[:half], kind), *_castable(texts[half:], kind)]
    found: list[str] = texts.to_pylist()
    return found


def parse_dates(texts: pd.Series, form: str) -> pd.Series:
    """Return the times that texts name, NaT for those of another format.

    Besides the directives of `strptime`, %q is the number of a quarter, beside a Q.
    Names of months may be of many languages, in full or shortened.

    Args:
        texts: Different texts, none missing.
        form: Their format.
    """
    if "%q" in form:
        quarter = QUARTER if re.search("q%q", form, re.I) else QUARTER_FIRST
        texts = texts.str.replace(
            quarter, lambda found: f"{3 * int(found[1]) - 2:02}-", regex=True
        )
        form = re.sub("q%q|%qq", "%m-", form, flags=re.IGNORECASE)
    times = _strptime(texts, form)
    failed = times.isna()
    if failed.any() and re.search("%[bBz]", form):
        short = "%b" in form
        plain = texts[failed].map(lambda text: _english(text, short=short))
        times = times.where(~failed, _strptime(plain, form))
    return times


def _strptime(texts: pd.Series, form: str) -> pd.Series:
    """Return times without zone; those with an offset are converted to UTC."""
    times = pd.to_datetime(texts, format=form, errors="coerce", utc="%z" in form)
    return pd.Series(times).dt.tz_localize(None)


def _english(text: str, *, short: bool) -> str:
    """Return a date with English names of months, and Greenwich time as an offset."""

    def name(found: re.Match[str]) -> str:
        full = ENGLISH.get(found[1].lower(), found[1])
        return full[:3] if short else full

    return UTC.sub("+0000", NAME.sub(name, text))
