"""The last commit becomes a version, or there is a line for each reason why not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.registry.proposal import Proposal, propose
from reproducible_ml.registry.register import register
from reproducible_ml.registry.tags import read_registry, version_name
from reproducible_ml.versioning.git import Revision

from ..report.conftest import lock, stage
from .conftest import CONTRACT, PARAMS, REQUIRED, Project


def proposal(project: Project) -> Proposal:
    """Return what is proposed for the last commit."""
    registry = read_registry(project.root)
    return propose(registry, Revision(project.root, "HEAD"), "tumour_diagnosis")


def refusal(project: Project, version: str | None = None) -> list[str]:
    """Return the lines of the refusal; nothing was written."""
    before = project.tags()
    with pytest.raises(UserError) as error:
        register(project.project, version, pushed=False)
    assert project.tags() == before
    return str(error.value).splitlines()


def test_first_version_is_1_0_0_or_that_of_its_candidates(plain: Project) -> None:
    assert proposal(plain)[:3] == ("v1.0.0", None, None)
    plain.tag("model@v0.3.0-rc.2")
    assert proposal(plain).version == "v0.3.0"


FEATURES = "code/tumour_diagnosis/features"
ESTIMATOR = {"estimator": {"path": "sklearn.linear_model.Ridge", "arguments": {"a": 1}}}


@pytest.mark.parametrize(
    ("name", "content", "version", "reason"),
    [
        (
            "data/schema.yaml",
            CONTRACT | {"columns": CONTRACT["columns"] | {"new": {"dtype": "str"}}},
            "v2.0.0",
            "contract: data/schema.yaml: columns.new.dtype",
        ),
        (
            "params.yaml",
            PARAMS | {"data": {"target": "bought", "positive": "no"}},
            "v2.0.0",
            "contract: params.yaml: data.positive",
        ),
        (
            "params.yaml",
            PARAMS | {"features": {"words": 50}},
            "v1.3.0",
            "features: params.yaml: features.words",
        ),
        (
            "params.yaml",
            PARAMS | {"train": PARAMS["train"] | ESTIMATOR},
            "v1.3.0",
            "estimator: params.yaml: train.estimator.arguments.a",
        ),
        (
            "dvc.lock",
            lock(train=stage({FEATURES: "other"}, {"models/model.skops": "4"})),
            "v1.3.0",
            "features: code/tumour_diagnosis/features/ changed",
        ),
        (
            "params.yaml",
            PARAMS | {"train": PARAMS["train"] | {"seed": 1}},
            "v1.2.4",
            "parameters: train.seed",
        ),
        ("notes.md", "x", "v1.2.4", "all outputs are the same files"),
    ],
)
def test_version_follows_from_what_changed(
    plain: Project, name: str, content: object, version: str, reason: str
) -> None:
    plain.write(
        "dvc.lock", lock(train=stage({FEATURES: "1"}, {"models/model.skops": "4"}))
    )
    plain.commit()
    plain.tag("model@v1.2.3")
    plain.tag("model@v1.3.0-rc.1", "HEAD^", second=5)
    plain.write(name, content)
    plain.commit()
    found = proposal(plain)
    assert found.version == version
    assert found.base
    assert found.base.name == "v1.2.3"
    assert any(line.startswith(reason) for line in found.reasons)


def test_quotes_and_comments_are_no_change_of_the_contract(plain: Project) -> None:
    plain.tag("model@v1.0.0")
    # `dvc exp run --set-param` drops the quotes, which YAML 1.1 would need.
    quoted = (plain.root / "params.yaml").read_text()
    assert "positive: 'yes'" in quoted
    plain.write("params.yaml", quoted.replace("'yes'", "yes"))
    text = (plain.root / "data/schema.yaml").read_text()
    plain.write("data/schema.yaml", f"# What the columns hold.\n{text}")
    plain.commit()
    assert proposal(plain).version == "v1.0.1"


@pytest.mark.parametrize(
    "text", ["1.2", "", "latest", "vv1.0.0", "1.0.0+build", "01.0.0"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="Fix"):
        version_name(text)


def test_version_may_be_typed_with_or_without_v() -> None:
    assert version_name("v1.2.0-rc.1") == version_name("1.2.0-rc.1") == "v1.2.0-rc.1"


@pytest.mark.integration
def test_registered_version_is_an_annotated_tag_with_its_reasons(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    register(project.project, None, pushed=False, dry=True)
    assert project.tags() == []
    register(project.project, None, pushed=False)
    assert project.git("cat-file", "-t", "model@v1.0.0") == "tag\n"
    assert "no version was released yet" in project.git("tag", "-n9", "model@v1.0.0")
    shown = capsys.readouterr().out
    assert "v1.0.0 (the first version)" in shown
    assert "git push origin model@v1.0.0" in shown


@pytest.mark.integration
def test_each_reason_against_a_version_is_a_line_with_a_fix(project: Project) -> None:
    project.write("scores.json", {"roc_auc": 0.95, "test_set": "a"})
    project.write("code/tumour_diagnosis/features/new.py", "NEW = 1\n")
    project.write("notes.md", "read by no stage\n")
    lines = refusal(project)
    names = "scores.json, code/tumour_diagnosis/features/new.py"
    assert lines[0].startswith(f"not committed: {names}. Fix: git add")
    assert any(
        line.startswith("evaluate: scores.json is modified. Fix: run `make repro`")
        for line in lines
    )
    assert all("Fix: " in line for line in lines)


@pytest.mark.slow
def test_commit_has_one_version_and_a_version_one_commit(
    project: Project, three: Sequence[str]
) -> None:
    project.tag("model@v1.0.0", three[2])
    assert refusal(project) == [
        "HEAD: is v1.0.0 already, and a commit has one version. Fix: rml promote v1.0.0"
        " STAGE; or commit a change first"
    ]
    project.train("fourth", 0.95)
    [line] = refusal(project, "1.0.0")
    assert line.startswith(f"v1.0.0: is commit {three[2][:7]} already. Fix: ")
    [line] = refusal(project, "0.9.0")
    assert line.startswith("v0.9.0: is lower than v1.0.0")
    # Lightweight and deregistered: names that GTO would not read, or that are taken.
    project.git("tag", "model@v1.1.0")
    project.tag("model@v1.2.0", three[0], second=1)
    project.tag("model@v1.2.0!", three[0], second=2)
    [line] = refusal(project, "1.1.0")
    assert "lightweight tag, which GTO and DVC ignore" in line
    [line] = refusal(project, "1.2.0")
    assert line.startswith("v1.2.0: was deregistered")


@pytest.mark.integration
@pytest.mark.slow
def test_worse_model_than_the_latest_version_fails_the_gate(project: Project) -> None:
    project.tag("model@v1.0.0")
    project.train("worse", 0.8)
    [line] = refusal(project)
    assert line.startswith("gate: `roc_auc` against the base: worse by 0.1000")
    assert "(the base is v1.0.0). Fix: improve the model" in line
    project.write("params.yaml", PARAMS | {"gate": {"tolerance": 0.2}})
    project.commit()
    register(project.project, None, pushed=False)
    assert "model@v1.0.1" in project.tags()


@pytest.mark.slow
def test_outputs_must_be_on_the_remote_where_there_is_one(
    project: Project, tmp_path: Path
) -> None:
    project.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.commit()
    [line] = refusal(project)
    assert line.startswith("remote: not pushed: ")
    assert line.endswith("Fix: `dvc push`")
    project.dvc("push")
    register(project.project, None, pushed=False)
    assert project.tags() == ["model@v1.0.0"]


@pytest.mark.slow
def test_model_must_be_an_artifact_and_an_output(project: Project) -> None:
    text = (project.root / "dvc.yaml").read_text()
    project.write("dvc.yaml", text.replace("path: models/model", "path: models/other"))
    project.commit()
    [line] = refusal(project)
    assert "models/other.skops is no output in dvc.lock" in line
    project.write("dvc.yaml", text.replace("type: model", "type: other"))
    project.commit()
    [line] = refusal(project)
    assert line.startswith("dvc.yaml: no artifact has the type model")


def test_shallow_clone_is_refused(plain: Project, tmp_path: Path) -> None:
    plain.commit("Second")
    clone = tmp_path / "clone"
    address = f"file://{plain.root}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", address, clone], check=True)
    with pytest.raises(UserError, match="git fetch --unshallow"):
        read_registry(clone)


@pytest.mark.slow
def test_model_card_must_be_filled_in(project: Project) -> None:
    project.write("docs/model_card.yaml", "limits: Unknown elsewhere.\n")
    project.commit()
    lines = refusal(project)
    assert len(lines) == len(REQUIRED) - 1
    assert (
        "docs/model_card.yaml: contact is empty. Fix: fill it in, `make repro`, commit"
        in lines
    )


@pytest.mark.integration
def test_tag_that_could_not_be_pushed_is_removed(
    project: Project, tmp_path: Path
) -> None:
    origin = tmp_path / "origin"
    project.git("init", "--quiet", "--bare", str(origin))
    project.git("remote", "add", "origin", str(origin))
    hook = origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(UserError, match=r"removed again\. Fix: ask who may push"):
        register(project.project, None, pushed=True)
    assert project.tags() == []


@pytest.mark.integration
@pytest.mark.slow
def test_interrupted_push_removes_the_tag(project: Project, tmp_path: Path) -> None:
    origin, started = tmp_path / "origin", tmp_path / "started"
    project.git("init", "--quiet", "--bare", str(origin))
    project.git("remote", "add", "origin", str(origin))
    hook = project.root / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {started}\nsleep 60\n")
    hook.chmod(0o755)
    command = [sys.executable, "-m", "reproducible_ml.cli", "register", "--push"]
    process = subprocess.Popen(command, cwd=project.root, start_new_session=True)
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.1)
    assert project.tags() == ["model@v1.0.0"]
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert project.tags() == []
