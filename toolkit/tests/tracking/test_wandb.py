"""Results for Weights & Biases: real offline runs; what is missing is a line."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.tracking.wandb import explain

from ..environments import packages
from .conftest import RML

# Prints what a run holds: its name, settings and final metrics. The file is a log as of
# LevelDB, in blocks of 32 KiB: checksum, length, and which part of a record follows.
READ = """\
import json, struct, sys
from wandb.proto.wandb_internal_pb2 import Record

content = open(sys.argv[1], "rb").read()
found, place, whole = {"config": {}, "summary": {}}, 7, b""
name = lambda item: item.key or item.nested_key[0]
while place < len(content):
    left = 32768 - place % 32768
    if left < 7:
        place += left
        continue
    _, length, part = struct.unpack_from("<IHB", content, place)
    whole += content[place + 7 : place + 7 + length]
    place += 7 + length
    if part not in (1, 4):
        continue
    record, whole = Record.FromString(whole), b""
    if record.HasField("exit"):
        found["exit"] = record.exit.exit_code
    run = record.run
    if record.HasField("run"):
        found |= {"title": run.display_name, "project": run.project, "host": run.host}
    for item in run.config.update:
        found["config"][name(item)] = json.loads(item.value_json)
    for item in record.summary.update:
        found["summary"][name(item)] = json.loads(item.value_json)
print(json.dumps(found))
"""


@pytest.fixture
def tracked(result: Path) -> Path:
    """Return a folder as `rml repro` leaves it, and the current one."""
    path = result / "params.yaml"
    path.write_text(path.read_text().replace("tracking: mlflow", "tracking: wandb"))
    return result


def run(
    folder: Path, *command: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
    path = os.pathsep.join([*sys.path, str(packages("wandb"))])
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | {"PYTHONPATH": path, "HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


def read(folder: Path) -> dict[str, Any]:
    [file] = folder.glob("run-*.wandb")
    done = run(folder, sys.executable, "-c", READ, str(file))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.integration
def test_offline_run_has_the_result_and_is_written_once(tracked: Path) -> None:
    first, again = (run(tracked, *RML, "track", WANDB_MODE="offline") for _ in "ab")
    assert first.stderr == again.stderr == ""
    [folder] = (tracked / "wandb").iterdir()
    shown = f"{folder.relative_to(tracked)}, to be sent by: wandb sync"
    assert first.stdout.startswith(f"Weights & Biases: {shown}")
    assert f"already logged for this commit and dvc.lock, {shown}" in again.stdout
    found = read(folder)
    assert (found["title"], found["project"]) == (
        "without a commit",
        "tumour_diagnosis",
    )
    assert found["summary"]["roc_auc"] == 0.75
    assert found["summary"]["roc_auc_low"] == 0.5
    assert found["config"]["train.estimator.path"].endswith("LogisticRegression")
    lock = (tracked / "dvc.lock").read_bytes()
    hashes = hashlib.sha256(lock).hexdigest(), "abcd"
    names = "result.dvc.lock.sha256", "result.model.sha256"
    assert tuple(found["config"][name] for name in names) == hashes
    assert found["exit"] == 0
    assert found["host"] == "-"


@pytest.mark.integration
@pytest.mark.slow
def test_what_is_missing_is_a_line_and_never_a_question(tracked: Path) -> None:
    before = sorted(tracked.iterdir())
    for variables, said in (
        ({}, "there is no API key. Set WANDB_API_KEY, run `wandb login`, or set"),
        ({"WANDB_MODE": "disabled"}, "WANDB_MODE is disabled. Set it to online or"),
        (
            {"WANDB_API_KEY": "5ecr3t" * 7, "WANDB_BASE_URL": "http://127.0.0.1:9"},
            "Check the network and WANDB_BASE_URL, or set WANDB_MODE=offline.",
        ),
    ):
        done = run(tracked, *RML, "track", **variables)
        assert done.returncode == 0, done.stderr
        [line] = done.stderr.splitlines()
        assert line.startswith("warning: not logged to Weights & Biases: ")
        assert said in line
        assert "5ecr3t" not in done.stderr
    assert sorted(tracked.iterdir()) == before


def test_key_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "5ecr3t")
    line = explain(ValueError("no access to http://me:pass@host with 5ecr3t\n"))
    assert "no access to http://host with ***" in line
    assert line.isprintable()
