"""Run Git in one folder, whatever repository called it."""

import os
import subprocess
from pathlib import Path

# Variables that make Git work on another repository than that of its folder. They are
# set where one of Git's own hooks called cookiecutter.
ELSEWHERE = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)


def variables() -> dict[str, str]:
    """Return the environment, without the variables that name another repository."""
    return {k: v for k, v in os.environ.items() if k not in ELSEWHERE}


def run_git(folder: Path, *arguments: str) -> str:
    """Run Git in a folder and return what it prints.

    Raises:
        OSError: Git is not installed.
        subprocess.CalledProcessError: It failed, and has printed why.
    """
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=variables(), stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode("utf-8")
