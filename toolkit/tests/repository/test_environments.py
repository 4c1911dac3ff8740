"""What must hold between the locks, and which of them `make setup` installs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = ROOT / "environments"
STORAGE = ("azure", "gs", "s3", "ssh")
EXTRAS = {"dask": "distributed", "mlflow": "mlflow-skinny", "ray": "ray"}
OPTIONAL = EXTRAS | {name: f"dvc-{name}" for name in STORAGE}


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a lock."""
    text = (ENVIRONMENTS / f"{name}.txt").read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, flags=re.M))


def installed(folder: Path, *arguments: str) -> set[str]:
    """Return the locks that `make` would install in a folder."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ENVIRONMENTS, folder / "environments", dirs_exist_ok=True)
    for name in ("pyproject.toml", "setup.py"):
        (folder / name).touch()
    done = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"-r environments/(\w+)\.txt", done.stdout))


@pytest.mark.parametrize("name", ["dev", *OPTIONAL])
def test_package_has_one_version_in_all_locks(name: str) -> None:
    runtime, other = pins("runtime"), pins(name)
    assert {n: v for n, v in other.items() if runtime.get(n, v) != v} == {}


def test_environment_for_work_holds_that_of_the_pipeline() -> None:
    assert pins("runtime").keys() <= pins("dev").keys()


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_lock_lists_only_what_the_pipeline_lacks(name: str) -> None:
    assert OPTIONAL[name] in pins(name)
    assert pins("runtime").keys() & pins(name).keys() == set()


@pytest.mark.parametrize(
    "path", sorted(ENVIRONMENTS.glob("*.in")), ids=lambda p: p.stem
)
def test_what_is_asked_for_is_locked(path: Path) -> None:
    asked = re.findall(r"^([\w.-]+)(?:\[\w+\])?$", path.read_text("utf-8"), flags=re.M)
    names = {name.replace(".", "-") for name in asked} - {"dvc"}
    assert names <= pins(path.stem).keys()


def test_project_without_remote_needs_no_package_of_a_storage(tmp_path: Path) -> None:
    assert installed(tmp_path, "setup") == {"dev"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".dvc/config", "['remote \"storage\"']\n    url = s3://bucket/folder\n"),
        ("data/raw/visits.csv.dvc", "deps:\n- path: s3://bucket/visits.csv\n"),
    ],
)
def test_storage_that_a_file_names_is_installed(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    assert installed(tmp_path, "setup") == {"dev", "s3"}


@pytest.mark.parametrize(
    "argument", ["SOURCE=gs://bucket/visits.csv", "STORAGE=gs", "SOURCE=$(x)gs://a/b"]
)
def test_storage_that_a_command_names_is_installed(
    tmp_path: Path, argument: str
) -> None:
    assert installed(tmp_path, "data", argument) == {"dev", "gs"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("compute:\n  backend: ray # a cluster\ntracking: none\n", {"ray"}),
        ("compute:\n  backend: dask\ntracking: mlflow\n", {"dask", "mlflow"}),
        ("compute:\n  backend: loky # or dask\n# tracking: mlflow\n", set()),
    ],
)
def test_what_params_ask_for_is_installed(
    tmp_path: Path, text: str, names: set[str]
) -> None:
    (tmp_path / "params.yaml").write_text(text)
    assert installed(tmp_path, "setup") == {"dev", *names}


def test_extra_that_a_command_names_is_installed(tmp_path: Path) -> None:
    assert installed(tmp_path, "setup", "EXTRAS=mlflow") == {"dev", "mlflow"}
