"""Mistakes a user can make and mend, told in a line each."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Says what is wrong, where, and how to mend it; needs no traceback."""


@contextmanager
def told_errors() -> Iterator[None]:
    """Tell expected errors in a line each and exit with 1; with 130 on Ctrl-C.

    Bad input and a full disk are no bugs: their message is enough. Anything else is
    one, and keeps its traceback.
    """
    try:
        yield
    except (UserError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        sys.exit(130)
