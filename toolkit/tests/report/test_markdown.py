"""Text of strangers in Markdown, its look in a terminal, and mermaid diagrams."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.table import Table
from rich.text import Text

from reproducible_ml.report.markdown import (
    BYTES,
    POINTS,
    SHOWN,
    WIDTH,
    Axis,
    bullets,
    chart,
    clean_graph,
    code,
    decimals,
    details,
    exact_axis,
    fence,
    listed,
    padded_axis,
    pipeline_graph,
    show_in_terminal,
    table,
)

from .conftest import PIPELINE, Repository

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

NUMBER = re.compile(r"-?\d+(\.\d+)?")

floats = st.floats(allow_nan=True, allow_infinity=True)


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


def numbers(text: str) -> list[list[str]]:
    """Return the numbers of each line of a chart."""
    return [line.split(", ") for line in re.findall(r"^  line \[(.*)\]$", text, re.M)]


@given(st.lists(floats, min_size=2, max_size=POINTS), st.lists(floats, max_size=3))
def test_chart_of_any_numbers_has_numbers_that_mermaid_reads(
    values: list[float], others: list[float]
) -> None:
    lines = [np.array(values), np.array(others)]
    y = padded_axis("y", lines)
    x = padded_axis("x", [lines[1]])
    shown = {"a": ("grey", lines[0]), "b": ("orange", lines[0])}
    text = chart("Title", x, y, shown)
    found = numbers(text)
    assert [len(line) for line in found] == [len(values)] * 2
    assert all(NUMBER.fullmatch(number) for line in found for number in line)
    ends = re.findall(r'axis "[xy][^"]*" (\S+) --> (\S+)$', text, re.M)
    assert len(ends) == 2
    assert all(NUMBER.fullmatch(end) for pair in ends for end in pair)
    assert all(float(low) < float(high) for low, high in ends)


def test_chart_has_a_key_and_a_colour_for_each_line() -> None:
    y = Axis("y", 0, 1)
    shown = {"base": ("grey", np.ones(2)), "now": ("orange", np.zeros(2))}
    text = chart("Title", Axis("x", 0, 1), y, shown)
    assert text.splitlines()[:3] == [
        "```mermaid",
        '%%{init: {"xyChart": {"width": 640, "height": 320}, "themeVariables":'
        ' {"xyChart": {"backgroundColor": "transparent", "plotColorPalette":'
        ' "#8c959f, #e8590c"}}}}%%',
        "xychart-beta",
    ]
    assert text.endswith("```\n\nTitle. Colours: grey: base, orange: now.")
    assert numbers(text) == [["1.000", "1.000"], ["0.000", "0.000"]]


@pytest.mark.parametrize(
    ("low", "high", "value", "expected"),
    [
        (0, 1, -0.0, "0.000"),
        (0, 1e-7, 1e-8, "0.0000000100"),
        (0, 1e9, 123456789.123, "123456789"),
        (-5, 5, -1 / 3, "-0.33"),
    ],
)
def test_numbers_have_the_decimals_that_the_axis_needs(
    low: float, high: float, value: float, expected: str
) -> None:
    assert decimals([value], Axis("x", low, high)) == [expected]


@pytest.mark.parametrize(
    ("high", "words", "end"),
    [
        (5e9, "x, in units of 10^9", "5.000"),
        (2e5, "x, in units of 10^3", "200.0"),
        (4e-7, "x, in units of 10^-9", "400.0"),
        (99999, "x", "99999"),
        (0.001, "x", "0.001000"),
    ],
)
def test_labels_are_short_enough_to_stand_side_by_side(
    high: float, words: str, end: str
) -> None:
    axis = Axis("x", 0, high)
    text = chart("T", axis, axis, {"now": ("grey", np.array([0.0, high, np.nan]))})
    assert re.search(f'^  x-axis "{re.escape(words)}" 0[.0]* --> {end}$', text, re.M)
    [line] = numbers(text)
    assert [float(number) for number in line] == [0, float(end), 0]


@pytest.mark.parametrize("count", [20, 21])
def test_many_whole_numbers_are_not_all_written_below_the_axis(count: int) -> None:
    x = Axis("class", 1, count, whole=True)
    text = chart("T", x, Axis("y", 0, 1), {"now": ("grey", np.zeros(count))})
    [axis] = re.findall('^  x-axis "class" (.*)$', text, re.M)
    assert axis.startswith("1.00 --> 21.00" if count > 20 else '["1", "2", ')
    assert axis.count('"') == (0 if count > 20 else 2 * count)


def test_axis_has_room_and_round_ends() -> None:
    assert padded_axis("y", [np.array([0.93, 0.98])], step=0.1)[1:3] == (0.9, 1.0)
    assert padded_axis("y", [np.array([12.0, 87.0])])[1:3] == (10, 90)
    assert padded_axis("y", [np.array([np.nan])])[1:3] == (0, 1)
    low, high = padded_axis("y", [np.array([5.0, 5.0])])[1:3]
    assert low <= 5 <= high
    assert low < high


def test_exact_axis_ends_at_the_values_and_is_never_empty() -> None:
    values = [np.array([3.0, np.nan]), np.array([1.5, np.inf])]
    assert exact_axis("x", values)[1:3] == (1.5, 3)
    assert exact_axis("x", [np.array([0.0])])[2] > 0


@pytest.mark.integration
def test_pipeline_is_drawn_and_folded(pipeline: Repository) -> None:
    text = pipeline_graph(pipeline.root)
    assert text.startswith("<details><summary>The pipeline</summary>\n\n```mermaid\n")
    assert '  node1["evaluate"]\n  node2["split"]\n  node2-->node1\n```' in text


def test_names_of_stages_cannot_act_as_mermaid() -> None:
    drawn = (
        'flowchart TD\n\tnode1["a"];"] click `x` <b> @y.dvc"]\n\tnode1-->node2\nclick x'
    )
    assert clean_graph(drawn) == [
        '  node1["a_____ click _x_ _b_ _y.dvc"]',
        "  node1-->node2",
    ]


@pytest.mark.integration
def test_large_pipeline_is_cut(pipeline: Repository) -> None:
    many = "".join(f"  stage{i:03}:\n    cmd: x\n" for i in range(200))
    pipeline.write("dvc.yaml", PIPELINE + many)
    text = pipeline_graph(pipeline.root)
    assert text.count("\n  node") == SHOWN
    assert "… and 53 more nodes and edges" in text


@pytest.mark.integration
def test_pipeline_that_cannot_be_read_is_no_error(pipeline: Repository) -> None:
    pipeline.write("dvc.yaml", "stages: [")
    assert "`dvc dag` failed" in pipeline_graph(pipeline.root)
