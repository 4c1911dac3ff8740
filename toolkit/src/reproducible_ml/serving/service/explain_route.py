"""POST /explain: what moved the predictions for rows of JSON."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from threadpoolctl import threadpool_limits

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.serving.explaining.background import read_background
from reproducible_ml.serving.explaining.explanations import Found, RowExplainer
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.messages import JSON, RefusedError, read_records
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.records import Columns, typed_table
from reproducible_ml.serving.rows import Checked, MissingColumnsError, check_rows
from reproducible_ml.serving.service.body import read_body
from reproducible_ml.serving.service.gate import Json
from reproducible_ml.serving.service.live import Service

# Requests that wait, at most: each takes some tenths of a second.
WAITING = 16


class Explanations:
    """Explains rows in a thread of its own, so that predictions do not wait for it."""

    def __init__(self, service: Service, predict: PredictFunction) -> None:
        """Find out how the model can be explained.

        Raises:
            UserError: There are no rows beside the model to compare with.
        """
        self.service = service
        self.predict = predict
        self.waiting = 0
        self._thread: ThreadPoolExecutor | None = None
        self._explainer = self._make(service.model)

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind.lower() != JSON:
            raise RefusedError(415, f"the content type must be {JSON}")
        settings, model = self.service.settings, self.service.model
        rows = read_records(await read_body(request, settings), model)
        if rows.length > settings.explain_rows:
            text = f"{rows.length} rows are more than {settings.explain_rows}"
            raise RefusedError(413, text)
        if self.waiting >= WAITING:
            raise RefusedError(503, f"{self.waiting} requests wait for explanations")
        if self._thread is None:
            limit = partial(threadpool_limits, 1)
            self._thread = ThreadPoolExecutor(1, "explain", limit)
        loop = asyncio.get_running_loop()
        self.waiting += 1
        work = loop.run_in_executor(self._thread, self._explain, rows, model)
        work.add_done_callback(self._is_done)
        try:
            async with asyncio.timeout(settings.answer_seconds):
                checked, found = await work
        except TimeoutError:
            seconds = settings.answer_seconds
            raise RefusedError(503, f"no answer within {seconds:g} s") from None
        except MissingColumnsError as error:
            raise RefusedError(400, str(error).replace("\n", "; ")) from None
        facts = request.state.facts
        facts |= {"rows": rows.length, "refused": rows.length - len(found)}
        facts |= {"model": model.version}
        content = self._content(rows.length, model, checked, found)
        if rows.length and not found:
            return Json({"error": "no row is valid", **content}, 422)
        return Json(content)

    def _is_done(self, _: Any) -> None:
        self.waiting -= 1

    def _content(
        self, length: int, model: Model, checked: Checked, found: list[Found]
    ) -> dict[str, Any]:
        """Return the body: an explanation for each row, null for a bad one."""
        explanations: list[Any] = [None] * length
        for row, each in zip(checked.rows.index.tolist(), found, strict=True):
            explanations[row] = each
        return {
            "model": self.service.settings.name,
            "version": model.version,
            "explanations": explanations,
            "problems": [problem._asdict() for problem in checked.problems],
        }

    def _make(self, model: Model) -> RowExplainer:
        rows = read_background(self.service.settings.model, model)
        return RowExplainer(model, self.predict, rows)

    def _explain(self, rows: Columns, model: Model) -> tuple[Checked, list[Found]]:
        if self._explainer.model is not model:
            # Another model took its place; it needs its own rows to compare with.
            try:
                self._explainer = self._make(model)
            except UserError as error:
                reason = one_line(str(error))
                log_event("explanation refused", logging.ERROR, reason=reason)
                text = "the rows that this version is compared with are missing"
                raise RefusedError(503, text) from None
        table, problems = typed_table(rows, model)
        checked = check_rows(table, model, problems)
        return checked, self._explainer.explain(checked.rows)

    def close(self) -> None:
        """Wait for what is being explained, and end the thread."""
        if self._thread:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None
