"""Errors that users can cause and fix, and text that is safe to print.

An error is a line each, without a traceback.
"""

import atexit
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn


def one_line(text: str) -> str:
    """Return text on one line: control and bidirectional characters are escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """Return text with control characters escaped, except line ends."""
    return "\n".join(map(one_line, text.split("\n")))


def use_replacement_characters() -> None:
    """Replace characters that the terminal cannot show, instead of failing.

    Call it before DVC is imported, which replaces sys.stdout by its own stream.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


class UserError(Exception):
    """An error whose message says where it is, what it is and how to fix it."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Print expected errors, a line each, and exit with 1; exit with 130 on Ctrl-C.

    `UserError` and `OSError` are expected: for invalid input or a full disk, the
    message is enough. Any other exception is a bug and keeps its traceback.
    """
    try:
        yield
    except (UserError, OSError) as error:
        lines = [f"error: {one_line(line)}" for line in str(error).splitlines()]
        sys.exit("\n".join(lines))
    except KeyboardInterrupt:
        end_interrupted()


def end_interrupted() -> NoReturn:
    """End the process after Ctrl-C, with exit code 130, once the stack is unwound.

    Python's own end does not do: a thread that still converts a table needs the
    interpreter, which is gone, and Arrow would wait for that thread forever.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(130)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, at most 200 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
