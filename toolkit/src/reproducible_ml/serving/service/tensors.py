"""Tensors of the Open Inference Protocol V2: values of JSON, and of binary data.

See kserve/open-inference-protocol, specification/protocol/inference_rest.md and
extension_binary_data.md.
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.records import as_sequence

NUMPY: dict[str, Any] = {
    "BOOL": np.bool_,
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
WHOLE = tuple(name for name in NUMPY if "INT" in name)
FLOATS = tuple(name for name in NUMPY if name.startswith("FP"))

# The datatype of a column by its type in Arrow, and those that are accepted for it.
DATATYPES: dict[str, tuple[str, ...]] = {
    "double": ("FP64", *FLOATS, *WHOLE),
    "int64": ("INT64", *WHOLE),
    "bool": ("BOOL",),
    "string": ("BYTES",),
    "timestamp[ns]": ("BYTES",),
}


class Input(NamedTuple):
    """An input tensor of a request; `data` is None if it is binary.

    Attributes:
        name: Name of the column.
        shape: Its dimensions.
        datatype: As INT64.
        data: Its values, nested or flat; None if they follow in binary.
        size: Number of bytes of binary data.
    """

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None
    size: int


def datatypes(kind: pa.DataType) -> tuple[str, ...]:
    """Return the datatypes that are accepted for a column of a type, its own first."""
    return DATATYPES[str(kind)]


def read_input(tensor: Any) -> Input:
    """Return an input tensor, checked but for its values.

    Raises:
        RefusedError: It is not as the protocol demands.
    """
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise RefusedError(400, "each input must be an object with a name")
    name, shape = tensor["name"], tensor.get("shape")
    if not (
        isinstance(shape, list)
        and all(type(size) is int and size >= 0 for size in shape)
        and (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1))
    ):
        raise RefusedError(400, f'input "{name:.100}": shape must be [rows]')
    parameters = tensor.get("parameters") or {}
    size = isinstance(parameters, dict) and parameters.get("binary_data_size")
    data = tensor.get("data")
    if not isinstance(size, bool) and isinstance(size, int) and size >= 0:
        if data is not None:
            raise RefusedError(400, f'input "{name:.100}": has data and binary data')
    elif not isinstance(data, list):
        raise RefusedError(400, f'input "{name:.100}": data must be an array')
    return Input(name, shape, str(tensor.get("datatype")), data, int(size or 0))


def read_values(tensor: Input, kind: pa.DataType, binary: memoryview) -> Sequence[Any]:
    """Return the values of an input tensor as `Columns` has them.

    Args:
        tensor: The tensor.
        kind: The type of its column.
        binary: Its binary data.

    Raises:
        RefusedError: Its datatype is not one of the column's, or the number of values
            is not that of its shape.
    """
    known = datatypes(kind)
    if tensor.datatype not in known:
        text = f"datatype must be {known[0]}, not {tensor.datatype:.20}"
        raise RefusedError(400, f'input "{tensor.name:.100}": {text}')
    count = tensor.shape[0]
    if tensor.data is None:
        values = _from_binary(tensor, kind, binary)
    else:
        values = _flat(tensor.data)
        if tensor.datatype in ("FP16", "FP32"):
            values = _rounded(values, tensor.datatype)
        elif tensor.datatype in WHOLE:
            _check_whole(values, tensor)
    if len(values) != count:
        text = f"has {len(values)} values, but the shape {tensor.shape}"
        raise RefusedError(400, f'input "{tensor.name:.100}": {text}')
    return values


def _flat(data: list[Any]) -> list[Any]:
    """Return nested data in one dimension; a column has one value in each row."""
    if data and all(type(row) is list and len(row) == 1 for row in data):
        return [row[0] for row in data]
    return data


def _rounded(values: list[Any], datatype: str) -> list[Any]:
    """Return numbers as a float of fewer bits holds them, infinity beyond its range."""
    kind = NUMPY[datatype].type
    with np.errstate(over="ignore"):
        return [
            float(kind(value)) if type(value) in (int, float) else value
            for value in values
        ]


def _check_whole(values: list[Any], tensor: Input) -> None:
    """Raise RefusedError if a number is not one of the datatype, such as 1.5."""
    limits = np.iinfo(NUMPY[tensor.datatype])
    numbers = (value for value in values if type(value) in (int, float))
    for value in numbers:
        if not limits.min <= value <= limits.max or value % 1:
            text = f"{value} is no {tensor.datatype}"
            raise RefusedError(400, f'input "{tensor.name:.100}": {text}')


def _from_binary(tensor: Input, kind: pa.DataType, binary: memoryview) -> Sequence[Any]:
    """Return values of binary data, which has no null: NaN is a missing value."""
    damaged = RefusedError(
        400, f'input "{tensor.name:.100}": its binary data is damaged'
    )
    if tensor.datatype == "BYTES":
        try:
            return [*_texts(binary)]
        except (struct.error, UnicodeDecodeError, IndexError):
            raise damaged from None
    dtype = np.dtype(NUMPY[tensor.datatype])
    if len(binary) % dtype.itemsize:
        raise damaged
    if tensor.datatype == "BOOL":
        return [bool(byte) for byte in binary]
    array = np.frombuffer(binary, dtype.newbyteorder("<"))
    if kind == pa.float64():
        return as_sequence(array.astype(np.float64))
    values: list[Any] = array.tolist()
    return values


def _texts(binary: memoryview) -> Any:
    """Yield texts, each after its length."""
    place = 0
    while place < len(binary):
        [length] = struct.unpack_from("<I", binary, place)
        place += 4 + length
        if place > len(binary):
            raise IndexError
        yield str(binary[place - length : place], "utf-8")


class Output(NamedTuple):
    """An output tensor.

    Attributes:
        name: Name of the column of answers.
        datatype: As FP64.
        values: As values of JSON.
    """

    name: str
    datatype: str
    values: Sequence[Any]

    def as_json(self) -> dict[str, Any]:
        """Return the tensor with its values."""
        return {**self.head(), "data": self.values}

    def head(self) -> dict[str, Any]:
        """Return the tensor without its values."""
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": [len(self.values)],
        }

    def as_binary(self) -> bytes:
        """Return the values as binary data; missing ones are NaN, empty or false."""
        if self.datatype == "BYTES":
            texts = ["" if v is None else str(v) for v in self.values]
            coded = [text.encode() for text in texts]
            return b"".join(struct.pack("<I", len(text)) + text for text in coded)
        kind = np.dtype(NUMPY[self.datatype]).newbyteorder("<")
        empty = np.nan if self.datatype == "FP64" else 0
        values = [empty if value is None else value for value in self.values]
        return np.array(values, kind).tobytes()


def make_output(name: str, values: Sequence[Any], datatype: str | None) -> Output:
    """Return a column of answers as a tensor.

    Args:
        name: Its name.
        values: As values of JSON.
        datatype: Its datatype; None to choose one, for columns of the project.
    """
    if datatype is None:
        kinds = {type(value) for value in values if value is not None}
        known = {bool: "BOOL", int: "INT64", float: "FP64"}
        datatype = known.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"
        if datatype in ("BOOL", "INT64") and None in values:
            datatype = "BYTES"  # the others have no missing value
    if datatype == "BYTES" and not {*map(type, values)} <= {str}:
        values = [v if v is None or isinstance(v, str) else str(v) for v in values]
    return Output(name, datatype, values)
