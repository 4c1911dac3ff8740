"""Explanations of rows as values of JSON: of the command line and of the service."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.explaining.explain import Explainer, Explanation
from reproducible_ml.quality.spellings import closest_match
from reproducible_ml.serving.answers import as_json
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.rows import check_answers

# What one row's explanation is: keys as those of JSON.
Found = dict[str, Any]


class Contribution(NamedTuple):
    """What a column contributed.

    Attributes:
        column: Its name.
        value: Of the row, as JSON has it.
        contribution: On the scale of the explanation.
        standard_error: Of an estimate; None: the contribution is exact.
    """

    column: str
    value: Any
    contribution: float
    standard_error: float | None


class RowExplainer:
    """Answers rows, and says what moved the answers.

    Attributes:
        model: The model.
        is_exact: Whether contributions are exact, or else estimated.
    """

    def __init__(
        self, model: Model, predict: PredictFunction, background: pd.DataFrame
    ) -> None:
        self.model = model
        self.predict = predict
        self._explainer = Explainer(model.pipeline, model.task, background)
        self.is_exact = self._explainer.is_exact
        self.background_rows = len(background)

    def explain(
        self,
        rows: pd.DataFrame,
        label: str | None = None,
        progress: Callable[[int], Any] = lambda rows: None,
    ) -> list[Found]:
        """Return the explanation of each row, with the largest contribution first.

        Args:
            rows: Features, cast to the contract and checked.
            label: Of several classes, the one to explain; None: the most probable.
            progress: Gets the numbers of rows that were predicted for an estimate.

        Raises:
            UserError: There is no such class, or `predict` returns other rows.
        """
        self._check_label(label)
        if not len(rows):
            return []
        answers = self.predict(rows, self.model)
        check_answers(answers, rows)
        answered = {str(name): as_json(answers[name].tolist()) for name in answers}
        values = {str(name): _as_json(rows[name]) for name in rows}
        found = self._explainer.explain(rows, progress)
        places = self._places(found, rows, label)
        return [
            {name: column[row] for name, column in answered.items()}
            | self._of_row(found, row, place, values)
            for row, place in enumerate(places)
        ]

    def _of_row(
        self, found: Explanation, row: int, place: int, values: dict[str, list[Any]]
    ) -> Found:
        contributions = found.contributions[row, :, place]
        errors = None if found.errors is None else found.errors[row, :, place]
        order = np.argsort(-np.abs(contributions), kind="stable").tolist()
        names = list(values)
        entries = [
            Contribution(
                names[at],
                values[names[at]][row],
                float(contributions[at]),
                None if errors is None else float(errors[at]),
            )._asdict()
            for at in order
        ]
        explained = self._explained(found.labels[place])
        return {
            **({"class": explained} if explained else {}),
            "scale": found.scale,
            "exact": self.is_exact,
            "base": float(found.base[place]),
            "output": float(found.output[row, place]),
            "contributions": entries,
        }

    def _explained(self, label: str) -> str:
        """Return the class that is explained; empty for a number."""
        if self.model.data.task == "binary":
            return str(self.model.task.names[True])
        return label

    def _places(
        self, found: Explanation, rows: pd.DataFrame, label: str | None
    ) -> list[int]:
        """Return the output to explain for each row."""
        if len(found.labels) == 1:
            return [0] * len(rows)
        if label is not None:
            if label not in found.labels:
                raise UserError(f'class "{label}": no training row has it')
            return [found.labels.index(label)] * len(rows)
        best = self.model.output(rows).argmax(axis=1)
        names = self.model.task.names
        return [found.labels.index(names[int(code)]) for code in best]

    def _check_label(self, label: str | None) -> None:
        if label is None:
            return
        if self.model.data.task != "multiclass":
            raise UserError("--class: is for models of several classes")
        known = list(self.model.task.names.values())
        if label not in known:
            near = closest_match(label, known)
            hint = f'. Did you mean "{near[0]}"?' if near else ""
            raise UserError(f'--class: the model has no class "{label}"{hint}')


def cut_to(found: Found, top: int) -> Found:
    """Return an explanation with its largest contributions and the sum of the others.

    The base value, the contributions and `others` still add up to the output.
    """
    entries = found["contributions"]
    others = entries[top:]
    if not others:
        return found
    total = sum(entry["contribution"] for entry in others)
    rest = {"columns": len(others), "contribution": total}
    return found | {"contributions": entries[:top], "others": rest}


def _as_json(column: pd.Series) -> list[Any]:
    """Return values as JSON has them: dates as text, null for missing ones."""
    values = column.astype(object).where(column.notna(), None).tolist()
    return as_json(values)
