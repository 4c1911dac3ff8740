"""Keep dvc.lock up to date when code is renamed: the same code has the same results."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Where DVC breaks lines.
WIDTH = 80


@dataclass(frozen=True)
class Renamed:
    """A file by its name in the project, before and after it was renamed."""

    before: bytes
    after: bytes


def renew_lock(text: str, files: Mapping[str, Renamed]) -> str:
    """Return dvc.lock with the hashes and sizes of renamed files and folders.

    Only an entry that was up to date in the template is renewed: results of code that
    has changed since must not look as if they were its own.

    Args:
        text: dvc.lock, in which paths and commands have their new names already.
        files: By their path in the project, all that Git tracks.
    """

    def renew(entry: re.Match[str]) -> str:
        path, old = entry["path"], (entry["md5"], entry["size"])
        if path in files:
            before, after = files[path].before, files[path].after
            current, new = _file(before), _file(after)
        else:
            inside = {
                name.removeprefix(f"{path}/"): file
                for name, file in files.items()
                if name.startswith(f"{path}/")
            }
            current = _folder({name: file.before for name, file in inside.items()})
            new = _folder({name: file.after for name, file in inside.items()})
        if old != current:
            return entry.group()
        return f"{entry['start']}{new[0]}{entry['middle']}{new[1]}"

    pattern = (
        r"(?P<start>- path: (?P<path>.+)\n +hash: md5\n +md5: )(?P<md5>\S+)"
        r"(?P<middle>\n +size: )(?P<size>\d+)"
    )
    return fold(re.sub(pattern, renew, text))


def _file(content: bytes) -> tuple[str, str]:
    """Return hash and size of a file."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return md5, str(len(content))


def _folder(files: Mapping[str, bytes]) -> tuple[str, str]:
    """Return hash and size of a folder, as DVC computes them."""
    entries = [
        {"md5": _file(files[name])[0], "relpath": name} for name in sorted(files)
    ]
    md5, _ = _file(json.dumps(entries, sort_keys=True).encode("utf-8"))
    return f"{md5}.dir", str(sum(map(len, files.values())))


def fold(text: str) -> str:
    """Break long lines where DVC would, now that names in them have changed."""
    command = r"^(    )cmd: .*(?:\n      .*)*"
    path = r"^(      )path: .*|^(    - )path: .*"
    return re.sub(f"{command}|{path}", _fold, text, flags=re.M)


def _fold(value: re.Match[str]) -> str:
    """Wrap words as ruamel.yaml does, which leaves a blank at the end of a line."""
    start = next(filter(None, value.groups()))
    key, *words = value.group().removeprefix(start).split()
    lines = [start + key]
    for word in words:
        if len(lines[-1]) < WIDTH:
            lines[-1] += " "
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append(" " * (len(start) + 2))
        lines[-1] += word
    return "\n".join(lines)
