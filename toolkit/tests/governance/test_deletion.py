"""A person's rows are gone from all versions, nothing else is, and damage is damage."""

import datetime
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from dvc.repo import Repo

from reproducible_ml.adopt.yaml_files import edit_yaml
from reproducible_ml.cli import cli
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.part_store import STORE
from reproducible_ml.governance import deletion
from reproducible_ml.governance.deletion_plan import choose, find_derived
from reproducible_ml.governance.history import History, Record, parse, with_parts
from reproducible_ml.registry.promote import promote
from reproducible_ml.report.gates import remote_status
from reproducible_ml.reproduce import pull_tables
from reproducible_ml.verify.rebuild import refuse_deleted
from reproducible_ml.versioning.tombstone import DELETED, Deletion, read_tombstones

from ..copies import clean_environment, copy_files, flip
from ..doctor.conftest import Patient

PERSON, OTHERS = "90210", ("1001", "1002", "1003")

# A table with the number of a person, and things made of it that have no number.
STAGE = """\
import pathlib, sys
import pyarrow as pa, pyarrow.csv as pc, pyarrow.parquet as pq
table = pc.read_csv("data/raw/people.csv")
folder = pathlib.Path("data/interim/rows")
folder.mkdir(parents=True, exist_ok=True)
for number in range(2):  # the first part has the same rows in each version
    pq.write_table(table.slice(number * 2, 2), folder / f"{number}.parquet")
seed = pathlib.Path("seed.txt").read_text()
pathlib.Path("models").mkdir(exist_ok=True)
total = sum(table["age"].to_pylist())
pathlib.Path("models/model.bin").write_text(f"{seed}{total}")
"""
COPY = """\
import pathlib
text = pathlib.Path("data/raw/other.csv").read_text()
pathlib.Path("data/interim").mkdir(parents=True, exist_ok=True)
pathlib.Path("data/interim/other.txt").write_text(text * 2)
"""
PIPELINE = {
    "stages": {
        "rows": {
            "cmd": "python rows.py",
            "deps": ["rows.py", "seed.txt", "data/raw/people.csv", "data/raw/scans"],
            "outs": ["data/interim/rows", "models/model.bin"],
        },
        "other": {
            "cmd": "python other.py",
            "deps": ["other.py", "data/raw/other.csv"],
            "outs": ["data/interim/other.txt"],
        },
    },
    "artifacts": {"model": {"path": "models/model.bin", "type": "model"}},
}


