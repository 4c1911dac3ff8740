"""What a program can see of a project: its files, workflows, tests, alerts, records.

Everything is read when it is asked for, and from the files as they are now. What is not
there, or cannot be read, counts as missing.
"""

import ast
import datetime
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import load_yaml
from reproducible_ml.core.inputs import hash_path
from reproducible_ml.core.params import load_section
from reproducible_ml.core.project import CONTRACT, Project
from reproducible_ml.governance.workflows import (
    RECIPES,
    Step,
    read_steps,
    recipe_lacks,
)
from reproducible_ml.report.results import EVALUATION, Results, read_results
from reproducible_ml.verify.rebuild import was_verified
from reproducible_ml.versioning.git import Revision, changed_files, find_commit
from reproducible_ml.versioning.lock import (
    LOCK,
    find_outdated,
    locked_hashes,
    locked_outputs,
    locked_stages,
)
from reproducible_ml.versioning.once import has_passed

WORKFLOWS = Path(".github/workflows")
ALERTS = Path(".cloud/monitoring/alerts.yaml")
PROMETHEUS = Path(".cloud/monitoring/prometheus.yaml")

# Marks of tests that do not run with `make test`, by the command that runs them.
TIERS = {"slow": "test-slow", "integration": "test-all"}
NEVER = ("skip", "xfail")

# Settings, options and hooks of pytest by which tests may not run.
CHOOSING = {"python_functions", "python_files", "python_classes", "testpaths"}
LEAVING_OUT = re.compile(r"-k|-m|--co|--ignore|--deselect|--lf|--last-failed|-p|--help")
HOOKS = {
    "collect_ignore",
    "collect_ignore_glob",
    "pytest_collection_modifyitems",
    "pytest_ignore_collect",
    "pytest_collect_file",
    "pytest_pycollect_makeitem",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_pyfunc_call",
}

# Names of a project's tests; those of the toolkit are in its own repository alone.
TESTS = ("tests", "toolkit/tests")


class TestFunction(NamedTuple):
    """A test function.

    Attributes:
        file: Its file.
        name: Its name.
        tier: The target of make that runs it; empty if none does.
        names: The identifiers and texts in it.
        modules: The modules that its file imports, and names from them.
    """

    file: str
    name: str
    tier: str
    names: frozenset[str]
    modules: frozenset[str]


