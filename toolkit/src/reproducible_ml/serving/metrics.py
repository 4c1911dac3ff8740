"""What is counted of a model in use, for Prometheus: service and worker share it.

Several processes count together if PROMETHEUS_MULTIPROC_DIR names an empty folder
before prometheus_client is imported; `rml serve` sees to that.
"""

import asyncio
import math
import os
import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from reproducible_ml.contract.schema import Column
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.missing import count_missing
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.records import Columns
from reproducible_ml.serving.rows import RowProblem

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 256, 1024, 4096, 16384)
PROBABILITIES = tuple(step / 20 for step in range(1, 21))

# How many buckets the range of a number is cut into, if the contract has one.
BUCKETS = 20

# How often a process says how much memory and processor time it takes.
UPDATE_SECONDS = 5

# Up to so many values, one by one is faster than as an array.
FEW = 8

# Where Linux says how many pages of memory a process has.
STATM = Path("/proc/self/statm")

# The column that a model predicts, and what begins those of several classes.
PREDICTION, PROBABILITY = "prediction", "probability"


class ModelMetrics:
    """Counts of rows, predictions, models and the process itself."""

    def __init__(self, buckets: Sequence[float] = ()) -> None:
        """Begin to count.

        Args:
            buckets: Upper bounds for the histogram of predicted numbers; by default
                from the range of the target in the contract.
        """
        self.buckets = tuple(buckets)
        self.registry = CollectorRegistry()
        own = self.registry
        self.rows = Counter(
            "rml_rows", "Rows, by what they got", ["result"], registry=own
        )
        self.problems = Counter(
            "rml_row_problems",
            "Values that break a rule of the contract",
            ["column", "rule"],
            registry=own,
        )
        self.missing = Counter(
            "rml_missing_values",
            "Values of a feature that are missing, in all rows that came",
            ["column"],
            registry=own,
        )
        self.batch = Histogram(
            "rml_batch_rows", "Rows answered together", buckets=ROWS, registry=own
        )
        self.predictions = Counter(
            "rml_predictions",
            "Rows by predicted class, those answered in shadow as well",
            ["version", "class"],
            registry=own,
        )
        self.probability = Histogram(
            "rml_prediction_probability",
            "Probability of the positive class, of several classes the highest",
            ["version"],
            buckets=PROBABILITIES,
            registry=own,
        )
        self.not_finite = Counter(
            "rml_predictions_not_finite",
            "Predictions that are no number, or infinite",
            ["version"],
            registry=own,
        )
        self.model = Gauge(
            "rml_model_info",
            "1 for the model that answers, 0 for earlier ones",
            ["name", "version"],
            multiprocess_mode="livemax",
            registry=own,
        )
        self.loaded = Gauge(
            "rml_model_loaded_timestamp_seconds",
            "When the model was loaded, in seconds since 1970",
            ["name", "version"],
            multiprocess_mode="livemin",
            registry=own,
        )
        self.value: Histogram | None = None
        self.process = Process(own)
        for result in ("answered", "refused"):
            self.rows.labels(result)

    def count_rows(self, count: int, problems: Iterable[RowProblem]) -> int:
        """Count the rows of a request; return how many were refused."""
        refused = set()
        for problem in problems:
            refused.add(problem.row)
            # The name of a rule without its bounds: they may be long lists.
            rule = problem.rule.partition("(")[0]
            self.problems.labels(problem.column or "", rule).inc()
        self.rows.labels("answered").inc(count - len(refused))
        if refused:
            self.rows.labels("refused").inc(len(refused))
        return len(refused)

    def count_answers(self, rows: Columns | pa.Table, answers: Answers) -> None:
        """Count what a batch got, and which of its values are missing."""
        self.count_predictions(rows, answers)
        for name, count in count_missing(rows, answers).items():
            self.missing.labels(name).inc(count)

    def count_predictions(self, rows: Columns | pa.Table, answers: Answers) -> None:
        """Count what a batch got, as of a version in shadow: others count its rows."""
        version, columns = answers.model.version, answers.columns
        names = answers.model.task.names
        if names and PREDICTION in columns:
            classes = columns[PREDICTION]
            if not {*map(type, classes)} <= {str}:
                classes = [*map(str, classes)]
            for label, count in Counts(classes).items():
                # A project may answer anything: labels must not become many.
                known = label if label in names.values() else "other"
                self.predictions.labels(version, known).inc(count)
        found = _probabilities(columns) if names else columns.get(PREDICTION)
        observed = self.probability if names else self.value
        if observed is not None and found is not None:
            finite = observe_all(observed.labels(version), found)
            if finite < len(found):
                self.not_finite.labels(version).inc(len(found) - finite)

    def set_model(self, name: str, model: Model, earlier: str | None = None) -> None:
        """Record which model answers."""
        version = model.version
        if earlier and earlier != version:
            self.model.labels(name, earlier).set(0)
        self.model.labels(name, version).set(1)
        self.loaded.labels(name, version).set(time.time())
        # Series that begin at 0: the first count is seen as a change.
        for column in model.features:
            self.missing.labels(column)
        self.not_finite.labels(version)
        for label in model.task.names.values():
            self.predictions.labels(version, label)
        if model.task.names:
            self.probability.labels(version)
            return
        if self.value is None:
            target = model.contract.columns.get(model.data.target)
            self.buckets = self.buckets or choose_buckets(target)
            self.value = Histogram(
                "rml_prediction_value",
                "Predicted numbers",
                ["version"],
                buckets=self.buckets,
                registry=self.registry,
            )
        self.value.labels(version)


