"""Spellings of "no value", of true and of false."""

from collections.abc import Iterable

from reproducible_ml.datasets.reading.values import FALSE, MISSING, TRUE

# Spellings, in lower case, that are no value in any column: nobody means a value.
ANYWHERE = frozenset(
    ["n/a", "#n/a", "#na", "n.a.", "<na>", "(null)", "\\n", "?", "??", "k.a.", "k. a."]
)
# Those that are no value among numbers and dates, but may be one among texts.
AMONG_NUMBERS = ANYWHERE | frozenset(
    [text.lower() for text in MISSING]
    + [
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
    ]
    + ["not available", "not applicable", "undefined", "unbekannt", "keine angabe"]
)

PAIRS = (
    ("true", "false"),
    ("yes", "no"),
    ("t", "f"),
    ("y", "n"),
    ("ja", "nein"),
    ("j", "n"),
    ("oui", "non"),
    ("si", "no"),
    ("sí", "no"),
    ("wahr", "falsch"),
    ("vrai", "faux"),
    ("on", "off"),
    ("sim", "não"),
)


def boolean_spellings(
    texts: Iterable[str],
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the spellings of true and of false, sorted, if texts are just these.

    Both occur, and belong together: yes and no, but not yes and false. 0 and 1 are
    numbers.
    """
    spelled = sorted({text.strip() for text in texts})
    lower = {text.lower() for text in spelled}
    for true, false in PAIRS:
        if lower == {true, false}:
            return (
                tuple(text for text in spelled if text.lower() == true),
                tuple(text for text in spelled if text.lower() == false),
            )
    return None


def are_plain(true: Iterable[str], false: Iterable[str]) -> bool:
    """Say whether these need no mention in the contract."""
    return {*true} <= {*TRUE} and {*false} <= {*FALSE}


def blank_texts(texts: Iterable[str], *, among_text: bool) -> list[str]:
    """Return the texts that mean "no value".

    Args:
        texts: Some that might, in lower case without blanks around.
        among_text: Whether the others are texts, and not numbers, dates or truths.
    """
    if not among_text:
        return [text for text in texts if text.strip().lower() in AMONG_NUMBERS]
    known = {*MISSING}
    return [t for t in texts if t.strip() in known or t.strip().lower() in ANYWHERE]


def for_notes(blank: Iterable[str], *, among_text: bool) -> tuple[str, ...]:
    """Return the spellings of "no value" that the contract must name."""
    # Blanks around a value count in texts alone.
    spelled = {text if among_text else text.strip() for text in blank}
    return tuple(sorted(spelled - {*MISSING}))