class Facts:
    """A project, and what proofs want to know of it.

    Args:
        project: The project.
        records: Whether records of this computer count, such as that of `make test`.
        today: By which the age of evidence is reckoned.
        outdated: Why dvc.lock is not up to date; by default, DVC is asked.
    """

    def __init__(
        self,
        project: Project,
        *,
        records: bool = True,
        today: datetime.date | None = None,
        outdated: Sequence[str] | None = None,
    ) -> None:
        self.project = project
        self.root = project.root
        self.records = records
        self.today = today or datetime.datetime.now(datetime.UTC).date()
        self.revision = Revision(self.root)
        if outdated is not None:
            self.__dict__["outdated"] = list(outdated)

    @property
    def commit(self) -> str:
        """The last commit, and whether files differ from it."""
        found = find_commit(self.root, "HEAD")
        if found is None:
            return "no commit"
        count = len(changed_files(self.root))
        others = f", with {count} changed file{'s' * (count != 1)}" if count else ""
        return f"commit {found[:10]}{others}"

    @cached_property
    def outdated(self) -> list[str]:
        """Why dvc.lock, and so the reports, are not up to date; empty if they are."""
        try:
            found = find_outdated(self.root, data=False)
        except UserError as error:
            return [f"{LOCK} cannot be checked: {str(error).splitlines()[0]}"]
        return [f"{stage}: {reason}" for stage, reason in found]

    @cached_property
    def params(self) -> dict[str, Any]:
        """The sections of params.yaml."""
        return self.revision.yaml("params.yaml")

    def section(self, *names: str) -> dict[str, Any]:
        """Return a section of params.yaml, or of another section; empty without it."""
        found: Any = self.params
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The content of dvc.lock."""
        return self.revision.yaml(LOCK)

    @cached_property
    def contract(self) -> tuple[Contract, Data]:
        """The data contract, and the roles of its columns.

        Raises:
            UserError: One of both is missing or not valid.
        """
        data = load_section(Data, self.root / "params.yaml")
        return load_contract(self.root / CONTRACT, data), data

    @cached_property
    def results(self) -> Results:
        """Metrics and evaluation in reports/."""
        return read_results(self.revision)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """The content of reports/evaluation.json."""
        found = self.revision.json(EVALUATION)
        return found if isinstance(found, dict) else {}

    def is_current(self, path: str) -> str:
        """Return why an output, or its stage, is not up to date; empty if it is."""
        if not (self.root / path).exists():
            return f"{path} is missing: make repro"
        recorded = locked_outputs(self.lock).get(path)
        if recorded is None:
            return f"{path} is no output in {LOCK}: make repro"
        if recorded != hash_path(self.root / path):
            return f"{path} is not what {LOCK} records: make repro"
        return self._is_lock_current()

    def read_by_a_stage(self, path: str) -> str:
        """Return why no stage read a file as it is now; empty if one did."""
        found = [
            locked_hashes(stage, "deps").get(path)
            for stage in locked_stages(self.lock).values()
        ]
        recorded = [value for value in found if value]
        if not recorded:
            return f"no stage in {LOCK} reads {path}: make repro"
        if not (self.root / path).exists():
            return f"{path} is missing"
        if hash_path(self.root / path) not in recorded:
            return f"{path} has changed since the stages read it: make repro"
        return self._is_lock_current()

    def _is_lock_current(self) -> str:
        more = len(self.outdated) - 1
        others = f" and {more} more" if more > 0 else ""
        why = f"{self.outdated[0]}{others}" if self.outdated else ""
        return f"stale: {LOCK} is not up to date ({why}): make repro" if why else ""

    @cached_property
    def steps(self) -> list[Step]:
        """The commands of all workflows, also those that do not count."""
        folder = self.root / WORKFLOWS
        files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
        names = [file.relative_to(self.root).as_posix() for file in files]
        found = [s for n in names for s in read_steps(n, self.revision.yaml(n))]
        return [step._replace(why=step.why or self._make(step)) for step in found]

    def _make(self, step: Step) -> str:
        """Return why a target of make does not do what its name says."""
        if not step.runs("make .*"):
            return ""
        text = self.revision.text("Makefile") or ""
        words = step.command.split()
        found = [recipe_lacks(text, word) for word in words if word in RECIPES]
        return next(filter(None, found), "")

    def find_steps(self, pattern: str, *events: str) -> list[Step]:
        """Return the commands that match a pattern and that one of the events starts.

        Args:
            pattern: A regular expression of the command without its path.
            events: Those of GitHub; without them, any.
        """
        return [
            step
            for step in self.steps
            if step.events
            and (not events or step.events & {*events})
            and step.runs(pattern)
        ]

    def why_not(self, pattern: str, *events: str) -> str:
        """Return why commands that match a pattern do not count; empty without any.

        Args:
            pattern: As for `find_steps`.
            events: As for `find_steps`.
        """
        for step in self.steps:
            if not re.search(f"\\b(?:{pattern})(?=[\\s;&|]|$)", step.command):
                continue
            filters = [step.filters[e] for e in events if e in step.filters]
            if why := step.why or "".join(filters[:1]):
                return f" ({step.workflow} does not count: {why})"
        return ""

    @cached_property
    def tests(self) -> list[TestFunction]:
        """The test functions of the project and, where they are, of the toolkit."""
        if self._other_tests_chosen():
            return []
        files = [f for each in TESTS for f in (self.root / each).rglob("test_*.py")]
        hooked = [f.parent for f in self._conftests if self._hooks(f)]
        files = [f for f in files if not {*hooked} & {*f.parents}]
        return [test for file in sorted(files) for test in self._tests(file)]

    def _other_tests_chosen(self) -> bool:
        """Return whether settings or hooks of pytest may leave tests out."""
        import tomllib

        if any((self.root / name).exists() for name in ("pytest.ini", ".pytest.ini")):
            return True
        try:
            content = tomllib.loads(self.revision.text("pyproject.toml") or "")
            settings = content["tool"]["pytest"]["ini_options"]
        except ValueError:
            return True
        except (KeyError, TypeError):
            settings = {}
        options = settings.get("addopts", [])
        options = options.split() if isinstance(options, str) else options
        if CHOOSING & settings.keys() or any(map(LEAVING_OUT.match, options)):
            return True
        # This hook is given all tests, not only those beside it.
        return any(
            "pytest_collection_modifyitems" in self._hooks(f) for f in self._conftests
        )

    @cached_property
    def _conftests(self) -> list[Path]:
        files = [f for each in TESTS for f in (self.root / each).rglob("conftest.py")]
        return [f for f in [self.root / "conftest.py", *files] if f.is_file()]

    def _hooks(self, file: Path) -> set[str]:
        """Return the hooks in a conftest.py by which tests beside it may not run."""
        try:
            return HOOKS & _defined(ast.parse(file.read_bytes()))
        except (SyntaxError, ValueError, OSError):
            return HOOKS

    def _tests(self, file: Path) -> Iterator[TestFunction]:
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            return
        shown = file.relative_to(self.root).as_posix()
        modules = _modules(tree)
        own = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and "pytestmark" in _names(node)
        ]
        if _may_be_skipped(tree):
            return
        classes = [c for c in tree.body if isinstance(c, ast.ClassDef)]
        found = [n for c in classes if c.name.startswith("Test") for n in c.body]
        for node in [*tree.body, *found]:
            if not isinstance(node, ast.FunctionDef):
                continue
            if node.name.startswith("test_") and _can_fail(node):
                tier = _tier([*own, *node.decorator_list])
                yield TestFunction(shown, node.name, tier, _names(node), modules)

    def are_tests_run(self, tier: str = "test") -> tuple[bool, str]:
        """Return whether tests run again and again, and by what or why not.

        Args:
            tier: The target of make that runs them.
        """
        pattern = f"make (?:-\\S+ )*{tier}(?![-\\w])"
        if tier == "test":
            pattern += r"|make checks|pytest(?: -\S+(?: auto| \d+)?)* tests"
        if found := self.find_steps(pattern, "pull_request", "merge_group"):
            return True, f"{found[0].workflow} runs them on each pull request"
        if self.records and (passed := self._has_passed(tier)):
            return True, f"`make {tier}` passed here on these files"
        if self.records and passed is False:
            why = f"stale: `make {tier}` passed here, but on other files"
        else:
            not_ = self.why_not(pattern, "pull_request")
            why = f"no workflow runs `make {tier}` on pull requests{not_}"
        return False, f"{why}. Fix: add it to a workflow, or run make {tier}"

    def _has_passed(self, tier: str) -> bool | None:
        try:
            return has_passed(self.root, tier)
        except (UserError, OSError):
            return None

    def was_verified(self) -> bool | None:
        """Return whether `rml verify` rebuilt these files here; None: no files."""
        return was_verified(self.root) if self.records else None

    @cached_property
    def alerts(self) -> dict[str, str]:
        """The expressions of the alerts that Prometheus loads, by name."""
        loaded = self.revision.yaml(PROMETHEUS.as_posix()).get("rule_files")
        if not isinstance(loaded, list) or not any(
            Path(str(each)).name == ALERTS.name for each in loaded
        ):
            return {}
        groups = self.revision.yaml(ALERTS.as_posix()).get("groups")
        rules = [
            rule
            for group in (groups if isinstance(groups, list) else ())
            if isinstance(group, dict) and isinstance(group.get("rules"), list)
            for rule in group["rules"]
            if isinstance(rule, dict)
        ]
        return {str(r["alert"]): str(r.get("expr")) for r in rules if "alert" in r}

    def default(self, module: str, name: str) -> Any:
        """Return the value that a class of the project's settings gives a field.

        The module is not imported: its packages may not be installed.

        Args:
            module: File in the project's package, such as `deployment/service.py`.
            name: Of the field.

        Raises:
            KeyError: There is no such file or field, or it is no literal.
        """
        path = self.root / "code" / self.project.package / module
        try:
            tree = ast.parse(path.read_bytes())
            found = next(
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and node.target.id == name
                and node.value
            )
            return ast.literal_eval(found)
        except (OSError, SyntaxError, ValueError, StopIteration) as error:
            raise KeyError(name) from error

    def documents(self, folder: str) -> Iterator[tuple[str, Any]]:
        """Yield path and content of the YAML documents in a folder."""
        import yaml

        for file in sorted((self.root / folder).rglob("*.yaml")):
            try:
                texts = re.split(r"(?m)^---\s*$", file.read_text("utf-8"))
                contents = [load_yaml(text) for text in texts]
            except (OSError, ValueError, yaml.YAMLError):
                continue
            for content in contents:
                yield file.relative_to(self.root).as_posix(), content


def _defined(tree: ast.Module) -> set[str]:
    """Return the names of a module's functions and variables."""
    found = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    stored = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
    return found | {n.id for n in stored if isinstance(n.ctx, ast.Store)}


