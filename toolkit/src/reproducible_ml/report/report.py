"""`rml report`: write reports/report.md, what a change does, for its reviewers."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.report.markdown import code, show_in_terminal
from reproducible_ml.report.review import make_review
from reproducible_ml.report.sections import pictures, sections
from reproducible_ml.versioning.git import find_base

REPORT = "reports/report.md"

# A comment on GitHub may have 65,536 characters.
BYTES = 60_000

SHORTENED = "Sections are left out: the report would be too long for a comment."


def fit_comment(parts: Iterable[str], size: int = BYTES) -> str:
    """Join sections; those that do not fit into `size` bytes are left out."""
    kept = []
    room = size - len(SHORTENED) - 1
    wanted = [*filter(None, parts)]
    for part in wanted:
        needed = len(part.encode()) + 2
        if needed <= room:
            kept.append(part)
            room -= needed
    return (
        "\n\n".join([*kept, *([SHORTENED] if len(kept) < len(wanted) else [])]) + "\n"
    )


def describe_base(root: Path, commit: str | None, wanted: str | None) -> str:
    """Return the base as text: hash, name and subject."""
    if commit is None:
        return "nothing: there is no commit before"
    log = ["git", "-C", str(root), "log", "-1", "--format=%s", commit]
    subject = subprocess.check_output(log, encoding="utf-8", errors="replace").strip()
    name = f" ({code(wanted)})" if wanted else ""
    return f"{code(commit[:10])}{name}, {code(subject)}"


def write_report(project: Project, wanted: str | None, *, offline: bool) -> bool:
    """Write reports/report.md, print it without diagrams, return whether it passes.

    Args:
        project: The repository, after `dvc repro`.
        wanted: Branch, tag or commit to compare with; None: where the branch left main.
        offline: Do not contact the remote storage.
    """
    root = project.root
    base = find_base(root, wanted)
    review = make_review(project, base, offline=offline, asked=bool(wanted))
    words = [*sections(review, describe_base(root, base, wanted))]
    write_text(fit_comment([*words, *pictures(review)]), root / REPORT)
    show_in_terminal(fit_comment(words), f"With plots: {REPORT}\n")
    return review.passed
