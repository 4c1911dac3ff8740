"""Tests of reproducible_ml.tracking.server: a line for each."""

import socket
import ssl

import pytest

from reproducible_ml.tracking.server import (
    AddressError,
    AnswerError,
    LateError,
    NoAddressError,
    explain,
    without_password,
)

URI = "http://user:s3cret@host:5000"


class Coded(Exception):
    """An error that MLflow makes of an answer."""

    def __init__(self, code: str, words: str = "words") -> None:
        super().__init__(words)
        self.error_code = code


def caused(last: Exception) -> Exception:
    """Return an error as MLflow wraps it."""
    error = Coded("INTERNAL_ERROR", f"API request to {URI}/api failed")
    error.__context__ = last
    return error


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        (ModuleNotFoundError(name="mlflow"), "package mlflow", "Run `make setup`"),
        (AddressError(), "no address", "http://127.0.0.1:5000"),
        (AnswerError("nothing"), "nothing", "address of an MLflow server"),
        (LateError(), "in time", "MLFLOW_HTTP_REQUEST_TIMEOUT=60"),
        (caused(TimeoutError()), "in time", "MLFLOW_HTTP_REQUEST_TIMEOUT=60"),
        (caused(ConnectionRefusedError(111, "refused")), "(refused)", "Start the"),
        (caused(socket.gaierror(-2, "x")), "no such host", "MLFLOW_TRACKING_URI"),
        (caused(ssl.SSLError()), "no secure connection", "CERT_PATH"),
        (caused(Exception("too many 503 error responses")), "(503)", "log"),
        (Coded("UNAUTHENTICATED"), "(401)", "MLFLOW_TRACKING_PASSWORD"),
        (Coded("PERMISSION_DENIED"), "(403): words", "Ask"),
        (Coded("X", "<p>\n\x1b[2J" + "a" * 999), "<p> [2Jaaa", "MLflow server"),
        (caused(ValueError()), "API request to http://host:5000/api", "MLflow server"),
    ],
)
def test_trouble_is_one_line_with_place_and_remedy(
    error: Exception, what: str, remedy: str
) -> None:
    line = explain(error, URI)
    assert line.startswith("not logged to MLflow at http://host:5000: ")
    assert what in line
    assert remedy in line
    assert line.isprintable()
    assert len(line) < 450
    assert "s3cret" not in line


def test_variable_that_is_not_set_is_named() -> None:
    line = explain(NoAddressError(), "")
    assert line.startswith("not logged to MLflow: MLFLOW_TRACKING_URI is not set. Let")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://host:5000/a", "http://host:5000/a"),
        ("https://user:s3@c/ret@host", "https://host"),
        ("user:s3cret@host:5000", "host:5000"),
        ("file:///a b", "file:///a b"),
    ],
)
def test_password_is_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
