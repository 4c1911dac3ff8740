"""How often `rml outcomes` is wrong: alarms without a change, and changes without one.

Answers and labels are drawn at random, so that the truth is known: test rows and rows
in use come from the same model, which is then made worse. Metrics, bootstrap and the
rule are those of the command.

    python benchmarks/outcomes.py [--runs 200]
"""

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import Metrics, Predictions
from reproducible_ml.modeling.scoring.scores import Scores, score_rows, take
from reproducible_ml.monitoring.outcomes.worse import (
    ALPHA,
    Measured,
    compare,
    corrected,
    has_classes,
    rows_needed,
)
from tumour_diagnosis.models.metrics import METRICS

NAMES = (
    *("roc_auc", "average_precision", "accuracy"),
    *("f1", "brier_score_loss", "log_loss"),
)
REPLICATES = 100

# Test rows, labels, windows.
SIZES = ((150, 1000, 4), (500, 1000, 8))

# Share of labels that lose their cause in a changed world.
NOISE = 0.5


class World(NamedTuple):
    """How rows are drawn.

    Attributes:
        name: In the table.
        scale: Of the score; the larger, the better the model.
        share: Of positives.
        sharpness: 1: probabilities are right; more: the model is too certain.
    """

    name: str
    scale: float
    share: float = 0.4
    sharpness: float = 1.0


WORLDS = (
    World("middling model", 1.5),
    World("nearly perfect model", 6.0),
    World("rare positives", 2.0, share=0.05),
    World("too certain model", 2.0, sharpness=3.0),
)


def draw(
    world: World, rows: int, random: np.random.Generator, noise: float = 0.0
) -> Predictions:
    """Return rows of a world; noise is the share of labels that lost their cause."""
    score = random.normal(size=rows) * world.scale + np.log(
        world.share / (1 - world.share)
    ) * (1 + world.scale / 3)
    actual = random.random(rows) < 1 / (1 + np.exp(-score))
    shuffled = random.random(rows) < noise
    actual[shuffled] = random.permutation(actual[shuffled])
    return Predictions(actual, 1 / (1 + np.exp(-score * world.sharpness)))


def alarm(
    test: Predictions,
    use: Predictions,
    windows: int,
    metrics: Metrics,
    random: np.random.Generator,
    replicates: int = REPLICATES,
) -> bool:
    """Return whether any metric of any window is called worse."""
    before = _scores(test, metrics, random, replicates)
    needed = rows_needed(len(test.actual), len(metrics))
    chances = []
    for some in _windows(use, windows):
        rows = len(some.actual)
        if needed is None or rows < needed or not has_classes(some.actual):
            continue
        now = _scores(some, metrics, random, replicates)
        for name, metric in metrics.items():
            loss = compare(
                Measured(now.metrics[name], now.replicates[name], rows),
                Measured(
                    before.metrics[name], before.replicates[name], len(test.actual)
                ),
                greater_is_better=metric.greater_is_better,
            )
            chances += [loss.p] if loss else []
    return any(p < ALPHA for p in corrected(chances))


def _windows(use: Predictions, windows: int) -> Iterator[Predictions]:
    """Yield all rows, and those of each window."""
    yield use
    if windows > 1:
        for places in np.array_split(np.arange(len(use.actual)), windows):
            yield take(use, places)


def _scores(
    rows: Predictions, metrics: Metrics, random: np.random.Generator, replicates: int
) -> Scores:
    row_keys: keys.Keys = random.integers(0, 2**63, len(rows.actual), dtype=np.uint64)
    return score_rows(rows, row_keys, metrics, replicates, 10_000)


def main() -> None:
    """Print the share of runs with an alarm, by world and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    metrics = {name: METRICS["binary"][name] for name in NAMES}
    sys.stdout.write("| model | test rows | labels, windows | no change | changed |\n")
    for world in WORLDS:
        for test, use, windows in SIZES:
            shares = []
            # Power needs fewer runs than a share of less than 1 %.
            for noise, number in ((0.0, runs), (NOISE, runs // 4)):
                random = np.random.default_rng(0)
                found = [
                    alarm(
                        draw(world, test, random),
                        draw(world, use, random, noise),
                        windows,
                        metrics,
                        random,
                    )
                    for _ in range(number)
                ]
                shares.append(f"{sum(found)} of {number}")
            cells = [world.name, str(test), f"{use}, {windows}", *shares]
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
