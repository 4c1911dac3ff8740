"""Run the pipeline, then draw and print its results: `rml repro`."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from reproducible_ml.core.params import PARAMS, parse_params
from reproducible_ml.core.project import CONTRACT, Project
from reproducible_ml.core.unchanged import Stamp, content_hash
from reproducible_ml.versioning.git import run_git

# Where hashes are remembered; DVC keeps its own temporary files beside it.
STAMPS = Path(".dvc/tmp/rml")

OVERVIEW = Path("reports/overview.png")
SEARCH = Path("reports/search.png")
PLOTS = Path("reports/plots")
TRIALS = Path("reports/search.csv")
EVALUATION = Path("reports/evaluation.json")


def reproduce(project: Project, targets: Sequence[str], *, force: bool) -> None:
    """Check params.yaml, run `dvc repro`, and draw and print what it made.

    The current folder is the project's root.
    """
    check_params(project)
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    done = subprocess.run([*command, *(["--force"] if force else [])], check=False)
    if done.returncode:
        if removed := run_git(project.root, "ls-files", "--deleted", "reports"):
            count = len(removed.splitlines())
            sys.stderr.write(
                f"DVC removed the reports of the failed stage ({count} files). The next"
                " run that succeeds writes them again. Or: git restore reports\n"
            )
        from reproducible_ml.doctor.doctor import hints

        # DVC's own words for a damaged file do not name the way out.
        sys.stderr.write("".join(f"{line}\n" for line in hints(project)))
        sys.exit(1)
    if not targets:
        show_results(project)


def check_params(project: Project) -> None:
    """Check params.yaml as a whole, unless nothing changed since it was valid.

    To check it, all stages are imported, which takes two seconds.
    """
    stamp = Stamp(STAMPS / "params")
    code = sorted(Path("code").rglob("*.py"))
    current = content_hash(
        [PARAMS, CONTRACT, *code, Path(__file__).parent / "__init__.py"]
    )
    if not stamp.matches(current):
        project.check()
        stamp.save(current)


def show_results(project: Project) -> None:
    """Draw the pictures whose tables changed, and print the metrics."""
    from reproducible_ml.modeling.drawing.summary import print_summary

    sections = parse_params(PARAMS.read_text("utf-8"))
    task = sections["data"].get("task", "binary")
    search = (sections["train"].get("search") or {}).get("metric")
    tables = sorted(PLOTS.glob("*.csv"))
    if _is_outdated(OVERVIEW, tables):
        from reproducible_ml.modeling.drawing.draw import draw_plots

        draw_plots(PLOTS, OVERVIEW, task)
        _drawn(OVERVIEW, tables)
    searched = TRIALS.is_file() and len(TRIALS.read_text("utf-8").splitlines()) > 1
    if searched and _is_outdated(SEARCH, [TRIALS]):
        from reproducible_ml.modeling.drawing.draw import draw_search

        draw_search(TRIALS, SEARCH, search)
        _drawn(SEARCH, [TRIALS])
    print_summary(EVALUATION, task)
    sys.stdout.write(
        f"Groups of rows: {EVALUATION}\n"
        f"Plots: {OVERVIEW} (picture), {PLOTS} (numbers),"
        " `dvc plots show` (interactive)\n"
    )
    if searched:
        sys.stdout.write(f"Search: {SEARCH} (picture), {TRIALS} (numbers)\n")
    sys.stdout.flush()
    if sections.get("tracking", "none") != "none":
        from reproducible_ml.tracking.server import track

        track(project)


def _is_outdated(picture: Path, tables: list[Path]) -> bool:
    stamp = Stamp(STAMPS / picture.name)
    return not picture.is_file() or not stamp.matches(content_hash(tables))


def _drawn(picture: Path, tables: list[Path]) -> None:
    Stamp(STAMPS / picture.name).save(content_hash(tables))
