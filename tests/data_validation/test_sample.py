"""The committed contract and the sample table, as they are and broken."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest
import yaml

from reproducible_ml.contract.schema import Contract, load_contract
from reproducible_ml.core.params import load_params
from reproducible_ml.core.parts import read_table
from tumour_diagnosis.datasets.sample import breast_cancer
from tumour_diagnosis.datasets.sample import main as write_sample
from tumour_diagnosis.params import Params

RunModule = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "data" / "schema.yaml"
PATHS = (
    *("tumours.csv", "schema.yaml", "validated", "validation.json"),
    "profile.json",
)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return breast_cancer()


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def contract(params: Params) -> Contract:
    return load_contract(SCHEMA, params.data)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the committed contract and parameters, and the sample table."""
    for path in (SCHEMA, ROOT / "params.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_sample(tmp_path / "tumours.csv")
    return tmp_path


def test_contract_has_the_columns_of_the_sample(
    contract: Contract, rows: pd.DataFrame
) -> None:
    assert list(contract.columns) == list(rows.columns)


def test_contract_describes_every_column(contract: Contract) -> None:
    assert all(column.description for column in contract.columns.values())


def test_contract_has_the_roles_of_params(contract: Contract, params: Params) -> None:
    assert params.data.target == "diagnosis"
    assert contract.columns["diagnosis"].isin == ("benign", "malignant")
    assert params.data.positive == "malignant"
    assert len(contract.features(params.data)) == 30


def test_pandera_accepts_the_sample_by_the_contract(rows: pd.DataFrame) -> None:
    schema = pa.DataFrameSchema.from_yaml(SCHEMA)
    schema.validate(rows.astype({"diagnosis": "category"}), lazy=True)


# A range so wide that no typing error falls out of it would be no check.
def test_ranges_are_less_than_four_times_the_largest_value(
    rows: pd.DataFrame,
) -> None:
    columns = yaml.safe_load(SCHEMA.read_text())["columns"]
    for name in rows.columns.drop("diagnosis"):
        assert columns[name]["in_range"]["max_value"] < 4 * rows[name].max(), name


def test_command_line_accepts_the_sample(
    copy: Path, run_module: RunModule, rows: pd.DataFrame
) -> None:
    done = run_module("datasets.validate", *PATHS, cwd=copy)
    assert done.stderr == "tumours.csv: 569 rows honour schema.yaml\n"
    assert done.returncode == 0
    validated = read_table(copy / "validated").reset_index(drop=True)
    assert validated.astype({"diagnosis": "str"}).equals(
        rows.astype({"diagnosis": "str"})
    )


OR_MISSING = (
    "Correct it in the source, or add it to `missing` of the column in"
    " data/schema.yaml."
)
MISSING_QUOTE = "Look for a missing quote or a stray separator."


# Line 400 of the sample begins with 11.06,14.83, and ends with benign.
@pytest.mark.parametrize(
    ("line", "old", "new", "problem", "fix"),
    [
        (
            400,
            "11.06,14.83",
            "eleven,14.83",
            'line 400, column "mean_radius": "eleven" is not a number (1 row)',
            OR_MISSING,
        ),
        (
            400,
            "11.06,14.83",
            '"11,06",14.83',
            'line 400, column "mean_radius": "11,06" has a decimal comma (1 row)',
            'Set metadata: {decimal: ","} in data/schema.yaml if all are so, or correct'
            " it.",
        ),
        (
            400,
            "11.06,14.83",
            "1106,14.83",
            'line 400, column "mean_radius": "1106" breaks in_range(0.0, 60.0) (1 row)',
            "Correct it in the source, or change the rule in data/schema.yaml.",
        ),
        (
            400,
            "11.06,14.83",
            ",14.83",
            'line 400, column "mean_radius": "" is no value, but nullable is false',
            "Fill it in the source, or set `nullable: true` in data/schema.yaml.",
        ),
        (
            400,
            "benign",
            "Benign",
            'line 400, column "diagnosis": "Benign" is not in isin; it looks like'
            ' "benign", but differs by case (1 row)',
            "Correct it in the source, or add it to isin in data/schema.yaml.",
        ),
        (
            400,
            "11.06,14.83",
            "11.06,14,83",
            "line 400: has 32 values where the header has 31",
            MISSING_QUOTE,
        ),
        (
            400,
            ",benign",
            "",
            "line 400: has 30 values where the header has 31",
            MISSING_QUOTE,
        ),
        (
            1,
            "mean_radius,",
            "",
            'line 1: lacks the column "mean_radius"',
            "Add it in the source, or drop it from data/schema.yaml.",
        ),
        (
            1,
            "mean_radius,",
            "mean_radius,mean_radius,",
            'line 1: has the column "mean_radius" twice',
            "Rename or drop one of them in the source.",
        ),
        (
            1,
            "diagnosis",
            "diagnosis,remark",
            'line 1: has an unknown column "remark"',
            "Drop it from the source, or declare it in data/schema.yaml.",
        ),
    ],
)
def test_command_line_refuses_a_broken_sample_and_changes_no_output(
    copy: Path,
    run_module: RunModule,
    line: int,
    old: str,
    new: str,
    problem: str,
    fix: str,
) -> None:
    raw = copy / "tumours.csv"
    lines = raw.read_text().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    raw.write_text("".join(lines))
    old_part = copy / "validated" / "part-00000.parquet"
    old_part.parent.mkdir()
    old_part.write_text("old")
    (copy / "validation.json").write_text("old")

    done = run_module("datasets.validate", *PATHS, cwd=copy)

    assert done.returncode == 1
    (told,) = done.stderr.splitlines()
    assert told.startswith(f"error: tumours.csv {problem}")
    assert told.endswith(fix)
    assert old_part.read_text() == (copy / "validation.json").read_text() == "old"
    files = sorted(path.name for path in copy.iterdir())
    assert files == sorted(["params.yaml", "problems.csv", *PATHS[:4]])
