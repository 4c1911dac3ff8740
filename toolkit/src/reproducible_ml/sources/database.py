"""Read the rows of a query from a database; nothing is written there."""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
import yaml
from pydantic import SecretStr
from tqdm import tqdm

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing, write_text
from reproducible_ml.core.params import Section
from reproducible_ml.sources.secrets import secret_in_url

# The environment variable with the password when a recorded query is run again.
# It is sent to no other host than the one it is for: the address of a recorded query
# may have been changed by anybody.
PASSWORD, HOST = "DATABASE_PASSWORD", "DATABASE_HOST"

# Parameters of a URL by which drivers connect to another host than it names.
REDIRECTS = re.compile(
    r"(?i)(host|hostaddr|server|addr|address|dsn|service|servicefile|odbc_connect"
    r"|unix_socket|read_default_(file|group))"
)

# Where passwords and rows do not cross a network: this computer, and Unix sockets.
LOCAL = re.compile(r"|localhost|127\.\d+\.\d+\.\d+|::1|[/@].*", re.I)

# Package to install for `dialect://`.
DRIVERS = {
    "duckdb": "duckdb-engine",
    "mysql": "mysqlclient",
    "oracle": "oracledb",
    "postgresql": "psycopg[binary]",
    "snowflake": "snowflake-sqlalchemy",
}

# What a connection begins with. Times with a zone do not depend on the computer.
SETTINGS = {
    # Transactions are read-only already; this lasts even if a query ended the first.
    "postgresql": ("SET TimeZone = 'UTC'", "SET default_transaction_read_only = on"),
    "duckdb": ("SET TimeZone = 'UTC'", "SET lock_configuration = true"),
}

# Rows in memory at a time.
ROWS = 10_000

