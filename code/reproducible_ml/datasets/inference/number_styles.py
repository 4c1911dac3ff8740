"""How numbers are written: sign, currency, digits and their separators, unit."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.datasets.inference.units import CURRENCY
from reproducible_ml.datasets.reading.values import BLANK

# Styles in which a number may be written; the first that matches is meant. One group
# of three digits behind a sign leaves open whether it is a decimal sign: "1.234".
GROUP = r"^[-+]?[1-9][0-9]{0,2}"
PLAIN = {
    "whole": r"^-?(0|[1-9][0-9]{0,17})$",
    "point3": GROUP + r"\.[0-9]{3}$",
    "point": r"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$",
}
STYLES = PLAIN | {
    "code": r"^([-+]?0[0-9]+|\+[0-9]{7,})$",
    "long": r"^-?[1-9][0-9]{18,}$",
    "signed": r"^[-+]?[0-9]+([eE][-+]?[0-9]+)?$",
    "comma3": GROUP + r",[0-9]{3}$",
    "comma": r"^[-+]?([0-9]+,[0-9]*|,[0-9]+)([eE][-+]?[0-9]+)?$",
    "points": GROUP + r"(\.[0-9]{3}){2,}$",
    "points,": GROUP + r"(\.[0-9]{3})+,[0-9]*$",
    "commas": GROUP + r"(,[0-9]{3}){2,}$",
    "commas.": GROUP + r"(,[0-9]{3})+\.[0-9]*$",
    "blanks": GROUP + r"( [0-9]{3})+$",
    "blanks,": GROUP + r"( [0-9]{3})+,[0-9]*$",
    "blanks.": GROUP + r"( [0-9]{3})+\.[0-9]*$",
    "quotes": GROUP + r"('[0-9]{3})+$",
    "quotes,": GROUP + r"('[0-9]{3})+,[0-9]*$",
    "quotes.": GROUP + r"('[0-9]{3})+\.[0-9]*$",
    "infinite": r"(?i)^[-+]?(inf|infinity)$",
}

NUMBER = (
    rf"^(?P<sign>[-+]?){BLANK}(?P<prefix>{CURRENCY})?{BLANK}"
    r"(?P<body>[-+]?[0-9.,](?:[0-9.,'\s\x{00A0}\x{202F}]*[0-9.,])?(?:[eE][-+]?[0-9]+)?)"
    rf"{BLANK}(?P<suffix>[^0-9\s.,'+\-][^0-9]{{0,14}}[23]?)?$"
)


class Spelling(NamedTuple):
    """How numbers are written: what stands around them, and their style."""

    prefix: str
    suffix: str
    style: str


def spellings(texts: pa.StringArray) -> pa.StringArray:
    """Return prefix, suffix and style of each number, by tabs; null for others.

    Args:
        texts: Without blanks around them.
    """
    styles = _styles(texts, PLAIN)
    plain = pc.binary_join_element_wise("", "", styles, "\t")
    others = plain.is_null()
    if not plain.null_count:
        return plain
    return pc.replace_with_mask(plain, others, _with_units(texts.filter(others)))


def _with_units(texts: pa.StringArray) -> pa.StringArray:
    infinite = pc.match_substring_regex(texts, STYLES["infinite"])
    sign, prefix, body, suffix = pc.extract_regex(texts, NUMBER).flatten()
    body = pc.binary_join_element_wise(sign, body, "")
    body = pc.replace_substring_regex(body, r"[\x{00A0}\x{202F}]", " ")
    style = _styles(pc.if_else(infinite, texts, body), STYLES)
    around = [pc.utf8_trim_whitespace(pc.fill_null(s, "")) for s in (prefix, suffix)]
    return pc.binary_join_element_wise(*around, style, "\t")


def _styles(texts: pa.StringArray, styles: dict[str, str]) -> pa.StringArray:
    """Return the name of each number's style, null if it has none."""
    found = np.full(len(texts), -1)
    left = np.flatnonzero(texts.is_valid())
    texts = texts.drop_null()
    for number, form in enumerate(styles.values()):
        if not len(left):
            break
        fits = pc.match_substring_regex(texts, form)
        mask = fits.to_numpy(zero_copy_only=False)
        found[left[mask]] = number
        left, texts = left[~mask], texts.filter(pc.invert(fits))
    return pa.array(list(styles)).take(pa.array(found, mask=found < 0))
