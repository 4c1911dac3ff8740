"""The pipeline as DAGs of Airflow 3, which README.md beside this file describes.

`tumour-diagnosis` has a task for each stage of dvc.yaml; nothing else lists them.
`tumour-diagnosis-as-of` trains on what was before a date, for tables split by time.
Airflow runs in an environment of its own, so this file imports nothing of the project.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
NAME = "tumour-diagnosis"
DVC = 'PATH="$PWD/.venv/bin:$PATH" .venv/bin/dvc'


def read_stages(pipeline: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the stages of dvc.yaml, each with those it needs the outputs of.

    Raises:
        ValueError: Only DVC itself could say what the stages are.
    """
    tables = [each for each in pipeline.get("vars", ()) if isinstance(each, dict)]
    values = {name: str(value) for each in tables for name, value in each.items()}

    def fill_in(written: Any) -> str:
        path = next(iter(written)) if isinstance(written, dict) else str(written)
        path = re.sub(r"\$\{\s*(\w+)\s*\}", lambda of: values.get(of[1], of[0]), path)
        if "${" in path:
            raise ValueError(f"dvc.yaml: {path}: `vars:` has no such name and value")
        return os.path.normpath(path)

    def paths(stage: Mapping[str, Any], *kinds: str) -> set[str]:
        return {fill_in(path) for kind in kinds for path in stage.get(kind) or ()}

    stages = pipeline.get("stages") or {}
    for name, stage in stages.items():
        if unknown := {"foreach", "matrix", "wdir"} & stage.keys():
            raise ValueError(
                f"dvc.yaml: stage {name}: {unknown.pop()} is not supported here. Fix:"
                " write stages one by one, or run pipelines/nightly.sh as one task"
            )
    made = {n: paths(s, "outs", "metrics", "plots") for n, s in stages.items()}
    needed = {name: paths(stage, "deps") for name, stage in stages.items()}
    return {name: {m for m in made if overlap(made[m], needed[name])} for name in made}


def overlap(some: set[str], others: set[str]) -> bool:
    """Return whether a path is, holds or lies in one of the others."""
    pairs = [(f"{one}/", f"{two}/") for one in some for two in others]
    return any(one.startswith(two) or two.startswith(one) for one, two in pairs)


def alert(context: Mapping[str, Any]) -> None:
    """Say that a task failed, after its last retry; the script knows to whom."""
    task = context["ti"]
    text = f"{task.dag_id}: {task.task_id} failed, run {task.run_id}"
    subprocess.run([sys.executable, ROOT / "pipelines/alert.py", text], check=True)


def cut(method: str | None) -> str:
    """Return the command that runs the pipeline with the test set from a date on."""
    if method != "time":
        why = f"params.yaml: split.method is {method}: only `time` has a cutoff date"
        return f"echo {shlex.quote(why)}; exit 1"
    return DVC + " exp run --temp --name as-of-{{ ds }} -S split.cutoff={{ ds }}"


def build() -> list[Any]:
    """Return the DAGs."""
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG

    seconds = float(os.environ.get("RML_NIGHTLY_RETRY_SECONDS", 300))
    every = {"cwd": str(ROOT), "on_failure_callback": alert}
    # DVC allows one run at a time in a working copy.
    alone: dict[str, Any] = {"max_active_runs": 1, "max_active_tasks": 1}
    alone |= {"catchup": False, "start_date": datetime(2000, 1, 1, tzinfo=UTC)}
    retry = {
        "retries": int(os.environ.get("RML_NIGHTLY_RETRIES", 1)),
        "retry_delay": timedelta(seconds=seconds),
    }
    when = os.environ.get("RML_NIGHTLY_SCHEDULE", "15 2 * * *") or None
    with DAG(NAME, schedule=when, default_args=every | retry, **alone) as nightly:
        # No stage can have a dot in its name. Exit code 3: results changed.
        script, code = "pipelines/nightly.sh", "|| [ $? = 3 ]"
        pull = BashOperator(task_id="nightly.pull", bash_command=f"{script} pull")
        push = BashOperator(
            task_id="nightly.push", bash_command=f"{script} push {code}"
        )
        stages = read_stages(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8")))
        repro = f"{DVC} --wait-for-lock repro --single-item "
        tasks = {
            name: BashOperator(task_id=name, bash_command=repro + shlex.quote(name))
            for name in stages
        }
        for name, needed in stages.items():
            [pull, *(tasks[other] for other in needed)] >> tasks[name] >> push
    split = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8")).get("split") or {}
    with DAG(f"{NAME}-as-of", schedule=None, default_args=every, **alone) as past:
        BashOperator(task_id="as-of", bash_command=cut(split.get("method")))
    return [nightly, past]


# Airflow finds DAGs among the names of a module.
if find_spec("airflow"):
    nightly_dag, as_of_dag = build()
