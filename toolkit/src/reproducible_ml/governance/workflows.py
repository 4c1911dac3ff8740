"""What workflows and the Makefile run: commands whose failure somebody sees.

Read without running anything, and strictly: a trigger with a filter, a condition that
is not known to hold, or a script that may swallow a failure counts as missing, and the
reason says so. Syntax: https://docs.github.com/actions/reference/workflows-and-actions
"""

import calendar
import re
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

# How a command may begin: with variables, and with the path of a program.
BEGIN = r"^(?:env )?(?:\w+=\S* )*(?:\S*/)?"

# What a script must not have: after it, a failure is none, or a line may not run.
SWALLOWING = re.compile(
    r"(?m)<<|^\s*(?:if|for|while|until|case|select|function|trap|alias|exit|eval|exec"
    r"|return|source|\.|\{|\()(?=[\s({]|$)|\bset\s+\+|\bexit\s+0|\w\s*\(\)\s*\{?"
)
REDIRECTIONS = {">", ">>", "<", ">&", "&>", "&>>"}
OPERATOR = re.compile(r"[();<>|&]+")

# Options with which a command does nothing.
IDLE = {"--help", "-h", "--version", "--collect-only", "--co", "--dry-run"}
MAKE_OPTIONS = re.compile(r"-[jk]\d*|-s|--silent|--no-print-directory|--keep-going")
MAKE_VARIABLES = {"BASE", "OFFLINE", "FORCE", "STORAGE"}
# Variables that change what a command does.
VARIABLES = {"MAKEFLAGS", "GNUMAKEFLAGS", "MAKEFILES", "PYTEST_ADDOPTS", "BASH_ENV"}

# Branches that are the default one.
DEFAULT = ("main", "master")
# What a pull request sends whenever it changes.
TYPES = {"opened", "synchronize"}
DAYS = dict(enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1))

# A condition on what started a workflow, and those that hold.
EVENT = re.compile(r"github\.event_name\s*(==|!=)\s*'(\w+)'")
HOLDS = {"", "true", "success()", "always()", "!cancelled()"}

# What targets of make must run.
RECIPES = {
    "repro": "rml repro",
    "report": "rml report",
    "verify": "rml verify",
    "test": "pytest",
    "checks": "pytest",
    "test-all": "pytest",
    "test-slow": "pytest",
}
# Which tests `pytest -m` may choose, by target.
QUICK = {"", "not integration and not slow", "not slow and not integration"}
CHOSEN = {
    "test": QUICK,
    "checks": QUICK,
    "test-all": {"integration", "integration and not slow"},
    "test-slow": {"slow"},
}
LESS = re.compile(
    r"-k|-k=.*|--ignore.*|--deselect.*|--last-failed|--lf|-p|-c|-o|--pyargs"
)
FILTERED = " (filtered)"


class Step(NamedTuple):
    """A command of a workflow.

    Attributes:
        workflow: Its file.
        job: Name of the job.
        events: What starts the workflow, such as `pull_request` or `schedule`; those
            that start it only sometimes have another name.
        position: Of the step in its job.
        command: A command of the shell; of an action, its name and its settings.
        why: Why it does not count; empty if it does.
        filters: Why events do not count, by event.
    """

    workflow: str
    job: str
    events: frozenset[str]
    position: int
    command: str
    why: str
    filters: dict[str, str]

    def runs(self, pattern: str) -> bool:
        """Return whether it runs a command that fails if it fails."""
        return not self.why and runs(self.command, pattern)


def runs(command: str, pattern: str) -> bool:
    """Return whether a command is that of a pattern, and does what it says."""
    if not re.search(f"{BEGIN}(?:{pattern})(?=\\s|$)", command):
        return False
    words = command.split()
    if IDLE & {*words} or any(w.split("=")[0] in VARIABLES for w in words):
        return False
    names = [Path(word).name for word in words]
    if "make" not in names[:3]:
        return True
    return all(
        MAKE_OPTIONS.fullmatch(word)
        if word.startswith("-")
        else "=" not in word or word.split("=")[0] in MAKE_VARIABLES
        for word in words[names.index("make") + 1 :]
    )


def read_steps(name: str, content: Any) -> Iterator[Step]:
    """Yield the commands of a workflow.

    Args:
        name: Its file.
        content: Of the file.
    """
    # YAML 1.1 takes `on` for true.
    known, filters = _events(content.get("on", content.get(True)))
    jobs = content.get("jobs")
    jobs = jobs if isinstance(jobs, dict) else {}
    broken = _lacking(jobs)
    for job, settings in jobs.items():
        if not isinstance(settings, dict):
            continue
        allowed, off = _job(jobs, str(job), known)
        steps = settings.get("steps")
        for position, step in enumerate(steps if isinstance(steps, list) else ()):
            if not isinstance(step, dict):
                continue
            why = broken or off or _off(step) or _shell([step, settings, content])
            events = _allowed(allowed, step)
            if not events:
                why = why or f"`if: {step.get('if', '')}` is not known to hold"
            action = f"{step.get('uses', '')} {step.get('with', '')}".strip()
            found = [*_commands(str(step.get("run") or ""))]
            for command, reason in [*found, (action, "")]:
                if command:
                    all_ = (name, str(job), events, position, command)
                    yield Step(*all_, why or reason, filters)


