"""The stages of dvc.yaml: what they depend on; the same bytes, whatever happens."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.core.dependencies import (
    StageDependencies,
    has_no_influence,
    read_stages,
)
from reproducible_ml.core.project import Project

from ..conftest import RAW, ROOT, Workspace, commands

pytestmark = pytest.mark.xdist_group("stages")  # they share finished pipelines

PACKAGE = Project(ROOT).package

# Where a top-level package of this repository lies.
SOURCES = {PACKAGE: ROOT / "code", "reproducible_ml": ROOT / "toolkit/src"}

# What no result depends on: changing it must not run a stage again.
NO_DEPS = ("report", "experiments", "tracking", "serving", "modeling/drawing", "cli.py")

# The stages that run a module of the project.
STAGES = {n: s for n, s in read_stages(ROOT).items() if f"-m {PACKAGE}." in s.command}


def find_source(module: str) -> Path | None:
    """Return the file of a module of this repository, or None for anything else."""
    if (top := module.partition(".")[0]) not in SOURCES:
        return None
    path = SOURCES[top].joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def imported_modules(file: Path) -> Iterator[str]:
    """Yield the names that may be modules in all imports of a file."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative imports are not followed here"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def find_code(stage: StageDependencies) -> set[str]:
    """Return the files of this repository that a stage imports, directly or not."""
    found: set[Path] = set()
    waiting = [module_of(stage), *own_modules(stage)]
    while waiting:
        name = waiting.pop()
        if "." in name:
            # Python imports the packages around a module first.
            waiting.append(name.rpartition(".")[0])
        file = find_source(name)
        if file and file not in found:
            found.add(file)
            waiting += imported_modules(file)
    return {str(file.relative_to(ROOT)) for file in found if not has_no_influence(file)}


def own_modules(stage: StageDependencies) -> Iterator[str]:
    """Yield the modules in dep folders of the project, which params.yaml may name."""
    for dep in stage.paths:
        for file in (
            sorted((ROOT / dep).rglob("*.py")) if dep.parts[0] == "code" else ()
        ):
            yield ".".join(file.relative_to(ROOT / "code").with_suffix("").parts)


def code_deps(stage: StageDependencies) -> list[str]:
    """Return those deps of a stage that are code."""
    folders = [str(path.relative_to(ROOT)) for path in SOURCES.values()]
    return [dep for dep in map(str, stage.paths) if dep.startswith(tuple(folders))]


def lies_in(file: str, dep: str) -> bool:
    return file == dep or file.startswith(f"{dep}/")


def module_of(stage: StageDependencies) -> str:
    words: list[str] = stage.command.split()
    return words[words.index("-m") + 1]


@pytest.mark.parametrize("name", STAGES)
def test_all_code_that_a_stage_imports_is_a_dep(name: str) -> None:
    deps = code_deps(STAGES[name])
    missing = [
        file
        for file in sorted(find_code(STAGES[name]))
        if not any(lies_in(file, dep) for dep in deps)
    ]
    assert not missing, f"dvc.yaml: add to the deps of {name}: {', '.join(missing)}"


@pytest.mark.parametrize("name", STAGES)
def test_all_code_in_the_deps_of_a_stage_is_imported(name: str) -> None:
    code = find_code(STAGES[name])
    unused = [
        dep
        for dep in code_deps(STAGES[name])
        # Own classes of the project's folders may be named in params.yaml alone.
        if not (dep.startswith("code/") and (ROOT / dep).is_dir())
        and not any(lies_in(file, dep) for file in code)
    ]
    assert not unused, f"dvc.yaml: remove from the deps of {name}: {', '.join(unused)}"


def test_code_without_influence_on_results_is_no_dep() -> None:
    toolkit = str((SOURCES["reproducible_ml"] / "reproducible_ml").relative_to(ROOT))
    deps = {dep for stage in STAGES.values() for dep in code_deps(stage)}
    for part in NO_DEPS:
        assert not any(lies_in(f"{toolkit}/{part}", dep) for dep in deps)


def test_all_files_in_deps_are_in_git() -> None:
    deps = {dep for stage in STAGES.values() for dep in code_deps(stage)}
    untracked = git_lines("ls-files", "--others", "--exclude-standard", "--", *deps)
    assert not untracked, f"git add {' '.join(untracked)}"


def git_lines(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is not a Git repository")
    return done.stdout.splitlines()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what Git tracks, without data, to a DVC repository of the test's own."""
    for name in git_lines("ls-files", "--cached", "--others", "--exclude-standard"):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def status(root: Path) -> dict[str, Any]:
    """Return what DVC finds to be out of date, by stage."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_parameter_of_train_changes_no_stage_before_it(copy: Path) -> None:
    before = status(copy)
    edited = copy / str(find_source(module_of(STAGES["train"]))).replace(f"{ROOT}/", "")
    edited.write_text(f"{edited.read_text('utf-8')}\n# A new parameter\n", "utf-8")
    params = (copy / "params.yaml").read_text("utf-8")
    changed = params.replace("\ntrain:", "\ntrain:\n  new: 1", 1)
    assert changed != params
    (copy / "params.yaml").write_text(changed, "utf-8")
    after = status(copy)
    for name in list(STAGES)[: list(STAGES).index("train")]:
        assert after.get(name) == before.get(name)
    if (ROOT / "dvc.lock").exists():
        assert after["train"] != before.get("train")


# Reports on parts of tables: their fingerprint depends on where parts end.
OF_PARTS = ("data/", "models/model.json", "reports/model_card.md")


def same_table(workspace: Workspace, folder: Path, **compute: Any) -> Workspace:
    """Return another folder with the same raw table, where all stages ran."""
    for name in ("data/schema.yaml", str(RAW)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(workspace.folder / name, folder / name)
    other = Workspace(folder, workspace.task)
    other.set_params(compute=compute)
    other.run()
    return other


def test_processes_and_folder_change_no_byte(
    finish: Callable[[str], Workspace], tmp_path: Path
) -> None:
    finished = finish("binary")
    other = same_table(finished, tmp_path, backend="loky", n_jobs=2)
    assert other.contents() == finished.contents()


def test_threads_and_size_of_parts_change_neither_model_nor_reports(
    finished: Workspace, tmp_path: Path
) -> None:
    threads = {"backend": "threading", "n_jobs": 2}
    other = same_table(finished, tmp_path, rows_per_part=37, **threads)
    one, two = (
        {n: c for n, c in each.contents().items() if not n.startswith(OF_PARTS)}
        for each in (finished, other)
    )
    assert one == two


@pytest.fixture
def slow_search(copy_of: Callable[[str], Workspace]) -> Workspace:
    """Return a workspace where the stage `train` would take minutes."""
    space = {"max_iter": {"int": [100, 400]}}
    search = {"method": "random", "n_iter": 500, "folds": 5, "space": space}
    workspace = copy_of("binary")
    workspace.set_params(train={"search": search})
    return workspace


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["interrupted", "ended", "killed"],
)
def test_stopped_stage_leaves_the_old_model_and_nothing_half_written(
    slow_search: Workspace, number: signal.Signals, code: int
) -> None:
    before = slow_search.contents()
    module, paths = commands()["train"]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, paths)],
        cwd=slow_search.folder,
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith("Searching"):
        assert process.poll() is None
    time.sleep(0.3)
    os.killpg(process.pid, number)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in printed
    assert slow_search.contents() == before
