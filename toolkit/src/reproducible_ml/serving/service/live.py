"""The model that the service answers with, and what takes its place."""

import asyncio
import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.quality.spellings import closest_match
from reproducible_ml.serving.answers import Answers
from reproducible_ml.serving.code_hash import check_code
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.messages import RefusedError
from reproducible_ml.serving.model import MANIFEST, MODEL, Model, PredictFunction
from reproducible_ml.serving.prediction_log import PredictionLog
from reproducible_ml.serving.predictor import OverloadedError, Predictor
from reproducible_ml.serving.records import Columns
from reproducible_ml.serving.rows import MissingColumnsError
from reproducible_ml.serving.service.metrics import Metrics
from reproducible_ml.serving.service.settings import Settings

Load = Callable[[Path], Model]


class Service:
    """A model in a folder, answering requests; REST and other protocols share it.

    Attributes:
        settings: What it takes.
        metrics: What it counts.
        predictor: What answers.
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
        self.metrics = Metrics()
        self.draining = False
        self._load = load
        self._code = code
        self._running_code = code()
        self._stamp = self._files()
        self.predictor = Predictor(
            self._checked(load(settings.model)),
            predict,
            batch_rows=settings.batch_rows,
            max_waiting_rows=settings.max_waiting_rows,
            on_batch=self.metrics.batch.observe,
        )
        self.metrics.set_model(settings.name, self.model.version)
        self._tasks: list[asyncio.Task[None]] = []
        self._log = _make_log(settings, self.metrics, self.model.contract.columns)

    @property
    def model(self) -> Model:
        """The model that answers from now on."""
        return self.predictor.model

    async def answer(self, rows: Columns | pa.Table, facts: dict[str, Any]) -> Answers:
        """Answer the rows of a request, and count them.

        Args:
            rows: The rows.
            facts: What the log says of the request; is extended.

        Raises:
            RefusedError: Too many rows, a column is missing, or it takes too long.
        """
        count = rows.num_rows if isinstance(rows, pa.Table) else rows.length
        if count > self.settings.max_rows:
            limit = self.settings.max_rows
            raise RefusedError(413, f"{count} rows are more than {limit}")
        try:
            async with asyncio.timeout(self.settings.answer_seconds):
                answers = await self.predictor.answer(rows)
        except TimeoutError:
            seconds = self.settings.answer_seconds
            raise RefusedError(503, f"no answer within {seconds:g} s") from None
        except OverloadedError as error:
            raise RefusedError(503, f"too many requests: {error}") from None
        except MissingColumnsError as error:
            raise RefusedError(400, str(error).replace("\n", "; ")) from None
        if self._log:
            self._log.add(facts.get("request_id", ""), rows, answers)
        refused = self.metrics.count_rows(count, answers.problems)
        facts |= {"rows": count, "refused": refused, "model": answers.model.version}
        return answers

    async def start(self) -> None:
        """Watch the manifest, and wait for SIGTERM."""
        self.metrics.forget_dead_workers()
        if self._log:
            self._log.start()
        if self.settings.reload_seconds:
            self._tasks.append(asyncio.create_task(self._watch()))
        self._drain_at_sigterm()
        log_event("ready", model=self.settings.name, version=self.model.version)

    async def stop(self) -> None:
        """End, after all requests were answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.predictor.close()
        if self._log:
            await asyncio.to_thread(self._log.close)
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

    async def _watch(self) -> None:
        """Load the model anew when its files change."""
        while True:
            await asyncio.sleep(self.settings.reload_seconds)
            files = self._files()
            if files is None or files == self._stamp:
                continue
            self._stamp = files
            await self.reload()

    async def reload(self) -> None:
        """Replace the model by the one in the folder; keep it if that is not valid."""
        try:
            model = await asyncio.to_thread(self._reloaded)
        except Exception as error:
            self.metrics.reloads.labels("refused").inc()
            log_event("model refused", logging.ERROR, reason=one_line(str(error)))
            return
        before = self.model
        if model.manifest != before.manifest:
            self.predictor.use(model)
            name = self.settings.name
            self.metrics.set_model(name, model.version, before.version)
            self.metrics.reloads.labels("loaded").inc()
            log_event("model loaded", version=model.version, before=before.version)

    def _reloaded(self) -> Model:
        if self._code() != self._running_code:
            raise UserError(
                f"{self.settings.model}: the prediction code changed since the service"
                " was started. Fix: start it again, with the code of the model"
            )
        model = self._checked(self._load(self.settings.model))
        self.predictor.prepare(model)
        return model

    def _checked(self, model: Model) -> Model:
        check_code(model, self._running_code, self.settings.model)
        return model

    def _files(self) -> list[tuple[int, int, int]] | None:
        """Return what changes with the files of the model; None if one is missing."""
        try:
            found = [(self.settings.model / name).stat() for name in (MODEL, MANIFEST)]
        except OSError:
            return None  # it is being replaced
        return [(each.st_mtime_ns, each.st_ino, each.st_size) for each in found]


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
    try:
        settings.log_folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=settings.log_folder).close()
    except OSError as error:
        problem = f"no log can be written there: {error.strerror}"
        raise UserError(f"{settings.log_folder}: {problem}") from error
    return PredictionLog(
        settings.log_folder,
        without=settings.log_without,
        days=settings.log_days,
        seconds=settings.log_seconds,
        rows=settings.log_rows,
        max_waiting_rows=settings.log_waiting,
        count=lambda result, rows: metrics.logged.labels(result).inc(rows),
    )
