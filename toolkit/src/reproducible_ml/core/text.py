"""Text that people wrote, made safe to print."""

import io
import sys


def one_line(text: str) -> str:
    """Return text on one line, without control or bidirectional characters."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """Return text without control characters; its line ends stay."""
    return "\n".join(map(one_line, text.split("\n")))


def use_replacement_characters() -> None:
    """Let output hold characters that the terminal may not be able to show.

    Call it first: DVC puts another kind of stream in the place of sys.stdout.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