def people(*numbers: str) -> str:
    lines = [f"{number},{30 + place}\n" for place, number in enumerate(numbers)]
    return "customer,age\n" + "".join(lines)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three commits and an uncommitted run; the last commit is without the person."""
    root = tmp_path_factory.mktemp("people") / "project"
    root.mkdir()
    (root.parent / "store").mkdir()
    project = Patient(root)
    project.write("pyproject.toml", '[tool.reproducible_ml]\npackage = "small"\n')
    project.write("params.yaml", {"seed": 0})
    project.write("rows.py", STAGE)
    project.write("other.py", COPY)
    project.write("dvc.yaml", PIPELINE)
    project.write("seed.txt", "1 ")
    ignored = "/data/raw/?*\n!/data/raw/*.dvc\n/data/interim/*\n/models/*\n"
    project.write(".gitignore", ignored)
    project.write("data/raw/people.csv", people(*OTHERS, PERSON))
    project.write("data/raw/other.csv", "a,b\n1,2\n")
    project.write("data/raw/scans/first.txt", "a scan of 1001\n")
    project.write("data/raw/scans/second.txt", f"a scan of {PERSON}\n")
    raw = [f"data/raw/{name}" for name in ("people.csv", "other.csv", "scans")]
    with pytest.MonkeyPatch.context() as patch:
        programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
        patch.setenv("PATH", os.pathsep.join(programs))
        patch.chdir(root)
        project.dvc("init")
        project.dvc("remote", "add", "--default", "store", "../store")
        project.dvc("add", *raw)
        project.dvc("repro")
        project.dvc("push", "--run-cache")
        project.commit("one")
        project.git("tag", "one")
        # A run that nobody committed.
        project.write("seed.txt", "2 ")
        project.dvc("repro")
        project.git("checkout", "--", ".")
        # The other table changes; the rows of the person stay.
        project.write("data/raw/other.csv", "a,b\n3,4\n")
        project.dvc("add", "data/raw/other.csv")
        project.dvc("repro")
        project.dvc("push", "--run-cache")
        project.commit("two")
        # The person is removed from the source.
        project.write("data/raw/people.csv", people(*OTHERS))
        (root / "data/raw/scans/second.txt").unlink()
        project.dvc("add", *raw)
        project.dvc("repro")
        project.dvc("push", "--run-cache")
        project.commit("three")
    return root


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    shutil.copytree(finished.parent, tmp_path / "copy", symlinks=True)
    root = tmp_path / "copy/project"
    monkeypatch.chdir(root)
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(programs))
    return Patient(root)


def forget(*arguments: str, values: str = f"{PERSON}\n") -> Result:
    command = ["forget", "-", "--column", "customer", *arguments]
    return CliRunner().invoke(cli, command, input=values)


def delete(*arguments: str) -> Result:
    why = ("--reason", "erasure", "--decided-by", "data protection officer")
    return forget("--yes", *why, *arguments)


def objects(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def recorded(project: Patient, name: str, revision: str) -> str:
    """Return the hash that a commit recorded for an output."""
    with Repo(str(project.root)) as repo, repo.switch(revision):
        outs = {o.def_path.split("/")[-1]: o.hash_info.value for o in repo.index.outs}
    return str(outs[name])


def place(digest: str) -> str:
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def uncommitted(cache: Path) -> list[Path]:
    """Return the models of the run that nobody committed."""
    files = [path for path in cache.rglob("*") if path.is_file()]
    return [path for path in files if path.read_bytes().startswith(b"2 ")]


def having(root: Path) -> list[Path]:
    """Return the files with the number of the person, as text or in Parquet."""
    found = []
    for path in root.rglob("*"):
        if not path.is_file() or ".git" in path.parts:
            continue
        content = path.read_bytes()
        text = str(content)
        if content.startswith(b"PAR1"):
            text = pd.read_parquet(io.BytesIO(content)).to_csv()
        if PERSON in text:
            found.append(path)
    return found


@pytest.mark.integration
def test_rows_are_gone_from_all_versions_and_nothing_else_is(project: Patient) -> None:
    cache, store = project.root / ".dvc/cache", project.root.parent / "store"
    before = {folder: objects(folder) for folder in (cache, store)}
    assert having(cache)
    assert having(store)
    shown = forget()
    assert shown.exit_code == 0, shown.output
    assert "Nothing was deleted yet" in shown.output
    assert {folder: objects(folder) for folder in before} == before
    assert not (project.root / DELETED).exists()
    theirs = ("people.csv", "rows", "model.bin")
    others = ("other.csv", "other.txt", "scans")
    old = {name: recorded(project, name, "one") for name in (*theirs, *others)}
    parts = project.root / STORE / "objects"
    parts.mkdir(parents=True)
    (parts / "1").write_text(PERSON)

    result = delete()
    assert result.exit_code == 0, result.output
    assert not having(project.root)
    assert not having(store)
    for folder in (cache, store):
        left = objects(folder)
        assert left < before[folder]
        assert not {place(old[name]) for name in theirs} & left
        # Older versions of other data stay, as does the listing of the scans.
        assert {place(old[name]) for name in others} <= left
        gone = before[folder] - left
        assert any("/runs/" in f"/{one}" for one in gone)
    assert not uncommitted(cache)

    # What is in use is complete, here and in a new clone.
    project.dvc("status", "--cloud")
    project.commit("deleted")
    clone = project.root.parent / "clone"
    subprocess.run(["git", "clone", "-q", str(project.root), str(clone)], check=True)
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "pull", "--quiet"], cwd=clone, check=True)
    status = subprocess.check_output([*dvc, "status"], cwd=clone, text=True)
    assert "up to date" in status
    assert project.check("cache", "deleted data", "data", remote=True).state == "OK"
    assert project.check("objects on remotes", remote=True).state == "OK"
    assert PERSON not in (project.root / DELETED).read_text("utf-8")
    again = forget()
    assert again.output == (
        "cache: 0 objects, 0.0 MB, and 0 entries of the run cache\n"
        "remote store: 0 objects, 0.0 MB, and 0 entries of the run cache\n"
        "Nothing was found in what was searched.\n"
    )
    assert "Letter case counts" in forget(values="Ada\n").output


@pytest.mark.integration
def test_column_that_no_table_has_is_refused(project: Patient) -> None:
    command = ["forget", "-", "--column", "Customer"]
    result = CliRunner().invoke(cli, command, input=PERSON)
    assert "Customer: no table here has it" in str(result.exception)
    assert "did you mean customer" in str(result.exception)


@pytest.mark.integration
def test_missing_versions_were_deleted_and_damage_is_damage(project: Patient) -> None:
    assert delete().exit_code == 0
    project.commit("deleted")
    copy = project.root.parent / "clone"
    subprocess.run(["git", "clone", "-q", str(project.root), str(copy)], check=True)
    subprocess.run(["git", "checkout", "-q", "one"], cwd=copy, check=True)
    names = ("people.csv", "scans", "other.csv")
    pointers = [f"data/raw/{name}.dvc" for name in names]
    with pytest.raises(UserError) as error:
        refuse_deleted(project.root, copy, pointers)
    lines = str(error.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "data/raw/people.csv",
        "data/raw/scans",
    ]
    assert all("deleted on purpose on 20" in line for line in lines)

    # At the old commit, with its data as far as they are there.
    project.git("checkout", "--quiet", "--detach", "one")
    found = project.check("deleted data", remote=True)
    assert "this version was deleted on purpose" in found.problems[0].text
    texts = [p.text for p in project.check("data").problems]
    assert not [text for text in texts if "people.csv" in text or "scans" in text]
    gate = remote_status(project.root, offline=False)
    assert gate is not None
    assert gate.passed is False
    assert "deleted on purpose on 20" in gate.reason

    (project.root / "data/raw/people.csv").unlink()
    with pytest.raises(UserError, match=r"people\.csv: deleted on purpose"):
        pull_tables([Path("data/raw/people.csv")])
    project.git("tag", "--annotate", "model@v1.0.0", "--message", "old", "one")
    with pytest.raises(UserError, match=r"models/model\.bin: deleted on purpose"):
        promote(project.root, "1.0.0", "prod", pushed=False)

    # Damage of another object, and of a file that is not listed, is none of it.
    project.git("checkout", "--quiet", "main")
    other = project.object("data/raw/other.csv")
    flip(other)
    assert "is damaged" in project.check("cache").problems[0].text
    other.chmod(0o644)
    other.unlink()
    store = project.root.parent / "store"
    (store / other.relative_to(project.root / ".dvc/cache")).unlink()
    (project.root / "data/raw/other.csv").unlink()
    gate = remote_status(project.root, offline=False)
    assert gate is not None
    assert "neither here nor pushed: `data/raw/other.csv`" in gate.reason
    assert "on purpose" not in gate.reason


@pytest.mark.integration
def test_data_in_use_must_be_clean_and_remotes_must_be_there(project: Patient) -> None:
    project.git("checkout", "--quiet", "--detach", "one")
    before = objects(project.root / ".dvc/cache")
    result = delete()
    assert result.exit_code == 1
    assert "data in use have the rows: data/raw/people.csv" in str(result.exception)
    project.git("checkout", "--quiet", "main")
    (project.root.parent / "store").rename(project.root.parent / "away")
    result = delete()
    assert "remote store: cannot be read" in str(result.exception)
    assert objects(project.root / ".dvc/cache") == before
    assert forget("--yes").exit_code == 2
    assert forget(values="\n").exit_code == 2


@pytest.mark.integration
def test_another_clone_deletes_what_is_listed_and_made_of_it(
    project: Patient, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project.root.parent / "other"
    shutil.copytree(finished, other)
    assert delete().exit_code == 0
    shutil.copy2(project.root / DELETED, other / DELETED)
    # The run that nobody committed was in this clone alone.
    path = project.root / DELETED
    text = path.read_text("utf-8")
    assert "model.bin" in text
    monkeypatch.chdir(other)
    found = Patient(other).check("deleted data")
    assert "rml forget --listed --yes" in found.problems[0].fix
    result = CliRunner().invoke(cli, ["forget", "--listed", "--yes"])
    assert result.exit_code == 0, result.output
    assert not having(other)
    assert not uncommitted(other / ".dvc/cache")
    assert Patient(other).check("deleted data", "data").state == "OK"


@pytest.mark.integration
def test_kept_models_stay_and_logs_lose_the_rows(project: Patient) -> None:
    logs = project.root.parent / "logs/2026-11-29"
    logs.mkdir(parents=True)
    rows = pd.DataFrame({"customer": [int(PERSON), 1001], "prediction": ["a", "b"]})
    rows.to_parquet(logs / "a.parquet")
    rows[:1].to_parquet(logs / "b.parquet")
    model = recorded(project, "model.bin", "one")
    result = delete("--keep", "models/*", "--log", str(logs.parent))
    assert result.exit_code == 0, result.output
    assert "models/model.bin" in result.output
    assert (project.root / ".dvc/cache" / place(model)).exists()
    assert pd.read_parquet(logs / "a.parquet")["customer"].tolist() == [1001]
    assert not (logs / "b.parquet").exists()
    assert model not in read_tombstones(project.root).by_hash


def test_what_was_made_without_the_rows_as_well_stays() -> None:
    def record(read: str, written: str) -> Record:
        return Record(frozenset(read.split()), ((written, written),), "")

    records = [
        record("raw1 code", "table1"),
        record("raw2 code", "table2"),
        record("table1", "same"),
        record("table2", "same"),
        record("table1", "different"),
        record("same seed", "model"),
        record("different", "late"),
        record("late", "later"),
    ]
    made = {"table1", "different", "late", "later"}
    assert find_derived(records, {"raw1"}) == made
    assert find_derived(records, {"same"}) == {"model"}
    assert find_derived(records, set()) == set()


def test_folder_that_was_read_is_all_outputs_in_it() -> None:
    lock = b"""
