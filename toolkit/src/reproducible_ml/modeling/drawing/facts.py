"""What the titles and legends of plots say besides the tables that are drawn."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Facts(NamedTuple):
    """What is predicted, and how well.

    Attributes:
        target: Name of the column that is predicted.
        metrics: Values of metrics by name.
        estimator: Name of the model's class.
        threshold: Probability from which the positive class is predicted.
        positive: Of two classes, the one whose probability is predicted.
        rows: Number of test rows, if known.
        positives: Share of rows of the positive class, if known.
        rates: False positive rate, recall and precision at the threshold, if known;
            NaN where it is not defined.
    """

    target: str = ""
    metrics: dict[str, Any] = {}
    estimator: str = ""
    threshold: float | None = None
    positive: str = ""
    rows: int | None = None
    positives: float | None = None
    rates: tuple[float, float, float] | None = None

    def metric(self, name: str) -> float | None:
        """Return the value of a metric, None if there is none."""
        value = self.metrics.get(name)
        return value if isinstance(value, int | float) else None

    def with_tables(self, tables: dict[str, pd.DataFrame], task: str) -> "Facts":
        """Return the facts and what the tables tell of the test rows."""
        for name in ("confusion_matrix", "residual_histogram"):
            if name in tables:
                found = self._replace(rows=int(tables[name]["rows"].sum()))
                binary = task == "binary" and len(tables[name]) == 4
                return found._with_rates(tables[name]) if binary else found
        return self

    def _with_rates(self, counts: pd.DataFrame) -> "Facts":
        """Return the facts with those of two classes, of which the second is positive.

        Args:
            counts: The confusion matrix.
        """
        (tn, fp), (fn, tp) = counts["rows"].to_numpy(float).reshape(2, 2)
        return self._replace(
            positive=str(counts["actual"].iloc[-1]),
            positives=_share(fn + tp, tn + fp),
            rates=(_share(fp, tn), _share(tp, fn), _share(tp, fp)),
        )


def _share(part: float, rest: float) -> float:
    return float(part / (part + rest)) if part + rest else float(np.nan)


def percent(share: float) -> str:
    """Return a share in words, such as 1.6 %."""
    return f"{100 * share:.1f} %"
