"""Flow charts: what is read of mermaid's notation, and where it is drawn."""

import itertools
import xml.etree.ElementTree as ET

import pytest

from reproducible_ml.site.drawing import Drawing, draw_flowchart
from reproducible_ml.site.flowchart import Edge, FlowchartError, read_flowchart

CHART = """
flowchart TD
  %% a comment
  own(["rml data: your own table"]) -. replaces .-> sample
  sample -->|"data/raw/"| clean --> split & train
  clean -- two words --> end_1[Last<br>line]
  split <--> train
  classDef big fill:#f00
  subgraph kit ["the <library>"]
    cli["cli, reproduce"] ==> core
  end
  train --> core
  end_1 --> sample
"""


def test_notation_of_mermaid() -> None:
    chart = read_flowchart(CHART)
    assert chart.nodes["own"].text == "rml data: your own table"
    assert chart.nodes["own"].is_round
    assert chart.nodes["end_1"].lines == ["Last", "line"]
    assert chart.edges == [
        Edge("own", "sample", "replaces", is_dotted=True),
        Edge("sample", "clean", "data/raw/"),
        Edge("clean", "split"),
        Edge("clean", "train"),
        Edge("clean", "end_1", "two words"),
        Edge("split", "train", has_tail=True),
        Edge("cli", "core"),
        Edge("train", "core"),
        Edge("end_1", "sample"),
    ]
    assert chart.groups == {"kit": "the <library>"}
    assert {n for n, node in chart.nodes.items() if node.group} == {"cli", "core"}


@pytest.mark.parametrize("direction", ["TD", "LR"])
def test_nothing_lies_on_anything_else(direction: str) -> None:
    drawing = Drawing(read_flowchart(CHART.replace("TD", direction)))
    drawing.lay_out()
    boxes = [
        (at.x, at.y, node.width, node.height)
        for name, node in drawing.nodes.items()
        for at in [drawing.places[name]]
    ]
    for one, other in itertools.combinations(boxes, 2):
        aside = abs(one[0] - other[0]) >= (one[2] + other[2]) / 2
        apart = abs(one[1] - other[1]) >= (one[3] + other[3]) / 2
        assert aside or apart
    for x, y, width, height in boxes:
        assert 0 <= x - width / 2 < x + width / 2 <= drawing.size.x
        assert 0 <= y - height / 2 < y + height / 2 <= drawing.size.y
    (left, top), (right, low) = drawing.corners["kit"]
    inside = {
        name
        for name, at in drawing.places.items()
        if left <= at.x <= right and top <= at.y <= low and drawing.nodes[name].is_box
    }
    assert inside == {"cli", "core"}


def test_picture_is_xml_that_says_what_it_shows() -> None:
    picture = ET.fromstring(draw_flowchart(CHART))
    assert "own table to sample (replaces)" in picture.attrib["aria-label"]
    words = [text.text for text in picture.iter("text")]
    assert {"clean", "two words", "the <library>", "Last", "line"} <= {*words}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sequenceDiagram\n  A->>B: hi\n", "is no flow chart"),
        ("", '"nothing" is no flow chart'),
        ("graph TD\n", "has no boxes"),
        ("graph TD\n  a[open --> b\n", "is missing"),
        ("graph TD\n  a ?? b\n", "cannot be read"),
        ("graph TD\n  subgraph s\n  a\n  end\n  b --> s\n", "leads to the subgraph"),
    ],
)
def test_what_cannot_be_drawn_says_why(text: str, why: str) -> None:
    with pytest.raises(FlowchartError, match=why):
        draw_flowchart(text)