class Process:
    """Processor time and memory of all processes that count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Begin to count.

        The collector of prometheus_client does not work with several processes.
        """
        self._seconds = 0.0
        self.cpu = Counter(
            "rml_process_cpu_seconds",
            "Processor time of all processes",
            registry=registry,
        )
        self.running = Gauge(
            "rml_processes",
            "Processes that answer",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.memory: Gauge | None = None
        if resident_bytes() is not None:
            self.memory = Gauge(
                "rml_process_resident_memory_bytes",
                "Memory of all processes that answer",
                multiprocess_mode="livesum",
                registry=registry,
            )

    def update(self) -> None:
        """Count what this process has taken until now."""
        seconds = time.process_time()
        self.cpu.inc(seconds - self._seconds)
        self._seconds = seconds
        self.running.set(1)
        if self.memory and (found := resident_bytes()):
            self.memory.set(found)

    async def watch(self) -> None:
        """Update now and then: another process may answer when somebody asks."""
        while True:
            self.update()
            await asyncio.sleep(UPDATE_SECONDS)


def resident_bytes() -> int | None:
    """Return the memory of this process; None where nobody tells."""
    try:
        pages = int(STATM.read_bytes().split()[1])
    except OSError:
        if find_spec("psutil") is None:
            return None
        import psutil

        return int(psutil.Process().memory_info().rss)
    return pages * os.sysconf("SC_PAGE_SIZE")


def observe_all(histogram: Histogram, values: Sequence[Any]) -> int:
    """Observe many values at once; return how many are finite numbers.

    The others are left out.

    `Histogram.observe` takes one value, and a good part of the time of an answer.
    """
    if not {*map(type, values)} <= {float}:
        values = [float(v) for v in values if isinstance(v, int | float)]
    bounds, buckets = histogram._upper_bounds, histogram._buckets
    if len(values) <= FEW:
        finite = [*filter(math.isfinite, values)]
        for value in finite:
            buckets[bisect_left(bounds, value)].inc(1)
        if finite:
            histogram._sum.inc(sum(finite))
        return len(finite)
    array = np.array(values, np.float64)
    array = array[np.isfinite(array)]
    counts = np.bincount(np.searchsorted(bounds, array), minlength=len(bounds))
    for place in np.flatnonzero(counts).tolist():
        buckets[place].inc(int(counts[place]))
    if len(array):
        histogram._sum.inc(float(array.sum()))
    return len(array)


def _probabilities(columns: Mapping[str, Sequence[Any]]) -> Sequence[Any] | None:
    """Return the probability of the positive class, or the highest of several."""
    if PROBABILITY in columns:
        return columns[PROBABILITY]
    several = [
        values for name, values in columns.items() if name.startswith(f"{PROBABILITY}_")
    ]
    if not several:
        return None
    rows = zip(*several, strict=True)
    return [None if None in row else max(row) for row in rows]


def choose_buckets(target: Column | None) -> tuple[float, ...]:
    """Return upper bounds of buckets for a predicted number.

    They cut the range of the contract into equal parts. Without one, they are 1, 2, 5,
    10, ... on both sides of 0.
    """
    low, high = _range(target) if target is not None else (None, None)
    if low is not None and high is not None and low < high:
        width = (high - low) / BUCKETS
        return tuple(float(f"{low + width * step:.6g}") for step in range(BUCKETS + 1))
    sizes = [*_sizes()]
    return (*(-size for size in reversed(sizes)), 0.0, *sizes)


def _sizes() -> Iterator[float]:
    for power in range(-3, 10):
        for digit in (1, 2, 5):
            yield float(f"{digit}e{power}")


def _range(column: Column) -> tuple[float | None, float | None]:
    if limits := column.in_range:
        return float(limits.min_value), float(limits.max_value)
    low = column.greater_than_or_equal_to
    high = column.less_than_or_equal_to
    return (
        None if low is None else float(low),
        None if high is None else float(high),
    )
