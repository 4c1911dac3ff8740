"""The image of the model is built and runs, where that is possible without Docker."""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.core.project import Project
from reproducible_ml.serving.package import package

from ..copies import ROOT
from ..loopback import free_port

pytestmark = pytest.mark.slow


def test_image_serves_and_predicts(tmp_path: Path) -> None:
    for tool in ("buildah", "mmdebstrap", "curl"):
        if not shutil.which(tool) or os.geteuid() != 0:
            pytest.skip(f"{tool} is not on the PATH, or this is not root")
    if not (ROOT / "models/model.skops").is_file():
        pytest.skip("there is no model: run `make repro`")
    wheels = tmp_path / "dist"
    package(Project(ROOT), wheels, force=True)
    table = pd.concat(
        pd.read_parquet(part) for part in (ROOT / "data/processed/test").iterdir()
    )
    table[:20].to_csv(tmp_path / "rows.csv", index=False)
    script = Path(__file__).with_name("build_image.sh")
    done = subprocess.run(
        ["sh", script, wheels, tmp_path / "rows.csv"],
        env=os.environ | {"PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert len(pd.read_csv(wheels / "answers.csv")) == 20
    assert (wheels / "server.json").read_text().startswith('{"name":')
    assert '"event":"draining"' in (wheels / "service.log").read_text()
