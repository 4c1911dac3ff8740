"""The model in a folder, in use, and what replaces it when its files change."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.serving.code_hash import check_code
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.model import Model, PredictFunction, model_files
from reproducible_ml.serving.predictor import Predictor
from reproducible_ml.serving.service.metrics import Metrics
from reproducible_ml.serving.service.settings import Settings

# Raises UserError if a model cannot be used, though it can be loaded.
Check = Callable[[Model], None]


class LiveModel:
    """The model in a folder; what is asked meanwhile is answered while another loads.

    Attributes:
        folder: Has model.skops and model.json.
        predictor: What answers.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[Path], Model],
        predict: PredictFunction,
        code: Callable[[], str],
        settings: Settings,
        metrics: Metrics,
        check: Check = lambda model: None,
        *,
        is_shadow: bool = False,
    ) -> None:
        """Load the model.

        Args:
            folder: Has model.skops and model.json.
            load: Returns the model in a folder.
            predict: What the project answers.
            code: Returns the hash of the prediction code on disk.
            settings: What the service takes.
            metrics: What it counts.
            check: Further demands on the model, and on those that take its place.
            is_shadow: Whether another model answers the same rows.

        Raises:
            UserError: The model cannot be loaded, or was made with other code.
        """
        self.folder = folder
        self._load = load
        self._code = code
        self._running_code = code()
        self._check = check
        self._name = settings.name
        self._metrics = metrics
        self._stamp = model_files(self.folder)
        self.predictor = Predictor(
            self._checked(load(folder)),
            predict,
            batch_rows=settings.batch_rows,
            max_waiting_rows=settings.max_waiting_rows,
            on_batch=metrics.batch.observe,
            on_answers=metrics.count_predictions
            if is_shadow
            else metrics.count_answers,
        )
        metrics.set_model(settings.name, self.model)

    @property
    def model(self) -> Model:
        """The model that answers from now on."""
        return self.predictor.model

    async def watch(self, seconds: float) -> None:
        """Load the model anew when its files change.

        Args:
            seconds: How often to look.
        """
        while True:
            await asyncio.sleep(seconds)
            files = model_files(self.folder)
            if files is None or files == self._stamp:
                continue
            self._stamp = files
            await self.reload()

    async def reload(self) -> None:
        """Replace the model by the one in the folder; keep it if that is not valid."""
        try:
            model = await asyncio.to_thread(self._reloaded)
        except Exception as error:
            self._metrics.reloads.labels("refused").inc()
            log_event("model refused", logging.ERROR, reason=one_line(str(error)))
            return
        before = self.model
        if model.manifest != before.manifest:
            self.predictor.use(model)
            self._metrics.set_model(self._name, model, before.version)
            self._metrics.reloads.labels("loaded").inc()
            log_event("model loaded", version=model.version, before=before.version)

    def _reloaded(self) -> Model:
        if self._code() != self._running_code:
            raise UserError(
                f"{self.folder}: the prediction code changed since the service was"
                " started. Fix: start it again, with the code of the model"
            )
        model = self._checked(self._load(self.folder))
        self.predictor.prepare(model)
        return model

    def _checked(self, model: Model) -> Model:
        check_code(model, self._running_code, self.folder)
        self._check(model)
        return model
