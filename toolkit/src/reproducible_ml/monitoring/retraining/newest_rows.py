"""Move the test rows of a split by time forward, so that the newest rows test a model.

The share of the test rows stays what it was. The cutoff never moves back: rows that a
model was tested on before may be trained on later, but not the reverse.
"""

from pathlib import Path
from typing import NamedTuple

from reproducible_ml.adopt.configure import set_params
from reproducible_ml.core.files import PARAMS, parse_params
from reproducible_ml.core.parts import read_table
from reproducible_ml.versioning.git import Revision

SPLIT_REPORT = "reports/split.json"


class Moved(NamedTuple):
    """The day that the test rows began with, and begin with now; their share."""

    before: str
    now: str
    share: float


def is_by_time(folder: Path) -> bool:
    """Return whether a project holds out the rows from a day on."""
    split = parse_params((folder / PARAMS).read_text("utf-8")).get("split") or {}
    return split.get("method") == "time"


def move_test_window(base: Revision, folder: Path, validated: Path) -> Moved | None:
    """Set `split.cutoff`, so that the newest rows are for testing.

    Args:
        base: The commit whose share of test rows is kept.
        folder: Of the project.
        validated: Folder of parts with the new rows, as `validate` writes them.

    Returns:
        None if the cutoff stays, as without new days.
    """
    params = parse_params((folder / PARAMS).read_text("utf-8"))
    before, share = params["split"].get("cutoff"), _share(base)
    if before is None or share is None:
        return None
    column = str(params["data"]["time"])
    days = read_table(validated, [column])[column].dropna().dt.normalize().sort_values()
    place = min(int(len(days) * (1 - share)), len(days) - 1)
    now = str(days.iloc[place].date())
    # Both are written as 2026-01-31, so the later one comes later in the alphabet.
    if now <= str(before):
        return None
    params["split"]["cutoff"] = now
    set_params(folder / PARAMS, params)
    return Moved(str(before), now, share)


def _share(base: Revision) -> float | None:
    """Return the share of test rows, as the report of the base has it."""
    found = base.json(SPLIT_REPORT)
    try:
        train, test = (int(found[side]["rows"]) for side in ("train", "test"))
    except (KeyError, TypeError, ValueError):
        return None
    return test / (train + test) if test else None
