"""`rml profile` and `rml dictionary` in a small project: what is written, and when."""

import errno
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
import yaml

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.inputs import hash_path
from reproducible_ml.core.project import Project
from reproducible_ml.exploration.dictionary import (
    check_dictionary,
    make_dictionary,
    write_dictionary,
)
from reproducible_ml.exploration.profile import (
    FOLDER,
    VALIDATED,
    profile_project,
    read_status,
    refresh,
)
from reproducible_ml.page import profile_page
from reproducible_ml.page.page import profile_status
from reproducible_ml.page.profile import profile_section
from reproducible_ml.page.profile_page import Wanted, show_profile

from ..conftest import CONTRACT, PARAMS

PERSONAL = {
    "personal": True,
    "personal_columns": ["city"],
    "legal_basis": "consent",
    "retention": "a year",
}


@pytest.fixture
def root(
    people: pd.DataFrame,
    write_table: Callable[[pd.DataFrame, Path, int], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A project with a validated table, as dvc.lock records it."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / ".dvc").mkdir()
    data = PARAMS["data"] | {"id": ["name"]}
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS | {"data": data}))
    (root / "data/schema.yaml").write_text(CONTRACT)
    (root / "dvc.yaml").write_text("stages: {}\n")
    package = '[tool.reproducible_ml]\npackage = "tumour_diagnosis"\n'
    (root / "pyproject.toml").write_text(package)
    write_table(people, root / VALIDATED, 25)
    lock(root)
    monkeypatch.chdir(root)
    return root


def lock(root: Path) -> None:
    found = hash_path(root / VALIDATED)
    out = {"path": VALIDATED.as_posix(), "hash": "md5", "md5": found}
    content = {"stages": {"validate": {"outs": [out]}}}
    (root / "dvc.lock").write_text(yaml.safe_dump(content))


def shown(root: Path) -> str:
    return profile_section(profile_status(root))


def test_page_says_whether_the_profile_is_of_this_table(
    root: Path, people: pd.DataFrame, write_table: Callable[..., Path]
) -> None:
    assert "There is no profile of this table yet." in shown(root)
    refresh(root, values=10)
    assert not (root / FOLDER).exists(), "the table is larger"
    refresh(root, values=10_000)
    assert 'class="warning"' not in shown(root)
    assert "Oslo" in shown(root)
    assert "person 3" not in shown(root), "it identifies a row"
    before = (root / FOLDER / "profile.json").stat().st_mtime_ns
    refresh(root, values=10_000)
    assert (root / FOLDER / "profile.json").stat().st_mtime_ns == before

    write_table(people[:40], root / "new", 25)
    for file in (root / VALIDATED).iterdir():
        file.unlink()
    for file in (root / "new").iterdir():
        file.rename(root / VALIDATED / file.name)
    # What the stage did not write is not profiled unasked.
    refresh(root, values=10_000)
    assert (root / FOLDER / "profile.json").stat().st_mtime_ns == before
    lock(root)
    assert "This profile is of other data than dvc.lock records" in shown(root)
    assert "Oslo" in shown(root)

    for file in (root / VALIDATED).iterdir():
        file.unlink()
    (root / VALIDATED).rmdir()
    assert "This clone lacks the table" in shown(root)
    with pytest.raises(UserError, match="lacks the project's table"):
        profile_project(root)


def test_roles_that_change_make_the_profile_out_of_date(root: Path) -> None:
    refresh(root, values=10_000)
    assert read_status(root).problem == ""
    (root / "data/catalog.yaml").write_text(yaml.safe_dump(PERSONAL))
    assert "data/catalog.yaml changed" in shown(root)
    assert "Oslo" not in shown(root)
    (root / "data/catalog.yaml").write_text("personal: [")
    assert "is not known: data/catalog.yaml" in shown(root)
    (root / FOLDER / "profile.json").write_text('{"format": 0}')
    (root / "data/catalog.yaml").unlink()
    assert "There is no profile" in shown(root)


def test_report_page_has_no_text_of_a_row(root: Path) -> None:
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    # By its name, it looks like that of a person.
    show_profile(Project(root), Wanted(), browser=False)
    page = (root / FOLDER / "index.html").read_text("utf-8")
    assert "person 3" not in page
    (line,) = [one for one in make_dictionary(root).splitlines() if "`name`" in one[:9]]
    assert "excluded, personal" in line
    said = {"not_personal": ["name", "age", "income"]}
    (root / "data/catalog.yaml").write_text(yaml.safe_dump(said))
    assert "data/catalog.yaml changed" in shown(root)
    show_profile(Project(root), Wanted(), browser=False)
    page = (root / FOLDER / "index.html").read_text("utf-8")
    assert "person 3" in page
    assert "Oslo" in page
    assert 'class="warning"' not in shown(root)
    assert "person 3" not in shown(root)
    assert "Oslo" in shown(root), "the contract names it"


