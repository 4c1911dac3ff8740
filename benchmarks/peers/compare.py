"""The pipeline beside others: `python benchmarks/peers/compare.py ROWS REPEATS [WAY]`.

Runs the stages of dvc.yaml on a generated table by DVC, as commands in a shell, by Make
and Snakemake, and in one process, bare, by Kedro and by Prefect: cold, with nothing to
do, and after a changed `train` parameter, all in turn. What each writes is compared.
Prints medians and their ratios to DVC as Markdown.

Kedro, Prefect and Snakemake get environments of their own, with the project's versions
of what the stages need. `PEERS=folder` keeps them for the next time.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import yaml
from tqdm import tqdm

from reproducible_ml.core.dependencies import StageDependencies, read_stages
from reproducible_ml.core.inputs import hash_path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(FOLDER.parent))

from run import change_train, make_cold, make_project  # noqa: E402

# What the stages need.
SAME = (
    *("joblib", "numpy", "pandas", "pyarrow", "pydantic", "pyyaml", "ruamel.yaml"),
    *("scikit-learn", "scipy", "skops", "threadpoolctl", "tqdm"),
)
PEERS = {
    "kedro": ("kedro==1.7.0", *SAME),
    "prefect": ("prefect==3.9.1", *SAME),
    "snakemake": ("snakemake==9.27.1",),
}
# What they remember of earlier runs, besides what `make_cold` removes.
MEMORY = (".snakemake", ".prefect")
ENVIRONMENT = {
    # Else threads spin while they wait for each other, and what is measured is how many
    # other programs run.
    "OMP_WAIT_POLICY": "passive",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
KEDRO = {
    "pyproject.toml": """
[tool.kedro]
package_name = "peer"
project_name = "peer"
kedro_init_version = "1.7.0"
source_dir = "kedro"
""",
    "kedro/peer/__init__.py": "",
    "kedro/peer/settings.py": "",
    "kedro/peer/pipeline_registry.py": """
from flow import kedro_pipeline

def register_pipelines():
    return {"__default__": kedro_pipeline(), "from_train": kedro_pipeline("train")}
""",
    "conf/base/catalog.yml": "",
    "conf/local/.keep": "",
}


class Way(NamedTuple):
    """A way to run the pipeline.

    Attributes:
        command: Arguments; the first names a program.
        peer: Whose environment has it; empty: the project's.
        remembers: Whether it leaves out what did not change.
        by_hand: Arguments after a changed parameter, from who knows what to run again.
    """

    command: list[str]
    peer: str = ""
    remembers: bool = False
    by_hand: tuple[str, ...] = ()


# Without checking params.yaml, while which it starts ahead if that changed.
RML = """
rml() { python -P -m reproducible_ml.versioning.dvc "$@" repro; }
if [ params.yaml -nt dvc.lock ] || [ ! -e models/model.skops ]
then printf 1 | rml --after 0
else rml
fi
"""
WAYS = {
    "dvc": Way(["dvc", "repro"], remembers=True),
    "rml repro": Way(["sh", "-c", RML], remembers=True),
    "shell": Way(["sh", "-e", "stages.sh"]),
    "make": Way(["make"], remembers=True),
    "snakemake": Way(["snakemake", "-q", "all", "-call"], "snakemake", remembers=True),
    "one process": Way(["python", str(FOLDER / "flow.py"), "one"]),
    "kedro": Way(["kedro", "run"], "kedro", by_hand=("--pipeline", "from_train")),
    "prefect": Way(["python", str(FOLDER / "flow.py"), "prefect"], "prefect"),
}


def install(folder: Path, peers: Iterable[str]) -> None:
    """Make the environment of each peer, if it is not there."""
    for name in peers:
        environment = folder / name
        if (environment / "ready").exists():
            continue
        python = str(environment / "bin/python")
        pins = [p if "=" in p else f"{p}=={version(p)}" for p in PEERS[name]]
        made = ["uv", "venv", "-q", "--clear", "--python", sys.executable]
        subprocess.run([*made, str(environment)], check=True)
        installed = ["uv", "pip", "install", "-q", "--compile-bytecode", *pins]
        subprocess.run([*installed, "--python", python], check=True)
        (environment / "ready").touch()


def write_recipes(folder: Path) -> None:
    """Write what each way but DVC runs, from dvc.yaml, into the copy of a project."""
    stages = read_stages(folder)
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    commands = [stage.command for stage in stages.values()]
    (folder / "stages.sh").write_text("\n".join(commands) + "\n")
    last = " ".join(map(str, [*stages.values()][-1].outputs))
    rules, snake = [f"all: {last}\n"], ["configfile: 'params.yaml'\n"]
    snake.append(f"rule all:\n  input: {last.split()}\n")
    for name, stage in stages.items():
        reads = read_files(stage, folder)
        writes = " ".join(map(str, stage.outputs))
        # A file of parameters is as changed as its date: all that read it run again.
        needs = [*reads, "params.yaml"] if pipeline[name].get("params") else reads
        rules.append(f"{writes} &: {' '.join(needs)}\n\t{stage.command}\n")
        outputs = ", ".join(
            f"directory({str(path)!r})" if not path.suffix else repr(str(path))
            for path in stage.outputs
        )
        values = [f"{key!r}: {lookup(key)}" for key in pipeline[name].get("params", [])]
        # Snakemake sets OMP_NUM_THREADS to the threads of a rule, which are one.
        snake.append(
            f"rule {name}:\n  input: {reads}\n  output: {outputs}\n"
            f"  params: values={{{', '.join(values)}}}\n"
            f"  threads: workflow.cores\n  shell: {stage.command!r}\n"
        )
    (folder / "Makefile").write_text("\n".join(rules))
    (folder / "Snakefile").write_text("\n".join(snake))
    for name, text in KEDRO.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(before + text)


def read_files(stage: StageDependencies, folder: Path) -> list[str]:
    """Return what a stage depends on, with folders of code as their files."""
    files: list[str] = []
    for path in stage.paths:
        inside = sorted((folder / path).rglob("*.py"))
        files += [str(file.relative_to(folder)) for file in inside] or [str(path)]
    return files


def lookup(key: str) -> str:
    """Return how a Snakefile names a parameter."""
    return "config" + "".join(f"[{part!r}]" for part in key.split("."))


def settings(way: Way, folder: Path, peers: Path) -> dict[str, str]:
    """Return the variables of the environment in which a way is run."""
    programs = [peers / way.peer / "bin"] if way.peer else []
    # Commands of the stages need the project's Python, also under Snakemake.
    path = [ROOT / ".venv/bin", *programs] if way.peer == "snakemake" else programs
    code = [folder / "code", folder / "toolkit/src", folder / "kedro", FOLDER]
    variables = {
        **os.environ,
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(map(str, code)),
        "PATH": os.pathsep.join(
            map(str, [*path, ROOT / ".venv/bin", os.environ["PATH"]])
        ),
        "DVC_SITE_CACHE_DIR": str(folder / ".site"),
        "PREFECT_HOME": str(folder / ".prefect"),
    }
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def measure(
    way: Way, folder: Path, peers: Path, further: Iterable[str] = ()
) -> tuple[float, float]:
    """Return the seconds of a run, and those of processor time."""
    before, start = processor_seconds(), time.perf_counter()
    done = subprocess.run(
        [*way.command, *further],
        cwd=folder,
        env=settings(way, folder, peers),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{way.command}\n{done.stdout}{done.stderr}")
    return seconds, processor_seconds() - before


def processor_seconds() -> float:
    """Return the processor time of the processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def written(folder: Path) -> dict[str, str]:
    """Return the hash of each file that a stage wrote."""
    outputs = [path for stage in read_stages(folder).values() for path in stage.outputs]
    files = [file for path in outputs for file in [path, *(folder / path).rglob("*")]]
    # Snakemake leaves a hidden file in each folder.
    return {
        str(file): hash_path(folder / file)
        for file in files
        if (folder / file).is_file() and not file.name.startswith(".")
    }


