"""Simulate twelve weeks of a model in use, with real processes, and draw what happened.

    python pipelines/simulate.py --seeds 5 --picture toolkit/media/simulation.png

Each week, `rml serve` answers rows and gets their labels later, `rml monitor` compares
the rows with those of training, and `rml outcomes` the answers with the labels. If
`rml monitor` raises an alarm, `rml retrain` makes a branch, which is merged if its gate
is passed; `rml register` and `rml promote` make it a version in the stage prod, which
the service loads while it runs. Git, DVC and their remotes are real; only the world is
made up, and a week takes seconds.

In week 6, most machines get into a range of operating hours that is new to the model.
What can be known of them at best does not change. Without this shift, nothing may
happen: no alarm, no new model.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.adopt.yaml_files import edit_yaml

ROOT = Path(__file__).resolve().parents[1]
RML = (sys.executable, "-m", "reproducible_ml.cli")

WEEKS, SHIFT = 12, 6
# A week. Of so many rows, chance never moves a tenth, from which drift matters.
ROWS = 1_000
KEPT = 8  # weeks that a model is trained on: the newest ones
PAUSE = 3  # weeks from one retraining to the next
SHARE = 0.7  # of rows in the new range, from week 6 on

# Codes of `rml monitor`, `rml outcomes` and `rml retrain`.
DRIFT = 3


class Week(NamedTuple):
    """What is known of a week at its end.

    Attributes:
        number: From 1 on.
        auc: ROC AUC of what the service answered.
        error: Its standard error.
        monitor: Exit code of `rml monitor`; 3: an alarm.
        outcomes: Exit code of `rml outcomes`; 3: worse than when it was registered.
        version: The model that answered: 12 digits of its SHA-256.
        retrained: What `rml retrain` says, if it ran: passed, unclear, refused.
        first: ROC AUC of the model of week 1 for the same rows.
    """

    number: int
    auc: float
    error: float
    monitor: int
    outcomes: int
    version: str
    retrained: str | None = None
    first: float = float("nan")


def make_rows(week: int, seed: int, *, shifted: bool) -> pd.DataFrame:
    """Return the machines of a week, and whether they failed.

    The risk goes up and down with the operating hours, with a period of 60, so that
    the hours say as much in the new range, from 60 to 120, as in the old one.
    """
    random = np.random.default_rng([seed, week + 100])
    hours = random.uniform(0, 60, ROWS)
    new = random.random(ROWS) < SHARE
    if shifted and week >= SHIFT:
        hours += 60 * new
    load, warm = random.normal(50, 15, ROWS), random.normal(20, 8, ROWS)
    risk = 2.5 * np.sin(2 * np.pi * hours / 60) + (load - 50) / 12
    failed = random.random(ROWS) < 1 / (1 + np.exp(-risk))
    return pd.DataFrame(
        {
            "machine": [f"m{seed}-{week + 100}-{number:04}" for number in range(ROWS)],
            "hours": hours.round(2),
            "load": load.clip(1, 99).round(2),
            "temperature": warm.clip(-20, 60).round(1),
            "site": random.choice(["north", "south", "west"], ROWS),
            "failed": np.where(failed, "yes", "no"),
        }
    )


class Failure(Exception):
    """A command that has to succeed failed."""


class World:
    """A project, its remotes and its service, in a folder."""

    def __init__(self, folder: Path, seed: int, *, shifted: bool) -> None:
        self.seed, self.shifted = seed, shifted
        self.project, self.hub = folder / "machines", folder / "hub.git"
        self.storage, self.table = folder / "storage", folder / "machines.csv"
        self.served, self.first = folder / "served", folder / "first"
        self.log, self.feedback = folder / "log", folder / "feedback"
        self.notes = folder / "output.txt"
        code = [self.project / "code", self.project / "toolkit/src"]
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        self.variables = {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join(map(str, code)),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *command: str, codes: Sequence[int] = (0,)) -> int:
        """Run a command in the project, and return its exit code, one of `codes`."""
        with self.notes.open("a", encoding="utf-8") as notes:
            notes.write(f"\n$ {' '.join(command)}\n")
            notes.flush()
            code = subprocess.run(
                command,
                cwd=self.project,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=notes,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if code not in codes:
            last = "\n".join(self.notes.read_text("utf-8").splitlines()[-20:])
            raise Failure(f"{' '.join(command)} ended with {code}:\n{last}")
        return code

    def rml(self, *arguments: str, codes: Sequence[int] = (0,)) -> int:
        """Run `rml` in the project, as `run` does."""
        return self.run(*RML, *arguments, codes=codes)

    def output(self, *command: str) -> str:
        """Return what a command prints."""
        found = subprocess.check_output(
            command, cwd=self.project, env=self.variables, text=True
        )
        return found.strip()

    def collect(self, week: int) -> None:
        """Write the table at the end of a week: the newest KEPT weeks."""
        weeks = range(week - KEPT + 1, week + 1)
        rows = [make_rows(each, self.seed, shifted=self.shifted) for each in weeks]
        pd.concat(rows).to_csv(self.table, index=False)

    def prepare(self) -> None:
        """Make a project about the machines, train, register and promote its model."""
        copy_project(self.project)
        self.collect(0)
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.run("git", "config", "user.name", "Simulation")
        self.run("git", "config", "user.email", "simulation@example.org")
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "Template")
        self.rml("data", str(self.table), "--target", "failed")
        self.edit()
        storage = str(self.storage)
        self.run("dvc", "remote", "add", "--default", "storage", storage)
        self.rml("repro")
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "Machines")
        self.run("git", "init", "--quiet", "--bare", "-b", "main", str(self.hub))
        self.run("git", "remote", "add", "origin", str(self.hub))
        self.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
        self.run("dvc", "push", "--quiet")
        self.promote()
        shutil.copytree(self.served, self.first)

    def edit(self) -> None:
        """Say what people know: hours go on, what the model is for; score quickly."""
        for name, change in (
            ("data/schema.yaml", set_hours),
            ("params.yaml", score_quickly),
            ("docs/model_card.yaml", fill_in),
        ):
            with edit_yaml(self.project / name) as content:
                change(content)

    def promote(self) -> None:
        """Make the last commit a version in prod, and give it to the service."""
        self.rml("register", "--push")
        self.rml("promote", "latest", "prod", "--push")
        self.served.mkdir(exist_ok=True)
        tag = self.output(*RML, "models", "--here")
        for name in ("model.skops", "model.json"):
            # Each at once, as the service may look at any time.
            temporary = self.served / f".{name}"
            get = ("dvc", "get", str(self.hub), f"models/{name}", "--rev", tag)
            self.run(*get, "--force", "--out", str(temporary))
            temporary.replace(self.served / name)

    def retrain(self) -> str:
        """Retrain; what passed the gate is merged and promoted. Return the result."""
        self.rml("retrain", "--push", codes=(0, 3, 4))
        path = self.project / "monitoring/retrain.json"
        outcome = json.loads(path.read_text("utf-8"))
        if outcome["state"] == "passed":
            branch = outcome["branch"]
            self.run("git", "merge", "--quiet", "--ff-only", branch)
            self.run("git", "push", "--quiet", "origin", "main", f":{branch}")
            self.run("dvc", "checkout", "--quiet")
            self.promote()
        return str(outcome["state"])


def copy_project(folder: Path) -> None:
    """Copy what Git tracks or would track; the copy knows no remote."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".dvc/config").write_text("[core]\n    autostage = true\n")


