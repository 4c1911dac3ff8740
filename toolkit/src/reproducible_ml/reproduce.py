"""Run the pipeline, then draw and print its results: `rml repro`.

What changed since the last run is found by hashes of contents. Modification times are
not used: clocks may be wrong, and Git sets new times.
"""

import hashlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from reproducible_ml.core.dependencies import StageDependencies, read_stages
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS, parse_params
from reproducible_ml.core.project import CONTRACT, Project
from reproducible_ml.versioning.dvc import (
    DvcError,
    default_remote,
    missing_objects,
    read_pointer,
    run_dvc,
    running_commands,
)
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.once import Stamp, content_hash, repository_files
from reproducible_ml.versioning.repro import INTERRUPTED, Repro

# Where hashes are remembered; DVC keeps its own temporary files beside it.
STAMPS = Path(".dvc/tmp/rml")

OVERVIEW = Path("reports/overview.png")
SEARCH = Path("reports/search.png")
PLOTS = Path("reports/plots")
METRICS = Path("reports/metrics.json")
MANIFEST = Path("models/model.json")
CATALOG = Path("data/catalog.yaml")
GOVERNANCE = Path("docs/governance")
DRAWING = Path(__file__).parent / "modeling/drawing"
TRIALS = Path("reports/search.csv")

# What describes the table; to import where they are named takes longer than no run.
DESCRIBED = (Path("docs/data/dictionary.md"), Path("reports/profile/profile.json"))

# Rows times columns of the largest table that is profiled after each run: it takes a
# fraction of a second.
PROFILED = 500_000

EVALUATION = Path("reports/evaluation.json")

# What is imported when the pipeline has run.
AFTERWARDS = (
    "reproducible_ml.report.resources",
    "reproducible_ml.page.page",
    "ruamel.yaml",
    "concurrent.futures",
)


def reproduce(project: Project, targets: Sequence[str], *, force: bool) -> None:
    """Check params.yaml, run `dvc repro`, and draw and print what it made.

    The current folder is the project's root.
    """
    repro = Repro(*targets, *(["--force"] if force else []))
    with closing(repro):
        _reproduce(project, targets, repro)
    if not targets:
        show_results(project)


def _reproduce(project: Project, targets: Sequence[str], repro: Repro) -> None:
    check_params(project, repro)
    every = read_stages(Path())
    if any(CATALOG in stage.paths for stage in every.values()):
        warn_of_catalog(project)
    pull_tables({path for stage in every.values() for path in stage.paths})
    stages = {n: s for n, s in every.items() if s.in_git and s.outputs}
    before = {name: _dates(stage) for name, stage in stages.items()}
    start = time.time()
    rebuilt = {n for n, s in stages.items() if _lacks_data(s) or os.environ.get("CI")}
    # While DVC is busy: with nothing to do, that is a fifth of the time.
    threading.Thread(target=_import_ahead, daemon=True).start()
    _run_dvc(project, repro)
    again = [] if targets else [n for n in stages if n in rebuilt]
    again = [name for name in again if _dates(stages[name]) == before[name]]
    for name in again:
        sys.stdout.write(f"\n{name}: its results came from Git; it is run again\n")
    if again:
        sys.stdout.flush()
        _run_dvc(project, Repro("--force", "--single-item", *again))
    show_runs(project, start)


def _import_ahead() -> None:
    for name in AFTERWARDS:
        importlib.import_module(name)


def show_runs(project: Project, start: float) -> None:
    """Print what the stages took that ran since a time, if any did."""
    from reproducible_ml.report.resources import describe_runs, note_locked, read_price

    if runs := note_locked(Path(), start):
        sys.stdout.write(f"\n{describe_runs(runs, read_price(project))}\n")
        sys.stdout.flush()


