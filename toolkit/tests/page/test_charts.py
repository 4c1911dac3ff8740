"""Charts: what is drawn, how scales end, and how the graph is arranged."""

import html
import json
import math
import re
from pathlib import Path

import pytest

from reproducible_ml.core.dependencies import StageDependencies
from reproducible_ml.page.charts import (
    BARS,
    CLASSES,
    POINTS,
    Row,
    Series,
    bar_chart,
    interval_chart,
    line_chart,
    matrix,
)
from reproducible_ml.page.figure import make_scale, tick
from reproducible_ml.page.graph import arrange, draw_graph, parents
from reproducible_ml.page.markup import Html, number, tag

LABELS = ("x", "y")


def points(figure: str) -> list[list[object]]:
    [data] = re.findall(r'data-points="([^"]*)"', figure)
    found: list[list[object]] = json.loads(html.unescape(data))
    return found


def places(figure: str) -> list[float]:
    """Return all coordinates in a picture."""
    [picture] = re.findall(r"<svg.*?</svg>", figure, flags=re.S)
    found = re.findall(r' (?:x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]*)"', picture)
    return [float(each) for each in found]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.007, 0.55], (0.0, 0.6)),
        ([3.0], (2.0, 4.0)),
        ([], (0.0, 1.0)),
        ([math.nan, -1e6, 1e6], (-1e6, 1e6)),
        ([0.0, 1e-12], (0.0, 1e-12)),
        ([5e300, 1e301], (5e300, 1e301)),
    ],
)
def test_scale_ends_at_round_numbers(
    values: list[float], ends: tuple[float, float]
) -> None:
    scale = make_scale(values, 0, 100, round_ends=True)
    assert scale[:2] == pytest.approx(ends, rel=0.5)
    assert 2 <= len(scale.ticks()) <= 12
    assert all(-1 <= scale(value) <= 101 for value in scale.ticks())


def test_points_that_are_no_numbers_are_left_out_and_many_are_thinned() -> None:
    y = [1.0, math.nan, math.inf, 2.0]
    drawn = line_chart("t", LABELS, [Series("a", [1, 2, 3, 4], y)])
    assert len(points(drawn)) == 2
    assert all(map(math.isfinite, places(drawn)))
    many = Series("a", range(4 * POINTS), range(4 * POINTS))
    assert len(points(line_chart("t", LABELS, [many], joined=False))) == POINTS
    assert "One in 4 points is drawn" in line_chart("t", LABELS, [many])
    nothing = line_chart("t", LABELS, [Series("a", [], [])])
    assert points(nothing) == []


def test_intervals_are_a_band_of_a_line_and_whiskers_of_points() -> None:
    series = Series("a", [1, 2, 3], [4, 5, 6], [3, 4, math.nan], [5, 9, math.nan])
    band = line_chart("t", LABELS, [series])
    assert band.count("<polygon") == 1
    assert points(band)[1][2] == "y: 5 (4 to 9); x: 2"
    assert points(band)[2][2] == "y: 6; x: 3"
    cloud = line_chart("t", LABELS, [series], joined=False)
    assert cloud.count('class="whisker"') == 2
    assert "<polygon" not in cloud


def test_each_line_has_a_button_that_hides_it_and_its_points() -> None:
    series = [Series("train", [1, 2], [3, 4]), Series("<b>", [1, 2], [5, 6])]
    drawn = line_chart("t", LABELS, series)
    assert re.findall(r'<button[^>]*data-series="(\d)"', drawn) == ["0", "1"]
    assert re.findall(r'<g class="series s\d" data-series="(\d)"', drawn) == ["0", "1"]
    assert [point[3] for point in points(drawn)] == [0, 0, 1, 1]
    assert points(drawn)[2][2] == "<b>: 5; x: 1"
    assert "<b>" not in drawn


def test_only_the_first_of_many_bars_are_drawn_and_all_are_in_the_table() -> None:
    rows = [Row(f"column {n}", -n / 10, -n, n) for n in range(BARS + 9)]
    drawn = bar_chart("t", "loss", rows)
    assert len(points(drawn)) == BARS
    assert f"{BARS} of {BARS + 9} are drawn" in drawn
    assert drawn.count('<th scope="row">') == BARS + 9
    none = interval_chart("t", "loss", [Row("a", None)], None)
    assert points(none) == []
    assert "<td>-</td>" in none or ">-</td>" in none


def test_matrix_of_many_classes_is_cut_in_the_picture_alone() -> None:
    names = [str(n) for n in range(CLASSES + 5)]
    counts = {(a, b): int(a) * (a == b) for a in names for b in names}
    drawn = matrix("t", LABELS, counts)
    assert len(points(drawn)) == CLASSES**2
    assert "The 20 most frequent of 25 names are drawn" in drawn
    assert drawn.count('<th scope="row">') == CLASSES + 5
    [nothing] = points(matrix("t", LABELS, {("a", "a"): 0}))
    assert nothing[2] == "y a, x a: 0 (0.0% of 0)"


def test_numbers_are_short() -> None:
    shown = [0, 0.5, 12345, 1234.5678, 1e-9, 3.2e12, None, math.nan, True, 10.0]
    assert [*map(number, shown)] == [
        *("0", "0.5000", "12,345", "1,234.6", "1.00e-09", "3.20e+12"),
        *("-", "-", "True", "10.0000"),
    ]
    steps = [(0.0, 0.2), (0.2, 0.2), (1500.0, 500.0), (1.05e-7, 5e-9), (-2e6, 1e6)]
    ticks = [tick(value, step) for value, step in steps]
    assert ticks == ["0", "0.2", "1,500", "1.05e-7", "-2e6"]
    assert [*map(tick, [0.07497, 1310.5, 2e-5])] == ["0.07497", "1,310", "2e-5"]


def test_only_html_is_not_escaped() -> None:
    assert (
        tag("p", "<b>", Html("<i>"), title='"<')
        == '<p title="&quot;&lt;">&lt;b&gt;<i></p>'
    )


def stage(deps: list[str], outs: list[str]) -> StageDependencies:
    paths = [tuple(map(Path, each)) for each in (deps, outs)]
    return StageDependencies("x", paths[0], paths[1], False, {})


def test_graph_has_each_stage_below_those_that_it_needs() -> None:
    stages = {
        "card": stage(["model", "reports/a.json"], ["card.md"]),
        "read": stage(["raw"], ["data/raw"]),
        "train": stage(["data/raw"], ["model"]),
        "score": stage(["model", "data"], ["reports"]),
        "alone": stage([], ["x"]),
    }
    before = {name: parents(name, stages) for name in stages}
    assert before["card"] == ["train", "score"]
    assert before["score"] == ["read", "train"]
    assert arrange(before) == [["read", "alone"], ["train"], ["score"], ["card"]]
    drawn = draw_graph(stages, {"read": {"desc": "<b>"}, "train": None})
    assert drawn.count('class="head"') == 5
    assert "card after train, score" in drawn
    assert draw_graph({}, {}) == ""
