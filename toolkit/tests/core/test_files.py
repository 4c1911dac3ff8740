"""Files are written completely or not at all; YAML that would do harm is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.core.files import (
    DEEP,
    all_or_nothing,
    load_yaml,
    parse_params,
    replacing,
    replacing_folder,
    write_json,
    write_text,
)

stops = pytest.mark.parametrize("stop", [ValueError, OSError, KeyboardInterrupt])

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)


def write_file(path: Path, text: str, stop: type[BaseException] | None = None) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)
        if stop:
            raise stop


def write_folder(
    path: Path, text: str, stop: type[BaseException] | None = None
) -> None:
    with replacing_folder(path) as temporary:
        (temporary / "part-00000").write_text(text)
        if stop:
            raise stop


def content(path: Path) -> dict[str, str]:
    """Return the text of all files in a folder, by their relative paths."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_text() for file in files}


def test_file_replaces_the_old_one_and_folders_are_created(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("first", "second"):
        write_file(path, text)
        assert content(tmp_path) == {"new/a.txt": text}


def test_folder_replaces_the_whole_old_one(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "part-00009").touch()
    write_folder(tmp_path / "t", "new")
    assert content(tmp_path) == {"t/part-00000": "new"}
    assert list(tmp_path.iterdir()) == [tmp_path / "t"]


@stops
def test_old_file_and_folder_stay_if_writing_stops(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    write_file(tmp_path / "a.txt", "old")
    write_folder(tmp_path / "t", "old")
    for write in (write_file, write_folder):
        path = tmp_path / ("a.txt" if write is write_file else "t")
        with pytest.raises(stop):
            write(path, "half", stop)
    assert content(tmp_path) == {"a.txt": "old", "t/part-00000": "old"}
    assert len(list(tmp_path.iterdir())) == 2


def test_temporary_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    for make in (temporary.mkdir, temporary.touch):
        make()
        write_file(tmp_path / "a.txt", "newer")
        assert content(tmp_path) == {"a.txt": "newer"}
        assert len(list(tmp_path.iterdir())) == 1


def test_processes_that_replace_the_same_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path, shared=True) as first:
        first.write_text("fir")
        with replacing(path, shared=True) as second:
            second.write_text("second")
        assert content(tmp_path)["a.txt"] == "second"
        with first.open("a") as file:
            file.write("st")
    assert content(tmp_path) == {"a.txt": "first"}


def test_text_has_the_same_bytes_on_every_system(tmp_path: Path) -> None:
    write_text("Größe\n", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == "Größe\n".encode()


def test_equal_values_are_equal_json(tmp_path: Path) -> None:
    write_json({"b": 0.1, "a": {"d": 1, "c": "ß"}}, tmp_path / "one.json")
    write_json({"a": {"c": "ß", "d": 1}, "b": 0.1}, tmp_path / "two.json")
    one, two = ((tmp_path / n).read_bytes() for n in ("one.json", "two.json"))
    assert one == two
    assert one.endswith(b"}\n")


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_json_keeps_every_bit_of_a_number(
    number: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "number.json"
    write_json(number, path)
    assert json.loads(path.read_text()).hex() == number.hex()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_json_lacks_are_refused(tmp_path: Path, number: float) -> None:
    write_json({"x": 1}, tmp_path / "a.json")
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": number}, tmp_path / "a.json")
    assert json.loads(content(tmp_path)["a.json"]) == {"x": 1}


def test_full_disk_leaves_the_old_file_and_is_reported_in_a_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "raw.csv"
    path.write_text("old")
    # No file of this process may be larger than 10,000 bytes.
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "from pathlib import Path\n"
        "from reproducible_ml.core.errors import report_errors\n"
        "from reproducible_ml.core.files import write_text\n"
        "with report_errors():\n"
        "    write_text('x' * 20_000, Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert str(path) in line
    assert content(tmp_path) == {"raw.csv": "old"}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    write_text("old", tmp_path / "a.txt")
    write_folder(tmp_path / "t", "old")
    return tmp_path


def change(folder: Path, stop: type[BaseException] | None) -> None:
    paths = [folder / name for name in ("a.txt", "t", "new.txt")]
    with all_or_nothing(*paths):
        assert not any(path.exists() for path in paths)
        write_text("new", folder / "a.txt")
        write_text("new", folder / "new.txt")
        if stop:
            raise stop
        write_folder(folder / "t", "new")


def test_several_paths_are_replaced_together(old: Path) -> None:
    change(old, None)
    assert set(content(old).values()) == {"new"}
    assert len(list(old.iterdir())) == 3


@stops
def test_several_paths_are_restored_together(
    old: Path, stop: type[BaseException]
) -> None:
    with pytest.raises(stop):
        change(old, stop)
    assert content(old) == {"a.txt": "old", "t/part-00000": "old"}


@pytest.mark.parametrize("stop", [None, KeyboardInterrupt])
def test_files_that_are_kept_can_be_edited(
    old: Path, stop: type[BaseException] | None
) -> None:
    def edit() -> None:
        with all_or_nothing(old / "a.txt", old / "new.txt", keep=True):
            write_text((old / "a.txt").read_text() + " and new", old / "a.txt")
            write_text("new", old / "new.txt")
            if stop:
                raise stop

    if stop:
        with pytest.raises(stop):
            edit()
        assert content(old) == {"a.txt": "old", "t/part-00000": "old"}
    else:
        edit()
        assert content(old)["a.txt"] == "old and new"
        assert len(list(old.iterdir())) == 3


def test_next_run_restores_what_a_killed_run_moved_away(old: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from reproducible_ml.core.files import all_or_nothing\n"
        "with all_or_nothing(*map(Path, sys.argv[1:])):\n"
        "    os._exit(9)\n"
    )
    paths = [old / "a.txt", old / "t"]
    done = subprocess.run([sys.executable, "-c", code, *paths], check=False)
    assert done.returncode == 9
    assert not any(path.exists() for path in paths)
    with pytest.raises(ValueError, match="stop"), all_or_nothing(*paths):
        raise ValueError("stop")
    assert content(old) == {"a.txt": "old", "t/part-00000": "old"}


@pytest.mark.parametrize("load", [load_yaml, parse_params])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 200_000, "nested more than"),
        ("- " * 200_000 + "x", "nested more than"),
        ("\n".join(" " * n + "a:" for n in range(2000)), "nested more than"),
        (BOMB, "aliases of more than"),
        ("a: [", "expected"),
    ],
)
def test_harmful_yaml_is_an_error(load: object, text: str, problem: str) -> None:
    assert callable(load)
    with pytest.raises(yaml.YAMLError, match=problem):
        load(text)


def test_ordinary_yaml_is_read() -> None:
    assert load_yaml("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}
    assert load_yaml(b"") is None
    deep = "[" * (DEEP - 1) + "]" * (DEEP - 1)
    assert isinstance(load_yaml(deep), list)
    assert len(load_yaml("- a\n" * 200_000)) == 200_000
