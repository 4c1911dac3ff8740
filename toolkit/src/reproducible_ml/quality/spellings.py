"""Spellings of "no value" and of true and false; look-alikes and wrong encodings."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.reading.values import FALSE_VALUES, NA_VALUES, TRUE_VALUES

# Lower-case spellings of "no value" that are never a value, whatever the column.
ALWAYS_MISSING = frozenset(
    ["n/a", "#n/a", "#na", "n.a.", "<na>", "(null)", r"\n", "?", "??", "k.a.", "k. a."]
)

# Those that mean "no value" among numbers and dates, but may be a value among texts.
MISSING_AMONG_NUMBERS = ALWAYS_MISSING | {
    *map(str.lower, NA_VALUES),
    *[
        "-",
        "--",
        "---",
        ".",
        "..",
        "unknown",
        "missing",
        "nil",
        "nat",
        "-nan",
        "#null!",
        "undefined",
        "unbekannt",
    ],
    *("not available", "not applicable", "keine angabe"),
    # Dashes, and the minus sign by itself.
    *("\u2013", "\u2014", "\u2015", "\u2212"),
}

# What else stands for "no value" in many tables, errors of spreadsheets included. It is
# suggested in error messages, but not taken for missing without asking.
PLACEHOLDER = re.compile(r"[-?.*]+|#.*|<.*>|n\.?/?a\.?|k\.? ?a\.?|empty", re.IGNORECASE)

# Spellings of true and false that belong together; 0 and 1 are numbers.
BOOLEANS = (
    *(("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off")),
    *(("ja", "nein"), ("j", "n"), ("wahr", "falsch"), ("oui", "non")),
    *(("vrai", "faux"), ("si", "no"), ("sí", "no"), ("sim", "não")),
    *(("verdadero", "falso"), ("verdadeiro", "falso"), ("vero", "falso")),
    *(("ja", "nej"), ("ja", "nei"), ("ja", "nee"), ("tak", "nie"), ("ano", "ne")),
    *(("igen", "nem"), ("evet", "hay\u0131r"), ("evet", "hayir"), ("da", "nu")),
    *(("да", "нет"), ("так", "ні"), ("истина", "ложь")),
    *(("是", "否"), ("はい", "いいえ"), ("예", "아니요"), ("예", "아니오")),
    ("نعم", "لا"),
)

# Cyrillic and Greek letters, each above the Latin one that it looks like.
LOOKALIKE_LETTERS = "авекмнорстухіјѕԁһӏԛԝАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυ"
LATIN = "aBeKMHopcTyxijsdhlqwABEKMHOPCTYXIJSABEZHIKMNOPTYXaivopu"
LOOKALIKES = str.maketrans(LOOKALIKE_LETTERS, LATIN)


def missing_spellings(texts: Iterable[str], *, among_text: bool) -> list[str]:
    """Return those of the texts that mean "no value".

    Args:
        texts: Texts of a column.
        among_text: Whether it is a column of texts, rather than of numbers, dates or
            booleans.
    """
    if not among_text:
        return [t for t in texts if t.strip().lower() in MISSING_AMONG_NUMBERS]
    return [
        text
        for text in texts
        if text.strip() in NA_VALUES or text.strip().lower() in ALWAYS_MISSING
    ]


def undeclared_spellings(
    spellings: Iterable[str], *, among_text: bool
) -> tuple[str, ...]:
    """Return the spellings of "no value" that the contract has to declare, sorted."""
    # Only in columns of text do blanks around a value count.
    declared = {text if among_text else text.strip() for text in spellings}
    return tuple(sorted(declared - {*NA_VALUES}))


def may_be_missing(texts: pa.StringArray) -> pa.BooleanArray:
    """Return which texts mean "no value" in some columns; blanks must be stripped."""
    lower = pc.utf8_lower(texts)
    return pc.is_in(lower, pa.array(sorted(MISSING_AMONG_NUMBERS)))


def is_placeholder(text: str) -> bool:
    """Return whether a text probably stands for "no value"."""
    known = text.strip().lower() in MISSING_AMONG_NUMBERS
    return known or PLACEHOLDER.fullmatch(text) is not None


def boolean_spellings(
    texts: Iterable[str],
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the spellings of true and of false, sorted; None for all other texts.

    A pair of them must occur that belongs together: yes and no, but not yes and false.
    Beside a pair of words, others may occur: 1 and Y beside true and false. Beside a
    pair of letters, only digits and words may: a letter might be a category.
    """
    true, false = ({*words} for words in zip(*BOOLEANS, ("1", "0"), strict=True))
    texts = iter(texts)
    first = next(texts, "").strip()
    if first.lower() not in true | false:
        return None
    spellings = sorted({first, *(text.strip() for text in texts)})
    lower = {text.lower() for text in spellings}
    pairs = [pair for pair in BOOLEANS if {*pair} <= lower]
    if not pairs:
        return None
    paired = {word for pair in pairs for word in pair}
    letters = {word for word in lower - paired if len(word) == 1 and word.isalpha()}
    if letters and max(len(word) for word in paired) == 1:
        return None
    # Of letters and short words, only those that the pairs do not use the other way.
    if not lower <= true | false:
        return None
    return (
        tuple(text for text in spellings if text.lower() in true),
        tuple(text for text in spellings if text.lower() in false),
    )


def are_default_booleans(true: Iterable[str], false: Iterable[str]) -> bool:
    """Return whether the contract need not declare these spellings."""
    return {*true} <= {*TRUE_VALUES} and {*false} <= {*FALSE_VALUES}


def closest_match(text: str, known: Sequence[str]) -> tuple[str, str] | None:
    """Return the known text that was probably meant, and a note on how it differs.

    The note is empty where the difference is visible.
    """
    folded = fold_lookalikes(text)
    same = next((k for k in known if fold_lookalikes(k) == folded != ""), None)
    if same is not None:
        return same, f", but {_hidden_difference(text, same)}"
    close = get_close_matches(text, known, 1, 0.75)
    return (close[0], "") if close else None


def fold_lookalikes(text: str) -> str:
    """Return the text without differences that are hard to see.

    These are case, blanks, signs, accents and letters of other alphabets.
    """
    plain = unicodedata.normalize("NFKD", text.translate(LOOKALIKES))
    return "".join(c for c in plain.casefold() if c.isalnum())


def fix_encoding(text: str) -> str:
    """Return text that was UTF-8 but read as Windows-1252 as it was; others as is."""
    if text.isascii():
        return text
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


def _hidden_difference(text: str, meant: str) -> str:
    lookalike = next(
        (c for c in text if c in LOOKALIKE_LETTERS and c not in meant), None
    )
    if lookalike:
        return f"has letters of another alphabet ({unicodedata.name(lookalike)})"
    hidden = next((c for c in text if not c.isprintable()), None)
    if hidden:
        return f"has a hidden character (U+{ord(hidden):04X})"
    if text.casefold() == meant.casefold():
        return "differs by case"
    return f"differs by {'blanks' if text.strip() == meant else 'signs or accents'}"
