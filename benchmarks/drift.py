"""How often drift is found where there is none, and where there is some.

`python benchmarks/drift.py` judges tables of 30 columns by the rule of `rml monitor`:
drawn from one distribution, and with one column shifted by half a standard deviation.
`--evidently FOLDER` judges the same tables by evidently 0.7, which is installed into an
environment in FOLDER. `--rows 1000000` times `rml monitor` on a log of so many rows
instead; it needs the sample's model and training rows (`make repro`).
"""

import argparse
import datetime
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Random = np.random.Generator
Frame = pd.DataFrame

# Later versions of pandas lack what it imports.
EVIDENTLY = ("evidently==0.7.23", "pandas<3")

# It takes seconds for a table, so that it judges fewer of them.
PEER_ROWS, PEER_RUNS = (200,), 20

COLUMNS, SHIFT = 30, 0.5
REFERENCES, ROWS = (500, 2000), (50, 200, 1000)
SKEWED_SD = float(np.sqrt((np.e - 1) * np.e))


def normal(random: Random, rows: int, shift: float) -> Frame:
    """Return independent columns; the first one is shifted."""
    return _named(random.normal(size=(rows, COLUMNS)) + _first(shift))


def correlated(random: Random, rows: int, shift: float) -> Frame:
    """Return columns with a correlation of 0.8."""
    common = random.normal(size=(rows, 1))
    own = random.normal(size=(rows, COLUMNS))
    return _named(np.sqrt(0.8) * common + np.sqrt(0.2) * own + _first(shift))


def skewed(random: Random, rows: int, shift: float) -> Frame:
    """Return log-normal numbers."""
    return _named(random.lognormal(size=(rows, COLUMNS)) + _first(shift * SKEWED_SD))


def tied(random: Random, rows: int, shift: float) -> Frame:
    """Return whole numbers, many of which are equal."""
    plain = random.lognormal(size=(rows, COLUMNS)) + _first(shift * SKEWED_SD)
    return _named(np.floor(plain))


def categories(random: Random, rows: int, shift: float) -> Frame:
    """Return eight values of halving shares; the first is shifted by Cohen's w."""
    shares = 0.5 ** np.arange(1, 9)
    shares /= shares.sum()
    turned = np.array([1, -1] * 4) * shares
    turned -= shares * turned.sum()
    turned *= shift / np.sqrt((turned**2 / shares).sum())
    codes = random.choice(8, size=(rows, COLUMNS), p=shares)
    codes[:, 0] = random.choice(8, rows, p=shares + turned)
    return _named(np.array([*"abcdefgh"])[codes])


def _first(shift: float) -> npt.NDArray[np.float64]:
    return np.eye(1, COLUMNS)[0] * shift


def _named(values: npt.NDArray[Any]) -> Frame:
    return pd.DataFrame(values, columns=[f"x{n}" for n in range(COLUMNS)])


KINDS: dict[str, Callable[[Random, int, float], Frame]] = {
    each.__name__: each for each in (normal, correlated, skewed, tied, categories)
}

# Columns that drifted, in a table without drift and in one with it.
Verdict = tuple[list[str], list[str]]


def pairs(
    kind: str, reference: int, rows: int, runs: int
) -> Iterator[tuple[Frame, Frame, Frame]]:
    """Yield a reference, a table like it, and one with its first column shifted."""
    random = np.random.default_rng([reference, rows, [*KINDS].index(kind)])
    for _ in range(runs):
        old, new = (KINDS[kind](random, n, 0.0) for n in (reference, rows))
        shifted = KINDS[kind](random, rows, SHIFT)
        yield old, new, new.assign(x0=shifted["x0"])


def judge_here(old: Frame, new: Frame, shifted: Frame) -> Verdict:
    """Return what the rule of the toolkit finds."""
    from reproducible_ml.quality.difference import certain, change

    reference = {name: _reference(old[name]) for name in old}
    changes = {
        name: change(column, _counted(new[name], column))
        for name, column in reference.items()
    }
    # The tables differ in their first column only.
    first = change(reference["x0"], _counted(shifted["x0"], reference["x0"]))
    found = []
    for some in (changes, changes | {"x0": first}):
        sure = zip(some, certain([*some.values()]), strict=True)
        found.append([name for name, is_sure in sure if is_sure and some[name].matters])
    return found[0], found[1]


def _reference(values: pd.Series) -> Any:
    from reproducible_ml.quality.distributions import make_bins

    kind: Any = "values" if values.dtype == "str" else "numbers"
    return _counted(values, make_bins(values, kind))


def _counted(values: pd.Series, column: Any) -> Any:
    from reproducible_ml.quality.distributions import count_values

    *counts, missing = count_values(values, column).tolist()
    return column.model_copy(update={"counts": tuple(counts), "missing": missing})


