"""Connections to databases: read-only, over TLS, with the password's own host."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from pydantic import SecretStr

from reproducible_ml.core.errors import UserError
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
    "mariadb": "mysqlclient",
    "mysql": "mysqlclient",
    "oracle": "oracledb",
    "postgresql": "psycopg[binary]",
    "snowflake": "snowflake-sqlalchemy",
}

# What a connection begins with. Times with a zone do not depend on the computer.
SETTINGS = {
    "postgresql": ("SET TimeZone = 'UTC'",),
    "duckdb": ("SET TimeZone = 'UTC'", "SET lock_configuration = true"),
    # Quotes mean what `make_query` takes them for, whatever the server's own mode is.
    "mysql": (
        "SET time_zone = '+00:00'",
        "SET sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES'",
    ),
}
SETTINGS["mariadb"] = SETTINGS["mysql"]

# What also comes first if nothing is written. Transactions of PostgreSQL are read-only
# already; this lasts even if a query ended the first.
READ_ONLY = {
    "postgresql": ("SET default_transaction_read_only = on",),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
}
READ_ONLY["mariadb"] = READ_ONLY["mysql"]


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
def connect(
    url: sa.URL, password: SecretStr | None = None, *, write: bool = False
) -> Iterator[sa.Connection]:
    """Connect, for reading only by default; errors become a line each.

    What was not committed is rolled back when the block is left.

    Args:
        url: Of the database.
        password: By default that of the URL or of the environment variable
            DATABASE_PASSWORD, if DATABASE_HOST is this host; without it, the driver's
            own means.
        write: Whether to write as well.

    Raises:
        UserError: The driver is missing, the password is for another host, or the
            database reports an error.
    """
    secret = password.get_secret_value() if password else _password_for(url)
    complete = url.set(password=secret) if secret and url.username else url
    shown = url.render_as_string(hide_password=True)
    try:
        with _engine(complete, write=write).connect() as connection:
            _check_tls(url, connection)
            kind = url.get_backend_name()
            first = SETTINGS.get(kind, ())
            for setting in first if write else [*READ_ONLY.get(kind, ()), *first]:
                connection.exec_driver_sql(setting)
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


def _engine(url: sa.URL, *, write: bool = False) -> sa.Engine:
    """Return an engine; unless it is to write, read-only where that is supported."""
    match url.get_backend_name():
        case "sqlite" if url.database:
            # Without `mode`, a misspelled name would create an empty database.
            url = url.set(database=f"file:{quote(url.database)}")
            mode = "rwc" if write else "ro"
            url = url.update_query_dict({"mode": mode, "uri": "true"})
        case "duckdb":
            # Neither files nor the network, but the database itself.
            options: dict[str, Any] = {"config": {"enable_external_access": "false"}}
            if url.database not in (None, "", ":memory:"):
                options["read_only"] = not write
            return sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
        case "postgresql" if write:
            return sa.create_engine(_with_tls(url), poolclass=sa.NullPool)
        case "postgresql":
            # All rows are of one moment, even if others write meanwhile.
            return sa.create_engine(
                _with_tls(url), poolclass=sa.NullPool
            ).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        case "mysql" | "mariadb" if url.get_driver_name() == "mysqldb":
            # By default, this driver sends several statements at once.
            return sa.create_engine(
                _with_tls(url),
                poolclass=sa.NullPool,
                connect_args={"multi_statements": False},
            )
    return sa.create_engine(url, poolclass=sa.NullPool)


def _with_tls(url: sa.URL) -> sa.URL:
    """Return a URL that asks for TLS over a network, unless the user said otherwise.

    By default, libpq and MySQL's client go on without TLS where a server, or somebody
    between, has none.
    """
    match url.get_driver_name():
        case "psycopg" | "psycopg2":
            said = {"sslmode", "service"} & url.query.keys()
            said |= {"PGSSLMODE", "PGSERVICE"} & os.environ.keys()
            hosts = _hosts(url) or [os.environ.get("PGHOST", "")]
            if not said and not all(map(LOCAL.fullmatch, hosts)):
                return url.update_query_dict({"sslmode": "require"})
        case "mysqldb":
            said = {name for name in url.query if name.startswith("ssl")}
            if not said and not all(map(LOCAL.fullmatch, _hosts(url))):
                return url.update_query_dict({"ssl_mode": "REQUIRED"})
    return url


def _check_tls(url: sa.URL, connection: sa.Connection) -> None:
    """Raise UserError where a connection to MySQL over a network is not encrypted.

    The client library of MariaDB goes on without TLS even where it is required.
    """
    refused = url.query.get("ssl_mode") in ("DISABLED", "PREFERRED")
    if (
        connection.dialect.name not in ("mysql", "mariadb")
        or refused
        or "ssl_disabled" in url.query
        or all(map(LOCAL.fullmatch, _hosts(url)))
    ):
        return
    row = connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").fetchone()
    if row is None or not row[1]:
        off = "ssl_mode=DISABLED"
        if url.get_driver_name() == "pymysql":
            off = "ssl_disabled=true"
        raise UserError(
            f"{url.host}: the connection is not encrypted. Fix: turn TLS on there, or"
            f" add ?{off} to the URL if you trust the network"
        )
