"""Tests of reproducible_ml.report.markdown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reproducible_ml.report.markdown import (
    BYTES,
    WIDTH,
    bullets,
    code,
    details,
    fence,
    listed,
    plain,
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
def test_text_of_people_is_code_and_nothing_else(text: str) -> None:
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
def test_no_line_closes_a_block(text: str) -> None:
    assert parse(f"{fence(text, 'diff')}\n\nafter") == [
        *["fence", "paragraph_open", "inline", "text", "paragraph_close"]
    ]


def test_code_is_short_and_never_empty() -> None:
    assert code("x" * 1000) == f"`{'x' * (WIDTH - 1)}…`"
    assert code("  ") == "(empty)"
    assert code("") == "(empty)"
    assert code(0.5) == "`0.5`"


def test_plain_text_commands_no_terminal() -> None:
    assert plain("a\x1b[2J\u202eb\nc") == "a\\x1b[2J\\u202eb\\nc"
    assert plain("größer, 大きい") == "größer, 大きい"


def test_long_lists_say_how_many_more_there_are() -> None:
    assert listed("abc") == "`a`, `b`, `c`"
    assert listed("abcdefg") == "`a`, `b`, `c`, `d`, `e` and 2 more"
    assert bullets(["x"] * 100).splitlines()[-1] == "- … and 40 more"
    assert fence("\n".join(["x"] * 100)).splitlines()[-2] == "… and 40 more"


def test_long_table_is_cut_by_size_and_says_so() -> None:
    text = table(["a", "b"], [[code("ü" * 60), code("ü" * 60)]] * 50)
    assert len(text.encode()) < BYTES + 200
    shown = text.count("\n") - 3
    assert text.splitlines()[-2:] == ["", f"… and {50 - shown} more"]


def test_columns_of_numbers_align_to_the_right() -> None:
    text = table(["a", "b", "c"], [["x", "1.0", "-0.1 to +2.0"], ["y", "-", "-"]])
    assert text.splitlines()[1] == "| :-- | --: | --: |"


def test_details_are_folded() -> None:
    text = details("More", "text")
    assert re.fullmatch(r"<details><summary>More</summary>\n\ntext\n\n</details>", text)
