"""Remotes are set up safely, and no file for Git holds a secret."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from reproducible_ml.doctor.check import Context, Problem
from reproducible_ml.sources.secrets import SETTING, find_secret
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import run_git

# The option of `dvc remote modify` for each file of settings.
LEVELS = {"local": "--local", "repo": "", "global": "--global", "system": "--system"}


def check_remotes(context: Context) -> Iterator[Problem]:
    """Remotes are verified when data are pulled, and DVC reads their whole URL."""
    config = context.repository.config
    default = config["core"].get("remote")
    if default and default not in config["remote"]:
        yield Problem(
            f"the default remote is {default}, but there is no remote of that name",
            "dvc remote default NAME, with one of `dvc remote list`",
        )
    for name, settings in config["remote"].items():
        named_by_file = settings.get("version_aware") or settings.get("worktree")
        if not settings.get("verify") and not named_by_file:
            level = _level(context, name)
            option = f" {LEVELS[level]}" if LEVELS[level] else ""
            yield Problem(
                f"remote {name}: DVC does not verify what it pulls from it",
                f"dvc remote modify{option} {name} verify true",
                partial(_verify, context, name, level),
            )
    for path in _settings(context):
        for number, key, value in _read(path):
            # A comment has a blank before the sign, and quotes protect it.
            if key == "url" and re.match(r"[^'\"\s]\S*#", value):
                yield Problem(
                    f"{context.name(path)} line {number}: DVC reads the URL only up to"
                    " the #",
                    "put the URL in quotes there",
                )


def _settings(context: Context) -> list[Path]:
    folder = context.root / ".dvc"
    names = (folder / name for name in ("config", "config.local"))
    return [path for path in names if path.is_file()]


def _read(path: Path) -> Iterator[tuple[int, str, str]]:
    lines = path.read_text("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if found := SETTING.match(line):
            yield number, found[1].lower(), found["value"]


def _level(context: Context, name: str) -> str:
    """Return which of DVC's files of settings has a remote; the nearest one counts."""
    config = context.repository.config
    for level in LEVELS:
        if level in config.files and name in config.load_one(level).get("remote", {}):
            return level
    return "repo"


def _verify(context: Context, name: str, level: str) -> str:
    option = [LEVELS[level]] if LEVELS[level] else []
    run_dvc("remote", "modify", *option, name, "verify", "true", cwd=context.root)
    return f"Set verify = true for the remote {name}."


def check_secrets(context: Context) -> Iterator[Problem]:
    """No password or token is in a file of DVC or of a query that Git records."""
    if run_git(context.root, "ls-files", ".dvc/config.local"):
        yield Problem(
            ".dvc/config.local: Git tracks it, though it is for secrets",
            "git rm --cached .dvc/config.local, commit, and change what it holds",
        )
    for path in _public_files(context):
        lines = path.read_text("utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if what := find_secret(line):
                yield Problem(
                    f"{context.name(path)} line {number}: holds {what}",
                    _fix(path, line),
                )


def _public_files(context: Context) -> list[Path]:
    listed = run_git(
        context.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard",
        "--", "*.dvc", "*.query.yaml", ".dvc/config",
    )  # fmt: skip
    names = (listed or b"").decode("utf-8", "replace").split("\0")
    paths = [context.root / name for name in dict.fromkeys(names) if name]
    return [path for path in paths if path.is_file()]


def _fix(path: Path, line: str) -> str:
    if path.name == "config":
        setting = SETTING.match(line)
        key = setting[1] if setting else "url"
        how = (
            f"dvc remote modify --local NAME {key} VALUE, and delete the line in"
            " .dvc/config"
        )
    elif path.name.endswith(".query.yaml"):
        how = "delete it there, and set the environment variable DATABASE_PASSWORD"
    else:
        how = "download the data by hand, and run `rml data` on the file"
    return f"{how}. Change the secret: Git keeps what was committed"
