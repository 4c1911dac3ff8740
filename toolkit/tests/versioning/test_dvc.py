"""DVC commands: their errors, pointers, and what is known of an address."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.versioning.dvc import (
    DvcError,
    is_unchanged,
    look_up,
    read_pointer,
    run_dvc,
)
from reproducible_ml.versioning.parsing import parse_once

from ..loopback import serving


@pytest.fixture
def refusing() -> Iterator[str]:
    """The URL of a server that answers with the status in the path."""
    with serving(lambda _method, path, _body: (int(path[1:4]), b"")) as place:
        yield f"http://{place}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty DVC repository."""
    run_dvc("init", "--no-scm", cwd=tmp_path)
    return tmp_path


def test_error_is_the_last_one_of_dvc(tmp_path: Path) -> None:
    with pytest.raises(
        DvcError, match=r"^`dvc status` says: you are not inside of a DVC"
    ):
        run_dvc("status", cwd=tmp_path)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are parsed; afterwards, DVC parses as it did before."""
    from dvc.utils.serialize import _yaml
    from ruamel.yaml import YAML

    texts: list[str] = []
    load = YAML.load

    def noted(parser: YAML, stream: str) -> object:
        texts.append(stream)
        return load(parser, stream)

    monkeypatch.setattr(YAML, "load", noted)
    for name in ("parse_yaml_for_update", "_dump"):
        monkeypatch.setattr(_yaml, name, getattr(_yaml, name))
    return texts


def test_dvc_parses_a_text_once_and_nothing_else_changes(parsed: list[str]) -> None:
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml

    parse_once()
    first = parse_yaml("train: {rate: 1e-3}", "params.yaml")
    first["train"]["rate"] = 5
    assert parse_yaml("train: {rate: 1e-3}", "p") == {"train": {"rate": 0.001}}
    assert parse_yaml("train: {rate: 2e-3}", "p") == {"train": {"rate": 0.002}}
    assert parsed == ["train: {rate: 1e-3}", "train: {rate: 2e-3}"]
    for _ in range(2):
        with pytest.raises(YAMLFileCorruptedError):
            parse_yaml("train: [", "params.yaml")


def test_dvc_does_not_parse_what_it_wrote(tmp_path: Path, parsed: list[str]) -> None:
    from dvc.utils.serialize import _yaml

    changes = [{"a": {"x": [1, 0.1], "md5": "0e12"}}, {"b": {"y": None}}, {"a": {}}]

    def write(path: Path) -> str:
        path.write_text("schema: '2.0' # kept\nstages: {}\n")
        for stages in changes:
            with _yaml.modify_yaml(str(path)) as data:
                data["stages"].update(stages)
            _yaml.dump_yaml(str(tmp_path / "other"), {"cmd": "x"})
        return path.read_text()

    expected = write(tmp_path / "plain.lock")
    assert len(parsed) == 3
    parsed.clear()
    parse_once()
    path = tmp_path / "dvc.lock"
    assert write(path) == expected
    assert len(parsed) == 1
    # What was changed, but not written, as after an error, is forgotten.
    with suppress(ValueError), _yaml.modify_yaml(str(path)) as data:
        data["stages"]["d"] = 2
        raise ValueError
    with _yaml.modify_yaml(str(path)):
        pass
    assert path.read_text() == expected
    # Another program wrote it.
    path.write_text("stages: {c: 1}\n")
    with _yaml.modify_yaml(str(path)) as data:
        assert data == {"stages": {"c": 1}}


@pytest.mark.integration
def test_lock_has_the_bytes_of_dvc_itself(tmp_path: Path) -> None:
    locks = []
    for module in ("dvc", "reproducible_ml.versioning.dvc"):
        folder = tmp_path / module
        folder.mkdir()
        run_dvc("init", "--no-scm", cwd=folder)
        rates = "[5.000000000000001e-15, 9.435702537977214e-09, 1e-3, 0.1, 1e22]"
        (folder / "params.yaml").write_text(f"rates: {rates}\ntext: 'a\n\n  b'\n")
        stages = {
            f"s{number}": {
                "cmd": f"echo {number} > {number}.txt",
                "params": ["rates", "text"] if number % 2 else ["text"],
                "deps": [f"{number - 1}.txt"] if number else [],
                "outs": [f"{number}.txt"],
            }
            for number in range(5)
        }
        (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
        for options in ([], ["--force"]):
            command = [sys.executable, "-P", "-m", module, "repro", *options]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        locks.append((folder / "dvc.lock").read_bytes())
    assert locks[0] == locks[1]


@pytest.mark.integration
def test_data_are_unchanged_only_if_they_are_there_and_the_same(
    repository: Path,
) -> None:
    table, pointer = repository / "visits.csv", repository / "visits.csv.dvc"
    assert not is_unchanged(pointer)
    assert read_pointer(pointer) == {}
    table.write_text("id\n1\n")
    run_dvc("add", "visits.csv", cwd=repository)
    assert is_unchanged(pointer)
    table.write_text("id\n2\n")
    assert not is_unchanged(pointer)
    table.unlink()
    assert not is_unchanged(pointer)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "the server says 404 Not Found. Check the address"),
        (403, "403 Forbidden.* If it needs a login, download the file"),
        (500, "the server says 500"),
    ],
)
def test_answer_of_a_server_is_in_the_error(
    refusing: str, tmp_path: Path, status: int, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        look_up(f"{refusing}/{status}.csv", "visits.csv", tmp_path)


@pytest.mark.integration
def test_unreachable_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/x\.csv: cannot be reached: .*refused"):
        look_up("http://127.0.0.1:1/x.csv", "x.csv", tmp_path)


@pytest.mark.integration
def test_progress_is_shown_in_a_terminal_only(repository: Path) -> None:
    (repository / "visits.csv").write_text("id\n1\n")
    code = (
        "from pathlib import Path\n"
        "from reproducible_ml.versioning.dvc import run_dvc\n"
        "run_dvc('add', 'visits.csv', cwd=Path('.'), shown=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, check=True
    )
    assert done.stdout + done.stderr == b""


@pytest.mark.parametrize(
    ("locks", "fix"),
    [
        (["gdrive.txt"], "Run `make setup STORAGE=gdrive`, then this again."),
        ([], "add [gdrive] to dvc, then run `make lock && make setup`."),
    ],
)
def test_storage_without_its_package_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: list[str], fix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("environments").mkdir()
    for name in locks:
        Path("environments", name).touch()
    with pytest.raises(UserError) as error:
        look_up("gdrive://folder/visits.csv", "visits.csv", tmp_path)
    assert str(error.value).startswith(
        "gdrive://folder/visits.csv: DVC needs a package"
    )
    assert str(error.value).endswith(fix)
