"""Tests of reproducible_ml.quality.drift."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.distributions import (
    Distribution,
    TableProfile,
    profile,
    recount,
)
from reproducible_ml.quality.drift import (
    change,
    committed_profile,
    compare,
    is_same_table,
)
from tumour_diagnosis.params import Params

RAW = Path("data/raw/people.csv")

CleanTable = Callable[..., pd.DataFrame]
Compared = Callable[..., list[Finding]]


@pytest.fixture
def compared(
    stored: Callable[..., Path],
    contract_of: Callable[..., Contract],
    params_of: Callable[..., Params],
) -> Compared:
    """Return what drifted between two frames."""

    def compare_frames(
        old: pd.DataFrame, new: pd.DataFrame, task: str = "binary", **notes: Any
    ) -> list[Finding]:
        params = params_of(task)
        before, after = contract_of(old, **notes), contract_of(new, **notes)
        was = profile(stored(old, name="old"), before, params)
        table = stored(new, name="new")
        now, again = (
            profile(table, after, params),
            recount(table, was, after, params),
        )
        return compare(was, now, again, RAW)

    return compare_frames


def column(*counts: int, missing: int = 0) -> Distribution:
    bins = [str(place) for place in range(len(counts) - 1)]
    return Distribution.model_validate(
        {"kind": "values", "bins": bins, "counts": counts, "missing": missing}
    )


def draw(random: np.random.Generator, rows: int, columns: int) -> dict[str, Any]:
    """Return columns of several distributions, counted as profiles are."""
    drawn = {}
    for number in range(columns):
        width = (2, 5, 20, 20)[number % 4]
        shares = np.full(width, 1 / width) if number % 2 else 0.5 ** np.arange(width)
        counts = random.multinomial(rows, shares / shares.sum())
        drawn[f"x{number}"] = column(*counts.tolist(), 0)
    return TableProfile(columns=drawn).model_dump(mode="json")


@pytest.mark.parametrize("rows", [500, 2000, 100_000])
def test_samples_of_the_same_distribution_raise_few_alarms(rows: int) -> None:
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        old, new = draw(random, rows, 20), draw(random, rows, 20)
        alarms += bool(compare(old, new, new, RAW))
    assert alarms <= 2


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("seed", range(3))
def test_clean_tables_of_the_same_kind_have_not_drifted(
    task: str, seed: int, clean_table: CleanTable, compared: Compared
) -> None:
    old, new = (clean_table(task, 1000, 10 * seed + part) for part in (1, 2))
    assert compared(old, new, task) == []


def test_shifted_number_is_told_by_its_mean(
    clean_table: CleanTable, compared: Compared
) -> None:
    old, new = clean_table(rows=1000), clean_table(rows=1000, seed=1)
    (finding,) = compared(old, new.assign(age=new["age"] + 10))
    assert finding.column == "age"
    assert finding.problem.startswith("mean went from 52.87 to 63.35, standard dev")
    assert "PSI 0.7" in finding.problem
    assert "check the export" in finding.fix


def test_small_shift_is_certain_in_a_large_table_but_does_not_matter() -> None:
    old, new = column(50_000, 50_000, 0), column(51_000, 49_000, 0)
    found = change(old, new)
    assert found.p < 1e-5
    assert not found.matters


def test_large_shift_of_few_rows_is_no_alarm(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=499)
    assert compared(old, old.assign(age=old["age"] + 50)) == []


def test_label_shift_is_told_by_its_shares(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    new = old.assign(y=old["y"].mask(old["y"].eq("yes") & (old["age"] < 50), "no"))
    (finding,) = compared(old, new)
    assert finding.column == "y"
    assert finding.problem.startswith('"no" went from 52.4% to 72.1%')


def test_new_category_is_told_by_its_name(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    city = old["city"].cat.add_categories("Ulm").mask(old["age"] < 40, "Ulm")
    (finding,) = compared(old, old.assign(city=city))
    assert finding.column == "city"
    assert finding.problem.startswith('new values, as "Ulm", went from 0.0% to 31.5%')


def test_missing_values_that_come_up_are_told(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    new = old.assign(score=old["score"].mask(old["age"] < 40))
    (finding,) = compared(old, new)
    assert finding.problem.startswith("missing values went from 0.0% to 31.5%")


@pytest.mark.parametrize(
    ("treatment", "words"),
    [
        ("bag_of_words", "mean length went from 3 to 7"),
        ("target_encoding", "has other"),
    ],
)
def test_texts_that_changed_are_told(
    treatment: str, words: str, clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    texts = [
        pd.Series([f"{t}{i % 90:02d}" for i in range(1000)]) for t in ("a", "other")
    ]
    frames = [old.assign(note=text) for text in texts]
    (finding,) = compared(*frames, note={"treatment": treatment})
    assert finding.column == "note"
    assert finding.problem.startswith(words)


def test_dates_go_on_without_alarm(clean_table: CleanTable, compared: Compared) -> None:
    old = clean_table(rows=1000)
    assert (
        compared(old, old.assign(joined=old["joined"] + pd.Timedelta(days=900))) == []
    )


def test_columns_that_came_or_went_are_no_drift(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    assert compared(old, old.drop(columns="age").assign(years=old["age"])) == []


def test_table_that_lost_most_rows_is_told(
    clean_table: CleanTable, compared: Compared
) -> None:
    old = clean_table(rows=1000)
    (finding,) = compared(old, old.iloc[:490])
    assert str(finding) == (
        "data/raw/people.csv: holds 490 rows, but 1000 in the table committed last. If"
        " that is meant, commit; if not, check that the export is complete."
    )


def test_constant_column_has_not_changed() -> None:
    assert not change(column(600, 0), column(900, 0)).matters


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "project/reports").mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    return tmp_path / "project"


def commit(report: Path, content: str) -> None:
    report.write_text(content)
    git(report.parent, "add", report.name)
    git(report.parent, "commit", "--quiet", "--message", "report")


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
def test_versions_of_a_table_have_target_and_most_columns_in_common(
    columns: dict[str, str], same: bool
) -> None:
    old = {"y": "values", "a": "numbers", "b": "numbers"}
    was, now = (
        {"columns": {n: {"kind": k, "counts": [], "missing": 0} for n, k in c.items()}}
        for c in (old, columns)
    )
    assert is_same_table(was, now, "y") is same


def test_last_profile_is_the_committed_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    report = Path("reports/profile.json")
    old = TableProfile(columns={"x": column(3, 4)}).model_dump(mode="json")
    commit(report, json.dumps(old))
    report.write_text("{}")
    assert committed_profile(report) == old
    assert committed_profile(report.absolute()) == old


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"columns": 1}', '{"columns": {"x": {}}}', "\x00"],
)
def test_last_profile_is_none_if_the_report_has_none(
    content: str, repository: Path
) -> None:
    report = repository / "reports/profile.json"
    commit(report, content)
    assert committed_profile(report) is None


def test_last_profile_is_none_without_commit_repository_or_folder(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert committed_profile(repository / "reports/profile.json") is None
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert committed_profile(tmp_path / "nowhere/profile.json") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert committed_profile(repository / "reports/profile.json") is None
