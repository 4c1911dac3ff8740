"""Point params.yaml and dvc.yaml at a table, and let the sample go."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from reproducible_ml.adopt.yaml_files import editing, sync
from reproducible_ml.core.files import write_text
from reproducible_ml.modeling.drawing.dvc_plots import PLOTS

# What the repository holds for the sake of its sample.
SAMPLE = (
    "code/reproducible_ml/datasets/sample.py",
    "tests/unit/datasets/test_sample.py",
    "tests/data_validation/test_sample.py",
    "notebooks/01-explore.ipynb",
)
SAMPLE_TABLE = "data/raw/tumours.csv"


@contextmanager
def restoring(*paths: Path) -> Iterator[None]:
    """Give files back what they held, unless the block succeeds."""
    before = {path: path.read_text("utf-8") for path in paths if path.exists()}
    try:
        yield
    except BaseException:
        for path in paths:
            if path not in before:
                path.unlink(missing_ok=True)
            elif not path.exists() or path.read_text("utf-8") != before[path]:
                write_text(before[path], path)
        raise


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Let params.yaml say this; comments and the way it is written stay.

    Texts get no quotes that YAML 1.2 can do without: experiments would drop them.
    """
    with editing(path) as params:
        sync(params, values, write=deepcopy)


def set_pipeline(
    path: Path, raw: Path, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Let the pipeline begin with the table RAW, and show the plots of its task.

    Args:
        path: dvc.yaml.
        raw: Where the table is.
        old: The section `data` of params.yaml as it was.
        new: As it will be.
    """
    with editing(path) as pipeline:
        sample = pipeline["stages"].pop("sample", None)
        for variables in pipeline["vars"]:
            if "path" in variables:
                variables["path"]["raw"] = raw.as_posix()
        task = new["task"]
        if old.get("task", "binary") != task:
            pipeline["plots"] = PLOTS[task]
        model = pipeline.get("artifacts", {}).get("model", {})
        if sample or model.get("desc") == f"Prediction of {old.get('target')}":
            model["desc"] = f"Prediction of {new['target']}"
            model["labels"] = ["scikit-learn", task]


def has_sample(path: Path) -> bool:
    """Say whether the pipeline begins by writing the sample."""
    return "sample" in yaml.safe_load(path.read_text("utf-8"))["stages"]


def drop_sample(root: Path, raw: Path) -> list[str]:
    """Remove what is about the sample alone; return what stays as it was edited.

    Args:
        root: Of the repository.
        raw: The user's own table in it, which may have the name of the sample.
    """
    if raw != Path(SAMPLE_TABLE):
        (root / SAMPLE_TABLE).unlink(missing_ok=True)
    return [name for name in SAMPLE if not _remove(root, name)]


def _remove(root: Path, name: str) -> bool:
    """Remove a file from Git and disk unless it was edited; say whether it is gone."""

    def git(*arguments: str) -> bool:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
        return done.returncode == 0

    # Before the first commit, what was staged is the version to compare with.
    head = ["HEAD"] if git("rev-parse", "--verify", "HEAD") else []
    if (root / name).exists() and not git("diff", "--quiet", *head, "--", name):
        return False
    return git("rm", "--quiet", "--force", "--ignore-unmatch", name)
