"""`rml data`: from a table to a project about it, and what a failure leaves."""

import hashlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from reproducible_ml.adopt.adopt import adopt
from reproducible_ml.adopt.configure import PLOTS
from reproducible_ml.adopt.request import Options
from reproducible_ml.card.catalog import read_catalog
from reproducible_ml.contract.schema import load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = Path("data/schema.yaml")
COPIED = (".gitignore", ".dvcignore", ".dvc/config")
COMMAND = [sys.executable, "-m", "reproducible_ml.cli", "data"]
TABLE = "data/raw/visits.csv"

# A project about its sample, whatever this project is about by now.
PARAMS = """\
# Everything.
data: # the table
  target: diagnosis # to predict
  task: binary
  positive: malignant
  id: []
compute: {backend: sequential, n_jobs: 1}
split: # held out
  method: hash # or group, time
  test_size: 0.25
train:
  estimator:
    path: sklearn.ensemble.HistGradientBoostingClassifier
    arguments: {max_iter: 50}
evaluate:
  metrics: [roc_auc]
  slices:
    mean_radius: [12.0]
"""
PIPELINE = """\
vars:
- raw: data/raw/tumours.csv
stages:
  sample:
    cmd: python sample.py ${raw}
    outs:
    - ${raw}
  validate: # stays
    cmd: python validate.py ${raw}
    deps:
    - ${raw}
    outs:
    - data/interim/validated
    plots:
    - reports/validation.json: {cache: false}
plots:
- ROC curve: {x: fpr}
artifacts:
  model: {path: models/model.skops, desc: Of tumours, labels: [binary]}
"""
CONTRACT = """\
# About tumours.
strict: true
columns:
  mean_radius: {dtype: float64}
  diagnosis: {dtype: category, isin: [benign, malignant]}
"""

SETTINGS = """\
[tool.reproducible_ml]
package = "tumour_diagnosis"
sample = ["notebooks/01-explore.ipynb", "tests/test_sample.py"]
"""
SAMPLE = ("notebooks/01-explore.ipynb", "tests/test_sample.py")
SAMPLE_TABLE = "data/raw/tumours.csv"
RESULTS = ("dvc.lock", "reports/validation.json")

Capture = pytest.CaptureFixture[str]

# DVC, which tracks the table, takes some seconds.
integration = pytest.mark.integration


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    return subprocess.check_output(["git", *identity, *arguments], text=True)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that is about its sample; to be copied."""
    folder = tmp_path_factory.mktemp("blank")
    texts = {"params.yaml": PARAMS, "dvc.yaml": PIPELINE, "data/schema.yaml": CONTRACT}
    texts |= {name: (ROOT / name).read_text("utf-8") for name in COPIED}
    texts |= dict.fromkeys((*SAMPLE, *RESULTS), "about tumours")
    texts |= {
        "dvc.lock": "schema: '2.0'\n",
        SAMPLE_TABLE: "tumours",
        "pyproject.toml": SETTINGS,
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    git("-C", str(folder), "init", "--quiet")
    git("-C", str(folder), "add", "--all")
    git("-C", str(folder), "commit", "--quiet", "--message", "Sample")
    return folder


def visits() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "visit": [f"V{number:03d}" for number in random.permutation(120)],
            "age": random.integers(18, 90, 120),
            "ward": random.choice(["eye", "heart"], 120),
            "returned": random.choice(["no", "yes"], 120, p=[0.7, 0.3]),
        }
    )


def run(source: str | None = None, **options: Any) -> None:
    adopt(Project(Path.cwd()), Options(source, **options))


def params() -> Any:
    return Project(Path.cwd()).params()


@pytest.fixture(scope="module")
def adopted(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository about visits.csv in it; to be copied."""
    folder = shutil.copytree(blank, tmp_path_factory.mktemp("adopted") / "repository")
    visits().to_csv(folder / "visits.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("visits.csv", target="returned")
    return folder


@pytest.fixture
def repository(blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, about its sample; it holds visits.csv as well."""
    folder = shutil.copytree(blank, tmp_path / "repository")
    visits().to_csv(folder / "visits.csv", index=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def known(adopted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, about visits.csv in it; edited since."""
    folder = shutil.copytree(adopted, tmp_path / "repository")
    monkeypatch.chdir(folder)
    text = SCHEMA.read_text("utf-8").replace("  ward:", "  # Ask Ann.\n  ward:")
    text = text.replace("max_value: 500}", "max_value: 100} # nobody is older")
    SCHEMA.write_text(text, "utf-8")
    params = Path("params.yaml").read_text("utf-8")
    Path("params.yaml").write_text(params.replace("max_iter: 50", "max_iter: 60"))
    return folder


def change() -> None:
    """Change the table where it comes from: a new ward, an older patient."""
    table = visits()
    table.loc[::9, "ward"] = "skin"
    table.loc[3, "age"] = 101
    table.to_csv("visits.csv", index=False)


def state() -> dict[str, str]:
    """Return the hash of each file, also of what Git knows, but not of DVC's own."""
    found = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path().rglob("*"))
        if path.is_file() and not {".git", "tmp", "cache"} & {*path.parts}
    }
    return found | {"git": git("status", "--porcelain")}