def _events(on: Any) -> tuple[frozenset[str], dict[str, str]]:
    """Return what starts a workflow, and why events do not count."""
    if isinstance(on, str):
        return frozenset([on]), {}
    if not isinstance(on, dict):
        return frozenset(map(str, on or ())), {}
    filters = {str(n): why for n, s in on.items() if (why := _filter(str(n), s))}
    never = {name for name, why in filters.items() if name == "schedule"}
    names = {f"{n}{FILTERED}" if n in filters else str(n) for n in on if n not in never}
    return frozenset(names), filters


def _filter(event: str, settings: Any) -> str:
    """Return why an event does not start a workflow each time; empty if it does."""
    if event == "schedule":
        crons = settings if isinstance(settings, list) else []
        times = [str(each.get("cron")) for each in crons if isinstance(each, dict)]
        return "" if any(map(_comes, times)) else "its cron never comes"
    if not isinstance(settings, dict) or event not in ("pull_request", "push"):
        return ""
    for name in ("paths", "paths-ignore"):
        if settings.get(name):
            return f"{event} has a filter of {name}"
    branches, ignored = settings.get("branches"), settings.get("branches-ignore")
    if (branches is not None and not _match(branches)) or (ignored and _match(ignored)):
        return f"{event} leaves the default branch out (branches)"
    types = settings.get("types")
    types = [types] if isinstance(types, str) else types
    if event == "pull_request" and types is not None and not {*types} >= TYPES:
        return f"pull_request is limited to types {', '.join(map(str, types))}"
    return ""


