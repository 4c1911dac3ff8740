"""Connect to a database to read from it, and only that."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import sqlalchemy as sa
from pydantic import SecretStr

from reproducible_ml.errors import UserError

# Holds the password when a recorded query is asked again.
PASSWORD = "DATABASE_PASSWORD"

# What to install for `dialect://`; the package of others has another name each.
DRIVERS = {
    "duckdb": "duckdb-engine",
    "mysql": "mysqlclient",
    "oracle": "oracledb",
    "postgresql": "psycopg[binary]",
    "snowflake": "snowflake-sqlalchemy",
}

# Parameters of a URL that must not be recorded in Git.
SECRET = re.compile(
    r"(?i)(password|passwd|pwd|secret|token|signature|credential"
    r"|(access|account|api)_?key)$|^sig$"
)


def parse_url(text: str) -> sa.URL:
    """Read the URL of a database, or raise a UserError that repeats no password."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UserError(
            "SOURCE: is not the URL of a database. Write it as"
            " postgresql://user@host:5432/database or sqlite:///folder/file.db, with"
            " %40 for an @ and %2F for a / inside a password."
        ) from error
    for name, value in url.query.items():
        if SECRET.search(name) or re.search(r"(?i)(pwd|password)=", str(value)):
            raise UserError(
                f'SOURCE: "{name}" in the URL may be a secret, which Git would record.'
                f" Leave it out, and set the variable {PASSWORD} or what the driver"
                " reads by itself."
            )
    return url


@contextmanager
def reading(url: sa.URL, password: SecretStr | None = None) -> Iterator[sa.Connection]:
    """Connect for reading only; tell what the database says in one line.

    Args:
        url: Without a password.
        password: Else the variable DATABASE_PASSWORD, else the driver's own means.

    Raises:
        UserError: The driver is missing, or the database refuses something.
    """
    secret = password.get_secret_value() if password else os.environ.get(PASSWORD)
    complete = url.set(password=secret) if secret and url.username else url
    shown = url.render_as_string(hide_password=True)
    try:
        with _engine(complete).connect() as connection:
            # Else the text of a time with a zone would depend on the computer.
            if url.get_backend_name() in ("postgresql", "duckdb"):
                connection.exec_driver_sql("SET TimeZone = 'UTC'")
            yield connection
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        package = DRIVERS.get(url.get_backend_name(), "the driver of this database")
        raise UserError(
            f"{shown}: its driver is not installed. Add {package} to"
            " environments/runtime.in, then run `make lock && make setup`."
        ) from error
    except sa.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        said = said.replace(secret, "***") if secret else said
        raise UserError(f"{shown}: the database says: {said}") from error


def _engine(url: sa.URL) -> sa.Engine:
    """Open for reading only where the database has a way to say so."""
    match url.get_backend_name():
        case "sqlite" if url.database:
            # Without `mode` a misspelled name would make an empty database.
            url = url.set(database=f"file:{quote(url.database)}")
            url = url.update_query_dict({"mode": "ro", "uri": "true"})
        case "duckdb" if url.database not in (None, "", ":memory:"):
            options = {"read_only": True}
            return sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
        case "postgresql":
            # All rows are of one moment, also when others write meanwhile.
            return sa.create_engine(url, poolclass=sa.NullPool).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
    return sa.create_engine(url, poolclass=sa.NullPool)
