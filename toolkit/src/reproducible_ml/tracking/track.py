"""`rml track`: log results to a tracking server, as teams have that compare there.

`rml repro` and `rml exp` do so if params.yaml has `tracking: mlflow` or `wandb`. If the
server cannot be used, that is a warning, never an error.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from reproducible_ml.core.project import Project
from reproducible_ml.tracking.record import Record, read_record


class Tracker(Protocol):
    """A module that logs to a kind of server.

    Attributes:
        NAME: Of the product.
    """

    NAME: str

    def log(self, record: Record, package: str) -> tuple[str, bool]:
        """Log a result; return where it is shown, and whether it is new there.

        Args:
            record: The result.
            package: The project's, which names the group of runs by default.

        Raises:
            Exception: Whatever the client raises.
        """

    def explain(self, error: BaseException) -> str:
        """Return a line for an error, without secrets."""


def find_tracker(tracking: str) -> Tracker:
    """Return the module for a value of `tracking`, whose package may be missing."""
    found: Tracker = import_module(f"reproducible_ml.tracking.{tracking}")
    return found


def track(project: Project, names: Sequence[str] = ()) -> None:
    """Log results that the server does not have yet, and print a line for each.

    Args:
        project: The repository.
        names: Commits or experiments of DVC; none: what is in the working tree.

    Raises:
        UserError: params.yaml is wrong, or there is no such result.
    """
    tracking = project.params().tracking
    if tracking == "none":
        sys.stdout.write("Nothing to log: params.yaml has `tracking: none`.\n")
        return
    tracker = find_tracker(tracking)
    # Messages of the client about itself do not help users here.
    logging.disable()
    warnings.simplefilter("ignore")
    for record in [read_record(project.root, name) for name in names or ("",)]:
        try:
            shown, new = tracker.log(record, project.package)
        except Exception as error:
            # The results exist: no failure of network, server or package is an error.
            reason = tracker.explain(error)
            if isinstance(error, ModuleNotFoundError):
                reason = f"not logged to {tracker.NAME}: {error}. Run `make setup`."
            sys.stderr.write(f"warning: {reason}\n")
            return
        note = "" if new else "already logged for this commit and dvc.lock, "
        sys.stdout.write(f"{tracker.NAME}: {note}{shown}\n")
