"""The model as a function of AWS Lambda: an event in, an answer out.

Events are HTTP requests, of API Gateway, a function URL or a load balancer, which the
application of the service answers; or direct invocations, `{"records": [...]}`.
"""

import asyncio
import json
import logging.config
import math
from itertools import chain
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from mangum import Mangum

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.logs import CONFIG, log_event
from reproducible_ml.serving.messages import RefusedError, as_columns, as_content
from reproducible_ml.serving.service.live import Service
from reproducible_ml.serving.service.settings import PREFIX

Event = dict[str, Any]

# Most bytes of what a function of Lambda may return; an event has the same limit.
MAX_BYTES = 6 * 1024 * 1024


class Handler:
    """What Lambda calls with an event and its context.

    Attributes:
        service: The model behind it.
    """

    def __init__(self, app: FastAPI) -> None:
        """Wrap the application of a service.

        Args:
            app: What `make_app` returned.

        Raises:
            UserError: It would write answers or labels to files, which a function
                cannot keep.
        """
        self.service: Service = app.state.service
        for name in ("log_folder", "feedback_folder"):
            if getattr(self.service.settings, name):
                raise UserError(
                    f"{PREFIX}{name.upper()}: a function has no files that stay"
                )
        logging.config.dictConfig(CONFIG)
        # The service logs requests itself.
        logging.getLogger("mangum").setLevel(logging.WARNING)
        # One for all events: what answers keeps its tasks there.
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        # A function is frozen between events, and ended without notice.
        self.http = Mangum(app, lifespan="off")
        log_event("ready", model=self.service.settings.name, version=self.version)

    @property
    def version(self) -> str:
        """The version of the model."""
        return self.service.model.version

    def __call__(self, event: Any, context: Any) -> Event:
        """Answer an event.

        Raises:
            RefusedError: A direct invocation is malformed or too large; Lambda reports
                it to the caller with this type and its text.
        """
        if isinstance(event, dict) and "records" in event:
            return self._answer(event["records"], context)
        if not isinstance(event, dict) or "requestContext" not in event:
            raise RefusedError(
                400, 'the event has no "records", and is no request over HTTP'
            )
        response = self.http(event, context)
        if len(response["body"]) > MAX_BYTES:
            text = json.dumps({"error": too_large(len(response["body"]))})
            response |= {"statusCode": 413, "body": text, "isBase64Encoded": False}
            response["headers"] = {"content-type": "application/json"}
        return response

    def _answer(self, records: Any, context: Any) -> Event:
        """Answer the records of a direct invocation."""
        rows = as_columns(records, self.service.model, '"records"')
        if not all(map(_is_json, chain(*rows.lists.values()))):
            raise RefusedError(400, "infinity is not JSON")
        facts: dict[str, Any] = {
            "request_id": getattr(context, "aws_request_id", None) or uuid4().hex
        }
        answers = self.loop.run_until_complete(self.service.answer(rows, facts))
        content = as_content(answers, self.service.settings.name)
        if (size := len(json.dumps(content))) > MAX_BYTES:
            raise RefusedError(413, too_large(size))
        log_event("invocation", **facts)
        return content


def too_large(size: int) -> str:
    """Return what is wrong with an answer of so many bytes."""
    return f"the answer has {size} bytes, more than {MAX_BYTES}: send fewer rows"


def _is_json(value: Any) -> bool:
    # The runtime of Lambda parses 1e999 as infinity.
    return not isinstance(value, float) or math.isfinite(value)
