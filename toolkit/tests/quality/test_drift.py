"""Differences between a table and the one of the last commit."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.quality.difference import change
from reproducible_ml.quality.distributions import (
    Distribution,
    TableProfile,
    profile_table,
    recount,
)
from reproducible_ml.quality.drift import (
    committed_profile,
    compare,
    compare_with_committed,
    is_same_table,
)

RAW = Path("data/raw/people.csv")
COMPUTE = Compute(backend="sequential", n_jobs=1)

CleanTable = Callable[..., pd.DataFrame]
Compared = Callable[..., list[Finding]]


@pytest.fixture
def compared(
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    data_of: Callable[..., Data],
) -> Compared:
    """Return the drift between two frames."""

    def compare_frames(
        old: pd.DataFrame, new: pd.DataFrame, task: str = "binary", **metadata: Any
    ) -> list[Finding]:
        data = data_of(task)
        before, after = contract_of(old, **metadata), contract_of(new, **metadata)
        was = profile_table(stored(old, name="old"), before, data, COMPUTE)
        table = stored(new, name="new")
        now = profile_table(table, after, data, COMPUTE)
        return compare(was, now, recount(table, was, after, data, COMPUTE), RAW)

    return compare_frames


def column(*counts: int, missing: int = 0) -> Distribution:
    bins = [str(place) for place in range(len(counts) - 1)]
    return Distribution.model_validate(
        {"kind": "values", "bins": bins, "counts": counts, "missing": missing}
    )


def draw(random: np.random.Generator, rows: int, columns: int) -> dict[str, Any]:
    """Return a profile of random columns of several distributions."""
    drawn = {}
    for number in range(columns):
        width = (2, 5, 20, 20)[number % 4]
        shares = np.full(width, 1 / width) if number % 2 else 0.5 ** np.arange(width)
        counts = random.multinomial(rows, shares / shares.sum())
        drawn[f"x{number}"] = column(*counts.tolist(), 0)
    return TableProfile(columns=drawn).model_dump(mode="json")


@pytest.mark.parametrize(
    ("rows", "others"),
    [
        *((20, 20), (60, 60), (1000, 40)),
        pytest.param(30, 400, marks=pytest.mark.slow),
        pytest.param(500, 500, marks=pytest.mark.slow),
        pytest.param(100_000, 100_000, marks=pytest.mark.slow),
    ],
)
def test_samples_of_the_same_distribution_raise_few_alarms(
    rows: int, others: int
) -> None:
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(60):
        old, new = draw(random, rows, 20), draw(random, others, 20)
        found = compare(old, new, new, RAW)
        alarms += any(finding.kind == "drift" for finding in found)
    assert alarms <= 2


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("seed", range(2))
def test_clean_tables_of_the_same_kind_have_not_drifted(
    task: str, seed: int, clean_table: CleanTable, compared: Compared
) -> None:
    old, new = (clean_table(task, 1000, 10 * seed + part) for part in (1, 2))
    assert compared(old, new, task) == []


def new_city(frame: pd.DataFrame) -> pd.Series:
    return frame["city"].cat.add_categories("Ulm").mask(frame["age"] < 40, "Ulm")


@pytest.mark.parametrize(
    ("name", "change_column", "problem"),
    [
        ("age", lambda f: f["age"] + 10, "mean went from 52.87 to 62.87, standard"),
        (
            "y",
            lambda f: f["y"].mask(f["y"].eq("yes") & (f["age"] < 50), "no"),
            '"no" went from 52.4% to 72.1% since the last commit',
        ),
        ("city", new_city, 'new values, as "Ulm", went from 0.0% to 31.5%'),
        (
            "score",
            lambda f: f["score"].mask(f["age"] < 40),
            "missing values went from 0.0% to 31.5%",
        ),
    ],
)
def test_drift_is_described_by_what_changed_most(
    name: str,
    change_column: Callable[[pd.DataFrame], Any],
    problem: str,
    clean_table: CleanTable,
    compared: Compared,
) -> None:
    old = clean_table(rows=1000)
    (finding,) = compared(old, old.assign(**{name: change_column(old)}))
    assert finding.column == name
    assert finding.problem.startswith(problem)
    assert "PSI" in finding.problem
    assert "check the export" in finding.fix


@pytest.mark.parametrize(
    ("treatment", "problem"),
    [
        ("bag_of_words", "mean length went from 3 to 7"),
        ("target_encoding", "has other values"),
    ],
)
def test_texts_that_changed_have_drifted(
    treatment: str, problem: str, clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    texts = [
        pd.Series([f"{t}{i % 90:02d}" for i in range(1000)]) for t in ("a", "other")
    ]
    frames = [old.assign(note=text) for text in texts]
    (finding,) = compared(*frames, note={"treatment": treatment})
    assert finding.column == "note"
    assert finding.problem.startswith(problem)


def test_later_dates_and_other_columns_are_not_drift(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    later = old["joined"] + pd.Timedelta(days=900)
    new = old.drop(columns="age").assign(years=old["age"], joined=later)
    assert compared(old, new) == []


def shifted(old: pd.DataFrame) -> pd.DataFrame:
    return old.assign(age=old["age"] + 2 * int(old["age"].std()))


def other_labels(old: pd.DataFrame) -> pd.DataFrame:
    labels = np.where(np.arange(len(old)) % 10, "yes", "no")
    return old.assign(y=pd.Categorical(labels, ["no", "yes"]))


@pytest.mark.parametrize("rows", [40, 200, 499])
@pytest.mark.parametrize(
    ("change_table", "name"), [(shifted, "age"), (other_labels, "y")]
)
def test_large_change_is_found_in_few_rows(
    rows: int,
    change_table: Callable[[pd.DataFrame], pd.DataFrame],
    name: str,
    clean_table: CleanTable,
    compared: Compared,
) -> None:
    found = compared(clean_table(rows=rows), change_table(clean_table(rows=rows)))
    assert [(finding.kind, finding.column) for finding in found] == [("drift", name)]


def test_a_new_value_in_a_single_row_is_no_drift(
    clean_table: CleanTable, compared: Compared
) -> None:
    new = clean_table(rows=210)
    new["city"] = new["city"].cat.add_categories("Ulm")
    new.loc[0, "city"] = "Ulm"
    assert compared(clean_table(rows=400), new) == []


def test_too_few_rows_to_tell_are_said_to_be_so(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=50)
    (finding,) = compared(old, clean_table(rows=40, seed=1))
    assert finding.column is None
    assert finding.problem.startswith(
        "has 40 rows, and 50 in the last commit: too few to tell whether the columns"
        " drifted (no number of rows would do to find a shift"
    )


def test_few_rows_that_did_not_change_are_no_finding() -> None:
    profile = draw(np.random.default_rng(0), 20, 5)
    assert compare(profile, profile, profile, RAW) == []


def test_small_shift_does_not_matter_however_certain() -> None:
    found = change(column(50_000, 50_000, 0), column(51_000, 49_000, 0))
    assert found.p < 1e-5
    assert not found.matters
    assert not change(column(600, 0), column(900, 0)).matters


def test_table_that_lost_most_rows_is_reported(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    (finding,) = compared(old, old.iloc[:490])
    assert finding.problem == "has 490 rows, but 1000 in the last commit"


@pytest.mark.parametrize(
    ("columns", "same"),
    [
        ({"y": "values", "a": "numbers", "b": "numbers"}, True),
        ({"y": "values", "a": "numbers", "c": "dates"}, True),
        ({"y": "values", "a": "numbers"}, True),
        ({"y": "values", "c": "numbers", "d": "numbers"}, False),
        ({"y": "values", "a": "values", "b": "values"}, False),
        ({"y": "numbers", "a": "numbers", "b": "numbers"}, False),
        ({"a": "numbers", "b": "numbers"}, False),
    ],
)
def test_versions_of_a_table_share_the_target_and_most_columns(
    columns: dict[str, str], same: bool
) -> None:
    old = {"y": "values", "a": "numbers", "b": "numbers"}
    was, now = (
        {"columns": {n: {"kind": k, "counts": [], "missing": 0} for n, k in c.items()}}
        for c in (old, columns)
    )
    assert is_same_table(was, now, "y") is same


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def commit(report: Path, content: str) -> None:
    report.write_text(content)
    git(report.parent, "add", report.name)
    git(report.parent, "commit", "--quiet", "--message", "report")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report in a subfolder of a repository, not yet written."""
    (tmp_path / "project/reports").mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    return tmp_path / "project/reports/profile.json"