def _match(patterns: Any) -> bool:
    """Return whether patterns, of which the last decides, fit the default branch."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    fits = dict.fromkeys(DEFAULT, False)
    for pattern in map(str, patterns):
        for branch in DEFAULT:
            if fnmatchcase(branch, pattern.removeprefix("!")):
                fits[branch] = not pattern.startswith("!")
    return any(fits.values())


def _comes(cron: str) -> bool:
    """Return whether there is a day with the date of a cron."""
    for number, name in enumerate(calendar.month_abbr):
        cron = re.sub(rf"\b{name}\b", str(number), cron, flags=re.I) if name else cron
    fields = cron.split()
    if len(fields) != 5:
        return False
    if fields[2].startswith("*") or not fields[4].startswith("*"):
        return True
    first = [int(d) for d in re.findall(r"(?:^|,)(\d+)", fields[2])]
    months = [int(m) for m in re.findall(r"(?:^|,)(\d+)", fields[3])]
    # Months as a range: those of the range are not reckoned one by one.
    if not months or "-" in fields[3]:
        months = [*DAYS]
    return any(0 < day <= DAYS.get(month, 0) for day in first for month in months)


def _needs(settings: Any) -> list[str]:
    found = settings.get("needs") if isinstance(settings, dict) else None
    return [found] if isinstance(found, str) else [*map(str, found or ())]


def _lacking(jobs: dict[Any, Any]) -> str:
    """Return which job is needed and is none: GitHub then runs nothing."""
    lacking = {n for each in jobs.values() for n in _needs(each)} - {*map(str, jobs)}
    return f"there is no job {min(lacking)}, which one needs" if lacking else ""


def _job(
    jobs: dict[Any, Any], name: str, events: frozenset[str], seen: tuple[str, ...] = ()
) -> tuple[frozenset[str], str]:
    """Return the events for which a job and those that it needs run, or why none."""
    settings = jobs.get(name)
    if not isinstance(settings, dict) or name in seen:
        return frozenset(), f"job {name} never runs"
    why = _off(settings)
    for need in _needs(settings):
        events, other = _job(jobs, need, events, (*seen, name))
        why = why or other
    found = _allowed(events, settings)
    if not found:
        why = why or f"`if: {settings.get('if', '')}` is not known to hold"
    return found, why


def _off(settings: dict[str, Any]) -> str:
    """Return why a job or step may fail without consequence; empty if it may not."""
    return "continue-on-error" if settings.get("continue-on-error") else ""


def _shell(levels: Sequence[Any]) -> str:
    """Return why a step does not run as it is read: its shell, folder or variables.

    Args:
        levels: The step, its job and its workflow.
    """
    settings = [levels[0]]
    for level in levels[1:]:
        defaults = level.get("defaults")
        settings.append(defaults.get("run") if isinstance(defaults, dict) else None)
    for level in settings:
        if not isinstance(level, dict):
            continue
        if level.get("shell", "bash") not in ("bash", "sh"):
            return f"its shell is {level['shell']}"
        if level.get("working-directory", ".") not in (".", "./"):
            return f"it runs in {level['working-directory']}"
    for level in levels:
        variables = level.get("env")
        if isinstance(variables, dict) and (found := VARIABLES & {*variables}):
            return f"{min(found)} is set"
    return ""


def _allowed(events: frozenset[str], settings: dict[str, Any]) -> frozenset[str]:
    """Return the events for which the condition of a job or step is known to hold."""
    condition = str(settings.get("if", "")).strip()
    if settings.get("if") is False:
        return frozenset()
    condition = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", condition, flags=re.DOTALL).strip()
    found: frozenset[str] = frozenset()
    for either in condition.split("||"):
        held = events
        for term in map(str.strip, either.split("&&")):
            if test := EVENT.fullmatch(term):
                same = frozenset(e for e in held if e.split(" ")[0] == test[2])
                held = same if test[1] == "==" else held - same
            elif term.lower() not in HOLDS:
                held = frozenset()
        found |= held
    return found


def _commands(script: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a script, each with the reason why it does not count."""
    lines = [line.strip() for line in script.replace("\\\n", " ").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    swallowing = SWALLOWING.search("\n".join(lines))
    for number, line in enumerate(lines, 1):
        found = split_commands(line, last=number == len(lines))
        if swallowing:
            shown = swallowing[0].strip()
            yield line, f"`{shown}` in its script may hide a failure"
        elif found is None:
            yield line, "it is no plain line, so its failure may be hidden"
        else:
            yield from ((command, "") for command in found)


def split_commands(line: str, *, last: bool) -> list[str] | None:
    """Return the commands of a line that fails if one of them does; None if it may not.

    Args:
        line: Of a script that stops at the first line that fails (`sh -e`).
        last: Whether it is the last one: only there, a failure before `&&` is one.
    """
    # 1 is a failure of `rml`, the others are results: the line still fails with 1.
    line = re.sub(r"\|\| test \$\? -ge [2-9](?= &&|$)", "", line) if last else line
    reader = shlex.shlex(line, posix=False, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    try:
        words = [*reader]
    except ValueError:
        return None
    comment = next((n for n, w in enumerate(words) if w.startswith("#")), len(words))
    commands: list[list[str]] = [[]]
    for word in words[:comment]:
        if word == "&&" and last:
            commands.append([])
        elif OPERATOR.fullmatch(word) and word not in REDIRECTIONS:
            return None
        else:
            commands[-1].append(word)
    return [" ".join(command) for command in commands if command]


def recipe_lacks(text: str, target: str, *, seen: tuple[str, ...] = ()) -> str:
    """Return what the recipe of a target of make does not run; empty if it does.

    Args:
        text: The Makefile.
        target: One of `RECIPES`; others are not looked at.
        seen: Targets that lead to it.
    """
    first = seen[0] if seen else target
    expected = RECIPES.get(first)
    if expected is None or target in seen:
        return "" if expected is None else f"`make {first}` does not run `{expected}`"
    text = text.replace("\\\n", " ")
    if found := re.search(r"(?m)^(?:\.IGNORE|SHELL|\.SHELLFLAGS|MAKEFLAGS)\b", text):
        return f"Makefile sets {found[0]}"
    variables = dict(re.findall(r"(?m)^(\w+) *[:?]*= *(.*)$", text))
    variables = {"MAKE": "make", **variables}
    for line in _recipe(text, target):
        command = _expand(line, variables)
        if command.startswith("-"):
            continue
        command = re.sub(r"^rml once \S+ .*?-- ", "", command.lstrip("@+ ") + " ")
        for one in split_commands(command.strip(), last=True) or ():
            if runs(one, expected) and _chooses(one, first):
                return ""
            if runs(one, r"make .*"):
                others = [w for w in one.split()[1:] if w[0] != "-" and "=" not in w]
                if any(not recipe_lacks(text, o, seen=(*seen, target)) for o in others):
                    return ""
    return f"`make {first}` does not run `{expected}` in the Makefile"


def _recipe(text: str, target: str) -> list[str]:
    """Return the lines of the last recipe of a target."""
    found = re.findall(rf"(?m)^{re.escape(target)} *:(?!=).*\n((?:\t.*\n?)+)", text)
    return [line.strip() for line in found[-1].splitlines()] if found else []


def _expand(line: str, variables: dict[str, str]) -> str:
    """Return a line with its variables; calls of functions are left out."""
    for _ in range(50):
        line, count = re.subn(
            r"\$[({]([^(){}$]*)[)}]", lambda found: variables.get(found[1], ""), line
        )
        if not count:
            break
    return " ".join(line.split())


def _chooses(command: str, target: str) -> bool:
    """Return whether pytest runs the tests that a target stands for."""
    if target not in CHOSEN:
        return True
    words = shlex.split(command)
    marks = [words[n + 1] for n, w in enumerate(words[:-1]) if w == "-m"]
    if "tests" not in words or any(LESS.fullmatch(word) for word in words):
        return False
    return (marks[-1] if marks else "") in CHOSEN[target]
