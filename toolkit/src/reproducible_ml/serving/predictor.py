"""Answer many requests at once: what waits is answered together, in one thread.

There is no timer. While a batch is computed, requests wait; the next batch takes what
came meanwhile. So a single request never waits for others that may not come.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa
from threadpoolctl import threadpool_limits

from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.records import Columns, answer_columns, as_json
from reproducible_ml.serving.rows import Answered, RowProblem, answer


class Answers(NamedTuple):
    """The answers to a request.

    Attributes:
        columns: The answers to the valid rows, by column, as values of JSON.
        rows: The positions of the valid rows.
        length: The number of rows.
        problems: Of the other rows, in their order.
        model: The model that answered.
    """

    columns: dict[str, list[Any]]
    rows: Sequence[int]
    length: int
    problems: list[RowProblem]
    model: Model


class OverloadedError(Exception):
    """More rows wait than the limit."""


class Job(NamedTuple):
    """A request that waits: rows, and where to put their answers."""

    rows: Columns | pa.Table
    length: int
    model: Model
    result: "asyncio.Future[Answers]"


class Predictor:
    """A model in use by many at once; another one may take its place at any time.

    Attributes:
        model: The model that answers from now on.
        waiting_rows: How many rows wait.
    """

    def __init__(
        self,
        model: Model,
        predict: PredictFunction,
        *,
        batch_rows: int = 64,
        max_waiting_rows: int = 100_000,
        on_batch: Callable[[int], None] = lambda rows: None,
    ) -> None:
        """Start with a model.

        Args:
            model: The model.
            predict: What the project answers.
            batch_rows: How many rows of small requests are answered together.
            max_waiting_rows: How many rows may wait.
            on_batch: Gets the number of rows of each batch.
        """
        self.model = model
        self.predict = predict
        self.batch_rows = batch_rows
        self.max_waiting_rows = max_waiting_rows
        self.on_batch = on_batch
        self.waiting_rows = 0
        self._waiting: deque[Job] = deque()
        self._busy: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "predict", _use_one_thread)

    async def answer(self, rows: Columns | pa.Table) -> Answers:
        """Answer rows, together with those of others that wait.

        The model is the one at the time of the call.

        Raises:
            OverloadedError: Too many rows wait already.
            UserError: As of `answer` in `rows`.
        """
        count = rows.num_rows if isinstance(rows, pa.Table) else rows.length
        if self._waiting and self.waiting_rows + count > self.max_waiting_rows:
            raise OverloadedError(f"{self.waiting_rows} rows wait already")
        loop = asyncio.get_running_loop()
        job = Job(rows, count, self.model, loop.create_future())
        self._waiting.append(job)
        self.waiting_rows += count
        if self._busy is None:
            self._busy = loop.create_task(self._run())
        return await job.result

    async def _run(self) -> None:
        """Answer what waits until nothing does."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                jobs = self._take()
                self.on_batch(sum(job.length for job in jobs))
                found = await loop.run_in_executor(self._thread, self._answer_all, jobs)
                for job, result in zip(jobs, found, strict=True):
                    if job.result.done():
                        continue  # its client is gone
                    if isinstance(result, Answers):
                        job.result.set_result(result)
                    else:
                        job.result.set_exception(result)
        finally:
            self._busy = None

    def _take(self) -> list[Job]:
        """Take the first job, and more while they are small and of the same columns."""
        jobs: list[Job] = []
        rows = 0
        while self._waiting:
            first = self._waiting[0]
            too_many = rows + first.length > self.batch_rows
            if jobs and (too_many or not _fit(jobs[0], first)):
                break
            self._waiting.popleft()
            self.waiting_rows -= first.length
            if not first.result.done():
                jobs.append(first)
                rows += first.length
        return jobs

    def _answer_all(self, jobs: list[Job]) -> list[Answers | Exception]:
        if not jobs:
            return []
        try:
            return self._answer_together(jobs)
        except Exception as error:
            if len(jobs) == 1:
                return [error]
        # One of them fails: the others must not.
        return [each for job in jobs for each in self._answer_all([job])]

    def _answer_together(self, jobs: list[Job]) -> list[Answers | Exception]:
        rows, model = jobs[0].rows, jobs[0].model
        if isinstance(rows, pa.Table):
            return [_answers(answer(rows, model, self.predict), rows.num_rows, model)]
        columns = Columns(
            {
                name: [value for job in jobs for value in _columns(job).values[name]]
                for name in rows.values
            },
            sum(job.length for job in jobs),
            tuple(name for job in jobs for name in _columns(job).others),
        )
        found = answer_columns(columns, model, self.predict)
        counts = [job.length for job in jobs]
        return [*_split(_answers(found, columns.length, model), counts)]

    async def close(self) -> None:
        """Wait for what is being answered, and end the thread."""
        if self._busy:
            await self._busy
        self._thread.shutdown()


def _use_one_thread() -> None:
    """Keep OpenMP and BLAS to this thread: more of them make single rows slower."""
    threadpool_limits(1)


def _columns(job: Job) -> Columns:
    assert isinstance(job.rows, Columns)
    return job.rows


def _fit(job: Job, other: Job) -> bool:
    """Return whether two requests have the same model and columns, as lists."""
    return (
        job.model is other.model
        and isinstance(job.rows, Columns)
        and isinstance(other.rows, Columns)
        and job.rows.values.keys() == other.rows.values.keys()
    )


def _answers(found: Answered, count: int, model: Model) -> Answers:
    return Answers(
        {str(name): as_json(found.answers[name].tolist()) for name in found.answers},
        found.answers.index.tolist(),
        count,
        found.problems,
        model,
    )


def _split(answers: Answers, counts: Iterable[int]) -> Iterable[Answers]:
    """Yield the part of each request."""
    start = first = problem = 0
    for count in counts:
        last, end = first, problem
        while last < len(answers.rows) and answers.rows[last] < start + count:
            last += 1
        while end < len(answers.problems) and answers.problems[end].row < start + count:
            end += 1
        yield Answers(
            {name: values[first:last] for name, values in answers.columns.items()},
            [row - start for row in answers.rows[first:last]],
            count,
            [
                each._replace(row=each.row - start)
                for each in answers.problems[problem:end]
            ],
            answers.model,
        )
        start, first, problem = start + count, last, end
