"""The pipeline as a picture, by `dvc dag`."""

import re
from pathlib import Path

from reproducible_ml.datasets.sources.dvc_command import run_dvc
from reproducible_ml.errors import UserError
from reproducible_ml.review.charts import mermaid
from reproducible_ml.review.markdown import details, plain, short

# Nodes and edges that are drawn.
SHOWN = 150

NODE = re.compile(r'\s*(node\d+)\["(.*)"\]')
EDGE = re.compile(r"\s*node\d+-->node\d+")

# What mermaid may take for more than a text.
SPECIAL = re.compile(r"[^\w\s./-]")


def graph(root: Path) -> str:
    """Return the graph of the pipeline, folded away."""
    try:
        drawn = run_dvc("dag", "--md", cwd=root)
    except UserError:
        return "Pipeline: `dvc dag` cannot draw it."
    lines = redraw(drawn)
    more = len(lines) - SHOWN
    note = f"\n\n… and {more} more nodes and edges" if more > 0 else ""
    picture = mermaid(["flowchart TD", *lines[:SHOWN]])
    return details("The pipeline", f"{picture}{note}")


def redraw(drawn: str) -> list[str]:
    """Return DVC's nodes and edges, with no sign in a name that draws anything."""
    lines = []
    for line in drawn.splitlines():
        if node := NODE.fullmatch(line):
            name = SPECIAL.sub("_", short(plain(node[2])))
            lines.append(f'  {node[1]}["{name}"]')
        elif EDGE.fullmatch(line):
            lines.append(f"  {line.strip()}")
    return lines
