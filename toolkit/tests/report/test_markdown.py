"""Markdown that holds text of strangers, and how it is shown in a terminal."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.table import Table
from rich.text import Text

from reproducible_ml.report.markdown import (
    BYTES,
    WIDTH,
    bullets,
    code,
    details,
    fence,
    listed,
    show_in_terminal,
    table,
)

NASTY = [
    "@octocat",
    "#1 and octocat/hello#2",
    "[x](https://example.org)",
    "![x](https://example.org/x.png)",
    "https://example.org www.example.org a@example.org",
    "<script>alert(1)</script><img src=x onerror=y>",
    "<!-- hidden",
    "a|b\\|c",
    "`` ` ```",
    "*bold* _it_ ~~x~~ # head",
    "line\n\n# next\r\n| x |",
    "</details>",
    "\u202eright to left\u0000\x1b[31m",
]


def parse(text: str) -> list[str]:
    """Return the kinds of all elements that Markdown as on GitHub is made of."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    kinds = []
    for token in reader.parse(text):
        kinds.append(token.type)
        kinds += [child.type for child in token.children or ()]
    return kinds


@pytest.mark.parametrize("text", NASTY)
def test_text_of_users_is_code_and_nothing_else(text: str) -> None:
    assert parse(f"Before {code(text)} after.") == [
        *["paragraph_open", "inline"],
        *["text", "code_inline", "text", "paragraph_close"],
    ]


@given(st.text(max_size=80))
def test_any_text_in_a_cell_leaves_the_table_whole(text: str) -> None:
    kinds = parse(table(["a", "b"], [[code(text), "1"], ["x", code(text)]]))
    assert kinds.count("td_open") == 4
    assert not {"html_inline", "html_block", "link_open", "image"} & {*kinds}


@given(st.text(alphabet=st.sampled_from("`~a\n \t<"), max_size=200))
def test_no_line_ends_a_code_block(text: str) -> None:
    assert parse(f"{fence(text, 'diff')}\n\nafter") == [
        *["fence", "paragraph_open", "inline", "text", "paragraph_close"]
    ]


def test_code_is_short_and_never_empty() -> None:
    assert code("x" * 1000) == f"`{'x' * (WIDTH - 1)}…`"
    assert code("  ") == code("") == "(empty)"
    assert code(0.5) == "`0.5`"


def test_long_text_is_cut_with_the_number_of_what_is_left_out() -> None:
    assert listed("abc") == "`a`, `b`, `c`"
    assert listed("abcdefg") == "`a`, `b`, `c`, `d`, `e` and 2 more"
    assert bullets(["x"] * 100).splitlines()[-1] == "- … and 40 more"
    assert fence("\n".join(["x"] * 100)).splitlines()[-2] == "… and 40 more"
    text = table(["a", "b"], [[code("ü" * 60), code("ü" * 60)]] * 50)
    assert len(text.encode()) < BYTES + 200
    shown = text.count("\n") - 3
    assert text.splitlines()[-2:] == ["", f"… and {50 - shown} more"]


def test_columns_of_numbers_are_right_aligned() -> None:
    text = table(["a", "b", "c"], [["x", "1.0", "-0.1 to +2.0"], ["y", "-", "-"]])
    assert text.splitlines()[1] == "| :-- | --: | --: |"


def test_details_are_folded() -> None:
    text = details("More", "text")
    assert re.fullmatch(r"<details><summary>More</summary>\n\ntext\n\n</details>", text)


def test_markdown_is_drawn_and_the_ending_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_in_terminal("**bold**", "**plain**\n")
    assert capsys.readouterr().out == "bold\n\n**plain**\n"
    show_in_terminal(Text("[bold]text"))
    assert capsys.readouterr().out == "[bold]text\n\n"


def test_piped_table_is_neither_cut_nor_padded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = Table(box=None, pad_edge=False)
    for title in ("name", "note"):
        drawn.add_column(title)
    drawn.add_row("x" * 200, "y" * 200)
    show_in_terminal(drawn)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["x" * 200, "y" * 200]
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("ending", ["", " | true"])
def test_closed_pipe_or_poor_encoding_is_not_a_failure(ending: str) -> None:
    program = (
        "from reproducible_ml.core.errors import use_replacement_characters as r;"
        "from reproducible_ml.report.markdown import show_in_terminal as s;"
        "r(); s('Größe ↑ ' * 99999)"
    )
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -c "{program}"{ending}'],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ("Gr" in done.stdout) == (ending == "")
