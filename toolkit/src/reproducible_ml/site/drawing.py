"""Flow charts as SVG, so that no page needs a script for them."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from reproducible_ml.page.graph import arrange
from reproducible_ml.page.markup import Html, short, tag
from reproducible_ml.site.flowchart import (
    CHARACTER,
    LINE,
    Edge,
    Flowchart,
    Node,
    read_flowchart,
)

GAP, BETWEEN = 24, 30

# How often the order within the layers follows that of their neighbours.
SWEEPS = 4


class Place(NamedTuple):
    """A point, in pixels."""

    x: float
    y: float


def draw_flowchart(text: str) -> Html:
    """Return a flow chart as SVG.

    Its layers follow from the arrows (Sugiyama, Tagawa, Toda 1981). What an arrow says
    has a layer of its own, and a long arrow a place in each layer that it passes, so
    that nothing lies on anything else. Each subgraph has a band of its own.

    Raises:
        FlowchartError: As `read_flowchart`.
    """
    chart = read_flowchart(text)
    drawing = Drawing(chart)
    drawing.lay_out()
    described = "; ".join(
        f"{_words(chart, edge.start)} to {_words(chart, edge.end)}"
        + (f" ({edge.label})" if edge.label else "")
        for edge in chart.edges
        if not edge.is_hidden
    )
    alone = ", ".join(node.text for node in chart.nodes.values())
    width, height = drawing.size
    return tag(
        "svg",
        *drawing.frames(),
        *(part for edge in chart.edges for part in drawing.arrow(edge)),
        *drawing.titles(),
        *drawing.boxes(),
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=f"Diagram: {short(described or alone, 1000)}",
        class_="flowchart",
    )


def _words(chart: Flowchart, name: str) -> str:
    return " ".join(chart.nodes[name].lines)


class Drawing:
    """A flow chart with the place of each of its parts.

    Everything is computed as if arrows led down; if they lead to the right, the two
    directions are exchanged at the end.

    Args:
        chart: What is drawn.
    """

    def __init__(self, chart: Flowchart) -> None:
        self.chart = chart
        self.nodes = dict(chart.nodes)
        # The way of each arrow: from its start over its words to its end.
        self.ways: dict[Edge, list[str]] = {}
        for number, edge in enumerate(chart.edges):
            way = [edge.start, edge.end]
            if edge.label:
                name = f"words {number}"
                self.nodes[name] = Node(edge.label, self._band(edge), is_box=False)
                way.insert(1, name)
            self.ways[edge] = way
        self.layers = arrange(self._parents())
        self._pass_layers()
        self.places: dict[str, Place] = {}
        self.corners: dict[str, tuple[Place, Place]] = {}
        self.size = Place(0, 0)

    def _band(self, edge: Edge) -> str:
        """Return the subgraph that an arrow is in; none if it leads from one out."""
        nodes = self.chart.nodes
        start, end = nodes[edge.start].group, nodes[edge.end].group
        return start if start == end else ""

    def _parents(self) -> dict[str, list[str]]:
        """Return the nodes from which arrows lead to each node, but no cycles."""
        after: dict[str, list[str]] = {name: [] for name in self.nodes}

        def leads(start: str, end: str) -> bool:
            seen, waiting = {start}, [start]
            while waiting:
                new = [name for name in after[waiting.pop()] if name not in seen]
                seen.update(new)
                waiting += new
            return end in seen

        for edge, way in self.ways.items():
            if leads(edge.end, edge.start):
                way.reverse()
            if edge.start != edge.end:
                for one, other in pairwise(way):
                    after[one].append(other)
        before: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, others in after.items():
            for other in others:
                before[other].append(name)
        return before

    def _pass_layers(self) -> None:
        """Add the places at which long arrows pass layers."""
        level = {name: n for n, layer in enumerate(self.layers) for name in layer}
        for number, (edge, way) in enumerate(self.ways.items()):
            whole = way[:1]
            for one, other in pairwise(way):
                for passed in range(level[one] + 1, level[other]):
                    name = f"pass {number} {passed}"
                    self.nodes[name] = Node("", self._band(edge), is_box=False)
                    self.layers[passed].append(name)
                    whole.append(name)
                whole.append(other)
            self.ways[edge] = whole

    def _length(self, name: str) -> float:
        """Return how long a node is in the direction of the arrows."""
        node = self.nodes[name]
        return node.width if self.chart.across else node.height

    def _breadth(self, name: str) -> float:
        node = self.nodes[name]
        return node.height if self.chart.across else node.width

    def lay_out(self) -> None:
        """Compute the places."""
        middles = self._middles()
        start = GAP + LINE if self.chart.groups else 2.0
        for layer in self.layers:
            depth = max(map(self._length, layer))
            for name in layer:
                one, other = middles[name], start + depth / 2
                self.places[name] = Place(
                    *((other, one) if self.chart.across else (one, other))
                )
            start += depth + BETWEEN
        for group in self.chart.groups:
            corners = [
                Place(at.x + side * node.width / 2, at.y + side * node.height / 2)
                for name, node in self.nodes.items()
                for at in [self.places[name]]
                for side in (-1, 1)
                if node.group == group
            ]
            if corners:
                xs, ys = zip(*corners, strict=True)
                title = len(self.chart.groups[group]) * CHARACTER + 20
                left, top = min(xs) - 12, min(ys) - LINE - 10
                right = max(max(xs) + 12, left + title)
                self.corners[group] = Place(left, top), Place(right, max(ys) + 12)
        ends = [
            Place(
                self.places[name].x + node.width / 2,
                self.places[name].y + node.height / 2,
            )
            for name, node in self.nodes.items()
        ] + [corner for _, corner in self.corners.values()]
        self.size = Place(max(x for x, _ in ends) + 2, max(y for _, y in ends) + 4)

    def _middles(self) -> dict[str, float]:
        """Return the middle of each node, aside of the direction of the arrows."""
        neighbours: dict[str, list[str]] = {name: [] for name in self.nodes}
        for way in self.ways.values():
            for one, other in pairwise(way):
                neighbours[one].append(other)
                neighbours[other].append(one)
        middles: dict[str, float] = {}
        left = 2.0
        groups = [*dict.fromkeys(node.group for node in self.nodes.values())]
        if "" in groups:  # what leads from one subgraph to another lies between them
            groups.remove("")
            groups.insert(1, "")
        for group in groups:
            rows = [
                [n for n in layer if self.nodes[n].group == group]
                for layer in self.layers
            ]
            rows = [row for row in rows if row]
            margin = GAP if group else 0.0
            title = len(self.chart.groups.get(group, "")) * CHARACTER
            breadth = max([title, *map(self._row, rows)]) + 2 * margin
            middle = left + breadth / 2
            for sweep in range(SWEEPS):
                for row in rows if sweep % 2 == 0 else reversed(rows):

                    def wanted(name: str, middle: float = middle) -> float:
                        known = [middles[n] for n in neighbours[name] if n in middles]
                        return sum(known) / len(known) if known else middle

                    row.sort(key=wanted)
                    at = middle - self._row(row) / 2
                    for name in row:
                        middles[name] = at + self._breadth(name) / 2
                        at += self._breadth(name) + GAP
            left += breadth + GAP
        return middles

    def _row(self, row: list[str]) -> float:
        return sum(map(self._breadth, row)) + GAP * (len(row) - 1)

    def frames(self) -> Iterator[Html]:
        """Yield the frames of subgraphs."""
        for (left, top), (right, low) in self.corners.values():
            size = {"width": right - left, "height": low - top, "rx": 8}
            yield tag("rect", x=left, y=top, **size, class_="frame")

    def titles(self) -> Iterator[Html]:
        """Yield the titles of subgraphs, which lie above what crosses their frames."""
        for name, ((left, top), _) in self.corners.items():
            title = self.chart.groups[name]
            yield tag("text", title, x=left + 10, y=top + LINE, class_="title")

    def boxes(self) -> Iterator[Html]:
        """Yield the boxes, and the words beside arrows."""
        for name, node in self.nodes.items():
            at = self.places[name]
            left, top = at.x - node.width / 2, at.y - node.height / 2
            size = {"width": node.width, "height": node.height}
            lines = node.lines if node.text else []
            first = at.y - LINE * (len(lines) / 2 - 0.75)
            kind = "name" if node.is_box else "words"
            words = [
                tag(
                    "text",
                    line,
                    x=at.x,
                    y=first + LINE * n,
                    class_=kind,
                    text_anchor="middle",
                )
                for n, line in enumerate(lines)
            ]
            if node.is_box or words:
                radius = node.height / 2 if node.is_round else 6
                shape = "box" if node.is_box else "behind"
                box = tag("rect", x=left, y=top, **size, rx=radius, class_=shape)
                yield tag("g", box, *words)

    def arrow(self, edge: Edge) -> Iterator[Html]:
        """Yield the line of an arrow, and its heads."""
        if edge.is_hidden or edge.start == edge.end:
            return
        way = self.ways[edge]
        path = ""
        ends = []
        for number, (one, other) in enumerate(pairwise(way)):
            start, end = self._side(one, 1), self._side(other, -1)
            half = (start.x + end.x) / 2, (start.y + end.y) / 2
            if self.chart.across:
                curve = f"C{half[0]:g} {start.y:g} {half[0]:g} {end.y:g}"
            else:
                curve = f"C{start.x:g} {half[1]:g} {end.x:g} {half[1]:g}"
            begin = f"{'L' if number else 'M'}{start.x:g} {start.y:g}"
            path += f"{begin}{curve} {end.x:g} {end.y:g}"
            ends += [start, end]
        dotted = " dotted" if edge.is_dotted else ""
        yield tag("path", d=path, class_=f"edge{dotted}")
        turned = way[0] != edge.start
        first, last = edge.has_tail, edge.has_head
        if last if turned else first:
            yield _head(ends[0], 180 if self.chart.across else 270)
        if first if turned else last:
            yield _head(ends[-1], 0 if self.chart.across else 90)

    def _side(self, name: str, sign: int) -> Place:
        """Return the middle of the side of a node that an arrow leaves or meets."""
        at, length = self.places[name], self._length(name) / 2
        if self.chart.across:
            return Place(at.x + sign * length, at.y)
        return Place(at.x, at.y + sign * length)


def _head(at: Place, angle: float) -> Html:
    turned = f"translate({at.x:g} {at.y:g}) rotate({angle:g})"
    return tag("path", d="M0 0l-9 -4.5v9z", transform=turned, class_="head")