def judge_by_evidently(old: Frame, new: Frame, shifted: Frame) -> Verdict:
    """Return what evidently finds with its defaults."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    # One report for both tables, which differ in their first column only.
    tables = [old.assign(shifted=old["x0"]), new.assign(shifted=shifted["x0"])]
    run = Report([DataDriftPreset()]).run(tables[1], tables[0])
    drifted = []
    for metric in json.loads(run.json())["metrics"]:
        config = metric["config"]
        if "column" in config:
            value, limit = float(metric["value"]), float(config["threshold"])
            is_p = "p_value" in config["method"]
            if value < limit if is_p else value >= limit:
                drifted.append(config["column"])
    none = [name for name in drifted if name != "shifted"]
    return none, ["x0"] if "shifted" in drifted else []


def measure(
    judge: Callable[[Frame, Frame, Frame], Verdict],
    runs: int,
    sizes: tuple[int, ...] = ROWS,
) -> Iterator[dict[str, Any]]:
    """Yield the shares of false and of right alarms."""
    for kind in KINDS:
        for reference in REFERENCES:
            for rows in sizes:
                start = time.process_time()
                found = [judge(*each) for each in pairs(kind, reference, rows, runs)]
                yield {
                    "kind": kind,
                    "reference": reference,
                    "rows": rows,
                    "false": np.mean([bool(none) for none, _ in found]),
                    "columns": np.mean([len(none) for none, _ in found]) / COLUMNS,
                    "found": np.mean(["x0" in some for _, some in found]),
                    "seconds": (time.process_time() - start) / runs,
                }


def needed(kind: str, reference: int) -> int | None:
    """Return how many rows the rule asks for."""
    from reproducible_ml.quality.difference import rows_needed

    random = np.random.default_rng(reference)
    return rows_needed(_reference(KINDS[kind](random, reference, 0.0)["x0"]), COLUMNS)


def show(found: list[dict[str, Any]], peer: list[dict[str, Any]]) -> None:
    """Print a table for docs/benchmarks.md."""
    heads = ["columns", "reference", "rows", "needed", "false alarm", "found"]
    heads += ["evidently: false alarm", "columns", "found"] if peer else []
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n")
    others = {(e["kind"], e["reference"], e["rows"]): e for e in peer}
    for each in found:
        key = each["kind"], each["reference"], each["rows"]
        rows = [*map(str, key), str(needed(*key[:2]) or "-")]
        rows += [f"{each['false']:.1%}", f"{each['found']:.1%}"]
        if other := others.get(key):
            rows += [f"{other[n]:.0%}" for n in ("false", "columns", "found")]
        sys.stdout.write(f"| {' | '.join(rows)} |\n")
    average = np.mean([each["false"] for each in found])
    sys.stdout.write(f"false alarms here, over all rows: {average:.2%}\n")
    for name, results in (("here", found), ("evidently", peer)):
        if results:
            seconds = np.median([each["seconds"] for each in results])
            sys.stdout.write(
                f"{name}: {seconds:.3f} s of processor time for each pair of tables\n"
            )


def run_evidently(folder: Path) -> list[dict[str, Any]]:
    """Return what evidently finds, in an environment that is made if needed."""
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *EVIDENTLY]
        subprocess.run(install, check=True)
    command = [str(python), "-W", "ignore", __file__, "--as-peer"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def write_log(folder: Path, rows: int) -> None:
    """Write a log of a week: training rows again, with the answers of the model."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from reproducible_ml.core.parts import read_table
    from reproducible_ml.core.project import find_project
    from reproducible_ml.serving.command import load_project_model

    project = find_project()
    model = load_project_model(project)
    train = read_table(project.root / "data/processed/train")
    answers = model.answers(train[model.features])
    each = 10_000
    start = pd.Timestamp.now("UTC") - pd.Timedelta(days=7)
    step = pd.Timedelta(days=7) / rows
    for number in range(rows // each):
        at = np.random.default_rng(number).integers(0, len(train), each)
        times = start + step * np.arange(number * each, (number + 1) * each)
        table = pd.DataFrame({"time": times})
        table["request_id"] = f"request-{number}"
        table["row"] = np.arange(each)
        table["row_key"] = [f"{key:016x}" for key in train.index[at]]
        table["model_version"], table["returned"] = model.version, True
        parts = [answers.iloc[at], train[model.features].iloc[at]]
        whole = pd.concat([table, *(p.reset_index(drop=True) for p in parts)], axis=1)
        day = folder / f"date={times[0]:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.Table.from_pandas(whole, preserve_index=False),
            day / f"{number:06d}-1-1.parquet",
        )


def time_monitor(rows: int) -> None:
    """Time `rml monitor` on a log, and measure its memory."""
    rml = shutil.which("rml") or sys.exit("rml is not on PATH: activate .venv")
    with tempfile.TemporaryDirectory() as folder:
        write_log(Path(folder, "log"), rows)
        page = Path(folder, "report.html")
        for window in ("none", "day", "hour"):
            command = [rml, "monitor", f"{folder}/log", "--window", window, "--quiet"]
            command += ["--report", str(page)]
            before, start = _used(), time.monotonic()
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
            sys.stdout.write(
                f"{rows} rows, window {window}: {seconds:.1f} s, processor"
                f" {_used() - before:.1f} s, peak {peak:.0f} MB\n"
            )


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="Tables of each kind.")
    parser.add_argument("--evidently", type=Path, metavar="FOLDER")
    parser.add_argument("--rows", type=int, help="Time a log of so many rows instead.")
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows:
        time_monitor(options.rows)
        return
    if options.as_peer:
        found = [*measure(judge_by_evidently, PEER_RUNS, PEER_ROWS)]
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    sys.stdout.write(f"{datetime.date.today()}, {options.runs} runs each\n\n")
    found = [*measure(judge_here, options.runs)]
    peer = run_evidently(options.evidently) if options.evidently else []
    show(found, peer)


if __name__ == "__main__":
    main()
