"""Tests of reproducible_ml.quality.report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality import distributions
from reproducible_ml.quality.report import QualityReport, check_quality
from tumour_diagnosis.params import Params

RAW = Path("data/raw/people.csv")
NOTHING = QualityReport([], [], {})

CleanTable = Callable[..., pd.DataFrame]
Judged = Callable[..., QualityReport]


@pytest.fixture
def judged(
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    params_of: Callable[..., Params],
) -> Judged:
    """Return what is suspicious about a frame."""

    def judge_frame(
        frame: pd.DataFrame,
        *excluded: str,
        task: str = "binary",
        rows: int = 1700,
        **sections: dict[str, Any],
    ) -> QualityReport:
        table = stored(frame, name=f"parts of {rows}", rows=rows)
        contract = contract_of(frame, *excluded)
        return check_quality(table, contract, params_of(task, **sections), RAW)

    return judge_frame


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    ("rows", "seed"), [(100, 0), (100, 1), (100, 2), (300, 3), (1000, 4), (5000, 5)]
)
def test_clean_table_raises_no_suspicion(
    task: str, rows: int, seed: int, clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(clean_table(task, rows, seed), task=task) == NOTHING


def test_table_sorted_by_its_target_raises_no_suspicion(
    clean_table: CleanTable, judged: Judged
) -> None:
    assert judged(clean_table().sort_values("y"), rows=50) == NOTHING


def test_table_sorted_by_its_target_is_told_if_split_by_time(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table()
    late = frame["joined"] >= pd.Timestamp("2023-06-01")
    frame["y"] = pd.Categorical(np.where(late, "yes", "no"))
    split = {"method": "time", "cutoff": "2023-06-01"}
    found = judged(frame, split=split, data={"time": "joined"})
    assert [f.kind for f in found.warnings] == ["class not trained on"]


def test_one_row_is_rejected(clean_table: CleanTable, judged: Judged) -> None:
    found = judged(clean_table(rows=1))
    assert [str(finding) for finding in found.rejections] == [
        "data/raw/people.csv: holds only 1 row, too few to learn from."
        " Bring 10 rows or more."
    ]


def test_few_rows_are_a_warning(clean_table: CleanTable, judged: Judged) -> None:
    found = judged(clean_table(rows=49))
    assert not found.rejections
    assert found.warnings[0].problem.startswith("holds only 49 rows")


def test_table_without_features_is_rejected(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table()
    found = judged(frame, *frame.columns.drop("y"))
    assert [finding.kind for finding in found.rejections] == ["no features"]


def test_copies_of_one_row_are_told_if_that_is_why_there_are_no_features(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = pd.concat([clean_table()[:1]] * 300, ignore_index=True)
    found = judged(frame, *frame.columns.drop("y"))
    assert [finding.kind for finding in found.rejections] == ["one distinct row"]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["no"], "constant target"),
        (["no", "perhaps"], "no positive class"),
        (["no", "yes", "Yes"], "class spelled in several ways"),
    ],
)
def test_target_that_cannot_be_learned_is_rejected(
    labels: list[str], kind: str, clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table()
    frame["y"] = pd.Categorical(np.resize(labels, len(frame)))
    assert [finding.kind for finding in judged(frame).rejections] == [kind]


def test_constant_number_is_rejected(clean_table: CleanTable, judged: Judged) -> None:
    found = judged(clean_table("regression").assign(y=5.0), task="regression")
    assert [finding.kind for finding in found.rejections] == ["constant target"]


def test_class_of_one_row_in_any_part_is_rejected(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table("multiclass")
    frame["y"] = frame["y"].cat.add_categories("x")
    frame.loc[299, "y"] = "x"
    found = judged(frame, task="multiclass", rows=70)
    assert [f.kind for f in found.rejections] == ["single row of a class"]


def test_copies_of_one_row_are_rejected(
    clean_table: CleanTable, judged: Judged
) -> None:
    found = judged(pd.concat([clean_table().iloc[:1]] * 60, ignore_index=True))
    assert "one distinct row" in [finding.kind for finding in found.rejections]


def test_certain_leaks_are_given_with_their_reasons_and_are_warnings(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table()
    frame = frame.assign(
        code=(frame["y"] == "yes").astype("int64"),
        late=frame["age"] + 100 * (frame["y"] == "yes"),
    )
    found = judged(frame)
    assert found.leaks == {"code": "is the target recoded"}
    assert [(f.column, f.problem) for f in found.warnings] == [
        ("code", "is the target recoded"),
        ("late", "each class has its own range of values, none of which overlap"),
    ]
    assert found.warnings[0].fix == (
        "Set its treatment to exclude in data/schema.yaml, unless it is known when a"
        " prediction is wanted."
    )


def test_excluded_columns_are_no_leaks(clean_table: CleanTable, judged: Judged) -> None:
    frame = clean_table()
    assert judged(frame.assign(copy=frame["y"]), "copy") == NOTHING


def test_code_for_no_value_in_the_target_is_told(
    clean_table: CleanTable, judged: Judged
) -> None:
    frame = clean_table("regression")
    frame.loc[::30, "y"] = -999.0
    (finding,) = judged(frame, task="regression").warnings
    assert (finding.column, finding.value, finding.rows) == ("y", "-999", 10)


def test_judgement_does_not_depend_on_parts_or_threads(
    clean_table: CleanTable, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributions, "ROWS", 200)
    frame = clean_table(rows=400)
    frame = pd.concat([frame, frame.iloc[:40]], ignore_index=True)
    frame = frame.assign(copy=frame["y"], const=1, age2=frame["age"])
    threads = {"backend": "threading", "n_jobs": 2}
    found = judged(frame, rows=440)
    assert judged(frame, rows=33, compute=threads) == found
    assert len(found.warnings) == 4
