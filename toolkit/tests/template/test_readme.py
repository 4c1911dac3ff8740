"""The README of this repository shows what a run of it prints."""

import sys

from ..copies import ROOT
from .conftest import run


def test_readme_shows_what_a_run_prints() -> None:
    paths = ("reports/evaluation.json", "reports/overview.png", "reports/plots")
    module = "reproducible_ml.modeling.drawing.summary"
    printed = run(sys.executable, "-m", module, *paths, cwd=ROOT).stdout
    assert printed.strip("\n") in (ROOT / "README.md").read_text("utf-8")


def test_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120
