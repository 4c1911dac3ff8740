"""`rml monitor`: a log or a table against the rows that the model was trained on."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import write_part
from reproducible_ml.monitoring.drift import compare
from reproducible_ml.monitoring.log_rows import Choice, tally_log
from reproducible_ml.monitoring.monitor import Options, examine, monitor
from reproducible_ml.monitoring.reference import Reference, table_reference
from reproducible_ml.monitoring.result import Unseen
from reproducible_ml.monitoring.settings import Settings
from reproducible_ml.monitoring.tally import Tally
from reproducible_ml.monitoring.windows import Span, to_microseconds
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.model import Unseen as WhatOfUnseen
from reproducible_ml.serving.prediction_log import PredictionLog
from reproducible_ml.serving.records import answer_columns, by_column
from reproducible_ml.serving.refused_log import RefusedLog
from tumour_diagnosis.deployment.predict import predict

from ..modeling.conftest import make_orders
from ..page.test_browser import look, served, use
from ..serving.browser import CHROMIUM, open_page
from ..serving.conftest import as_records

Train = Callable[..., Model]

COMPUTE = Compute(backend="sequential", n_jobs=1)
NO_LIMITS = Settings(max_age_hours=None, max_refused=1)
START = pd.Timestamp("2026-03-02", tz="UTC")  # a Monday


def orders(rows: int, seed: int) -> pd.DataFrame:
    found = make_orders(rows, seed).drop(columns="returned")
    # A date is expected to go on.
    return found.reset_index(drop=True)


@pytest.fixture
def reference(train: Train) -> Reference:
    chunks = iter([(0, 0, pa.Table.from_pandas(orders(2000, 1)))])
    return table_reference(chunks, "train", train(), predict, COMPUTE)


def as_log(rows: pd.DataFrame, model: Model, every: str = "20min") -> pd.DataFrame:
    """Return rows of a log, answered one after the other."""
    answers = predict(rows, model)
    facts = pd.DataFrame(
        {
            "time": pd.date_range(START, periods=len(rows), freq=every),
            "request_id": [f"r{number}" for number in range(len(rows))],
            "row": 0,
            "row_key": None,
            "model_version": model.version,
            "returned": True,
        }
    )
    return pd.concat([facts, answers, rows], axis=1)


def write_log(log: pd.DataFrame, folder: Path) -> Path:
    for number, (day, part) in enumerate(log.groupby(log["time"].dt.date)):
        (folder / f"date={day}").mkdir(parents=True, exist_ok=True)
        part.to_parquet(folder / f"date={day}/{number:06d}-1-1.parquet", index=False)
    return folder


def verdicts(tally: Tally, reference: Reference) -> dict[str, str]:
    found = compare(tally, reference, "none")
    return {each.column: each.verdict for each in found}


def test_log_of_the_same_kind_has_not_drifted_and_counts_are_those_of_pandas(
    train: Train, reference: Reference, tmp_path: Path
) -> None:
    log = as_log(orders(900, 2), train())
    folder = write_log(log, tmp_path / "log")
    tally = tally_log(folder, reference, Choice(width="day"), COMPUTE)
    days = log.groupby(log["time"].dt.floor("D"))
    expected = {to_microseconds(day): len(part) for day, part in days}
    assert tally.rows == expected
    amount = reference.inputs["amount"]
    for day, part in days:
        cells = tally.cells[to_microseconds(day)][None, "amount"]
        cut = pd.cut(part["amount"], [-np.inf, *map(float, amount.bins), np.inf])
        counts = cut.value_counts(sort=False).tolist()
        assert cells.counts.tolist() == [*counts, part["amount"].isna().sum()]
        column = cells.as_distribution(amount)
        assert column.mean == pytest.approx(part["amount"].mean())
        assert column.sd == pytest.approx(part["amount"].std(ddof=0))
    assert tally.newest == to_microseconds(log["time"].max())
    found = verdicts(tally, reference)
    assert set(found) == {
        *("amount", "items", "member", "channel", "prediction", "probability")
    }
    assert {*found.values()} == {"fine"}
    few = tally_log(folder, reference, Choice(Span(None, min(expected))), COMPUTE)
    assert few.rows.total() == 0
    hours = tally_log(folder, reference, Choice(width="hour"), COMPUTE)
    assert hours.whole().rows == tally.whole().rows
    for name, cells in hours.whole().cells[0].items():
        assert cells.counts.tolist() == tally.whole().cells[0][name].counts.tolist()


def test_shift_missing_values_and_other_classes_are_drift(
    train: Train, reference: Reference, tmp_path: Path
) -> None:
    rows = orders(400, 3)
    rows["amount"] += 1
    rows["items"] = np.where(np.arange(400) % 2, rows["items"], 1)
    log = as_log(rows, train())
    log["channel"] = log["channel"].astype(object).mask(np.arange(400) % 5 == 0)
    found = verdicts(
        tally_log(write_log(log, tmp_path / "log"), reference, Choice(), COMPUTE),
        reference,
    )
    drifted = {name for name, verdict in found.items() if verdict == "drift"}
    assert drifted == {"amount", "items", "channel", "prediction", "probability"}
    few = tally_log(write_log(log[:8], tmp_path / "few"), reference, Choice(), COMPUTE)
    assert verdicts(few, reference)["member"] == "too few"


def test_answers_of_other_versions_and_in_shadow_are_told_apart(
    train: Train, reference: Reference, tmp_path: Path
) -> None:
    log = as_log(orders(600, 4), train())
    log.loc[::3, "model_version"] = "0123456789ab"
    log.loc[1::3, "returned"] = False
    folder = write_log(log.drop(columns="items"), tmp_path / "log")
    tally = tally_log(folder, reference, Choice(), COMPUTE)
    assert tally.rows.total() == 400
    assert tally.versions == {"0123456789ab": 200, reference.version: 200}
    whole = tally.whole().cells[0]
    assert whole[None, "amount"].counts.sum() == 400
    assert whole[reference.version, "prediction"].counts.sum() == 200
    assert tally.absent == {"items"}
    shadow = tally_log(folder, reference, Choice(version=reference.version), COMPUTE)
    assert shadow.rows.total() == 400
    assert shadow.whole().cells[0][None, "amount"].counts.sum() == 400


def test_refused_rows_of_the_service_are_counted_by_rule_without_values(
    train: Train, reference: Reference, tmp_path: Path
) -> None:
    model = train()
    records = as_records(orders(40, 5))
    records[3]["items"] = "many"
    records[7] |= {"items": None, "channel": "pigeon"}
    rows = by_column(records, model)
    answers = Answers.of(answer_columns(rows, model, predict), rows.length, model)
    folder = tmp_path / "log"
    logs = PredictionLog(folder), RefusedLog(folder)
    for each in logs:
        each.start()
    logs[0].add("request", rows, answers)
    logs[1].add("request", answers.problems)
    for each in logs:
        each.close()
    [refused] = folder.rglob("_refused-*.parquet")
    assert pd.read_parquet(refused)[["row", "column"]].to_numpy().tolist() == [
        [3, "items"],
        [7, "items"],
        [7, "channel"],
    ]
    assert b"pigeon" not in refused.read_bytes()
    tally = tally_log(folder, reference, Choice(), COMPUTE)
    assert (tally.rows.total(), tally.refused.total()) == (38, 2)
    columns = [column for column, _ in tally.whole().rules[0]]
    assert sorted(columns) == ["channel", "items", "items"]


@pytest.fixture
def project(train: Train, tmp_path: Path) -> Any:
    """A project with a trained model; it loads no module of its own."""
    root = tmp_path / "project"
    for side, seed in (("train", 1), ("test", 6)):
        table = root / "data/processed" / side
        table.mkdir(parents=True)
        write_part(orders(1500, seed), table, 0)
    (root / "code/shop/deployment").mkdir(parents=True)
    (root / "code/shop/deployment/monitoring.py").touch()
    (root / "params.yaml").write_text("compute: {backend: sequential, n_jobs: 1}\n")
    unseen: list[WhatOfUnseen] = ["reject"]
    modules = {
        "deployment.predict": SimpleNamespace(
            load=lambda folder: train(unseen=unseen[0]), predict=predict
        ),
        "deployment.monitoring": SimpleNamespace(settings=lambda: NO_LIMITS),
    }
    return SimpleNamespace(
        root=root, package="shop", load=modules.__getitem__, unseen=unseen
    )


def run(project: Any, source: str, **options: Any) -> int:
    return monitor(project, Options(source, project.root, **options))


def test_exit_code_page_json_and_metrics_say_the_same(
    project: Any, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = orders(600, 7)
    rows.loc[300:, "amount"] += 1
    write_log(as_log(rows, train(), "30min"), project.root / "log")
    code = run(project, "log", window="week", as_json=True, prometheus=Path("a.prom"))
    found = json.loads(capsys.readouterr().out)
    assert code == found["exit_code"] == 3
    by_window = {each["name"]: each["verdict"] for each in found["windows"]}
    assert by_window == {"2026-W10": "fine", "2026-W11": "drift"}
    assert {each["subject"] for each in found["alerts"]} >= {"amount"}
    families = text_string_to_metric_families((project.root / "a.prom").read_text())
    samples = {
        (each.name, each.labels.get("column")): each.value
        for family in families
        for each in family.samples
    }
    assert samples["rml_monitor_drift", "amount"] == 1
    assert samples["rml_monitor_drift", "items"] == 0
    assert samples["rml_monitor_exit_code", None] == 3
    page = (project.root / "monitoring/report.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "amount: drift" in page
    assert run(project, "log", until="2026-03-08") == 0
    assert "Fine: 288 rows of log" in capsys.readouterr().out
    assert run(project, "log", since="2026-03-14T12:00", quiet=True) == 4
    assert capsys.readouterr().out == ""


def test_table_shows_broken_rules_and_unseen_categories(project: Any) -> None:
    rows = orders(500, 8).astype({"channel": object})
    rows.loc[::10, "channel"] = "pigeon"
    rows["items"] = rows["items"].astype(object)
    rows.loc[1::50, "items"] = "<b>many</b>"
    rows.to_csv(project.root / "new.csv", index=False)
    found, _ = examine(project, Options("new.csv", project.root), NO_LIMITS)
    assert (found.rows, found.refused, found.exit_code) == (440, 60, 0)
    [unseen] = found.unseen
    assert unseen == Unseen(column="channel", rows=50, values=["pigeon"])
    assert [(each.column, each.cells) for each in found.violations] == [
        ("channel", 50),
        ("items", 10),
    ]
    found, _ = examine(project, Options("new.csv", project.root), Settings())
    assert [each.kind for each in found.alerts] == ["refused"]
    assert "many" not in found.alerts[0].text
    # Where the model takes an unseen category as missing, it is counted all the same.
    project.unseen[0] = "missing"
    found, _ = examine(project, Options("new.csv", project.root), NO_LIMITS)
    assert (found.rows, found.refused, found.unseen[0].rows) == (490, 10, 50)
    # Such rows have more missing values than the training rows.
    assert [each.subject for each in found.alerts] == ["channel"]


def test_windows_of_a_table_and_its_age(project: Any) -> None:
    rows = orders(400, 9).assign(seen=pd.date_range(START, periods=400, freq="1h"))
    rows.loc[0, "seen"] = pd.NaT
    rows[(rows.index < 48) | (rows.index >= 96)].to_csv(project.root / "new.csv")
    options = Options("new.csv", project.root, time="seen", window="day", answers=False)
    limits = Settings(max_age_hours=24, min_rows=10)
    found, _ = examine(project, options, limits)
    names = [each.name for each in found.windows]
    assert names[:4] == ["no time", "2026-03-02", "2026-03-03", "2026-03-04"]
    assert [each.rows for each in found.windows[:4]] == [1, 23, 24, 0]
    assert [each.kind for each in found.alerts] == ["stale", "volume", "volume"]
    assert not any(each.about == "answer" for each in found.comparisons)
    within = options._replace(until="2026-03-04", since="2026-03-03")
    found, _ = examine(project, within, limits)
    assert [each.rows for each in found.windows] == [24]
    assert not found.alerts
    assert any(note.startswith("1 rows have no time") for note in found.notes)


def test_wrong_years_do_not_fill_the_list_of_windows(project: Any) -> None:
    rows = orders(300, 9).assign(seen=pd.date_range(START, periods=300, freq="1h"))
    rows["seen"] = rows["seen"].astype(str)
    rows.loc[0, "seen"] = "2226-01-01"
    rows.to_csv(project.root / "new.csv")
    options = Options("new.csv", project.root, time="seen", window="day", answers=False)
    found, _ = examine(project, options, Settings(min_rows=10))
    assert len(found.windows) == 14
    assert not [each for each in found.alerts if each.kind == "volume"]
    rows.loc[1, "seen"] = "1990-01-01"
    rows.to_csv(project.root / "new.csv")
    found, _ = examine(project, options, Settings(min_rows=10))
    (alert,) = [each for each in found.alerts if each.kind == "volume"]
    assert alert.text.startswith("13209 windows, from 1990-01-01 to 2026-03-01, have")


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("nothing", {}, "nothing: does not exist"),
        ("new.csv", {"window": "day"}, "Fix: name its column: --time COLUMN"),
        ("new.csv", {"version": "abc"}, "--version is for a log of predictions"),
        ("new.csv", {"time": "seen", "since": "soon"}, "'soon' is no time"),
        ("bad.csv", {}, 'bad.csv: column "amount": is missing'),
        ("new.csv", {"reference": "empty.csv"}, "has no row that meets the contract"),
    ],
)
def test_mistakes_are_one_line(
    project: Any, source: str, options: dict[str, Any], says: str
) -> None:
    rows = orders(20, 1)
    rows.to_csv(project.root / "new.csv", index=False)
    rows.drop(columns="amount").to_csv(project.root / "bad.csv", index=False)
    rows[:0].to_csv(project.root / "empty.csv", index=False)
    with pytest.raises(UserError, match=re.escape(says)):
        run(project, source, **options)


def test_without_training_rows_the_fix_is_named(project: Any) -> None:
    (project.root / "data/processed/train/part-00000.parquet").unlink()
    with pytest.raises(UserError, match="Fix: run `dvc pull data/processed/train`"):
        run(project, "log")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_page_in_a_browser(
    project: Any, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = orders(900, 7)
    rows.loc[300:, "amount"] += 1
    rows["items"] = rows["items"].where(rows.index % 3 > 0, 1)
    write_log(as_log(rows, train()), project.root / "log")
    monkeypatch.chdir(project.root)
    options = {"window": "day", "quiet": True, "report": Path("page/index.html")}
    assert run(project, "log", **options) == 3

    async def visit(url: str) -> list[str]:
        async with open_page(url, tmp_path / "profile") as page:
            await look(page)
            await use(page)
            return page.messages

    with served(project.root / "page") as (url, asked):
        assert asyncio.run(visit(url)) == []
        assert [line for line in asked if line != "/index.html"] == []


@pytest.mark.parametrize("odd", ["03/05/2026", "1772409600", "soon"])
def test_times_of_one_column_may_have_several_forms_of_iso_8601(
    project: Any, odd: str
) -> None:
    forms = ["2026-03-02", "2026-03-02T10:00", "2026-03-02 10:00:00+09:00", None]
    rows = orders(40, 4).assign(seen=pd.Series(forms * 10))
    rows.to_csv(project.root / "new.csv", index=False)
    options = Options("new.csv", project.root, time="seen", since="2026-03-01")
    assert examine(project, options, NO_LIMITS)[0].rows == 30
    rows.assign(seen=pd.Series([*forms, odd] * 8)).to_csv(
        project.root / "new.csv", index=False
    )
    with pytest.raises(UserError, match=f'column "seen": {odd!r} is no time'):
        examine(project, options, NO_LIMITS)


def test_damaged_file_of_refused_rows_is_named(project: Any, train: Train) -> None:
    folder = write_log(as_log(orders(40, 2), train()), project.root / "log")
    file = folder / "date=2026-03-02/_refused-000000-1-1.parquet"
    file.write_bytes(b"half")
    with pytest.raises(UserError, match=f"{file.name}: cannot be read"):
        run(project, "log")
    pd.DataFrame({"time": [START], "request_id": ["r"]}).to_parquet(file)
    with pytest.raises(UserError, match='it lacks the column "column"'):
        run(project, "log")


def test_log_without_a_column_is_no_table(project: Any, train: Train) -> None:
    log = as_log(orders(40, 2), train()).drop(columns="row_key")
    write_log(log, project.root / "log")
    with pytest.raises(UserError, match='it lacks the column "row_key"'):
        run(project, "log")


def test_column_of_another_type_is_not_called_fine(project: Any, train: Train) -> None:
    log = as_log(orders(900, 2), train())
    write_log(log, project.root / "log")
    assert run(project, "log") == 0
    write_log(log.assign(amount="much"), project.root / "log")
    assert run(project, "log") == 4


def test_newest_row_is_before_the_end_and_not_in_the_future(
    project: Any, train: Train
) -> None:
    log = as_log(orders(300, 2), train())
    write_log(log, project.root / "log")
    before = log.loc[log["time"] < START + pd.Timedelta(days=1), "time"].max()
    options = Options("log", project.root, until="2026-03-03")
    found, _ = examine(project, options, NO_LIMITS)
    assert found.newest == before.isoformat()
    log["time"] += pd.Timedelta(days=36500)
    write_log(log, project.root / "later")
    found, _ = examine(project, Options("later", project.root), NO_LIMITS)
    assert any("in the future" in note for note in found.notes)
