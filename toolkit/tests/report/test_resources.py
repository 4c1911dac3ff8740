"""What stages took: which run belongs to which revision, and what is shown of it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reproducible_ml.cli import cli
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.core.resources import LOG, Usage, append_line, note_usage
from reproducible_ml.report import resources
from reproducible_ml.report.resources import (
    compare_in_report,
    note_locked,
    read_price,
    read_runs,
    runs_of,
)
from reproducible_ml.versioning.git import Revision

from .conftest import PYPROJECT, Repository

OTHER = "linux, Other, 64 cores"


@pytest.fixture
def repository(repository: Repository) -> Repository:
    """Two commits; `split` is the same in both, `train` is not."""
    repository.write(".gitignore", "/.dvc/\n")
    repository.write("pyproject.toml", PYPROJECT)
    repository.write("dvc.yaml", "stages: {}\n")
    (repository.root / ".dvc").mkdir()
    ran(repository, {"split": (1.0, 10), "train": (20.0, 300)}, seed=1)
    repository.commit("First")
    ran(repository, {"train": (30.0, 400)}, seed=2)
    repository.commit("Second")
    return repository


def ran(
    repository: Repository, stages: dict[str, tuple[float, int]], seed: int
) -> list[resources.Run]:
    """Do what `rml repro` does: run stages, which are noted, then write dvc.lock."""
    start = time.time()
    for name, (seconds, megabytes) in stages.items():
        usage = Usage(seconds, seconds / 2, megabytes * 1_000_000)
        note_usage("stage", [name], usage, repository.root)
    lock = {
        "split": {"cmd": "split"},
        "train": {"cmd": "train", "params": {"params.yaml": {"seed": seed}}},
    }
    repository.write("dvc.lock", {"schema": "2.0", "stages": lock})
    return note_locked(repository.root, start)


def seconds(repository: Repository, commit: str | None) -> dict[str, float]:
    found = runs_of(read_runs(repository.root), Revision(repository.root, commit))
    return {name: run.seconds for name, run in found.items()}


def show(repository: Repository, *arguments: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository.root)
        result = CliRunner().invoke(cli, ["resources", *arguments])
    if result.exception:
        raise result.exception
    return result.output


def test_a_run_belongs_to_every_revision_with_the_same_stage(
    repository: Repository,
) -> None:
    assert seconds(repository, "HEAD~1") == {"split": 1.0, "train": 20.0}
    assert seconds(repository, "HEAD") == {"split": 1.0, "train": 30.0}
    # A run with other settings that are not committed, and one by `dvc repro` alone.
    ran(repository, {"train": (70.0, 1)}, seed=3)
    assert seconds(repository, None) == {"split": 1.0, "train": 70.0}
    note_usage("stage", ["train"], Usage(99.0, 1.0, None), repository.root)
    assert seconds(repository, None) == {"split": 1.0, "train": 70.0}
    assert seconds(repository, "HEAD") == {"split": 1.0, "train": 30.0}
    # Of two runs of the same, the newer counts.
    assert [run.seconds for run in ran(repository, {"split": (2.0, 1)}, seed=3)] == [2]
    assert seconds(repository, "HEAD~1") == {"split": 2.0, "train": 20.0}


def test_lines_that_are_damaged_do_not_count_and_the_log_stays_small(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = repository.root / LOG
    with log.open("ab") as file:
        file.write(b'[1]\n{"kind": "stage"}\n{"kind": "locked"}\n\xff{\n{"kind": "st')
    expected = {"split": 1.0, "train": 30.0}
    assert seconds(repository, None) == expected
    append_line({"kind": "locked", "from": "x", "to": 1, "stages": {}}, repository.root)
    assert seconds(repository, None) == expected
    monkeypatch.setattr(resources, "MOST", 1000)
    size = log.stat().st_size
    ran(repository, {"train": (30.0, 400)}, seed=2)
    assert log.stat().st_size < 0.7 * size
    assert seconds(repository, None)["train"] == 30.0


def test_revisions_are_shown_side_by_side(repository: Repository) -> None:
    lines = show(repository).splitlines()
    assert lines[0].split() == ["stage", "seconds", "processor", "s", "peak", "MB"]
    assert lines[1].split() == ["split", "1.0", "0.5", "10"]
    assert lines[3].split() == ["all", "31.0", "15.5", "400"]
    lines = show(repository, "HEAD~1", "HEAD").splitlines()
    assert lines[0].split(None, 1)[1].split("  ")[0] == "HEAD~1, s"
    assert lines[2].split() == ["train", "20.0", "30.0", "300", "400"]
    assert lines[-1].startswith("The same kind of computer: ")
    assert "significant" not in "\n".join(lines)
    found = json.loads(show(repository, "HEAD", "--json"))
    assert found["HEAD"]["train"]["memory_bytes"] == 400_000_000
    with pytest.raises(UserError, match="nowhere: no such branch, tag or commit"):
        show(repository, "nowhere")
    (repository.root / LOG).unlink()
    with pytest.raises(UserError, match="has no run of HEAD"):
        show(repository, "HEAD")


def test_another_computer_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "reproducible_ml.core.resources.describe_computer", lambda: OTHER
    )
    ran(repository, {"train": (3.0, 400)}, seed=2)
    shown = show(repository, "HEAD~1", "HEAD")
    differ = "The computers, or how stages were started, differ"
    assert f"{differ}, so times cannot be compared. HEAD~1: linux" in shown
    assert OTHER in shown


def test_the_report_compares_stages_that_ran_again(repository: Repository) -> None:
    root = repository.root
    base, head = Revision(root, "HEAD~1"), Revision(root)
    title, text = compare_in_report(base, head)
    assert title == "### Time and memory"
    assert "| `train` | 20.0 | 30.0 | 300 | 400 |" in text
    assert "`split`" not in text
    assert resources.CAUTION in text
    assert not [*compare_in_report(None, head)]
    assert not [*compare_in_report(Revision(root, "HEAD"), head)]
    (root / LOG).unlink()
    assert not [*compare_in_report(base, head)]


@pytest.mark.parametrize("as_variable", [True, False])
def test_a_price_gives_the_cost(
    repository: Repository, as_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = 'currency = "EUR"\n'
    if as_variable:
        monkeypatch.setenv("RML_PRICE_PER_HOUR", "3.6")
    else:
        settings += "price_per_hour = 3.6\n"
    repository.write("pyproject.toml", f"{PYPROJECT}{settings}")
    lines = show(repository).splitlines()
    assert lines[0].endswith("cost")
    assert lines[3].endswith("0.0310 EUR")
    monkeypatch.setenv("RML_PRICE_PER_HOUR", "cheap")
    with pytest.raises(UserError, match="price_per_hour: 'cheap' is no price"):
        read_price(Project(repository.root))


def test_services_with_the_model_are_summed(repository: Repository) -> None:
    root: Path = repository.root
    manifest: dict[str, Any] = {"sha256": "a" * 64}
    repository.write("models/model.json", manifest)
    for hours in (1, 2):
        usage = Usage(hours * 3600.0, 10.0, hours * 100_000_000)
        note_usage("serve", ["a" * 12], usage, root)
    note_usage("serve", ["b" * 12], Usage(1.0, 1.0, 1), root)
    expected = "Served (working tree, model aaaaaaaaaaaa): 3.00 hours, 20.0 s of"
    assert expected in show(repository)
