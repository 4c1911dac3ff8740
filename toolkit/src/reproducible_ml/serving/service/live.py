"""What answers requests: the model, what it counts and logs, and how it ends."""

import asyncio
import signal
import tempfile
import threading
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa
from prometheus_client import Counter

from reproducible_ml.core.errors import UserError
from reproducible_ml.quality.spellings import closest_match
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.feedback import FeedbackLog
from reproducible_ml.serving.log_writer import Limits
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.prediction_log import PredictionLog
from reproducible_ml.serving.predictor import OverloadedError
from reproducible_ml.serving.records import Columns
from reproducible_ml.serving.refused_log import RefusedLog
from reproducible_ml.serving.rows import MissingColumnsError
from reproducible_ml.serving.service.candidate import Candidate, check_alike
from reproducible_ml.serving.service.live_model import LiveModel
from reproducible_ml.serving.service.metrics import Metrics
from reproducible_ml.serving.service.settings import Settings

Load = Callable[[Path], Model]


class Service:
    """A model in a folder, answering requests; REST and other protocols share it.

    Attributes:
        settings: What it takes.
        metrics: What it counts.
        main: What answers.
        candidate: A second version, if there is one.
        feedback: Where labels are written, if there is a folder for them.
        draining: Whether it is about to end.
    """

    def __init__(
        self,
        load: Load,
        predict: PredictFunction,
        settings: Settings,
        code: Callable[[], str],
    ) -> None:
        """Load the model.

        Args:
            load: Returns the model in a folder.
            predict: What the project answers.
            settings: What the service takes.
            code: Returns the hash of the prediction code on disk.

        Raises:
            UserError: The model cannot be loaded, or was made with other code.
        """
        self.settings = settings
        self.metrics = Metrics(settings.prediction_buckets)
        self.draining = False
        self.main = LiveModel(
            settings.model, load, predict, code, settings, self.metrics
        )
        self.candidate: Candidate | None = None
        if settings.candidate:
            second = LiveModel(
                settings.candidate,
                load,
                predict,
                code,
                settings,
                self.metrics,
                lambda found: check_alike(self.model, found),
                is_shadow=not settings.candidate_share,
            )
            self.candidate = Candidate(second, settings.candidate_share, self.metrics)
        self._tasks: list[asyncio.Task[None]] = []
        self._log = _make_log(settings, self.metrics, self.model.contract.columns)
        self._refused_log = _make_refused_log(settings)
        self.feedback = _make_feedback(settings, self.metrics)

    @property
    def model(self) -> Model:
        """The model that answers from now on."""
        return self.main.model

    @property
    def versions(self) -> list[str]:
        """The versions of the model that answer requests."""
        found, second = [self.model.version], self.candidate
        if second and second.share and second.fits(self.model):
            found.append(second.live.model.version)
        return list(dict.fromkeys(found))

    async def answer(
        self,
        rows: Columns | pa.Table,
        facts: dict[str, Any],
        version: str | None = None,
    ) -> Answers:
        """Answer the rows of a request, and count them.

        Args:
            rows: The rows.
            facts: What the log says of the request; is extended.
            version: The one of `versions` that must answer; None for the usual one.

        Raises:
            RefusedError: Too many rows, a column is missing, or it takes too long.
        """
        count = rows.num_rows if isinstance(rows, pa.Table) else rows.length
        if count > self.settings.max_rows:
            limit = self.settings.max_rows
            raise RefusedError(413, f"{count} rows are more than {limit}")
        try:
            async with asyncio.timeout(self.settings.answer_seconds):
                answers = await self._answer(rows, version)
        except TimeoutError:
            seconds = self.settings.answer_seconds
            raise RefusedError(503, f"no answer within {seconds:g} s") from None
        except OverloadedError as error:
            raise RefusedError(503, f"too many requests: {error}") from None
        except MissingColumnsError as error:
            raise RefusedError(400, str(error).replace("\n", "; ")) from None
        request_id = facts.get("request_id", "")
        if self._log:
            self._log.add(request_id, rows, answers)
        if self._refused_log and answers.problems:
            self._refused_log.add(request_id, answers.problems)
        if self.candidate:
            self.candidate.follow(
                rows, answers, partial(self._log_shadow, request_id, rows)
            )
        refused = self.metrics.count_rows(count, answers.problems)
        facts |= {"rows": count, "refused": refused, "model": answers.model.version}
        return answers

    async def _answer(self, rows: Columns | pa.Table, version: str | None) -> Answers:
        """Answer by the version that was asked for, else by the one of these rows."""
        second, own = self.candidate, self.model.version
        if version is not None and version not in self.versions:
            # It was when the request came: another model took its place since.
            raise RefusedError(404, f'no version "{version:.100}"; this is {own}')
        if second is None or version == own:
            return await self.main.predictor.answer(rows)
        if version is not None:
            return await second.live.predictor.answer(rows)
        if second.takes(rows, self.model) and (found := await second.answer(rows)):
            return found
        return await self.main.predictor.answer(rows)

    def _log_shadow(
        self, request_id: str, rows: Columns | pa.Table, answers: Answers
    ) -> None:
        if self._log:
            self._log.add(request_id, rows, answers, returned=False)

    async def start(self) -> None:
        """Watch the manifest, and wait for SIGTERM."""
        self.metrics.forget_dead_workers()
        self._tasks.append(asyncio.create_task(self.metrics.process.watch()))
        for log in (self._log, self._refused_log, self.feedback):
            if log:
                log.start()
        if seconds := self.settings.reload_seconds:
            models = [self.main, *([self.candidate.live] if self.candidate else [])]
            self._tasks += [asyncio.create_task(each.watch(seconds)) for each in models]
        self._drain_at_sigterm()
        log_event("ready", model=self.settings.name, version=self.model.version)

    async def stop(self) -> None:
        """End, after all requests were answered."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.main.predictor.close()
        if self.candidate:
            await self.candidate.close()
        for log in (self._log, self._refused_log, self.feedback):
            if log:
                await asyncio.to_thread(log.close)
        self.metrics.forget_this_worker()
        log_event("stopped")

    def _drain_at_sigterm(self) -> None:
        """Answer for a while that the service is not ready, then let uvicorn end.

        So whoever spreads the load learns of it before connections are refused.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        server_ends = signal.getsignal(signal.SIGTERM)
        if not callable(server_ends) or not self.settings.drain_seconds:
            return
        loop = asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            if self.draining:
                server_ends(number, frame)
                return
            self.draining = True
            log_event("draining", seconds=self.settings.drain_seconds)
            loop.call_soon_threadsafe(
                loop.call_later, self.settings.drain_seconds, server_ends, number, frame
            )

        signal.signal(signal.SIGTERM, drain)