# Texts, quoted names and comments of SQL: their content is not syntax. In texts such as
# E'it\'s', a backslash hides the quote.
INERT = re.compile(
    r"""\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"|\$(\w*)\$.*?\$\1\$",
    re.S,
)


def parse_url(text: str) -> sa.URL:
    """Parse the URL of a database; errors do not repeat a password.

    Raises:
        UserError: It is not such a URL, or has a secret that Git would record.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UserError(
            "SOURCE: not the URL of a database. Write it as"
            " postgresql://user@host:5432/database or sqlite:///folder/file.db, with"
            " %40 for an @ and %2F for a / inside a password."
        ) from error
    for name, value in url.query.items():
        if secret_in_url(f"x://x?{name}={value}"):
            raise UserError(
                f'SOURCE: "{name}" in the URL may be a secret, which Git would record.'
                f" Remove it, and set the environment variable {PASSWORD}, or log in by"
                " the driver's own means."
            )
    return url


@contextmanager
def connect(url: sa.URL, password: SecretStr | None = None) -> Iterator[sa.Connection]:
    """Connect for reading only; errors of the database become a line each.

    Args:
        url: Without a password.
        password: By default that of the environment variable DATABASE_PASSWORD, if
            DATABASE_HOST is this host; without it, the driver's own means.

    Raises:
        UserError: The driver is missing, the password is for another host, or the
            database reports an error.
    """
    secret = password.get_secret_value() if password else _password_for(url)
    complete = url.set(password=secret) if secret and url.username else url
    shown = url.render_as_string(hide_password=True)
    try:
        with _engine(complete).connect() as connection:
            for setting in SETTINGS.get(url.get_backend_name(), ()):
                connection.exec_driver_sql(setting)
            # Leaving this block rolls back whatever the query has begun.
            yield connection
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        package = DRIVERS.get(url.get_backend_name(), "its driver")
        raise UserError(
            f"{shown}: the driver of this database is not installed. Add {package} to"
            " the dependencies in pyproject.toml, then run: make lock && make setup"
        ) from error
    except sa.exc.SQLAlchemyError as error:
        message = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        message = message.replace(secret, "***") if secret else message
        if "does not support SSL" in message:
            message += (
                ". Fix: turn TLS on there, or add ?sslmode=disable to the URL if you"
                " trust the network"
            )
        raise UserError(f"{shown}: the database reports: {message}") from error


def _password_for(url: sa.URL) -> str | None:
    """Return the password of the environment, if it is for the host of a URL."""
    secret = os.environ.get(PASSWORD)
    if not secret or not url.username:
        return None
    host = ",".join(_hosts(url))
    if os.environ.get(HOST, "") != host:
        raise UserError(
            f"{host}: {PASSWORD} is set, but {HOST} does not say that it is for"
            f" this host. Fix: export {HOST}={shlex.quote(host)}, if you trust it with"
            " the password"
        )
    return secret


def _hosts(url: sa.URL) -> list[str]:
    """Return the host of a URL, and what its parameters may replace it by."""
    hosts = [url.host] if url.host else []
    for name, value in url.query.items():
        if REDIRECTS.fullmatch(name):
            hosts += [value] if isinstance(value, str) else value
    return hosts


def _engine(url: sa.URL) -> sa.Engine:
    """Return an engine that is read-only where the database supports it."""
    match url.get_backend_name():
        case "sqlite" if url.database:
            # Without `mode`, a misspelled name would create an empty database.
            url = url.set(database=f"file:{quote(url.database)}")
            url = url.update_query_dict({"mode": "ro", "uri": "true"})
        case "duckdb":
            # Neither files nor the network, but the database itself.
            options: dict[str, Any] = {"config": {"enable_external_access": "false"}}
            if url.database not in (None, "", ":memory:"):
                options["read_only"] = True
            return sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
        case "postgresql":
            # All rows are of one moment, even if others write meanwhile.
            return sa.create_engine(
                _with_tls(url), poolclass=sa.NullPool
            ).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
    return sa.create_engine(url, poolclass=sa.NullPool)


def _with_tls(url: sa.URL) -> sa.URL:
    """Return the URL of a PostgreSQL server, with TLS unless the user said otherwise.

    By default, libpq goes on without TLS where a server, or somebody between, has none.
    """
    said = {"sslmode", "service"} & url.query.keys()
    said |= {"PGSSLMODE", "PGSERVICE"} & os.environ.keys()
    hosts = _hosts(url) or [os.environ.get("PGHOST", "")]
    libpq = url.get_driver_name() in ("psycopg", "psycopg2")
    if said or not libpq or all(map(LOCAL.fullmatch, hosts)):
        return url
    return url.update_query_dict({"sslmode": "require"})


class Query(Section):
    """A query of a database, as data/raw/NAME.query.yaml records it.

    Attributes:
        url: Of the database, without a password.
        query: One SELECT.
        key: Columns that identify a row.
    """

    url: str
    query: str
    key: tuple[str, ...]


def make_query(url: sa.URL, query: str, key: str) -> Query:
    """Return the query that the user typed, without the password.

    Args:
        url: Of the database.
        query: One SELECT, or the path of a .sql file with it.
        key: Columns that identify a row, separated by commas.

    Raises:
        UserError: The key is missing, or the query is not one statement.
    """
    if query.endswith(".sql"):
        query = Path(query).read_text("utf-8")
    columns = tuple(column.strip() for column in key.split(",") if column.strip())
    if not columns:
        raise UserError(
            "--key is missing. Rows of a database have no order: name the columns that"
            " identify a row, as --key id or --key shop,day."
        )
    # `set(password=None)` would leave it as it is.
    plain = url._replace(password=None).render_as_string()
    return Query(url=plain, query=_one_statement(query), key=columns)


def _one_statement(query: str) -> str:
    query = query.strip().rstrip(";").rstrip()
    code = INERT.sub(" ", query)
    depths = [0, *accumulate({"(": 1, ")": -1}.get(character, 0) for character in code)]
    if not code.strip() or ";" in code or min(depths) < 0 or depths[-1]:
        raise UserError(
            f"--query: {query!r:.80} is not one statement. Give one SELECT, with"
            " balanced parentheses and no semicolon."
        )
    return query


def snapshot(query: Query, file: Path, password: SecretStr | None = None) -> int:
    """Write the rows as CSV, ordered by the key; return their number.

    Args:
        query: The SELECT and its database.
        file: It is written whole or not at all.
        password: As of `connect`.

    Raises:
        UserError: The database reports an error; the key is missing or not unique; a
            column cannot be written.
    """
    # Rows are streamed by a cursor that the server declares, and which is one statement
    # by the syntax of SQL as well as by the protocol.
    options = {"stream_results": True, "yield_per": ROWS, "no_parameters": True}
    with (
        connect(parse_url(query.url), password) as connection,
        replacing(file) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as opened,
        connection.execution_options(**options).exec_driver_sql(
            _ordered(query, connection.dialect, _utc_columns(query, connection))
        ) as result,
    ):
        return _write(result, query, opened)


def write_query(query: Query, file: Path) -> None:
    """Write the query to a YAML file, to be read, edited and committed."""
    head = (
        "# The source of the table. `rml data` without SOURCE runs the query again.\n"
    )
    content = query.model_dump() | {"key": list(query.key)}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    write_text(head + text, file)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as several lines."""


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _lines)


def _utc_columns(query: Query, connection: sa.Connection) -> list[str]:
    """Return the columns of times with a zone that DuckDB's driver cannot return.

    It needs a package for them, pytz, that it does not require.
    """
    if connection.dialect.name != "duckdb":
        return []
    columns = connection.exec_driver_sql(f"DESCRIBE {query.query}").fetchall()
    return [name for name, kind, *_ in columns if kind == "TIMESTAMP WITH TIME ZONE"]


def _ordered(query: Query, dialect: sa.Dialect, utc: Sequence[str]) -> str:
    """Return the query as a subquery, where it can only read, ordered by the key.

    Args:
        query: The query.
        dialect: How names are quoted.
        utc: Columns to be returned as texts, as `_moment` writes times with a zone.
    """
    quote = dialect.identifier_preparer.quote
    moments = [
        f"CAST({name} AT TIME ZONE 'UTC' AS VARCHAR) || '+00:00' AS {name}"
        for name in map(quote, utc)
    ]
    replaced = f" REPLACE ({', '.join(moments)})" if moments else ""
    key = ", ".join(map(quote, query.key))
    return f"SELECT *{replaced} FROM (\n{query.query}\n) q ORDER BY {key}"


def _write(result: sa.CursorResult[Any], query: Query, opened: TextIO) -> int:
    names = list(result.keys())
    places = _places(query, names)
    rows = chain.from_iterable(result.partitions(ROWS))
    with tqdm(rows, "Reading", unit=" rows", disable=None, leave=False) as bar:
        opened.write(",".join(map(_quoted, names)) + "\n")
        number = 0
        for row in _distinct(bar, places, query):
            opened.write(_line(row, names, query))
            number += 1
    return number


def _places(query: Query, names: list[str]) -> list[int]:
    """Return the positions of the key's columns, or raise UserError."""
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f'{query.url}: the query returns two columns "{name}".'
                " Rename one of them by AS."
            )
    for name in query.key:
        if name not in names:
            raise UserError(
                f'{query.url}: the query returns no column "{name}", as --key says, but'
                f" {', '.join(names)}. Name one of these."
            )
    return [names.index(name) for name in query.key]


