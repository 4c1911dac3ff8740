"""A real NATS server of the tests, and what its clients do."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from ..loopback import free_port

SERVER = Path(sys.executable).with_name("nats-server")


def store(folder: Path) -> list[str]:
    """Return options to keep messages in a folder, with JetStream."""
    return ["--jetstream", "--store_dir", str(folder)]


class Server:
    """A NATS server on this computer, whose messages outlive it.

    Attributes:
        url: Its address.
    """

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        address = ["--addr", "127.0.0.1", "--port", str(self.port)]
        self.command = [str(SERVER), *address, *options]

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("nats-server did not start")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


@contextmanager
def nats_server(*options: str) -> Iterator[Server]:
    """Yield a server that runs."""
    server = Server(*options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Stored(NamedTuple):
    """A message that was read."""

    headers: dict[str, str]
    data: bytes


class Queue:
    """A client that sends requests, and reads what came of them."""

    def __init__(self, connection: Client, name: str) -> None:
        self.connection = connection
        self.jetstream: JetStreamContext = connection.jetstream()
        self.name = name

    @classmethod
    async def connect(cls, url: str, name: str) -> "Queue":
        """Return a client of the subjects that begin so."""
        return cls(await nats.connect(url), name)

    async def send(
        self, body: bytes, request_id: str | None = None, kind: str | None = None
    ) -> None:
        """Send a request."""
        headers = {"Nats-Msg-Id": request_id, "content-type": kind}
        await self.jetstream.publish(
            f"{self.name}.requests",
            body,
            headers={name: value for name, value in headers.items() if value},
        )

    async def settle(self, seconds: float = 20) -> None:
        """Wait until every request was acknowledged, or became a dead letter."""
        async with asyncio.timeout(seconds):
            while await self.count("requests"):
                await asyncio.sleep(0.05)

    async def read(self, what: str) -> list[Stored]:
        """Return all messages of a subject."""
        expected = await self.count(what)
        subscription = await self.jetstream.pull_subscribe(f"{self.name}.{what}")
        found: list[Msg] = []
        while len(found) < expected:
            found += await subscription.fetch(expected - len(found), timeout=5)
        await subscription.unsubscribe()
        return [Stored(each.headers or {}, each.data) for each in found]

    async def count(self, what: str) -> int:
        """Return how many messages a subject has."""
        stream = await self.jetstream.find_stream_name_by_subject(f"{self.name}.{what}")
        info: Any = await self.jetstream.stream_info(stream)
        return int(info.state.messages)

    async def close(self) -> None:
        """End the connection."""
        await self.connection.close()
