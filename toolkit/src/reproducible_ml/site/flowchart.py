"""Flow charts in mermaid's notation.

What is read: `flowchart` or `graph` with a direction, nodes in their usual shapes,
edges with labels, chains and `&`, and subgraphs. Styles are ignored. Other diagrams,
as sequences, are not drawn: the page then shows their text.
"""

import re
import textwrap
from dataclasses import dataclass, field
from typing import NamedTuple

from reproducible_ml.page.markup import short

START = re.compile(r"(?:flowchart|graph)(?:\s+(TB|TD|BT|LR|RL))?\s*;?$")
IGNORED = re.compile(r"(?:%%|classDef|class|style|linkStyle|click|direction)\b|%%")
SUBGRAPH = re.compile(r"subgraph\s+(?:([\w-]+)\s*\[(.*)\]|\"(.*)\"|(.*))$")

# Brackets of shapes, the longest first.
SHAPES = (
    ("(((", ")))"), ("([", "])"), ("[[", "]]"), ("[(", ")]"), ("((", "))"),
    ("{{", "}}"), ("[/", "/]"), ("[\\", "\\]"), ("[", "]"), ("(", ")"), ("{", "}"),
    (">", "]"),
)  # fmt: skip
ROUND = ("(", "((", "(((", "([")
NAME = re.compile(r"[^\W_][\w.]*(?:-(?![-.>])[\w.]+)*|_\w+")
# Two dashes and what is between and around them: <-- text -->, -.->, ==>, --x, ~~~.
EDGE = re.compile(
    r"\s*(?P<back>[<xo]?)(?:"
    r"(?P<begin>--|==|-\.)(?![xo]\s)\s*(?P<words>[^-<>=.|\s](?:[^|]*?\S)?)\s*"
    r"(?:--+|==+|\.+-)(?P<end>[>xo]?)"
    r"|(?P<line>-\.+-|--+|==+|~~~+)(?P<head>[>xo]?)"
    r")\s*(?:\|(?P<label>[^|]*)\|)?\s*"
)

WIDE = 26  # characters of a line in a box
CHARACTER, LINE = 7.4, 18  # size of text in pixels
PAD = 14


class FlowchartError(Exception):
    """The text is no flow chart that can be drawn; the message says why."""


@dataclass
class Node:
    """A box; or words beside an arrow, or the place where a long arrow passes."""

    text: str
    group: str = ""
    is_round: bool = False
    is_box: bool = True

    @property
    def lines(self) -> list[str]:
        """What stands in it."""
        parts = re.split(r"<br\s*/?>|\\n|\n", self.text)
        return [line for part in parts for line in textwrap.wrap(part, WIDE) or [""]]

    @property
    def width(self) -> float:
        """Its width in pixels."""
        pad = PAD if self.is_box else 4
        return max(map(len, self.lines)) * CHARACTER + 2 * pad

    @property
    def height(self) -> float:
        """Its height in pixels."""
        return len(self.lines) * LINE + (2 * 9 if self.is_box else 0)


class Edge(NamedTuple):
    """An arrow."""

    start: str
    end: str
    label: str = ""
    is_dotted: bool = False
    has_head: bool = True
    has_tail: bool = False
    is_hidden: bool = False


@dataclass
class Flowchart:
    """What a text of mermaid describes."""

    across: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)


def read_flowchart(text: str) -> Flowchart:
    """Return the flow chart that a text describes.

    Raises:
        FlowchartError: It is another kind of diagram, or a line cannot be read.
    """
    lines = [line.strip().rstrip(";").strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not IGNORED.match(line)]
    start = START.match(lines[0]) if lines else None
    if not start:
        kind = lines[0].split()[0] if lines else "nothing"
        raise FlowchartError(f'"{short(kind)}" is no flow chart')
    chart = Flowchart(across=start[1] in ("LR", "RL"))
    inside: list[str] = []
    for line in lines[1:]:
        if found := SUBGRAPH.match(line):
            name = found[1] or found[3] or found[4].strip()
            title = found[2] or found[3] or found[4]
            chart.groups[name] = _unquoted(title)
            inside.append(name)
        elif line == "end" and inside:
            inside.pop()
        else:
            _read_chain(chart, line, inside[0] if inside else "")
    if not chart.nodes:
        raise FlowchartError("it has no boxes")
    return chart


def _read_chain(chart: Flowchart, line: str, group: str) -> None:
    """Read `a --> b & c --> d`."""
    before, place = _read_nodes(chart, line, 0, group)
    while place < len(line):
        edge = EDGE.match(line, place)
        if not edge:
            raise FlowchartError(f'"{short(line[place:], 40)}" cannot be read')
        after, place = _read_nodes(chart, line, edge.end(), group)
        kind = edge["line"] or edge["begin"]
        chart.edges += [
            Edge(
                start=one,
                end=other,
                label=_unquoted(edge["label"] or edge["words"] or ""),
                is_dotted="." in kind,
                has_head=bool(edge["head"] or edge["end"]),
                has_tail=bool(edge["back"]),
                is_hidden="~" in kind,
            )
            for one in before
            for other in after
        ]
        before = after


def _read_nodes(
    chart: Flowchart, line: str, place: int, group: str
) -> tuple[list[str], int]:
    names = []
    while True:
        found = NAME.match(line, place)
        if not found:
            raise FlowchartError(f'"{short(line[place:], 40)}" cannot be read')
        name, place = found.group(), found.end()
        if name in chart.groups:
            raise FlowchartError(f'an arrow leads to the subgraph "{short(name)}"')
        node = chart.nodes.setdefault(name, Node(name, group))
        node.group = node.group or group
        for opening, closing in SHAPES:
            if line.startswith(opening, place):
                start = place + len(opening)
                quoted = re.compile(r'\s*"([^"]*)"\s*' + re.escape(closing))
                if shown := quoted.match(line, start):
                    node.text, place = shown[1], shown.end()
                else:
                    end = line.find(closing, start)
                    if end < 0:
                        raise FlowchartError(f'"{closing}" is missing: {short(line)}')
                    node.text, place = line[start:end].strip(), end + len(closing)
                node.is_round = opening in ROUND
                break
        if style := re.compile(r":::[\w-]+").match(line, place):
            place = style.end()
        names.append(name)
        more = re.compile(r"\s*&\s*").match(line, place)
        if not more:
            return names, place
        place = more.end()


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
