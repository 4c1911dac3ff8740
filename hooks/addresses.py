"""Check the answers that are addresses: of the table, and of the DVC remote."""

import os
import re
from collections.abc import Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hooks.header import header_problems
from hooks.words import printable

# The toolkit's, which needs no packages; the toolkit itself is not installed here.
DETECTOR = "toolkit/src/reproducible_ml/sources/secrets.py"

# What `rml data` reads without further options.
SCHEMES = ("http", "https", "s3", "gs", "azure", "ssh")

ADDRESSES = {
    "s3": r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.=+-]+)*/?",
    "gs": r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[\w.=+-]+)*/?",
    "azure": r"azure://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[\w.=+-]+)*/?",
    "ssh": r"ssh://([\w.-]+@)?[A-Za-z0-9.-]+(:\d{1,5})?(/[\w.=+-]+)+/?",
}
EXAMPLES = {
    "local": "/mnt/shared/dvc",
    "s3": "s3://my-bucket/dvc",
    "gs": "gs://my-bucket/dvc",
    "azure": "azure://my-container/dvc",
    "ssh": "ssh://storage.example.org/srv/dvc",
}

# Where a secret belongs instead: in the environment, or in a file that Git ignores.
MODIFY = "`dvc remote modify --local storage"
LOGIN = {
    "http": "download the table, and answer with its path",
    "https": "download the table, and answer with its path",
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or later type"
    f" {MODIFY} secret_access_key ...`",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to a key file, or later type"
    f" {MODIFY} credentialpath ...`",
    "azure": "set AZURE_STORAGE_CONNECTION_STRING, or later type"
    f" {MODIFY} connection_string ...`",
    "ssh": f"use an SSH agent, or later type {MODIFY} ask_password true`",
}
DATABASE = 'answer "sample", set DATABASE_PASSWORD, and type `rml data URL --query ...`'
FOR_GIT = "let Git ask for it, or a credential helper answer"

# The address of this template, as cookiecutter and cruft name it.
TEMPLATE = "_template"


def _load_detector() -> Any:
    path = Path(__file__).parents[1] / DETECTOR
    spec = spec_from_file_location("toolkit_secrets", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_secrets = _load_detector()


def secret_problems(answers: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answers that hold a password or token, without repeating it."""
    for name, answer in answers.items():
        # Of the rest, cruft writes only the template's own address into the project.
        recorded = name == TEMPLATE and "_commit" in answers
        if not isinstance(answer, str) or (name.startswith("_") and not recorded):
            continue
        address = name in ("data_source", "remote_url")
        found = _secrets.find_secret(answer)
        if found := found or (address and _secrets.secret_in_url(answer)):
            scheme = answer.partition(":")[0].lower()
            login = LOGIN.get(scheme, DATABASE) if address else ""
            fix = FOR_GIT if name == TEMPLATE else login or "Git would record it"
            yield f"{name}: has {found}. Fix: leave it out; {fix}."


def local_path(answer: str, working_folder: str) -> Path:
    """Return a path, relative to the folder in which cookiecutter was called."""
    # Unlike that of Path, this function leaves a ~ before what is no user.
    return Path(working_folder, os.path.expanduser(answer)).resolve()  # noqa: PTH111


def data_problems(
    answers: Mapping[str, Any], template: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the mistakes in `data_source` and `target_column`."""
    source, target = answers["data_source"], answers["target_column"]
    if source == "sample":
        known = template["identity"]["target_column"]
        if target not in ("", known):
            yield f'target_column: the sample predicts "{known}". Fix: leave it empty.'
        return
    if not target.strip():
        yield "target_column: is empty. Fix: name the column of your table to predict."
    if not target.isprintable():
        yield "target_column: has a line break or another control character."
    if not source.isprintable() or not source.strip() or source.startswith("-"):
        yield 'data_source: is neither a path nor a URL. The sample is "sample".'
    elif "://" in source:
        yield from _url_problems(source)
    # `cruft update` asks again for a table that was imported long ago.
    elif "_commit" not in answers:
        path = local_path(source, template["working_folder"])
        if why := _why_missing(path):
            yield f"data_source: {printable(str(path))} {why}. Fix: correct the path."
        elif target.strip():
            yield from header_problems(path, target)


def _why_missing(path: Path) -> str | None:
    try:
        return None if path.exists() else "does not exist"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"


def _url_problems(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        yield f"data_source: is no URL: {error}. Fix: correct it."
        return
    if parts.scheme not in SCHEMES:
        yield (
            f"data_source: {parts.scheme}:// is not one of {', '.join(SCHEMES)}. Fix:"
            ' for a database, answer "sample", then type `rml data URL --query ...`.'
        )
    elif not parts.netloc:
        yield "data_source: the URL does not name a server or bucket."


def remote_problems(remote: str, url: str) -> Iterator[str]:
    """Yield the mistakes in `remote_url`."""
    if remote == "none":
        if url:
            yield 'remote_url: has an address, but the remote is "none".'
    elif not url.strip():
        yield f"remote_url: is empty. Fix: give an address such as {EXAMPLES[remote]}"
    elif remote == "local":
        if "://" in url or not url.isprintable() or url != url.strip():
            yield f"remote_url: is not a folder. Fix: a path such as {EXAMPLES[remote]}"
    elif not re.fullmatch(ADDRESSES[remote], url, flags=re.ASCII):
        yield (
            f"remote_url: is not an address such as {EXAMPLES[remote]}. Fix: passwords"
            " and parameters belong in .dvc/config.local; spaces are not allowed."
        )
