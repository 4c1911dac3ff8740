"""What a change does, for its reviewers.

Compares the results in the working tree with those of a base commit, checks that they
are what is committed, and asks the gates of params.yaml. Writes reports/report.md and
prints it without the pictures. Run it after `make repro`. It fails, after the report is
written, if results did not come back or a gate does not let the change pass.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from reproducible_ml.errors import UserError
from reproducible_ml.files import write_text
from reproducible_ml.models.summary import show
from reproducible_ml.review import changes, data, groups, plots
from reproducible_ml.review.compare import Change, pair
from reproducible_ml.review.graph import graph
from reproducible_ml.review.lock import find_root
from reproducible_ml.review.markdown import code, table
from reproducible_ml.review.results import NOTHING, section
from reproducible_ml.review.review import Review, make_review
from reproducible_ml.review.revisions import find_base

REPORT = "reports/report.md"

# A comment on GitHub holds 65,536 characters.
BYTES = 60_000

LEFT_OUT = "(Left out, as the report would be too long for a comment.)"

HOLDS = {True: "yes", False: "**no**", None: "not looked at"}


def verdict(review: Review) -> str:
    """Return in one line whether results came back and the gate lets them pass."""
    names = ", ".join(gate.name for gate in review.failed)
    gate = f"Gate failed: {names}." if names else "Gate passed."
    return f"**{review.truth.words} {gate}**"


def reasons(review: Review) -> Iterator[str]:
    """Yield what differs from the commit, and what to do."""
    found = review.truth.reasons
    more = [f"… and {len(found) - 15} more"] if len(found) > 15 else []
    yield "\n".join(f"- {reason}" for reason in [*found[:15], *more])
    if review.truth.fix:
        yield f"Fix: {review.truth.fix}."


def gates(review: Review) -> str:
    """Return a table of all conditions."""
    rows = [[gate.name, HOLDS[gate.passed], gate.words] for gate in review.gates]
    text = table(["gate", "holds", "why"], rows)
    asked = [section(results.params, "gate") for results in (review.old, review.new)]
    if asked[0] and asked[0] != asked[1]:
        text += "\n\n**The gate itself was changed**: see the parameters."
    return text


def metrics(review: Review) -> str:
    """Return a table of all metrics at the base and now."""
    titles = ["metric", "base", "now", "change", "95 % interval", "verdict"]
    rows = [_cells(change, review) for change in review.changes]
    note = f"{pair(review.old, review.new).words} ↑ higher is better, ↓ lower is."
    return f"{table(titles, rows)}\n\n{note}"


def _cells(change: Change, review: Review) -> list[str]:
    metric = review.metrics.get(change.name)
    arrow = "" if metric is None else " ↑" if metric.greater_is_better else " ↓"
    cells = [f"{code(change.name)}{arrow}", show(change.base), show(change.head)]
    if change.base is None or change.head is None:
        return [*cells, "-", "-", change.verdict]
    moved = groups.signed(change.head - change.base)
    return [*cells, moved, groups.ends(change.interval), change.verdict]


def comparable(review: Review) -> Review:
    """Return the review without results at the base that answer another question."""
    other = pair(review.old, review.new).kind == "none"
    return review._replace(old=NOTHING) if other else review


def sections(review: Review, base: str) -> Iterator[str]:
    """Yield the parts of the report that are words and tables."""
    yield verdict(review)
    yield f"Compared with {base}."
    yield from reasons(review)
    yield gates(review)
    yield "### Metrics"
    yield metrics(review)
    if review.base is None or not review.old.lock:
        yield "### Parameters, data, code"
        yield "The base has no pipeline: everything is new."
    else:
        yield "### Parameters, data, code"
        yield changes.params(review.old, review.new)
        yield data.tables(review.base, review.head, review.old, review.new)
        yield data.contract(review.base, review.head)
        yield changes.stages(review.old, review.new)
        yield changes.packages(review.base, review.head)
    yield "### Groups of rows"
    same = comparable(review)
    yield groups.groups(same.old, same.new, same.metric, same.metrics)


def pictures(review: Review) -> Iterator[str]:
    """Yield the parts of the report that have to be drawn."""
    yield "### Plots"
    nothing = review.head._replace(root=Path("/nonexistent"))
    base = review.base if comparable(review).old is not NOTHING else None
    yield from plots.draw(base or nothing, review.head)
    yield graph(review.head.root)


def fitted(parts: Iterable[str], size: int = BYTES) -> str:
    """Join parts, and leave out those that do not fit into so many bytes."""
    text = ""
    for part in filter(None, parts):
        room = size - len(text.encode()) - len(LEFT_OUT) * 2
        text += f"{part if len(part.encode()) < room else LEFT_OUT}\n\n"
    return text.replace(f"{LEFT_OUT}\n\n" * 2, f"{LEFT_OUT}\n\n")


def show_in_terminal(text: str) -> None:
    """Print Markdown for people; as wide as the terminal, or as a log in CI allows."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(Markdown(text))


def described(root: Path, commit: str | None, wanted: str | None) -> str:
    """Return words for the base."""
    if commit is None:
        return "nothing, as there is no commit before"
    log = ["git", "-C", str(root), "log", "-1", "--format=%s", commit]
    subject = subprocess.check_output(log, text=True, errors="replace").strip()
    name = f" ({code(wanted)})" if wanted else ""
    return f"{code(commit[:10])}{name}, {code(subject)}"


def main() -> None:
    """Write and print the report; exit with 1 if something is against the change."""
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    parser.add_argument(
        "--base", help="branch, tag or commit; else where main was left"
    )
    parser.add_argument(
        "--offline", action="store_true", help="do not ask the remote storage"
    )
    asked = parser.parse_args()
    try:
        root = find_root()
        base = find_base(root, asked.base)
        review = make_review(root, base, offline=asked.offline)
        words = [*sections(review, described(root, base, asked.base))]
        write_text(fitted([*words, *pictures(review)]), root / REPORT)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    show_in_terminal(fitted(words))
    sys.stdout.write(f"\nWith plots: {REPORT}\n")
    sys.exit(not review.passed)


if __name__ == "__main__":
    main()