# The first time.


@integration
def test_table_takes_the_place_of_the_sample(repository: Path, capsys: Capture) -> None:
    Path(SAMPLE[0]).write_text("my own work")
    run("visits.csv", target="returned")
    data = params().data
    contract = load_contract(SCHEMA, data)
    assert list(contract.columns) == ["visit", "age", "ward", "returned"]
    assert (data.target, data.positive, data.id) == ("returned", "yes", ("visit",))
    pipeline = yaml.safe_load(Path("dvc.yaml").read_text("utf-8"))
    assert list(pipeline["stages"]) == ["validate"]
    assert pipeline["vars"] == [{"raw": TABLE}]
    assert pipeline["artifacts"]["model"]["desc"] == "Prediction of returned"
    assert Path(TABLE).read_bytes() == Path("visits.csv").read_bytes()
    assert not Path(SAMPLE_TABLE).exists()
    assert [name for name in SAMPLE if Path(name).exists()] == [SAMPLE[0]]
    assert "# to predict" in Path("params.yaml").read_text("utf-8")
    said = capsys.readouterr().out
    assert not [name for name in RESULTS if Path(name).exists()]
    assert "sample" not in Path("pyproject.toml").read_text("utf-8")
    assert f"Kept {SAMPLE[0]}" in said
    assert "Removed the sample" in said
    written = "data/schema.yaml, params.yaml, dvc.yaml, data/catalog.yaml."
    assert f"Written: {TABLE}.dvc, {written}" in said
    entry = read_catalog().table
    assert entry is not None
    assert (entry.path, entry.rows) == (TABLE, 120)
    assert entry.bytes == Path(TABLE).stat().st_size
    assert entry.md5 == hashlib.md5(Path(TABLE).read_bytes()).hexdigest()
    assert (
        "data/catalog.yaml: source, owner, license, personal, updates, contact" in said
    )
    assert "make repro" in said


def test_dry_run_shows_all_and_changes_nothing(
    repository: Path, capsys: Capture
) -> None:
    before = state()
    run("visits.csv", target="returned", dry_run=True)
    assert state() == before
    said = capsys.readouterr().out
    assert "120 rows, 4 columns" in said
    assert "nothing was changed" in said


def test_rejection_writes_nothing_but_the_report(repository: Path) -> None:
    table = visits().astype({"age": object})
    table.loc[5, "age"] = "forty"
    table.to_csv("visits.csv", index=False)
    before = state()
    with pytest.raises(UserError, match='line 7, column "age": "forty"'):
        run("visits.csv", target="returned")
    after = state()
    assert set(after) - set(before) == {"data/interim/problems.csv"}
    assert {name: after[name] for name in before} == before


@integration
def test_table_of_ones_own_may_have_the_name_of_the_sample(repository: Path) -> None:
    shutil.copyfile("visits.csv", SAMPLE_TABLE)
    run(SAMPLE_TABLE, target="returned")
    assert Path(SAMPLE_TABLE).read_bytes() == Path("visits.csv").read_bytes()
    assert Path(f"{SAMPLE_TABLE}.dvc").exists()


@integration
def test_task_brings_its_plots(repository: Path) -> None:
    run("visits.csv", target="age")
    pipeline = yaml.safe_load(Path("dvc.yaml").read_text("utf-8"))
    assert pipeline["plots"] == PLOTS["regression"]
    assert params().data.task == "regression"


@integration
def test_failure_of_dvc_leaves_everything_as_it_was(repository: Path) -> None:
    Path(".dvc/config").write_text("[core\n")
    before = state()
    with pytest.raises(UserError, match="DVC cannot track it"):
        run("visits.csv", target="returned")
    assert state() == before


def test_table_must_be_named_at_first(repository: Path) -> None:
    with pytest.raises(UserError, match="rml data SOURCE --target COLUMN"):
        run(target="returned")


def test_columns_are_told_where_none_is_named_to_be_predicted(
    repository: Path,
) -> None:
    before = state()
    columns = '"visit", "age", "ward", "returned"'
    with pytest.raises(UserError, match=f"visits.csv: .* --target.* It has {columns}"):
        run("visits.csv")
    assert state() == before


def test_mistake_in_the_parameters_is_told_by_its_key(repository: Path) -> None:
    Path("params.yaml").write_text(PARAMS.replace("test_size: 0.25", "test_size: 2"))
    with pytest.raises(UserError, match=r"split\.test_size"):
        run("visits.csv", target="returned")


