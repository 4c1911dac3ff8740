"""`rml predict` as it is typed: files, URLs and databases in and out."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.parts import read_table

from ..loopback import serving
from .conftest import RML, Project

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("cold")]


@pytest.fixture
def new(project: Project) -> pd.DataFrame:
    """Rows without target, in new.csv of the project."""
    rows = read_table(project.folder / "data/interim/validated")
    rows = rows.drop(columns=[project.get("data.target")]).reset_index(drop=True)
    rows.to_csv(project.folder / "new.csv", index=False)
    return rows


@pytest.mark.slow
def test_files_urls_and_databases(project: Project, new: pd.DataFrame) -> None:
    folder = project.folder
    printed = project.run(*RML, "predict", "new.csv", "--output", "out.csv").stdout
    assert f"out.csv: {len(new)} rows predicted by model" in printed
    answers = pd.read_csv(folder / "out.csv")
    assert len(answers) == len(new)

    content = (folder / "new.csv").read_bytes()
    with serving(lambda *_: (200, content)) as host:
        url = f"http://{host}/new.csv"
        project.run(*RML, "predict", url, "--output", "out")
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "out"), answers, check_exact=True, check_dtype=False
    )

    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        new.assign(number=range(len(new))).to_sql("visits", shop, index=False)
    command = [*RML, "predict", "sqlite:///shop.db", "--key", "number", "--table"]
    command += ["answers", "--query", "SELECT * FROM visits"]
    for _ in range(2):
        project.run(*command, "--output", "sqlite:///shop.db")
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        stored = pd.read_sql("SELECT * FROM answers", shop)
    expected = answers.drop_duplicates("row_key").sort_values("row_key")
    for name in ("row_key", "probability"):
        np.testing.assert_array_equal(
            stored.sort_values("row_key")[name], expected[name]
        )
    # Paths are those of the folder in which the command is typed.
    (folder / "notebooks").mkdir(exist_ok=True)
    here = ["sh", "-c", 'cd notebooks && "$@"', "sh", *RML]
    project.run(*here, "predict", "../new.csv", "--output", "here.parquet")
    assert (folder / "notebooks/here.parquet").is_file()


@pytest.mark.slow
def test_what_cannot_be_predicted_is_a_line(
    project: Project, new: pd.DataFrame
) -> None:
    def fails(*arguments: str) -> str:
        done = project.run(*RML, "predict", *arguments, check=False)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout.splitlines()[-1]

    new.drop(columns=new.columns[0]).to_csv(project.folder / "less.csv", index=False)
    out = ["--output", "out.csv"]
    assert f'column "{new.columns[0]}": is missing' in fails("less.csv", *out)
    # Files have the names that were typed.
    assert fails("nothing.csv", *out).startswith("error: nothing.csv: does not exist")
    assert "a database also needs --table" in fails(
        "new.csv", "--output", "sqlite:///x.db"
    )
    assert "oracle is not supported" in fails(
        "new.csv", "--output", "oracle://host/x", "--table", "answers"
    )
    model = project.folder / "models/model.skops"
    content = model.read_bytes()
    model.unlink()
    model.write_bytes(content[:-1] + b"x")
    assert "is not the model that" in fails("new.csv", *out)
    model.unlink()
    assert "models/model.skops: does not exist" in fails("new.csv", *out)
    assert not (project.folder / "out.csv").exists()


def test_interrupted_run_leaves_nothing(
    project: Project, new: pd.DataFrame, tmp_path: Path
) -> None:
    pd.concat([new] * 100).to_csv(project.folder / "large.csv", index=False)
    project.set("compute.rows_per_part", 500)
    before = sorted(project.folder.iterdir())
    parts = tmp_path / "parts"
    parts.mkdir()
    command = [*RML, "predict", "large.csv", "--output", "out"]
    process = project.start(*command, variables={"TMPDIR": str(parts)})
    while not list(parts.glob("*/part-00002.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    assert sorted(project.folder.iterdir()) == before
    assert not list(parts.iterdir())
