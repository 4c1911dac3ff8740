"""Run the pipeline with other settings, and tell what that changes.

Whatever is in the folder takes part: settings, edited parameters, code and data. The
results stay in the folder, and as an experiment that DVC keeps. What would get lost
with it, and wrong settings, are refused before anything runs. If a stage fails, all is
put back as it was.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from reproducible_ml.errors import UserError, told_errors
from reproducible_ml.experiments import snapshot
from reproducible_ml.experiments.comparison import compared
from reproducible_ml.experiments.left_out import refuse_left_out
from reproducible_ml.experiments.names import (
    find_experiments,
    holds_nothing_new,
    refuse_name,
    same_results,
)
from reproducible_ml.experiments.settings import plan, read_settings
from reproducible_ml.params import load_params
from reproducible_ml.review.lock import find_root
from reproducible_ml.review.results import PARAMS
from reproducible_ml.review.revisions import find_commit
from reproducible_ml.review.terminal import print_whatever_it_is, show_in_terminal
from reproducible_ml.tracking.track import track


def run(root: Path, settings: Sequence[str], name: str | None) -> str | None:
    """Run an experiment in the folder, and return its name.

    Raises:
        UserError: It was refused, or a stage failed.
        KeyboardInterrupt: It was stopped by Ctrl-C.
    """
    planned = plan(root, settings)
    refuse_left_out(root)
    if name is not None:
        refuse_name(root, name)
    before = find_experiments(root)
    files = snapshot.take(root)
    failed, stopped = run_dvc_shown(root, _arguments(settings, name))
    if stopped:
        sys.stderr.write(f"Stopped. {snapshot.put_back(root, files, planned)}\n")
        raise KeyboardInterrupt
    if failed:
        undone = snapshot.put_back(root, files, planned)
        raise UserError(f"the run failed, as told above. {undone}")
    return next(iter(dict(find_experiments(root).items() - before.items())), None)


def _arguments(settings: Sequence[str], name: str | None) -> list[str]:
    given = [f"--set-param={setting}" for setting in settings]
    return [*given, *([f"--name={name}"] if name else [])]


def run_dvc_shown(root: Path, arguments: Sequence[str]) -> tuple[bool, bool]:
    """Run `dvc exp run` to its end, and say whether it failed, and was stopped."""
    command = [sys.executable, "-m", "dvc", "exp", "run", *arguments]
    stopped = False
    with subprocess.Popen(command, cwd=root) as process:
        while process.returncode is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                # DVC got it as well, and needs a moment to leave the repository whole.
                stopped = True
    return process.returncode != 0, stopped


def what_next(root: Path, name: str | None) -> str:
    """Return what to type now."""
    if name is None:
        return "All experiments: make exps\n"
    if holds_nothing_new(root, name):
        return (
            f"Experiment: {name}, the same as HEAD. To drop it: dvc exp remove {name}\n"
        )
    same = same_results(root, name)
    also = f" They are those of {', '.join(same)}." if same else ""
    return (
        f"Experiment: {name}. Its results are in this folder.{also}\n"
        f"To propose it: make branch EXP={shlex.quote(name)}. All: make exps."
        " To go back to the last commit: git restore . && dvc checkout\n"
    )


def main() -> None:
    """Run an experiment, and print what it changes."""
    usage = "make exp [S='key=value key=value'] [NAME=name], or with the options below"
    parser = argparse.ArgumentParser(usage=usage, description=__doc__)
    parser.add_argument(
        "--settings", default="", help="S: parameters to change, separated by blanks"
    )
    parser.add_argument("--name", help="of the experiment; else DVC invents one")
    asked = parser.parse_args()
    print_whatever_it_is()
    with told_errors():
        root = find_root()
        name = run(root, read_settings(asked.settings), asked.name)
        parts = compared(root, find_commit(root, "HEAD") or "HEAD")
        show_in_terminal("\n\n".join(parts), what_next(root, name))
        if load_params(root / PARAMS).tracking != "none":
            track(root, [name] if name else [])


if __name__ == "__main__":
    main()
