"""Expected errors and text that is safe to print."""

import pickle
import subprocess
import sys

import pytest

from reproducible_ml.core.errors import (
    UserError,
    first_line,
    one_line,
    printable,
    report_errors,
    use_replacement_characters,
)


def test_user_error_keeps_its_message_when_a_worker_sends_it() -> None:
    copy = pickle.loads(pickle.dumps(UserError("people.csv: is empty")))
    assert isinstance(copy, UserError)
    assert str(copy) == "people.csv: is empty"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("one\ntwo"), "error: one\nerror: two"),
        (UserError("a\x1b[31m.csv: is empty"), r"error: a\x1b[31m.csv: is empty"),
        (
            FileNotFoundError(2, "No such file", "x"),
            "error: [Errno 2] No such file: 'x'",
        ),
    ],
)
def test_expected_errors_are_printed_a_line_each(error: Exception, code: str) -> None:
    with pytest.raises(SystemExit) as caught, report_errors():
        raise error
    assert caught.value.code == code


CONVERTS = """
import atexit, threading
import pyarrow as pa
from reproducible_ml.core.errors import report_errors

atexit.register(print, "tidied")
table = pa.table({str(name): ["a", "b"] * 1000 for name in range(50)})

def convert():
    while True:
        table.to_pandas()

threading.Thread(target=convert, daemon=True).start()
with report_errors():
    table.to_pandas()
    raise KeyboardInterrupt
"""


def test_interrupt_does_not_wait_for_threads() -> None:
    for _ in range(3):
        command = [sys.executable, "-c", CONVERTS]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (130, "tidied\n"), done.stderr


# Errors of Python itself are bugs, even those that UserError could have inherited from.
@pytest.mark.parametrize("bug", [ZeroDivisionError, ValueError, RuntimeError])
def test_bugs_keep_their_traceback(bug: type[Exception]) -> None:
    assert not issubclass(UserError, bug)
    with pytest.raises(bug), report_errors():
        raise bug


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 999), "x" * 200),
    ],
)
def test_first_line_of_a_message_is_short(error: Exception, line: str) -> None:
    assert first_line(error) == line


# A file name may clear the terminal, or reverse the direction of writing.
@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Größe 日本", "Größe 日本"),
        ("a\nb\t", r"a\nb\t"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcfc", r"\udcfc"),
    ],
)
def test_text_is_printed_on_one_line_without_control_characters(
    text: str, escaped: str
) -> None:
    assert one_line(text) == escaped
    assert printable(f"{text}\nnext").endswith("\nnext")
    assert "\x1b" not in printable(text)


def test_characters_that_the_terminal_lacks_are_replaced(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(1, "w", encoding="ascii", closefd=False) as ascii_stream:
        monkeypatch.setattr(sys, "stdout", ascii_stream)
        use_replacement_characters()
        sys.stdout.write("Größe\n")
    assert capfdbinary.readouterr().out == b"Gr??e\n"