@integration
def test_other_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "is not in a project" in command("visits.csv", "--target=y").stderr


# Once more.


@integration
def test_same_table_again_writes_nothing(known: Path, capsys: Capture) -> None:
    before = state()
    times = {name: Path(name).stat().st_mtime_ns for name in before if name != "git"}
    run()
    assert state() == before
    assert {name: Path(name).stat().st_mtime_ns for name in times} == times
    said = capsys.readouterr().out
    assert "Nothing to change" in said
    assert "+++" not in said


@integration
def test_changed_table_is_shown_and_refused_unless_a_person_agrees(
    known: Path, capsys: Capture
) -> None:
    change()
    before = state()
    with pytest.raises(UserError, match="--yes"):
        run()
    assert state() == before
    said = capsys.readouterr().out
    assert "-    isin: [eye, heart]" in said
    assert "+    isin: [eye, heart, skin]" in said


@integration
def test_changed_table_is_taken_with_yes_and_edits_stay(known: Path) -> None:
    change()
    run(yes=True)
    text = SCHEMA.read_text("utf-8")
    assert "isin: [eye, heart, skin]" in text
    assert "  # Ask Ann.\n  ward:" in text
    assert "max_value: 500} # nobody is older" in text
    assert Path(TABLE).read_bytes() == Path("visits.csv").read_bytes()
    assert params().train.estimator.arguments == {"max_iter": 60}


@integration
def test_dry_run_of_a_changed_table_shows_the_change(
    known: Path, capsys: Capture
) -> None:
    change()
    before = state()
    run(dry_run=True)
    assert state() == before
    assert "+    isin: [eye, heart, skin]" in capsys.readouterr().out


@integration
@pytest.mark.parametrize("option", ["name", "query", "key"])
def test_option_of_a_source_needs_one(option: str, known: Path) -> None:
    with pytest.raises(UserError, match=f"--{option} needs a SOURCE"):
        run(**{option: "x"})


# As a command.


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@integration
@pytest.mark.parametrize(
    "arguments", [("\x1b[31m.csv", "--target=y"), ("visits.csv", "--target=\x1b[31m")]
)
def test_errors_are_told_in_a_line_that_commands_no_terminal(
    arguments: tuple[str, str], repository: Path
) -> None:
    table = visits().rename(columns={"ward": "\x1b[31mward"})
    table.to_csv("visits.csv", index=False)
    done = command(*arguments)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "error: " in line]
    assert "\\x1b[31m" in line
    assert "\x1b" not in done.stdout + done.stderr


@integration
def test_password_is_not_shown(repository: Path) -> None:
    url = "postgresql://ann:geheim@127.0.0.1:1/shop"
    done = command(url, "--target=y", "--query=SELECT 1 AS y", "--key=y")
    assert done.returncode == 1
    assert "postgresql://ann" in done.stderr
    assert "geheim" not in done.stdout + done.stderr


@integration
def test_interruption_while_dvc_works_leaves_everything_as_it_was(
    repository: Path,
) -> None:
    before = state()
    process = subprocess.Popen(
        [*COMMAND, "visits.csv", "--target=returned"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # The contract is written last before DVC imports the table.
    wait_until(lambda: SCHEMA.read_text("utf-8") != CONTRACT)
    time.sleep(0.2)
    # As a terminal does it: to all processes.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.rstrip().endswith("Stopped. Nothing was changed.")
    assert state() == before


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def terminal(*arguments: str) -> Iterator[tuple[int, Callable[[str], str]]]:
    """Run the command in a terminal; yield its end, and a way to wait for text."""
    process, end = pty.fork()
    if process == 0:
        os.execv(COMMAND[0], [*COMMAND, *arguments])
    shown = bytearray()

    def wait_for(text: str) -> str:
        deadline = time.monotonic() + 30
        while text.encode() not in shown:
            assert time.monotonic() < deadline, shown.decode()
            if select.select([end], [], [], 0.1)[0]:
                shown.extend(os.read(end, 4096))
        return shown.decode()

    try:
        yield end, wait_for
    finally:
        os.close(end)
        os.waitpid(process, 0)


QUESTION = "Change data/schema.yaml like this? [y/N] "


@integration
def test_person_may_agree(known: Path) -> None:
    change()
    with terminal() as (keyboard, wait_for):
        wait_for(QUESTION)
        os.write(keyboard, b"y\n")
        wait_for("make repro")
    assert "skin" in SCHEMA.read_text("utf-8")


@integration
@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (b"n\n", "error: nothing was changed"),
        (b"\x03", "Stopped. Nothing was changed."),
    ],
)
def test_person_may_refuse(typed: bytes, answer: str, known: Path) -> None:
    change()
    before = state()
    with terminal() as (keyboard, wait_for):
        wait_for(QUESTION)
        os.write(keyboard, typed)
        wait_for(answer)
    assert state() == before
