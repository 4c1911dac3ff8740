"""Values, differences and ratios of groups are those of fairlearn."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.scoring.gaps import ODDS, OF_ODDS, find_gap
from reproducible_ml.modeling.scoring.group_metrics import Name, vary_by_group

from ..environments import environment

HERE = Path(__file__).parent / "fairlearn"

pytestmark = pytest.mark.slow  # installs fairlearn

GROUPS = ["a", "b", "c", "d"]


def values_of_fairlearn(rows: Predictions, codes: Any, folder: Path) -> Any:
    table = pd.DataFrame(
        {
            "actual": rows.actual.astype(float),
            "predicted": rows.predicted.astype(float),
            "group": np.array(GROUPS)[codes],
        }
    )
    table.to_csv(folder / "rows.csv", index=False, float_format="%.17g")
    programs = environment("fairlearn", HERE / "requirements.txt")
    command = programs / "python", HERE / "values.py", folder / "rows.csv"
    return json.loads(subprocess.check_output(command, text=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", ["binary", "class", "regression"])
def test_values_are_those_of_fairlearn(tmp_path: Path, task: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = random.choice(4, 500, p=[0.6, 0.25, 0.1, 0.05])
    shift = random.normal(size=4)[codes]
    row_keys = random.integers(0, 2**63, 500, dtype=np.uint64)
    code: int | None = None
    if task == "regression":
        actual = random.normal(50, 5, 500) + shift
        rows = asked = Predictions(actual, actual + random.normal(shift))
    else:
        output = 1 / (1 + np.exp(-random.normal(shift, 1.5)))
        asked = rows = Predictions(random.random(500) < output, output, 0.4)
    if task == "class":
        # One of several classes against the others.
        code, scores = 2, random.dirichlet([1, 1, 1], 500)
        rows = Predictions(random.integers(0, 3, 500), scores)
        asked = Predictions(rows.actual == code, (rows.predicted == code) * 1.0)
    found = vary_by_group(rows, codes, row_keys, GROUPS, 100, 500)
    expected = values_of_fairlearn(asked, codes, tmp_path)
    compared = 0
    for name, by_group in expected["groups"].items():
        key: Name = (name, code)
        if key not in found:
            continue  # Of a class there is no accuracy.
        compared += 1
        wanted = [by_group[group] for group in GROUPS]
        np.testing.assert_allclose(found[key].value, wanted, rtol=0, atol=1e-12)
    assert compared == {"binary": 6, "class": 5, "regression": 2}[task]
    for name in expected["difference"]:
        keys = [(one, code) for one in (OF_ODDS if name == ODDS else (name,))]
        if not {*keys} <= found.keys():
            continue
        gap = find_gap([found[key] for key in keys], with_ratio=True)
        assert gap is not None
        assert gap.ratio is not None
        both = gap.difference.value, gap.ratio.value
        wanted = [expected[kind][name] for kind in ("difference", "ratio")]
        np.testing.assert_allclose(both, wanted, rtol=0, atol=1e-12)
