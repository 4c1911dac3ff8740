"""Where the time of a cold run goes: `python benchmarks/peers/where.py ROWS [REPEATS]`.

Runs `dvc repro` cold, then each stage alone under `python -X importtime`. Prints, for
each stage, its processor time, what of it is imports, of which packages, and the rest,
its own work; then what DVC takes besides the stages. Medians, as Markdown.

Processor time, as other programs disturb it less; several threads add up.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from compare import ROOT, WAYS, measure, processor_seconds, settings
from run import make_cold, make_project

from reproducible_ml.core.dependencies import read_stages
from reproducible_ml.core.resources import LOG

# The lines of `-X importtime`: own microseconds, those with what it imports, name.
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| \s*([\w.]+)")
SHOWN = 6


def import_seconds(command: str, folder: Path) -> tuple[Counter[str], float]:
    """Return the seconds of a stage's imports by package, and of its processors."""
    variables = settings(WAYS["shell"], folder, folder)
    arguments = command.replace("python ", "python -X importtime ", 1).split()
    before = processor_seconds()
    done = subprocess.run(
        arguments, cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    used = processor_seconds() - before
    found: Counter[str] = Counter()
    for own, name in LINE.findall(done.stderr):
        package = name.partition(".")[0].lstrip("_")
        known = package in sys.stdlib_module_names or f"_{package}" == name
        found["Python" if known else package] += int(own)
    return Counter({name: value / 1e6 for name, value in found.items()}), used


def main(rows: int, repeats: int) -> None:
    """Print the table."""
    whole, stages = [], defaultdict(list)
    imports: dict[str, list[Counter[str]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        make_project(folder, rows, ROOT)
        for _ in range(repeats):
            make_cold(folder)
            whole.append(measure(WAYS["dvc"], folder, folder))
            for line in (folder / LOG).read_text().splitlines():
                usage = json.loads(line)
                stages[usage["names"][0]].append(
                    (usage["seconds"], usage["cpu_seconds"])
                )
            for name, stage in read_stages(folder).items():
                imports[name].append(import_seconds(stage.command, folder)[0])
    lines = [
        "| stage | seconds | processor | imports | own work | imports, longest first |"
    ]
    lines += ["| --- | ---: | ---: | ---: | ---: | --- |"]
    sums = [0.0, 0.0, 0.0]
    for name, runs in stages.items():
        seconds, used = (
            statistics.median(column) for column in zip(*runs, strict=True)
        )
        loaded = statistics.median(found.total() for found in imports[name])
        middle = sorted(imports[name], key=Counter.total)[repeats // 2]
        longest = ", ".join(f"{n} {s:.2f}" for n, s in middle.most_common(SHOWN))
        lines.append(
            f"| {name} | {seconds:.2f} | {used:.2f} | {loaded:.2f} |"
            f" {used - loaded:.2f} | {longest} |"
        )
        sums = [s + v for s, v in zip(sums, (seconds, used, loaded), strict=True)]
    seconds, used = (statistics.median(column) for column in zip(*whole, strict=True))
    lines += [
        f"| all stages | {sums[0]:.2f} | {sums[1]:.2f} | {sums[2]:.2f} |"
        f" {sums[1] - sums[2]:.2f} | |",
        f"| DVC besides | {seconds - sums[0]:.2f} | {used - sums[1]:.2f} | | | |",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int([*sys.argv, "3"][2]))
