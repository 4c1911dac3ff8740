"""Reading from a database."""

import csv
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import read_yaml
from reproducible_ml.sources import connection as module
from reproducible_ml.sources import database
from reproducible_ml.sources.connection import connect, parse_url
from reproducible_ml.sources.database import Query, make_query, snapshot, write_query

from ..loopback import free_port


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database whose only table has one row."""
    file = tmp_path / "a shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE visits AS SELECT 1 AS id")
    connection.close()
    return f"sqlite:///{file}"


def test_what_is_no_url_is_told_without_the_password() -> None:
    with pytest.raises(UserError, match="SOURCE: not the URL of a database") as info:
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
        connect(parse_url(sqlite_url)) as connection,
    ):
        connection.execute(sa.text("DELETE FROM visits"))


def test_misspelled_sqlite_file_is_told_and_not_made(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"shpo\.db: .* reports: unable to open"),
        connect(parse_url(f"sqlite:///{tmp_path}/shpo.db")),
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
        connect(url) as connection,
    ):
        connection.exec_driver_sql("DELETE FROM visits")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "SET enable_external_access = true",
        "ATTACH '{folder}/other.duckdb'",
    ],
)
@pytest.mark.parametrize("database", ["/shop.duckdb", ""])
def test_duckdb_reads_and_writes_no_other_file(
    sql: str, database: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("id\n1\n")
    url = parse_url(f"duckdb:///{tmp_path}{database}" if database else "duckdb://")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    text = sql.format(secret=tmp_path / "secret.csv", folder=tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError), connect(url) as connection:
        connection.exec_driver_sql(text)
    assert sorted(tmp_path.iterdir()) == before


def test_missing_driver_is_told_with_the_package_to_add() -> None:
    with (
        pytest.raises(UserError, match="Add oracledb to the dependencies"),
        connect(parse_url("oracle://host/shop")),
    ):
        pass


def test_unknown_kind_of_database_is_told() -> None:
    with (
        pytest.raises(UserError, match="Add its driver"),
        connect(parse_url("nosuchdb://host/shop")),
    ):
        pass


PASSWORD = "p@ss/word%1"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """shop.db, open to be filled."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as opened:
        yield opened


def _ask(tmp_path: Path, sql: str, key: str = "id") -> str:
    """Return the snapshot of a query to shop.db."""
    url = parse_url(f"sqlite:///{tmp_path}/shop.db")
    snapshot(make_query(url, sql, key), tmp_path / "out.csv")
    return (tmp_path / "out.csv").read_text("utf-8")


# What the user types.


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DROP TABLE visits",
        "SELECT 1) q; DROP TABLE visits; SELECT * FROM (SELECT 1",
        "SELECT 1) q UNION (SELECT 2",
        r"SELECT E'\'' AS a) q; DROP TABLE visits; --'",
        "SELECT (1",
        "-- nothing",
        " ; ",
    ],
)
def test_anything_but_one_statement_is_refused(sql: str) -> None:
    with pytest.raises(UserError, match=r"--query: .* is not one statement"):
        make_query(parse_url("sqlite:///shop.db"), sql, "id")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ';)' AS \"a;(\" FROM visits -- it's (old; slow",
        "SELECT $x$;($x$ /* ;( */ FROM visits",
        "SELECT 1 AS id;\n",
    ],
)
def test_semicolons_and_brackets_in_texts_and_comments_are_no_syntax(sql: str) -> None:
    query = make_query(parse_url("sqlite:///shop.db"), sql, "id")
    assert query.query == sql.strip().rstrip(";")


def test_query_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "visits.sql").write_text("SELECT id\nFROM visits;\n")
    query = make_query(
        parse_url("sqlite:///shop.db"), str(tmp_path / "visits.sql"), "a, b"
    )
    assert (query.query, query.key) == ("SELECT id\nFROM visits", ("a", "b"))


def test_missing_key_is_told_with_an_example() -> None:
    with pytest.raises(UserError, match=r"--key is missing.* as --key id"):
        make_query(parse_url("sqlite:///shop.db"), "SELECT 1", " ,")


