"""Train on a table larger than memory allows: `python benchmarks/large.py ROWS FOLDER`.

Writes a copy of the project to FOLDER with ROWS training rows of four numbers with
missing values, a category and a binary target, part by part, runs its stage `train`
(XGBoost in external memory), and prints time, peak memory with that of the workers, and
disk. The model is scored on a million further rows, beside the best possible score.

With `--keep`, the rows of an earlier run in FOLDER are used again.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from reproducible_ml.core.parts import write_part
from reproducible_ml.modeling.model.store import load_model

ROOT = Path(__file__).resolve().parents[1]

# Of a part, as `compute.rows_per_part` in params.yaml.
ROWS = 200_000

NUMBERS = ["w", "x", "y", "z"]
LEVELS = [f"level_{level:02d}" for level in range(20)]


def generate(number: int, rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of a part, and how probable each is to be positive."""
    random = np.random.default_rng(number)
    values = random.standard_normal((rows, len(NUMBERS)), dtype=np.float32).round(2)
    codes = random.integers(0, len(LEVELS), rows, dtype=np.int8)
    logit = values[:, 0] + values[:, 1] * values[:, 2] + np.abs(values[:, 3])
    chance = 1 / (1 + np.exp(1 - logit - codes % 4))
    target = random.random(rows, dtype=np.float32) < chance
    values[random.random(values.shape, dtype=np.float32) < 0.03] = np.nan
    keys = random.integers(0, 2**64, rows, dtype=np.uint64)
    frame = pd.DataFrame(values.astype(np.float64), columns=NUMBERS)
    frame["level"] = pd.Categorical.from_codes(codes, LEVELS)
    frame["target"] = target.astype(np.int64)
    return frame.set_index(pd.Index(keys, name="row_key")), chance


def contract() -> dict[str, object]:
    """Return the data contract of the rows."""
    columns: dict[str, dict[str, object]] = {
        name: {"dtype": "float64", "nullable": True} for name in NUMBERS
    }
    columns["level"] = {"dtype": "category", "isin": LEVELS}
    columns["target"] = {"dtype": "int64", "isin": [0, 1]}
    return {"schema_type": "dataframe", "strict": True, "columns": columns}


def write_project(folder: Path, rows: int) -> None:
    """Write a copy of the last commit, and the training rows."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    write(folder / "data/schema.yaml", contract())
    cleaned = json.dumps({"clip_to": {}})
    (folder / "reports/cleaning.json").write_text(cleaned, "utf-8")
    table = folder / "data/processed/train"
    table.mkdir(parents=True)
    for number, start in enumerate(tqdm(range(0, rows, ROWS), "rows", disable=None)):
        part, _ = generate(number, min(ROWS, rows - start))
        write_part(part, table, number)


def configure(folder: Path, arguments: argparse.Namespace) -> None:
    """Write params.yaml."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["data"] |= {"target": "target", "positive": 1}
    params["compute"] |= {"check_inputs": False}
    params["train"] |= {"batch_rows": ROWS, "workers": arguments.workers}
    params["train"]["estimator"] = {
        "path": "xgboost.XGBClassifier",
        "arguments": {"n_estimators": arguments.rounds, "max_depth": arguments.depth},
    }
    write(folder / "params.yaml", params)


def write(file: Path, content: object) -> None:
    """Write YAML."""
    file.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")


def run_train(folder: Path) -> dict[str, float]:
    """Run the stage; return seconds, those of the processor, and megabytes."""
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]["train"]
    module = stage["cmd"].split()[2]
    command = [sys.executable, "-m", module, *stage["cmd"].split()[3:]]
    start, peak, disk = time.perf_counter(), 0.0, 0.0
    used: dict[int, float] = {}
    stage_process = psutil.Popen(command, cwd=folder)
    while stage_process.poll() is None:
        size = 0
        for process in [stage_process, *stage_process.children(recursive=True)]:
            try:
                size += process.memory_full_info().pss
                used[process.pid] = sum(process.cpu_times()[:2])
            except psutil.Error:
                continue
        peak, disk = max(peak, size / 1e6), max(disk, megabytes(folder / "models"))
        time.sleep(1)
    if stage_process.returncode:
        sys.exit(stage_process.returncode)
    seconds = time.perf_counter() - start
    return {"s": seconds, "CPU s": sum(used.values()), "MB": peak, "temporary MB": disk}


def megabytes(folder: Path) -> float:
    """Return the size of the files of a folder."""
    found = 0
    for file in folder.rglob("*"):
        try:
            found += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return found / 1e6


def main() -> None:
    """Read the arguments, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder
    if not (arguments.keep and folder.is_dir()):
        start = time.perf_counter()
        write_project(folder, arguments.rows)
        sys.stdout.write(f"generated in {time.perf_counter() - start:.0f} s\n")
    configure(folder, arguments)
    found = {"rows on disk MB": megabytes(folder / "data/processed/train")}
    found |= run_train(folder)
    rows, chance = generate(10**6, 10**6)
    model = load_model(folder / "models/model.skops", folder / "models/model.json")
    output = model.predict_proba(rows[[*NUMBERS, "level"]])[:, 1]
    found |= {"ROC AUC": roc_auc_score(rows["target"], output)}
    found |= {"at best": roc_auc_score(rows["target"], chance)}
    for name, value in found.items():
        sys.stdout.write(f"{name}: {value:.4g}\n")


if __name__ == "__main__":
    main()