stages:
  all: {deps: [{path: data/raw, md5: 1.dir}], outs: [{path: table, md5: "2"}]}
  one: {deps: [{path: data/raw/a/x, md5: "8"}], outs: [{path: one, md5: "3"}]}
"""
    a = b"outs: [{path: a, md5: 4.dir}]\ndeps: [{path: /export/a, md5: 4.dir}]"
    every = [*parse(lock, "dvc.lock", "lock"), *parse(a, "data/raw/a.dvc", "a")]
    table, one, pointer = (with_parts(record, every) for record in every)
    assert table.read == {"1.dir", "4.dir"}
    assert one.read == {"8"}
    # Where an import came from is no data of the project.
    assert (pointer.read, pointer.written) == (frozenset(), (("4.dir", "data/raw/a"),))
    assert find_derived([table, one, pointer], {"4.dir"}) == {"2"}


@pytest.mark.parametrize("keep", [(), ("models/*",)])
def test_files_that_others_use_and_models_that_are_kept_stay(keep: tuple[str]) -> None:
    records = [
        Record(frozenset(), (("raw.dir", "data/raw/scans"),), "old"),
        Record(frozenset({"raw.dir"}), (("rows.dir", "rows"),), "old"),
        Record(frozenset({"rows.dir"}), (("model", "models/model"),), "old"),
        Record(frozenset(), (("new.dir", "data/raw/scans"),), "new"),
        Record(frozenset({"new.dir"}), (("rows2.dir", "rows"),), "new"),
    ]
    folders = {
        "raw.dir": {"a": "theirs", "b": "other", "c": "both"},
        "rows.dir": {"0": "shared", "1": "old rows"},
        "new.dir": {"c": "both"},
        "rows2.dir": {"0": "shared"},
    }
    history = History(records, records[3:], {})
    gone, kept = choose(history, {"theirs"}, folders, keep)
    model: set[str] = set() if keep else {"model"}
    assert gone == {"theirs", "rows.dir", "old rows"} | model
    assert kept == ({"models/model"} if keep else set())


@pytest.mark.integration
def test_interrupted_deletion_goes_on_and_foreign_objects_stay(
    project: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = project.root / ".dvc/cache"
    digest = recorded(project, "people.csv", "one")
    foreign = cache / "files/md5/00" / ("0" * 30)
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text(f"customer,a\n{PERSON},1\n")

    def interrupted(*_: object) -> None:
        (cache / place(digest)).chmod(0o644)
        (cache / place(digest)).unlink()
        (project.root.parent / "store" / place(digest)).unlink()
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "remove", interrupted)
        assert delete().exit_code == 1
    assert delete().exit_code == 0
    assert having(project.root) == [foreign]
    assert not having(project.root.parent / "store")
    assert not uncommitted(cache)
    assert len(read_tombstones(project.root).deletions) == 1
    result = delete("--unrecorded")
    assert result.exit_code == 0, result.output
    assert not foreign.exists()


def test_only_what_is_listed_is_excused(tmp_path: Path) -> None:
    digest, other = "0" * 32, "1" * 32
    (tmp_path / "data").mkdir()
    expected = Deletion(
        day=datetime.date(2026, 11, 29),
        reason="erasure",
        decided_by="officer",
        objects={digest: "a"},
    )
    (tmp_path / DELETED).write_text(
        f"deletions:\n- {{day: 2026-11-29, reason: erasure, decided_by: officer,"
        f" objects: {{'{digest}': a}}}}\n"
    )
    found = read_tombstones(tmp_path)
    assert found.by_hash == {digest: expected}
    assert found.why([digest]) == f"deleted on purpose on 2026-11-29 ({DELETED})"
    assert not found.why([digest, other])
    assert not found.why([])
    (tmp_path / DELETED).write_text("deletions:\n- {day: 2026-11-29}\n")
    with pytest.raises(UserError, match=r"deletions\.0\.reason: Field required"):
        read_tombstones(tmp_path)


# What no test of a small project shows: stages, reports and `rml verify` as they are.
@pytest.mark.slow
@pytest.mark.integration
def test_real_project_goes_on_without_the_rows(tmp_path: Path) -> None:
    root, store, source = (tmp_path / n for n in ("project", "store", "visits.csv"))
    root.mkdir()
    store.mkdir()
    copy_files(root)
    project = Patient(root)
    project.commit("template")
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "customer": [int(PERSON), *range(1001, 1300)],
            "age": generator.integers(18, 90, 300),
            "city": generator.choice(["Bonn", "Oslo", "Rome"], 300),
        }
    )
    chance = generator.random(300)
    table["returned"] = np.where(chance < table["age"] / 100, "yes", "no")
    table.to_csv(source, index=False)

    def run(*command: str, code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=root,
            env=clean_environment() | {"PATH": programs, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run("rml", "data", str(source), "--target", "returned", "--id", "customer")
    with edit_yaml(root / "params.yaml") as params:
        params["evaluate"].update(replicates=100, importance_repeats=1)
        params["train"]["estimator"]["arguments"]["max_iter"] = 10
    run("rml", "repro")
    run("dvc", "remote", "add", "--default", "store", str(store))
    project.commit("one")
    project.git("tag", "one")
    run("dvc", "push", "--run-cache", "--quiet")
    table[1:].to_csv(source, index=False)
    run("rml", "data")
    run("rml", "repro")
    project.commit("two")
    run("dvc", "push", "--run-cache", "--quiet")
    assert having(store)

    values = tmp_path / "values.txt"
    values.write_text(f"{PERSON}\n")
    what = ("rml", "forget", str(values), "--column", "customer")
    why = ("--reason", "erasure", "--decided-by", "data protection officer")
    assert "Deleted." in run(*what, "--yes", *why)
    project.commit("deleted")
    for folder in (".dvc", "data", "models", "reports"):
        assert not having(root / folder)
    assert not having(store)
    assert "cache: 0 objects" in run(*what)
    assert "deleted on purpose" in run("rml", "verify", "one", code=1)
    assert "Data and pipelines are up to date" in run("dvc", "status")
    assert "bit for bit" in run("rml", "verify", "--same-processor")
    assert "cache: OK" in run("rml", "doctor", "--remote", code=1)
