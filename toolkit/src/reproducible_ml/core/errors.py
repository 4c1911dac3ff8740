"""Errors that users can cause and fix: one line each, without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from reproducible_ml.core.text import one_line


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
        sys.exit(130)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, at most 200 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
