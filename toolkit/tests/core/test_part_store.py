"""With a store of parts, results are those of a full run, whatever is in the store."""

import hashlib
import json
import logging
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from reproducible_ml.core import equal_rows, part_store
from reproducible_ml.core.dependencies import StageDependencies
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.hashing import environment
from reproducible_ml.core.part_store import STORE, VARIABLE, PartStore, keeping_parts
from reproducible_ml.quality import distributions

RAW = Path("data/raw/visits")

COLUMNS = {
    "age": {"dtype": "int64"},
    "income": {"dtype": "float64", "nullable": True},
    "city": {"dtype": "category", "isin": ["Bonn", "Oslo", "Rome"]},
    "said": {"dtype": "str", "nullable": True},
    "when": {"dtype": "datetime64[ns]", "nullable": True},
    "y": {"dtype": "float64"},
}

# As the stages of dvc.yaml: paths of the command, and parameters.
STAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "validate": (
        (str(RAW), "data/schema.yaml", "v", "validation.json", "profile.json"),
        ("data", "compute.rows_per_part"),
    ),
    "clean": (
        ("v", "data/schema.yaml", "c", "cleaning.json"),
        ("data", "clean", "split"),
    ),
    "split": (("c", "train", "test", "split.json"), ("data", "split")),
}

KINDS = "add add copy edit remove rename rows folder contract code params damage"

OUTPUTS = ("v", "c", "train", "test")


def make_rows(seed: int, rows: int) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": r.integers(0, 90, rows),
            "income": np.where(r.random(rows) < 0.1, np.nan, r.normal(size=rows)),
            "city": r.choice(["Bonn", "Oslo", "Rome"], rows),
            "said": r.choice(["ja, klar", 'he said "no"', "ça", ""], rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "D"),
            "y": r.normal(size=rows),
        }
    )


def write(frame: pd.DataFrame, name: str) -> None:
    file = RAW / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".parquet"):
        frame = frame.assign(city=frame["city"].astype("str"))
        frame.to_parquet(file, index=False)
    else:
        frame.to_csv(file, index=False)


