"""The quality report: which findings reject a table, and the lines they are about."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, CsvDialect, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.quality import report as quality_report
from reproducible_ml.quality.report import (
    QualityReport,
    check_quality,
    with_line_numbers,
)

RAW = Path("data/raw/people.csv")
NOTHING = QualityReport([], [], {})

CleanTable = Callable[..., pd.DataFrame]
Report = Callable[..., QualityReport]


@pytest.fixture
def report(
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    data_of: Callable[..., Data],
) -> Report:
    """Return the report on a frame."""

    def check(
        frame: pd.DataFrame,
        *excluded: str,
        task: str = "binary",
        rows: int = 1700,
        backend: Any = "sequential",
    ) -> QualityReport:
        table = stored(frame, name=f"parts of {rows}", rows=rows)
        compute = Compute(backend=backend, n_jobs=2)
        contract = contract_of(frame, *excluded)
        return check_quality(table, contract, data_of(task), compute, RAW)

    return check


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(("rows", "seed"), [(100, 0), (300, 3), (5000, 5)])
def test_clean_table_has_no_findings(
    task: str, rows: int, seed: int, clean_table: CleanTable, report: Report
) -> None:
    assert report(clean_table(task, rows, seed), task=task) == NOTHING


def test_table_sorted_by_its_target_has_no_findings(
    clean_table: CleanTable, report: Report
) -> None:
    assert report(clean_table().sort_values("y"), rows=50) == NOTHING


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (
            1,
            "people.csv: has only 1 row, too few to train on. Fix: Provide at least 10",
        ),
        (9, "people.csv: has only 9 rows, too few to train on."),
        (49, "people.csv: has only 49 rows, so its metrics will be rough."),
    ],
)
def test_few_rows_are_reported(
    rows: int, line: str, clean_table: CleanTable, report: Report
) -> None:
    found = report(clean_table(rows=rows))
    severity = found.rejections if rows < 10 else found.warnings
    assert line in str(severity[0])
    assert rows < 10 or not found.rejections


def test_table_without_features_is_rejected(
    clean_table: CleanTable, report: Report
) -> None:
    frame = clean_table()
    excluded = frame.columns.drop("y")
    found = report(frame, *excluded)
    assert [finding.kind for finding in found.rejections] == ["no features"]
    copies = pd.concat([frame[:1]] * 300, ignore_index=True)
    for found in (report(copies, *excluded, rows=299), report(copies, rows=298)):
        assert "one distinct row" in [finding.kind for finding in found.rejections]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["no"], "constant target"),
        (["no", "perhaps"], "no positive class"),
        (["no", "yes", "Yes"], "class spelled in several ways"),
        (["no", "yes"] * 149 + ["no", "x"], "single row of a class"),
    ],
)
def test_target_that_cannot_be_learned_is_rejected(
    labels: list[str], kind: str, clean_table: CleanTable, report: Report
) -> None:
    frame = clean_table()
    frame["y"] = pd.Categorical(np.resize(labels, len(frame)))
    found = report(frame, rows=70)
    assert [finding.kind for finding in found.rejections] == [kind]


def test_constant_number_is_rejected(clean_table: CleanTable, report: Report) -> None:
    found = report(clean_table("regression").assign(y=5.0), task="regression")
    assert [finding.kind for finding in found.rejections] == ["constant target"]


def test_certain_leaks_are_warnings_with_their_reasons(
    clean_table: CleanTable, report: Report
) -> None:
    frame = clean_table()
    frame = frame.assign(
        code=(frame["y"] == "yes").astype("int64"),
        late=frame["age"] + 100 * (frame["y"] == "yes"),
        copy=frame["y"],
    )
    found = report(frame, "copy")
    assert found.leaks == {"code": "is the target recoded"}
    assert [(f.column, f.kind) for f in found.warnings] == [
        ("code", "leak"),
        ("late", "leak"),
    ]
    assert "unless its value is known before the prediction" in found.warnings[0].fix


def test_number_read_as_missing_is_no_leak(
    clean_table: CleanTable,
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    data_of: Callable[..., Data],
) -> None:
    frame = clean_table()
    frame["age"] = frame["age"].where(frame["y"] != "yes")
    contract = contract_of(frame)
    table = stored(frame, name="parts", rows=1700)
    (leak,) = check_quality(table, contract, data_of(), Compute(n_jobs=1), RAW).warnings
    assert leak.kind == "leak"
    column = contract.columns["age"]
    notes = column.metadata.model_copy(update={"missing": ("-", "99999")})
    column = column.model_copy(update={"metadata": notes})
    contract = contract.model_copy(
        update={"columns": contract.columns | {"age": column}}
    )
    found = check_quality(table, contract, data_of(), Compute(n_jobs=1), RAW)
    (warning,) = found.warnings
    assert (warning.kind, found.leaks) == ("target by code", {})
    assert 'as "99999" is read as a missing value' in warning.problem


def test_code_for_a_missing_target_is_a_warning(
    clean_table: CleanTable, report: Report
) -> None:
    frame = clean_table("regression")
    frame.loc[::30, "y"] = -999.0
    (finding,) = report(frame, task="regression").warnings
    assert (finding.column, finding.value, finding.rows) == ("y", "-999", 10)


def test_report_does_not_depend_on_parts_or_threads(
    clean_table: CleanTable, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("read_subset", "subset_records"):
        sample = partial(getattr(quality_report, name), rows=200)
        monkeypatch.setattr(quality_report, name, sample)
    frame = clean_table(rows=400)
    frame = pd.concat([frame, frame.iloc[:40]], ignore_index=True)
    frame = frame.assign(copy=frame["y"], const=1, age2=frame["age"])
    found = report(frame, rows=440)
    assert report(frame, rows=33, backend="threading") == found
    copies, *others = found.warnings
    assert copies.kind == "duplicate rows"
    assert "sample" not in copies.problem
    assert {one.kind for one in others} == {"leak", "constant column", "equal columns"}
    for finding in others:
        assert re.search(r" \(in a sample of \d+ of 440 rows\)$", finding.problem)


COMPUTE = Compute(backend="sequential", n_jobs=1)
FRAME = pd.DataFrame(
    {
        "age": pd.array([4, 5, -99, 6, 7, -99], dtype="Int64"),
        "mass": [1.5, np.nan, 2.5, -9.9, 1.0, -9.9],
        "said": pd.Categorical(["a", "b", "a", "c", "b", "c"]),
        "size": [1, 2, 1, 3, 2, 3],
    }
)

WriteTable = Callable[[pd.DataFrame, Path, int], Path]


@pytest.fixture
def table(write_table: WriteTable, tmp_path: Path) -> Path:
    return write_table(FRAME, tmp_path / "table", 4)


def about(value: str, column: str, kind: str = "rare class") -> Finding:
    return Finding(kind, Path("raw"), "is unusual", "Fix it.", None, column, value, 2)


def located(finding: Finding, table: Path, raw: Path) -> Finding:
    (found,) = with_line_numbers([finding], table, raw, CsvDialect(), COMPUTE)
    return found


@pytest.mark.parametrize(
    ("column", "value", "line"),
    [
        ("age", "-99", 5),
        ("mass", "-9.9", 6),
        ("said", "c", 6),
        ("said", "b", 4),
        ("size", "3", 6),
    ],
)
def test_value_gets_the_line_of_its_first_row(
    table: Path, tmp_path: Path, column: str, value: str, line: int
) -> None:
    raw = tmp_path / "raw.csv"
    FRAME.assign(note=["two\nlines", *"bcdef"]).to_csv(raw, index=False)
    found = located(about(value, column), table, raw)
    assert (found.file, found.line, found.record) == (raw, line, None)


@pytest.mark.parametrize(
    ("record", "place"), [(1, "a.csv line 3"), (3, "b.parquet row 2")]
)
def test_row_gets_its_file(
    table: Path, tmp_path: Path, record: int, place: str
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    FRAME[:2].to_csv(raw / "a.csv", index=False)
    FRAME[2:].to_parquet(raw / "b.parquet", index=False)
    finding = Finding("duplicate rows", raw, "is unusual", "Fix it.", record=record)
    found = located(finding, table, raw)
    assert str(found).startswith(f"{raw}/{place}: is unusual")


@pytest.mark.parametrize(
    "finding",
    [about("no such", "said"), about("a", "said", "imbalance"), about("3", "size")],
)
def test_finding_without_a_row_or_a_file_stays_as_it_is(
    finding: Finding, table: Path, tmp_path: Path
) -> None:
    assert located(finding, table, tmp_path / "gone.csv") == finding
