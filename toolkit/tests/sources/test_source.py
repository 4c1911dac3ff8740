"""Tables in data/raw/: fetched, tracked, restored on failure."""

import functools
import hashlib
import http.server
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.core.errors import UserError
from reproducible_ml.sources.source import (
    Source,
    fetch,
    read_source,
    recorded_source,
    track,
)
from reproducible_ml.versioning.dvc import run_dvc

from ..loopback import FilesWithVersions

# Each runs DVC.
pytestmark = pytest.mark.slow


ROOT = Path(__file__).resolve().parents[3]
RAW = Path("data/raw")

PIPELINE = """\
stages:
  count:
    cmd: wc -l < data/raw/visits.csv > count.txt
    deps: [data/raw/visits.csv]
    outs: [count.txt]
"""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with visits.csv, outside the repository."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "visits.csv").write_text("id\n1\n")
    return folder


@pytest.fixture
def server(outside: Path) -> Iterator[str]:
    """The URL of the folder outside, on this computer."""
    handler = functools.partial(FilesWithVersions, directory=str(outside))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that ignores what this one ignores; to be copied."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / RAW).mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    run_dvc("init", cwd=folder)
    for name in (".gitignore", ".dvcignore", ".dvc/config"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture
def repository(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of this test alone, and the current folder."""
    folder = shutil.copytree(empty, tmp_path / "repository")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def temporary(repository: Path) -> Callable[[], Path]:
    """Make empty folders on the repository's disk."""
    numbers = iter(range(100))

    def make() -> Path:
        folder = repository / ".dvc" / "tmp" / f"fetched-{next(numbers)}"
        folder.mkdir(parents=True)
        return folder

    return make


@pytest.fixture
def adopt(temporary: Callable[[], Path]) -> Callable[..., Path]:
    """Fetch and track what the user typed."""

    def run(*arguments: Any, **more: Any) -> Path:
        source = read_source(*arguments, **more)
        return track(source, fetch(source, RAW, temporary()), RAW)

    return run


def _files(folder: Path = Path()) -> dict[str, bytes]:
    """Return all files outside .git and .dvc, with what they hold."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".git", ".dvc"} & set(path.parts)
    }


def _pointer(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((RAW / f"{name}.dvc").read_text("utf-8"))
    return content


def _git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], text=True)


# Paths.


def test_copied_file_is_read_again_from_its_path_which_git_does_not_record(
    adopt: Callable[..., Path], outside: Path
) -> None:
    table = adopt(str(outside / "visits.csv"))
    assert table == RAW / "visits.csv"
    assert table.read_text() == "id\n1\n"
    out = _pointer("visits.csv")["outs"][0]
    assert out["md5"] == hashlib.md5(b"id\n1\n").hexdigest()
    assert recorded_source(table).place == str(outside / "visits.csv")
    assert str(outside) not in _git("diff", "--cached")
    ignored = _git("status", "--porcelain", "--ignored", ".dvc/tmp")
    assert ignored.split() in ([], ["!!", ".dvc/tmp/"])


def test_other_clone_does_not_know_the_path(
    adopt: Callable[..., Path], outside: Path
) -> None:
    table = adopt(str(outside / "visits.csv"))
    shutil.rmtree(".dvc/tmp")
    table.unlink()
    with pytest.raises(UserError, match="known only to the clone that added it"):
        recorded_source(table)


def test_folder_is_imported_with_all_its_parts(
    adopt: Callable[..., Path], outside: Path
) -> None:
    for number in range(12):
        part = outside / "visits" / f"{number % 2}" / f"part-{number}.csv"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(f"id\n{number}\n")
    adopt(str(outside / "visits"))
    assert len(_files(RAW / "visits")) == 12
    assert _pointer("visits")["outs"][0]["nfiles"] == 12
    assert (RAW / "visits" / "1" / "part-3.csv").read_text() == "id\n3\n"


def test_what_dvc_ignores_in_a_folder_does_not_look_like_a_change(
    adopt: Callable[..., Path], outside: Path
) -> None:
    for name in ("part-0.csv", "__pycache__/x.pyc", ".part-1.csv.tmp"):
        (outside / "visits" / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / "visits" / name).write_text("id\n1\n")
    adopt(str(outside / "visits"))
    assert _pointer("visits")["outs"][0]["nfiles"] == 1


def test_git_keeps_the_pointer_and_not_the_data(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    assert "data/raw/visits.csv.dvc" in _git("ls-files").splitlines()
    assert _git("status", "--porcelain", "--untracked-files=all", "data").split() == [
        "A",
        "data/raw/visits.csv.dvc",
    ]


def test_fetching_a_path_copies_and_changes_nothing(
    temporary: Callable[[], Path], outside: Path
) -> None:
    before = _files()
    source = read_source(str(outside / "visits.csv"))
    assert fetch(source, RAW, temporary()) == outside / "visits.csv"
    assert _files() == before


def test_same_source_again_touches_no_file(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    before = {path: path.stat().st_mtime_ns for path in RAW.iterdir()}
    adopt(str(outside / "visits.csv"))
    assert {path: path.stat().st_mtime_ns for path in RAW.iterdir()} == before


def test_changed_source_replaces_the_table(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    (outside / "visits.csv").write_text("id\n1\n2\n")
    adopt(str(outside / "visits.csv"))
    assert (RAW / "visits.csv").read_text() == "id\n1\n2\n"
    md5 = hashlib.md5(b"id\n1\n2\n").hexdigest()
    assert _pointer("visits.csv")["outs"][0]["md5"] == md5


@pytest.mark.parametrize("place", ["nowhere.csv", "/nowhere/at all.csv"])
def test_missing_path_is_told(temporary: Callable[[], Path], place: str) -> None:
    with pytest.raises(UserError, match=r"\.csv: does not exist"):
        fetch(read_source(place), RAW, temporary())


@pytest.mark.parametrize("place", ["data/raw", "data", "."])
def test_folder_around_the_raw_data_is_refused(
    temporary: Callable[[], Path], place: str
) -> None:
    with pytest.raises(UserError, match="contains data/raw itself"):
        fetch(read_source(place, name="x"), RAW, temporary())


@pytest.mark.parametrize("known", [False, True], ids=["untracked", "changed"])
def test_data_that_dvc_could_not_bring_back_are_not_replaced(
    adopt: Callable[..., Path], outside: Path, known: bool
) -> None:
    if known:
        adopt(str(outside / "visits.csv"))
    (RAW / "visits.csv").write_text("id\nprecious\n")
    before = _files()
    with pytest.raises(UserError, match=r"data/raw/visits\.csv: exists already"):
        adopt(str(outside / "visits.csv"))
    assert _files() == before


def test_equal_data_without_a_pointer_are_tracked(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    (RAW / "visits.csv.dvc").unlink()
    adopt(str(outside / "visits.csv"))
    assert (RAW / "visits.csv").read_text() == "id\n1\n"
    assert _pointer("visits.csv")["outs"][0]["path"] == "visits.csv"


# What lies in data/raw already.


def test_file_in_place_is_tracked_where_it_is(
    adopt: Callable[..., Path], repository: Path
) -> None:
    (RAW / "visits.csv").write_text("id\n1\n")
    adopt("data/raw/visits.csv")
    assert "deps" not in _pointer("visits.csv")
    assert "data/raw/visits.csv.dvc" in _git("ls-files").splitlines()
    assert recorded_source(RAW / "visits.csv") == read_source("data/raw/visits.csv")


def test_file_in_place_that_changed_is_tracked_anew(
    adopt: Callable[..., Path], repository: Path
) -> None:
    (RAW / "visits.csv").write_text("id\n1\n")
    adopt("data/raw/visits.csv")
    (RAW / "visits.csv").write_text("id\n2\n")
    adopt("data/raw/visits.csv")
    md5 = hashlib.md5(b"id\n2\n").hexdigest()
    assert _pointer("visits.csv")["outs"][0]["md5"] == md5


def test_imported_copy_that_was_edited_is_refused(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    assert adopt("data/raw/visits.csv") == RAW / "visits.csv"
    (RAW / "visits.csv").write_text("id\n2\n")
    before = _files()
    with pytest.raises(UserError, match=r"is a copy of .*visits\.csv, but was edited"):
        adopt("data/raw/visits.csv")
    assert _files() == before


def test_file_deep_in_the_raw_folder_is_refused(
    adopt: Callable[..., Path], repository: Path
) -> None:
    (RAW / "sub").mkdir()
    (RAW / "sub" / "visits.csv").write_text("id\n1\n")
    with pytest.raises(UserError, match=r"Move it to data/raw/visits\.csv"):
        adopt("data/raw/sub/visits.csv")


def test_file_in_place_with_a_blank_is_to_be_renamed(
    adopt: Callable[..., Path], repository: Path
) -> None:
    (RAW / "my visits.csv").write_text("id\n1\n")
    with pytest.raises(UserError, match=r"Move it to data/raw/my_visits\.csv"):
        adopt("data/raw/my visits.csv")


# URLs.


def test_download_is_judged_outside_the_raw_folder(
    temporary: Callable[[], Path], repository: Path, server: str
) -> None:
    before = _files()
    fetched = fetch(read_source(f"{server}/visits.csv"), RAW, temporary())
    assert fetched.read_text() == "id\n1\n"
    assert _files() == before


def test_url_is_imported_by_its_etag(adopt: Callable[..., Path], server: str) -> None:
    adopt(f"{server}/visits.csv?version=1")
    assert (RAW / "visits.csv").read_text() == "id\n1\n"
    digest = hashlib.md5(b"id\n1\n").hexdigest()
    pointer = _pointer("visits.csv")
    assert pointer["deps"][0]["path"] == f"{server}/visits.csv?version=1"
    assert pointer["deps"][0]["checksum"] == f'"{digest}"'
    assert pointer["outs"][0]["md5"] == digest


def test_url_is_not_downloaded_again_unless_it_changed(
    adopt: Callable[..., Path],
    temporary: Callable[[], Path],
    server: str,
    outside: Path,
) -> None:
    adopt(f"{server}/visits.csv")
    source = read_source(f"{server}/visits.csv")
    assert fetch(source, RAW, temporary()) == RAW / "visits.csv"
    (outside / "visits.csv").write_text("id\n1\n2\n")
    assert fetch(source, RAW, temporary()) != RAW / "visits.csv"
    adopt(f"{server}/visits.csv")
    assert (RAW / "visits.csv").read_text() == "id\n1\n2\n"


def test_url_is_downloaded_again_if_the_copy_is_gone(
    adopt: Callable[..., Path], server: str
) -> None:
    adopt(f"{server}/visits.csv")
    (RAW / "visits.csv").unlink()
    adopt(f"{server}/visits.csv")
    assert (RAW / "visits.csv").read_text() == "id\n1\n"


def test_url_that_changes_while_it_is_judged_is_refused_and_nothing_changes(
    adopt: Callable[..., Path],
    temporary: Callable[[], Path],
    server: str,
    outside: Path,
) -> None:
    adopt(f"{server}/visits.csv")
    (outside / "visits.csv").write_text("id\n1\n2\n")
    source = read_source(f"{server}/visits.csv")
    fetched = fetch(source, RAW, temporary())
    (outside / "visits.csv").write_text("id\n1\n2\n3\n")
    before = _files()
    with pytest.raises(UserError, match=r"changed while it was read\. Run the command"):
        track(source, fetched, RAW)
    assert _files() == before


def test_dvc_update_finds_a_changed_url(
    adopt: Callable[..., Path], server: str, outside: Path
) -> None:
    adopt(f"{server}/visits.csv")
    (outside / "visits.csv").write_text("id\n1\n2\n")
    run_dvc("update", "data/raw/visits.csv.dvc", cwd=Path())
    assert (RAW / "visits.csv").read_text() == "id\n1\n2\n"


def test_missing_url_is_told_and_nothing_written(
    temporary: Callable[[], Path], server: str
) -> None:
    before = _files()
    with pytest.raises(UserError, match=r"/visit\.csv: the server says 404"):
        fetch(read_source(f"{server}/visit.csv"), RAW, temporary())
    assert _files() == before


# Failure and interruption.


def _spoil_cache() -> None:
    """Let every attempt to store something in the cache fail."""
    shutil.rmtree(".dvc/cache", ignore_errors=True)
    Path(".dvc/cache").write_text("no folder")


@pytest.mark.parametrize("in_place", [False, True])
def test_earlier_state_comes_back_when_dvc_fails(
    adopt: Callable[..., Path],
    temporary: Callable[[], Path],
    outside: Path,
    in_place: bool,
) -> None:
    place = RAW / "visits.csv" if in_place else outside / "visits.csv"
    place.write_text("id\n1\n")
    adopt(str(place))
    place.write_text("id\n1\n2\n")
    before = _files()
    source = read_source(str(place))
    fetched = fetch(source, RAW, temporary())
    _spoil_cache()
    with pytest.raises(UserError, match=r"data/raw/visits\.csv: DVC cannot track it: "):
        track(source, fetched, RAW)
    assert _files() == before


def test_nothing_is_left_when_dvc_fails_on_a_new_table(
    adopt: Callable[..., Path], outside: Path
) -> None:
    _spoil_cache()
    with pytest.raises(UserError, match="DVC cannot track it"):
        adopt(str(outside / "visits.csv"))
    assert _files(RAW) == {}


def _interrupt(source: Path, number: signal.Signals) -> int:
    """Track a source in another process and interrupt it halfway."""
    code = (
        "import sys; from pathlib import Path;"
        "from reproducible_ml.sources import source;"
        "name = sys.argv[1];"
        "source.track(source.read_source(name), Path(name), Path('data/raw'))"
    )
    command = [sys.executable, "-c", code, str(source)]
    process = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not (RAW / ".visits.csv.kept.tmp").exists():
        time.sleep(0.01)
    os.killpg(process.pid, number)
    return process.wait()


def test_earlier_state_comes_back_after_ctrl_c(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    (outside / "visits.csv").write_text("id\n1\n2\n")
    before = _files()
    assert _interrupt(outside / "visits.csv", signal.SIGINT) != 0
    assert _files() == before


def test_next_run_succeeds_after_a_kill(
    adopt: Callable[..., Path], outside: Path
) -> None:
    adopt(str(outside / "visits.csv"))
    (outside / "visits.csv").write_text("id\n1\n2\n")
    assert _interrupt(outside / "visits.csv", signal.SIGKILL) == -signal.SIGKILL
    adopt(str(outside / "visits.csv"))
    assert sorted(path.name for path in RAW.iterdir()) == [
        "visits.csv",
        "visits.csv.dvc",
    ]
    assert (RAW / "visits.csv").read_text() == "id\n1\n2\n"


# Databases.


@pytest.fixture
def shop(outside: Path) -> str:
    """The URL of a database with two visits."""
    with closing(sqlite3.connect(outside / "shop.db", isolation_level=None)) as opened:
        opened.execute("CREATE TABLE visits (id INTEGER)")
        opened.execute("INSERT INTO visits VALUES (2), (1)")
    return f"sqlite:///{outside}/shop.db"


def test_snapshot_is_tracked_with_its_query(
    adopt: Callable[..., Path], shop: str
) -> None:
    adopt(shop, "SELECT * FROM visits", "id")
    assert (RAW / "shop.csv").read_text() == '"id"\n1\n2\n'
    assert "deps" not in _pointer("shop.csv")
    record = yaml.safe_load((RAW / "shop.csv.query.yaml").read_text("utf-8"))
    assert record == {"url": shop, "query": "SELECT * FROM visits", "key": ["id"]}
    assert {"data/raw/shop.csv.dvc", "data/raw/shop.csv.query.yaml"} == set(
        _git("ls-files", "data").splitlines()
    )


def test_recorded_query_is_asked_again(
    adopt: Callable[..., Path],
    temporary: Callable[[], Path],
    shop: str,
    outside: Path,
) -> None:
    adopt(shop, "SELECT * FROM visits", "id")
    before = _files()
    source = recorded_source(RAW / "shop.csv")
    track(source, fetch(source, RAW, temporary()), RAW)
    assert _files() == before
    with closing(sqlite3.connect(outside / "shop.db", isolation_level=None)) as opened:
        opened.execute("INSERT INTO visits VALUES (3)")
    track(source, fetch(source, RAW, temporary()), RAW)
    assert (RAW / "shop.csv").read_text() == '"id"\n1\n2\n3\n'


def test_file_that_takes_the_place_of_a_snapshot_forgets_the_query(
    adopt: Callable[..., Path], shop: str, outside: Path
) -> None:
    adopt(shop, "SELECT * FROM visits", "id", name="visits.csv")
    adopt(str(outside / "visits.csv"))
    assert recorded_source(RAW / "visits.csv").query is None
    assert sorted(path.name for path in RAW.iterdir()) == [
        "visits.csv",
        "visits.csv.dvc",
    ]


# What was recorded_source.


def test_recorded_url_and_path_are_the_sources_again(
    adopt: Callable[..., Path], server: str, outside: Path
) -> None:
    adopt(f"{server}/visits.csv")
    place = f"{server}/visits.csv"
    assert recorded_source(RAW / "visits.csv") == Source(place=place, name="visits.csv")
    adopt(str(outside / "visits.csv"))
    place = str(outside / "visits.csv")
    assert recorded_source(RAW / "visits.csv") == Source(place=place, name="visits.csv")


# S3, where DVC's package and the server of moto are installed.


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 client of a server on this computer that has an empty bucket."""
    pytest.importorskip("dvc_s3", reason="dvc[s3] is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    boto3 = pytest.importorskip("boto3")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    server.stop()


def test_file_and_folder_come_from_s3_and_are_updated(
    adopt: Callable[..., Path], bucket: Any
) -> None:
    for number in range(3):
        key = f"visits/part-{number}.csv"
        bucket.put_object(Bucket="bucket", Key=key, Body=b"id\n%d\n" % number)
    adopt("s3://bucket/visits/")
    adopt("s3://bucket/visits/part-0.csv")
    assert sorted(path.name for path in (RAW / "visits").iterdir()) == [
        "part-0.csv",
        "part-1.csv",
        "part-2.csv",
    ]
    assert (RAW / "part-0.csv").read_text() == "id\n0\n"
    bucket.put_object(Bucket="bucket", Key="visits/part-0.csv", Body=b"id\n9\n")
    run_dvc("update", "part-0.csv.dvc", "visits.dvc", cwd=RAW)
    assert (RAW / "part-0.csv").read_text() == "id\n9\n"
    assert (RAW / "visits" / "part-0.csv").read_text() == "id\n9\n"


def test_missing_object_in_s3_is_told(
    temporary: Callable[[], Path], bucket: Any
) -> None:
    with pytest.raises(UserError, match=r"s3://bucket/x\.csv: is not there, or your"):
        fetch(read_source("s3://bucket/x.csv"), RAW, temporary())
