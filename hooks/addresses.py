"""Check the answers that name a place: of the data, and of the remote."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# What `make data` takes without further options.
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


def local_path(answer: str, working_folder: str) -> Path:
    """Return a path as it is meant: from where cookiecutter was called."""
    return Path(working_folder, Path(answer).expanduser()).resolve()


def data_problems(
    answers: Mapping[str, Any], template: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with the table and its target."""
    source, target = answers["data_source"], answers["target_column"]
    if source == "sample":
        known = template["identity"]["target_column"]
        if target not in ("", known):
            yield f'target_column: the sample predicts "{known}".'
        return
    if not target.strip():
        yield "target_column: name the column of your table that is to be predicted."
    if not target.isprintable():
        yield "target_column: has a line break or another invisible character."
    if not source.isprintable() or not source.strip() or source.startswith("-"):
        yield 'data_source: is no path and no URL. For the sample, answer "sample".'
    elif "://" in source:
        yield from _url_problems(source)
    # `cruft update` asks again for a table that was imported long ago.
    elif "_commit" not in answers:
        path = local_path(source, template["working_folder"])
        if not path.exists():
            yield f"data_source: {path} is not there. Correct the path."


def _url_problems(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        yield (
            f"data_source: {parts.scheme}:// is not one of {', '.join(SCHEMES)}. For a"
            ' database, answer "sample" and then use `make data SOURCE=... QUERY=...`.'
        )
    elif not parts.netloc:
        yield "data_source: the URL names no server or bucket."
    if parts.password:
        yield "data_source: holds a password, which Git would record. Log in otherwise."


def remote_problems(remote: str, url: str) -> Iterator[str]:
    """Yield what is wrong with the address of the DVC remote."""
    if remote == "none":
        if url:
            yield "remote_url: there is no remote to have an address. Choose its kind."
    elif not url.strip():
        yield f"remote_url: is empty. Give an address as {EXAMPLES[remote]}"
    elif remote == "local":
        if "://" in url or not url.isprintable() or url != url.strip():
            yield f"remote_url: is not a folder. Give a path as {EXAMPLES[remote]}"
    elif not re.fullmatch(ADDRESSES[remote], url, flags=re.ASCII):
        yield (
            f"remote_url: is not an address as {EXAMPLES[remote]} (no password, blanks"
            " or parameters: these belong into .dvc/config.local)"
        )
