"""Results of each task as the pipeline writes them, with names from bad people."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from reproducible_ml.adopt.configure import PLOTS
from reproducible_ml.card.fields import HumanPart, is_required

HOSTILE = "<img src=x onerror=\"alert('x')\">"
LONG = "a_name_that_never_ends_" * 12
COLUMNS = [HOSTILE, "| pipe ` tick |", "🌡️ é 温度", LONG, "[x](javascript:alert(1))"]

CLASSES: dict[str, list[str]] = {
    "binary": ["no", HOSTILE],
    "multiclass": [HOSTILE, *(f"class {number}" for number in range(9))],
    "regression": [],
}
METRICS = {
    "binary": ["roc_auc", "log_loss"],
    "multiclass": ["f1_macro", "log_loss"],
    "regression": ["rmse", "r2"],
}
ROWS = 3000


def write_project(root: Path, task: str) -> Path:
    """Write a repository with the results of a task; nothing is committed."""
    random = np.random.default_rng(0)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    for name, value in (("name", "Test"), ("email", "test@example.org")):
        subprocess.run(
            ["git", "-C", str(root), "config", f"user.{name}", value], check=True
        )
    package = '[tool.reproducible_ml]\npackage = "tumour_diagnosis"'
    write(root / "pyproject.toml", package)
    write(root / ".gitignore", "/reports/index.html\n/models/")
    data: dict[str, Any] = {
        "target": "target",
        "task": task,
        "positive": HOSTILE if task == "binary" else None,
        "id": [],
        "group": None,
        "time": "when" if task == "regression" else None,
    }
    contract = make_contract(task)
    params = {
        "data": data,
        "split": {"method": "time", "cutoff": "2026-01-01"} if data["time"] else {},
        "evaluate": {"metrics": METRICS[task]},
    }
    write_yaml(root / "params.yaml", params)
    write_yaml(root / "data/schema.yaml", contract)
    write_yaml(root / "dvc.yaml", make_pipeline(task))
    said = [HOSTILE, "First line.\nSecond line.\n"]
    human = {name: said for name in HumanPart.model_fields if is_required(name)}
    write_yaml(root / "docs/model_card.yaml", human)
    write_yaml(
        root / "data/catalog.yaml",
        dict.fromkeys(("source", "owner", "legal_basis", "retention"), said)
        | {"personal": True, "personal_columns": [COLUMNS[1]], "updates": HOSTILE}
        | {"table": {"path": HOSTILE, "md5": "ef" * 16, "bytes": 9, "rows": ROWS}},
    )
    manifest = {
        "contract": contract,
        "params": {"data": data, "train": make_train(task)},
        "threshold": 0.25 if task == "binary" else None,
        "sha256": "ab" * 32,
        "training_data": {"rows": ROWS, "sha256": "cd" * 32},
        "versions": {"numpy": "2.4.6", "skops": "0.16.0"},
    }
    write_json(root / "models/model.json", manifest)
    for name, value in make_reports(task, random).items():
        write_json(root / f"reports/{name}.json", value)
    for name, table in make_plots(task, random).items():
        path = root / f"reports/{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ",")
    return root


def make_contract(task: str) -> dict[str, Any]:
    described = {"dtype": "float64", "nullable": True, "description": HOSTILE}
    target: dict[str, Any] = {"dtype": "float64"}
    if CLASSES[task]:
        target = {"dtype": "category", "isin": CLASSES[task]}
    columns = dict.fromkeys(COLUMNS, described) | {
        "when": {"dtype": "datetime64[ns]"},
        "target": target,
    }
    return {"name": "tests", "description": f"Rows. {HOSTILE}", "columns": columns}


def make_pipeline(task: str) -> dict[str, Any]:
    stages = {
        "train": {"cmd": "x", "desc": HOSTILE, "outs": ["models/model.skops"]},
        "look": {"cmd": "x", "deps": ["models"], "outs": ["reports/look.json"]},
        "evaluate": {
            "cmd": "x",
            "deps": ["models/model.skops", "reports/look.json"],
            "metrics": ["reports/metrics.json"],
        },
    }
    own = {
        "Own: <b>odd</b>": {"x": "a", "y": {"reports/own.csv": ["b", "c"]}},
        "Gone": {"x": "a", "y": {"reports/gone.csv": "b"}},
        "Other columns": {"x": "q", "y": {"reports/own.csv": "b"}},
    }
    artifacts = {"model": {"path": "models/model.skops", "type": "model"}}
    plots = [*PLOTS[task], own, "reports/unknown.csv"]
    return {"stages": stages, "plots": plots, "artifacts": artifacts}


def make_train(task: str) -> dict[str, Any]:
    costs = {"false_positive": 1.0, "false_negative": 9.0}
    estimator = {"path": "sklearn.Any", "arguments": {"name": HOSTILE, "rate": 0.1}}
    return {
        "seed": 0,
        "class_weight": None,
        "estimator": estimator,
        "search": {"method": "random"},
        "threshold": costs if task == "binary" else 0.5,
    }


def value(number: float) -> dict[str, Any]:
    return {"value": number, "low": number - 0.05, "high": number + 0.05}


def make_protected(task: str) -> dict[str, Any]:
    """Return groups of people, one of them without a row."""
    names = ["mae", "mean_prediction"]
    if CLASSES[task]:
        names = ["selection_rate", "accuracy", "true_positive_rate"]
    nothing = {"value": None, "low": None, "high": None, "rows": 0}
    metrics = dict.fromkeys(names, value(0.4) | {"rows": 12})
    groups: list[dict[str, Any]] = [
        {"group": HOSTILE, "rows": 12, "training_rows": 3, "metrics": metrics},
        {"group": "none", "rows": 0, "training_rows": 0}
        | {"metrics": dict.fromkeys(names, nothing)},
    ]
    few = [{"group": HOSTILE, "rows": 12, "of": "rows"}]
    gap = {"few": few, "few_count": 1, "difference": value(0.4), "ratio": value(0.5)}
    gap |= {"lowest": HOSTILE, "highest": HOSTILE, "surest": [HOSTILE, HOSTILE]}
    if task == "multiclass":
        gap["class"] = HOSTILE
        for group in groups:
            group["classes"] = [{"class": HOSTILE, "metrics": group["metrics"]}]
    gaps = dict.fromkeys(names, gap) | {
        "unknown": {"difference": nothing, "few": few, "few_count": 1}
    }
    return {"groups": groups, "gaps": gaps}


def make_reports(task: str, random: np.random.Generator) -> dict[str, Any]:
    names = METRICS[task]
    metrics = {
        n: value(0.5 + i / 9) | {"baseline": value(0.1)} for i, n in enumerate(names)
    }
    # Where there is no row of a class, nothing is defined.
    nothing = {"value": None, "low": None, "high": None}
    groups = [
        {"group": HOSTILE, "rows": 12, "metrics": {n: value(0.4) for n in names}},
        {"group": "few", "rows": 1, "metrics": dict.fromkeys(names, nothing)},
    ]
    evaluation: dict[str, Any] = {
        "rows": ROWS,
        "interval_rows": ROWS,
        "metrics": metrics,
        "slices": {COLUMNS[0]: groups, LONG: groups},
        "protected": {COLUMNS[0]: make_protected(task), LONG: make_protected(task)},
        "no_better_than_baseline": [HOSTILE],
        "too_good": {
            "metric": "r2",
            "value": 0.99,
            "alone": 0.98,
            "column": HOSTILE,
            "features": [HOSTILE],
        },
    }
    side: dict[str, Any] = {"rows": ROWS, "target": {"mean": 3.5, "sd": 1.25}}
    if task == "multiclass":
        evaluation["classes"] = [
            {"class": name, "rows": 9, "metrics": {"f1": value(0.7)}}
            for name in CLASSES[task]
        ]
    if classes := CLASSES[task]:
        side = {"rows": ROWS, "classes": dict.fromkeys(classes, 9)}
    numbers = {
        "kind": "numbers",
        "bins": [float(n) for n in range(19)],
        "counts": random.integers(1, 90, 20).tolist(),
        "missing": 7,
        "mean": 1.5,
        "sd": 0.1,
    }
    days = [f"2025-{month:02d}-01T00:00:00" for month in range(1, 12)]
    dates = {"kind": "dates", "bins": days, "counts": [9] * 12, "missing": 0}
    known = {"kind": "values", "bins": CLASSES["multiclass"], "counts": [3] * 11}
    hashes = {"kind": "hashes", "counts": [5] * 20, "missing": 0, "bins": []}
    columns = dict.fromkeys(COLUMNS, numbers) | {
        "when": dates,
        "target": known | {"missing": 0},
        "secret": hashes,
        "empty": {"kind": "numbers", "counts": [], "missing": ROWS},
        "constant": numbers | {"bins": [1.0], "counts": [9, 9]},
    }
    return {
        "evaluation": evaluation,
        "metrics": {name: found["value"] for name, found in metrics.items()},
        "validation": side,
        "split": {"train": side, "test": side},
        "cleaning": {"rows": ROWS, "duplicates": 3, "missing": 0, "outliers": 0},
        "profile": {"columns": columns},
    }


def make_plots(task: str, random: np.random.Generator) -> dict[str, pd.DataFrame]:
    share = np.linspace(0, 1, 30)
    iteration = np.arange(1, 11)
    classes = CLASSES[task]
    importance = {
        "feature": [*COLUMNS, *(f"column {number}" for number in range(40))],
        "importance": np.linspace(0.4, -0.1, 45),
        "deviation": 0.02,
    }
    curve = {"iteration": iteration, "train": 1 / iteration, "test": 2 / iteration}
    trials = {"trial": iteration, "score": 1 / iteration, "deviation": 0.1}
    # Nothing is known of one point, and one is infinite.
    own = {"a": [1, 2, 3], "b": [1.5, np.nan, 2], "c": [0.5, np.inf, 1e300]}
    found: dict[str, Any] = {
        "plots/importance.csv": importance,
        "plots/learning_curve.csv": curve,
        "training/plots/metrics/loss.tsv": {"step": iteration, "loss": 1 / iteration},
        "search.csv": trials,
        "own.csv": own,
    }
    if classes:
        pairs = [(a, b) for a in classes for b in classes]
        found["plots/confusion_matrix.csv"] = {
            "actual": [a for a, _ in pairs],
            "predicted": [b for _, b in pairs],
            "rows": random.integers(0, 900, len(pairs)),
        }
    known = {"mean": 0.5, "low": 0.4, "high": 0.6}
    values = [*range(9), "", *"abc"]
    columns = [COLUMNS[0]] * 10 + [COLUMNS[1]] * 3
    dependence = pd.DataFrame({"feature": columns, "value": values, **known})
    if task == "multiclass":
        dependence = dependence.merge(pd.DataFrame({"class": classes}), how="cross")
    found["plots/partial_dependence.csv"] = dependence
    if task == "binary":
        found["plots/roc.csv"] = {"fpr": share, "tpr": share**0.3}
        found["plots/precision_recall.csv"] = {"recall": share, "precision": 1 - share}
        found["plots/calibration.csv"] = {"predicted": share, "actual": share}
    if task == "multiclass":
        found["plots/classes.csv"] = {"class": classes, "precision": 0.7, "recall": 0.6}
    if task == "regression":
        predicted = random.normal(size=ROWS) * 1e6
        found["plots/predicted_actual.csv"] = {"predicted": predicted, "actual": 1.0}
        found["plots/residuals.csv"] = {"predicted": predicted, "residual": 1e-7}
        found["plots/residual_histogram.csv"] = {"residual": share, "rows": 5}
    return {name: pd.DataFrame(table) for name, table in found.items()}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", "utf-8")


def write_json(path: Path, content: Any) -> None:
    write(path, json.dumps(content, ensure_ascii=False))


def write_yaml(path: Path, content: Any) -> None:
    write(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def commit(root: Path, message: str = "Results") -> None:
    """Commit everything."""
    for arguments in (["add", "--all"], ["commit", "--quiet", "--message", message]):
        subprocess.run(["git", "-C", str(root), *arguments], check=True)