def set_params(**sections: dict[str, Any]) -> None:
    params: dict[str, Any] = {
        "data": {"target": "y", "task": "regression"},
        "compute": {"backend": "threading", "n_jobs": 2, "rows_per_part": 40},
    }
    for name, values in sections.items():
        params[name] = params.get(name, {}) | values
    Path("params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a repository with a table of three files; samples are small."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(distributions.read_subset, "__defaults__", (None, 100))
    monkeypatch.setattr(distributions.subset_records, "__defaults__", (100,))
    monkeypatch.setattr(part_store, "RESERVE", 0)
    Path(".dvc").mkdir()
    RAW.mkdir(parents=True)
    contract = {"schema_type": "dataframe", "strict": True, "columns": COLUMNS}
    Path("data/schema.yaml").write_text(yaml.safe_dump(contract))
    Path("rules.py").write_text("1")
    set_params()
    for number in range(3):
        write(make_rows(number, 90), f"{number}.csv")
    yield
    distributions._last.clear()


class Run:
    """The data stages, as `core.stage.run` runs them."""

    def __init__(self) -> None:
        self.taken = self.made = 0

    def __call__(self, *, keep: bool = True, may_keep: bool = True) -> dict[str, str]:
        """Return the hash of each output."""
        self.taken = self.made = 0
        for name in OUTPUTS:
            shutil.rmtree(name, ignore_errors=True)
        for name, (paths, params) in STAGES.items():
            inputs = [Path(path) for path in paths[: 2 if name != "split" else 1]]
            stage = StageDependencies(
                "", (*inputs, Path("rules.py")), (), False, {}, params
            )
            main = import_module(f"tumour_diagnosis.datasets.{name}").main
            with pytest.MonkeyPatch.context() as patch:
                if not keep:
                    patch.setenv(VARIABLE, "0")
                with keeping_parts(stage, lambda: may_keep):
                    store = part_store._current
                    main(*map(Path, paths))
                if store:
                    self.taken += store.taken
                    self.made += store.made
        files = [*Path().glob("*.json")]
        files += [file for name in OUTPUTS for file in Path(name).iterdir()]
        return {
            file.as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(files)
        }


@pytest.fixture
def run() -> Run:
    return Run()


def test_new_file_costs_its_own_size(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run()
    # Three parts each, and both sides of the split.
    assert (run.taken, run.made) == (0, 9 + 9 + 18)
    for number, name in enumerate(("9.csv", "00.csv", "1a.parquet")):
        write(make_rows(20 + number, 50), name)
        known = 9 + 2 * number
        found = run()
        assert (run.taken, run.made) == (4 * known, 4 * 2), name
        assert found == run(keep=False)
        assert run.taken + run.made == 0
    text = f"parts: {known} taken from {STORE.as_posix()}, 2 computed"
    assert text in caplog.text


def test_rows_of_a_new_part_alone_are_compared_with_all_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[Path] = []
    rounds = equal_rows._rounds

    def compare(table: Path, *arguments: Any) -> Any:
        whole.append(table)
        return rounds(table, *arguments)

    monkeypatch.setattr(equal_rows, "_rounds", compare)
    run()
    assert whole
    whole.clear()
    write(make_rows(9, 50), "9.csv")
    run()
    assert whole == []
    # Copies of rows of another file, or in it, are found all the same.
    of_another, own = make_rows(0, 90).iloc[:50], make_rows(70, 50)
    twice = pd.concat([own, own.iloc[:3]])
    for name, rows, copies in (("a.csv", of_another, 50), ("b.csv", twice, 3)):
        write(rows, name)
        found = run()
        assert whole
        assert found == run(keep=False)
        assert json.loads(Path("cleaning.json").read_text())["duplicates"] == copies
        (RAW / name).unlink()
        whole.clear()


def change(random: random.Random, number: int) -> str:
    """Change the table, its contract, a parameter or the code at random."""
    files = sorted(file for file in RAW.rglob("*") if file.is_file())
    file = random.choice(files)
    kind = random.choice(KINDS.split())
    if kind == "add":
        write(make_rows(number, random.randint(1, 130)), f"{random.random()}.csv")
    elif kind == "copy":
        shutil.copy(file, RAW / f"{random.random()}{file.suffix}")
    elif kind == "edit" and file.suffix == ".csv":
        lines = file.read_text().splitlines()
        lines[-1] = lines[random.randint(1, len(lines) - 1)]
        file.write_text("\n".join(lines) + "\n")
    elif kind == "remove" and len(files) > 2:
        file.unlink()
    elif kind == "rename":
        file.rename(file.with_stem(str(random.random())))
    elif kind == "folder":
        (RAW / str(number)).mkdir()
        file.rename(RAW / str(number) / file.name)
    elif kind == "rows":
        set_params(compute={"rows_per_part": random.choice([40, 41])})
    elif kind == "contract":
        contract = yaml.safe_load(Path("data/schema.yaml").read_text())
        contract["columns"]["age"]["in_range"] = {
            "min_value": 0,
            "max_value": random.choice([95, 96]),
        }
        Path("data/schema.yaml").write_text(yaml.safe_dump(contract))
    elif kind == "code":
        Path("rules.py").write_text(random.choice("12"))
    elif kind == "params":
        set_params(
            clean={
                "duplicates": random.choice(["drop", "keep"]),
                "missing": random.choice(["keep", "drop"]),
                "outliers": {"action": random.choice(["keep", "clip", "drop"])},
            },
            split={"test_size": random.choice([0.2, 0.3])},
        )
    elif kind == "damage":
        for stored in sorted((STORE / "objects").iterdir())[::3]:
            flip(stored, random.randrange(1000))
    return kind


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[place % len(content)] ^= 1 << place % 8
        file.write_bytes(content)


@pytest.mark.parametrize("seed", range(3))
def test_any_history_gives_the_same_as_a_full_run(seed: int, run: Run) -> None:
    chance = random.Random(seed)
    taken = 0
    for number in range(8):
        kind = change(chance, 100 * seed + number)
        found = run()
        taken += run.taken
        assert found == run(keep=False), f"{number}: {kind}"
    assert taken > 20


def test_damage_is_found_and_mended(run: Run) -> None:
    found = run()
    for folder in ("objects", "entries"):
        for number, stored in enumerate(sorted((STORE / folder).iterdir())):
            flip(stored, 7919 * number)
        assert run() == found
        assert run.made >= 9
        assert run() == found
        assert run.made == 0
    # What was edited in place is not the file in the store.
    for part in Path("v").iterdir():
        flip(part, 99)
    assert run() == found
    assert run.made == 0
    for stored in (STORE / "objects").iterdir():
        stored.unlink()
    assert run() == found
    shutil.rmtree(STORE)
    assert run() == found


def test_other_code_packages_or_undeclared_files_use_no_old_parts(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    Path("rules.py").write_text("other")
    run()
    # Numbers of rows and hashes of keys depend on the library alone.
    assert run.taken == 0
    installed = environment()
    changed = [n.replace("pyarrow-", "pyarrow-9") for n in installed]
    assert changed != installed
    monkeypatch.setattr(part_store, "environment", lambda: changed)
    run()
    assert run.taken == 0
    shutil.rmtree(STORE)
    run(may_keep=False)
    run()
    assert run.taken == 0


def test_good_files_are_kept_although_another_is_rejected(run: Run) -> None:
    write(make_rows(7, 90), "7.csv")
    bad = RAW / "1.csv"
    good = bad.read_text()
    bad.write_text(good.replace("Bonn", "Bern"))
    with pytest.raises(UserError, match="Bern"):
        run()
    bad.write_text(good)
    found = run()
    assert run.taken == 3 * 3
    assert found == run(keep=False)


def test_store_is_bounded_and_loses_what_was_not_used_for_longest(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    size = sum(file.stat().st_size for file in STORE.rglob("*") if file.is_file())
    limit = 1.5 * size
    monkeypatch.setenv(VARIABLE, str(limit / 1e9))
    for file in STORE.rglob("*"):
        os.utime(file, (0, 0))
    write(make_rows(9, 90), "9.csv")
    run()
    for file in [*STORE.rglob("*")][::2]:
        os.utime(file, (time.time() - 100,) * 2)
    for seed in range(3):
        write(make_rows(seed + 50, 90), f"{seed}.csv")
    found = run()
    left = sum(file.stat().st_size for file in STORE.rglob("*") if file.is_file())
    assert left <= limit
    assert found == run(keep=False)
    # A store that is too small keeps what fits, rather than nothing in turn.
    shutil.rmtree(STORE)
    monkeypatch.setenv(VARIABLE, str(size / 3e9))
    assert run() == found
    run()
    assert run.taken > 5


def test_full_disk_or_a_store_of_somebody_else_stops_nothing(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    expected = run(keep=False)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PartStore, "_add", fail)
        assert run() == expected
    assert "; no more are kept: No space left on device" in caplog.text
    shutil.rmtree(STORE, ignore_errors=True)
    STORE.parent.mkdir(parents=True, exist_ok=True)
    STORE.write_text("a file")
    assert run() == expected


def test_file_that_changes_while_it_is_read_is_not_kept(run: Run) -> None:
    file = RAW / "1.csv"
    before = file.read_text()
    validation = import_module("reproducible_ml.quality.validation")
    scan: Callable[..., Any] = validation.scan

    def edit_and_scan(*arguments: Any) -> Any:
        file.write_text(before.replace("Bonn", "Rome"))
        return scan(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "scan", edit_and_scan)
        run()
    file.write_text(before)
    assert run() == run(keep=False)
