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

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.keys import uniform
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.predictor import OverloadedError
from reproducible_ml.serving.records import Columns, typed_table
from reproducible_ml.serving.rows import row_keys
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

    def takes(self, rows: Columns | pa.Table, model: Model) -> bool:
        """Return whether the candidate answers these rows instead of the model.

        Raises:
            MissingColumnsError: The rows lack a feature.
        """
        if not self.share:
            return False
        if isinstance(rows, pa.Table):
            first = rows.slice(0, 1)
        else:
            first = typed_table(rows.take([0]), model)[0]
        keys = row_keys(first, model)
        # A first row without a key is not valid, whichever version says so.
        return len(keys) > 0 and uniform(keys, SALT)[0] < self.share

    def follow(self, rows: Columns | pa.Table, answers: Answers, log: Log) -> None:
        """Answer rows in shadow, later; compare the answers with those of the model."""
        if self.share or self.live.model.version == answers.model.version:
            return
        task = asyncio.create_task(self._follow(rows, answers, log))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, rows: Any, answers: Answers, log: Log) -> None:
        count = self._metrics.shadow_rows
        try:
            found = await self.live.predictor.answer(rows)
        except OverloadedError:
            count.labels("dropped").inc(answers.length)
            return
        except Exception as error:
            count.labels("failed").inc(answers.length)
            log_event("candidate failed", logging.ERROR, reason=first_line(error))
            return
        for result, number in compare_rows(answers, found).items():
            count.labels(result).inc(number)
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
