"""Tests of reproducible_ml.report.markdown."""

import pytest
from rich.text import Text

from reproducible_ml.report.markdown import show_in_terminal


def test_markdown_is_drawn_and_the_ending_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_in_terminal("**bold**", "**plain**\n")
    lines = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in lines] == ["bold", "", "**plain**"]


def test_what_rich_can_draw_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    show_in_terminal(Text("[bold]text"))
    assert capsys.readouterr().out == "[bold]text\n\n"
