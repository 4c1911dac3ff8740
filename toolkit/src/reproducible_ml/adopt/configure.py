"""Point params.yaml and dvc.yaml at a table, and remove the sample and its results."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.adopt.yaml_files import edit_yaml, sync
from reproducible_ml.card.catalog import CATALOG, empty_catalog
from reproducible_ml.card.fields import FIELDS, empty_form
from reproducible_ml.card.forms import blank_form
from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import PARAMS, load_yaml, parse_params, write_text
from reproducible_ml.core.project import Project
from reproducible_ml.versioning.git import find_commit, run_git

PIPELINE = Path("dvc.yaml")

# Where questions are that people answer; a project may have none of them.
FORMS = "docs/governance/"
LOCK = Path("dvc.lock")

# What a stage writes.
OUTPUTS = ("outs", "metrics", "plots")

# Drawn from the results, not by a stage, and not in Git.
DRAWN = (
    "reports/overview.png",
    "reports/search.png",
    "reports/report.md",
    "reports/index.html",
    "reports/profile",
)

LABELS = {
    "binary": "binary classification",
    "multiclass": "multiclass classification",
    "regression": "regression",
}


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Write values to params.yaml; its comments and its layout stay.

    Texts get no quotes that YAML 1.2 can do without: experiments would drop them.
    """
    with edit_yaml(path) as params:
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
    with edit_yaml(path) as pipeline:
        sample = pipeline["stages"].pop("sample", None)
        _variables_with(pipeline, "raw")["raw"] = raw.as_posix()
        task = new["task"]
        if old.get("task", "binary") != task:
            pipeline["plots"] = PLOTS[task]
        model = pipeline.get("artifacts", {}).get("model", {})
        if sample or model.get("desc") == f"Prediction of {old.get('target')}":
            model["desc"] = f"Prediction of {new['target']}"
            model["labels"] = ["scikit-learn", LABELS[task]]


def raw_table(path: Path = PIPELINE) -> Path:
    """Return where dvc.yaml says that the raw table is."""
    pipeline = load_yaml(path.read_text("utf-8"))
    return Path(_variables_with(pipeline, "raw")["raw"])


def _variables_with(pipeline: Any, name: str) -> Any:
    """Return the group of `vars` that has a name."""
    for variables in pipeline.get("vars", ()):
        # Others are names of files.
        if isinstance(variables, dict) and name in variables:
            return variables
    raise UserError(
        f"{PIPELINE}: `vars` has no `{name}`. Add the path of the raw table there:"
        " - raw: data/raw/NAME"
    )


class Sample(NamedTuple):
    """What a project has of the sample that it began with.

    Attributes:
        table: Where the stage `sample` writes it.
        files: Files that are about it alone, as pyproject.toml lists them.
        results: Files and folders in Git that stages wrote.
    """

    table: Path
    files: tuple[str, ...]
    results: tuple[str, ...]


def has_sample(path: Path = PIPELINE) -> bool:
    """Say whether the pipeline begins by writing the sample."""
    return "sample" in load_yaml(path.read_text("utf-8"))["stages"]


def find_sample(project: Project) -> Sample | None:
    """Return what the project has of its sample; nothing if it has left it."""
    pipeline = load_yaml((project.root / PIPELINE).read_text("utf-8"))
    stages = dict(pipeline["stages"])
    sample = stages.pop("sample", None)
    if sample is None:
        return None
    values = {
        name: value
        for variables in pipeline.get("vars", ())
        if isinstance(variables, dict)
        for name, value in variables.items()
    }
    table = next(path for path, _ in _outputs(sample, values))
    results = [
        path
        for stage in stages.values()
        for path, options in _outputs(stage, values)
        if options.get("cache") is False
    ]
    return Sample(Path(table), project.sample, tuple(results))


