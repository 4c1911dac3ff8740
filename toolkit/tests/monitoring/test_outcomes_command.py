"""`rml outcomes` in a project with a registered version: verdicts, files and alerts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ..repository.conftest import RML
from .shop import Shop, visits, write

pytestmark = [pytest.mark.slow, pytest.mark.integration]


def write_log(shop: Shop, rows: pd.DataFrame) -> pd.DataFrame:
    """Predict rows, write a log of the answers of six weeks, and return their keys."""
    write(rows.drop(columns="returned"), shop.folder / "new.csv")
    shop.run(*RML, "predict", "new.csv", "--output", "answers.parquet")
    answers = pd.read_parquet(shop.folder / "answers.parquet").drop(columns="row")
    known = [c for c in answers if c not in rows or c == "row_key"]
    log = answers[known].assign(
        time=pd.date_range("2026-03-02", periods=len(rows), freq="30min", tz="UTC"),
        request_id=[f"r-{number}" for number in range(len(rows))],
        row=0,
        returned=True,
        region=rows["region"].to_numpy(),
    )
    (shop.folder / "log/date=2026-03-02").mkdir(parents=True)
    log.to_parquet(shop.folder / "log/date=2026-03-02/a.parquet", index=False)
    return log


def test_the_command_says_whether_a_version_became_worse(shop: Shop) -> None:
    shop.git("tag", "-a", "model@v1.0.0", "-m", "v1.0.0")
    rows = visits(2816)[800:].reset_index(drop=True)
    log = write_log(shop, rows)
    labels = pd.DataFrame({"row_key": log["row_key"], "returned": rows["returned"]})
    labels["since"] = (log["time"] + pd.Timedelta(days=3)).dt.strftime("%Y-%m-%dT%H:%M")
    write(labels, shop.folder / "labels.csv")
    command = (*RML, "outcomes", "labels.csv", "--log", "log", "--time", "since")
    sent = shop.folder.parent / "sent.json"
    variables = {"RML_MONITOR_ALERT_COMMAND": f"tee -a {sent}"}
    fine = shop.run(*command, check=False, variables=variables)
    assert fine.returncode == 0, fine.stdout
    assert "v1.0.0" in fine.stdout
    assert "half of the labels come within 3 days" in fine.stdout
    page = shop.read("monitoring/outcomes.html")
    assert "Performance over time" in page
    assert "region" in page
    assert not sent.exists()

    random = np.random.default_rng(0)
    late = np.arange(len(rows)) >= 4 * len(rows) // 6
    other = random.permutation(rows["returned"])
    labels["returned"] = np.where(late, other, rows["returned"])
    write(labels, shop.folder / "labels.csv")
    wanted = ("--json", "--prometheus", "outcomes.prom")
    for _ in range(2):  # the second time, nothing is new
        bad = shop.run(*command, *wanted, check=False, variables=variables)
        assert bad.returncode == 3, bad.stdout
    [version] = json.loads(bad.stdout[bad.stdout.index("{") :])["versions"]
    verdicts = [
        {metric["verdict"] for metric in window["metrics"]}
        for window in version["windows"]
    ]
    assert len(verdicts) == 6
    assert "worse" not in verdicts[0] | verdicts[1] | verdicts[2]
    assert "worse" in verdicts[4]
    assert 'window="newest"' in Path(shop.folder / "outcomes.prom").read_text("utf-8")
    alerts = json.loads(sent.read_text("utf-8"))["alerts"]
    assert {each["kind"] for each in alerts} == {"performance"}
    assert "is worse than on its test rows" in alerts[0]["text"]

    write(labels[:20], shop.folder / "labels.csv")
    few = shop.run(*command, check=False)
    assert few.returncode == 4
    assert "20 answers have a label" in few.stdout
