"""The connection to a NATS server: address, credentials and TLS.

Credentials come from variables of the environment, named as those of the command
`nats`, or from files that these name: they are neither typed nor logged.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from faststream.nats import NatsBroker
from faststream.nats.security import (
    NatsCredentials,
    NatsNKey,
    NatsSecurity,
    NatsToken,
    NatsUserPassword,
)
from nats.aio.client import Client

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.serving.logs import LOGGER, log_event
from reproducible_ml.serving.worker.settings import Settings

SCHEMES = ("nats", "tls", "ws", "wss")


def make_broker(settings: Settings, is_ending: Callable[[], bool]) -> NatsBroker:
    """Return a broker that is not connected yet.

    Args:
        settings: Of the worker.
        is_ending: Whether a lost connection is as it should be.

    Raises:
        UserError: An address or a credential is not valid.
    """
    servers = [_checked(server) for server in settings.server.split(",")]

    async def lost() -> None:
        if not is_ending():
            log_event("connection lost", logging.WARNING)

    async def restored() -> None:
        log_event("connection restored")

    async def failed(error: Exception) -> None:
        log_event("connection", logging.WARNING, problem=first_line(error))

    # Its lines on each message and task say less than those of the worker.
    logger = LOGGER.getChild("broker")
    logger.setLevel(logging.WARNING)
    return NatsBroker(
        servers,
        security=read_security(os.environ),
        name=settings.name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=settings.connect_seconds,
        error_cb=failed,
        disconnected_cb=lost,
        reconnected_cb=restored,
        graceful_timeout=settings.stop_seconds or None,
        logger=logger,
    )


async def connect(broker: NatsBroker, settings: Settings) -> Client:
    """Connect a broker.

    Raises:
        UserError: No server answers, or it refuses the credentials.
    """
    try:
        async with asyncio.timeout(settings.connect_seconds):
            client = await broker.connect()
    except TimeoutError:
        raise UserError(
            f"{settings.server}: no NATS server answers within"
            f" {settings.connect_seconds} s. Fix: start one, or give its address:"
            " --server"
        ) from None
    except Exception as error:
        raise UserError(f"{settings.server}: {first_line(error)}") from error
    log_event("connected", server=settings.server)
    return client


def _checked(server: str) -> str:
    server = server.strip()
    try:
        parts = urlsplit(server)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        parts, host = urlsplit(""), None
    if "@" in server:
        # Not repeated: it has a password.
        raise UserError(
            "--server: the address must not have a user or password. Fix: set"
            " NATS_USER and NATS_PASSWORD"
        )
    if parts.scheme not in SCHEMES or not host:
        raise UserError(
            f"--server: {server!r:.100} is no address such as nats://127.0.0.1:4222"
        )
    return server


def read_security(variables: Mapping[str, str]) -> NatsSecurity | None:
    """Return how to log in, by variables of the environment; None if there are none.

    NATS_CREDS and NATS_NKEY are files; NATS_TOKEN; NATS_USER and NATS_PASSWORD.
    NATS_CA, NATS_CERT and NATS_KEY are files for TLS.

    Raises:
        UserError: A file is missing, or more than one way is given.
    """
    values = {name: variables.get(f"NATS_{name}") for name in LOGINS}
    given = [name for name, value in values.items() if value]
    if len(given) > 1:
        names = " and ".join(f"NATS_{name}" for name in given)
        raise UserError(f"{names} are set, which are several ways to log in")
    tls: dict[str, Any] = {"ssl_context": _tls_context(variables)}
    if not given:
        return NatsSecurity(**tls) if tls["ssl_context"] else None
    name = given[0]
    value = str(values[name])
    if name == "TOKEN":
        return NatsToken(value, **tls)
    if name == "USER":
        return NatsUserPassword(value, variables.get("NATS_PASSWORD", ""), **tls)
    file = _file(f"NATS_{name}", value)
    if name == "CREDS":
        return NatsCredentials.from_file(file, **tls)
    return NatsNKey.from_file(file, **tls)


LOGINS = ("CREDS", "NKEY", "TOKEN", "USER")


def _tls_context(variables: Mapping[str, str]) -> ssl.SSLContext | None:
    authority, certificate = variables.get("NATS_CA"), variables.get("NATS_CERT")
    if not authority and not certificate:
        return None
    try:
        context = ssl.create_default_context(
            cafile=_file("NATS_CA", authority) if authority else None
        )
        if certificate:
            key = variables.get("NATS_KEY")
            context.load_cert_chain(
                _file("NATS_CERT", certificate), _file("NATS_KEY", key) if key else None
            )
    except ssl.SSLError as error:
        raise UserError(f"NATS_CA, NATS_CERT, NATS_KEY: {error.reason}") from error
    return context


def _file(variable: str, path: str) -> str:
    if not os.path.isfile(path):  # noqa: PTH113 (NATS takes texts)
        raise UserError(f"{variable}: there is no file {path}")
    return path