def test_command_writes_page_and_figures(
    root: Path, people: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project(root)
    show_profile(project, Wanted(), browser=False)
    assert f"{FOLDER}/index.html\n" in capsys.readouterr().out
    assert read_status(root).problem == ""
    people.to_csv(root / "visits.csv", index=False)
    other = Wanted(str(root / "visits.csv"), target="city")
    show_profile(project, other, browser=False)
    page = (root / FOLDER / "visits/index.html").read_text("utf-8")
    assert "Content-Security-Policy" in page
    assert "Mutual information with city" in page
    # Roles of columns of that name hold for another table as well.
    assert "person 3" not in page
    # A table of the project has keys, which are no column.
    show_profile(project, Wanted(str(root / VALIDATED)), browser=False)
    columns = json.loads((root / FOLDER / "validated/profile.json").read_text())
    assert [column["name"] for column in columns["columns"]] == [*people.columns]
    with pytest.raises(UserError, match="the project is in it"):
        show_profile(project, Wanted(str(root.parent)), browser=False)
    # The project's own profile stays.
    assert read_status(root).problem == ""
    with pytest.raises(UserError, match='has no column "town"'):
        show_profile(project, other._replace(target="town"), browser=False)
    out = root / "mine"
    out.mkdir()
    (out / "index.html").write_text("my page")
    with pytest.raises(UserError, match="exists, and is no profile"):
        show_profile(project, other._replace(out=out), browser=False)
    assert [*out.iterdir()] == [out / "index.html"]


def test_page_and_figures_are_written_both_or_not(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_profile(Project(root), Wanted(), browser=False)
    before = {path: path.read_bytes() for path in (root / FOLDER).iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(profile_page, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        show_profile(Project(root), Wanted(), browser=False)
    assert {path: path.read_bytes() for path in (root / FOLDER).iterdir()} == before
    with pytest.raises(OSError, match="No space"):
        show_profile(Project(root), Wanted(out=root / "new"), browser=False)
    assert [*(root / "new").iterdir()] == []


def test_interrupted_command_leaves_nothing(root: Path) -> None:
    big = pd.DataFrame({f"x{n}": range(400_000) for n in range(30)})
    big.to_parquet(root / "big.parquet", row_group_size=1_000)
    command = [sys.executable, "-m", "reproducible_ml.cli", "profile", "big.parquet"]
    # It begins with a line on standard error only on a terminal, so it gets time.
    with subprocess.Popen(
        [*command, "--no-open"],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": ""},
    ) as process:
        while not [*(root / ".dvc/tmp").glob("*")] and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not (root / FOLDER).exists()
    assert [*(root / ".dvc/tmp").glob("*")] == []


def test_dictionary_says_what_columns_mean_and_hold(root: Path) -> None:
    contract = yaml.safe_load(CONTRACT)
    columns = contract["columns"]
    columns["age"]["description"] = "Age in years | <b>at</b> [the](start)"
    columns["income"]["metadata"] = {"suffix": "€", "treatment": "exclude"}
    columns["`odd` | name"] = {"dtype": "str", "nullable": True}
    (root / "data/schema.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    text = make_dictionary(root)
    lines = {
        line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line
    }
    assert r"Age in years \| \<b\>at\</b\> \[the\]\(start\)" in lines["`age`"]
    assert "whole number | - | numeric, personal | 0 to 120 | - | - |" in lines["`age`"]
    assert "| `€` | excluded, personal | from 0 |" in lines["`income`"]
    assert "identifies a row" in lines["`name`"]
    assert "`Bonn`, `Oslo`, `Rome`" in lines["`city`"]
    assert "**7 columns have no description yet:** `name`, `income`" in text
    assert "are not known yet: `make repro` adds them" in text
    (root / "reports").mkdir()
    found = {
        "age": {
            **{"kind": "numbers", "bins": [20.0, 40.0, 71.0], "counts": [3, 30, 24, 3]},
            **{"missing": 0, "mean": 45.26, "sd": 14.4},
        },
        "city": {"kind": "values", "bins": ["Bonn", "Oslo"], "counts": [45, 15, 0]},
    }
    (root / "reports/profile.json").write_text(json.dumps({"columns": found}))
    validation = {"rows": 60, "missing": {"income": 15}}
    (root / "reports/validation.json").write_text(json.dumps(validation))
    text = make_dictionary(root)
    assert "60 rows, 8 columns. Target: `bought`." in text
    assert "| 0 | 45.26 ± 14.4; 20 to 71 |" in text
    assert "| 0 | `Bonn` 75 %, `Oslo` 25 % |" in text
    assert "| 25.0 % | - |" in text
    (root / "data/catalog.yaml").write_text(yaml.safe_dump(PERSONAL))
    assert "`Bonn` 75 %" not in make_dictionary(root)


def test_dictionary_that_is_out_of_date_fails_the_check(root: Path) -> None:
    assert check_dictionary(root) == [], "nothing was run yet"
    (root / "reports").mkdir()
    (root / "reports/validation.json").write_text('{"rows": 60, "missing": {}}')
    with pytest.raises(UserError, match=r"does not exist\. Fix: rml dictionary"):
        check_dictionary(root)
    assert write_dictionary(root)
    assert not write_dictionary(root)
    (warning,) = check_dictionary(root)
    assert warning.startswith("data/schema.yaml: 7 of 7 columns have no description")
    (root / "reports/validation.json").write_text('{"rows": 61, "missing": {}}')
    with pytest.raises(UserError, match=r"is not what .* say\. Fix: rml"):
        check_dictionary(root)