def pull_tables(paths: Iterable[Path]) -> None:
    """Get the tables that Git has only the .dvc files of, as in a colleague's clone.

    Args:
        paths: What the stages depend on.

    Raises:
        UserError: A table can be had neither from the cache nor from a remote.
    """
    for table in sorted(path for path in paths if not path.exists()):
        pointer = table.with_name(f"{table.name}.dvc")
        if not pointer.exists():
            continue
        from reproducible_ml.versioning.tombstone import read_tombstones

        remote = default_remote(Path())
        sys.stdout.write(
            f"{table} is not in this clone: getting it from {remote or 'the cache'}\n"
        )
        sys.stdout.flush()
        # Before the command, as DVC does nothing for one that is empty.
        content = read_pointer(pointer)
        origins = content.get("deps") or [{}]
        digest = str((content.get("outs") or [{}])[0].get("md5", ""))
        if why := read_tombstones(Path()).why(missing_objects(Path(), digest)):
            raise UserError(f"{table}: {why}. Fix: switch to a commit of newer data")
        command = "pull" if remote else "checkout"
        try:
            run_dvc(command, str(pointer), cwd=Path(), shown=True)
        except DvcError as error:
            place = origins[0].get("path")
            if remote and "to be installed" in str(error):
                fix = f"{error}. Fix: run `make setup`, which installs it"
            elif remote:
                fix = (
                    f"{error}. Fix: check the address and the login (.cloud/README.md),"
                    " and that it was pushed there: `dvc push` in a clone that has it"
                )
            elif place:
                fix = f"Fix: run `rml data`, which reads {place} again"
            else:
                fix = (
                    "There is no remote to get it from. Fix: run `rml data PATH`, with"
                    f" the path of the same {table.name}; or set a remote for all"
                    " clones (.cloud/README.md)"
                )
            raise UserError(
                f"{table}: Git has its hash, not its rows. {fix}"
            ) from error


def _lacks_data(stage: StageDependencies) -> bool:
    """Return whether data are missing that the stage reads, as in a new clone.

    DVC makes them, but then skips a stage whose results are in Git: nobody would have
    checked that they are the results of these data.
    """
    return any(not path.exists() for path in stage.paths)


def _dates(stage: StageDependencies) -> list[int]:
    """Return when each output was written."""
    return [path.stat().st_mtime_ns for path in stage.outputs if path.exists()]


def _run_dvc(project: Project, repro: Repro) -> None:
    """Run `dvc repro`; if it fails or is interrupted, say what became of reports."""
    code = repro.run()
    if not code:
        return
    if code < 0:
        name = signal.Signals(-code).name
        sys.stderr.write(
            f"error: DVC was ended by {name} from outside, often for lack of memory."
            " Fix: `make repro` goes on with what is missing\n"
        )
    removed = run_git(project.root, "ls-files", "--deleted", "reports")
    # They may be those of another run, for which DVC refused this one.
    if removed and not running_commands(project.root):
        count = len(removed.splitlines())
        sys.stderr.write(
            f"DVC removed the reports of the stage that did not finish ({count} files)."
            " The next run that succeeds writes them again. Or: git restore reports\n"
        )
    if code == INTERRUPTED:
        sys.exit(code)
    from reproducible_ml.doctor.doctor import hints

    # DVC's own words for a damaged file do not name the way out.
    sys.stderr.write("".join(f"{line}\n" for line in hints(project)))
    sys.exit(1)


def check_params(project: Project, repro: Repro) -> None:
    """Check params.yaml as a whole, unless nothing changed since it was valid.

    To check it, all stages are imported, which takes two seconds. Meanwhile, DVC and
    the packages of stages are imported on another processor.
    """
    stamp = Stamp(STAMPS / "params")
    code = sorted(Path("code").rglob("*.py"))
    current = content_hash(
        [PARAMS, CONTRACT, *code, Path(__file__).parent / "__init__.py"]
    )
    if not stamp.matches(current):
        repro.start()
        project.check()
        stamp.save(current)


def warn_of_catalog(project: Project) -> None:
    """Check data/catalog.yaml, unless nothing changed since nothing was wrong.

    Raises:
        UserError: A line for each error, before anything runs.
    """
    stamp = Stamp(STAMPS / "catalog")
    pointers = sorted(Path("data/raw").glob("*.dvc"))
    read = [CATALOG, CONTRACT, PARAMS, Path("dvc.lock"), *pointers]
    current = content_hash([*read, Path(__file__).parent / "__init__.py"])
    if stamp.matches(current):
        return
    from reproducible_ml.adopt.catalog import check_catalog

    lines = check_catalog(project, before_run=True)
    for line in lines:
        sys.stderr.write(f"warning: {line}\n")
    if not lines:
        stamp.save(current)


