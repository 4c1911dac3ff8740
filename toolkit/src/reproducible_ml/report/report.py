"""What a change does, for its reviewers.

Compares the results in the working tree with those of a base commit, checks that they
are what is committed, and asks the gates of params.yaml. Writes reports/report.md and
prints it without the pictures. Run it after `make repro`. It fails, after the report is
written, if results did not come back or a gate does not let the change pass.
"""

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

# A comment on GitHub holds 65,536 characters.
BYTES = 60_000

SHORTENED = "Parts were left out, as the report would be too long for a comment."


def fit_comment(parts: Iterable[str], size: int = BYTES) -> str:
    """Join parts, and leave out those that do not fit into so many bytes."""
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
    """Return words for the base."""
    if commit is None:
        return "nothing, as there is no commit before"
    log = ["git", "-C", str(root), "log", "-1", "--format=%s", commit]
    subject = subprocess.check_output(log, encoding="utf-8", errors="replace").strip()
    name = f" ({code(wanted)})" if wanted else ""
    return f"{code(commit[:10])}{name}, {code(subject)}"


def write_report(project: Project, wanted: str | None, *, offline: bool) -> bool:
    """Write reports/report.md, print it without pictures, and say whether all is well.

    Args:
        project: The repository, after `dvc repro`.
        wanted: Branch, tag or commit to compare with; None: where main was left.
        offline: Do not ask the remote storage.
    """
    root = project.root
    base = find_base(root, wanted)
    review = make_review(project, base, offline=offline)
    words = [*sections(review, describe_base(root, base, wanted))]
    write_text(fit_comment([*words, *pictures(review)]), root / REPORT)
    show_in_terminal(fit_comment(words), f"With plots: {REPORT}\n")
    return review.passed
