"""The whole of params.yaml. Stages read only their own sections of it."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from reproducible_ml.contract.schema import Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute, Section
from reproducible_ml.modeling.metrics.tasks import choose_metrics
from reproducible_ml.report.gates import Gate
from tumour_diagnosis.datasets.clean import Clean
from tumour_diagnosis.datasets.split import Split
from tumour_diagnosis.deployment.predict import Predict
from tumour_diagnosis.features.build import Features
from tumour_diagnosis.models.evaluate import Evaluate, check_slices
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
    predict: Predict = Predict()
    tracking: Literal["none", "mlflow", "wandb"] = "none"

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        self._check_split()
        self._check_gate()
        return self

    def problems(self, contract: Path) -> Iterator[str]:
        """Yield what a stage would refuse only after other stages have run.

        A section that is not valid itself is not set, and what needs it not checked.
        Without a contract yet, columns are not checked.
        """
        checks: list[tuple[set[str], Callable[[], object]]] = [
            ({"data", "split"}, self._check_split),
            ({"data", "evaluate", "gate"}, self._check_gate),
            ({"data", "evaluate"}, self._check_metrics),
            ({"data", "train"}, self._check_search),
            ({"data", "train"}, lambda: check_estimator(self.train, self.data.task)),
        ]
        if contract.is_file():
            checks += [
                ({"data"}, lambda: load_contract(contract, self.data)),
                ({"data", "evaluate"}, lambda: self._check_slices(contract)),
            ]
        for sections, check in checks:
            try:
                if sections <= vars(self).keys():
                    check()
            except UserError as error:
                yield from str(error).splitlines()
            except ValueError as error:
                yield f"params.yaml: {error}"

    def _check_split(self) -> None:
        if problem := self.split.problem(self.data):
            raise ValueError(problem)

    def _check_gate(self) -> None:
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
        groups = bool(self.evaluate.protected)
        if problem := self.gate.problem(self.data.task, protected=groups):
            raise ValueError(problem)

    def _check_metrics(self) -> None:
        task, names = self.data.task, self.evaluate.metrics
        choose_metrics("evaluate.metrics", names, METRICS[task], task)

    def _check_search(self) -> None:
        task, metric = self.data.task, self.train.search.metric
        names = [metric] if metric else []
        choose_metrics("train.search.metric", names, METRICS[task], task)

    def _check_slices(self, contract: Path) -> None:
        columns = load_contract(contract, self.data)
        check_slices(columns, self.data, self.evaluate)
