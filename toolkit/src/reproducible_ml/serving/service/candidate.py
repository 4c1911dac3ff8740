"""A second version of the model in the service: in shadow, or for some requests.

In shadow, it answers what the model answers, after it: its answers are compared and
logged, never returned. With a share, it answers that share of the requests instead of
the model; which ones depends on the key of their first row, so that a row always gets
the same version.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from reproducible_ml.core.errors import UserError, first_line, one_line
from reproducible_ml.core.keys import uniform
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.predictor import OverloadedError
from reproducible_ml.serving.records import Columns, typed_table
from reproducible_ml.serving.rows import MissingColumnsError, row_keys
from reproducible_ml.serving.service.live_model import LiveModel
from reproducible_ml.serving.service.metrics import Metrics
from reproducible_ml.serving.service.schema import answer_schema

# Makes the choice of requests independent of the split, which uses the same keys.
SALT = 1_000_003

# Gets the answers of the candidate to rows, to log them.
Log = Callable[[Answers], None]


def check_alike(model: Model, candidate: Model) -> None:
    """Check that a second version reads and answers the same columns as the model.

    Ranges, categories and threshold may differ: each version checks rows by its own
    contract.

    Raises:
        UserError: It does not.
    """
    mine, theirs = _form(model), _form(candidate)
    for what, one in mine.items():
        other = theirs[what]
        if one != other:
            names = ", ".join(sorted(_different(one, other))[:5])
            raise UserError(
                f"candidate {candidate.version}: its {what} are not those of the model"
                f" ({names}). Fix: serve it by a service of its own"
            )


def _form(model: Model) -> dict[str, dict[str, Any]]:
    """Return the types of what a model reads and answers, by column."""
    columns = model.contract.columns
    answers = answer_schema(model)["properties"]
    return {
        "features": {name: columns[name].dtype for name in model.features},
        "row keys": {name: columns[name].dtype for name in model.keys},
        "answers": {name: each["type"] for name, each in answers.items()},
    }


def _different(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    names = one.keys() | other.keys()
    return [name for name in names if one.get(name) != other.get(name)]


class Candidate:
    """A second version, beside the model of the service.

    Attributes:
        live: The version.
        share: Of the requests that it answers; 0: none, it runs in shadow.
    """

    def __init__(self, live: LiveModel, share: float, metrics: Metrics) -> None:
        self.live = live
        self.share = share
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._compared: tuple[Model, Model, bool] | None = None

    def fits(self, model: Model) -> bool:
        """Return whether the candidate can stand in for the model.

        It could when the service started, but another model may be in use since.
        """
        mine, known = self.live.model, self._compared
        if known is None or known[0] is not model or known[1] is not mine:
            known = self._compared = model, mine, self._compare(model, mine)
        return known[2]

    def _compare(self, model: Model, mine: Model) -> bool:
        try:
            check_alike(model, mine)
        except UserError as error:
            reason = one_line(str(error))
            log_event("candidate not used", logging.ERROR, reason=reason)
            return False
        return True

    def takes(self, rows: Columns | pa.Table, model: Model) -> bool:
        """Return whether the candidate answers these rows instead of the model.

        Raises:
            MissingColumnsError: The rows lack a feature.
        """
        length = rows.num_rows if isinstance(rows, pa.Table) else rows.length
        if not self.share or not length or not self.fits(model):
            return False
        if isinstance(rows, pa.Table):
            first = rows.slice(0, 1)
        else:
            first = typed_table(rows.take([0]), model)[0]
        keys = row_keys(first, model)
        # A first row without a key is not valid, whichever version says so.
        return len(keys) > 0 and uniform(keys, SALT)[0] < self.share

    async def answer(self, rows: Columns | pa.Table) -> Answers | None:
        """Answer rows instead of the model; None if that fails, and the model must."""
        try:
            return await self.live.predictor.answer(rows)
        except MissingColumnsError:
            raise  # The model lacks them as well.
        except Exception as error:
            count = rows.num_rows if isinstance(rows, pa.Table) else rows.length
            self._count_failure(error, count)
            return None

    def _count_failure(self, error: Exception, rows: int) -> None:
        if isinstance(error, OverloadedError):
            self._metrics.shadow_rows.labels("dropped").inc(rows)
            return
        self._metrics.shadow_rows.labels("failed").inc(rows)
        log_event("candidate failed", logging.ERROR, reason=first_line(error))

    def follow(self, rows: Columns | pa.Table, answers: Answers, log: Log) -> None:
        """Answer rows in shadow, later; compare the answers with those of the model."""
        model = answers.model
        if self.share or self.live.model.version == model.version:
            return
        if not self.fits(model):
            return
        task = asyncio.create_task(self._follow(rows, answers, log))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, rows: Any, answers: Answers, log: Log) -> None:
        try:
            found = await self.live.predictor.answer(rows)
        except Exception as error:
            self._count_failure(error, answers.length)
            return
        for result, number in compare_rows(answers, found).items():
            self._metrics.shadow_rows.labels(result).inc(number)
        log(found)

    async def close(self) -> None:
        """Wait for the answers that are on their way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.live.predictor.close()


def compare_rows(answers: Answers, others: Answers) -> dict[str, int]:
    """Return how many rows two versions answer alike: the same prediction, or none."""
    mine, theirs = _predictions(answers), _predictions(others)
    both = mine.keys() & theirs.keys()
    same = sum(mine[row] == theirs[row] for row in both)
    refused = len(mine.keys() ^ theirs.keys())
    neither = answers.length - len(mine.keys() | theirs.keys())
    return {
        "same": same + neither,
        "different": len(both) - same,
        "refused by one": refused,
    }


def _predictions(answers: Answers) -> dict[int, Any]:
    # A project whose `predict` returns no such column is compared by all it returns.
    columns = answers.columns
    chosen = [columns["prediction"]] if "prediction" in columns else columns.values()
    return dict(zip(answers.rows, zip(*chosen, strict=True), strict=True))
