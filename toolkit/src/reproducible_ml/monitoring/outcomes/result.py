"""What is known of answers by the labels that became known, and what follows.

Each metric is compared with what the version reached on its test rows; `decide` says
which loss is beyond noise.
"""

from typing import Literal

from pydantic import BaseModel

from reproducible_ml.monitoring.outcomes.calibration import Bin, Calibration
from reproducible_ml.monitoring.outcomes.delay import Delay
from reproducible_ml.monitoring.outcomes.worse import ALPHA, corrected
from reproducible_ml.monitoring.result import DRIFT as WORSE
from reproducible_ml.monitoring.result import FINE, TOO_FEW, Alert
from reproducible_ml.monitoring.windows import Width
from reproducible_ml.report.results import Group

Verdict = Literal[
    "worse", "within noise", "too few labels", "undefined", "no test rows"
]


class MetricOutcome(BaseModel):
    """A metric of answers, and how it differs from that of the test rows.

    Attributes:
        name: Of the metric.
        value: With the ends of its 95 % interval `low` and `high`; None if undefined.
        registered: On the test rows of the version; None if that is not known.
        difference: Of both, with the ends of its unpaired 95 % interval.
        p: Chance of such a loss if nothing changed, corrected for all comparisons.
        verdict: What that means.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    registered: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    verdict: Verdict = "no test rows"


class Scope(BaseModel):
    """Answers of a window of time, or all of a version.

    Attributes:
        name: Of the window.
        start: In microseconds since 1970; None for all.
        answered: Rows that were answered.
        labelled: Of these, rows whose label is known.
        metrics: Of the labelled rows.
        calibration: Of the labelled rows.
    """

    name: str
    start: int | None
    answered: int
    labelled: int
    metrics: list[MetricOutcome] = []
    calibration: list[Calibration] = []


class VersionOutcome(BaseModel):
    """A version of the model.

    Attributes:
        version: The `model_version` of the log.
        name: Of the registered version, if it is one.
        shadow: Whether these are its answers in shadow, which no client got.
        current: Whether it answers clients now: on the last day of the log.
        needed: Labels that it takes to evaluate it; None if no number is enough.
        all: All its answers.
        windows: By window of time, if there are several.
        slices: Groups of rows, by column.
        registered_slices: The same groups on the test rows.
        reliability: Of two classes: by probability.
    """

    version: str
    name: str | None
    shadow: bool
    current: bool
    needed: int | None
    all: Scope
    windows: list[Scope] = []
    slices: dict[str, list[Group]] = {}
    registered_slices: dict[str, list[Group]] = {}
    reliability: list[Bin] = []

    @property
    def scopes(self) -> list[Scope]:
        """All answers, and those of each window."""
        return [self.all, *self.windows]


class Outcomes(BaseModel):
    """What is known of answers by their labels.

    Attributes:
        time: When this was computed, in ISO 8601.
        versions: Those that answer now first.
        counts: What became of the labels: see `joined.Counts`.
        window: Width of the windows.
        delay: How late labels come, if their times are known.
        metric: The first metric, which is drawn.
        alerts: What is worse, of versions that answer now.
        reasons: Why nothing can be said.
        exit_code: 0: nothing is worse than on the test rows; 3: a version that answers
            now is; 4: too few labels to tell.
    """

    time: str
    versions: list[VersionOutcome]
    counts: dict[str, int]
    window: Width
    delay: Delay | None
    metric: str
    alerts: list[Alert] = []
    reasons: list[str] = []
    exit_code: int = FINE


def decide(found: Outcomes, tolerance: float = 0.0) -> None:
    """Set verdicts, corrected for the number of comparisons, reasons and exit code.

    Args:
        found: All that was computed.
        tolerance: By how much its first metric may get worse.
    """
    scopes = [(each, scope) for each in found.versions for scope in each.scopes]
    compared = [
        (each, scope, metric)
        for each, scope in scopes
        for metric in scope.metrics
        if metric.p is not None
    ]
    chances = corrected([metric.p for *_, metric in compared if metric.p is not None])
    for (*_, metric), p in zip(compared, chances, strict=True):
        metric.p = round(p, 6)
        allowed = tolerance if metric.name == found.metric else 0.0
        if p < ALPHA and abs(metric.difference or 0.0) > allowed:
            metric.verdict = "worse"
    found.alerts = [
        _alert(each, scope)
        for each, scope in scopes
        if each.current and any(one.verdict == "worse" for one in scope.metrics)
    ]
    residuals = [one for _, scope in scopes for one in scope.calibration]
    chances = corrected([one.p for one in residuals])
    for one, p in zip(residuals, chances, strict=True):
        one.p = round(p, 6)
        side = "more" if one.observed > one.expected else "less"
        one.verdict = f"{side} than expected" if p < ALPHA else "within noise"
    if found.alerts:
        found.exit_code = WORSE
        return
    current = [each for each in found.versions if each.current]
    unknown = [_not_evaluated(each) for each in current if not _is_evaluated(each)]
    if unknown or not current:
        found.exit_code = TOO_FEW
        found.reasons = unknown or ["the log has no answers"]


def _is_evaluated(each: VersionOutcome) -> bool:
    return any(metric.p is not None for metric in each.all.metrics)


def _not_evaluated(each: VersionOutcome) -> str:
    """Return why a version cannot be compared with its test rows."""
    what = each.name or each.version
    if each.name is None:
        return (
            f"{what}: is no registered version whose results are here, nor that of the"
            " working tree, so its test rows are not known"
        )
    if each.needed is None:
        return f"{what}: its test rows, or their replicates, are too few to compare"
    if each.all.labelled < each.needed:
        some = each.all.labelled
        return f"{what}: {some} answers have a label, {each.needed} are needed"
    return f"{what}: too few labels of a second class"


def _alert(each: VersionOutcome, scope: Scope) -> Alert:
    when = "" if scope.start is None else f" in {scope.name}"
    worse = [one for one in scope.metrics if one.verdict == "worse"]
    values = [
        f"{one.name} {one.value:.4g}, was {one.registered:.4g}"
        for one in worse
        if one.value is not None and one.registered is not None
    ]
    return Alert(
        kind="performance",
        subject=f"{each.version}{when}",
        text=f"{each.name or each.version}{when} is worse than on its test rows, by"
        f" {scope.labelled} labels: {'; '.join(values)}",
    )
