"""Remotes are set up safely, and no file for Git holds a secret."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reproducible_ml.doctor.check import Context, Problem
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import run_git

# The option of `dvc remote modify` for each file of settings.
LEVELS = {"local": "--local", "repo": "", "global": "--global", "system": "--system"}

# A line such as: url = s3://bucket/name
SETTING = re.compile(r"""^\s*([\w-]+)\s*=\s*(?P<value>.*?)\s*$""")

SECRET_KEY = re.compile(
    r"(?i)(?<!ask_)(password|passwd|passphrase|pwd|secret|secret_access_key|token"
    r"|sas|account_key|access_key|key_secret|private_key|customer_key"
    r"|connection_string|api_?key|auth_header)$"
)

URL = re.compile(r"""[A-Za-z][\w+.-]*://[^\s'"<>]+""")

# Parameters of a URL, after `?`, `&`, `;` or `#`.
SECRET_PARAMETER = re.compile(
    r"(?i)[?&#;](?:[\w.-]*(?:token|secret|passw(?:or)?d|pass|pwd|jwt|signature"
    r"|credentials?|private[_-]?key|(?:api|access|account)[_-]?key)|key|auth|code|sig)"
    r"=[^&#\s]"
)

# Tokens that are known by their form: GitHub, GitLab, AWS, Google, Slack, JWT, keys.
TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|AIza[\w-]{35}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)

# Of a driver, within a URL: Uid=me;Pwd=x.
DRIVER = re.compile(r"(?i)\b(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*[^\s;&]")

MASKED = re.compile(r"\$\{?\w+|\*+|<[^>]*>|x+", re.I)


def check_remotes(context: Context) -> Iterator[Problem]:
    """Remotes are verified when data are pulled, and DVC reads their whole URL."""
    for name, settings in context.repository.config["remote"].items():
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


def find_secret(line: str) -> str | None:
    """Return what kind of secret a line of a file holds, but never the secret."""
    setting = SETTING.match(line)
    if setting and SECRET_KEY.search(setting[1]) and _is_value(setting["value"]):
        return f'a secret, "{setting[1]}"'
    for url in URL.findall(line):
        if what := _in_url(url):
            return what
    return "a token or key" if TOKEN.search(line) else None


def _is_value(text: str) -> bool:
    """Return whether a setting is given, rather than the name of a variable."""
    return bool(text.strip("'\"")) and not MASKED.fullmatch(text.strip("'\""))


def _in_url(url: str) -> str | None:
    try:
        parts: Any = urlsplit(url)
        password, user = parts.password, parts.username
    except ValueError:
        return None
    if password and _is_value(password):
        return "a URL with a password"
    if user and parts.scheme in ("http", "https") and _is_value(user):
        return "a URL with a user or token"
    if found := SECRET_PARAMETER.search(unquote(url)):
        return f'a URL with the secret "{found[0][1:-2]}"'
    return "a URL with a password" if DRIVER.search(unquote(url)) else None


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
