"""How late labels come: the delay between an answer and its label.

Answers without a label yet say that theirs takes longer than they are old. The
estimator of Kaplan and Meier takes that into account; the mean of those that came would
be too short.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from reproducible_ml.monitoring.windows import DAY, UNKNOWN
from reproducible_ml.serving.feedback import LABEL

# After so many days, the share of rows is reported that still have no label.
DAYS = (1, 7, 30, 90, 180)


class Delay(BaseModel):
    """How many days after its answer a label comes.

    Attributes:
        median: After which half of the labels have come; None if fewer have.
        most: After which 90 % have.
        missing: Share of rows without a label after a number of days, as far as
            answers are old enough to know.
        labels: Labels that this is estimated from.
        before: Labels with a time before that of the answer, which count as 0 days.
    """

    median: float | None
    most: float | None
    missing: dict[int, float]
    labels: int
    before: int


def estimate_delay(answers: pd.DataFrame) -> Delay | None:
    """Return how late labels come; None if no time of a label is known.

    Args:
        answers: With `time` and `known` in microseconds since 1970, `label`, and
            `returned`.
    """
    from scipy.stats import CensoredData, ecdf

    mine = answers[answers["returned"]]
    times, known = (mine[n].to_numpy(dtype=np.int64) for n in ("time", "known"))
    has_label = mine[LABEL].notna().to_numpy()
    timed = has_label & (known != UNKNOWN)
    if not timed.any():
        return None
    came = (known[timed] - times[timed]) / DAY
    # Later than the last thing that is known, nobody looked.
    now = max(int(known[timed].max()), int(times.max()))
    waits = (now - times[~has_label]) / DAY
    sample = CensoredData(uncensored=np.maximum(came, 0), right=waits)
    left: Any = ecdf(sample).sf
    oldest = (now - int(times.min())) / DAY
    return Delay(
        median=_quantile(left, 0.5),
        most=_quantile(left, 0.9),
        missing={
            days: round(float(left.evaluate(days)), 6)
            for days in DAYS
            if days <= oldest
        },
        labels=int(timed.sum()),
        before=int((came < 0).sum()),
    )


def _quantile(left: Any, share: float) -> float | None:
    """Return the days after which a share of labels has come, if it ever has."""
    reached = np.flatnonzero(left.probabilities <= 1 - share + 1e-12)
    if not len(reached):
        return None
    found = float(left.quantiles[reached[0]])
    return round(found, 4) if math.isfinite(found) else None
