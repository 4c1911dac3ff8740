"""Text from users and files, made safe to print."""

import io
import sys


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
