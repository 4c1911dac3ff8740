"""The whole of params.yaml. Stages read only their own sections of it."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal, Self

from pydantic import model_validator

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute, Section
from reproducible_ml.modeling.metrics.tasks import choose_metrics
from reproducible_ml.report.gates import Gate
from tumour_diagnosis.datasets.clean import Clean
from tumour_diagnosis.datasets.split import Split
from tumour_diagnosis.features.build import Features
from tumour_diagnosis.models.evaluate import Evaluate
from tumour_diagnosis.models.metrics import METRICS
from tumour_diagnosis.models.train import Train, check_estimator


class Params(Section):
    """All sections, for what is checked before a run: see `rml check`."""

    data: Data
    compute: Compute = Compute()
    clean: Clean = Clean()
    split: Split = Split()
    features: Features = Features()
    train: Train
    evaluate: Evaluate
    gate: Gate = Gate()
    tracking: Literal["none", "mlflow"] = "none"

    @model_validator(mode="after")
    def _column_for_split(self) -> Self:
        if problem := self.split.problem(self.data):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _gate_of_what_is_computed(self) -> Self:
        """Refuse a gate that could never fail, as nothing computes what it names."""
        floors = self.gate.slice_floors
        named = {*self.gate.floors, *chain(*floors.values())}
        named |= {self.gate.metric} if self.gate.metric else set()
        if unknown := sorted(named - {*self.evaluate.metrics}):
            raise ValueError(f"gate names {unknown[0]}, not one of evaluate.metrics")
        if unknown := sorted(floors.keys() - self.evaluate.slices.keys()):
            raise ValueError(
                f"gate.slice_floors names {unknown[0]}, not one of evaluate.slices"
            )
        return self

    def problems(self) -> Iterator[str]:
        """Yield what stages would refuse after some work was done."""
        task, known = self.data.task, METRICS[self.data.task]
        searched = [self.train.search.metric] if self.train.search.metric else []
        checks: list[Callable[[], object]] = [
            lambda: choose_metrics(
                "evaluate.metrics", self.evaluate.metrics, known, task
            ),
            lambda: choose_metrics("train.search.metric", searched, known, task),
            lambda: check_estimator(self.train, task),
        ]
        for check in checks:
            try:
                check()
            except UserError as error:
                yield from str(error).splitlines()