def test_recorded_query_reads_well_comes_back_and_holds_no_password(
    tmp_path: Path,
) -> None:
    url = parse_url("postgresql://anna:hunter2@host:5432/shop")
    query = make_query(url, "SELECT id\nFROM visits -- größer", "id,day")
    write_query(query, tmp_path / "visits.query.yaml")
    assert (tmp_path / "visits.query.yaml").read_text("utf-8") == (
        "# The source of the table. `rml data` without SOURCE runs the query again.\n"
        "url: postgresql://anna@host:5432/shop\n"
        "query: |-\n"
        "  SELECT id\n"
        "  FROM visits -- größer\n"
        "key:\n"
        "- id\n"
        "- day\n"
    )
    assert read_yaml(tmp_path / "visits.query.yaml", Query) == query


# Which rows.


def test_rows_come_in_the_order_of_the_key_whatever_the_query_says(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    shop.execute("CREATE TABLE visits (id INTEGER, day TEXT)")
    shop.executemany("INSERT INTO visits VALUES (?, ?)", [(2, "b"), (1, "z"), (2, "a")])
    found = _ask(tmp_path, "SELECT * FROM visits ORDER BY day DESC", "id,day")
    assert found == '"id","day"\n1,"z"\n2,"a"\n2,"b"\n'


def test_snapshot_of_the_same_rows_has_the_same_bytes(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    shop.execute("CREATE TABLE visits (id INTEGER, share REAL)")
    rows = [(number * 7919 % 1000, number / 7) for number in range(100)]
    shop.executemany("INSERT INTO visits VALUES (?, ?)", rows)
    first = _ask(tmp_path, "SELECT * FROM visits")
    shop.execute("DELETE FROM visits")
    shop.executemany("INSERT INTO visits VALUES (?, ?)", reversed(rows))
    assert _ask(tmp_path, "SELECT * FROM visits") == first


def test_portions_make_no_difference(
    tmp_path: Path, shop: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.execute("CREATE TABLE visits (id INTEGER)")
    shop.executemany("INSERT INTO visits VALUES (?)", [(n,) for n in range(10)])
    whole = _ask(tmp_path, "SELECT * FROM visits")
    monkeypatch.setattr(database, "ROWS", 3)
    assert _ask(tmp_path, "SELECT * FROM visits") == whole
    assert whole.count("\n") == 11


def test_key_that_is_not_unique_is_refused_and_nothing_written(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    shop.execute("CREATE TABLE visits (id INTEGER, day TEXT)")
    shop.executemany("INSERT INTO visits VALUES (?, ?)", [(2, "b"), (1, "z"), (2, "a")])
    with pytest.raises(UserError, match=r"--key id: \(2\) is in two rows"):
        _ask(tmp_path, "SELECT * FROM visits")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.db"]


def test_key_with_a_null_is_refused(tmp_path: Path, shop: sqlite3.Connection) -> None:
    with pytest.raises(UserError, match=r"--key id: \(None\) has a NULL"):
        _ask(tmp_path, "SELECT NULL AS id")


# SQLite takes an unknown name in quotes for a text, and would sort by nothing.
@pytest.mark.parametrize("key", ["Id", "i d"])
def test_key_that_is_no_column_is_refused(
    tmp_path: Path, shop: sqlite3.Connection, key: str
) -> None:
    with pytest.raises(
        UserError, match=f'no column "{key}", as --key says, but id, day'
    ):
        _ask(tmp_path, "SELECT 1 AS id, 2 AS day", key)


def test_what_the_database_says_is_told_in_a_line(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    with pytest.raises(UserError, match=r"the database reports: no such table: x$"):
        _ask(tmp_path, "SELECT * FROM x")


def test_query_without_rows_gives_the_header(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    assert _ask(tmp_path, "SELECT 1 AS id WHERE FALSE") == '"id"\n'


# Which values.


def test_null_and_empty_text_differ(tmp_path: Path, shop: sqlite3.Connection) -> None:
    found = _ask(tmp_path, "SELECT 1 AS id, NULL AS a, '' AS b, 'NULL' AS c")
    assert found == '"id","a","b","c"\n1,,"","NULL"\n'


def test_whole_numbers_beside_a_null_keep_all_digits(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    found = _ask(tmp_path, "SELECT 1 AS id, 9007199254740993 AS n UNION SELECT 2, NULL")
    assert found == '"id","n"\n1,9007199254740993\n2,\n'


def test_text_is_quoted_so_that_it_comes_back(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    texts = ['say "hi", twice', "two\nlines", "two\r\nlines", "0012", " größer "]
    shop.execute("CREATE TABLE visits (id INTEGER, note TEXT)")
    shop.executemany("INSERT INTO visits VALUES (?, ?)", list(enumerate(texts)))
    _ask(tmp_path, "SELECT * FROM visits")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as opened:
        assert [row["note"] for row in csv.DictReader(opened)] == texts


def test_bytes_are_refused_by_their_column(
    tmp_path: Path, shop: sqlite3.Connection
) -> None:
    with pytest.raises(UserError, match='column "photo" holds bytes, which CSV'):
        _ask(tmp_path, "SELECT 1 AS id, NULL AS b, X'00' AS photo")


def test_duckdb_values_are_exact(tmp_path: Path) -> None:
    url = parse_url(f"duckdb:///{tmp_path}/shop.duckdb")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE visits AS SELECT 1 AS id,"
            " 170141183460469231731687303715884105727::HUGEINT AS huge,"
            " 0.10::DECIMAL(38, 20) AS price, 0.1::DOUBLE AS share, true AS paid,"
            " DATE '2026-01-31' AS day, TIME '23:59:59' AS hour,"
            " TIMESTAMP '2026-01-31 23:59:59.5' AS moment, '' AS note,"
            " TIMESTAMPTZ '2026-01-31 12:00:00+02' AS seen"
        )
    snapshot(make_query(url, "FROM visits", "id"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == (
        "1,170141183460469231731687303715884105727,0.10000000000000000000,0.1,true,"
        '2026-01-31,23:59:59,2026-01-31 23:59:59.500000,"","2026-01-31 10:00:00+00:00"'
    )


# With a server: the tests are skipped where PostgreSQL is not installed.


@pytest.fixture(scope="module")
def server() -> Iterator[sa.URL]:
    """A PostgreSQL server of its own, on a free port of this computer."""
    if not shutil.which("initdb") or not shutil.which("pg_ctl"):
        pytest.skip("PostgreSQL's initdb and pg_ctl are not on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        # The server refuses to be run by root.
        root = os.geteuid() == 0
        user, group = ("nobody", "nogroup") if root else (None, None)
        if user:
            shutil.chown(folder, user, group)

        def run(*command: str) -> None:
            subprocess.run(
                command,
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
                user=user,
                group=group,
                extra_groups=[] if root else None,
            )

        secret = Path(folder, "secret")
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        port = free_port()
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        data = f"{folder}/data"
        login = ["--auth=scram-sha-256", f"--pwfile={secret}", "--username=anna"]
        run("initdb", "--encoding=UTF8", "--locale=C", *login, data)
        run(
            "pg_ctl",
            "--pgdata",
            data,
            "-w",
            "-l",
            f"{folder}/log",
            "-o",
            options,
            "start",
        )
        try:
            yield sa.URL.create(
                "postgresql", "anna", None, "127.0.0.1", port, "postgres"
            )
        finally:
            run("pg_ctl", "--pgdata", data, "-w", "-m", "immediate", "stop")


def _ask_server(server: sa.URL, sql: str, file: Path) -> str:
    snapshot(make_query(server, sql, "id"), file, SecretStr(PASSWORD))
    return file.read_text("utf-8").split("\n", 1)[1]


def test_postgresql_values_are_exact(
    server: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    sql = """
        SELECT 1 AS id, 9007199254740993 AS n, 1234567890123456789.10::numeric AS price,
            1e-7::numeric AS small, 0.1::real AS share, true AS paid, '' AS note,
            DATE '2026-01-31' AS day, TIMESTAMP '2026-01-31 23:59:59' AS moment,
            TIMESTAMPTZ '2026-01-31 23:59:59.25+01' AS zoned, TIME '09:30' AS hour,
            'c0ffee00-0000-0000-0000-000000000001'::uuid AS number
        UNION ALL SELECT 2, NULL, NULL, NULL, 'NaN', NULL, NULL,
            NULL, NULL, NULL, NULL, NULL
    """
    assert _ask_server(server, sql, tmp_path / "out.csv") == (
        '1,9007199254740993,1234567890123456789.10,0.0000001,0.1,true,"",2026-01-31,'
        "2026-01-31 23:59:59,2026-01-31 22:59:59.250000+00:00,09:30:00,"
        "c0ffee00-0000-0000-0000-000000000001\n"
        "2,,,,nan,,,,,,,\n"
    )


def test_text_of_a_time_does_not_depend_on_the_computer(
    server: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    sql = "SELECT 1 AS id, TIMESTAMPTZ '2026-01-31 23:00+01'::text AS moment"
    found = _ask_server(server, sql, tmp_path / "out.csv")
    assert found == '1,"2026-01-31 22:00:00+00"\n'


@pytest.mark.parametrize("kind", ["'{}'::json", "'{1}'::int[]", "'1 day'::interval"])
def test_what_has_no_plain_text_is_refused(
    server: sa.URL, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(UserError, match=r'column "odd" holds .*cast it to text'):
        _ask_server(server, f"SELECT 1 AS id, {kind} AS odd", tmp_path / "out.csv")


def test_column_named_twice_is_refused(server: sa.URL, tmp_path: Path) -> None:
    sql = "SELECT 1 AS id, 2 AS day, 3 AS day"
    with pytest.raises(UserError, match=r'two columns "day".* Rename one of them'):
        _ask_server(server, sql, tmp_path / "out.csv")


def test_percent_signs_and_colons_reach_the_database(
    server: sa.URL, tmp_path: Path
) -> None:
    sql = "SELECT 1 AS id, ' :a %s' AS a WHERE 'abc' LIKE 'a%'"
    assert _ask_server(server, sql, tmp_path / "out.csv") == '1," :a %s"\n'


def test_rows_are_held_by_the_server_not_by_this_process(
    server: sa.URL, tmp_path: Path
) -> None:
    sql = "SELECT 1 AS id, count(*) AS cursors FROM pg_cursors"
    assert _ask_server(server, sql, tmp_path / "out.csv") == "1,1\n"


def test_function_that_writes_is_refused(server: sa.URL, tmp_path: Path) -> None:
    engine = sa.create_engine(server.set(password=PASSWORD), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE IF NOT EXISTS numbers")
    with pytest.raises(UserError, match=r"nextval\(\) in a read-only transaction$"):
        _ask_server(server, "SELECT nextval('numbers') AS id", tmp_path / "out.csv")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS id) q; DROP TABLE kept; SELECT * FROM (SELECT 1 AS id",
        "SELECT 1 AS id) q; COMMIT; DROP TABLE kept; --",
        "WITH gone AS (DELETE FROM kept RETURNING *) SELECT 1 AS id FROM gone",
        "SELECT 1 AS id FROM (SELECT set_config('transaction_read_only', 'off', false)"
        " AS a) s, query_to_xml('DELETE FROM kept', true, true, '') x",
        "DELETE FROM kept RETURNING 1 AS id",
    ],
)
def test_server_itself_refuses_what_writes(
    server: sa.URL, sql: str, tmp_path: Path
) -> None:
    """Even past the check of what the user typed, which a recorded query may be."""
    engine = sa.create_engine(server.set(password=PASSWORD), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS id")
    query = Query(url=server.render_as_string(), query=sql, key=("id",))
    with pytest.raises(UserError, match="the database reports"):
        snapshot(query, tmp_path / "out.csv", SecretStr(PASSWORD))
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar() == 1


def test_session_stays_read_only_after_the_transaction(server: sa.URL) -> None:
    with (
        pytest.raises(UserError, match="in a read-only transaction"),
        connect(server, SecretStr(PASSWORD)) as connection,
    ):
        connection.exec_driver_sql("COMMIT; CREATE TABLE written AS SELECT 1")


def test_password_comes_from_the_environment(
    server: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", PASSWORD)
    query = make_query(server, "SELECT 1 AS id", "id")
    # The host of a recorded query may have been changed.
    monkeypatch.setenv("DATABASE_HOST", "db.example.org")
    with pytest.raises(UserError, match="if you trust it with the password") as info:
        snapshot(query, tmp_path / "out.csv")
    assert PASSWORD not in str(info.value)
    monkeypatch.setenv("DATABASE_HOST", str(server.host))
    assert snapshot(query, tmp_path / "out.csv") == 1


@pytest.mark.parametrize("parameter", ["host", "hostaddr", "HOST", "service"])
def test_parameter_does_not_take_the_password_elsewhere(
    parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", PASSWORD)
    url = f"postgresql://anna@db.example.org/shop?{parameter}=evil.example.org"
    for trusted in ("db.example.org", ""):
        monkeypatch.setenv("DATABASE_HOST", trusted)
        with (
            pytest.raises(UserError, match="is set, but DATABASE_HOST does not say"),
            connect(parse_url(url)),
        ):
            pass


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("postgresql://db.example.org/shop", True),
        ("postgresql://anna@localhost.example.org/shop", True),
        ("postgresql:///shop?host=db.example.org", True),
        ("postgresql://localhost/shop?host=db.example.org", True),
        ("postgresql://db.example.org/shop?sslmode=prefer", False),
        ("postgresql://db.example.org/shop?service=shop", False),
        ("postgresql:///shop", False),
        ("postgresql:///shop?host=/var/run/postgresql", False),
        ("postgresql://LOCALHOST:5433/shop", False),
        ("postgresql://127.0.0.1/shop", False),
        ("postgresql://[::1]/shop", False),
        ("mysql://db.example.org/shop", True),
        ("mariadb://localhost/shop?unix_socket=/run/x&host=db.example.org", True),
        ("mysql://db.example.org/shop?ssl_mode=DISABLED", False),
        ("mysql://db.example.org/shop?ssl_ca=ca.pem", False),
        ("mysql:///shop?unix_socket=/run/mysqld/mysqld.sock", False),
        ("mysql://127.0.0.1/shop", False),
    ],
)
def test_tls_is_asked_for_over_a_network(url: str, *, asked: bool) -> None:
    query = module._with_tls(parse_url(url)).query
    modes = (query.get("sslmode"), query.get("ssl_mode"))
    assert (modes in {("require", None), (None, "REQUIRED")}) is asked


def test_user_may_say_otherwise_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    engine = module._engine(parse_url("postgresql://db.example.org/shop"))
    assert "sslmode" not in engine.url.query


def test_server_without_tls_gets_no_password(
    server: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCAL", re.compile("nowhere"))
    query = make_query(server, "SELECT 1 AS id", "id")
    with pytest.raises(UserError, match=r"does not support SSL.* Fix: .*sslmode="):
        snapshot(query, tmp_path / "out.csv", SecretStr(PASSWORD))
    plain = make_query(
        server.update_query_dict({"sslmode": "disable"}), "TABLE x", "id"
    )
    with pytest.raises(UserError, match='relation "x" does not exist'):
        snapshot(plain, tmp_path / "out.csv", SecretStr(PASSWORD))


def test_driver_may_find_the_password_by_itself(
    server: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    query = make_query(server, "SELECT 1 AS id", "id")
    assert snapshot(query, tmp_path / "out.csv") == 1


def test_wrong_password_is_not_repeated(server: sa.URL, tmp_path: Path) -> None:
    query = make_query(server, "SELECT 1 AS id", "id")
    with pytest.raises(UserError, match="password authentication failed") as info:
        snapshot(query, tmp_path / "out.csv", SecretStr("hunter2"))
    assert "hunter2" not in str(info.value)


def test_unreachable_server_is_told(tmp_path: Path) -> None:
    query = make_query(parse_url("postgresql://127.0.0.1:1/x"), "SELECT 1 AS id", "id")
    with pytest.raises(
        UserError, match=r"127\.0\.0\.1:1/x: the database reports: .*refused"
    ):
        snapshot(query, tmp_path / "out.csv")


# With a server: the tests are skipped where MariaDB or mysqlclient is not installed.


@pytest.fixture(scope="module")
def mariadb() -> Iterator[sa.URL]:
    """A MariaDB server of its own, without TLS, on a free port of this computer."""
    pytest.importorskip("MySQLdb")
    if not shutil.which("mariadbd") or not shutil.which("mariadb-install-db"):
        pytest.skip("MariaDB's mariadbd and mariadb-install-db are not on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        user = ["--user=nobody"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(folder, "nobody", "nogroup")
        data = ["--no-defaults", f"--datadir={folder}/data", *user]
        subprocess.run(
            ["mariadb-install-db", *data, "--skip-test-db"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        first = Path(folder, "first.sql")
        statements = (
            "DELETE FROM mysql.global_priv WHERE User = ''",
            "FLUSH PRIVILEGES",
            f"CREATE USER anna@'%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON *.* TO anna@'%'",
            "CREATE DATABASE shop",
            "CREATE TABLE shop.visits (id varchar(9)) COLLATE utf8mb4_bin",
            "INSERT INTO shop.visits VALUES ('b'), ('a'), ('A')",
        )
        first.write_text("".join(f"{one};\n" for one in statements))
        first.chmod(0o644)
        port = free_port()
        options = [f"--port={port}", f"--socket={folder}/socket", "--skip-ssl"]
        options += ["--bind-address=127.0.0.1", f"--init-file={first}"]
        with subprocess.Popen(
            ["mariadbd", *data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            url = sa.URL.create("mysql", "anna", None, "127.0.0.1", port, "shop")
            try:
                _wait_for(url)
                yield url
            finally:
                process.kill()


def _wait_for(url: sa.URL) -> None:
    for _ in range(300):
        try:
            with connect(url, SecretStr(PASSWORD)):
                return
        except UserError:
            time.sleep(0.1)
    pytest.fail("the server does not answer")


def test_mysql_is_read_in_one_order_and_in_utc(mariadb: sa.URL, tmp_path: Path) -> None:
    sql = r"""
        SELECT id COLLATE utf8mb4_general_ci AS id, 'it\'s; "(' AS note, # not ;(
            FROM_UNIXTIME(0) AS `a;(moment`
        FROM visits
    """
    assert _ask_server(mariadb, sql, tmp_path / "out.csv") == (
        '"A","it\'s; ""(",1970-01-01 00:00:00\n'
        '"a","it\'s; ""(",1970-01-01 00:00:00\n'
        '"b","it\'s; ""(",1970-01-01 00:00:00\n'
    )


@pytest.mark.parametrize(
    "sql",
    [
        r"SELECT '\'' AS a) q; DROP TABLE visits; --'",
        "SELECT 1 # '\n) q INTO OUTFILE '/tmp/x' -- '",
        "SELECT 1 AS id /*! ) q INTO OUTFILE '/tmp/x' -- */",
        "SELECT `'`) q INTO OUTFILE '/tmp/x' -- '",
    ],
)
def test_other_quotes_of_mysql_hide_no_second_statement(sql: str) -> None:
    with pytest.raises(UserError, match=r"--query: .* is not one statement"):
        make_query(parse_url("mysql://localhost/shop"), sql, "id")


def test_mysql_cannot_be_written(mariadb: sa.URL) -> None:
    with (
        pytest.raises(UserError, match="READ ONLY transaction"),
        connect(mariadb, SecretStr(PASSWORD)) as connection,
    ):
        connection.exec_driver_sql("INSERT INTO visits VALUES ('c')")
    with (
        pytest.raises(UserError, match="error in your SQL syntax"),
        connect(mariadb, SecretStr(PASSWORD)) as connection,
    ):
        connection.exec_driver_sql("SELECT 1; DROP TABLE visits")


def test_rows_of_mysql_are_not_read_without_tls_over_a_network(
    mariadb: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCAL", re.compile("nowhere"))
    password = SecretStr(PASSWORD)
    with (
        pytest.raises(UserError, match=r"is not encrypted|SSL is required"),
        connect(mariadb, password),
    ):
        pass
    plain = mariadb.update_query_dict({"ssl_mode": "DISABLED"})
    with connect(plain, password) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
