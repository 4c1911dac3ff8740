"""Tables are predicted part by part; what is bad is named, and nothing half-written."""

import copy
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from reproducible_ml.contract.schema import ColumnMetadata, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.serving.batch import Result, predict_table
from reproducible_ml.serving.command import as_of_database
from reproducible_ml.serving.database import DatabaseTable
from reproducible_ml.serving.destination import Destination, File, Folder
from reproducible_ml.serving.model import Model
from reproducible_ml.sources.database import make_query, snapshot
from tumour_diagnosis.deployment.predict import predict

from .conftest import LINEAR

SMALL = Compute(backend="sequential", n_jobs=1, rows_per_part=70)

Train = Callable[..., Model]


@pytest.fixture
def table(orders: pd.DataFrame, tmp_path: Path) -> Path:
    """A CSV file of 300 orders."""
    orders.to_csv(tmp_path / "orders.csv", index=False)
    return tmp_path / "orders.csv"


def batch(
    source: Path, destination: Destination, model: Model, **options: Any
) -> Result:
    quarantine = source.parent / "bad.jsonl"
    options = {"compute": SMALL, "quarantine": quarantine, **options}
    return predict_table(source, destination, model, predict, **options)


def test_formats_and_backends_give_the_same_answers(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    model = train(path=LINEAR["binary"])
    halves = tmp_path / "halves"
    halves.mkdir()
    orders[:130].to_parquet(halves / "a.parquet")
    orders[130:].to_csv(halves / "b.csv.gz", index=False)
    lines = [
        json.dumps({n: None if pd.isna(v) else v for n, v in row.items()}, default=str)
        for row in orders.to_dict("records")
    ]
    (tmp_path / "orders.jsonl").write_text("\n".join(lines))
    found = []
    for number, source in enumerate((table, halves, tmp_path / "orders.jsonl")):
        backend = Compute(backend="threading", n_jobs=2, rows_per_part=33 + number)
        result = batch(source, Folder(tmp_path / "out"), model, compute=backend)
        assert result == (300, 0, None)
        found.append(pd.read_parquet(tmp_path / "out"))
    for other in found[1:]:
        pd.testing.assert_frame_equal(other, found[0], check_exact=True)
    assert list(found[0]) == [
        *("row", "row_key", "prediction", "probability", "model_version")
    ]
    assert found[0]["row"].tolist() == list(range(1, 301))
    assert set(found[0]["model_version"]) == {model.version}
    batch(table, File(tmp_path / "out.csv"), model, keep=["items"])
    in_csv = pd.read_csv(tmp_path / "out.csv")
    np.testing.assert_array_equal(in_csv["probability"], found[0]["probability"])
    np.testing.assert_array_equal(in_csv["items"], orders["items"])


def test_bad_rows_fail_the_batch_or_are_put_aside(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    model = train()
    broken = orders.astype({"items": object})
    broken.loc[[100, 299], "items"] = "many"
    broken.loc[100, "channel"] = None
    broken.to_csv(table, index=False)
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"2 of 300 rows .*--on-bad-row quarantine"):
        batch(table, Folder(out), model)
    assert not out.exists()
    lines = (tmp_path / "bad.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert (first["row"], first["values"]["items"]) == (101, "many")
    assert [one["column"] for one in first["problems"]] == ["items", "channel"]
    result = batch(table, Folder(out), model, on_bad_row="quarantine")
    assert result == (300, 2, tmp_path / "bad.jsonl")
    rows = pd.read_parquet(out)["row"].tolist()
    assert rows == [row for row in range(1, 301) if row not in (101, 300)]
    orders.to_csv(table, index=False)
    batch(table, Folder(out), model)
    assert not (tmp_path / "bad.jsonl").exists()


def test_table_without_rows_gives_a_table_without_rows(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    orders[:0].to_csv(table, index=False)
    assert batch(table, File(tmp_path / "out.parquet"), train()).rows == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found.empty
    assert "probability" in found


@pytest.mark.parametrize("task", LINEAR)
def test_database_is_the_same_after_a_second_run(
    train: Train, table: Path, tmp_path: Path, task: str
) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path / 'shop.db'}")
    for _ in range(2):
        batch(table, DatabaseTable(url, "answers"), train(task))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        found = pd.read_sql("SELECT * FROM answers", shop)
    assert len(found) == 300
    batch(table, File(tmp_path / "out.parquet"), train(task))
    expected = pd.read_parquet(tmp_path / "out.parquet").drop(columns="row")
    pd.testing.assert_frame_equal(
        found.sort_values("row_key", ignore_index=True),
        expected.sort_values("row_key", ignore_index=True),
        check_exact=True,
        check_dtype=False,
    )
    # Another model's answers are other rows.
    batch(table, DatabaseTable(url, "answers"), train(task, LINEAR[task]))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        assert shop.execute("SELECT COUNT(*) FROM answers").fetchone() == (600,)


def test_duckdb_is_written_too(train: Train, table: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    url = sa.make_url(f"duckdb:///{tmp_path / 'shop.duckdb'}")
    for _ in range(2):
        batch(table, DatabaseTable(url, "answers"), train())
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as shop:
        assert shop.execute("SELECT COUNT(*) FROM answers").fetchone() == (300,)


def test_failed_transaction_changes_no_row(
    train: Train, table: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute(
            "CREATE TABLE answers (row_key, prediction, model_version,"
            " probability CHECK (probability < 0.7),"
            " PRIMARY KEY (row_key, model_version))"
        )
        shop.execute("CREATE TABLE visits (row_key, day)")
    url = sa.make_url(f"sqlite:///{tmp_path / 'shop.db'}")
    with pytest.raises(UserError, match="CHECK constraint failed"):
        batch(table, DatabaseTable(url, "answers"), train())
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        assert shop.execute("SELECT COUNT(*) FROM answers").fetchone() == (0,)
    with pytest.raises(UserError, match='has no column "'):
        batch(table, DatabaseTable(url, "visits"), train())


def test_database_needs_what_identifies_a_row(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    trained = train()
    manifest = json.loads(json.dumps(trained.manifest))
    manifest["params"]["data"]["id"] = ["number"]
    manifest["contract"]["columns"]["number"] = {"dtype": "int64"}
    manifest["columns"].append("number")
    model = Model(trained.pipeline, manifest)
    place = DatabaseTable(sa.make_url(f"sqlite:///{tmp_path / 'shop.db'}"), "answers")
    with pytest.raises(UserError, match='column "number": is missing'):
        batch(table, place, model)
    orders.assign(number=[1, 1, *range(298)]).to_csv(table, index=False)
    with pytest.raises(UserError, match=r"2 rows repeat an earlier number, .*data\.id"):
        batch(table, place, model)
    orders.assign(number=range(300)).to_csv(table, index=False)
    batch(table, place, model)
    batch(table, File(tmp_path / "out.csv"), model)
    assert pd.read_csv(tmp_path / "out.csv")["number"].tolist() == list(range(300))
    anonymous = train()
    orders.drop(columns="ordered_at").to_csv(table, index=False)
    with pytest.raises(UserError, match='column "ordered_at": is missing'):
        batch(table, place, anonymous)


def test_folder_with_other_files_is_left_alone(
    train: Train, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/bad.txt").write_text("dear")
    with pytest.raises(UserError, match=r"holds bad\.txt, which is no part"):
        batch(table, Folder(tmp_path / "mine"), train())
    with pytest.raises(UserError, match="is a folder"):
        batch(table, File(tmp_path / "mine"), train())
    with pytest.raises(UserError, match="is a file"):
        batch(table, Folder(table), train())
    assert (tmp_path / "mine/bad.txt").read_text() == "dear"


def test_own_answers_must_not_hide_columns(
    train: Train, table: Path, tmp_path: Path
) -> None:
    def clash(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        return model.answers(rows).assign(model_version="mine")

    with pytest.raises(UserError, match='the answer "model_version" has the name'):
        predict_table(
            table,
            File(tmp_path / "out.csv"),
            train(),
            clash,
            SMALL,
            quarantine=tmp_path / "bad.jsonl",
        )


def test_missing_columns_are_named(train: Train, table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text().replace("member", "Member", 1))
    with pytest.raises(UserError, match=r'orders\.csv: column "member": is missing, b'):
        batch(table, File(tmp_path / "out.csv"), train())
    with pytest.raises(UserError, match='"nothing": is missing'):
        batch(table, File(tmp_path / "out.csv"), train(), keep=["nothing"])


def test_what_is_written_never_replaces_what_is_read(
    train: Train, table: Path, tmp_path: Path
) -> None:
    before = table.read_bytes()
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "part-00000.csv").write_bytes(before)
    link, bad = tmp_path / "link.csv", tmp_path / "bad.jsonl"
    link.symlink_to(table)
    for source, destination, quarantine in (
        (table, File(table), bad),
        (link, File(table), bad),
        (table, File(link), bad),
        (folder, Folder(folder, "csv"), bad),
        (folder / "part-00000.csv", Folder(folder, "csv"), bad),
        (folder, File(folder / "answers.csv"), bad),
        (table, File(tmp_path / "answers.csv"), table),
        (folder, File(tmp_path / "answers.csv"), folder / "bad.jsonl"),
    ):
        with pytest.raises(UserError, match="is the source"):
            batch(source, destination, train(), quarantine=quarantine)
    for destination, quarantine in (
        (File(bad), bad),
        (Folder(tmp_path / "out"), tmp_path / "out/bad.jsonl"),
        (File(tmp_path / "answers.csv"), folder),
    ):
        with pytest.raises(UserError, match=r"answers too|Name a file for bad rows"):
            batch(table, destination, train(), quarantine=quarantine)
    assert table.read_bytes() == (folder / "part-00000.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [
        *("link.csv", "orders.csv")
    ]


def test_copied_columns_must_not_have_the_names_of_others(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    orders.assign(row=7, prediction=8).to_csv(table, index=False)
    for name in ("row", "prediction"):
        with pytest.raises(UserError, match=f'"{name}" cannot be copied'):
            batch(table, File(tmp_path / "out.csv"), train(), keep=[name])


def test_part_without_valid_rows_leaves_the_types_of_answers(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    broken = orders.astype({"items": object})
    broken.loc[:69, "items"] = "many"
    broken.to_csv(table, index=False)
    for task in ("binary", "multiclass", "regression"):
        for name in ("out.csv", "out.parquet"):
            out = File(tmp_path / name)
            result = batch(table, out, train(task=task), on_bad_row="quarantine")
            assert result[:2] == (300, 70)
        assert len(pd.read_parquet(tmp_path / "out.parquet")) == 230
        assert len(pd.read_csv(tmp_path / "out.csv")) == 230


def test_text_that_is_not_as_the_raw_table_is_refused(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    text = table.read_text()
    lines = text.splitlines()
    # Readers take the lines in between for one value in quotes.
    swallowed = [*lines]
    swallowed[5] = f'{lines[5]},"note'
    swallowed[9] = f'{lines[9]},note"'
    swallowed = [f"{lines[0]},notes"] + [
        line if '"' in line else f"{line},note" for line in swallowed[1:]
    ]
    for content, message in (
        ("\n".join(swallowed).encode(), "line 6: .* not closed, and swallows"),
        (text.replace(",", ";").encode(), "its delimiter is ';'.* is ','"),
        (text.encode("utf-16"), "is utf-16, not utf-8. Fix: Export it as utf-8"),
        (text.replace("web", "wéb").encode("latin-1"), "line .* is not UTF-8"),
        (text.rpartition(",")[0].encode(), "is truncated"),
    ):
        table.write_bytes(content)
        with pytest.raises(UserError, match=message):
            batch(table, File(tmp_path / "out.csv"), train())


def test_rows_of_a_database_are_not_spelled_as_those_of_the_raw_table(
    train: Train, orders: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    model = train()
    batch(table, File(tmp_path / "plain.csv"), model)
    german = ColumnMetadata(decimal=",", thousands=".", suffix="EUR")
    columns = {**model.contract.columns}
    columns["amount"] = columns["amount"].model_copy(update={"metadata": german})
    columns["member"] = columns["member"].model_copy(
        update={"metadata": ColumnMetadata(true=("yes",), false=("no",))}
    )
    spelled = copy.copy(model)
    spelled.contract = model.contract.model_copy(
        update={"metadata": CsvDialect(delimiter=";"), "columns": columns}
    )
    place = f"sqlite:///{tmp_path / 'shop.db'}"
    with sa.create_engine(place).begin() as connection:
        orders.assign(number=range(300)).to_sql("orders", connection, index=False)
    query = make_query(sa.make_url(place), "SELECT * FROM orders", "number")
    snapshot(query, tmp_path / "rows.csv")
    out = tmp_path / "out.csv"
    batch(tmp_path / "rows.csv", File(out), as_of_database(spelled))
    assert out.read_bytes() == (tmp_path / "plain.csv").read_bytes()
