"""Run one pipeline stage from the command line."""

import gc
import inspect
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from reproducible_ml.core.dependencies import (
    StageDependencies,
    check_code,
    own_file,
    stages_that_run,
    watch_files,
)
from reproducible_ml.core.errors import UserError, report_errors
from reproducible_ml.core.inputs import check_inputs
from reproducible_ml.core.part_store import keeping_parts
from reproducible_ml.core.resources import Meter, note_usage

# Seconds after which a stage that was interrupted, but goes on, is so again.
PATIENCE = 5.0


def run(main: Callable[..., None]) -> None:
    """Call `main` with the paths that its command in dvc.yaml gives as arguments.

    Time and memory are noted in a log: see `core.resources`.

    It is an error if the data that the stage depends on are not what an earlier stage
    wrote, and if it imports code or reads a file of this repository on which it does
    not depend.

    Prints expected errors, a line each, and exits with 1; exits with 2 on a wrong
    number of arguments and with 130 on Ctrl-C. Other exceptions are bugs and keep their
    traceback.
    """
    meter = Meter()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = [name.upper() for name in inspect.signature(main).parameters]
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(f"usage: {' '.join(names)}\n\n{inspect.getdoc(main)}\n")
        return
    if len(sys.argv) - 1 != len(names):
        sys.stderr.write(f"error: expected the paths {' '.join(names)}\n")
        sys.exit(2)
    # So that `kill` unwinds the stack as Ctrl-C does, and temporary files are removed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    with report_errors():
        try:
            stage = _importable(main)
            root = Path.cwd().resolve()
            stages = stages_that_run(stage.__module__, root)
            check_inputs({p.as_posix() for s in stages.values() for p in s.paths}, root)
            check_code(stages, root)
            called = _called(stages)
            one = stages[called[0]] if len(called) == 1 else None
            with keeping_parts(one, partial(_depends_on_all, stages, root)):
                stage(*map(Path, sys.argv[1:]))
            # Again, for what was imported or read on the way, by workers as well.
            check_code(stages, root)
            note_usage("stage", called, meter.read(), root)
            # The process ends: Python would search for garbage in all that it imported,
            # which takes a fifth of the time of the imports.
            gc.freeze()
        except FileNotFoundError as error:
            raise UserError(
                f"{error.filename}: does not exist. Fix: run `dvc repro` or `dvc pull`"
                " in the root of the repository."
            ) from error


def _called(stages: Mapping[str, StageDependencies]) -> list[str]:
    """Return the stages that have these arguments: several may run the same module."""
    arguments = sys.argv[1:]
    return [
        name
        for name, stage in stages.items()
        if stage.command.split()[-len(arguments) :] == arguments
    ] or [*stages]


def _depends_on_all(stages: Mapping[str, StageDependencies], root: Path) -> bool:
    """Return whether the stages depend on all that was used until now."""
    try:
        check_code(stages, root)
    except UserError:
        return False
    return True


def _importable(main: Callable[..., None]) -> Callable[..., None]:
    """Return the same function under the name of its module instead of `__main__`.

    Otherwise other processes could not unpickle functions of the module.
    """
    if main.__module__ != "__main__":
        return main
    specification = sys.modules["__main__"].__spec__
    assert specification is not None, "run a stage with python -m"
    function: Callable[..., None] = getattr(
        import_module(specification.name), main.__name__
    )
    return function


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    # Python drops an interrupt that comes while it removes an object, or in a callback:
    # then the stage would go on. This ends with the process.
    again = threading.Timer(PATIENCE, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
    raise KeyboardInterrupt


def _is_stage() -> bool:
    """Return whether this process runs a module of the project, as `python -m` does."""
    specification = getattr(sys.modules["__main__"], "__spec__", None)
    origin = getattr(specification, "origin", None)
    name = getattr(specification, "name", "")
    own = not name.startswith("reproducible_ml") and own_file(origin, Path.cwd())
    return bool(own)


# At once: modules of the project may read files when they are imported.
if _is_stage():
    watch_files()
