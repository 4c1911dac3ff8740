"""Hashes of values, of files and of the environment."""

import hashlib
import pickle
import platform
import site
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from pydantic import BaseModel

BLOCK = 1 << 20


def environment() -> list[str]:
    """Return Python, the kind of processor, and each installed package's version."""
    found = {sys.version, platform.machine()}
    for folder in {*site.getsitepackages(), *sys.path}:
        with suppress(OSError):
            names = (file.name for file in Path(folder or ".").iterdir())
            found.update(name for name in names if name.endswith("-info"))
    return sorted(found)


def hash_value(value: Any) -> str:
    """Return the SHA-256 of a value that is the same for equal values.

    Of a function it is that of its name. For what it does not know, it is that of its
    pickle, which may differ between equal values: then a part is computed once more.
    """
    digest = hashlib.sha256()
    _update(digest, value)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    if value is None or isinstance(value, str | int | float):
        text = repr(value)
        digest.update(f"{type(value).__name__} {len(text)} {text}".encode())
    elif isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype.str} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, BaseModel):
        _update(digest, [type(value).__name__, value.model_dump_json()])
    elif isinstance(value, Path):
        _update(digest, ["path", value.as_posix()])
    elif isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        held += [value.__defaults__, value.__kwdefaults__]
        _update(digest, ["function", value.__module__, value.__qualname__, held])
    elif isinstance(value, list | tuple):
        digest.update(f"list {len(value)}".encode())
        for each in value:
            _update(digest, each)
    elif isinstance(value, dict):
        digest.update(f"dict {len(value)}".encode())
        for name in sorted(value, key=repr):
            _update(digest, [name, value[name]])
    else:
        content = pickle.dumps(value, protocol=5)
        digest.update(f"pickle {len(content)}".encode() + content)


def hash_file(file: Path) -> Any:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256")


def feed(
    source: Any, digest: Any, copy: Any = None, hashes: Sequence[Any] = ()
) -> None:
    """Hash a file, and write each block that was hashed to a copy."""
    while block := source.read(BLOCK):
        for each in (digest, *hashes):
            each.update(block)
        if copy:
            copy.write(block)
