"""What is filled into data/catalog.yaml, asked for, found, and checked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from reproducible_ml.adopt.catalog import (
    check_catalog,
    describe_stale,
    fill_catalog,
    recorded_table,
)
from reproducible_ml.adopt.catalog_questions import ask_for, parse_settings
from reproducible_ml.card.catalog import CATALOG, Catalog, RawTable, read_catalog
from reproducible_ml.cli import cli
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.profiling.personal import Personal, kind_by_name, kind_by_values

LOCK = """\
stages:
  validate:
    deps:
    - {path: data/raw/x.csv, md5: aa, size: 10}
"""
POINTER = "outs:\n- {md5: bb.dir, size: 20, nfiles: 2, path: x.csv}\n"
CONTRACT = """\
columns:
  mail: {dtype: str}
  colour: {dtype: category, isin: [a@b.org, c@d.org, e@f.org]}
  y: {dtype: float64}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    texts = {
        "dvc.yaml": "vars:\n- raw: data/raw/x.csv\nstages: {}\n",
        "dvc.lock": LOCK,
        "params.yaml": "data: {target: y, task: regression}\n",
        "data/schema.yaml": CONTRACT,
        "reports/validation.json": '{"rows": 7}',
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def test_table_is_as_dvc_recorded_it(project: Project) -> None:
    root = project.root
    assert recorded_table(root) == RawTable(
        path="data/raw/x.csv", md5="aa", bytes=10, rows=7
    )
    (root / "data/raw").mkdir()
    (root / "data/raw/x.csv.dvc").write_text(POINTER)
    # The pipeline read another version, so that nobody knows how many rows this has.
    assert recorded_table(root) == RawTable(
        path="data/raw/x.csv", md5="bb.dir", bytes=20
    )
    (root / "data/raw/x.csv.dvc").unlink()
    (root / "dvc.lock").unlink()
    assert recorded_table(root) is None


def test_catalog_is_made_once_and_then_only_completed(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=r"data/catalog\.yaml: does not exist"):
        check_catalog(project)
    fill_catalog(project, [])
    said = capsys.readouterr().out
    assert "data/raw/x.csv, 10 bytes, 7 rows, MD5 aa" in said
    assert '"mail" looks like an e-mail address, by its name' in said
    assert '"colour" looks like an e-mail address, by its values' in said
    assert "source, owner, license, personal, updates, contact are empty" in said
    params = project.root / "params.yaml"
    protected = params.read_text() + "evaluate: {protected: {y: [1.0], mail: }}\n"
    params.write_text(protected)
    lines = check_catalog(project)
    assert sum('"y" looks like a group of people, by evaluate.prot' in x for x in lines)
    assert sum('"mail"' in line for line in lines) == 1
    params.write_text(protected.partition("evaluate")[0])
    path = project.root / CATALOG
    path.write_text(path.read_text() + "# My own words.\n")
    settings = ["owner=A: b", "personal=yes", "personal_columns=mail, colour"]
    settings += ["legal_basis=contract", "retention=a year"]
    fill_catalog(project, settings)
    text = path.read_text()
    assert text.endswith("# My own words.\n")
    assert "owner: 'A: b'\n\n# What it may be used for" in text
    assert check_catalog(project) == [
        "data/catalog.yaml: source, license, updates, contact are empty. Fix: fill in,"
        " or run `rml catalog` in a terminal"
    ]
    (project.root / "pyproject.toml").touch()
    monkeypatch.setattr(Project, "check", lambda _: None)
    dictionary = "reproducible_ml.exploration.dictionary.check_dictionary"
    monkeypatch.setattr(dictionary, lambda _: [])
    result = CliRunner().invoke(cli, ["check"])
    assert result.exit_code == 0, result.output
    assert "data/catalog.yaml: 4 required fields are empty." in result.output
    assert "catalog.yaml are valid" not in result.output
    before = text
    with pytest.raises(UserError, match="personal is no, but personal_columns"):
        fill_catalog(project, ["personal=no"])
    assert path.read_text() == before
    with pytest.raises(UserError, match='personal_columns: "gone" is no column of the'):
        fill_catalog(project, ["personal_columns=mail, gone"])
    assert path.read_text() == before
    path.write_text(before.replace("- mail\n", "- gone\n"))
    with pytest.raises(UserError, match='personal_columns: "gone" is no column'):
        check_catalog(project)


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        (None, "table: is empty"),
        ({"path": "data/raw/y.csv"}, "is about data/raw/y.csv, but the table is"),
        ({"md5": "cc"}, "table.md5: is cc, but DVC recorded aa"),
        ({"bytes": 11}, "table.bytes: is 11, but DVC recorded 10"),
        ({"rows": 8}, "table.rows: is 8, but DVC recorded 7"),
        ({"rows": None}, "table.rows: is None, but DVC recorded 7"),
        ({}, ""),
    ],
)
def test_another_version_of_the_table_is_said(
    known: dict[str, Any] | None, problem: str
) -> None:
    now = RawTable(path="data/raw/x.csv", md5="aa", bytes=10, rows=7)
    was = None if known is None else now.model_copy(update=known)
    lines = describe_stale(Catalog(table=was), now)
    assert len(lines) == bool(problem)
    assert problem in "".join(lines)
    # Nobody knows better.
    assert describe_stale(Catalog(table=was), None) == []


