"""Parts of `rml retrain`: the test window, and what its gate makes of a review."""

import json
from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.core.files import parse_params
from reproducible_ml.core.parts import write_part
from reproducible_ml.monitoring.retraining.new_data import NewData
from reproducible_ml.monitoring.retraining.newest_rows import move_test_window
from reproducible_ml.monitoring.retraining.report import decide
from reproducible_ml.monitoring.retraining.retrain import branch_name
from reproducible_ml.monitoring.retraining.workspace import Ran
from reproducible_ml.report.gates import GateResult
from reproducible_ml.report.review import Reproduction, Review
from reproducible_ml.report.same_rows import SameRows
from reproducible_ml.versioning.git import Revision

from ..report.conftest import results

PARAMS = """\
data:
  time: day # of the visit
split:
  method: time
  cutoff: {cutoff} # rows from this date on are the test set
"""


def at(folder: Path, cutoff: str, train: int, test: int) -> Revision:
    """Write what the base has: a cutoff, and the sizes of both sides."""
    (folder / "params.yaml").write_text(PARAMS.format(cutoff=cutoff))
    (folder / "reports").mkdir(exist_ok=True)
    sizes = {"train": {"rows": train}, "test": {"rows": test}}
    (folder / "reports/split.json").write_text(json.dumps(sizes))
    return Revision(folder)


def rows(folder: Path, days: int) -> Path:
    """Write a table with two rows a day from 2026-01-01 on, the newest first."""
    dates = pd.date_range("2026-01-01", periods=days).repeat(2)[::-1]
    table = folder / "validated"
    table.mkdir()
    write_part(pd.DataFrame({"day": dates.astype("datetime64[ns]")}), table, 0)
    return table


def test_test_window_moves_to_the_newest_rows_and_keeps_its_share(
    tmp_path: Path,
) -> None:
    base = at(tmp_path, "2026-01-09", train=16, test=4)
    moved = move_test_window(base, tmp_path, rows(tmp_path, 20))
    assert moved == ("2026-01-09", "2026-01-17", 0.2)
    text = (tmp_path / "params.yaml").read_text()
    assert parse_params(text)["split"]["cutoff"] == "2026-01-17"
    assert "# rows from this date on are the test set" in text


@pytest.mark.parametrize(("days", "cutoff"), [(10, "2026-01-09"), (5, "2026-01-09")])
def test_test_window_never_moves_back(tmp_path: Path, days: int, cutoff: str) -> None:
    base = at(tmp_path, cutoff, train=16, test=4)
    before = (tmp_path / "params.yaml").read_text()
    assert move_test_window(base, tmp_path, rows(tmp_path, days)) is None
    assert (tmp_path / "params.yaml").read_text() == before


AGAINST = GateResult(
    "`roc_auc` against the base", False, "worse by 0.1; more than noise"
)
FLOOR = GateResult("floors", False, "`roc_auc` is 0.8, below 0.9")
HOLDS = Reproduction("equal", "Results, dvc.lock and commit agree.")
STALE = Reproduction("stale", "Not reproduced: the pipeline is not up to date.")


@pytest.mark.parametrize(
    ("gates", "obstacle", "scored", "reproduction", "state", "words"),
    [
        ([], "", 100, HOLDS, "passed", ""),
        ([AGAINST], "", 100, HOLDS, "refused", "more than noise"),
        # The gate compares what cannot be compared: a person decides.
        ([AGAINST], "column gone", None, HOLDS, "unclear", "column gone"),
        ([AGAINST], "", 29, HOLDS, "unclear", "29 rows are too few"),
        # A floor holds for the new model alone.
        ([FLOOR], "column gone", None, HOLDS, "refused", "below 0.9"),
        ([], "", 100, STALE, "refused", "Not reproduced"),
    ],
)
def test_gate_of_retraining(
    gates: list[GateResult],
    obstacle: str,
    scored: int | None,
    reproduction: Reproduction,
    state: str,
    words: str,
) -> None:
    found = results()
    same = SameRows(found, found, scored, "") if scored else None
    head = Revision(Path())
    review = Review(
        base=None,
        head=head,
        old=found,
        new=found,
        metric="roc_auc",
        metrics={},
        changes=[],
        reproduction=reproduction,
        gates=gates,
        same_rows=same,
        obstacle=obstacle,
    )
    given, reasons = decide(review)
    assert given == state
    assert words in "\n".join(reasons)


def test_branch_is_known_by_commit_and_data() -> None:
    data = NewData([], {"data/raw/a.csv": "1", "data/raw/b.csv": "2"})
    same = NewData(["elsewhere"], dict(reversed(data.changed.items())))
    name = branch_name("c0ffee", data)
    assert name.startswith("retrain/20")
    assert branch_name("c0ffee", same) == name
    assert branch_name("decaf", data) != name
    assert branch_name("c0ffee", NewData([], {"data/raw/a.csv": "3"})) != name


def test_reason_of_a_failed_stage_is_what_the_stage_says() -> None:
    ran = Ran(
        1, ["Running stage", "error: line 3: age", "ERROR: failed to reproduce 'x'"]
    )
    assert ran.reasons == ["line 3: age"]
    assert Ran(1, ["ERROR: failed to reproduce 'x'"]).reasons[0].startswith("failed")
    assert Ran(1, []).reasons == ["no reason was given"]
