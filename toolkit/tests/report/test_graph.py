"""Tests of reproducible_ml.report.charts."""

from reproducible_ml.report.charts import SHOWN, clean_graph, pipeline_graph

from .conftest import PIPELINE, Repository


def test_pipeline_is_drawn_and_folded(pipeline: Repository) -> None:
    text = pipeline_graph(pipeline.root)
    assert text.startswith("<details><summary>The pipeline</summary>\n\n```mermaid\n")
    assert '  node1["evaluate"]\n  node2["split"]\n  node2-->node1\n```' in text


def test_names_draw_nothing() -> None:
    drawn = (
        'flowchart TD\n\tnode1["a"];"] click `x` <b> @y.dvc"]\n\tnode1-->node2\nclick x'
    )
    assert clean_graph(drawn) == [
        '  node1["a_____ click _x_ _b_ _y.dvc"]',
        "  node1-->node2",
    ]


def test_large_pipeline_is_cut(pipeline: Repository) -> None:
    many = "".join(f"  stage{i:03}:\n    cmd: x\n" for i in range(200))
    pipeline.write("dvc.yaml", PIPELINE + many)
    text = pipeline_graph(pipeline.root)
    assert text.count("\n  node") == SHOWN
    assert "… and 53 more nodes and edges" in text


def test_pipeline_that_cannot_be_read_is_no_error(pipeline: Repository) -> None:
    pipeline.write("dvc.yaml", "stages: [")
    assert "cannot draw it" in pipeline_graph(pipeline.root)
