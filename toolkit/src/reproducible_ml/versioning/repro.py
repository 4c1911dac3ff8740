"""`dvc repro`, as `rml repro` runs it: `python -m reproducible_ml.versioning.repro`."""

import sys
from pathlib import Path
from typing import Any

from reproducible_ml.versioning.dvc import default_remote

ADVICE = "Use `dvc push` to send your updates to remote storage."


def main() -> int:
    """Run `dvc repro` with the arguments of the process; return its exit code."""
    from dvc.cli import main as run_dvc
    from dvc.ui import ui

    write = ui.write

    def write_unless_advice(*objects: Any, **options: Any) -> None:
        if objects != (ADVICE,):
            write(*objects, **options)

    # Without a remote there is nowhere to push to. DVC has no setting for it.
    if default_remote(Path()) is None:
        ui.write = write_unless_advice
    return int(run_dvc(["repro", *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
