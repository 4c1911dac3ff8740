"""Why a result is not on the server: what, where, and how to mend it, in a line."""

import re
import socket
import ssl
from collections.abc import Iterator

# How much of a server's own words is shown.
SHOWN = 200

VARIABLE = "MLFLOW_TRACKING_URI"


class NoAddressError(Exception):
    """Nobody said where the server is."""


class AddressError(Exception):
    """MLflow has no way to such an address."""


class AnswerError(Exception):
    """What answers is no MLflow server."""


class LateError(Exception):
    """The server answers, but too slowly."""


def explain(error: BaseException, uri: str) -> str:
    """Return a line for an error, without the password that the address may hold."""
    what, remedy = _reason(list(_causes(error)))
    address = without_password(uri)
    where = f" at {address}" if uri else ""
    line = f"not logged to MLflow{where}: {what.replace(uri, address)}. {remedy}"
    return "".join(filter(str.isprintable, " ".join(line.split())))


def without_password(address: str) -> str:
    """Return an address without user and password, also if it is written wrongly."""
    return re.sub(r"^([\w+.-]+://)?.*@", r"\1", address)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, as MLflow wraps what it meets."""
    while error:
        yield error
        # The context comes first: it leads down to what the network said.
        error = error.__context__ or error.__cause__


def _reason(causes: list[BaseException]) -> tuple[str, str]:
    """Return what is wrong, and what to do."""
    first, last = causes[0], causes[-1]
    return _here(first) or _unreachable(last) or _refused(first, last)


def _here(error: BaseException) -> tuple[str, str] | None:
    """Return what is wrong on this side, or None if nothing is."""
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name} is not installed", "Run `make setup`."
    if isinstance(error, NoAddressError):
        return (
            f"{VARIABLE} is not set",
            "Let it name your server, as http://127.0.0.1:5000.",
        )
    if isinstance(error, AddressError) or "InvalidUrl" in type(error).__name__:
        return (
            "this is no address of a server",
            f"Let {VARIABLE} name one, as http://127.0.0.1:5000.",
        )
    return None


def _unreachable(error: BaseException) -> tuple[str, str] | None:
    """Return why there is no answer, or None if there was one."""
    if isinstance(error, LateError | TimeoutError):
        return (
            "it did not answer in time",
            "Try again later, or wait longer: MLFLOW_HTTP_REQUEST_TIMEOUT=60 seconds.",
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"no secure connection ({error})",
            "Does it speak https? MLFLOW_TRACKING_SERVER_CERT_PATH names the file of"
            " an own certificate authority.",
        )
    if isinstance(error, socket.gaierror):
        return "no such host name is known", f"Correct {VARIABLE}."
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return (
            f"it cannot be reached ({reason})",
            f"Start the server, or correct {VARIABLE}.",
        )
    return None


def _refused(first: BaseException, last: BaseException) -> tuple[str, str]:
    """Return why the server did not do what it was asked for."""
    code = getattr(first, "error_code", "")
    words = str(first)[:SHOWN]
    if code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return (
            "it does not know you (401)",
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or"
            " MLFLOW_TRACKING_TOKEN.",
        )
    if code == "PERMISSION_DENIED":
        return (
            f"it refuses (403): {words}",
            "Ask who runs it whether you may write to this experiment.",
        )
    if failed := re.fullmatch("too many (.*) error responses", str(last)):
        return f"it fails ({failed[1]})", "See its log, or try again later."
    return (
        f"unexpected answer: {words}",
        f"Is {VARIABLE} the address of an MLflow server,"
        " and MLFLOW_EXPERIMENT_NAME that of an experiment?",
    )
