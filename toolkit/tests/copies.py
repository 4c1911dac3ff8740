"""Copies of this project that tests may run, change and break."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_files(folder: Path) -> None:
    """Copy what Git tracks or would track; a copy knows no remote of the project."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    forget_remotes(folder / ".dvc" / "config")


def copy_project(project: Path, folder: Path) -> None:
    """Copy a whole project, but not the experiments that DVC is still removing."""

    def ignore(name: str, names: list[str]) -> list[str]:
        return ["exps"] if Path(name).parts[-2:] == (".dvc", "tmp") else []

    shutil.copytree(project, folder, symlinks=True, ignore=ignore)


def forget_remotes(config: Path) -> None:
    """Let a copy of the project know no remote: a test must not touch a real one."""
    text = config.read_text("utf-8")
    text = re.sub(r"^\['remote.*\n(?:[ \t].*\n?)*", "", text, flags=re.M)
    config.write_text(re.sub(r"^ *remote = .*\n", "", text, flags=re.M), "utf-8")


def clean_environment() -> dict[str, str]:
    """Return the variables that a new user has: none of make, tests or this project."""
    ours = ("MAKE", "MFLAGS", "PYTEST", "PYTHONPATH", "VIRTUAL_ENV", "GIT_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    here = str(ROOT / ".venv" / "bin")
    path = [part for part in kept["PATH"].split(os.pathsep) if part != here]
    return kept | {"PATH": os.pathsep.join(path)}


def flip(path: Path) -> None:
    """Change a byte, but neither size nor date, as a failing disk does."""
    stat = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
