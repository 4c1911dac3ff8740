"""`rml doctor`: run all checks, cure what is safe, print a table."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproducible_ml.core.errors import UserError, first_line, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.doctor.check import Context, NotCheckedError, Problem
from reproducible_ml.doctor.data import check_data, check_names, check_raw
from reproducible_ml.doctor.environment import check_environment, check_imports
from reproducible_ml.doctor.files import (
    check_dates,
    check_files,
    check_links,
    check_pipeline,
    check_space,
    check_writable,
)
from reproducible_ml.doctor.leftovers import (
    check_blocking_rwlock,
    check_experiments,
    check_hashes,
    check_index,
    check_rwlock,
    check_temporary,
    working,
)
from reproducible_ml.doctor.objects import check_cache, check_deleted, check_remote
from reproducible_ml.doctor.repository import (
    check_history,
    check_identity,
    check_remotes,
    check_reports,
    check_secrets,
    check_submodules,
)

Check = Callable[[Context], Iterator[Problem]]

# Those that tell whether DVC can work come first, as cures need it: then the cache,
# from which the data are restored.
CHECKS: dict[str, Check] = {
    "files of Git and DVC": check_files,
    "lock of DVC": check_rwlock,
    "hashes DVC remembers": check_hashes,
    "lock of Git": check_index,
    "pipeline": check_pipeline,
    "folders are writable": check_writable,
    "folders are no links": check_links,
    "free space": check_space,
    "killed commands": check_temporary,
    "killed experiments": check_experiments,
    "dates": check_dates,
    "cache": check_cache,
    "deleted data": check_deleted,
    "data": check_data,
    "raw data are tracked": check_raw,
    "names of data": check_names,
    "reports and dvc.lock": check_reports,
    "remotes": check_remotes,
    "objects on remotes": check_remote,
    "secrets": check_secrets,
    "history": check_history,
    "identity": check_identity,
    "submodules": check_submodules,
    "packages": check_environment,
    "imports": check_imports,
}

# They take no time, and a failed command of DVC is most often due to one of them.
QUICK = (
    "files of Git and DVC",
    "lock of DVC",
    "hashes DVC remembers",
    "folders are writable",
)

# How a line about a cure begins that did not work.
FAILED = "Failed: "

# Problems of a check that are shown in the table.
SHOWN = 5


class Result(NamedTuple):
    """What a check found.

    Attributes:
        name: Of the check.
        problems: Those that are left.
        done: What was done about others.
        skipped: Why it did not run; None if it did.
    """

    name: str
    problems: Sequence[Problem] = ()
    done: Sequence[str] = ()
    skipped: str | None = None

    @property
    def state(self) -> str:
        """The result in a word or two."""
        if self.problems:
            return "problem"
        if self.done:
            return "fixed"
        return "OK" if self.skipped is None else "not checked"


def examine(project: Project, *, fix: bool = False, remote: bool = False) -> bool:
    """Run all checks and print the results; return whether no problem is left."""
    results = [*run_checks(project, CHECKS, fix=fix, remote=remote)]
    _print(results, fix=fix)
    return not any(result.problems for result in results)


def examine_as_json(project: Project, *, fix: bool, remote: bool) -> bool:
    """Do the same, but print JSON."""
    results = [*run_checks(project, CHECKS, fix=fix, remote=remote)]
    content = [
        {
            "check": result.name,
            "state": result.state,
            "problems": [
                {"problem": p.text, "fix": p.fix, "fixable": p.cure is not None}
                for p in result.problems
            ],
            "done": [*result.done],
            "reason": result.skipped,
        }
        for result in results
    ]
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return not any(result.problems for result in results)


def hints(project: Project) -> list[str]:
    """Return a line for each problem that makes all commands of DVC fail."""
    quick = {name: CHECKS[name] for name in QUICK}
    quick["lock of DVC"] = check_blocking_rwlock
    return [
        f"{one_line(problem.text)}. Fix: {one_line(problem.fix)}"
        for result in run_checks(project, quick)
        for problem in result.problems
    ]


def run_checks(
    project: Project,
    checks: dict[str, Check],
    *,
    fix: bool = False,
    remote: bool = False,
) -> Iterator[Result]:
    """Run checks one by one, each after the cures of those before it."""
    context = Context(project, remote=remote)
    if fix and (busy := working(context.root)):
        raise UserError(
            f"process {busy[0].process.pid} ({' '.join(busy[0].command[:5])}) works in"
            " this project. Fix: wait for its end, or end it, then run this again"
        )
    for name, check in checks.items():
        result = _run(name, check, context)
        if fix and any(problem.cure for problem in result.problems):
            done = [*_cure(result.problems)]
            context = Context(project, remote=remote)
            result = _run(name, check, context)._replace(done=done)
        yield result


def _run(name: str, check: Check, context: Context) -> Result:
    problems: list[Problem] = []
    try:
        problems.extend(check(context))
    except NotCheckedError as error:
        if not problems:
            return Result(name, skipped=str(error))
    except Exception as error:
        # Damage may be of any kind: that a check did not expect it is no reason to
        # keep the results of the others to oneself.
        kind = "" if isinstance(error, UserError | OSError) else type(error).__name__
        text = f"the check failed: {kind}{': ' if kind else ''}{first_line(error)}"
        problems.append(Problem(text, "correct that, then run it again"))
    return Result(name, problems)


def _cure(problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems:
        if problem.cure:
            try:
                yield problem.cure()
            except (UserError, OSError) as error:
                yield f"{FAILED}{first_line(error)}"


def _print(results: Sequence[Result], *, fix: bool) -> None:
    rows = [row for result in results for row in _rows(result)]
    if sys.stdout.isatty():
        table = Table(header_style="bold", box=None, pad_edge=False)
        for title in ("check", "state", "what", "fix"):
            table.add_column(title, overflow="fold")
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        Console(file=sys.stdout, highlight=False).print(table)
    else:
        for name, state, text, remedy in rows:
            line = f"{name}: {state}" + (f": {text}" if text else "")
            sys.stdout.write(one_line(line + (f". Fix: {remedy}" if remedy else "")))
            sys.stdout.write("\n")
    problems = [problem for result in results for problem in result.problems]
    sys.stdout.write(f"\n{_summary(problems, fix=fix)}\n")


def _rows(result: Result) -> Iterator[tuple[str, str, str, str]]:
    for line in result.done[:SHOWN]:
        state = "not fixed" if line.startswith(FAILED) else "fixed"
        yield result.name, state, line, ""
    for problem in result.problems[:SHOWN]:
        yield result.name, "problem", problem.text, problem.fix
    for count, state in (
        (len(result.done), "fixed"),
        (len(result.problems), "problem"),
    ):
        if count > SHOWN:
            yield result.name, state, f"and {count - SHOWN} more", ""
    if not result.done and not result.problems:
        yield result.name, result.state, result.skipped or "", ""


def _summary(problems: Sequence[Problem], *, fix: bool) -> str:
    if not problems:
        return "No problem is left." if fix else "No problem was found."
    count = f"Problems: {len(problems)}."
    safe = sum(problem.cure is not None for problem in problems)
    if safe and not fix:
        return f"{count} `rml doctor --fix` fixes {safe} of them, without loss."
    return count
