"""What all commands about experiments have in common."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from reproducible_ml.errors import UserError
from reproducible_ml.review.terminal import print_whatever_it_is


@contextmanager
def told_errors() -> Iterator[None]:
    """Tell expected errors in a line each and exit with 1; with 130 on Ctrl-C."""
    print_whatever_it_is()
    try:
        yield
    except (UserError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        sys.exit(130)
