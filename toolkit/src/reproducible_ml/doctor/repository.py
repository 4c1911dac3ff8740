"""Check how Git and the remotes of DVC are set up, and what must not be committed."""

import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from reproducible_ml.core.inputs import hash_path
from reproducible_ml.doctor.check import Context, NotCheckedError, Problem, listed
from reproducible_ml.sources.secrets import (
    SETTING,
    TOKEN,
    URL,
    find_secret,
    secret_in_url,
)
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import Revision, is_refused, run_git
from reproducible_ml.versioning.lock import LOCK, locked_outputs

# What Git names a submodule's state by.
STATES = {
    "-": "is not checked out",
    "+": "is at another commit than this one records",
    "U": "has merge conflicts",
}

# The option of `dvc remote modify` for each file of settings.
LEVELS = {"local": "--local", "repo": "", "global": "--global", "system": "--system"}

# Git keeps every version of a file for ever.
LARGEST = 1_000_000

# In code, `token = ...` is an assignment.
CODE = {".ipynb", ".md", ".py", ".sh"}


def check_history(context: Context) -> Iterator[Problem]:
    """The clone has the whole history: a report compares with a commit before."""
    shallow = run_git(context.root, "rev-parse", "--is-shallow-repository")
    if shallow is None and is_refused(context.root):
        folder = shlex.quote(str(context.root))
        yield Problem(
            "Git refuses this folder, as it belongs to another user",
            f"git config --global --add safe.directory {folder}",
        )
        return
    if shallow is None:
        raise NotCheckedError("this is no Git repository")
    if shallow.strip() == b"true":
        yield Problem(
            "this clone is shallow: earlier commits are missing, so `make report` may"
            " have nothing to compare with",
            "git fetch --unshallow",
        )


def check_identity(context: Context) -> Iterator[Problem]:
    """Git knows who commits: experiments are commits as well."""
    for key, names in {
        "user.name": ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"),
        "user.email": ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"),
    }.items():
        known = (run_git(context.root, "config", key) or b"").strip()
        if not known and not all(os.environ.get(name) for name in names):
            yield Problem(
                f"Git does not know your {key}, so that commits and experiments fail",
                f'git config --global {key} "..."',
            )


def check_submodules(context: Context) -> Iterator[Problem]:
    """Submodules are checked out at the commits that are recorded."""
    if not (context.root / ".gitmodules").is_file():
        return
    printed = run_git(context.root, "submodule", "status", "--recursive")
    for line in (printed or b"").decode("utf-8", "replace").splitlines():
        if state := STATES.get(line[:1]):
            yield Problem(
                f"submodule {line.split()[1]}: {state}",
                "git submodule update --init --recursive",
            )


def check_reports(context: Context) -> Iterator[Problem]:
    """Committed reports are those that the committed dvc.lock records."""
    if run_git(context.root, "rev-parse", "--verify", "HEAD^{commit}") is None:
        raise NotCheckedError("there is no commit")
    expected = locked_outputs(Revision(context.root, "HEAD").yaml(f"./{LOCK}"))
    with tempfile.TemporaryDirectory() as folder:
        wrong = [
            path
            for path, digest in expected.items()
            if _write(context, path, Path(folder))
            and hash_path(Path(folder, path)) != digest
        ]
    if wrong:
        yield Problem(
            f"committed, but not what the committed dvc.lock records: {listed(wrong)}",
            "make repro, then commit dvc.lock and reports/",
        )


def _write(context: Context, path: str, folder: Path) -> bool:
    """Write what HEAD has at a path into a folder; return whether it has anything."""
    tree = ("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", path)
    found = (run_git(context.root, *tree) or b"").split(b"\0")
    names = [os.fsdecode(name) for name in found if name]
    for name in names:
        content = run_git(context.root, "show", f"HEAD:./{name}") or b""
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return bool(names)


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


def file_problems(paths: Sequence[Path]) -> list[str]:
    """Return what should not be committed, one line each, without the secrets.

    Args:
        paths: Files; those that do not exist are left out.
    """
    return [
        problem for path in paths if path.is_file() for problem in _problems_of(path)
    ]


def _problems_of(path: Path) -> Iterator[str]:
    if (size := path.stat().st_size) > LARGEST:
        yield (
            f"{path}: has {size / 1e6:.1f} MB, which every clone would download. Fix:"
            f" dvc add {path}"
        )
        return
    text = path.read_bytes()
    if b"\0" in text:
        return
    lines = text.decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        found = _in_code(line) if path.suffix in CODE else find_secret(line)
        if found:
            yield (
                f"{path} line {number}: holds {found}. Fix: read it from an environment"
                " variable; change it if it was ever pushed"
            )
    if lines and not text.endswith(b"\n") and path.suffix != ".svg":
        yield f"{path}: has no line break at its end. Fix: add one"


def _in_code(line: str) -> str | None:
    urls = (secret_in_url(url) for url in URL.findall(line))
    return next(filter(None, urls), "a token or key" if TOKEN.search(line) else None)
