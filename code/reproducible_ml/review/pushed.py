"""Does the remote storage hold what dvc.lock names?"""

import json
from pathlib import Path

from reproducible_ml.datasets.sources.dvc_command import run_dvc
from reproducible_ml.errors import UserError
from reproducible_ml.review.gates import Gate
from reproducible_ml.review.markdown import code, listed

TITLE = "outputs are in the remote"

# Characters of an error that are shown.
MESSAGE = 300

# Only here, and neither here nor there.
LACKING = ("new", "missing")


def judge_remote(root: Path, *, offline: bool) -> Gate | None:
    """Return whether all that dvc.lock names was pushed; None if no remote is set.

    Args:
        root: Of the repository.
        offline: Ask nobody, as where there is no login.
    """
    if default_remote(root) is None:
        return None
    if offline:
        return Gate(TITLE, None, "not looked at, as asked for")
    try:
        status = json.loads(run_dvc("status", "--cloud", "--json", cwd=root) or "{}")
    except UserError as error:
        words = f"{code(error, MESSAGE)}: check address and login (`.cloud/README.md`)"
        return Gate(TITLE, False, words)
    lacking = [path for path, state in status.items() if state in LACKING]
    words = f"not there: {listed(lacking)}. Fix: `dvc push`" if lacking else "all are"
    return Gate(TITLE, not lacking, words)


def default_remote(root: Path) -> str | None:
    """Return the name of the remote that `dvc push` would take, if there is one."""
    from dvc.config import Config

    config = Config(dvc_dir=str(root / ".dvc"), validate=False)
    name: str | None = config.get("core", {}).get("remote")
    return name