def _distinct(
    rows: Iterable[Sequence[Any]], places: list[int], query: Query
) -> Iterator[Sequence[Any]]:
    """Yield the rows; raise UserError where the key does not identify a row."""
    last = None
    for row in rows:
        key = [row[place] for place in places]
        if key == last or None in key:
            shown = ", ".join(map(str, key))
            problem = "has a NULL" if None in key else "is in two rows"
            raise UserError(
                f"{query.url}: --key {','.join(query.key)}: ({shown:.80}) {problem}."
                " Name columns that together identify a row."
            )
        last = key
        yield row


def _line(row: Sequence[Any], names: list[str], query: Query) -> str:
    try:
        return ",".join([TEXTS[type(value)](value) for value in row]) + "\n"
    except KeyError as error:
        kinds = dict(zip(names, map(type, row), strict=True))
        name = next(name for name, kind in kinds.items() if kind not in TEXTS)
        raise UserError(
            f'{query.url}: column "{name}" holds {kinds[name].__name__}, which CSV'
            " cannot hold. Leave it out of the query, or cast it to text or a number."
        ) from error


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _moment(value: datetime) -> str:
    return str(value.astimezone(UTC) if value.tzinfo else value)


# By exact type: subclasses, as enumerations, may mean something else.
TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
    Decimal: lambda value: format(value, "f"),
    str: _quoted,
    UUID: str,
    date: str,
    datetime: _moment,
    time: str,
}