def _make_log(
    settings: Settings, metrics: Metrics, columns: Collection[str]
) -> PredictionLog | None:
    """Return the log of answers; None without a folder for it.

    Raises:
        UserError: Nothing can be written there, or a column that must not be logged is
            none of the contract: the one that was meant would be.
    """
    if settings.log_folder is None:
        return None
    for name in settings.log_without:
        if name not in columns:
            near = closest_match(name, list(columns))
            hint = f'. Did you mean "{near[0]}"?' if near else ""
            raise UserError(f'log_without: the contract has no column "{name}"{hint}')
    _check_writable(settings.log_folder)
    return PredictionLog(
        settings.log_folder,
        without=settings.log_without,
        **_limits(settings, metrics.logged),
    )


def _make_refused_log(settings: Settings) -> RefusedLog | None:
    """Return what writes which rows were refused, beside the answers."""
    if settings.log_folder is None:
        return None
    return RefusedLog(
        settings.log_folder,
        days=settings.log_days,
        seconds=settings.log_seconds,
        rows=settings.log_rows,
        max_waiting_rows=settings.log_waiting,
    )


def _make_feedback(settings: Settings, metrics: Metrics) -> FeedbackLog | None:
    """Return what writes labels; None without a folder for them.

    Raises:
        UserError: Nothing can be written there, or the log of answers is there too.
    """
    folder = settings.feedback_folder
    if folder is None:
        return None
    if settings.log_folder is not None:
        both = [each.resolve() for each in (folder, settings.log_folder)]
        if both[0].is_relative_to(both[1]) or both[1].is_relative_to(both[0]):
            raise UserError(
                f"{folder}: labels and answers need folders of their own, none in the"
                " other. Fix: choose another RML_SERVE_FEEDBACK_FOLDER"
            )
    _check_writable(folder)
    return FeedbackLog(folder, **_limits(settings, metrics.feedback))


def _limits(settings: Settings, counter: Counter) -> Limits:
    return Limits(
        days=settings.log_days,
        seconds=settings.log_seconds,
        rows=settings.log_rows,
        max_waiting_rows=settings.log_waiting,
        count=lambda result, rows: counter.labels(result).inc(rows),
    )


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        problem = f"no log can be written there: {error.strerror}"
        raise UserError(f"{folder}: {problem}") from error
