"""Where a text table is quoted: bits for millions of characters, places for a few."""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

ONE, LAST = np.uint64(1), np.uint64(63)


class Structure(NamedTuple):
    """What the characters of a text are, a bit for each, the lowest bit first.

    `newlines` are line ends, in quotes or not. `quoted` is from an opening quote to
    before the closing one. `misplaced` are opening quotes that do not begin a value,
    and closing ones that do not end it; of two quotes that stand for one, the first
    closes and the second opens.
    """

    newlines: Bits
    quoted: Bits
    misplaced: Bits


def structure(text: bytes, delimiter: bytes) -> Structure:
    """Return the structure of a text that begins with a row.

    Bits make 64 times fewer numbers than characters, so this costs less than reading.
    """
    characters = np.frombuffer(text, np.uint8)
    is_end = (characters == ord(delimiter)) | (characters == ord("\r"))
    quotes = _bits(characters == ord('"'))
    newlines = _bits(characters == ord("\n"))
    edges = quotes | newlines | _bits(is_end)
    # What comes after the text is not known yet, and does not count as misplaced.
    edges[-1] |= ONE << np.uint64(len(text) % 64)
    quoted = _odd_so_far(quotes)
    opens, closes = quotes & quoted, quotes & ~quoted
    misplaced = (opens & ~_after(edges)) | (closes & ~_before(edges))
    return Structure(newlines, quoted, misplaced)


def _bits(mask: npt.NDArray[np.bool_]) -> Bits:
    packed = np.packbits(mask, bitorder="little")
    # One bit more than there are characters.
    words = np.zeros(len(mask) // 64 + 1, dtype="<u8")
    words.view(np.uint8)[: len(packed)] = packed
    return words


def _odd_so_far(bits: Bits) -> Bits:
    """Set each bit from which back to the beginning an odd number is set."""
    odd = np.bitwise_count(bits) & 1
    odd_before = np.bitwise_xor.accumulate(odd) ^ odd
    for shift in np.array([1, 2, 4, 8, 16, 32], dtype=np.uint64):
        bits = bits ^ (bits << shift)
    return np.where(odd_before, ~bits, bits)


def _after(bits: Bits) -> Bits:
    """Set the bits after set ones, and the first: a row begins after a line end."""
    carried = np.ones_like(bits)
    carried[1:] = bits[:-1] >> LAST
    return (bits << ONE) | carried


def _before(bits: Bits) -> Bits:
    """Set the bits before set ones."""
    carried = np.zeros_like(bits)
    carried[:-1] = bits[1:] << LAST
    return (bits >> ONE) | carried


def last_bit(bits: Bits) -> int:
    """Return the place of the last bit that is set, -1 if none is."""
    words = np.flatnonzero(bits)
    if not len(words):
        return -1
    return int(words[-1]) * 64 + int(bits[words[-1]]).bit_length() - 1


def places(bits: Bits) -> Places:
    """Return the places of the bits that are set."""
    words = np.flatnonzero(bits)
    unpacked = np.unpackbits(bits[words].view(np.uint8), bitorder="little")
    bit = np.flatnonzero(unpacked.view(np.bool_))
    return words[bit // 64] * 64 + bit % 64


def regular_values(text: bytes) -> tuple[Places, Places]:
    """Return the places of the quotes around values, if none is misplaced."""
    quotes = np.flatnonzero(np.frombuffer(text, np.uint8) == ord('"'))
    opens, closes = quotes[::2], quotes[1::2]
    # Two quotes next to each other stand for one within a value.
    apart = opens[1:] != closes[:-1] + 1
    first, last = np.ones((2, len(opens)), dtype=bool)
    first[1:] = last[:-1] = apart
    return opens[first], closes[last]


def quoted_values(text: bytes, delimiter: bytes) -> tuple[Places, Places]:
    """Return the places of the quotes around values; the last may lack its second.

    This is slow, and right for every text: a quote that neither begins a value nor
    ends one that began with a quote is a character like any other.
    """
    opening = re.compile(rb'(?:\A|[\n\r]|%s)"' % re.escape(delimiter))
    closing = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
    opens, closes = [], []
    place = 0
    while opened := opening.search(text, place):
        opens.append(opened.end() - 1)
        closed = closing.match(text, opened.end())
        if not closed:
            break
        place = closed.end()
        closes.append(place - 1)
    return np.array(opens, np.int64), np.array(closes, np.int64)


def quoted_line_ends(text: bytes, opens: Places, closes: Places) -> Places:
    """Return the places of the line ends in quoted values."""
    newlines = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    opened = np.searchsorted(opens, newlines)
    return newlines[opened > np.searchsorted(closes, newlines)]


def within(place: int, opens: Places, closes: Places) -> bool:
    """Say whether a place lies in a quoted value."""
    before = np.searchsorted(opens, place)
    return bool(before and (before > len(closes) or closes[before - 1] > place))
