"""What the user typed as a source: a path, a URL, or a database with a query."""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from reproducible_ml.datasets.sources.database import SECRET, parse_url
from reproducible_ml.datasets.sources.query import Query, make_query
from reproducible_ml.errors import UserError
from reproducible_ml.params import Section

# What DVC reads by itself, and with a package of its own for each.
BUILT_IN = ("http", "https")
WITH_PACKAGE = (
    "s3",
    "gs",
    "azure",
    "ssh",
    "oss",
    "hdfs",
    "webhdfs",
    "webdav",
    "gdrive",
)

# What a file in data/raw/ would be mistaken for.
RESERVED = (".dvc", ".tmp", ".query.yaml")


class Source(Section):
    """Where a table comes from.

    `place` is an absolute path or a URL, `name` the file's or folder's in data/raw/. A
    database has its query, and a password only if one was typed: it is never written.
    """

    place: str
    name: str
    query: Query | None = None
    password: SecretStr | None = None

    @property
    def is_url(self) -> bool:
        """Whether it must be downloaded."""
        return self.query is None and "://" in self.place


def read_source(
    text: str, query: str | None = None, key: str | None = None, name: str | None = None
) -> Source:
    """Check what the user typed.

    Args:
        text: A path, a URL that DVC can read, or the URL of a database.
        query: For a database: one SELECT, or the path of a file.sql that holds it.
        key: For a database: columns, separated by commas, that tell the rows apart.
        name: Of the file or folder in data/raw/; by default the source's own.

    Raises:
        UserError: It cannot be used as it is; says how to write it.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme and scheme not in BUILT_IN + WITH_PACKAGE:
        return _database(text, query, key, name)
    if query or key:
        raise UserError(
            f"SOURCE: {scheme or 'a path'} takes no QUERY and no KEY: they belong to a"
            " database, as SOURCE=postgresql://user@host/database."
        )
    if scheme:
        return _file_url(text, name)
    path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 (keeps links)
    return Source(place=str(path), name=_name(name, path.name))


def _database(
    text: str, query: str | None, key: str | None, name: str | None
) -> Source:
    scheme = text.partition("://")[0]
    if not query:
        known = ", ".join(BUILT_IN + WITH_PACKAGE)
        raise UserError(
            f"SOURCE: {scheme}:// is a database, or unknown. For a database, add QUERY"
            f" and KEY. What DVC can read begins with one of {known}."
        )
    url = parse_url(text)
    own = f"{Path(url.database or 'query').stem}.csv"
    made = make_query(url, query, key or "")
    secret = SecretStr(url.password) if url.password else None
    return Source(place=made.url, name=_name(name, own), query=made, password=secret)


def _file_url(text: str, name: str | None) -> Source:
    parts = urlsplit(text)
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if parts.password or any(map(SECRET.search, names)):
        raise UserError(
            "SOURCE: the URL holds a password or a signature, which Git would record."
            " Leave it out and log in otherwise (.cloud/README.md), or download the"
            " data and give their path."
        )
    if parts.scheme in BUILT_IN and parts.path.endswith("/"):
        raise UserError(
            f"SOURCE: {text}: cannot list a folder over {parts.scheme}. Give the URL of"
            " one file, or download the folder and give its path."
        )
    own = Path(unquote(parts.path)).name
    if parts.scheme in BUILT_IN and not name and not Path(own).suffix:
        raise UserError(
            f"SOURCE: {text}: does not say what kind of file it is. Add a name with the"
            " right suffix, as NAME=visits.csv."
        )
    return Source(place=text.rstrip("/"), name=_name(name, own))


def _name(given: str | None, own: str) -> str:
    """Return a name that needs no quotes in a shell, or raise UserError."""
    plain = re.sub(r"[^\w.-]+", "_", given or own).lstrip("._-")
    if not plain or plain.endswith(RESERVED) or (given and given != plain):
        shown = given or own
        raise UserError(
            f'NAME: "{shown}" cannot be the name of a table in data/raw/. Give another'
            " with letters, digits, dots and dashes, as NAME=visits.csv."
        )
    return plain