@pytest.mark.parametrize(
    ("name", "dtype", "kind"),
    [
        ("CustomerEmail", "str", "an e-mail address"),
        ("geb. Datum", "datetime64[ns]", "a date of birth"),
        ("date_of_birth", "str", "a date of birth"),
        ("Kunden-Nr.", "int64", "an identifier of a person"),
        ("patient id", "int64", "an identifier of a person"),
        ("PassengerName", "str", "the name of a person"),
        ("Vorname", "str", "the name of a person"),
        ("name", "str", "the name of a person"),
        ("name", "category", None),
        ("product_name", "str", None),
        ("ssn", "str", "an official number of a person"),
        ("Geschlecht", "category", "a description of a person"),
        ("mean_radius", "float64", None),
        ("email_sent_count", "int64", "an e-mail address"),
        ("shipment", "str", None),
        ("", "str", None),
    ],
)
def test_names_that_look_personal(name: str, dtype: str, kind: str | None) -> None:
    assert kind_by_name(name, dtype) == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a@b.org", "c.d@e-f.co.uk", " g@h.de "], "an e-mail address"),
        (["+49 170 5087158", "0049/30/1234567", "+1 (212) 555-0100"], "a phone number"),
        (["DE89 3704 0044 0532 0130 00"] * 3, "a bank account or card"),
        (["10.0.0.1", "192.168.1.250", "8.8.8.8"], "a network address"),
        (["a@b.org", "none", "no"], None),
        (["2024-01-31"] * 3, None),
        (["1234567"] * 3, None),
        (["a@b.org"], None),
        ([], None),
    ],
)
def test_values_that_look_personal(values: list[str], kind: str | None) -> None:
    assert kind_by_values(values) == kind


FOUND = [Personal("mail", "an e-mail address", "its name")]


def answering(*answers: str) -> Iterator[str]:
    yield from answers


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([""] * 6, {}),
        (["a", "b", "", "", "c", "no"], {"source": "a", "owner": "b", "contact": "c"}),
        (["", "", "", "", "", "perhaps", "NO"], {}),
        # The columns that were found are suggested.
        (
            ["", "", "", "", "", "yes", "", "law", "a year"],
            {"personal_columns": ["mail"]},
        ),
        (
            ["", "", "", "", "", "yes", "mail, z", "mail, y", "law", "a year"],
            {"personal_columns": ["mail", "y"]},
        ),
        # Half an answer would not be valid.
        (["a", "", "", "", "", "yes", "", "law", ""], {"source": "a"}),
    ],
)
def test_answers_are_complete_or_left_open(
    answers: list[str], expected: dict[str, Any]
) -> None:
    waiting = answering(*answers)
    said: list[str] = []
    columns = ["mail", "y"]
    found = ask_for(Catalog(), FOUND, columns, lambda _: next(waiting), said.append)
    assert next(waiting, None) is None
    assert '"mail" looks like an e-mail address, by its name.' in said
    if "no" in answers or "NO" in answers:
        expected = expected | {"personal": False}
    if "personal_columns" in expected:
        more = {"personal": True, "legal_basis": "law", "retention": "a year"}
        expected = expected | more
    assert found == expected
    Catalog.model_validate(found)


def test_settings_that_are_none_are_refused() -> None:
    assert parse_settings(["owner=", "personal=no"]) == {
        "owner": None,
        "personal": False,
    }
    for setting in ("owner", "table=x", "ownr=x"):
        with pytest.raises(UserError, match="is no KEY=VALUE with a key of"):
            parse_settings([setting])
    with pytest.raises(UserError, match="personal: perhaps: answer yes or no"):
        parse_settings(["personal=perhaps"])


def test_values_of_the_validated_table_are_looked_at(project: Project) -> None:
    table = project.root / "data/interim/validated"
    table.mkdir(parents=True)
    mails = [f"{n}@example.org" for n in range(5)]
    frame = pd.DataFrame({"mail": mails, "colour": ["x"] * 5, "y": 1.0})
    frame.to_parquet(table / "part-00000.parquet")
    fill_catalog(project, ["owner=x"])
    found = read_catalog(CATALOG).table
    assert found is not None
    assert found.looks_personal == {"mail": "an e-mail address"}


def test_a_script_is_never_asked(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("")
    command = [sys.executable, "-m", "reproducible_ml.cli", "catalog"]
    done = subprocess.run(
        command,
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    assert b"7 rows" in done.stdout
