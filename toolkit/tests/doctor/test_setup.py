"""Everything but data: files, left-overs, Git, remotes, secrets, environment."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from dvc.repo import Repo

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.doctor.check import Problem
from reproducible_ml.doctor.doctor import CHECKS, examine, examine_as_json, hints
from reproducible_ml.versioning.dvc import DvcError, run_dvc

from .conftest import Patient

# DVC calls a library in an old way.
DVC = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

pytestmark = [pytest.mark.integration, pytest.mark.slow, DVC]


def clone(patient: Patient, *options: str) -> Patient:
    """Clone the project as a colleague does."""
    target = patient.root.parent / "clone"
    url = f"file://{patient.root}"
    patient.git("clone", "--quiet", *options, url, str(target))
    return Patient(target)


def test_healthy_projects_have_no_problem(patient: Patient) -> None:
    assert not patient.all()
    # With the environment of the first one.
    patient.git("worktree", "add", "--quiet", "../worktree")
    assert not Patient(patient.root.parent / "worktree").all()
    assert not clone(patient).all()


def test_project_of_a_new_table_has_no_problem(patient: Patient) -> None:
    # As `rml data` leaves it: nothing was run, nothing committed.
    (patient.root / "dvc.lock").unlink()
    (patient.root / "reports/metrics.json").unlink()
    shutil.rmtree(patient.root / "data/interim")
    assert not patient.all()


# What is done to a file, and what is said of it.
BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is empty"),
    "zeros": (lambda old: bytes(len(old)), "is empty"),
    "merge": (lambda old: b"<<<<<<< HEAD\n" + old + b"=======\n>>>>>>> b\n", "merge"),
    "garbage": (lambda old: old + b"\t{[\x00\n", "is not valid YAML"),
    "list": (lambda _: b"- 1\n", "is not a mapping"),
    "cut": (lambda old: old[:-3], "is cut off"),
}

FILES = ("dvc.lock", "dvc.yaml", "params.yaml", "data/schema.yaml", "data/raw/a.dvc")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", BROKEN)
def test_file_that_cannot_be_read(patient: Patient, name: str, kind: str) -> None:
    path = patient.root / name
    good = path.read_bytes()
    spoil, words = BROKEN[kind]
    path.write_bytes(spoil(good))
    found = patient.check("files of Git and DVC")
    assert [words in one.text for one in found.problems] == [True]
    assert f"git restore {name}" in found.problems[0].fix
    patient.check("files of Git and DVC", fix=True)
    # What may have been written by hand is left to the user.
    assert (path.read_bytes() == good) == (kind in ("empty", "zeros", "cut"))


def test_lock_that_ends_between_lines(patient: Patient) -> None:
    path = patient.root / "dvc.lock"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-4]))
    assert "is cut off" in patient.check("files of Git and DVC").problems[0].text
    # A stage that was removed at the end of dvc.yaml, and new results, are fine.
    (patient.root / "dvc.yaml").write_text("stages: {}\n")
    path.write_text("schema: '2.0'\nstages: {}\n")
    assert not patient.check("files of Git and DVC").problems


def test_conflict_of_a_merge(patient: Patient) -> None:
    for branch, seed in (("other", 1), ("main", 2)):
        if branch == "other":
            patient.git("switch", "--quiet", "--create", branch)
        else:
            patient.git("switch", "--quiet", branch)
        patient.write("params.yaml", {"seed": seed})
        patient.commit()
    with pytest.raises(subprocess.CalledProcessError):
        patient.git("merge", "other")
    problem = patient.check("files of Git and DVC", fix=True).problems[0]
    assert problem.fix == "git checkout --ours params.yaml; or edit it, then git add"


@pytest.mark.parametrize("name", [".dvc/config", ".dvc/config.local"])
def test_settings_of_dvc_that_are_not_valid(patient: Patient, name: str) -> None:
    patient.write(name, "[core\n")
    for fix in (False, True):
        problems = patient.check("files of Git and DVC", fix=fix).problems
        # No other file is taken for damaged.
        assert [one.text.split(": is not valid")[0] for one in problems] == [name]
    assert not examine(Project(patient.root))


@pytest.mark.parametrize(
    ("name", "content", "said", "fix"),
    [
        ("params.yaml", b"seed: 0\nseed: 1\n", "line 2: found dupl", "git res"),
        ("params.yaml", "seed: 0\n".encode("utf-16"), "text in UTF-8", "git restore"),
        ("params.yaml", b"seed: " + b"[" * 3000, "nested more than", "git restore"),
        (
            "dvc.lock",
            "schema: '2.0'\n".encode("utf-16"),
            "text in UTF-8",
            "git restore",
        ),
        (".dvcignore", "/tmp\n".encode("utf-16"), "text in UTF-8", "git restore"),
        ("params.yaml", None, "Is a directory", "move that folder to another place"),
    ],
)
def test_file_that_dvc_cannot_read(
    patient: Patient, name: str, content: bytes | None, said: str, fix: str
) -> None:
    path = patient.root / name
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    # Another damaged file is found as well, and no check ends in a traceback.
    (patient.root / "data/raw/a.dvc").write_text("- 1\n")
    problems = patient.all()["files of Git and DVC"].problems
    assert len(problems) == 2
    assert said in problems[0].text
    assert fix in problems[0].fix


@pytest.mark.parametrize("content", ["\ufeff{}", "{}"])
def test_file_of_windows_is_fine(patient: Patient, content: str) -> None:
    for name in ("dvc.lock", "params.yaml", "data/raw/a.dvc", ".dvcignore"):
        path = patient.root / name
        text = content.replace("{}", path.read_text())
        path.write_bytes(text.replace("\n", "\r\n").encode())
    assert not patient.all()


def test_check_that_fails(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Iterator[Problem]:
        yield Problem("One.", "fix it")
        raise RecursionError("deep")

    monkeypatch.setitem(CHECKS, "dates", fail)
    texts = [problem.text for problem in patient.check("dates").problems]
    assert texts == ["One.", "the check failed: RecursionError: deep"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("data/interim/b", "${nowhere}", "Could not find 'nowhere'"),
        ("data/interim/b", "data/raw/a", "output 'data/raw/a' is specified in"),
        ("outs", "inputs", "is not complete: extra keys not allowed"),
    ],
)
def test_pipeline_that_dvc_cannot_read(
    patient: Patient, old: str, new: str, said: str
) -> None:
    path = patient.root / "dvc.yaml"
    path.write_text(path.read_text().replace(old, new))
    found = patient.all()
    assert said in str(found), found
    assert len({*found} & {"files of Git and DVC", "pipeline"}) == 1


def test_project_without_dvc(patient: Patient) -> None:
    shutil.rmtree(patient.root / ".dvc")
    assert "you are not inside of a DVC" in patient.all()["pipeline"].problems[0].text


def test_project_without_git(patient: Patient) -> None:
    shutil.rmtree(patient.root / ".git")
    found = patient.all()
    assert [*found] == ["pipeline"]
    assert found["pipeline"].problems[0].fix == "git init"


def test_errors_of_dvc_name_the_way_out(patient: Patient) -> None:
    (patient.root / "dvc.lock").write_text("")
    with pytest.raises(DvcError, match=r"required key not provided.*Fix: rml doctor$"):
        run_dvc("status", cwd=patient.root)
    assert hints(Project(patient.root)) == [
        "dvc.lock: is empty. Fix: git restore dvc.lock && make repro"
    ]


@pytest.mark.parametrize(
    "text", ["", "{", "null", '{"a": 1}', '{"read": {"x": [{"pid": "1"}]}}', "\0\0"]
)
def test_lock_of_dvc_that_is_damaged(patient: Patient, text: str) -> None:
    path = patient.root / ".dvc/tmp/rwlock"
    path.write_text(text)
    assert patient.check("lock of DVC").problems[0].fix == "rm .dvc/tmp/rwlock"
    assert patient.check("lock of DVC", fix=True).state == "fixed"
    assert not path.exists()


def test_lock_of_dvc_of_dead_processes(patient: Patient) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    dead = {"pid": ended.pid, "cmd": "dvc repro"}
    alive = {"pid": os.getpid(), "cmd": "dvc repro"}
    path = patient.root / ".dvc/tmp/rwlock"
    path.write_text(json.dumps({"write": {"x": dead, "y": alive}, "read": {}}))
    assert str(ended.pid) in patient.check("lock of DVC").problems[0].text
    only_dead = json.dumps({"write": {"x": dead}, "read": {}})
    both = path.read_text()
    path.write_text(only_dead)
    assert hints(Project(patient.root)) == []  # DVC removes the entry itself.
    path.write_text(both)
    assert patient.check("lock of DVC", fix=True).state == "fixed"
    assert json.loads(path.read_text())["write"] == {"y": alive}
    # The number of a process of today is that of another one of yesterday.
    os.utime(path, (1e9, 1e9))
    assert patient.check("lock of DVC", fix=True).state == "fixed"
    assert not path.exists()


def test_lock_of_dvc_of_a_stopped_process(patient: Patient) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        os.kill(process.pid, signal.SIGSTOP)
        # On a busy machine, it takes a moment.
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        held = {"pid": process.pid, "cmd": "dvc repro"}
        lock = json.dumps({"read": {}, "write": {"a": held}})
        patient.write(".dvc/tmp/rwlock", lock)
        found = patient.check("lock of DVC")
        process.kill()
    assert "is stopped (Ctrl-Z)" in found.problems[0].text


def test_database_of_hashes_that_is_damaged(patient: Patient) -> None:
    patient.look()
    with Repo(str(patient.root)) as repo:
        folder = Path(repo.site_cache_dir)
    for path in folder.rglob("cache.db*"):
        path.write_bytes(bytes(range(256)) * 16)
    assert "is damaged" in patient.check("hashes DVC remembers").problems[0].text
    assert patient.check("data").skipped
    assert patient.check("hashes DVC remembers", fix=True).state == "fixed"
    assert not patient.all()


def test_lock_of_git(patient: Patient) -> None:
    path = patient.root / ".git/index.lock"
    path.write_text("")
    assert not patient.check("lock of Git").problems
    os.utime(path, (1e9, 1e9))
    assert patient.check("lock of Git", fix=True).state == "fixed"
    patient.commit()


def test_temporary_files(patient: Patient) -> None:
    removed = (
        ".x.tmp",
        "data/interim/.b.tmp/part",
        ".dvc/cache/files/md5/ab/.y.tmp",
        ".dvc/tmp/tmpab12cd_x/download/z",
        "reports/.metrics.json.old.tmp",
    )
    kept = ("reports/.params.kept.tmp", "reports/.metrics.json.kept.tmp")
    for name in (*removed, *kept):
        patient.write(name, "1\n")
    assert not patient.check("killed commands").problems, "they may be in use"
    for name in (*removed, *kept):
        path = patient.root / name
        for one in (path, path.parent, path.parent.parent):
            os.utime(one, (1e9, 1e9))
    command = [sys.executable, "-c", "import time; time.sleep(60)", "rml"]
    with subprocess.Popen(command, cwd=patient.root) as working:
        time.sleep(0.5)
        assert not patient.check("killed commands").problems, "a command still runs"
        with pytest.raises(UserError, match="works in this project"):
            patient.check("killed commands", fix=True)
        working.kill()
    found = patient.check("killed commands", fix=True)
    assert not any((patient.root / name).exists() for name in removed)
    # The only copy of what a command was to replace goes back.
    assert (patient.root / "reports/params").read_text() == "1\n"
    assert [one.fix[:12] for one in found.problems] == ["compare them"]
    assert (patient.root / kept[1]).exists()


def test_copies_of_killed_experiments(patient: Patient) -> None:
    copy = patient.root / ".dvc/tmp/exps/standalone/tmpabcd"
    copy.mkdir(parents=True)
    assert not patient.check("killed experiments").problems
    os.utime(copy, (1e9, 1e9))
    assert patient.check("killed experiments").problems[0].fix == "rml queue-reset"


def test_reports_that_were_edited_and_committed(patient: Patient) -> None:
    patient.write("reports/metrics.json", '{"rows": 9999}\n')
    assert not patient.check("reports and dvc.lock").problems
    patient.commit()
    problem = patient.check("reports and dvc.lock").problems[0]
    assert problem.text.endswith("records: reports/metrics.json")


def test_dates_in_the_future(patient: Patient) -> None:
    ahead = time.time() + 90_000
    for name in ("reports/metrics.json", "data/interim/b/1"):
        os.utime(patient.root / name, (ahead, ahead))
    assert "data/interim/b/1, reports/" in patient.check("dates").problems[0].text
    assert patient.check("dates", fix=True).state == "fixed"
    assert (patient.root / "data/interim/b/1").stat().st_mtime < ahead - 80_000


def test_folders(patient: Patient) -> None:
    (patient.root / "reports").chmod(0o555)
    assert patient.check("folders are writable").problems[0].fix == "chmod u+w reports"
    assert patient.check("folders are writable", fix=True).state == "fixed"
    (patient.root / "models").write_text("")
    found = patient.check("folders are writable").problems[0]
    assert found.text == "models: is a file, but has to be a folder"
    (patient.root / "data/interim").rename(patient.root.parent / "elsewhere")
    (patient.root / "data/interim").symlink_to("../../elsewhere")
    assert patient.check("folders are no links").problems[0].text.startswith("data/in")


def test_space(patient: Patient) -> None:
    lock = patient.root / "dvc.lock"
    lock.write_text(lock.read_text().replace("size: ", "size: 99999999999999"))
    assert "are free on this disk" in patient.check("free space").problems[0].text


def test_space_where_dvc_cannot_work(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a full disk leaves.
    (patient.root / "dvc.lock").write_text("")
    assert patient.check("free space").state == "OK"
    full = shutil.disk_usage(patient.root)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert "0.0 GB are free" in patient.check("free space").problems[0].text


def test_git(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.commit("Second")
    assert clone(patient, "--depth", "1").check("history").problems[0].fix == (
        "git fetch --unshallow"
    )
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    problem = patient.check("history").problems[0]
    assert problem.fix == f"git config --global --add safe.directory {patient.root}"
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert not patient.check("identity").problems
    patient.git("config", "--unset", "user.email")
    assert "user.email" in patient.check("identity").problems[0].text
    patient.git("config", "user.email", "test@example.org")
    patient.git(
        *("-c", "protocol.file.allow=always", "submodule", "--quiet", "add"),
        *(f"file://{patient.root}", "inner"),
    )
    assert not patient.check("submodules").problems
    patient.git("submodule", "--quiet", "deinit", "--force", "inner")
    problem = patient.check("submodules").problems[0]
    assert problem.text == "submodule inner: is not checked out"


@pytest.mark.parametrize("level", ["--local", "--project"])
def test_remote_that_is_not_verified(patient: Patient, level: str) -> None:
    patient.dvc("remote", "add", level, "other", "s3://bucket/folder")
    problem = patient.check("remotes").problems[0]
    assert problem.fix.endswith("other verify true")
    assert patient.check("remotes", fix=True).state == "fixed"
    assert patient.check("remotes").state == "OK"


def test_default_remote_that_does_not_exist(patient: Patient) -> None:
    patient.write(".dvc/config.local", "[core]\n    remote = gone\n")
    assert "default remote is gone" in patient.check("remotes").problems[0].text


def test_address_that_dvc_reads_in_part(patient: Patient) -> None:
    config = patient.root / ".dvc/config"
    text = config.read_text()
    config.write_text(text.replace("../store", "../store#1"))
    problem = patient.check("remotes").problems[0]
    assert problem.text.endswith("DVC reads the URL only up to the #")
    for fine in ('"../store#1"', "../store  # of the team"):
        config.write_text(text.replace("../../store", fine).replace("../store", fine))
        assert not patient.check("remotes").problems


def test_secret_is_never_printed(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    config = patient.root / ".dvc/config"
    lines = "['remote \"web\"']\n    url = https://h/x\n    password = S3CRET\n"
    config.write_text(config.read_text() + lines)
    patient.write("data/raw/a.query.yaml", "url: mysql://me:S3CRET@host/db\n")
    patient.write(".dvc/config.local", "")
    patient.git("add", "--force", ".dvc/config.local", "data/raw/a.query.yaml")
    assert not examine(Project(patient.root))
    assert not examine_as_json(Project(patient.root), fix=False, remote=False)
    printed = capsys.readouterr()
    assert "S3CRET" not in printed.out + printed.err
    content = json.loads(printed.out.partition("\n[")[2].join(["[", ""]))
    by_name = {one["check"]: one for one in content}
    assert by_name["secrets"]["state"] == "problem"
    assert len(by_name["secrets"]["problems"]) == 3
    assert by_name["cache"]["state"] == "OK"


def test_packages_and_code(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    pin = f"PyYAML=={yaml.__version__} \\\n    --hash=sha256:0\n"
    lock = patient.root / "environments/runtime.txt"
    patient.write("environments/runtime.txt", pin)
    assert not patient.check("packages").problems
    lock.write_text("pyyaml==0.1\nno_such==1\nother==1 ; sys_platform == 'none'\n")
    text = patient.check("packages").problems[0].text
    assert f"pyyaml is {yaml.__version__}, not 0.1, no_such is missing" in text
    assert "other" not in text
    patient.write("code/small/__init__.py", "")
    patient.commit()
    assert "imports it from" in clone(patient).check("imports").problems[0].text
    monkeypatch.setenv("PYTHONPATH", "")
    assert "imports it not at all" in patient.check("imports").problems[0].text
    (patient.root / ".venv").mkdir()
    assert "not of .venv" in patient.check("packages").problems[0].text
