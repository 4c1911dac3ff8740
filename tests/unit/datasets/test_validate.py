"""Tests of reproducible_ml.datasets.validate."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.datasets.tables import fingerprint, parts, read_part, read_table
from reproducible_ml.datasets.validate import main
from reproducible_ml.errors import UserError
from reproducible_ml.params import Params

SetParams = Callable[..., Params]
RunModule = Callable[..., subprocess.CompletedProcess[str]]

SCHEMA = "schema.yaml"
HEADER = "name,age,income,city,member,joined,bought"
PATHS = ("people.csv", SCHEMA, "interim/validated", "interim/validation.json")


def run(project: Path, raw: str = "people.csv") -> pd.DataFrame:
    """Run the stage in this process and return the table it wrote."""
    folder = project / "interim"
    main(
        project / raw,
        project / "schema.yaml",
        folder / "validated",
        folder / "validation.json",
    )
    return read_table(folder / "validated")


def refusal(project: Path) -> list[str]:
    """Return the lines that refuse the table, after a look that nothing changed."""
    old = project / "interim" / "validated" / "part-00000.parquet"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    with pytest.raises(UserError) as error:
        run(project)
    assert [p for p in (project / "interim").rglob("*") if p.is_file()] == [old]
    assert old.read_text() == "old"
    return str(error.value).splitlines()


def assert_same_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_categorical=False)


def change(project: Path, line: int, column: str, value: str) -> None:
    """Write this value into a column of a line of people.csv."""
    path = project / "people.csv"
    lines = [text.split(",") for text in path.read_text().splitlines()]
    lines[line - 1][lines[0].index(column)] = value
    path.write_text("".join(",".join(values) + "\n" for values in lines))


def rewrite(project: Path, old: str, new: str, file: str = "people.csv") -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))


def test_main_writes_what_the_raw_table_says(
    project: Path, people: pd.DataFrame
) -> None:
    assert_same_rows(run(project), people)


def test_main_reports_rows_classes_and_missing_values(
    project: Path, people: pd.DataFrame
) -> None:
    run(project)
    assert json.loads((project / "interim" / "validation.json").read_text()) == {
        "rows": 60,
        "classes": people["bought"].value_counts().to_dict(),
        "missing": {"income": 15},
    }


@pytest.mark.parametrize("rows", [1, 59, 1000])
def test_main_does_not_depend_on_the_size_of_parts(
    project: Path, people: pd.DataFrame, set_params: SetParams, rows: int
) -> None:
    set_params(compute={"rows_per_part": rows})
    assert_same_rows(run(project), people)


def test_main_writes_the_same_bytes_with_two_workers(
    project: Path, set_params: SetParams
) -> None:
    run(project)
    first = fingerprint(project / "interim" / "validated")
    set_params(compute={"backend": "threading", "n_jobs": 2})
    run(project)
    assert fingerprint(project / "interim" / "validated") == first


# Else rows that are equal would not be found to be, when they stand in two parts.
def test_main_writes_numbers_used_as_categories_alike_in_every_part(
    project: Path,
) -> None:
    rewrite(project, "isin: [Bonn, Oslo, Rome]", "isin: [1, 2], nullable: true", SCHEMA)
    for city, number in {"Bonn": "1", "Oslo": "2", "Rome": "1"}.items():
        rewrite(project, city, number)
    change(project, 40, "city", "")
    run(project)
    found = parts(project / "interim" / "validated")
    assert len({read_part(part)["city"].dtype for part in found}) == 1


def test_main_reads_a_folder_of_files(project: Path, people: pd.DataFrame) -> None:
    (project / "raw").mkdir()
    people.iloc[:40].to_csv(project / "raw" / "a.csv", index=False)
    people.iloc[40:].reset_index(drop=True).to_parquet(project / "raw" / "b.parquet")
    assert_same_rows(run(project, "raw"), people)


# Line 40 stands in the second part of 25 rows.
@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("age", "forty", '"forty" is not a whole number'),
        ("age", "", '"" is no value, but nullable is false'),
        ("age", "200", '"200" breaks in_range(0, 120)'),
        ("age", "-1", '"-1" breaks in_range(0, 120)'),
        ("income", "much", '"much" is not a number'),
        ("income", "-inf", '"-inf" is not finite'),
        ("income", "inf", '"inf" is not finite'),
        ("income", "-1", '"-1.0" breaks greater_than_or_equal_to(0.0)'),
        ("city", "Paris", "\"Paris\" breaks isin(['Bonn', 'Oslo', 'Rome'])"),
        ("city", "NA", '"" is no value, but nullable is false'),
        ("member", "maybe", '"maybe" is not true or false'),
        ("joined", "31.01.2024", '"31.01.2024" is not a date like 2026-01-31'),
        ("name", "", '"" is no value, but nullable is false'),
        ("name", "x" * 31, f'"{"x" * 31}" breaks str_length(None, 30)'),
        ("bought", "", '"" is no value, but nullable is false'),
        ("bought", "perhaps", "\"perhaps\" breaks isin(['no', 'yes'])"),
    ],
)
def test_main_refuses_a_bad_value_by_file_line_column_value_and_fix(
    project: Path, column: str, value: str, problem: str
) -> None:
    change(project, 40, column, value)
    lines = refusal(project)
    start = f'{project / "people.csv"} line 40, column "{column}": {problem}'
    assert any(line.startswith(start) for line in lines)
    assert all(
        line.endswith("Fix the export, or change data/schema.yaml.") for line in lines
    )


def test_main_counts_lines_past_values_of_several_lines(project: Path) -> None:
    change(project, 40, "age", "200")
    change(project, 30, "name", '"a\nb\nc"')
    (line,) = refusal(project)
    assert "people.csv line 42," in line


def test_main_tells_of_each_file_of_a_folder(project: Path) -> None:
    change(project, 40, "age", "200")
    (project / "raw").mkdir()
    for name in ("a.csv", "b.csv"):
        (project / "raw" / name).write_bytes((project / "people.csv").read_bytes())
    with pytest.raises(UserError) as error:
        run(project, "raw")
    one, two = str(error.value).splitlines()
    assert "a.csv line 40," in one
    assert "b.csv line 40," in two


def test_main_counts_rows_of_a_broken_rule_over_all_parts(project: Path) -> None:
    for number in (3, 40, 61):
        change(project, number, "age", "200")
    (line,) = refusal(project)
    assert "line 3," in line
    assert "(3 rows)" in line


def test_main_speaks_of_one_row_in_the_singular(project: Path) -> None:
    change(project, 40, "age", "200")
    (line,) = refusal(project)
    assert "(1 row)" in line


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("city", "town", 'line 1: lacks the column "city"'),
        ("city", "town", 'line 1: has an unknown column "town"'),
        ("city", "age", 'line 1: has the column "age" twice'),
        ("age,", "age;", 'line 1: lacks the column "age"'),
        ("person 0,", "person 0,,", "line 2: has 8 values where the header has 7"),
        ("person 0,", "person 0", "line 2: has 6 values where the header has 7"),
    ],
)
def test_main_refuses_another_shape(
    project: Path, old: str, new: str, problem: str
) -> None:
    rewrite(project, old, new)
    lines = refusal(project)
    assert any(line.startswith(f"{project / 'people.csv'} {problem}") for line in lines)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "people.csv: holds no .csv or .parquet file. Run `dvc pull`"),
        (b"", "people.csv: is empty. Export it again."),
        (HEADER.encode() + b"\n", "people.csv: has a header but no rows."),
        (HEADER.encode(), "people.csv: has a header but no rows."),
        (b"outs:\n- md5: 0a\n", "people.csv: is a DVC pointer, not data: run `dvc"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        ("naïve,".encode("latin-1"), "people.csv: is not UTF-8."),
        (f"{HEADER}\n".encode("utf-16"), "people.csv: is not UTF-8."),
    ],
)
def test_main_refuses_a_file_that_holds_no_table(
    project: Path, content: bytes | None, problem: str
) -> None:
    (project / "people.csv").unlink()
    if content is not None:
        (project / "people.csv").write_bytes(content)
    (line,) = refusal(project)
    assert problem in line


@pytest.mark.parametrize("value", ["forty", 40.5, [40]])
def test_main_refuses_a_parquet_file_of_other_types(
    project: Path, people: pd.DataFrame, value: object
) -> None:
    frame = people.reset_index(drop=True)
    frame["age"] = pd.Series([value] * 60)
    frame.to_parquet(project / "people.parquet")
    with pytest.raises(UserError) as error:
        run(project, "people.parquet")
    assert str(error.value).startswith(f"{project / 'people.parquet'}: ")
    assert len(str(error.value).splitlines()) == 1


def test_main_refuses_a_constant_target(project: Path) -> None:
    rewrite(project, ",no\n", ",yes\n")
    (line,) = refusal(project)
    assert 'column "bought": every row says "yes"' in line
    assert "params.yaml" in line
    assert str(project / "people.csv") in line


def test_main_refuses_a_target_that_is_no_column(
    project: Path, set_params: SetParams
) -> None:
    set_params(data={"target": "bougth"})
    (line,) = refusal(project)
    assert 'params.yaml: data.target = "bougth" is not a column' in line


# The first row that repeats an earlier one is person 0 on line 22.
def test_main_says_where_a_unique_column_repeats(project: Path) -> None:
    rewrite(project, "name: {dtype: str,", "name: {dtype: str, unique: true,", SCHEMA)
    (line,) = refusal(project)
    assert f"{project / 'people.csv'} line 22, " in line
    assert '"person 0" repeats the value of an earlier row' in line
    assert "(40 rows)" in line


def test_command_line_tells_a_bad_value_in_a_line(
    project: Path, run_module: RunModule
) -> None:
    change(project, 40, "age", "200")
    done = run_module("datasets.validate", *PATHS, cwd=project)
    assert done.returncode == 1
    assert done.stderr.startswith('error: people.csv line 40, column "age": "200"')
    assert len(done.stderr.splitlines()) == 1
    assert list((project / "interim").iterdir()) == []


@pytest.mark.parametrize("name", ["params.yaml", SCHEMA, "people.csv"])
def test_command_line_tells_of_a_missing_file_in_a_line(
    project: Path, run_module: RunModule, name: str
) -> None:
    (project / name).unlink()
    done = run_module("datasets.validate", *PATHS, cwd=project)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert name in done.stderr


def test_disk_that_is_full_leaves_the_old_table(project: Path) -> None:
    run(project)
    before = fingerprint(project / "interim" / "validated")
    # No file of this process may be larger than 1000 bytes.
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from reproducible_ml.datasets.validate import main\n"
        "from reproducible_ml.stage import run\n"
        "run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *PATHS],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert fingerprint(project / "interim" / "validated") == before
    assert len(list((project / "interim").iterdir())) == 2


def stop_halfway(project: Path, number: signal.Signals) -> int:
    """Start the stage, stop it once it wrote some parts, and return its exit code."""
    with subprocess.Popen(
        [sys.executable, "-m", "reproducible_ml.datasets.validate", *PATHS],
        cwd=project,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as stage:
        temporary = project / "interim" / ".validated.tmp"
        while not (temporary / "part-00003.parquet").exists():
            assert stage.poll() is None
            time.sleep(0.01)
        if number == signal.SIGKILL:
            # Its workers too: nobody is left to end them.
            os.killpg(stage.pid, number)
        else:
            stage.send_signal(number)
        return stage.wait(timeout=30)


@pytest.mark.parametrize("backend", ["sequential", "loky"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_stage_that_is_stopped_leaves_the_old_table(
    project: Path,
    people: pd.DataFrame,
    set_params: SetParams,
    number: signal.Signals,
    code: int,
    backend: str,
) -> None:
    run(project)
    before = fingerprint(project / "interim" / "validated")
    pd.concat([people] * 20).to_csv(project / "people.csv", index=False)
    set_params(compute={"rows_per_part": 2, "backend": backend, "n_jobs": 2})
    assert stop_halfway(project, number) == code
    assert fingerprint(project / "interim" / "validated") == before
    names = {path.name for path in (project / "interim").iterdir()}
    left = {".validated.tmp"} if number == signal.SIGKILL else set()
    assert names == {"validated", "validation.json"} | left


def test_stage_that_was_killed_cleans_up_when_it_runs_again(
    project: Path, people: pd.DataFrame
) -> None:
    left = project / "interim" / ".validated.tmp"
    left.mkdir(parents=True)
    (left / "part-00007.parquet").write_text("half")
    assert_same_rows(run(project), people)
    assert not left.exists()
