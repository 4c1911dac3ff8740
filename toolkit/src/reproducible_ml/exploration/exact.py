"""Numbers of Arrow without loss of digits: whole numbers of a small unit, or floats.

Of a decimal with two places the unit is 0.01: 1.25 is 125. Of a duration it is that of
its type.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types

from reproducible_ml.core import keys
from reproducible_ml.exploration.counting import (
    EXACT,
    Hashes,
    Mask,
    hash_floats,
    hash_integers,
)

Floats = npt.NDArray[np.float64]

# One value: a Decimal has places after the point.
Number = int | float | Decimal

# Decimals of at most so many units differ as floats, which have 15 digits.
UNITS = 10**15

PLACES = {"s": 0, "ms": 3, "us": 6, "ns": 9}


class Exact(NamedTuple):
    """Numbers; missing ones are 0 or NaN.

    Attributes:
        values: Floats, or whole numbers of a unit: of NumPy, or if they are too large
            for 64 bits, of Python.
        places: The unit is 10 to the power of minus this.
    """

    values: npt.NDArray[Any]
    places: int = 0

    @property
    def whole(self) -> bool:
        """Whether these are whole numbers of the unit, no floats."""
        return self.values.dtype.kind != "f"

    def floats(self) -> Floats:
        """Return the nearest floats, or for many digits one beside it."""
        numbers = self.values.astype(np.float64)
        return numbers / 10.0**self.places if self.places else numbers

    def take(self, which: Any) -> "Exact":
        """Return some of the numbers."""
        return Exact(self.values[which], self.places)

    def number(self, place: int) -> Number:
        """Return one of them."""
        return in_units(self.values[place : place + 1].tolist()[0], self.places)

    def numbers(self) -> list[Number]:
        """Return all of them."""
        return [in_units(value, self.places) for value in self.values.tolist()]


def in_units(value: float, places: int) -> Number:
    """Return a number of units, exactly."""
    return Decimal(f"{value}E-{places}") if places else value


def exact_numbers(values: pa.Array) -> Exact:
    """Return numbers, decimals or durations, in seconds."""
    kind = values.type
    if types.is_dictionary(kind):
        return exact_numbers(values.dictionary_decode())
    if types.is_decimal(kind):
        return _decimals(values)
    places = 0
    if types.is_duration(kind):
        places, values = PLACES[kind.unit], values.cast(pa.int64())
    elif types.is_float16(kind):
        values = values.cast(pa.float32()).cast(pa.float64())
    elif not types.is_integer(kind):
        values = values.cast(pa.float64())
    return Exact(values.fill_null(0).to_numpy(zero_copy_only=False), places)


def _decimals(values: pa.Array) -> Exact:
    kind = values.type
    if kind.bit_width < 128:
        return _decimals(values.cast(pa.decimal128(kind.precision, kind.scale)))
    width = kind.bit_width // 64
    end = values.offset + len(values)
    if not len(values):
        return Exact(np.array([], dtype=np.int64), max(0, kind.scale))
    words = np.frombuffer(values.buffers()[1], np.int64, end * width)
    words = words.reshape(-1, width)[values.offset :]
    if values.null_count:
        valid = values.is_valid().to_numpy(zero_copy_only=False)
        words = np.where(valid[:, np.newaxis], words, 0)
    units = words[:, 0]
    if kind.scale >= 0 and (words[:, 1:] == (units >> 63)[:, np.newaxis]).all():
        return Exact(np.ascontiguousarray(units), kind.scale)
    units = words[:, -1].astype(object)
    for place in range(width - 2, -1, -1):
        units = units * 2**64 + words.view(np.uint64)[:, place].astype(object)
    return Exact(units * 10 ** max(0, -kind.scale), max(0, kind.scale))


def hash_numbers(numbers: Exact) -> Hashes:
    """Return a hash of each number; numbers of any type that are equal have one hash.

    Only decimals of more than 15 digits have others than equal numbers of other types.
    """
    values = numbers.values
    if not numbers.whole:
        return hash_floats(values)
    if not numbers.places and values.dtype != object:
        return hash_integers(values)
    hashes = hash_floats(numbers.floats())
    most = UNITS if numbers.places else EXACT
    large = (values > most) | (values < -most)
    if large.any():
        units, salt = values[large.astype(bool)], 1 + numbers.places
        if values.dtype != object:
            mixed = keys.mix(units.astype(np.uint64), salt)
        else:
            low = np.array([unit % 2**64 for unit in units], dtype=np.uint64)
            far = np.array([unit >> 64 & (2**64 - 1) for unit in units], np.uint64)
            both = keys.mix(low + keys.mix(far, 2), salt)
            # As those of 64 bits.
            short = ((units < 2**63) & (units >= -(2**63))).astype(bool)
            mixed = np.where(short, keys.mix(low, salt), both)
        hashes[large.astype(bool)] = mixed
    return hashes


def distances(numbers: Exact, origin: Exact, exponent: int = 0) -> Floats:
    """Return how far numbers are from one, exact if all are whole and near.

    Args:
        numbers: Finite or not.
        origin: One number.
        exponent: The distances are divided by 2 to this power, so that none of those
            of the largest floats is infinite.
    """
    values = numbers.values
    if not numbers.whole or (origin.whole, origin.places) != (True, numbers.places):
        far, own = numbers.floats(), origin.floats()
        if exponent:
            far, own = np.ldexp(far, -exponent), np.ldexp(own, -exponent)
        return far - own
    own = origin.values.tolist()[0]
    if values.dtype == object:
        moved = (values - own).astype(np.float64)
    elif max(abs(int(values.max()) - own), abs(int(values.min()) - own)) >= 2**63:
        moved = values.astype(np.float64) - float(own)
    else:
        # Modulo 2^64, in which all of these distances are different.
        unsigned = values.astype(np.uint64) - np.uint64(own % 2**64)
        moved = unsigned.view(np.int64).astype(np.float64)
    if numbers.places:
        moved /= 10.0**numbers.places
    return np.asarray(np.ldexp(moved, -exponent)) if exponent else moved


def join(parts: Sequence[Exact]) -> Exact:
    """Return numbers one after the other; of several types, as one that holds all."""
    if len({(part.values.dtype, part.places) for part in parts}) == 1:
        return Exact(np.concatenate([part.values for part in parts]), parts[0].places)
    if not all(part.whole for part in parts):
        return Exact(np.concatenate([part.floats() for part in parts]))
    places = max(part.places for part in parts)
    units = [p.values.astype(object) * 10 ** (places - p.places) for p in parts]
    return Exact(np.concatenate(units), places)


def is_finite(numbers: Exact) -> Mask:
    """Return which numbers are neither infinite nor NaN."""
    if numbers.whole:
        return np.ones(len(numbers.values), dtype=bool)
    return np.asarray(np.isfinite(numbers.values))


def as_json(value: Number | None) -> int | float | str | None:
    """Return a number as JSON has it.

    A decimal is a float if that has the same digits, and a text otherwise. None stands
    for what is neither finite nor known.
    """
    if isinstance(value, Decimal):
        near = float(value)
        return near if Decimal(repr(near)) == value else number_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def number_text(value: Number, narrow: type[np.floating[Any]] | None = None) -> str:
    """Return a number with all of its digits: 3.0 is 3.

    Args:
        value: The number.
        narrow: The float was of this type, which has fewer digits.
    """
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    elif isinstance(value, float):
        with np.errstate(over="ignore"):
            text = str(narrow(value)) if narrow else repr(value)
        text = text.removesuffix(".0")
    else:
        text = str(value)
    return "0" if text == "-0" else text
