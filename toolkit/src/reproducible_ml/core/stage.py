"""Run one pipeline stage from the command line."""

import inspect
import logging
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from reproducible_ml.core.errors import UserError, report_errors


def run(main: Callable[..., None]) -> None:
    """Call `main` with the paths that dvc.yaml names; tell expected errors in a line.

    Exits with 1 on an expected error, 2 on wrong arguments and 130 on Ctrl-C; any
    other exception is a bug and keeps its traceback.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = [name.upper() for name in inspect.signature(main).parameters]
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(f"usage: {' '.join(names)}\n\n{inspect.getdoc(main)}\n")
        return
    if len(sys.argv) - 1 != len(names):
        sys.stderr.write(f"error: expected the paths {' '.join(names)}\n")
        sys.exit(2)
    # So that `kill` unwinds the stack too, and nothing half-written stays.
    signal.signal(signal.SIGTERM, _interrupt)
    with report_errors():
        try:
            _importable(main)(*map(Path, sys.argv[1:]))
        except FileNotFoundError as error:
            raise UserError(
                f"{error.filename}: is not there. Run `dvc repro` or `dvc pull`"
                " in the root of the repository."
            ) from error


def _importable(main: Callable[..., None]) -> Callable[..., None]:
    """Return the same function by its module's own name, not as `__main__.main`.

    Else what the module defines could not be sent to other processes.
    """
    if main.__module__ != "__main__":
        return main
    specification = sys.modules["__main__"].__spec__
    assert specification is not None, "run a stage with python -m"
    function: Callable[..., None] = getattr(
        import_module(specification.name), main.__name__
    )
    return function


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
