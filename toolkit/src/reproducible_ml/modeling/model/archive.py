"""Check a .skops file, which is a zip archive, before anything in it is used.

The hash in the manifest is compared first. What follows is a second line of defence:
against a file that came with a manifest of its own.
"""

import io
import json
import struct
import zipfile
import zlib
from typing import Any

# Limits of the unpacked size. Models that were measured take 2 to 33 times the space.
MOST_BYTES = 4 * 2**30
MOST_RATIO = 100
# Below this, neither the ratio nor the sizes that a file declares matter.
HARMLESS = 64 * 2**20

# A tree of HistGradientBoosting has three members, and the schema about a kilobyte.
MOST_MEMBERS = 500_000
MOST_SCHEMA = 256 * 2**20

# Deflate cannot do better, with lots of zeros.
BEST_RATIO = 1032

SCHEMA = "schema.json"

# How many objects of the schema are in one of them; no attribute has this name.
NODES = ""

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


def check_archive(content: bytes) -> set[str]:
    """Return the types and functions that a .skops file names, as module.name.

    Its members are safe to unpack, and its objects to be looked through.

    Args:
        content: The file.

    Raises:
        ValueError, zipfile.BadZipFile, zlib.error, struct.error, KeyError: The file is
            damaged, or its members are too many or too large.
    """
    # Counted before zipfile makes an object of each.
    if content.count(b"PK\x01\x02") > MOST_MEMBERS:
        raise ValueError(f"it has more than {MOST_MEMBERS} members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        sizes = _check_members(content, members, MOST_RATIO * len(content))
        if SCHEMA not in sizes:
            raise ValueError(f"it has no {SCHEMA}")
        if sizes[SCHEMA] > MOST_SCHEMA:
            raise ValueError(f"{SCHEMA} has more than {MOST_SCHEMA >> 20} MiB")
        schema = archive.read(SCHEMA)
    return _check_schema(schema, sizes)


def _check_members(
    content: bytes, members: list[zipfile.ZipInfo], most: int
) -> dict[str, int]:
    """Return the unpacked sizes of the members, or raise ValueError."""
    sizes = {info.filename: info.file_size for info in members}
    if len(sizes) < len(members):
        raise ValueError("two of its members have one name")
    total = sum(sizes.values())
    if total > min(max(most, HARMLESS), MOST_BYTES):
        raise ValueError(
            f"its members would take {total >> 20} MiB, {total // len(content)} times"
            " the size of the file"
        )
    # Members that share bytes could be unpacked many times.
    if sum(info.compress_size for info in members) > len(content):
        raise ValueError("its members overlap")
    for info in members:
        _check_member(content, info, most)
    return sizes


def _check_member(content: bytes, info: zipfile.ZipInfo, most: int) -> None:
    if info.compress_type not in (STORED, DEFLATED) or info.flag_bits & 1:
        raise ValueError(f"{info.filename} is neither stored nor deflated")
    nested = info.filename.endswith(".npz")
    # Python unpacks a member whole before it compares sizes.
    if not nested and info.compress_size * BEST_RATIO < HARMLESS:
        return
    names = struct.unpack_from("<HH", content, info.header_offset + 26)
    start = info.header_offset + 30 + sum(names)
    packed = memoryview(content)[start : start + info.compress_size]
    data = bytes(packed) if info.compress_type == STORED else _inflate(packed, info)
    if len(data) != info.file_size:
        raise ValueError(f"{info.filename} has not the size that it declares")
    if nested:
        # A sparse matrix is an archive in the archive.
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(data, archive.infolist(), most)


def _inflate(packed: memoryview, info: zipfile.ZipInfo) -> bytes:
    """Unpack a member, but at most one byte more than it declares."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)


def _check_schema(schema: bytes, sizes: dict[str, int]) -> set[str]:
    """Return the names, or raise ValueError if objects take more than their text.

    skops reads an object once for each id, but looks through it wherever it is named.
    In honest files its whole text is there again, so that this takes no longer than
    reading the text; with ten short references in each of ten lists it never ends.
    """
    nodes: dict[Any, int] = {}
    reads: dict[Any, int] = {}
    names: set[tuple[Any, Any]] = set()

    def note(node: dict[str, Any]) -> dict[str, Any]:
        number = 1
        for value in node.values():
            if type(value) is not str:
                number += _nodes_in(value)
        names.add((node.get("__module__"), node.get("__class__")))
        key = node.get("__id__")
        if isinstance(name := node.get("file"), str):
            reads[key or len(reads), name] = sizes.get(name, 0)
        # Equal numbers share ids with whatever was at their address before.
        known = key and node.get("__loader__") != "JsonNode"
        if known and nodes.setdefault(key, number) != number:
            raise ValueError("one object is described in two ways")
        node[NODES] = number
        return node

    state = json.loads(schema, object_hook=note)
    if not isinstance(state, dict) or "__loader__" not in state:
        raise ValueError(f"{SCHEMA} does not describe an object")
    if sum(reads.values()) > max(HARMLESS, 2 * sum(sizes.values())):
        raise ValueError("it unpacks the same members again and again")
    return {f"{module}.{name}" for module, name in names}


def _nodes_in(value: Any) -> int:
    if isinstance(value, dict):
        return int(value[NODES])
    return sum(map(_nodes_in, value)) if isinstance(value, list) else 0
