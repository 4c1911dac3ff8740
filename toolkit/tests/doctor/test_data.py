"""Damaged caches, data and remotes are found and cured; nothing is ever lost."""

import hashlib
import shutil

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.inputs import check_inputs

from ..copies import flip
from ..loopback import serving
from .conftest import Patient

# DVC calls a library in an old way.
DVC = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

pytestmark = [pytest.mark.integration, DVC]

# What the stage reads and writes.
PATHS = ["data/raw/a", "data/raw/t", "data/interim/b", "reports/metrics.json"]

OUTPUTS = ["data/raw/a", "data/raw/t", "data/raw/t/x", "data/interim/b/1"]


@pytest.mark.parametrize("name", [*OUTPUTS, "data/interim/b"])
def test_object_is_written_anew_from_the_working_tree(
    patient: Patient, name: str
) -> None:
    stored = patient.object(name)
    content = stored.read_bytes()
    flip(stored)
    found = patient.check("cache")
    assert len(found.problems) == 1
    assert "is damaged: its content is not what its name says" in found.problems[0].text
    assert patient.check("cache", fix=True).state == "fixed"
    assert stored.read_bytes() == content
    assert stored.stat().st_mode & 0o777 == 0o444


def test_object_that_cannot_be_read(patient: Patient) -> None:
    stored = patient.object("data/raw/a")
    stored.unlink()
    stored.symlink_to(stored.name)  # A loop, which cannot be opened either.
    assert "cannot be read" in patient.check("cache").problems[0].text
    assert patient.check("cache", fix=True).state == "fixed"
    assert patient.check("cache").state == "OK"


@pytest.mark.parametrize("name", ["data/raw/a", "data/raw/t", "data/interim/b/1"])
def test_object_that_is_a_folder(patient: Patient, name: str) -> None:
    stored = patient.object(name)
    content = stored.read_bytes()
    stored.unlink()
    stored.mkdir()
    assert "is a folder instead of a file" in patient.check("cache").problems[0].text
    assert patient.check("cache", fix=True).state == "fixed"
    assert stored.read_bytes() == content
    assert not patient.all()


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("data/raw/a", "copy"),
        ("data/raw/a", "symlink"),
        ("data/raw/t/x", "copy"),
        ("data/interim/b/1", "copy"),
        ("data/interim/b/1", "hardlink"),
        ("data/interim/b/1", "symlink"),
    ],
)
def test_damage_of_object_and_copy(patient: Patient, name: str, link: str) -> None:
    path, stored = patient.root / name, patient.object(name)
    if link != "copy":
        path.unlink()
        patient.dvc("config", "--local", "cache.type", link)
        patient.dvc("checkout")
    patient.look()
    flip(stored)
    if not path.samefile(stored):
        flip(path)
    patient.look()
    with pytest.raises(UserError, match="Fix: run `rml doctor --fix`"):
        check_inputs(PATHS, patient.root)
    patient.check("cache", "data", fix=True)
    assert not patient.all()
    assert (patient.root / ".dvc/tmp/damaged").is_dir()
    patient.dvc(*(["pull"] if "raw" in name else ["repro"]))
    check_inputs(PATHS, patient.root)
    assert path.is_file()
    assert not patient.check("cache").problems
    assert not patient.check("data").problems


def test_damage_of_a_listing_and_of_the_folder(patient: Patient) -> None:
    flip(patient.object("data/interim/b"))
    patient.look()
    flip(patient.root / "data/interim/b/1")
    assert "is not what dvc.lock" in patient.check("data").problems[0].text
    patient.check("cache", "data", fix=True)
    patient.dvc("repro")
    assert patient.check("cache", "data").state == "OK"


@pytest.mark.parametrize(
    "name", [*PATHS[:1], "data/raw/t/x", "data/interim/b/1", PATHS[3]]
)
def test_damage_of_the_copy_alone(patient: Patient, name: str) -> None:
    content = (patient.root / name).read_bytes()
    patient.look()
    flip(patient.root / name)
    assert "is not what" in patient.check("data").problems[0].text
    assert patient.check("data", fix=True).state == "fixed"
    assert (patient.root / name).read_bytes() == content
    assert (patient.root / ".dvc/tmp/damaged" / name).is_file()
    assert patient.check("data").state == "OK"


def test_edit_of_raw_data_is_left_to_the_user(patient: Patient) -> None:
    table = patient.root / "data/raw/a"
    table.write_text("7,8\n")
    found = patient.check("data", fix=True)
    assert found.state == "problem"
    assert "it was edited" in found.problems[0].text
    expected = (
        "to keep the edit: make repro; to lose it: dvc checkout --force data/raw/a"
    )
    assert found.problems[0].fix == expected
    assert table.read_text() == "7,8\n"
    patient.dvc("repro")
    assert not patient.check("data").problems


def test_only_copy_of_raw_data_stays(patient: Patient) -> None:
    patient.dvc("remote", "remove", "store")
    patient.look()
    for path in (patient.object("data/raw/a"), patient.root / "data/raw/a"):
        flip(path)
    found = patient.all(fix=True)
    assert found["cache"].state == "fixed"
    assert "no other copy here, and no remote" in found["data"].problems[0].fix
    assert (patient.root / "data/raw/a").is_file()
    (patient.root / "data/raw/a").touch()
    patient.dvc("repro")
    check_inputs(PATHS, patient.root)