def set_hours(schema: Any) -> None:
    """Let operating hours go on: the contract has the limit of the first weeks."""
    schema["columns"]["hours"]["in_range"] = {"min_value": 0.0, "max_value": 10_000.0}


def score_quickly(params: Any) -> None:
    """Leave out what takes time and is of no use here."""
    params["train"]["live_steps"] = 0
    params["evaluate"] |= {"replicates": 200, "importance_repeats": 1}
    params["evaluate"] |= {"dependence_columns": 0, "slices": {}}


def fill_in(card: Any) -> None:
    """Fill in the model card, without which no model becomes a version."""
    for name, value in card.items():
        card[name] = value or "A simulation."


class Service:
    """`rml serve`, which answers rows and takes their labels."""

    def __init__(self, world: World, process: "subprocess.Popen[str]") -> None:
        self.world, self.process, self.url = world, process, ""

    def post(self, route: str, content: Any, request: str) -> Any:
        """Send JSON, and return the JSON that comes back."""
        headers = {"content-type": "application/json", "x-request-id": request}
        data = json.dumps(content).encode()
        asked = urllib.request.Request(f"{self.url}{route}", data, headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def wait_for(self, version: str) -> None:
        """Wait until the service answers with a version of the model."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as answer:
                text = answer.read().decode()
            for line in text.splitlines():
                of_it = line.startswith("rml_model_info") and f'"{version}"' in line
                if of_it and line.endswith(" 1.0"):
                    return
            time.sleep(0.2)
        raise Failure(f"the service did not load {version}")


@contextmanager
def serving(world: World) -> Iterator[Service]:
    """Start the service on any free port, and end it."""
    variables = {
        "RML_SERVE_LOG_FOLDER": str(world.log),
        "RML_SERVE_LOG_SECONDS": "0.5",
        "RML_SERVE_FEEDBACK_FOLDER": str(world.feedback),
    }
    command = [*RML, "serve", "--model", str(world.served), "--port", "0"]
    errors = world.notes.with_name("service.txt")
    with (
        errors.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=world.project,
            env=world.variables | variables,
            stderr=file,
            text=True,
        ) as process,
    ):
        service = Service(world, process)
        try:
            service.url = _address(errors, process)
            yield service
        finally:
            process.terminate()


def _address(errors: Path, process: "subprocess.Popen[str]") -> str:
    """Return the address that the service says it listens on."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for line in errors.read_text("utf-8").splitlines():
            if "http://" in line:
                port = line.partition("http://127.0.0.1:")[2]
                digits = "".join(c for c in port[:6] if c.isdigit())
                return f"http://127.0.0.1:{digits}"
        time.sleep(0.2)
    raise Failure(f"the service did not start: {errors.read_text('utf-8')}")


def current(folder: Path) -> str:
    """Return the version of the model in a folder, as the service names it."""
    manifest = json.loads((folder / "model.json").read_text("utf-8"))
    return str(manifest["sha256"][:12])


def auc(rows: pd.DataFrame, scores: Any) -> tuple[float, float]:
    """Return the ROC AUC of probabilities of failure, and its standard error.

    Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143 (1982).
    """
    from sklearn.metrics import roc_auc_score

    failed = (rows["failed"] == "yes").to_numpy()
    area, yes, no = float(roc_auc_score(failed, scores)), failed.sum(), (~failed).sum()
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (yes - 1) * (one - area**2)
    variance += (no - 1) * (two - area**2)
    return area, float(np.sqrt(variance / (yes * no)))


def change(before: Sequence[Week], after: Sequence[Week]) -> tuple[float, float]:
    """Return the 95 % interval of the change of the mean ROC AUC between weeks."""
    sides = [np.array([[w.auc, w.error] for w in weeks]) for weeks in (before, after)]
    moved = sides[1][:, 0].mean() - sides[0][:, 0].mean()
    half = 1.96 * np.sqrt(
        sum((side[:, 1] ** 2).sum() / len(side) ** 2 for side in sides)
    )
    return float(moved - half), float(moved + half)


def live_a_week(world: World, service: Service, week: int, last: int) -> Week:
    """Let a week pass.

    Args:
        world: The project.
        service: Its service.
        week: Number of the week.
        last: Week of the last retraining.
    """
    rows = make_rows(week, world.seed, shifted=world.shifted)
    version = current(world.served)
    service.wait_for(version)
    since = datetime.now(UTC).isoformat(timespec="microseconds")
    request = f"week-{week}"
    asked = rows.drop(columns="failed").to_dict("records")
    answers = service.post("/predict", asked, request)["predictions"]
    labels = [
        {"request_id": request, "row": place, "label": label}
        for place, label in enumerate(rows["failed"])
    ]
    service.post("/feedback", labels, f"{request}-labels")
    time.sleep(1.5)  # until both are written
    scores = [answer["probability"] for answer in answers]
    log, codes = str(world.log), (0, 3, 4)
    monitor = world.rml("monitor", log, "--since", since, codes=codes)
    outcome = ("outcomes", str(world.feedback), "--log", log, "--since", since)
    outcomes = world.rml(*outcome, codes=codes)
    retrained = None
    if monitor == DRIFT and week - last >= PAUSE:
        world.collect(week)
        retrained = world.retrain()
    return Week(week, *auc(rows, scores), monitor, outcomes, version, retrained)


def with_first_model(world: World, weeks: Sequence[Week]) -> list[Week]:
    """Return the weeks with the ROC AUC that the model of week 1 would have had."""
    source, answers = (
        world.table.with_name(name) for name in ("all.csv", "answers.csv")
    )
    numbers = [week.number for week in weeks]
    rows = [make_rows(each, world.seed, shifted=world.shifted) for each in numbers]
    pd.concat(rows).drop(columns="failed").to_csv(source, index=False)
    model = ("--model", str(world.first))
    world.rml("predict", str(source), "--output", str(answers), *model)
    scores = np.split(pd.read_csv(answers)["probability"].to_numpy(), len(weeks))
    return [
        week._replace(first=auc(part, found)[0])
        for week, part, found in zip(weeks, rows, scores, strict=True)
    ]


def simulate(folder: Path, seed: int, *, shifted: bool) -> list[Week]:
    """Let all weeks pass, and return what is known of them; it is kept in the folder.

    Raises:
        Failure: A command that has to succeed failed.
    """
    kept = folder / "weeks.json"
    if kept.is_file():
        return [Week(**week) for week in json.loads(kept.read_text("utf-8"))]
    folder.mkdir(parents=True)
    world = World(folder, seed, shifted=shifted)
    world.prepare()
    weeks: list[Week] = []
    last = -WEEKS
    with serving(world) as service:
        for number in range(1, WEEKS + 1):
            week = live_a_week(world, service, number, last)
            last = number if week.retrained else last
            weeks.append(week)
            sys.stderr.write(f"seed {seed}, shift {shifted}: {week}\n")
    weeks = with_first_model(world, weeks)
    found = [week._asdict() for week in weeks]
    kept.write_text(json.dumps(found, indent=1), "utf-8")
    return weeks


def draw(runs: dict[bool, list[list[Week]]], picture: Path) -> None:
    """Draw the ROC AUC of each week, with and without the shift; alarms as dots."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, sides = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
    titles = {True: "The world shifts in week 6", False: "No shift"}
    for axes, shifted in zip(sides, (True, False), strict=True):
        numbers = range(1, WEEKS + 1)
        every = runs[shifted]
        for name, colour, kind in (
            ("auc", "#388bfd", "with retraining"),
            ("first", "#8c959f", "the first model"),
        ):
            values = np.array([[getattr(w, name) for w in weeks] for weeks in every])
            axes.plot(numbers, values.T, color=colour, linewidth=0.6, alpha=0.5)
            axes.plot(numbers, values.mean(axis=0), color=colour, label=kind)
        alarms = [w for weeks in every for w in weeks if w.monitor == DRIFT]
        axes.scatter(
            [w.number for w in alarms],
            [w.auc for w in alarms],
            color="#e8590c",
            s=14,
            zorder=3,
            label="alarm of rml monitor",
        )
        axes.set(title=titles[shifted], xlabel="week", xticks=[*numbers])
    sides[0].set_ylabel("ROC AUC of the week's answers")
    sides[0].legend(loc="lower left", frameon=False)
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Run the simulations that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1, help="number of worlds")
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="of what they leave; finished ones are kept",
    )
    parser.add_argument("--picture", type=Path, help="PNG to draw")
    parser.add_argument("--jobs", type=int, default=1, help="worlds at a time")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    wanted = [
        (seed, shifted) for seed in range(chosen.seeds) for shifted in (True, False)
    ]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        found = [
            pool.submit(simulate, folder / f"{seed}-{shifted}", seed, shifted=shifted)
            for seed, shifted in wanted
        ]
        runs: dict[bool, list[list[Week]]] = {True: [], False: []}
        for (_, shifted), future in zip(wanted, found, strict=True):
            runs[shifted].append(future.result())
    if chosen.picture:
        draw(runs, chosen.picture)


if __name__ == "__main__":
    main()
