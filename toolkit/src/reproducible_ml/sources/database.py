"""Read the rows of a query from a database; nothing is written there."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import sqlalchemy as sa
import yaml
from pydantic import SecretStr
from tqdm import tqdm

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing, write_text
from reproducible_ml.core.params import Section
from reproducible_ml.sources.connection import connect, parse_url

# Rows in memory at a time.
ROWS = 10_000

# Texts, quoted names and comments of SQL: their content is not syntax. In texts such as
# E'it\'s', a backslash hides the quote.
INERT = re.compile(
    r"""\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"|\$(\w*)\$.*?\$\1\$",
    re.S,
)

# The same of MySQL and MariaDB. They execute comments that begin with /*! or /*M!.
INERT_MYSQL = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|(?:\#|--(?=\s|$))[^\n]*"""
    r"|/\*(?!M?!).*?\*/",
    re.S,
)

MYSQL = ("mysql", "mariadb")


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
    inert = INERT_MYSQL if url.get_backend_name() in MYSQL else INERT
    return Query(url=plain, query=_one_statement(query, inert), key=columns)


def _one_statement(query: str, inert: re.Pattern[str]) -> str:
    query = query.strip().rstrip(";").rstrip()
    code = inert.sub(" ", query)
    depths = [0, *accumulate({"(": 1, ")": -1}.get(character, 0) for character in code)]
    executed = inert is INERT_MYSQL and "/*" in code
    if not code.strip() or ";" in code or executed or min(depths) < 0 or depths[-1]:
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
    if dialect.name in MYSQL:
        # By default, `a` and `A` are equal there, and come in any order.
        key += "".join(f", CAST({quote(name)} AS BINARY)" for name in query.key)
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
