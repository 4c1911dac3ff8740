"""Write predictions to a table of a database, in one transaction."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.dialects import mysql, postgresql, sqlite

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.destination import Destination
from reproducible_ml.sources.connection import connect

# What identifies a row of a table of predictions.
KEY = ("row_key", "model_version")

# The position in the source is no property of a row.
LEFT_OUT = "row"

# Rows in memory at a time.
ROWS = 10_000


class DatabaseTable(Destination):
    """A table of a database.

    A row is identified by `row_key` and `model_version`: it is replaced if it is there,
    so that the same batch can run again. The table is made if there is none.
    """

    needs_keys = True

    def __init__(self, url: sa.URL, name: str) -> None:
        self.password = SecretStr(url.password) if url.password else None
        # `set(password=None)` would leave it as it is.
        self.url = url._replace(password=None)
        self.name = name

    def check(self) -> None:
        """Raise UserError if the database cannot be reached."""
        kind = self.url.get_backend_name()
        if kind not in UPSERTS:
            raise UserError(
                f"--output: {kind} is not supported, but {', '.join(UPSERTS)}. Write"
                " Parquet files, and load them there."
            )
        with connect(self.url, self.password, write=True):
            pass

    def write(self, parts: Sequence[Path]) -> None:
        """Insert or replace all rows in one transaction.

        Raises:
            UserError: The database reports an error, or the table has other columns.
        """
        schema = pa.parquet.read_schema(parts[0])
        fields = [field for field in schema if field.name != LEFT_OUT]
        columns = [_column(field) for field in fields]
        table = sa.Table(self.name, sa.MetaData(), *columns)
        upsert = UPSERTS[self.url.get_backend_name()](table)
        with connect(self.url, self.password, write=True) as connection:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            self._check_columns(connection, [field.name for field in fields])
            for part in parts:
                for batch in pa.parquet.ParquetFile(part).iter_batches(ROWS):
                    if batch.num_rows:
                        rows = batch.drop_columns([LEFT_OUT]).to_pylist()
                        connection.execute(upsert, rows)
            connection.commit()

    def _check_columns(self, connection: sa.Connection, names: list[str]) -> None:
        # Not by inspection, which DuckDB's driver does not support.
        none = sa.select(sa.text("*")).select_from(sa.table(self.name)).limit(0)
        there = set(connection.execute(none).keys())
        if missing := [name for name in names if name not in there]:
            raise UserError(
                f'--table: {self.name} has no column "{missing[0]}", so it is not a'
                " table of these predictions. Name another table."
            )


def _column(field: pa.Field) -> sa.Column[Any]:
    if field.name in KEY:
        # Some databases cannot index text of any length.
        return sa.Column(field.name, sa.String(16), primary_key=True)
    kinds: dict[Callable[[pa.DataType], bool], type[sa.types.TypeEngine[Any]]] = {
        pa.types.is_boolean: sa.Boolean,
        pa.types.is_integer: sa.BigInteger,
        pa.types.is_floating: sa.Double,
        pa.types.is_timestamp: sa.DateTime,
        pa.types.is_date: sa.Date,
    }
    found = (kind for is_kind, kind in kinds.items() if is_kind(field.type))
    return sa.Column(field.name, next(found, sa.Text)())


def _on_conflict(insert: Any, table: sa.Table) -> Any:
    values = {name: insert.excluded[name] for name in _values(table)}
    return insert.on_conflict_do_update(index_elements=KEY, set_=values)


def _postgresql(table: sa.Table) -> Any:
    return _on_conflict(postgresql.insert(table), table)


def _sqlite(table: sa.Table) -> Any:
    return _on_conflict(sqlite.insert(table), table)


def _mysql(table: sa.Table) -> Any:
    insert = mysql.insert(table)
    values = {name: insert.inserted[name] for name in _values(table)}
    return insert.on_duplicate_key_update(values)


def _values(table: sa.Table) -> list[str]:
    return [column.name for column in table.columns if column.name not in KEY]


UPSERTS: dict[str, Callable[[sa.Table], Any]] = {
    "duckdb": _postgresql,
    "mariadb": _mysql,
    "mysql": _mysql,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}
