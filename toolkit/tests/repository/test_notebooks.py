"""The notebooks run on a reproduced project, and are stored without outputs."""

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))

every_notebook = pytest.mark.parametrize(
    "notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem
)


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.integration
@every_notebook
def test_a_notebook_runs_in_a_reproduced_project(
    notebook: Path, project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Jupyter warns of where it will keep its files; and none of them belong in $HOME.
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))

    import nbformat
    from nbclient import NotebookClient

    read = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        read,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(project.folder)}},
    )
    client.execute(env=project.environment())
    pictures = [
        output
        for cell in read.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert pictures


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
