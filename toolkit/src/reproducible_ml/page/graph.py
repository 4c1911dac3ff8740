"""The graph of the pipeline as SVG: stages from top to bottom, arrows between them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproducible_ml.core.dependencies import StageDependencies
from reproducible_ml.page.figure import text
from reproducible_ml.page.markup import Html, join, short, tag

BOX, GAP, HIGH, BETWEEN = 260, 20, 46, 32

# Distance between long arrows, which go round the boxes.
LANE = 14

Stages = Mapping[str, StageDependencies]
Edges = list[tuple[str, str]]


def draw_graph(stages: Stages, described: Mapping[str, Any]) -> Html:
    """Return the graph.

    Args:
        stages: Of dvc.yaml.
        described: The same, as dvc.yaml has them; for `desc`.
    """
    if not stages:
        return Html()
    before = {name: parents(name, stages) for name in stages}
    layers = arrange(before)
    edges = [(parent, name) for name, found in before.items() for parent in found]
    level = {name: place for place, layer in enumerate(layers) for name in layer}
    # The shortest of the long ones next to the boxes.
    long = sorted(
        ((level[b] - level[a], a, b) for a, b in edges if level[b] - level[a] > 1),
    )
    lanes = {(a, b): place for place, (_, a, b) in enumerate(long)}
    right = max(map(len, layers)) * (BOX + GAP)
    width = right + LANE * (len(lanes) + 1)
    places = {
        name: (
            right / 2 + (place - (len(layer) - 1) / 2) * (BOX + GAP),
            2 + number * (HIGH + BETWEEN),
        )
        for number, layer in enumerate(layers)
        for place, name in enumerate(layer)
    }
    drawn = []
    for place, (a, b) in enumerate(edges):
        lane = lanes.get((a, b))
        side = None if lane is None else right + LANE * (lane + 0.5)
        drawn.append(_edge(places[a], places[b], side, _offset(edges, place, lanes)))
    boxes = [
        _box(name, *place, str((described.get(name) or {}).get("desc", "")))
        for name, place in places.items()
    ]
    height = 4 + len(layers) * (HIGH + BETWEEN) - BETWEEN
    words = "; ".join(
        f"{name} after {', '.join(found)}" if found else f"{name} first"
        for name, found in before.items()
    )
    return tag(
        "svg",
        join(drawn),
        join(boxes),
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=f"The pipeline: {short(words, 1000)}",
        class_="graph",
    )


def parents(name: str, stages: Stages) -> list[str]:
    """Return the stages whose outputs a stage reads."""
    return [
        other
        for other, stage in stages.items()
        if other != name
        and any(
            _overlap(dep, out) for dep in stages[name].paths for out in stage.outputs
        )
    ]


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def arrange(before: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the stages in layers, each stage below all that come before it."""
    levels: dict[str, int] = {}
    # A cycle, which DVC refuses, would never end.
    for _ in before:
        for name, found in before.items():
            levels[name] = max((levels.get(one, 0) + 1 for one in found), default=0)
    last = max(levels.values())
    return [[n for n in before if levels[n] == level] for level in range(last + 1)]


def _offset(edges: Edges, place: int, lanes: Mapping[tuple[str, str], int]) -> float:
    """Return how far from the middle of its box a long arrow ends."""
    if edges[place] not in lanes:
        return 0
    name = edges[place][1]
    same = sorted(lanes[edge] for edge in lanes if edge[1] == name)
    return BOX / 2 - 16 - LANE * same.index(lanes[edges[place]])


def _box(name: str, x: float, y: float, about: str) -> Html:
    box = tag("rect", x=x - BOX / 2, y=y, width=BOX, height=HIGH, rx=7)
    title = tag("title", short(about, 200)) if about else ""
    named = tag("g", text(x, y + 20, short(name, 24), "middle"), class_="name")
    said = tag("g", text(x, y + 37, short(about, 40), "middle"), class_="about")
    return tag("g", title, box, named, said if about else "")


def _edge(
    start: tuple[float, float],
    end: tuple[float, float],
    side: float | None,
    offset: float,
) -> Html:
    """Return an arrow; a long one goes round the boxes between, at a place `side`."""
    (x1, top), (x2, y2) = start, end
    x2, y1, y2 = x2 + offset, top + HIGH, y2 - 2
    if side is None:
        middle = (y1 + y2) / 2
        path = f"M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
    else:
        out, turn = y1 - HIGH / 2, y2 - BETWEEN / 2
        path = (
            f"M{x1 + BOX / 2:g} {out:g}H{side - 6:g}Q{side:g} {out:g} {side:g}"
            f" {out + 6:g}V{turn - 6:g}Q{side:g} {turn:g} {side - 6:g} {turn:g}"
            f"H{x2 + 6:g}Q{x2:g} {turn:g} {x2:g} {turn + 6:g}V{y2:g}"
        )
    head = f"M{x2:g} {y2 + 1:g}l-4 -7h8z"
    return join([tag("path", d=path), tag("path", d=head, class_="head")])
