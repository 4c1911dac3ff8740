"""Stages of versions: GTO, DVC and `rml` say the same, whatever the clocks do."""

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.registry import promote as module
from reproducible_ml.registry.promote import previous, promote, rollback
from reproducible_ml.registry.register import register
from reproducible_ml.registry.tags import check_stage, find_version, read_registry

from .conftest import Project


@pytest.fixture
def versions(plain: Project) -> Project:
    """A project with three versions."""
    for place in range(3):
        plain.commit(f"model {place}")
        plain.tag(f"model@v1.{place}.0", second=place)
    return plain


def in_stage(project: Project, stage: str) -> str:
    """Return the version in a stage, by what the registry finds."""
    registry = read_registry(project.root)
    return registry.name_of(registry.stages[stage].commit)


def gto(project: Project, *arguments: str) -> str:
    """Run a command of GTO."""
    program = Path(sys.executable).with_name("gto")
    command = [str(program), *arguments]
    return subprocess.check_output(command, cwd=project.root, text=True)


def answers(project: Project, folder: Path) -> set[str]:
    """Return which version GTO says is in prod, and which one DVC delivers."""
    shown = json.loads(gto(project, "show", "model#prod", "--json"))
    target = folder / f"model-{time.monotonic_ns()}"
    project.dvc(
        "artifacts", "get", str(project.root), "model", "--stage", "prod",
        "--out", str(target),
    )  # fmt: skip
    recipes = {"first": "v1.0.0", "second": "v1.1.0", "third": "v1.2.0"}
    return {shown[0]["version"], recipes[target.read_text().strip()]}


@pytest.mark.integration
def test_gto_and_dvc_agree_after_each_step(
    project: Project, three: Sequence[str], tmp_path: Path
) -> None:
    for place, commit in enumerate(three):
        project.tag(f"model@v1.{place}.0", commit, second=place)
    # From the second step on, a tag must be later than one of the same second.
    steps = [
        ("promote", "1.0.0", "v1.0.0"),
        ("promote", "1.1.0", "v1.1.0"),
        ("rollback", "", "v1.0.0"),
        ("promote", "1.1.0", "v1.1.0"),
        ("promote", "latest", "v1.2.0"),
        ("rollback", "", "v1.1.0"),
        ("rollback", "", "v1.0.0"),
    ]
    for command, version, expected in steps:
        if command == "promote":
            promote(project.root, version, "prod", pushed=False)
        else:
            rollback(project.root, "prod", pushed=False)
        assert in_stage(project, "prod") == expected
        assert answers(project, tmp_path) == {expected}


@pytest.mark.slow
def test_numbers_of_tags_do_not_decide_but_times_do(
    project: Project, three: Sequence[str], tmp_path: Path
) -> None:
    for place, commit in enumerate(three):
        project.tag(f"model@v1.{place}.0", commit, second=place)
    project.tag("model#prod#9", three[0], second=5)
    project.tag("model#prod#10", three[1], second=7)
    project.tag("model#prod#2", three[2], second=8)
    assert in_stage(project, "prod") == "v1.2.0"
    assert answers(project, tmp_path) == {"v1.2.0"}


@pytest.mark.slow
def test_unassigned_stage_is_named_and_repaired(
    project: Project, three: Sequence[str], tmp_path: Path
) -> None:
    for place, commit in enumerate(three):
        project.tag(f"model@v1.{place}.0", commit, second=place)
    project.tag("model#prod#1", three[0], second=5)
    project.tag("model#prod#2", three[1], second=6)
    project.tag("model#prod!#3", three[1], second=7)
    # Here they do not agree, so nobody should unassign.
    assert answers(project, tmp_path) == {"v1.0.0", "v1.1.0"}
    shown = project.rml("models")
    assert "warning: prod: tag model#prod!#3 took it away" in shown
    assert "Fix: rml promote VERSION prod" in shown
    promote(project.root, "1.1.0", "prod", pushed=False)
    assert answers(project, tmp_path) == {"v1.1.0"}


@pytest.mark.parametrize(
    ("names", "before"),
    [
        ("a", None),
        ("ab", "a"),
        ("abc", "b"),
        ("abcb", "a"),
        ("abcbc", "b"),
        ("abcba", None),
        ("abcbad", "a"),
    ],
)
def test_rolling_back_twice_goes_back_twice(names: str, before: str | None) -> None:
    assert previous(names) == before


