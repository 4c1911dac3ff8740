"""Three projects, from cookiecutter to their own commands, each in its environment."""

import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ..copies import clean_environment
from ..loopback import free_port
from .conftest import Generate, commit_all, run

pytestmark = pytest.mark.slow


class User:
    """Somebody who types commands in a clone of a project."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables

    def make(self, target: str) -> str:
        """Run `make` and return its output."""
        return run("make", target, cwd=self.folder, variables=self.variables).stdout

    def dvc(self, *arguments: str) -> str:
        """Run the project's own DVC."""
        dvc = self.folder / ".venv" / "bin" / "dvc"
        path = f"{dvc.parent}:{clean_environment()['PATH']}"
        variables = self.variables | {"PATH": path}
        return run(dvc, *arguments, cwd=self.folder, variables=variables).stdout

    def git(self, *arguments: str) -> str:
        """Run Git."""
        return run("git", *arguments, cwd=self.folder, variables=self.variables).stdout

    def clone(self, folder: Path) -> "User":
        """Return another user, with a clone of the last commit."""
        self.git("clone", "--quiet", ".", str(folder))
        return User(folder, self.variables)

    def restore(self) -> None:
        """Push, lose every cached file, and get all of them back."""
        self.dvc("push")
        shutil.rmtree(self.folder / ".dvc" / "cache")
        for folder in ("data/raw", "data/interim", "data/processed", "models"):
            for path in (self.folder / folder).glob("*"):
                if not path.name.endswith(".dvc"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert "modified" in self.dvc("status") or "deleted" in self.dvc("status")
        self.dvc("pull")
        assert "up to date" in self.dvc("status")


@pytest.fixture
def variables(home: dict[str, str], uv_path: str) -> dict[str, str]:
    """Return the variables of a user who has uv on the PATH."""
    return home | {"PATH": f"{uv_path}:{clean_environment()['PATH']}"}


def check(user: User) -> None:
    """Verify the last commit, and run the project's own tests."""
    assert "All checks passed" in user.make("test")
    assert "Every output was reproduced, bit for bit." in user.make("verify")
    assert user.git("status", "--porcelain") == ""


def check_clone(made: User, folder: Path) -> None:
    """Clone the project as another user, and pull its data from the remote."""
    user = made.clone(folder)
    user.make("setup")
    user.dvc("pull")
    assert "up to date" in user.dvc("status")
    check(user)


def test_sample_under_its_own_name(
    tmp_path: Path, generate: Generate, variables: dict[str, str]
) -> None:
    generate(tmp_path, variables=variables, components="everything")
    made = User(tmp_path / "tumour-diagnosis", variables)
    user = made.clone(tmp_path / "clone")
    said = user.make("repro")
    assert "roc_auc" in said
    # These are about this project, so the template has none.
    new = user.git("status", "--porcelain").splitlines()
    assert new
    assert all(line.startswith("?? docs/governance/") for line in new)
    assert "Commit them with the results" in said
    user.git("add", "--all")
    user.git("commit", "--quiet", "--message", "Pages")
    check(user)


def houses(path: Path) -> None:
    """Write a table of houses, with a number to predict."""
    random = np.random.default_rng(0)
    rows = 400
    area = random.gamma(9, 12, rows).round(1)
    rooms = np.maximum(1, area / 30 + random.normal(0, 0.7, rows)).round().astype(int)
    built = pd.Timestamp("1960-01-01") + pd.to_timedelta(
        random.integers(0, 20000, rows), "D"
    )
    price = 2500 * area + 20_000 * rooms + random.normal(0, 15_000, rows)
    table = {
        "house": [f"H{i:05d}" for i in range(rows)],
        "area": area,
        "rooms": rooms,
        "town": random.choice(["Köln", "Bonn", "Aachen"], rows),
        "built": built.strftime("%Y-%m-%d"),
        "price": price.round(),
    }
    pd.DataFrame(table).to_csv(path, index=False)


def test_own_table_with_a_folder_as_remote(
    tmp_path: Path, generate: Generate, variables: dict[str, str]
) -> None:
    houses(tmp_path / "houses.csv")
    generate(
        tmp_path,
        variables=variables,
        project_name="House Prices",
        data_source="houses.csv",
        target_column="price",
        remote="local",
        remote_url="storage",
    )
    made = User(tmp_path / "house-prices", variables)
    assert made.git("log", "--format=%s") == "House Prices: first version\n"
    assert made.git("status", "--porcelain") == ""
    names = made.git("ls-files").splitlines()
    assert not [name for name in names if re.match(r"reports/|dvc\.lock", name)]
    words = ("git", "grep", "-ilE", "tumou?r|malignant|diagnos(is|tic)")
    found = run(*words, "--", ":!toolkit", cwd=made.folder, check=False).stdout
    assert not found
    assert "rmse" in made.make("repro")
    assert "up to date" in made.dvc("status")
    commit_all(made.folder)
    made.restore()
    check_clone(made, tmp_path / "clone")


@pytest.fixture
def s3(tools: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start a server that imitates Amazon S3; return the variables that name it."""
    port = free_port()
    command = [str(tools / "moto_server"), "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "s3.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        bucket = urllib.request.Request(f"{url}/bucket", method="PUT")
        urllib.request.urlopen(bucket, timeout=30).close()
        yield {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    finally:
        server.terminate()
        server.wait()


def test_other_package_with_a_remote_on_s3(
    tmp_path: Path,
    generate: Generate,
    variables: dict[str, str],
    s3: dict[str, str],
) -> None:
    generate(
        tmp_path,
        variables=variables,
        project_name="Tumour Check",
        package_name="oncology",
        license="BSD-3-Clause",
        remote="s3",
        remote_url="s3://bucket/tumour-check",
    )
    made = User(tmp_path / "tumour-check", variables | s3)
    # dvc.lock came with the project, and was renewed for the package's new name.
    made.make("check-lock")
    assert "roc_auc" in made.make("repro")
    assert made.git("status", "--porcelain") == ""
    made.restore()
    check_clone(made, tmp_path / "clone")
