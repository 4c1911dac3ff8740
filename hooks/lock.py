"""Keep dvc.lock true when code is renamed: it does the same, so its results stay."""

import hashlib
import re
from pathlib import Path

# Where DVC breaks lines.
WIDTH = 80


def renew_lock(project: Path, changed: list[str]) -> None:
    """Write hashes and sizes of the changed files into dvc.lock, in DVC's own form."""
    lock = project / "dvc.lock"
    text = lock.read_text("utf-8")
    for name in changed:
        content = (project / name).read_bytes()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        pattern = (
            rf"(- path: {re.escape(name)}\n +hash: md5\n +md5: )\w+(\n +size: )\d+"
        )
        text = re.sub(pattern, rf"\g<1>{md5}\g<2>{len(content)}", text)
    lock.write_text(fold(text), "utf-8", newline="\n")


def fold(text: str) -> str:
    """Break long lines where DVC would, now that names in them changed."""
    command = r"^(    )cmd: .*(?:\n      .*)*"
    path = r"^(      )path: .*|^(    - )path: .*"
    return re.sub(f"{command}|{path}", _fold, text, flags=re.M)


def _fold(value: re.Match[str]) -> str:
    """Write words as ruamel.yaml does, which leaves a blank at the end of a line."""
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
