"""Tests of reproducible_ml.sources.database."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from reproducible_ml.core.errors import UserError
from reproducible_ml.sources.database import parse_url, reading


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database whose only table has one row."""
    file = tmp_path / "a shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE visits AS SELECT 1 AS id")
    connection.close()
    return f"sqlite:///{file}"


def test_what_is_no_url_is_told_without_the_password() -> None:
    with pytest.raises(UserError, match="SOURCE: is not the URL of a database") as info:
        parse_url("postgresql://anna:hunter2@host:port/shop")
    assert "hunter2" not in str(info.value)


@pytest.mark.parametrize(
    "parameter",
    ["password=hunter2", "sslpassword=hunter2", "odbc_connect=UID%3Da%3BPWD%3Dhunter2"],
)
def test_secret_among_the_parameters_is_refused(parameter: str) -> None:
    with pytest.raises(UserError, match="DATABASE_PASSWORD") as info:
        parse_url(f"postgresql://host/shop?{parameter}")
    assert "hunter2" not in str(info.value)


def test_ordinary_parameters_are_let_through() -> None:
    url = parse_url("postgresql://host/shop?sslmode=require&sslkey=client.key")
    assert url.query["sslkey"] == "client.key"


def test_sqlite_cannot_be_written(sqlite_url: str) -> None:
    with (
        pytest.raises(UserError, match="attempt to write a readonly database"),
        reading(parse_url(sqlite_url)) as connection,
    ):
        connection.execute(sa.text("DELETE FROM visits"))


def test_misspelled_sqlite_file_is_told_and_not_made(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"shpo\.db: the database says: unable to open"),
        reading(parse_url(f"sqlite:///{tmp_path}/shpo.db")),
    ):
        pass
    assert not (tmp_path / "shpo.db").exists()


def test_duckdb_cannot_be_written(tmp_path: Path) -> None:
    url = parse_url(f"duckdb:///{tmp_path}/shop.duckdb")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE visits AS SELECT 1 AS id")
    with (
        pytest.raises(UserError, match="read-only mode"),
        reading(url) as connection,
    ):
        connection.exec_driver_sql("DELETE FROM visits")


def test_missing_driver_is_told_with_the_package_to_add() -> None:
    with (
        pytest.raises(UserError, match="Add mysqlclient to environments/"),
        reading(parse_url("mysql://host/shop")),
    ):
        pass


def test_unknown_kind_of_database_is_told() -> None:
    with (
        pytest.raises(UserError, match="Add the driver of this database"),
        reading(parse_url("nosuchdb://host/shop")),
    ):
        pass
