"""Alerts reach a command or a webhook once, and never show a secret."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from reproducible_ml.core.errors import UserError
from reproducible_ml.monitoring import alert
from reproducible_ml.monitoring.alert import notify
from reproducible_ml.monitoring.result import Alert
from reproducible_ml.monitoring.settings import Settings

DRIFT = Alert(kind="drift", subject="age", text='"age" has drifted.')
STALE = Alert(kind="stale", subject="newest row", text="The newest row is old.")
SECRET = "tok3n"


class Receiver:
    """A local webhook; what it answers, and what it got."""

    def __init__(self) -> None:
        self.answers: list[int | float] = []
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                receiver.got.append((dict(self.headers), body))
                answer = receiver.answers.pop(0) if receiver.answers else 204
                if isinstance(answer, float):
                    time.sleep(answer)
                    answer = 204
                self.send_response(answer)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def settings(address: str, **more: Any) -> Settings:
    header = SecretStr(f"Authorization: Bearer {SECRET}")
    return Settings(webhook=SecretStr(address), webhook_header=header, **more)


def send(state: Path, found: Settings, *alerts: Alert) -> tuple[list[str], list[float]]:
    """Return what failed, and how long was waited between tries."""
    waited: list[float] = []
    return notify(alerts, found, state, "shop", waited.append), waited


def test_new_alerts_are_sent_once(receiver: Receiver, tmp_path: Path) -> None:
    found, state = settings(receiver.address), tmp_path / "alerts.json"
    assert send(state, found) == ([], [])
    assert not state.exists()
    assert send(state, found, DRIFT) == ([], [])
    assert send(state, found, DRIFT) == ([], [])
    assert send(state, found, DRIFT, STALE) == ([], [])
    send(
        state, found, STALE
    )  # the first is over, so that it is sent when it comes again
    send(state, found, DRIFT, STALE)
    sent = [[each["kind"] for each in body["alerts"]] for _, body in receiver.got]
    assert sent == [["drift"], ["stale"], ["drift"]]
    headers, body = receiver.got[0]
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["Content-Type"].startswith("application/json")
    assert body["text"] == 'shop: 1 alerts of monitoring\n"age" has drifted.'
    assert SECRET not in state.read_text()
    send(state, settings(receiver.address, alert_repeat_hours=1e-9), STALE)
    assert len(receiver.got) == 4


def test_failing_receiver_is_tried_again_with_longer_and_longer_waits(
    receiver: Receiver, tmp_path: Path
) -> None:
    found, state = settings(receiver.address), tmp_path / "alerts.json"
    receiver.answers = [500, 429]
    assert send(state, found, DRIFT) == ([], [1.0, 2.0])
    assert len(receiver.got) == 3
    receiver.answers = [503] * 9
    failed, waited = send(state, found, STALE)
    assert (failed, waited) == (["webhook: HTTP 503"], [1.0, 2.0, 4.0])
    receiver.answers = []
    assert send(state, found, STALE) == ([], [])  # what failed is sent the next time
    assert receiver.got[-1][1]["alerts"] == [STALE.model_dump()]


@pytest.mark.parametrize("answer", [400, 404, 301, 307])
def test_refusal_and_redirect_are_not_tried_again(
    receiver: Receiver, tmp_path: Path, answer: int
) -> None:
    receiver.answers = [answer]
    failed, waited = send(tmp_path / "a.json", settings(receiver.address), DRIFT)
    assert (failed, waited) == ([f"webhook: HTTP {answer}"], [])
    assert len(receiver.got) == 1


def test_slow_and_absent_receivers_do_not_hold_up_and_nothing_shows_the_secret(
    receiver: Receiver,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(alert, "TRIES", 1)
    slow = settings(receiver.address, alert_seconds=0.1)
    receiver.answers = [0.5]
    start = time.monotonic()
    failed, _ = send(tmp_path / "a.json", slow, DRIFT)
    assert failed == ["webhook: no answer within 0.1 s"]
    assert time.monotonic() - start < 0.45
    absent = settings(f"http://127.0.0.1:1/{SECRET}")
    failed, _ = send(tmp_path / "a.json", absent, DRIFT)
    assert failed == ["webhook: cannot be reached"]
    bad = Settings(
        webhook=SecretStr(receiver.address),
        webhook_header=SecretStr(f"X: {SECRET}\nY: 1"),
    )
    failed, _ = send(tmp_path / "a.json", bad, DRIFT)
    assert failed == ["webhook: the connection failed"]
    assert SECRET not in caplog.text
    assert SECRET not in f"{slow!r} {slow} {slow.model_dump()}"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("webhook", f"ftp://{SECRET}", "RML_MONITOR_WEBHOOK: must begin with http"),
        ("webhook", f"http://[{SECRET}", "RML_MONITOR_WEBHOOK: is no address"),
        ("webhook_header", SECRET, "RML_MONITOR_WEBHOOK_HEADER: must be NAME: VALUE"),
    ],
)
def test_wrong_address_is_an_error_that_does_not_show_it(
    name: str,
    value: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RML_MONITOR_WEBHOOK", "http://127.0.0.1:1")
    monkeypatch.setenv(f"RML_MONITOR_{name.upper()}", value)
    found = Settings.from_environment()
    with pytest.raises(UserError, match=says) as caught:
        notify([DRIFT], found, tmp_path / "a.json", "shop")
    assert SECRET not in str(caught.value)


def test_command_gets_the_alerts_and_its_failure_is_told(tmp_path: Path) -> None:
    script = tmp_path / "tell.py"
    script.write_text(
        "import pathlib, sys\n"
        "text = sys.stdin.read()\n"
        "pathlib.Path(sys.argv[1]).write_text(text)\n"
        "sys.exit(int(sys.argv[2]))\n"
    )
    got, state = tmp_path / "got.json", tmp_path / "alerts.json"
    command = f"{sys.executable} {script} {got}"
    assert send(state, Settings(alert_command=f"{command} 0"), DRIFT) == ([], [])
    assert json.loads(got.read_text())["alerts"] == [DRIFT.model_dump()]
    failed, waited = send(state, Settings(alert_command=f"{command} 5"), STALE)
    assert (failed, len(waited)) == (["command: exit code 5"], 3)
    failed, waited = send(state, Settings(alert_command="/no/such"), DRIFT, STALE)
    assert (len(failed), waited) == (1, [])
    state.write_text("{broken")
    assert send(state, Settings(alert_command=f"{command} 0"), DRIFT) == ([], [])
