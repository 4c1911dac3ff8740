"""`rml compare`: how two versions differ, in the tables of a pull request's report."""

from reproducible_ml.core.project import Project
from reproducible_ml.registry.tags import find_version, read_registry
from reproducible_ml.report import changes
from reproducible_ml.report.markdown import show_in_terminal
from reproducible_ml.report.report import groups, metrics
from reproducible_ml.report.results import (
    NO_RESULTS,
    compare,
    pair,
    read_results,
    section,
)
from reproducible_ml.report.review import known_metrics
from reproducible_ml.versioning.git import Revision


def compare_models(project: Project, old: str, new: str) -> None:
    """Print how two versions differ: metrics with paired intervals, and why.

    Args:
        project: The repository.
        old: A version, `latest`, or a stage.
        new: Another one.
    """
    root = project.root
    registry = read_registry(root)
    base, head = (find_version(registry, name) for name in (old, new))
    before, after = (Revision(root, version.commit) for version in (base, head))
    was, now = read_results(before), read_results(after)
    known = known_metrics(project, section(now.params, "data").get("task", "binary"))
    wanted = section(now.params, "evaluate").get("metrics") or []
    main = section(now.params, "gate").get("metric") or (wanted or [""])[0]
    found = compare(was, now, known, wanted)
    pairing = pair(was, now)
    same = was if pairing.kind != "none" else NO_RESULTS
    parts = [
        f"**{head.name}** compared with **{base.name}** (the base).",
        "" if pairing.kind == "paired" else f"**Warning**: {pairing.note}",
        metrics(was, now, found, known) if found else "Neither has metrics.",
        changes.params(was, now),
        changes.tables(before, after, was, now),
        changes.stages(was, now),
        changes.packages(before, after),
        groups(same, now, main, known),
    ]
    show_in_terminal("\n\n".join(filter(None, parts)))
