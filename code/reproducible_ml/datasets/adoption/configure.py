"""Point params.yaml and dvc.yaml at a table; comments and all else stay as they are."""

import io
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from reproducible_ml.files import write_text

# What the repository holds for the sake of its sample.
SAMPLE = (
    "code/reproducible_ml/datasets/sample.py",
    "tests/unit/datasets/test_sample.py",
    "tests/data_validation/test_sample.py",
    "notebooks/01-explore.ipynb",
)
SAMPLE_TABLE = "data/raw/tumours.csv"


def yaml_with_comments() -> YAML:
    """Return a reader and writer of YAML that keeps comments, order and quotes."""
    form = YAML()
    form.preserve_quotes = True
    form.width = 100
    return form


@contextmanager
def editing(path: Path) -> Iterator[Any]:
    """Yield the content of a YAML file; write what became of it, comments included."""
    content = yaml_with_comments().load(path.read_text("utf-8"))
    yield content
    write_text(to_text(content), path)


def to_text(content: Any) -> str:
    """Return YAML with the comments that its content was read with."""
    text = io.StringIO()
    yaml_with_comments().dump(content, text)
    return text.getvalue()


def quoted(value: Any) -> Any:
    """Return the value with quotes around texts that would be read as something else.

    DVC reads YAML 1.2, where `no` is a text; PyYAML reads 1.1, where it is false.
    """
    if isinstance(value, Mapping):
        return {quoted(key): quoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [quoted(item) for item in value]
    if isinstance(value, str) and safe_load(value) != value:
        return SingleQuotedScalarString(value)
    return value


def safe_load(text: str) -> Any:
    """Return what YAML 1.1 makes of a text, or None if it is no YAML."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def update(section: Any, values: Mapping[str, Any]) -> None:
    """Give keys of a section new values, those of its subsections likewise."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value and isinstance(section.get(key), dict):
            update(section[key], value)
        elif isinstance(section.get(key), list) and isinstance(value, list):
            # In place, so that it stays on one line or on several.
            if not section[key]:
                section[key].fa.set_flow_style()
            section[key][:] = quoted(value)
        elif key not in section or section[key] != value:
            section[quoted(key)] = quoted(value)


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Give parameters new values, as {"data": {"target": "price"}}."""
    with editing(path) as params:
        update(params, values)


def set_pipeline(
    path: Path, raw: Path, plots: list[dict[str, Any]], target: str, task: str
) -> None:
    """Let the pipeline begin with the table RAW, and show the plots of the task."""
    with editing(path) as pipeline:
        pipeline["stages"].pop("sample", None)
        for variables in pipeline["vars"]:
            if "path" in variables:
                variables["path"]["raw"] = raw.as_posix()
        if [dict(plot) for plot in pipeline["plots"]] != plots:
            pipeline["plots"] = plots
        model = pipeline.get("artifacts", {}).get("model", {})
        if has_sample(path):
            update(
                model,
                {
                    "desc": f"Prediction of {target}",
                    "labels": ["scikit-learn", task],
                },
            )


def has_sample(path: Path) -> bool:
    """Say whether the pipeline begins by writing the sample."""
    return "sample" in yaml.safe_load(path.read_text("utf-8"))["stages"]


def drop_sample(root: Path) -> list[str]:
    """Remove what is about the sample alone; return what stays as it was edited."""
    (root / SAMPLE_TABLE).unlink(missing_ok=True)
    kept = []
    for name in SAMPLE:
        command = ["git", "rm", "--quiet", "--ignore-unmatch", name]
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
        if done.returncode:
            kept.append(name)
    return kept