def test_link_to_an_object_that_is_gone(patient: Patient) -> None:
    (patient.root / "data/interim/b/1").unlink()
    (patient.root / "data/interim/b/1").symlink_to("../nowhere")
    assert "a link to an object that is gone" in patient.check("data").problems[0].text
    assert patient.check("data", fix=True).state == "fixed"
    assert patient.check("data").state == "OK"


def test_object_of_dvc_2(patient: Patient) -> None:
    text = b"1\n2\n"
    digest = hashlib.md5(text).hexdigest()
    path = patient.root / ".dvc/cache" / digest[:2] / digest[2:]
    path.parent.mkdir()
    # Text is hashed with the line ends of Unix.
    path.write_bytes(b"1\r\n2\r\n")
    assert not patient.check("cache").problems
    path.write_bytes(b"1\r\n3\r\n")
    assert patient.check("cache").problems


@pytest.mark.parametrize("name", ["data/raw/a", "data/raw/t/y", "data/raw/t"])
def test_object_on_a_remote_is_replaced(patient: Patient, name: str) -> None:
    stored = patient.object(name, "../store")
    content = stored.read_bytes()
    assert patient.check("objects on remotes").state == "not checked"
    assert patient.check("objects on remotes", remote=True).state == "OK"
    flip(stored)
    problem = patient.check("objects on remotes", remote=True).problems[0]
    assert problem.fix == "rml doctor --fix --remote"
    patient.check("objects on remotes", fix=True, remote=True)
    assert stored.read_bytes() == content
    assert patient.check("objects on remotes", remote=True).state == "OK"


def test_object_that_was_deleted_on_a_remote(patient: Patient) -> None:
    stored = patient.object("data/raw/t/y", "../store")
    stored.unlink()
    patient.dvc("push")
    assert not stored.exists(), "DVC pushes it again: the check can go"
    found = patient.check("objects on remotes", remote=True)
    assert "is gone, but its folder is there" in found.problems[0].text
    assert patient.check("objects on remotes", fix=True, remote=True).state == "fixed"
    assert stored.is_file()


def test_remote_folder_that_is_gone_and_other_files_in_it(patient: Patient) -> None:
    store = patient.root.parent / "store"
    patient.object("data/raw/a", "../store").with_name(".x.tmp").write_text("")
    (store / "files/md5/README").write_text("")
    assert patient.check("objects on remotes", remote=True).state == "OK"
    shutil.rmtree(store)
    found = patient.check("objects on remotes", remote=True)
    text = f"remote store: {store}/files/md5 does not exist"
    assert [problem.text for problem in found.problems] == [text]


def test_remote_object_without_another_copy_stays(patient: Patient) -> None:
    flip(patient.object("data/raw/a", "../store"))
    shutil.rmtree(patient.root / ".dvc/cache")
    found = patient.check("objects on remotes", fix=True, remote=True)
    assert "no intact copy is in the cache here" in found.problems[0].fix
    assert patient.object("data/raw/a", "../store").is_file()


def test_remote_that_cannot_be_reached(patient: Patient) -> None:
    patient.dvc("remote", "add", "web", "http://127.0.0.1:9/store")
    found = patient.check("objects on remotes", remote=True)
    assert found.problems[0].text.startswith("remote web cannot be read: Cannot conn")


def test_objects_of_a_web_server(patient: Patient) -> None:
    good = patient.object("data/raw/a")
    answers = {f"{good.parent.name}/{good.name}": b"damaged"}

    def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        name = path.partition("/files/md5/")[2]
        return (200, answers[name]) if name in answers else (404, b"")

    with serving(answer) as place:
        patient.dvc("remote", "add", "web", f"http://{place}")
        found = patient.check("objects on remotes", remote=True)
    assert [one.text.split()[1] for one in found.problems] == ["web:"]
    assert good.name in found.problems[0].text


@pytest.mark.parametrize("name", ["data/raw/a", "data/raw/t"])
def test_raw_data_that_nothing_tracks(patient: Patient, name: str) -> None:
    pointer = patient.root / f"{name}.dvc"
    patient.git("rm", "--cached", f"{name}.dvc")
    problem = patient.check("raw data are tracked").problems[0]
    assert problem.fix == f"git add {name}.dvc, then commit it"
    pointer.unlink()
    problem = patient.check("raw data are tracked").problems[0]
    assert problem.fix == f"dvc add {name}, then commit {name}.dvc"


def test_lock_of_another_version_of_raw_data(patient: Patient) -> None:
    (patient.root / "data/raw/a").write_text("7,8\n")
    patient.dvc("add", "data/raw/a")
    problem = patient.check("raw data are tracked").problems[0]
    assert "made with another version than data/raw/a.dvc has" in problem.text


@pytest.mark.parametrize(
    "name", ["a:b", "a;b", "a#b", "a$b", "a%b", "a&b", "a(b", "a'b", "a b", "-a"]
)
def test_names_that_need_quotes(patient: Patient, name: str) -> None:
    patient.write(f"data/raw/{name}", "1\n")
    assert len(patient.check("names of data").problems) == 1


def test_names_in_other_languages_are_fine(patient: Patient) -> None:
    for name in ("año.csv", "訪問", "year=2026", "a+b,c@d.csv"):
        patient.write(f"data/raw/{name}", "1\n")
    assert not patient.check("names of data").problems