def _outputs(
    stage: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the path and the options of each output of a stage."""
    for kind in OUTPUTS:
        for output in stage.get(kind, ()):
            options = output if isinstance(output, dict) else {output: {}}
            for path, said in options.items():
                yield _filled(path, values), said or {}


def _filled(text: str, values: Mapping[str, Any]) -> str:
    """Return text with the values of variables, as in `${raw}`."""
    return re.sub(r"\$\{(\w+)\}", lambda m: str(values.get(m[1], m[0])), text)


def remove_sample(project: Project, sample: Sample, raw: Path) -> list[str]:
    """Remove the sample, its results, and its files; return files that were edited.

    Files that were edited stay. The results would look like those of another table.

    Args:
        project: Whose pipeline no longer has the stage `sample`.
        sample: What `find_sample` returned before.
        raw: The user's own table, which may have the name of the sample.
    """
    root = project.root
    if raw != sample.table:
        (root / sample.table).unlink(missing_ok=True)
    for name in (*sample.results, *DRAWN, str(LOCK)):
        run_git(root, "rm", "-r", "--quiet", "--force", "--ignore-unmatch", "--", name)
        _delete(root / name)
    forms = _empty_forms(root, sample.files)
    edited = [name for name in sample.files if not _remove_unless_edited(root, name)]
    project.forget_sample()
    _describe_table(root, raw)
    for name, text in forms.items():
        if not (root / name).exists():
            write_text(text, root / name)
            run_git(root, "add", "--", name)
    return edited


def _empty_forms(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the forms among some files as they are before anything is filled in.

    What was filled in is about the sample; the questions stay, and stages depend on
    some of the files.
    """
    own = {str(FIELDS): empty_form(), str(CATALOG): empty_catalog()}
    return {
        name: own[name] if name in own else blank_form((root / name).read_text("utf-8"))
        for name in names
        if name in own or (name.startswith(FORMS) and (root / name).is_file())
    }


def _describe_table(root: Path, raw: Path) -> None:
    """Replace what README.md says of the sample, between two comments, if it does."""
    readme = root / "README.md"
    text = readme.read_text("utf-8") if readme.is_file() else ""
    data = parse_params((root / PARAMS).read_text("utf-8"))["data"]
    target = one_line(str(data["target"])).replace("`", "'")
    lines = [
        f"The model predicts `{target}`, a column of the table `{raw.as_posix()}`.",
        "[data/schema.yaml](data/schema.yaml) describes the columns;",
        "[params.yaml](params.yaml) says what is predicted, and how. The table is not",
        "in Git: other clones get it from a [DVC remote](.cloud/README.md).",
    ]
    parts = re.split(r"<!-- sample: .*?<!-- end of sample -->", text, flags=re.S)
    if len(parts) > 1:
        write_text("\n".join(lines).join(parts), readme)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def is_edited(root: Path, name: str) -> bool:
    """Return whether a file differs from that of the last commit."""
    # Before the first commit, what was staged is the version to compare with.
    head = ["HEAD"] if find_commit(root, "HEAD") else []
    exists = (root / name).exists()
    return exists and run_git(root, "diff", "--quiet", *head, "--", name) is None


def _remove_unless_edited(root: Path, name: str) -> bool:
    """Remove a file from Git and disk unless it was edited; say whether it is gone."""
    if is_edited(root, name):
        return False
    removed = run_git(root, "rm", "--quiet", "--force", "--ignore-unmatch", "--", name)
    return removed is not None


CONFUSION_MATRIX = {
    "Confusion matrix": {
        "template": "confusion_counts",
        "x": "predicted",
        "y": {"reports/plots/confusion_matrix.csv": "actual"},
    }
}


def _importance(score: str) -> dict[str, Any]:
    return {
        "Permutation importance": {
            "template": "bars",
            "x": "importance",
            "y": {"reports/plots/importance.csv": "feature"},
            "x_label": score,
            "y_label": "feature",
        }
    }


def _training(loss: str) -> list[dict[str, Any]]:
    """Return the plots of the training."""
    return [
        {
            "Learning curve": {
                "template": "simple",
                "x": "iteration",
                "y": {"reports/plots/learning_curve.csv": ["train", "test"]},
                "y_label": loss,
            }
        },
        {
            "Training": {
                "template": "simple",
                "x": "step",
                "y": {"reports/training/plots/metrics/loss.tsv": "loss"},
                "x_label": "iteration",
                "y_label": f"{loss} on training rows",
            }
        },
        {
            "Search": {
                "template": "scatter",
                "x": "trial",
                "y": {"reports/search.csv": "score"},
            }
        },
    ]


# The section `plots` of dvc.yaml for each task.
PLOTS: dict[str, list[dict[str, Any]]] = {
    "binary": [
        {
            "ROC curve": {
                "template": "diagonal",
                "x": "fpr",
                "y": {"reports/plots/roc.csv": "tpr"},
                "x_label": "false positive rate",
                "y_label": "true positive rate",
            }
        },
        {
            "Precision and recall": {
                "template": "simple",
                "x": "recall",
                "y": {"reports/plots/precision_recall.csv": "precision"},
            }
        },
        {
            "Calibration": {
                "template": "diagonal",
                "x": "predicted",
                "y": {"reports/plots/calibration.csv": "actual"},
                "x_label": "predicted probability",
                "y_label": "share of positives",
            }
        },
        CONFUSION_MATRIX,
        _importance("loss of ROC AUC"),
        *_training("log loss"),
    ],
    "multiclass": [
        CONFUSION_MATRIX,
        {
            "Precision of each class": {
                "template": "bars",
                "x": "precision",
                "y": {"reports/plots/classes.csv": "class"},
            }
        },
        {
            "Recall of each class": {
                "template": "bars",
                "x": "recall",
                "y": {"reports/plots/classes.csv": "class"},
            }
        },
        _importance("rise of the log loss"),
        *_training("log loss"),
    ],
    "regression": [
        {
            "Predicted and actual": {
                "template": "diagonal_points",
                "x": "predicted",
                "y": {"reports/plots/predicted_actual.csv": "actual"},
            }
        },
        {
            "Residuals": {
                "template": "scatter",
                "x": "predicted",
                "y": {"reports/plots/residuals.csv": "residual"},
                "y_label": "actual - predicted",
            }
        },
        {
            "Histogram of residuals": {
                "template": "simple",
                "x": "residual",
                "y": {"reports/plots/residual_histogram.csv": "rows"},
                "x_label": "actual - predicted",
                "y_label": "test rows",
            }
        },
        _importance("loss of R²"),
        *_training("root mean squared error"),
    ],
}
