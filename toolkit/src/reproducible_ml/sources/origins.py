"""Remember which path a table was copied from, in this clone only.

A path of one machine means nothing on another, so Git must not record it. URLs are
recorded in the .dvc file.
"""

import json
import os
from pathlib import Path

from reproducible_ml.core.files import write_text
from reproducible_ml.versioning.dvc import read_pointer

# In the folder of DVC's own temporary files, which Git ignores.
ORIGINS = Path(".dvc/tmp/origins.json")


def origin_of(table: Path) -> str | None:
    """Return the path or URL that a table in data/raw/ came from, if it is known.

    Args:
        table: In a project whose root is two folders above.
    """
    imported = read_pointer(table.with_name(f"{table.name}.dvc")).get("deps")
    if not imported:
        place = _read(table).get(table.name)
        # One within the project is relative to its root, so that both can be moved.
        return str(_root(table) / place) if place else None
    place = str(imported[0]["path"])
    return place if "://" in place else os.path.abspath(table.parent / place)  # noqa: PTH100


def remember_origin(table: Path, place: str) -> None:
    """Note that a table in data/raw/ is a copy of the file or folder at a path."""
    path, root = _root(table) / ORIGINS, _root(table)
    if Path(place).is_relative_to(root):
        place = str(Path(place).relative_to(root))
    path.parent.mkdir(parents=True, exist_ok=True)
    origins = _read(table) | {table.name: place}
    write_text(f"{json.dumps(origins, indent=2)}\n", path)


def _root(table: Path) -> Path:
    return table.absolute().parents[2]


def _read(table: Path) -> dict[str, str]:
    try:
        content = json.loads((_root(table) / ORIGINS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
