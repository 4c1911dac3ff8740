"""Tests of tumour_diagnosis.datasets.validate."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parts import fingerprint, parts, read_part, read_table
from tumour_diagnosis.datasets.validate import main, validate_table
from tumour_diagnosis.params import Params

SetParams = Callable[..., Params]
RunModule = Callable[..., subprocess.CompletedProcess[str]]

SCHEMA = "schema.yaml"
HEADER = "name,age,income,city,member,joined,bought"
MODULE = "tumour_diagnosis.datasets.validate"
PATHS = (
    *("people.csv", SCHEMA, "interim/validated", "interim/validation.json"),
    "interim/profile.json",
)


def run(project: Path, raw: str = "people.csv") -> pd.DataFrame:
    """Run the stage in this process and return the table it wrote."""
    folder = project / "interim"
    main(
        project / raw,
        project / "schema.yaml",
        folder / "validated",
        folder / "validation.json",
        folder / "profile.json",
    )
    return read_table(folder / "validated")


def refusal(project: Path) -> list[str]:
    """Return the lines that refuse the table, after a look that nothing changed."""
    old = project / "interim" / "validated" / "part-00000.parquet"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    with pytest.raises(UserError) as error:
        run(project)
    files = {path for path in (project / "interim").rglob("*") if path.is_file()}
    assert files - {project / "interim" / "problems.csv"} == {old}
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
        ("age", "-2", '"-2" breaks in_range(0, 120)'),
        ("income", "much", '"much" is not a number'),
        ("income", "-inf", '"-inf" is not finite'),
        ("income", "inf", '"inf" is not finite'),
        ("income", "-2.50", '"-2.50" breaks greater_than_or_equal_to(0.0)'),
        ("city", "Paris", '"Paris" is not in isin: Bonn, Oslo, Rome'),
        ("city", "NA", '"NA" is no value, but nullable is false'),
        ("member", "maybe", '"maybe" is not true or false'),
        (
            "joined",
            "31.01.2024",
            '"31.01.2024" is not a date like 2026-01-31 or 2026-01-31 23:59:59',
        ),
        ("name", "", '"" is no value, but nullable is false'),
        ("name", "x" * 31, f'"{"x" * 31}" breaks str_length(None, 30)'),
        ("bought", "perhaps", '"perhaps" is not in isin: no, yes'),
    ],
)
def test_main_refuses_a_bad_value_by_file_line_column_value_and_fix(
    project: Path, column: str, value: str, problem: str
) -> None:
    change(project, 40, column, value)
    (line,) = refusal(project)
    start = f'{project / "people.csv"} line 40, column "{column}": {problem} (1 row). '
    assert line.startswith(start)
    assert "in data/schema.yaml" in line.removeprefix(start)


def test_main_asks_for_no_nullable_target(project: Path) -> None:
    change(project, 40, "bought", "")
    (line,) = refusal(project)
    assert '"" is no value, but every row needs one of the target (1 row)' in line
    assert line.endswith("Fill it in the source, or leave these rows out there.")


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
        ("city", "City", 'line 1, column "City": looks like "city", but differs by'),
        ("city", "age", 'line 1: has the column "age" twice'),
        ("age,", "age;", 'line 1: lacks the column "age"'),
        (",", ";", 'line 1: has one column, and ";" between its names'),
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
        (None, "people.csv: holds no table: no .csv, .tsv, .jsonl, .ndjson, .json,"),
        (b"", "people.csv: is empty: export it again"),
        (HEADER.encode() + b"\n", "people.csv: has a header but no rows."),
        (HEADER.encode(), "people.csv: has a header but no rows."),
        (b"outs:\n- md5: 0a\n", "people.csv: is a DVC pointer, not data: run `dvc"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        ("naïve,".encode("latin-1"), 'people.csv line 1: "naïve" is not UTF-8'),
        (f"{HEADER}\n".encode("utf-16"), "people.csv: is utf-16, not utf-8."),
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


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("forty", '"age": "forty" is not a whole number (60 rows)'),
        (40.5, '"age": "40.5" is not a whole number without decimals'),
        ([40], '"age": holds list<element: int64>, which cannot be int64'),
    ],
)
def test_main_refuses_a_parquet_file_of_other_types(
    project: Path, people: pd.DataFrame, value: object, problem: str
) -> None:
    frame = people.reset_index(drop=True)
    frame["age"] = pd.Series([value] * 60)
    frame.to_parquet(project / "people.parquet")
    with pytest.raises(UserError) as error:
        run(project, "people.parquet")
    assert str(error.value).startswith(str(project / "people.parquet"))
    assert problem in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_main_refuses_a_constant_target(project: Path) -> None:
    rewrite(project, ",no\n", ",yes\n")
    (line,) = refusal(project)
    assert ', column "bought": "yes" is what every row says, so there is' in line
    assert line.endswith(
        "Check the export, or name another target: make data TARGET=..."
    )
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
    first, second, _, others = refusal(project)
    assert f"{project / 'people.csv'} line 22, " in first
    assert '"person 0" repeats the value of an earlier row' in first
    assert "(2 rows)" in first
    assert 'line 23, column "name": "person 1"' in second
    assert others.startswith("17 more problems: see ")


def test_main_lists_all_problems_in_a_report(project: Path) -> None:
    for line in range(10, 20):
        change(project, line, "age", f"{line}?")
    *_, last = refusal(project)
    report = project / "interim" / "problems.csv"
    assert last == f"7 more problems: see {report}"
    problems = pd.read_csv(report)
    assert problems["line"].tolist() == list(range(10, 20))
    assert problems["column"].unique().tolist() == ["age"]
    assert problems["value"].tolist() == [f"{line}?" for line in range(10, 20)]


def test_main_removes_the_report_of_problems_that_are_mended(project: Path) -> None:
    change(project, 40, "age", "200")
    refusal(project)
    change(project, 40, "age", "20")
    run(project)
    assert not (project / "interim" / "problems.csv").exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("<<<<<<< HEAD", "is the marker of a merge conflict"),
        (HEADER, "people.csv line 4: repeats the header"),
        ('"person 9,1,1.0,Rome,True,2024-01-31,no', "opens a quote that is not closed"),
    ],
)
def test_main_refuses_a_line_that_is_no_row(
    project: Path, line: str, problem: str
) -> None:
    lines = (project / "people.csv").read_text().splitlines()
    lines.insert(3, line)
    (project / "people.csv").write_text("".join(f"{line}\n" for line in lines))
    assert any(problem in line for line in refusal(project))


def test_main_refuses_a_row_of_totals(project: Path) -> None:
    with (project / "people.csv").open("a") as file:
        file.write("Total,2400,123456.78,,,,\n")
    (line,) = refusal(project)
    assert 'line 62, column "name": "Total" looks like a row of totals' in line


@pytest.mark.parametrize(
    ("dtype", "rows", "problem"),
    [
        ("float64", "Ann,1\nTotal,1\n", 'line 3, column "name": "Total" looks like'),
        ("str", "Ann,1\nTotal,1\n", 'line 3, column "name": "Total" looks like'),
        ("str", "Ann,1\nname,sales\nBob,2\n", "line 3: repeats the header"),
    ],
)
def test_rows_that_honour_the_contract_but_are_no_rows_of_the_table_are_refused(
    tmp_path: Path, set_params: SetParams, dtype: str, rows: str, problem: str
) -> None:
    (tmp_path / "sales.csv").write_text("name,sales\n" + rows)
    columns = {"name": {"dtype": "str"}, "sales": {"dtype": dtype}}
    contract = Contract.model_validate({"columns": columns})
    params = set_params(data={"target": "sales", "positive": "1"})
    (tmp_path / "table").mkdir()
    with pytest.raises(UserError) as error:
        validate_table(
            [tmp_path / "sales.csv"],
            contract,
            params,
            tmp_path / "table",
            tmp_path / "problems.csv",
        )
    assert problem in str(error.value)


def test_main_refuses_whole_numbers_that_a_float_rounds(project: Path) -> None:
    change(project, 40, "income", str(2**53 + 1))
    (line,) = refusal(project)
    assert f'line 40, column "income": "{2**53 + 1}" has more digits than a' in line


def test_main_takes_large_numbers_that_a_float_holds(
    project: Path, people: pd.DataFrame
) -> None:
    change(project, 40, "income", "1e17")
    people["income"] = people["income"].where(np.arange(60) != 38, 1e17)
    pd.testing.assert_frame_equal(
        run(project).reset_index(drop=True),
        people.reset_index(drop=True),
        check_categorical=False,
    )


def test_main_reads_what_the_dialect_and_the_notes_say(
    project: Path, people: pd.DataFrame
) -> None:
    numbers = people["income"].map("{:,.2f} $".format).where(people["income"].notna())
    frame = people.assign(income=numbers.fillna("?"), joined=people["joined"])
    text = frame.to_csv(sep=";", index=False, date_format="%d.%m.%Y")
    path = project / "people.csv"
    path.write_bytes(gzip.compress(f"Export\n{text}".encode("utf-16")))
    path.rename(project / "people.csv.gz")
    notes = 'metadata: {thousands: ",", suffix: "$", missing: ["?"]}'
    rewrite(project, "nullable: true,", f"nullable: true, {notes},", SCHEMA)
    form = '{dtype: "datetime64[ns]", metadata: {format: "%d.%m.%Y"}}'
    rewrite(project, '{dtype: "datetime64[ns]"}', form, SCHEMA)
    dialect = 'metadata: {delimiter: ";", encoding: utf-16, preamble: 1}'
    rewrite(project, "strict: true", f"strict: true\n{dialect}", SCHEMA)
    assert_same_rows(run(project, "people.csv.gz"), people)


def test_main_says_between_which_numbers_a_target_lies(
    project: Path, people: pd.DataFrame, set_params: SetParams
) -> None:
    set_params(data={"target": "age", "task": "regression", "positive": None})
    run(project)
    report = json.loads((project / "interim" / "validation.json").read_text())
    assert report["rows"] == 60
    assert report["missing"] == {"income": 15}


def test_command_line_tells_a_bad_value_in_a_line(
    project: Path, run_module: RunModule
) -> None:
    change(project, 40, "age", "200")
    done = run_module("datasets.validate", *PATHS, cwd=project)
    assert done.returncode == 1
    assert done.stderr.startswith('error: people.csv line 40, column "age": "200"')
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in (project / "interim").iterdir()] == ["problems.csv"]


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
        "from tumour_diagnosis.datasets.validate import main\n"
        "from reproducible_ml.core.stage import run\n"
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
    # The report of the first run is still there, and nothing half-written.
    left = sorted(path.name for path in (project / "interim").iterdir())
    assert left == ["profile.json", "validated", "validation.json"]


def stop_halfway(project: Path, number: signal.Signals) -> int:
    """Start the stage, stop it once it wrote some parts, and return its exit code."""
    with subprocess.Popen(
        [sys.executable, "-m", MODULE, *PATHS],
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
    assert names == {"validated", "validation.json", "profile.json"} | left


def test_stage_that_was_killed_cleans_up_when_it_runs_again(
    project: Path, people: pd.DataFrame
) -> None:
    left = project / "interim" / ".validated.tmp"
    left.mkdir(parents=True)
    (left / "part-00007.parquet").write_text("half")
    assert_same_rows(run(project), people)
    assert not left.exists()
