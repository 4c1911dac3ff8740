"""The locks of packages, and which of them `make setup` installs."""

import os
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


@pytest.mark.parametrize("name", ["dev", *OPTIONAL])
def test_package_has_one_version_in_all_locks(name: str) -> None:
    runtime, other = pins("runtime"), pins(name)
    assert {n: v for n, v in other.items() if runtime.get(n, v) != v} == {}


def test_environment_for_work_includes_that_of_the_pipeline() -> None:
    assert pins("runtime").keys() <= pins("dev").keys()


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_lock_has_only_what_the_pipeline_lacks(name: str) -> None:
    assert OPTIONAL[name] in pins(name)
    assert pins("runtime").keys() & pins(name).keys() == set()


@pytest.mark.parametrize(
    "path", sorted(ENVIRONMENTS.glob("*.in")), ids=lambda path: path.stem
)
def test_lock_has_what_is_asked_for(path: Path) -> None:
    asked = re.findall(r"^([\w.-]+)(?:\[\w+\])?$", path.read_text("utf-8"), flags=re.M)
    names = {name.replace(".", "-") for name in asked} - {"dvc"}
    assert names <= pins(path.stem).keys()


# An address of a mirror works on one machine only, and may hold a password.
@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*requirements.txt")) + sorted(ENVIRONMENTS.glob("*.txt"))
)
def test_lock_has_no_address_of_a_registry(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"index-url|find-links|trusted-host|https?://", text)


def installed(folder: Path, *arguments: str) -> set[str]:
    """Return the locks that `make setup` installs, by an installer that lists them."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ENVIRONMENTS, folder / "environments", dirs_exist_ok=True)
    for name in ("pyproject.toml", "setup.py", "params.yaml"):
        (folder / name).touch()
    tools = folder / "tools"
    tools.mkdir()
    (tools / "uv").write_text('#!/bin/sh\nmkdir -p .venv\necho "$@" >> asked\n')
    (tools / "uv").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["make", "setup", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        check=True,
    )
    asked = (folder / "asked").read_text("utf-8")
    return set(re.findall(r"-r environments/(\w+)\.txt", asked))


def test_project_without_remote_needs_no_package_of_a_storage(tmp_path: Path) -> None:
    assert installed(tmp_path) == {"dev"}


@pytest.mark.parametrize(
    ("name", "text", "extra"),
    [
        (".dvc/config", "['remote \"storage\"']\n    url = s3://bucket/folder\n", "s3"),
        ("data/raw/visits.csv.dvc", "deps:\n- path: s3://bucket/visits.csv\n", "s3"),
        (
            "params.yaml",
            "compute:\n  backend: ray # x\ntracking: none\n",
            "ray",
        ),
        ("params.yaml", "compute:\n  backend: dask\ntracking: mlflow\n", "dask mlflow"),
        (
            "params.yaml",
            "compute:\n  backend: loky # dask\n# tracking: mlflow\n",
            "",
        ),
    ],
)
def test_lock_that_a_file_asks_for_is_installed(
    tmp_path: Path, name: str, text: str, extra: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert installed(tmp_path) == {"dev", *extra.split()}


def test_storage_that_a_command_names_is_installed(tmp_path: Path) -> None:
    assert installed(tmp_path, "STORAGE=gs") == {"dev", "gs"}


def test_setup_runs_again_only_after_a_change_of_content(tmp_path: Path) -> None:
    assert installed(tmp_path) == {"dev"}
    (tmp_path / "asked").unlink()
    os.utime(tmp_path / "pyproject.toml", (2**32, 2**32))
    run = ["make", "setup"]
    path = f"{tmp_path / 'tools'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    subprocess.run(run, cwd=tmp_path, env=environment, check=True)
    assert not (tmp_path / "asked").exists()
    (tmp_path / "pyproject.toml").write_text("# changed\n")
    subprocess.run(run, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "asked").exists()