def show_results(project: Project) -> None:
    """Draw the pictures whose tables changed, write the page, print the metrics."""
    from reproducible_ml.modeling.drawing.summary import print_summary

    sections = parse_params(PARAMS.read_text("utf-8"))
    task = sections["data"].get("task", "binary")
    search = (sections["train"].get("search") or {}).get("metric")
    estimator = (sections["train"].get("estimator") or {}).get("path", "")
    known = MANIFEST.is_file()
    manifest = json.loads(MANIFEST.read_text("utf-8")) if known else {}
    facts: dict[str, Any] = {
        "target": str(sections["data"].get("target", "")),
        "estimator": str(estimator).rpartition(".")[-1],
        "threshold": manifest.get("threshold"),
    }
    drawn = Drawn(OVERVIEW, [*sorted(PLOTS.glob("*.csv")), METRICS], facts)
    if drawn.is_outdated:
        from reproducible_ml.modeling.drawing.draw import draw_plots
        from reproducible_ml.modeling.drawing.style import Facts

        metrics = json.loads(METRICS.read_text("utf-8"))
        draw_plots(PLOTS, OVERVIEW, task, Facts(**facts, metrics=metrics))
        drawn.save()
    searched = TRIALS.is_file() and len(TRIALS.read_text("utf-8").splitlines()) > 1
    drawn = Drawn(SEARCH, [TRIALS], {"metric": search})
    if searched and drawn.is_outdated:
        from reproducible_ml.modeling.drawing.draw import draw_search

        draw_search(TRIALS, SEARCH, search)
        drawn.save()
    from reproducible_ml.page.page import PAGE, write_page

    describe_table(project)
    # The pipeline has just run, so nothing is out of date.
    write_page(project, [])
    print_summary(EVALUATION, task)
    sys.stdout.write(
        f"Groups of rows: {EVALUATION}\n"
        f"All results: {PAGE} (`rml show` opens it); {OVERVIEW}, {PLOTS}\n"
    )
    if searched:
        sys.stdout.write(f"Search: {SEARCH} (picture), {TRIALS} (numbers)\n")
    write_governance(project)
    sys.stdout.flush()
    if sections.get("tracking", "none") != "none":
        from reproducible_ml.tracking.track import track

        track(project)


def describe_table(project: Project) -> None:
    """Write dictionary and profile, unless what they are made of is the same."""
    stamp = Stamp(STAMPS / "described")
    code = sorted((Path(__file__).parent / "exploration").glob("*.py"))
    reports = sorted(Path("reports").glob("*.json"))
    read = [PARAMS, CONTRACT, CATALOG, Path("dvc.lock"), *reports, *DESCRIBED, *code]
    if stamp.matches(content_hash(read)):
        return
    from reproducible_ml.exploration.dictionary import DICTIONARY, write_dictionary
    from reproducible_ml.exploration.profile import refresh

    if write_dictionary(project.root):
        sys.stdout.write(f"\n{DICTIONARY} was written anew: commit it\n")
    with suppress(UserError):
        # The page says what is wrong.
        refresh(project.root, PROFILED)
    stamp.save(content_hash(read))


def write_documents(project: Project) -> None:
    """Write the pages that are made of what is in Git: dictionary and governance."""
    from reproducible_ml.exploration.dictionary import write_dictionary

    write_dictionary(project.root)
    write_governance(project, quiet=True)


def write_governance(project: Project, *, quiet: bool = False) -> None:
    """Write the pages of docs/governance/, unless nothing that they say changed.

    Args:
        project: The repository.
        quiet: Name only what was not written.
    """
    if not GOVERNANCE.is_dir():
        return
    try:
        names = [p.relative_to(project.root) for p in repository_files(project.root)]
    except UserError:
        # Without Git, all files count, and nobody knows what changed.
        names = []
    read = [
        path
        for path in names
        if path.parts[0] in ("docs", "data", "reports", "code") or len(path.parts) == 1
    ]
    own = sorted((Path(__file__).parent / "governance").glob("*.*"))
    stamp = Stamp(STAMPS / "governance")

    def state() -> str:
        listed = hashlib.sha256(repr(names).encode("utf-8", "replace")).hexdigest()
        return f"{content_hash([*read, *own])} {listed}"

    if names and stamp.matches(state()):
        return
    from reproducible_ml.governance.pages import write_pages

    try:
        written = write_pages(project)
    except UserError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"warning: {line}. {GOVERNANCE} was not written\n")
        return
    if not written:
        stamp.save(state())
    elif not quiet:
        listed = ", ".join(map(str, written))
        sys.stdout.write(f"Written: {listed}. Commit them with the results\n")


class Drawn:
    """What a picture was drawn from: tables, words in it, and the code that draws."""

    def __init__(
        self, picture: Path, tables: list[Path], words: dict[str, Any]
    ) -> None:
        self.picture = picture
        self.stamp = Stamp(STAMPS / picture.name)
        code = sorted(DRAWING.glob("*.py"))
        self.state = f"{content_hash([*tables, *code])} {json.dumps(words)}"

    @property
    def is_outdated(self) -> bool:
        """Return whether the picture is missing or was drawn from something else."""
        return not self.picture.is_file() or not self.stamp.matches(self.state)

    def save(self) -> None:
        """Remember what the picture was drawn from."""
        self.stamp.save(self.state)
