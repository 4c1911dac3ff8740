"""`rml verify`: the copy, its conditions, and what the comparison means."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import yaml

from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.verify.rebuild import (
    ELSEWHERE,
    clone,
    compare,
    conclusion,
    conditions,
    find_edited,
    largest_difference,
)

from ..report.conftest import Repository

OLD = {("split", "data"): "1", ("train", "model"): "2"}


# A section that params.yaml leaves out has its defaults.
def test_copy_has_another_parallel_backend(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    del params["compute"]
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    Repository(project).commit()
    original = load_section(Compute, project / "params.yaml")
    clone(project, project / "copy")
    copy = load_section(Compute, project / "copy" / "params.yaml")
    assert copy.backend != original.backend
    assert copy.n_jobs != original.n_jobs


def test_compare_names_what_differs_and_what_is_missing() -> None:
    new = {("split", "data"): "1", ("train", "report"): "3"}
    assert compare(OLD, new | {("train", "model"): "9"}) == [
        ("split", "data", "equal"),
        ("train", "model", "DIFFERENT"),
        ("train", "report", "not committed"),
    ]
    assert ("train", "model", "not rebuilt") in compare(OLD, new)


def test_rounding_is_not_a_difference_of_data() -> None:
    assert "Every output was reproduced" in conclusion(compare(OLD, OLD), 0.0)
    model = compare(OLD, OLD | {("train", "model"): "9"})
    assert "in the last bits between processors" in conclusion(model, 2e-16)
    assert "differ by at most 2e-16" in conclusion(model, 2e-16)
    assert "more than rounding" in conclusion(model, 0.02)
    data = compare(OLD, OLD | {("split", "data"): "9"})
    assert "Some data were not reproduced" in conclusion(data, 0.0)


def test_largest_difference_skips_undefined_metrics() -> None:
    old, new = {"a": 1.0, "b": None, "c": 2.0}, {"a": 1.5, "b": 3.0}
    assert largest_difference(old, new) == 0.5
    assert largest_difference({}, {}) == 0.0


def test_conditions_hold_for_numpy() -> None:
    changed = conditions(same_processor=False)
    assert conditions(same_processor=True).items() < changed.items()
    features = (
        "from numpy._core._multiarray_umath import __cpu_features__ as f; print(f)"
    )
    hidden = changed["NPY_DISABLE_CPU_FEATURES"].split()
    found = subprocess.check_output(
        [sys.executable, "-c", features], env=changed, text=True
    )
    assert all(f"'{name}': False" in found for name in hidden)


def test_edited_report_is_no_output_of_a_stage(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    hashes = {("evaluate", "metrics.json"): "99914b932bd37a50b983c5e7c90ae93b"}
    assert find_edited(hashes, tmp_path) == set()
    (tmp_path / "metrics.json").write_text('{"roc_auc": 0.9999}')
    edited = find_edited(hashes, tmp_path)
    verdicts = compare(hashes, hashes, edited)
    assert "Committed, but not what a stage wrote: metrics.json" in conclusion(
        verdicts, 0.0
    )


def test_stages_run_on_another_day_on_another_computer(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("""
import datetime, os, pickle, platform, socket, time
from datetime import date, datetime as moment
import numpy, pandas, pydantic
now = moment(2024, 2, 29, tzinfo=datetime.UTC)
def check():
    made = moment(2024, 2, 29, tzinfo=datetime.UTC)
    assert pickle.dumps(made) == pickle.dumps(now)
    assert isinstance(pandas.Timestamp(made).to_pydatetime(), moment)
    assert isinstance(made, date) and not isinstance(made.date(), moment)
    days = {
        date.today(),
        moment.now().date(),
        datetime.datetime.today().date(),
        date(*time.localtime()[:3]),
        date.fromisoformat(time.strftime("%Y-%m-%d")),
        moment.fromtimestamp(time.time()).date(),
    }
    today = date.fromisoformat(os.environ["TODAY"])
    print(*{(day - today).days for day in days})
    print(os.cpu_count(), *{socket.gethostname(), platform.node(), os.uname().nodename})
""")
    path = os.pathsep.join([str(ELSEWHERE), str(tmp_path)])
    printed = subprocess.check_output(
        [sys.executable, "-c", "import own; own.check()"],
        env=os.environ | {"PYTHONPATH": path, "TODAY": str(date.today())},
        text=True,
    ).split()
    assert {*printed[:-2]} <= {"417", "418"}
    assert printed[-2:] == ["2" if os.cpu_count() == 3 else "3", "another-computer"]
