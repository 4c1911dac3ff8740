"""The whole loop, for twelve weeks of five worlds, with and without a shift in one.

Service, monitoring, outcomes, retraining, registry, Git and DVC are real processes.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from ..copies import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.integration]

DRIFT = 3
SEEDS = range(5)


@pytest.fixture(scope="module")
def simulation() -> Any:
    """The module pipelines/simulate.py."""
    path = ROOT / "pipelines/simulate.py"
    spec = importlib.util.spec_from_file_location("simulate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", SEEDS)
def test_shift_is_noticed_and_a_new_model_brings_performance_back(
    simulation: Any, tmp_path: Path, seed: int
) -> None:
    weeks = simulation.simulate(tmp_path / "world", seed, shifted=True)
    before, shift, after = weeks[:5], weeks[5], weeks[6:]
    assert [week.monitor for week in before] == [0] * 5
    assert {week.version for week in [*before, shift]} == {weeks[0].version}
    # The model loses more than noise, and the alarm comes within the week.
    assert simulation.change(before[4:], [shift])[1] < 0
    assert shift.monitor == DRIFT
    # A model that passed the gate is in use from the next week on.
    assert shift.retrained == "passed"
    assert after[0].version != shift.version
    # Performance is back within noise of week 5, where the first model stays behind.
    assert simulation.change(before[4:], after[-3:])[1] >= 0
    stayed = [week._replace(auc=week.first) for week in after[-3:]]
    assert simulation.change(before[4:], stayed)[1] < 0


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_happens_without_a_shift(
    simulation: Any, tmp_path: Path, seed: int
) -> None:
    weeks = simulation.simulate(tmp_path / "world", seed, shifted=False)
    assert [week.monitor for week in weeks] == [0] * 12
    assert {week.version for week in weeks} == {weeks[0].version}
    assert {week.retrained for week in weeks} == {None}
