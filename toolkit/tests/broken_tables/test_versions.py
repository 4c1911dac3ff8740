"""What the stage `validate` decides about new versions of a table that has a contract.

`versions.yaml` has the verdict on each: see verdicts.py.
"""

import logging
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from reproducible_ml.contract.findings import Finding
from reproducible_ml.core.errors import UserError
from tumour_diagnosis.datasets.validate import main

from . import versions
from .tables import Table, csv
from .verdicts import accepted, agrees, rejected

VERSIONS = {
    **versions.COLUMNS,
    **versions.FILES,
    **versions.VALUES,
    **versions.PLACES,
    **versions.TABLES,
}
EXPECTED = yaml.safe_load(Path(__file__).with_name("versions.yaml").read_text("utf-8"))
GIT = ("git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org")


def validate(table: Table, folder: Path, repository: Path) -> None:
    """Validate a table in a folder; the profile of the last version is committed."""
    raw, outputs = table.write(folder), folder / "outputs"
    contract, profile = repository / "schema.yaml", repository / "profile.json"
    main(raw, contract, outputs / "table", outputs / "report.json", profile)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with the contract, and the profile of the last version."""
    repository = tmp_path_factory.mktemp("repository")
    (repository / "params.yaml").write_text(versions.PARAMS)
    (repository / "schema.yaml").write_text(versions.CONTRACT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        validate(csv(versions.OLD), tmp_path_factory.mktemp("last"), repository)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Last"]):
        subprocess.run([*GIT, *command], cwd=repository, check=True)
    return repository


@pytest.fixture
def repository(committed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, as the current folder."""
    monkeypatch.chdir(committed)
    return committed


def verdict(
    table: Table, folder: Path, repository: Path, caplog: pytest.LogCaptureFixture
) -> dict[str, Any]:
    """Return the verdict on a table."""
    with caplog.at_level(logging.WARNING):
        try:
            validate(table, folder, repository)
        except UserError as error:
            return rejected(error, folder)
    return accepted(warnings(caplog), folder)


def warnings(caplog: pytest.LogCaptureFixture) -> list[Finding]:
    """Return the findings that were logged."""
    logged = [a for record in caplog.records for a in record.args or ()]
    return [argument for argument in logged if isinstance(argument, Finding)]


@pytest.mark.parametrize("flaw", VERSIONS)
def test_new_version_has_its_verdict(
    flaw: str, tmp_path: Path, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = verdict(VERSIONS[flaw], tmp_path, repository, caplog)
    assert agrees(found, EXPECTED[flaw]), yaml.safe_dump({flaw: found})
    outputs = {path.name for path in (tmp_path / "outputs").glob("*")}
    if found.keys() & {"reject", "error"}:
        assert outputs <= {"problems.csv"}
    else:
        assert outputs == {"table", "report.json"}


def test_every_verdict_is_on_a_version() -> None:
    assert list(EXPECTED) == list(VERSIONS)


def test_report_lists_a_hundred_problems_of_a_kind_and_counts_the_rest(
    tmp_path: Path, repository: Path
) -> None:
    with pytest.raises(UserError):
        validate(VERSIONS["150 flaws of one kind"], tmp_path, repository)
    report = pd.read_csv(tmp_path / "outputs" / "problems.csv")
    assert report["line"].tolist() == list(range(2, 103))
    assert report["rows"].tolist() == [1] * 100 + [50]


@pytest.mark.parametrize("flaw", ["hostile column", "hostile value"])
def test_report_holds_nothing_that_a_spreadsheet_or_terminal_would_run(
    flaw: str, tmp_path: Path, repository: Path
) -> None:
    with pytest.raises(UserError):
        validate(VERSIONS[flaw], tmp_path, repository)
    file = tmp_path / "outputs" / "problems.csv"
    cells = pd.read_csv(file, dtype="str", keep_default_na=False).to_numpy().ravel()
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert file.read_text().isascii()


# After `rml data`, the last commit is about the table before: nothing has drifted.
def test_profile_of_another_table_is_no_drift(
    tmp_path: Path, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = versions.NEW.drop(columns="customer").add_prefix("other_")
    contract = yaml.safe_load(versions.CONTRACT)
    del contract["columns"]["customer"]
    contract["columns"] = {f"other_{n}": c for n, c in contract["columns"].items()}
    contract["columns"]["bought"] = contract["columns"].pop("other_bought")
    shifted = other.rename(columns={"other_bought": "bought"}).assign(
        bought=["no", "no", "no", "yes"] * (len(other) // 4)
    )
    file = tmp_path / "schema.yaml"
    file.write_text(yaml.safe_dump(contract, sort_keys=False))
    params = repository / "params.yaml"
    params.write_text(versions.PARAMS.replace("[customer]", "[]"))
    try:
        raw, profile = csv(shifted).write(tmp_path), repository / "profile.json"
        main(raw, file, tmp_path / "table", tmp_path / "report.json", profile)
    finally:
        params.write_text(versions.PARAMS)
    assert warnings(caplog) == []
