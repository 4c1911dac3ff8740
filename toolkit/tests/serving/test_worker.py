"""The queue worker, with a real NATS server."""

import asyncio
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import nkeys
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.logs import JsonLines
from reproducible_ml.serving.messages import ARROW
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.records import answer_records
from reproducible_ml.serving.rows import answer, to_table
from reproducible_ml.serving.worker.app import make_app
from reproducible_ml.serving.worker.connection import make_broker, read_security
from reproducible_ml.serving.worker.settings import Settings
from reproducible_ml.serving.worker.streams import declare
from tumour_diagnosis.deployment.predict import Predict, load, predict

from ..loopback import free_port
from .conftest import LINEAR, as_records
from .nats_server import Queue, Server, Stored, nats_server, store

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

ROOT = Path(__file__).parents[3]
NUMBERS = count()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with nats_server(*store(tmp_path_factory.mktemp("nats"))) as found:
        yield found


@pytest.fixture
def settings(server: Server) -> Settings:
    """Subjects of a test alone, and short delays."""
    name = f"test{next(NUMBERS)}"
    return Settings(
        name=name,
        server=server.url,
        requests=f"{name}.requests",
        replies=f"{name}.replies",
        dead_letters=f"{name}.dead",
        stream=name,
        messages=4,
        ack_seconds=1,
        retry_seconds=(0.3, 0.6),
    )


def variables(settings: Settings) -> dict[str, str]:
    """Return settings as variables of the environment."""
    found = {}
    for name, value in settings.model_dump().items():
        if value in (None, ()):
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        found[f"RML_WORK_{name.upper()}"] = text
    return found


@pytest.fixture
async def queue(settings: Settings) -> AsyncIterator[Queue]:
    """A client; the streams are there."""
    found = await Queue.connect(settings.server, settings.name)
    await declare(found.jetstream, settings)
    yield found
    await found.close()


@asynccontextmanager
async def working(
    model: Model, settings: Settings, predict: PredictFunction = predict
) -> AsyncIterator[None]:
    """Run a worker in this process."""
    app = make_app(
        lambda _: model, predict, settings, lambda: str(model.manifest.get("code"))
    )
    async with app:
        yield


