"""Print for people, in a terminal or in a log."""

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_whatever_it_is() -> None:
    """Let output hold arrows and names that the terminal may not be able to show.

    Call it first: DVC puts another kind of stream in the place of sys.stdout.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def show_in_terminal(shown: "RenderableType", ending: str = "") -> None:
    """Print Markdown, or what rich can draw, and a plain ending.

    It is as wide as the terminal, or as a log in CI allows.
    """
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=None if sys.stdout.isatty() else 120)
    with console.capture() as captured:
        console.print(Markdown(shown) if isinstance(shown, str) else shown)
    try:
        sys.stdout.write(f"{captured.get()}\n{ending}")
        sys.stdout.flush()
    except BrokenPipeError:
        # As in `make report | head`. Python would write again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
