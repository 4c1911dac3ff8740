"""The README of this repository is short, and shows what `make repro` prints."""

import pytest
import yaml

from reproducible_ml.modeling.drawing.summary import print_summary

from ..copies import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_readme_shows_the_current_results(capsys: pytest.CaptureFixture[str]) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    print_summary(ROOT / "reports/evaluation.json", params["data"]["task"])
    assert capsys.readouterr().out.strip("\n") in README


def test_readme_is_short() -> None:
    lines = README.splitlines()
    assert len(lines) < 100
    assert max(map(len, lines)) <= 120