def _may_be_skipped(tree: ast.Module) -> bool:
    """Return whether a module of tests may skip itself while it is imported."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    others = [node for node in tree.body if not isinstance(node, kinds)]
    called = {
        _called(c) for o in others for c in ast.walk(o) if isinstance(c, ast.Call)
    }
    raised = any(isinstance(node, ast.Raise) for o in others for node in ast.walk(o))
    return (
        bool(called & {"skip", "importorskip"})
        or raised
        or "__test__" in _defined(tree)
    )


def _can_fail(test: ast.FunctionDef) -> bool:
    """Return whether a test asserts something, or expects an error, and gets there."""
    for line in test.body:
        if isinstance(line, ast.Return | ast.Raise) or _skips(line):
            return False
        for node in ast.walk(line):
            if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant):
                return True
            if isinstance(node, ast.Call):
                name = _called(node)
                if name in ("raises", "warns", "fail") or name.startswith("assert"):
                    return True
    return False


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _skips(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Call)
        and _called(line.value) in ("skip", "xfail")
    )


def _tier(marks: Sequence[ast.expr]) -> str:
    """Return the target of make that runs a test with these marks."""
    # A parameter of a test may be skipped: then others may run, but which is not known.
    if any(name.startswith(NEVER) for mark in marks for name in _names(mark)):
        return ""
    # A mark on the whole test; parameters with marks of their own leave the others.
    lists = [m.elts if isinstance(m, ast.List | ast.Tuple) else [m] for m in marks]
    plain = {a.attr for each in lists for a in each if isinstance(a, ast.Attribute)}
    return next((tier for mark, tier in TIERS.items() if mark in plain), "test")


def _names(tree: ast.AST) -> frozenset[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return frozenset(found)


def _modules(tree: ast.AST) -> frozenset[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)