def test_nothing_is_written_where_the_version_is_in_the_stage_already(
    versions: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    versions.tag("model#prod#1", "HEAD", second=5)
    before = versions.tags()
    promote(versions.root, "v1.2.0", "prod", pushed=False)
    assert versions.tags() == before
    shown = capsys.readouterr().out
    assert "v1.2.0 is in prod already." in shown
    assert "git push origin model@v1.2.0 'model#prod#1'" in shown


def test_shown_commands_can_be_typed(
    versions: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = tmp_path / "origin"
    versions.git("init", "--quiet", "--bare", str(origin))
    versions.git("remote", "add", "origin", str(origin))
    promote(versions.root, "1.0.0", "prod", pushed=False)
    command = capsys.readouterr().out.rpartition("Others see it after: ")[2].strip()
    assert shlex.split(command, comments=True)[-1] == "model#prod#1"
    subprocess.run(["sh", "-c", command], cwd=versions.root, check=True)
    listed = versions.git("ls-remote", "--tags", "origin")
    assert "refs/tags/model@v1.0.0^{}" in listed
    assert "refs/tags/model#prod#1^{}" in listed


def test_tags_of_others_must_be_fetched_before_new_ones_are_pushed(
    versions: Project, tmp_path: Path
) -> None:
    hub, other = tmp_path / "hub.git", tmp_path / "other"
    versions.git("clone", "--quiet", "--bare", str(versions.root), str(hub))
    versions.git("remote", "add", "origin", str(hub))
    versions.git("clone", "--quiet", str(hub), str(other))
    there = ["git", "-C", str(other), "-c", "user.name=B", "-c", "user.email=b@e.org"]
    names = ["model@v9.0.0", "model#prod#9"]
    for name in names:
        subprocess.run([*there, "tag", "-a", "-m", "x", name, "HEAD"], check=True)
    subprocess.run([*there, "push", "--quiet", "origin", *names], check=True)
    before = versions.tags()
    fix = r"not fetched: model#prod#9, model@v9\.0\.0\. Fix: `git fetch --tags origin`"
    with pytest.raises(UserError, match=fix):
        promote(versions.root, "1.1.0", "prod", pushed=True)
    with pytest.raises(UserError, match=fix):
        rollback(versions.root, "prod", pushed=True)
    with pytest.raises(UserError, match=fix):
        register(versions.project, "1.3.0", pushed=True)
    assert versions.tags() == before
    versions.git("fetch", "--quiet", "--tags", "origin")
    versions.git("tag", "--delete", names[0])
    versions.tag(names[0], "HEAD^")
    with pytest.raises(UserError, match="git fetch --tags --force origin"):
        promote(versions.root, "1.1.0", "prod", pushed=True)
    versions.git("remote", "set-url", "origin", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"ls-remote origin: fatal: .* check address"):
        promote(versions.root, "1.1.0", "prod", pushed=True)


def test_project_in_a_folder_of_a_larger_repository_has_no_versions(
    plain: Project,
) -> None:
    root = plain.root / "project"
    plain.write("project/dvc.yaml", (plain.root / "dvc.yaml").read_text())
    plain.commit()
    with pytest.raises(UserError, match="is the folder project/ of a larger Git"):
        read_registry(root)


def test_push_that_is_rejected_leaves_no_tag(
    versions: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    versions.git("init", "--quiet", "--bare", str(origin))
    versions.git("remote", "add", "origin", str(origin))
    # Somebody else promotes another version at the same time, after the look at tags.
    monkeypatch.setattr(module, "refuse_unfetched", lambda *_: None)
    versions.tag("model#prod#1", "HEAD~2", second=5)
    versions.git("push", "--quiet", "origin", "model#prod#1")
    versions.git("tag", "--delete", "model#prod#1")
    with pytest.raises(UserError) as error:
        promote(versions.root, "1.2.0", "prod", pushed=True)
    assert "rejected" in str(error.value)
    assert "Fix: `git fetch --tags`" in str(error.value)
    assert "model#prod#1" not in versions.tags()
    # Nor is the version there without its stage.
    assert "model@" not in versions.git("ls-remote", "--tags", "origin")
    versions.git("fetch", "--quiet", "--tags")
    promote(versions.root, "1.2.0", "prod", pushed=True)
    assert "model#prod#2" in versions.git("ls-remote", "--tags", "origin")


def test_stage_from_the_future_is_refused(
    versions: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(versions.root, "1.0.0", "prod", pushed=False)
    before = versions.tags()
    # The clock of this computer is an hour behind that of the last tag.
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now - 3600)
    with pytest.raises(UserError) as error:
        promote(versions.root, "1.1.0", "prod", pushed=False)
    assert "prod: its latest tag 'model#prod#1' is from " in str(error.value)
    assert "Fix: set the clock" in str(error.value)
    assert versions.tags() == before
    promote(versions.root, "1.1.0", "staging", pushed=False)


def test_lightweight_tags_are_named_and_ignored(
    versions: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    versions.git("tag", "model#prod#1", "HEAD")
    versions.git("tag", "model@v2.0.0", "HEAD")
    registry = read_registry(versions.root)
    assert registry.ignored == ["model#prod#1", "model@v2.0.0"]
    assert registry.stages == {}
    with pytest.raises(UserError, match=r"model@v2.0.0: is a lightweight tag"):
        find_version(registry, "2.0.0")
    promote(versions.root, "1.0.0", "prod", pushed=False)
    assert in_stage(versions, "prod") == "v1.0.0"
    assert versions.tags().count("model#prod#2") == 1


@pytest.mark.slow
def test_latest_is_never_a_release_candidate(versions: Project) -> None:
    versions.commit("Next")
    versions.tag("model@v2.0.0-rc.1", second=9)
    assert find_version(read_registry(versions.root), "latest").name == "v1.2.0"
    # GTO would take it.
    assert "v2.0.0-rc.1" in gto(versions, "show", "model@latest", "--json")
    for name in ("model@v1.0.0", "model@v1.1.0", "model@v1.2.0"):
        versions.git("tag", "--delete", name)
    with pytest.raises(UserError, match="all versions are release candidates"):
        find_version(read_registry(versions.root), "latest")


def test_version_can_be_named_by_its_stage(versions: Project) -> None:
    versions.tag("model#staging#1", "HEAD~1", second=5)
    promote(versions.root, "staging", "prod", pushed=False)
    assert in_stage(versions, "prod") == "v1.1.0"


@pytest.mark.parametrize("name", ["", "Prod", "v1.0.0", "a b", "x#1", "-x", "latest"])
def test_stage_needs_a_plain_name(name: str) -> None:
    with pytest.raises(UserError, match="Fix: use small letters"):
        check_stage(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("9.9.9", "v9.9.9: is not registered here. There are: v1.2.0, v1.1.0, v1.0.0"),
        ("staging", "staging: no version is in this stage. There are: no stages yet"),
        ("1.0", "1.0: is not a version. Fix: write MAJOR.MINOR.PATCH"),
    ],
)
def test_unknown_versions_are_named(versions: Project, name: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        promote(versions.root, name, "prod", pushed=False)
    assert str(error.value).startswith(says)


def test_without_an_earlier_version_there_is_no_rollback(versions: Project) -> None:
    with pytest.raises(UserError, match="prod: no version was in this stage"):
        rollback(versions.root, "prod", pushed=False)
    versions.tag("model#prod#1", "HEAD", second=5)
    with pytest.raises(UserError, match=r"no version was there before v1\.2\.0"):
        rollback(versions.root, "prod", pushed=False)


@pytest.mark.integration
@pytest.mark.slow
def test_model_must_be_on_the_remote_to_be_promoted(
    project: Project, tmp_path: Path
) -> None:
    project.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.commit()
    project.tag("model@v1.0.0", second=1)
    with pytest.raises(UserError) as error:
        promote(project.root, "1.0.0", "prod", pushed=False)
    assert "models/model.skops: not on the remote storage" in str(error.value)
    assert "dvc push" in str(error.value)
    project.dvc("push")
    promote(project.root, "1.0.0", "prod", pushed=False)
    assert in_stage(project, "prod") == "v1.0.0"
    project.train("second", 0.95)
    project.tag("model@v1.1.0", second=2)
    project.dvc("push")
    promote(project.root, "1.1.0", "prod", pushed=False)
    shutil.rmtree(tmp_path / "storage")
    project.dvc("push")
    with pytest.raises(UserError, match=r"v1\.0\.0: .* not on the remote storage"):
        rollback(project.root, "prod", pushed=False)
    assert in_stage(project, "prod") == "v1.1.0"
