"""A project with a result, and what is needed to talk of it to a server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from ...loopback import serving

LOCK = {
    "schema": "2.0",
    "stages": {
        "train": {
            "cmd": "python",
            "outs": [
                {"path": "models/model.json", "md5": "1234", "size": 9},
                {"path": "models/model.skops", "md5": "5678", "size": 9},
            ],
        }
    },
}


@pytest.fixture
def result(project: Path) -> Path:
    """Return a folder, and the current one, as `make repro` leaves it; not in Git."""
    (project / "dvc.lock").write_text(yaml.safe_dump(LOCK))
    for name, content in {
        "models/model.json": {"sha256": "abcd"},
        "reports/metrics.json": {"f1": None, "roc_auc": 0.75},
        "reports/evaluation.json": {
            "metrics": {"roc_auc": {"value": 0.75, "low": 0.5, "high": None}}
        },
    }.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(json.dumps(content))
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(f"{text}tracking: mlflow\n")
    return project


def variables(**changed: object) -> dict[str, str]:
    """Return an environment without what this user told MLflow."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return kept | {"NO_PROXY": "*"} | {k: str(v) for k, v in changed.items()}


def run(*command: object, **changed: object) -> subprocess.CompletedProcess[str]:
    """Run Python in the current folder."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env=variables(**changed),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """Start servers that say the same to everything; return their addresses."""
    with ExitStack() as servers:

        def start(status: int, body: bytes) -> str:
            place = servers.enter_context(serving(lambda *_: (status, body)))
            return f"http://user:s3cret@{place}"

        yield start
