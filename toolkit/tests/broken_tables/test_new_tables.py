"""What `rml data` decides about tables as they occur in practice.

`new_tables.yaml` has the verdict on each: whether it is rejected or accepted, the facts
of each line (see verdicts.py), and how columns are declared that the clean table lacks
or declares otherwise.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from reproducible_ml.adopt.propose import Context, Proposal, propose
from reproducible_ml.adopt.request import Request
from reproducible_ml.adopt.yaml_files import contract_to_yaml
from reproducible_ml.contract.schema import Column, Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import parse_params
from reproducible_ml.core.project import Project
from tumour_diagnosis.datasets.validate import main as validate

from . import broken_files, broken_rows, broken_values
from .clean_tables import CLEAN
from .tables import TEXT, Table, text
from .verdicts import accepted, agrees, rejected

TABLES = {
    **broken_files.CONTENT,
    **broken_files.ENCODINGS,
    **broken_files.FORM,
    **broken_values.NUMBERS,
    **broken_values.DATES,
    **broken_values.TEXTS,
    **broken_rows.TARGETS,
    **broken_rows.ROWS,
    **broken_rows.PLACES,
    **broken_rows.FORMS,
}
VALUES = {**broken_values.NUMBERS, **broken_values.DATES, **broken_values.TEXTS}
HERE = Path(__file__).parent
EXPECTED = yaml.safe_load((HERE / "new_tables.yaml").read_text("utf-8"))
PROJECT = Project(HERE.parents[2])
PARAMS = parse_params((PROJECT.root / "params.yaml").read_text("utf-8"))
PARAMS_OF_STAGE = """\
data: {target: bought, positive: "yes"}
compute: {backend: sequential, n_jobs: 1}
train: {estimator: {path: sklearn.ensemble.HistGradientBoostingClassifier}}
evaluate: {metrics: [roc_auc]}
"""
PARAMS["compute"] = {"backend": "sequential", "n_jobs": 1}


def adopted(table: Table, folder: Path) -> Proposal:
    """Return the proposal for a table, for the target that all of them have."""
    context = Context(PROJECT, PARAMS, None, folder / "work", folder / "problems.csv")
    return propose(table.write(folder), Request(target="bought"), context)


def declared(proposal: Proposal) -> dict[str, dict[str, Any]]:
    """Return type and notes of each column."""
    return {
        name: {
            "dtype": column.dtype,
            **column.metadata.model_dump(mode="json", exclude_defaults=True),
        }
        for name, column in proposal.contract.columns.items()
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How the columns of the clean table are declared."""
    return declared(adopted(text(TEXT), tmp_path_factory.mktemp("clean")))


def verdict(
    table: Table, folder: Path, usual: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the verdict on a table, and which columns are declared otherwise."""
    try:
        proposal = adopted(table, folder)
    except UserError as error:
        return rejected(error, folder)
    found = declared(proposal)
    others = {name: found[name] for name in found if found[name] != usual.get(name)}
    columns = {"columns": others} if others else {}
    return accepted(proposal.warnings, folder) | columns


@pytest.mark.parametrize("flaw", TABLES)
def test_broken_table_has_its_verdict(
    flaw: str, tmp_path: Path, usual: dict[str, dict[str, Any]]
) -> None:
    found = verdict(TABLES[flaw], tmp_path, usual)
    assert agrees(found, EXPECTED[flaw]), yaml.safe_dump({flaw: found})


def test_every_verdict_is_on_a_table() -> None:
    assert list(EXPECTED) == list(TABLES)


# The stage `train` warns of the imbalance; digits beyond those of a float were accepted
# with its type.
ACCEPTED = {"imbalance", "float rounding"}
REPORTED = [
    flaw
    for flaw, expected in EXPECTED.items()
    if "accept" not in expected and flaw not in ACCEPTED
]


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contract]:
    """Contracts of the clean table, with the columns that flaws are put into."""
    contract = adopted(text(TEXT), tmp_path_factory.mktemp("clean")).contract
    target = {"bought": contract.columns["bought"]}
    found = {}
    for flaw in REPORTED:
        dtype: Any = "datetime64[ns]" if flaw in broken_values.DATES else "float64"
        file = TABLES[flaw].content.decode("utf-8", "replace")
        names = file.partition("\n")[0].split(",") if flaw in VALUES else []
        more = {n: Column(dtype=dtype) for n in names if n not in contract.columns}
        columns = {**contract.columns, **more, **target}
        found[flaw] = contract.model_copy(update={"columns": columns})
    return found


@pytest.mark.parametrize("flaw", REPORTED)
def test_what_is_reported_from_scratch_is_reported_with_a_contract_as_well(
    flaw: str,
    contracts: dict[str, Contract],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS_OF_STAGE)
    Path("schema.yaml").write_text(contract_to_yaml(contracts[flaw]), "utf-8")
    raw = TABLES[flaw].write(tmp_path)
    paths = [Path(name) for name in ("schema.yaml", "out/t", "out/r", "out/p")]
    try:
        validate(raw, *paths)
    except UserError:
        assert {path.name for path in Path("out").glob("*")} <= {"problems.csv"}
    else:
        assert "warn" in EXPECTED[flaw]
        assert "warning: " in caplog.text


@pytest.mark.parametrize("convention", CLEAN)
def test_clean_table_has_no_warning(convention: str, tmp_path: Path) -> None:
    assert adopted(CLEAN[convention], tmp_path).warnings == []


def report(table: Table, folder: Path) -> pd.DataFrame:
    """Return the report on a table that is rejected."""
    with pytest.raises(UserError):
        adopted(table, folder)
    return pd.read_csv(folder / "problems.csv", keep_default_na=False)


def test_report_lists_a_hundred_problems_of_a_kind_and_counts_the_rest(
    tmp_path: Path,
) -> None:
    found = report(TABLES["150 flaws of one kind"], tmp_path)
    assert found["line"].tolist() == list(range(2, 103))
    assert found["rows"].tolist() == [1] * 100 + [50]
    assert set(found["column"]) == {"income"}
    assert found["value"][0] == "waaa"
    assert found["fix"].str.len().min() > 0


def test_report_holds_nothing_that_a_spreadsheet_or_terminal_would_run(
    tmp_path: Path,
) -> None:
    found = report(TABLES["hostile cells"], tmp_path)
    assert found["value"].tolist() == ["'=1+1|<b>\\x1b[31m\\u202e"]
    assert (tmp_path / "problems.csv").read_text().isascii()
