"""Answer many requests at once: what waits is answered together.

There is no timer. While a batch is computed, requests wait; the next batch takes what
came meanwhile. So a single request never waits for others that may not come.

A batch that takes a few milliseconds is computed at once: to hand it to a thread, and
to wait for the interpreter in turn with that, takes as long again. Others have a thread
of their own, so that the server answers meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa
from threadpoolctl import threadpool_limits

from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.fast_rows import QUICK_ROWS, FastRows, has_own_rules
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.records import Columns, answer_columns
from reproducible_ml.serving.rows import answer

# What answers rows of a model fast, by their columns.
Prepared = dict[tuple[str, ...], FastRows | None]

# Gets rows and their answers.
OnAnswers = Callable[[Columns | pa.Table, Answers], None]


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
        on_answers: OnAnswers = lambda rows, answers: None,
    ) -> None:
        """Start with a model.

        Args:
            model: The model.
            predict: What the project answers.
            batch_rows: How many rows of small requests are answered together.
            max_waiting_rows: How many rows may wait.
            on_batch: Gets the number of rows of each batch.
            on_answers: Gets the rows of each batch, and the answers; in the thread
                that answers, which may be that of the event loop.
        """
        self.model = model
        self.predict = predict
        self._has_own_rules = has_own_rules(predict)
        self.batch_rows = batch_rows
        self.max_waiting_rows = max_waiting_rows
        self.on_batch = on_batch
        self.on_answers = on_answers
        self.waiting_rows = 0
        self._waiting: deque[Job] = deque()
        self._busy: asyncio.Task[None] | None = None
        self._prepared: dict[Model, Prepared] = {}
        self.prepare(model)
        self._thread: ThreadPoolExecutor | None = None

    def prepare(self, model: Model) -> None:
        """Do for a model what the first request would have to wait for."""
        self._fast(model, tuple(model.features))

    def use(self, model: Model) -> None:
        """Answer with another model; what waits is answered by the one before."""
        self.model = model
        self._prepared = {m: each for m, each in self._prepared.items() if m is model}

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
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "predict", _use_one_thread)
            _use_one_thread()
        try:
            while self._waiting:
                jobs = self._take()
                self.on_batch(sum(job.length for job in jobs))
                found = self._answer_quickly(jobs)
                if found is None:
                    found = await loop.run_in_executor(
                        self._thread, self._answer_all, jobs
                    )
                else:
                    await asyncio.sleep(0)
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

    def _is_quick(self, jobs: list[Job]) -> bool:
        """Return whether to answer requests takes a few milliseconds, as measured."""
        if not jobs or self._has_own_rules or jobs[0].model.checks:
            return False
        rows, model = jobs[0].rows, jobs[0].model
        fast = self._prepared.get(model, {}).get(_names(rows, model))
        few = sum(job.length for job in jobs) <= QUICK_ROWS
        return few and fast is not None and fast.is_quick

    def _answer_quickly(self, jobs: list[Job]) -> list[Answers | Exception] | None:
        """Return answers that take a few milliseconds; None if any takes longer."""
        if not self._is_quick(jobs):
            return None
        try:
            return self._answer_together(jobs, quickly=True)
        except Exception:
            # Among them: a row is not valid. The thread says what is wrong.
            return None

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

    def _answer_together(
        self, jobs: list[Job], *, quickly: bool = False
    ) -> list[Answers | Exception]:
        rows, model = jobs[0].rows, jobs[0].model
        if isinstance(rows, pa.Table):
            answers = self._answer_table(rows, model, quickly=quickly)
            self.on_answers(rows, answers)
            return [answers]
        if len(jobs) == 1:
            return [self._answer_columns(rows, model, quickly=quickly)]
        columns = Columns.concat([_columns(job) for job in jobs])
        lengths = [job.length for job in jobs]
        answers = self._answer_columns(columns, model, quickly=quickly)
        return [*answers.split(lengths)]

    def _answer_columns(
        self, columns: Columns, model: Model, *, quickly: bool
    ) -> Answers:
        """Answer rows of JSON, those that are certainly valid without pandas."""
        fast = self._fast(model, _names(columns, model))
        if fast is None:
            found = answer_columns(columns, model, self.predict)
            answers = Answers.of(found, columns.length, model)
        else:
            answers = fast.answer(columns, self.predict, quickly=quickly)
        self.on_answers(columns, answers)
        return answers

    def _answer_table(self, table: pa.Table, model: Model, *, quickly: bool) -> Answers:
        """Answer rows of an Arrow table, likewise."""
        names = _names(table, model)
        fast = self._fast(model, names) if {*table.column_names} >= {*names} else None
        if fast is None:
            found = answer(table, model, self.predict)
            return Answers.of(found, table.num_rows, model)
        return fast.answer_table(table, self.predict, quickly=quickly)

    def _fast(self, model: Model, names: tuple[str, ...]) -> FastRows | None:
        """Return what answers rows of these columns fast, made at the first need."""
        prepared = self._prepared.setdefault(model, {})
        if names not in prepared:
            prepared[names] = FastRows.of(model, names)
        return prepared[names]

    async def close(self) -> None:
        """Wait for what is being answered, and end the thread."""
        if self._busy:
            await self._busy
        if self._thread:
            self._thread.shutdown()
            self._thread = None


def _use_one_thread() -> None:
    """Keep OpenMP and BLAS to this thread: more of them make single rows slower."""
    threadpool_limits(1)


def _names(rows: Columns | pa.Table, model: Model) -> tuple[str, ...]:
    """Return the columns of rows that a model reads, and those that identify a row."""
    if isinstance(rows, Columns):
        return tuple(rows.lists)
    names = dict.fromkeys(model.features)
    if {*rows.column_names}.issuperset(model.keys):
        names |= dict.fromkeys(model.keys)
    return tuple(names)


def _columns(job: Job) -> Columns:
    assert isinstance(job.rows, Columns)
    return job.rows


def _fit(job: Job, other: Job) -> bool:
    """Return whether two requests have the same model and columns, as lists."""
    return (
        job.model is other.model
        and isinstance(job.rows, Columns)
        and isinstance(other.rows, Columns)
        and job.rows.lists.keys() == other.rows.lists.keys()
    )