def test_table_is_compared_with_the_committed_profile(
    report: Path,
    clean_table: CleanTable,
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    data_of: Callable[..., Data],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, data = clean_table(rows=1000), data_of()
    new = old.assign(age=old["age"] + 10)
    contract = contract_of(old)
    was = profile_table(stored(old, name="old"), contract, data, COMPUTE)
    table = stored(new, name="new")
    now = profile_table(table, contract, data, COMPUTE)

    def compared() -> list[str | None]:
        found = compare_with_committed(report, table, now, contract, data, COMPUTE, RAW)
        return [finding.column for finding in found]

    assert compared() == []
    commit(report, json.dumps(was))
    report.write_text("{}")
    assert compared() == ["age"]
    assert committed_profile(report) == was
    monkeypatch.chdir(report.parent.parent)
    assert committed_profile(Path("reports/profile.json")) == was
    shutil.rmtree("reports")
    assert committed_profile(Path("reports/profile.json")) == was


@pytest.mark.parametrize(
    "content", ["", "[]", '{"columns": 1}', '{"columns": {"x": {}}}', "\x00"]
)
def test_unreadable_report_has_no_profile(content: str, report: Path) -> None:
    commit(report, content)
    assert committed_profile(report) is None


def test_without_commit_repository_folder_or_git_there_is_no_profile(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert committed_profile(report) is None
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert committed_profile(tmp_path / "nowhere/profile.json") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert committed_profile(report) is None