Figures = dict[str, dict[str, list[tuple[float, float]]]]


def measure_all(
    folder: Path, peers: Path, ways: dict[str, Way], repeats: int
) -> Figures:
    """Return the figures of each run by situation and way."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    first = (folder / "params.yaml").read_text()
    expected: dict[str, str] = {}
    for repeat in tqdm(range(repeats), "repeats"):
        for name, way in ways.items():
            make_cold(folder)
            for memory in MEMORY:
                shutil.rmtree(folder / memory, ignore_errors=True)
            figures["cold"][name].append(measure(way, folder, peers))
            found = written(folder)
            expected = expected or found
            if found != expected:
                sys.exit(f"{name}: other results: {found.items() ^ expected.items()}")
            if name == "prefect":
                continue
            if way.remembers:
                figures["nothing to do"][name].append(measure(way, folder, peers))
            if way.remembers or way.by_hand:
                change_train(folder, repeat + 1)
                figures["changed"][name].append(
                    measure(way, folder, peers, way.by_hand)
                )
                (folder / "params.yaml").write_text(first)
    return figures


def table(figures: Figures) -> str:
    """Return medians, and ratios of each round to DVC, as Markdown."""
    lines = ["| run | by | seconds | processor | ratio to DVC | min | max |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for situation, ways in figures.items():
        for name, runs in ways.items():
            ratios = [
                seconds / dvc
                for (seconds, _), (dvc, _) in zip(runs, ways["dvc"], strict=True)
            ]
            seconds, processor = (
                statistics.median(column) for column in zip(*runs, strict=True)
            )
            lines.append(
                f"| {situation} | {name} | {seconds:.2f} | {processor:.2f} |"
                f" {statistics.median(ratios):.2f} |"
                f" {min(ratios):.2f} | {max(ratios):.2f} |"
            )
    return "\n".join(lines)


def main(rows: int, repeats: int, names: list[str]) -> None:
    """Print the figures."""
    chosen = {name: WAYS[name] for name in dict.fromkeys(["dvc", *(names or WAYS)])}
    with tempfile.TemporaryDirectory() as temporary:
        peers = Path(os.environ.get("PEERS", temporary)).resolve()
        install(peers, {way.peer for way in chosen.values() if way.peer})
        folder = Path(temporary) / "project"
        make_project(folder, rows, ROOT)
        write_recipes(folder)
        figures = measure_all(folder, peers, chosen, repeats)
    sys.stdout.write(f"{rows} rows, {repeats} repeats\n\n{table(figures)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int([*sys.argv, "5"][2]), sys.argv[3:])
