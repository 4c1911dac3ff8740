"""Stages read only what was recorded: a real DVC project whose bytes are flipped."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.inputs import check_inputs, hash_path

from ..copies import flip

PIPELINE = {
    "stages": {
        "double": {
            "cmd": "python -c \"import pathlib; pathlib.Path('data/b').mkdir();"
            " [pathlib.Path(f'data/b/{n}').write_text(2 * open('data/raw/a').read())"
            ' for n in range(3)]"',
            "deps": ["data/raw/a"],
            "outs": ["data/b"],
        }
    }
}

Dvc = Callable[..., None]


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a tracked file and a stage that wrote a folder."""
    root = tmp_path_factory.mktemp("reproduced")
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/a").write_text("1,2\n")
    (root / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    for arguments in (["init", "--no-scm"], ["add", "data/raw/a"], ["repro"]):
        run_dvc(*arguments, cwd=root)
    return root


@pytest.fixture
def project(reproduced: Path, tmp_path: Path) -> Path:
    """The same for one test."""
    return Path(shutil.copytree(reproduced, tmp_path / "project"))


def run_dvc(*arguments: str, cwd: Path) -> str:
    """Run a command of DVC with this Python as `python`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=cwd,
        env=os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


PATHS = ["data/raw/a", "data/b", "code"]


def test_recorded_data_pass(project: Path) -> None:
    check_inputs(PATHS, project)
    # What DVC ignores is no part of a folder.
    (project / ".dvcignore").write_text("*.log\n.*.tmp\n")
    (project / "data/b/x.log").write_text("")
    (project / "data/b/.y.tmp").write_text("")
    check_inputs(PATHS, project)


def test_new_data_are_no_error(project: Path) -> None:
    (project / "data/raw/a").write_text("3,4\n")
    run_dvc("repro", cwd=project)
    assert (project / "data/b/0").read_text() == "3,4\n3,4\n"
    check_inputs(PATHS, project)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("data/raw/a", r"^data/raw/a: is not what data/raw/a\.dvc tracks\. .*"),
        ("data/b/1", r"^data/b \(1\): is not what stage double wrote\. .*Fix: .*"),
    ],
)
def test_flipped_byte_that_dvc_does_not_see(
    project: Path, name: str, shown: str
) -> None:
    run_dvc("status", cwd=project)  # DVC notes the dates of the copied files.
    flip(project / name)
    assert "up to date" in run_dvc("status", cwd=project)
    with pytest.raises(UserError, match=shown):
        check_inputs(PATHS, project)
    (project / "params.yaml").write_text("compute: {check_inputs: false}\n")
    check_inputs(PATHS, project)


def test_damaged_object_of_the_cache_that_dvc_restores(project: Path) -> None:
    digest = hash_path(project / "data/b/2")
    flip(project / ".dvc/cache/files/md5" / digest[:2] / digest[2:])
    for number in range(3):
        (project / f"data/b/{number}").unlink()
    run_dvc("checkout", cwd=project)
    with pytest.raises(UserError, match=r"data/b \(0\): is not what stage double"):
        check_inputs(PATHS, project)
