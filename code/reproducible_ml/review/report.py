"""What a change does, for its reviewers.

Compares the results in the working tree with those of a base commit, checks that they
are what is committed, and asks the gates of params.yaml. Writes reports/report.md and
prints it without the pictures. Run it after `make repro`. It fails, after the report is
written, if results did not come back or a gate does not let the change pass.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from reproducible_ml.errors import told_errors
from reproducible_ml.files import write_text
from reproducible_ml.review.lock import find_root
from reproducible_ml.review.markdown import code
from reproducible_ml.review.review import make_review
from reproducible_ml.review.revisions import find_base
from reproducible_ml.review.sections import pictures, sections
from reproducible_ml.review.terminal import print_whatever_it_is, show_in_terminal

REPORT = "reports/report.md"

# A comment on GitHub holds 65,536 characters.
BYTES = 60_000

LEFT_OUT = "Parts were left out, as the report would be too long for a comment."


def fitted(parts: Iterable[str], size: int = BYTES) -> str:
    """Join parts, and leave out those that do not fit into so many bytes."""
    kept = []
    room = size - len(LEFT_OUT) - 1
    wanted = [*filter(None, parts)]
    for part in wanted:
        needed = len(part.encode()) + 2
        if needed <= room:
            kept.append(part)
            room -= needed
    return "\n\n".join([*kept, *([LEFT_OUT] if len(kept) < len(wanted) else [])]) + "\n"


def described(root: Path, commit: str | None, wanted: str | None) -> str:
    """Return words for the base."""
    if commit is None:
        return "nothing, as there is no commit before"
    log = ["git", "-C", str(root), "log", "-1", "--format=%s", commit]
    subject = subprocess.check_output(log, encoding="utf-8", errors="replace").strip()
    name = f" ({code(wanted)})" if wanted else ""
    return f"{code(commit[:10])}{name}, {code(subject)}"


def main() -> None:
    """Write and print the report; exit with 1 if something is against the change."""
    usage = "make report [BASE=commit] [OFFLINE=1], or with the options below"
    parser = argparse.ArgumentParser(usage=usage, description=__doc__)
    parser.add_argument(
        "--base", help="branch, tag or commit; else where main was left"
    )
    parser.add_argument(
        "--offline", action="store_true", help="do not ask the remote storage"
    )
    asked = parser.parse_args()
    print_whatever_it_is()
    with told_errors():
        root = find_root()
        base = find_base(root, asked.base)
        review = make_review(root, base, offline=asked.offline)
        words = [*sections(review, described(root, base, asked.base))]
        write_text(fitted([*words, *pictures(review)]), root / REPORT)
    show_in_terminal(fitted(words), f"With plots: {REPORT}\n")
    sys.exit(not review.passed)


if __name__ == "__main__":
    main()