@contextmanager
def process(
    settings: Settings, *command: str, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run a worker in another process; by default `rml work`."""
    with subprocess.Popen(
        command or (str(Path(sys.executable).with_name("rml")), "work"),
        cwd=ROOT,
        env=os.environ | variables(settings) | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as found:
        try:
            yield found
        finally:
            found.kill()


def wait_for(event: str, process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return the line of a worker's log about an event."""
    assert process.stderr
    for line in process.stderr:
        facts: dict[str, Any] = json.loads(line)
        if facts["event"] == event:
            return facts
    raise AssertionError(f"the worker ended without {event}")


def body(rows: pd.DataFrame) -> bytes:
    return json.dumps(as_records(rows)).encode()


def stream(table: pa.Table) -> bytes:
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue().to_pybytes()  # type: ignore[no-any-return]


def ids(messages: list[Stored]) -> list[str]:
    return sorted(message.headers["Request-Id"] for message in messages)


@pytest.mark.parametrize("path", [None, "linear"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
async def test_replies_are_the_answers(
    task: str,
    path: str | None,
    train: Callable[..., Model],
    orders: pd.DataFrame,
    settings: Settings,
    queue: Queue,
) -> None:
    model = train(task, LINEAR[task] if path else None)
    records = as_records(orders)
    records[1]["channel"] = "mail"
    records[2]["items"] = "2"
    async with working(model, settings):
        await queue.send(json.dumps(records).encode(), "json")
        await queue.send(json.dumps(records[0]).encode(), "one")
        await queue.send(stream(to_table(orders, model)), "arrow", ARROW)
        await queue.settle()
        replies = {
            each.headers["Request-Id"]: each for each in await queue.read("replies")
        }
    assert replies.keys() == {"json", "one", "arrow"}
    reply = json.loads(replies["json"].data)
    expected = answer_records(records, model, predict)
    assert reply["id"] == "json"
    assert reply["version"] == model.version
    valid = [reply["predictions"][row] for row in expected.answers.index]
    assert valid == expected.answers.to_dict("records")
    assert reply["predictions"][1:3] == [None, None]
    assert reply["problems"] == [each._asdict() for each in expected.problems]
    assert {each["column"] for each in reply["problems"]} == {"channel", "items"}
    assert json.loads(replies["one"].data)["predictions"] == valid[:1]
    sha256 = model.manifest["sha256"]
    assert replies["one"].headers["Nats-Msg-Id"] == f"one:{sha256}"
    with pa.ipc.open_stream(replies["arrow"].data) as reader:
        table = reader.read_all()
    assert table["problem"].null_count == len(orders)
    whole = answer(to_table(orders, model), model, predict).answers
    assert table.drop_columns("problem").to_pydict() == whole.to_dict("list")


async def test_a_malformed_request_becomes_a_dead_letter_at_once(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    model = train()
    settings = settings.model_copy(update={"max_rows": 10, "max_bytes": 5000})
    long = json.dumps(as_records(orders[:1])[0] | {"note": "x" * 5000}).encode()
    bad = {
        "json": (b'{"amount": ', None, "is not valid JSON"),
        "nan": (b'{"amount": NaN}', None, "is not valid JSON"),
        "form": (b"[1]", None, "must be a record or an array of records"),
        "kind": (b"amount\n1", "text/csv", "the content type must be"),
        "rows": (body(orders[:11]), None, "more than 10 rows"),
        "bytes": (long, None, "bytes are more than 5000"),
        "arrow": (b"ARROW", ARROW, "is not a valid Arrow stream"),
        "columns": (stream(pa.table({"Amount": [1.0]})), ARROW, 'there is "Amount"'),
        "bad id": (body(orders[:1]), None, "Nats-Msg-Id must match"),
    }
    for name, (content, kind, _) in bad.items():
        await queue.send(content, name, kind)
    async with working(model, settings):
        await queue.settle()
        dead = await queue.read("dead")
    assert await queue.count("replies") == 0
    assert len(dead) == len(bad)
    for message in dead:
        content, kind, reason = bad[message.headers["Request-Id"]]
        assert reason in message.headers["Reason"]
        assert message.headers["Attempts"] == "1"
        assert message.data == content
        assert message.headers.get("content-type") == kind


async def test_a_request_that_fails_is_tried_again_later(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    times: dict[int, list[float]] = {1: [], 2: []}

    def fail(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        """One row: twice. Two rows: always."""
        seen = times[len(rows)]
        seen.append(time.monotonic())
        if len(rows) == 2 or len(seen) < 3:
            raise OSError(f"the disk says\nno {len(seen)}")
        return predict(rows, model)

    settings = settings.model_copy(update={"max_deliver": 3, "messages": 1})
    await queue.send(body(orders[:1]), "twice")
    await queue.send(body(orders[:2]), "always")
    async with working(train(), settings, fail):
        await queue.settle()
    (reply,) = await queue.read("replies")
    assert reply.headers["Request-Id"] == "twice"
    for tries in times.values():
        first, second, third = tries
        assert 0.3 <= second - first < 3
        assert 0.6 <= third - second < 3
    (dead,) = await queue.read("dead")
    assert dead.headers["Request-Id"] == "always"
    assert dead.headers["Attempts"] == "3"
    assert (
        dead.headers["Reason"] == "failed 3 times, at last with OSError: the disk says"
    )


async def test_metrics_are_served_where_the_settings_say(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    model, port = train(), free_port()
    settings = settings.model_copy(
        update={"metrics_port": port, "max_deliver": 2, "messages": 1}
    )

    def fail_for_two(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        if len(rows) == 2:
            raise OSError("the disk")
        return predict(rows, model)

    records = as_records(orders[:3])
    records[0] |= {"channel": "pigeon"}
    records[1] |= {"amount": None}
    await queue.send(json.dumps(records * 2).encode(), "answered")
    await queue.send(body(orders[:2]), "retried")
    await queue.send(b"{", "dead")
    async with working(model, settings, fail_for_two):
        await queue.settle()
        page = await asyncio.to_thread(
            httpx.get, f"http://127.0.0.1:{port}/metrics", timeout=10
        )
        taken = working(model, settings)
        with pytest.raises(UserError, match="metrics: cannot listen at"):
            await taken.__aenter__()
    labels = f'{{name="{settings.name}",version="{model.version}"}}'
    for line in (
        'rml_messages_total{result="answered"} 1.0',
        'rml_messages_total{result="retried"} 1.0',
        'rml_messages_total{result="dead letter"} 2.0',
        "rml_message_seconds_count 4.0",
        "rml_messages_active 0.0",
        'rml_rows_total{result="answered"} 4.0',
        'rml_rows_total{result="refused"} 2.0',
        'rml_row_problems_total{column="channel",rule="isin"} 2.0',
        'rml_missing_values_total{column="amount"} 2.0',
        f"rml_model_info{labels} 1.0",
        f'rml_prediction_probability_count{{version="{model.version}"}} 4.0',
        "rml_processes 1.0",
    ):
        assert line in page.text
    with pytest.raises(httpx.ConnectError):
        await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/metrics")


async def test_a_request_that_ends_every_worker_becomes_a_dead_letter(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    settings = settings.model_copy(update={"max_deliver": 2})
    await queue.send(body(orders[:1]), "poison")
    taker = await queue.jetstream.pull_subscribe(
        settings.requests, settings.consumer, f"{settings.stream}_requests"
    )
    for attempt in (1, 2):
        (taken,) = await taker.fetch(1, timeout=5)
        assert taken.metadata.num_delivered == attempt
    await taker.unsubscribe()
    async with working(train(), settings):
        await queue.settle()
    (dead,) = await queue.read("dead")
    assert dead.headers["Reason"] == "no worker finished it in 2 tries"
    assert await queue.count("replies") == 0


async def test_a_long_prediction_is_not_given_to_another_worker(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    starts = []

    def slow(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
        starts.append(time.monotonic())
        time.sleep(2.5 * settings.ack_seconds)
        return predict(rows, model)

    await queue.send(body(orders[:1]))
    async with working(train(), settings, slow), working(train(), settings, slow):
        await queue.settle()
    assert len(starts) == 1
    # Without an id of its sender, the place in the stream is the id.
    (reply,) = await queue.read("replies")
    assert reply.headers["Request-Id"].startswith(f"{settings.stream}_requests:1:")


async def test_killed_workers_lose_and_double_nothing(
    train: Callable[..., Model],
    train_folder: Callable[..., Path],
    orders: pd.DataFrame,
    settings: Settings,
    queue: Queue,
) -> None:
    model = train()
    settings = settings.model_copy(update={"model": train_folder()})
    records = as_records(orders)
    sent = {f"r{number}": records[number % 250 :][:20] for number in range(300)}
    for name, rows in sent.items():
        await queue.send(json.dumps(rows).encode(), name)
    moments = random.Random(14)
    with ExitStack() as stack:
        workers = [stack.enter_context(process(settings)) for _ in range(2)]
        for worker in workers:
            await asyncio.to_thread(wait_for, "answered", worker)
            await asyncio.sleep(moments.uniform(0, 0.2))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
    assert await queue.count("requests")
    async with working(model, settings):
        await queue.settle()
    replies = await queue.read("replies")
    assert ids(replies) == sorted(sent)
    for reply in replies[::50]:
        rows = sent[reply.headers["Request-Id"]]
        expected = answer_records(rows, model, predict).answers.to_dict("records")
        assert json.loads(reply.data)["predictions"] == expected
    assert await queue.count("dead") == 0


# Kills itself when its tenth reply is stored: before the request is acknowledged.
KILLED = """
import os, signal, sys
from pathlib import Path
import asyncio
from nats.js import JetStreamContext
from reproducible_ml.serving.worker.app import make_app
from reproducible_ml.serving.worker.settings import Settings
from tumour_diagnosis.deployment.predict import Predict, load, predict

publish, stored = JetStreamContext.publish, []

async def publish_and_die(self, subject, *arguments, **options):
    found = await publish(self, subject, *arguments, **options)
    stored.append(subject)
    if len(stored) == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return found

JetStreamContext.publish = publish_and_die
code = lambda: str(load_model().manifest.get("code"))
settings = Settings.from_environment()
load_model = lambda: load(settings.model, Predict())
asyncio.run(make_app(lambda _: load_model(), predict, settings, code).run())
"""


async def test_a_reply_that_was_stored_before_is_dropped(
    train: Callable[..., Model],
    train_folder: Callable[..., Path],
    orders: pd.DataFrame,
    settings: Settings,
    queue: Queue,
) -> None:
    settings = settings.model_copy(update={"model": train_folder()})
    sent = [f"r{number}" for number in range(20)]
    for name in sent:
        await queue.send(body(orders[:2]), name)
    with process(settings, sys.executable, "-c", KILLED) as worker:
        assert worker.wait(20) == -signal.SIGKILL
    before = await queue.read("replies")
    left = await queue.count("requests")
    assert len(before) >= 10
    # At least one is both answered and not acknowledged.
    assert len(before) + left > len(sent)
    async with working(train(), settings):
        await queue.settle()
    assert ids(await queue.read("replies")) == sorted(sent)


async def test_workers_share_the_load(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    shares: Counter[str] = Counter()

    def counting(name: str) -> PredictFunction:
        def run(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
            shares[name] += len(rows)
            time.sleep(0.02)
            return predict(rows, model)

        return run

    for number in range(60):
        await queue.send(body(orders[number : number + 1]), f"r{number}")
    model = train()
    async with (
        working(model, settings, counting("a")),
        working(model, settings, counting("b")),
    ):
        await queue.settle()
    assert shares.total() == 60
    assert min(shares["a"], shares["b"]) >= 10
    assert await queue.count("replies") == 60


def test_after_sigterm_a_worker_finishes_what_it_took(
    train_folder: Callable[..., Path], orders: pd.DataFrame, settings: Settings
) -> None:
    async def send(number: int) -> None:
        queue = await Queue.connect(settings.server, settings.name)
        await declare(queue.jetstream, settings)
        for name in range(number):
            await queue.send(body(orders), f"r{name}")
        await queue.close()

    async def left() -> tuple[int, list[str]]:
        queue = await Queue.connect(settings.server, settings.name)
        found = await queue.count("requests"), ids(await queue.read("replies"))
        await queue.close()
        return found

    settings = settings.model_copy(update={"model": train_folder()})
    asyncio.run(send(100))
    with process(settings) as worker:
        wait_for("answered", worker)
        worker.send_signal(signal.SIGTERM)
        wait_for("stopped", worker)
        assert worker.wait(10) == 0
    requests, replies = asyncio.run(left())
    # Nothing is in between: what has a reply is acknowledged, and all else is there.
    assert 0 < len(replies) < 100
    assert len(set(replies)) == len(replies)
    assert requests + len(replies) == 100


async def test_another_model_in_the_folder_is_used_and_a_damaged_one_is_not(
    train_folder: Callable[..., Path],
    orders: pd.DataFrame,
    settings: Settings,
    queue: Queue,
    log: StringIO,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(train_folder(), folder)
    settings = settings.model_copy(update={"model": folder, "reload_seconds": 0.1})
    models = [load(train_folder(), Predict()), load(train_folder(seed=1), Predict())]

    async def wait_for_event(event: str) -> None:
        async with asyncio.timeout(20):
            while event not in log.getvalue():
                await asyncio.sleep(0.05)

    code = str(models[0].manifest.get("code"))
    async with make_app(load, predict, settings, lambda: code):
        await queue.send(body(orders[:1]), "before")
        await queue.settle()
        for name in ("model.skops", "model.json"):
            shutil.copy(train_folder(seed=1) / name, tmp_path / name)
            (tmp_path / name).replace(folder / name)
        await wait_for_event("model loaded")
        await queue.send(body(orders[:1]), "after")
        await queue.settle()
        (folder / "model.json").write_text("{")
        await wait_for_event("model refused")
        await queue.send(body(orders[:1]), "last")
        await queue.settle()
    replies = await queue.read("replies")
    new = models[1].manifest["sha256"]
    assert new != models[0].manifest["sha256"]
    assert [each.headers["Nats-Msg-Id"] for each in replies] == [
        f"before:{models[0].manifest['sha256']}",
        f"after:{new}",
        f"last:{new}",
    ]
    assert replies[1].headers["Model-Version"] == models[1].version


async def test_a_worker_survives_a_restart_of_the_server(
    train: Callable[..., Model],
    orders: pd.DataFrame,
    settings: Settings,
    tmp_path: Path,
) -> None:
    with nats_server(*store(tmp_path)) as server:
        settings = settings.model_copy(update={"server": server.url})
        queue = await Queue.connect(server.url, settings.name)
        async with working(train(), settings):
            await queue.send(body(orders[:1]), "before")
            await queue.settle()
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            for _ in range(100):
                if queue.connection.is_connected:
                    break
                await asyncio.sleep(0.1)
            await queue.send(body(orders[:1]), "after")
            await queue.settle()
        assert ids(await queue.read("replies")) == ["after", "before"]
        await queue.close()


async def test_streams_that_exist_are_used_as_they_are(
    train: Callable[..., Model], orders: pd.DataFrame, settings: Settings, queue: Queue
) -> None:
    settings = settings.model_copy(update={"ack_seconds": 7})
    name = f"own_{settings.stream}"
    await queue.jetstream.delete_stream(f"{settings.stream}_requests")
    await queue.jetstream.add_stream(
        name=name, subjects=[f"{settings.name}.requests"], max_msgs=9
    )
    for _ in range(2):
        assert await declare(queue.jetstream, settings) == name
    found = await queue.jetstream.stream_info(name)
    assert found.config.max_msgs == 9
    consumer = await queue.jetstream.consumer_info(name, settings.consumer)
    assert consumer.config.ack_wait == 7
    await queue.send(body(orders[:1]), "one")
    async with working(train(), settings):
        for _ in range(100):
            if await queue.count("replies"):
                break
            await asyncio.sleep(0.05)
    assert ids(await queue.read("replies")) == ["one"]


def refusal(settings: Settings, **environment: str) -> str:
    """Return the only line that a worker prints, which cannot start."""
    command = [str(Path(sys.executable).with_name("rml")), "work"]
    found = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | variables(settings) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    (line,) = [line for line in found.stderr.splitlines() if line[:1] != "{"]
    assert not found.stdout
    return line


async def test_credentials_are_read_from_the_environment_and_not_logged(
    train_folder: Callable[..., Path],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: StringIO,
) -> None:
    pair = nkeys.from_seed(nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_USER))
    key = tmp_path / "user.nk"
    key.write_bytes(bytes(pair.seed))
    config = tmp_path / "nats.conf"
    config.write_text(
        f'jetstream {{store_dir: "{tmp_path}/js"}}\n'
        "authorization {users: [\n"
        ' {user: me, password: "s3cret-word"},\n'
        f" {{nkey: {pair.public_key.decode()}}}\n]}}\n"
    )
    folder = train_folder()
    model = load(folder, Predict())
    with nats_server("--config", str(config)) as server:
        settings = settings.model_copy(update={"server": server.url, "model": folder})
        line = refusal(settings, NATS_USER="me", NATS_PASSWORD="wr0ng-word")
        assert "Authorization Violation" in line
        assert "wr0ng-word" not in line
        for login in (
            {"NATS_USER": "me", "NATS_PASSWORD": "s3cret-word"},
            {"NATS_NKEY": str(key)},
        ):
            with monkeypatch.context() as patch:
                for name, value in login.items():
                    patch.setenv(name, value)
                async with working(model, settings):
                    pass
    assert log.getvalue().count('"ready"') == 2
    for secret in ("s3cret-word", key.read_text()):
        assert secret not in log.getvalue()


@pytest.fixture
def log() -> Iterator[StringIO]:
    """All that is logged, as the command prints it."""
    target = StringIO()
    handler = logging.StreamHandler(target)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield target
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("nats://me:s3cret-word@127.0.0.1", "must not have a user or password"),
        ("127.0.0.1:4222", "is no address such as"),
        ("http://127.0.0.1", "is no address such as"),
        ("nats://127.0.0.1:99999", "is no address such as"),
    ],
)
def test_an_address_that_is_not_valid_is_refused(server: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as found:
        make_broker(Settings(server=server), lambda: False)
    assert "s3cret-word" not in str(found.value)


def test_there_is_one_way_to_log_in(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="NATS_TOKEN and NATS_USER are set"):
        read_security({"NATS_USER": "me", "NATS_TOKEN": "x"})
    for name in ("NATS_CREDS", "NATS_NKEY", "NATS_CA", "NATS_CERT"):
        with pytest.raises(UserError, match=f"{name}: there is no file"):
            read_security({name: str(tmp_path / "missing")})
    assert read_security({}) is None


async def test_a_worker_that_cannot_start_says_why(
    train: Callable[..., Model], settings: Settings, tmp_path: Path
) -> None:
    model = train()

    async def start(**changed: Any) -> None:
        async with working(model, settings.model_copy(update=changed)):
            pass

    silent = f"nats://127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match="no NATS server answers within 1 s"):
        await start(server=silent, connect_seconds=1)
    with nats_server() as server, pytest.raises(UserError, match="has no JetStream"):
        await start(server=server.url)
    model.manifest["code"] = "1" * 64
    with pytest.raises(UserError, match=r"other prediction code \(111111111111\)"):
        make_app(lambda _: model, predict, settings, lambda: "0" * 64)


def test_a_setting_of_the_environment_that_is_not_valid_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RML_WORK_RETRY_SECONDS", "1,2.5")
    assert Settings.from_environment().retry_seconds == (1, 2.5)
    monkeypatch.setenv("RML_WORK_MAX_ROWS", "many")
    monkeypatch.setenv("RML_WORK_REQUESTS", "a.*")
    with pytest.raises(UserError, match=r"^RML_WORK_REQUESTS: ") as found:
        Settings.from_environment()
    assert "\nRML_WORK_MAX_ROWS: " in str(found.value)
