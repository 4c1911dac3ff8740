"""Tell people: a command or a webhook gets each new alert, once.

What is sent has names of columns and figures, but no value of a row. An alert is new if
it was not sent within the last hours; the file of the state says what was.
"""

import datetime
import http.client
import json
import logging
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr, TypeAdapter, ValidationError

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_json
from reproducible_ml.monitoring.result import Alert
from reproducible_ml.monitoring.settings import PREFIX, Settings

logger = logging.getLogger(__name__)

# How often something is tried, and how many seconds are waited before the second time;
# twice as many before each further one.
TRIES, WAIT = 4, 1.0

# Alerts that the text names.
NAMED = 10

# A receiver answers with one of these if it may accept the same later.
LATER = (408, 425, 429)

STATE: TypeAdapter[dict[str, dict[str, float]]] = TypeAdapter(
    dict[str, dict[str, float]]
)


class Channel(NamedTuple):
    """Where alerts go.

    Attributes:
        name: In messages, and in the file of the state; without a secret.
        send: Sends a body; raises `NotSentError`.
    """

    name: str
    send: Callable[[bytes], None]


class NotSentError(Exception):
    """A channel did not take an alert.

    Attributes:
        may_try_again: Whether it might later.
    """

    def __init__(self, reason: str, *, may_try_again: bool) -> None:
        super().__init__(reason)
        self.may_try_again = may_try_again


def notify(
    alerts: Sequence[Alert],
    settings: Settings,
    state: Path,
    project: str,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Send new alerts to all channels; return a line for each channel that failed.

    An alert that is over is forgotten, so that it is sent when it comes again.

    Args:
        alerts: All that there are now.
        settings: Channels, and after how long an alert is sent again.
        state: File that says what was sent; it is replaced as a whole.
        project: What the alerts are about.
        sleep: Waits for a number of seconds.

    Raises:
        UserError: An address or header is not valid, or the state cannot be written.
    """
    now = time.time()
    sent = _read(state)
    failed = []
    for channel in channels(settings):
        before = sent.get(channel.name, {})
        oldest = now - 3600 * settings.alert_repeat_hours
        new = [each for each in alerts if before.get(_key(each), 0.0) <= oldest]
        after = {_key(each): before.get(_key(each), 0.0) for each in alerts}
        if new:
            try:
                _try(channel, _body(new, project), sleep)
                after |= {_key(each): now for each in new}
                logger.info("%d alerts sent to the %s", len(new), channel.name)
            except NotSentError as error:
                failed.append(f"{channel.name}: {error}")
        sent[channel.name] = {key: at for key, at in after.items() if at}
    if any(sent.values()) or state.is_file():
        write_json(sent, state)
    return failed


def channels(settings: Settings) -> list[Channel]:
    """Return where alerts go.

    Raises:
        UserError: An address or header is not valid; it is not shown.
    """
    found = []
    seconds = settings.alert_seconds
    if settings.alert_command:
        try:
            command = shlex.split(settings.alert_command)
        except ValueError as error:
            raise UserError(f"alert_command: {error}") from None
        found.append(Channel("command", lambda body: _run(command, body, seconds)))
    if settings.webhook:
        request = _request(settings.webhook, settings.webhook_header)
        found.append(Channel("webhook", lambda body: _post(request, body, seconds)))
    return found


def _key(alert: Alert) -> str:
    return f"{alert.kind}: {alert.subject}"


def _read(state: Path) -> dict[str, dict[str, float]]:
    """Return when which alert was sent, by channel; nothing if that is not known."""
    try:
        return STATE.validate_json(state.read_bytes())
    except (OSError, ValidationError):
        return {}


def _body(alerts: Sequence[Alert], project: str) -> bytes:
    """Return JSON with a short text, which chats show, and all alerts."""
    lines = [each.text for each in alerts[:NAMED]]
    more = len(alerts) - NAMED
    lines += [f"and {more} more"] if more > 0 else []
    content: dict[str, Any] = {
        "text": "\n".join([f"{project}: {len(alerts)} alerts of monitoring", *lines]),
        "project": project,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "alerts": [each.model_dump() for each in alerts],
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _try(channel: Channel, body: bytes, sleep: Callable[[float], None]) -> None:
    """Send a body, several times if that may help."""
    wait = WAIT
    for number in range(1, TRIES + 1):
        try:
            channel.send(body)
        except NotSentError as error:
            if number == TRIES or not error.may_try_again:
                raise
            logger.warning("%s: %s; it is tried again", channel.name, error)
            sleep(wait)
            wait *= 2
        else:
            return


def _run(command: Sequence[str], body: bytes, seconds: float) -> None:
    try:
        # What it prints must not get into the result on standard output.
        done = subprocess.run(
            command, input=body, stdout=2, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        reason = f"did not end within {seconds:g} s"
        raise NotSentError(reason, may_try_again=True) from None
    except OSError as error:
        reason = f"cannot be run: {error.strerror}"
        raise NotSentError(reason, may_try_again=False) from None
    if done.returncode:
        raise NotSentError(f"exit code {done.returncode}", may_try_again=True)


def _request(webhook: SecretStr, header: SecretStr | None) -> urllib.request.Request:
    address = webhook.get_secret_value().strip()
    if not address.startswith(("http://", "https://")):
        raise UserError(f"{PREFIX}WEBHOOK: must begin with http:// or https://")
    try:
        request = urllib.request.Request(address, method="POST")
    except ValueError:
        raise UserError(f"{PREFIX}WEBHOOK: is no address") from None
    request.add_header("Content-Type", "application/json; charset=utf-8")
    if header:
        name, colon, value = header.get_secret_value().partition(":")
        if not colon or not name.strip():
            raise UserError(f"{PREFIX}WEBHOOK_HEADER: must be NAME: VALUE")
        request.add_header(name.strip(), value.strip())
    return request


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take the secret to another address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _post(request: urllib.request.Request, body: bytes, seconds: float) -> None:
    """Send a body; what is raised never has the address."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, body, timeout=seconds):
            return
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code >= 500 or error.code in LATER
        raise NotSentError(f"HTTP {error.code}", may_try_again=again) from None
    except TimeoutError:
        reason = f"no answer within {seconds:g} s"
        raise NotSentError(reason, may_try_again=True) from None
    except urllib.error.URLError as error:
        late = isinstance(error.reason, TimeoutError)
        reason = f"no answer within {seconds:g} s" if late else "cannot be reached"
        raise NotSentError(reason, may_try_again=True) from None
    except (OSError, http.client.HTTPException, ValueError):
        reason = "the connection failed"
        raise NotSentError(reason, may_try_again=True) from None
