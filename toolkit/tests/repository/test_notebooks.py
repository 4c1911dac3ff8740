"""The notebooks run on a reproduced project, and are stored without outputs."""

import json
import math
import textwrap
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))

every_notebook = pytest.mark.parametrize(
    "notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem
)


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run_notebook(notebook: Path, project: Any, folder: Path) -> None:
    """Run all cells in a project; some draw pictures."""
    import nbformat
    from nbclient import NotebookClient

    # Jupyter warns of where it will keep its files; and none of them belong in $HOME.
    names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    places = {name: str(folder / name) for name in names}
    read = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"JUPYTER_PLATFORM_DIRS": "1", **places}.items():
            patch.setenv(name, value)
        NotebookClient(
            read,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": str(project.folder)}},
        ).execute(env=project.environment())
    outputs = [out for cell in read.cells for out in cell.get("outputs", [])]
    assert [out for out in outputs if "image/png" in out.get("data", {})]


@pytest.mark.integration
@every_notebook
def test_a_notebook_runs_in_a_reproduced_project(
    notebook: Path, project: Any, tmp_path: Path
) -> None:
    run_notebook(notebook, project, tmp_path)


@every_notebook
def test_a_notebook_is_kept_without_outputs(notebook: Path) -> None:
    for cell in code_cells(notebook):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@every_notebook
def test_a_notebook_has_no_metadata_of_a_machine(
    notebook: Path,
) -> None:
    metadata = json.loads(notebook.read_text("utf-8"))["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert metadata["language_info"] == {"name": "python"}
    assert set(metadata) == {"kernelspec", "language_info"}
    assert all(cell["metadata"] == {} for cell in code_cells(notebook))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(range(90)) % 9,
        pd.Series([n % 9 if n % 5 else None for n in range(90)], dtype="Int64"),
        pd.Series([f"the same beginning {n % 9}" for n in range(90)], dtype="category"),
    ],
    ids=["whole", "missing", "alike"],
)
def test_each_frequent_value_has_a_bar(values: pd.Series) -> None:
    (explore,) = (path for path in NOTEBOOKS if path.name.startswith("01-explore"))
    sources = ["".join(cell["source"]) for cell in code_cells(explore)]
    setup = sources[0][sources[0].index("def plain") :]
    (cell,) = (source for source in sources if "top = column.value_counts()" in source)
    lines = cell[cell.index("        top = column") : cell.index("    axes.set_title")]
    figure = Figure()
    axes = figure.subplots()
    measure = pd.Series([0.0, 1.0, 1.0] * 30)
    known = {"plt": plt, "column": values, "measure": measure, "BLUE": "blue"}
    exec(f"{setup}\n{textwrap.dedent(lines)}", known | {"axes": axes})
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert len({bar.get_y() for bar in bars}) == len(axes.get_yticklabels()) == 8
    assert not any(math.isnan(bar.get_width()) for bar in bars)
