"""What the files in Git say of a project: what the pages are made of.

Only files in Git count, so that every clone makes the same pages: no data, no model, no
cache, no log, and no date of today.
"""

import ast
import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from reproducible_ml.adopt.catalog import found_personal
from reproducible_ml.adopt.configure import raw_table
from reproducible_ml.card.catalog import CATALOG, Catalog, read_catalog
from reproducible_ml.card.facts import Facts
from reproducible_ml.card.fields import FIELDS, HumanPart, read_fields
from reproducible_ml.card.markdown import code
from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS
from reproducible_ml.core.params import Section, load_section
from reproducible_ml.core.project import CONTRACT, Project
from reproducible_ml.profiling.personal import Personal
from reproducible_ml.versioning.git import Revision, run_git
from reproducible_ml.versioning.lock import LOCK, locked_outputs

FOLDER = Path("docs/governance")
REPORTS = Path("reports")
MODEL = Path("models/model.skops")

# Reports that all figures are read from.
NEEDED = ("validation", "profile", "cleaning", "split", "evaluation")

# Packages whose versions decide what a model predicts.
PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")

Json = dict[str, Any]


class Repository:
    """A project, as its files in Git describe it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = project.root

    @cached_property
    def tracked(self) -> frozenset[str] | None:
        """The files that Git tracks or would track; None without Git."""
        listed = run_git(
            self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"
        )
        if listed is None:
            return None
        return frozenset(
            name for name in listed.decode("utf-8", "replace").split("\0") if name
        )

    def has(self, name: str | Path) -> bool:
        """Return whether a file, or a file in a folder, is there for every clone."""
        path = Path(name).as_posix()
        if not (self.root / path).exists():
            return False
        if self.tracked is None:
            return True
        return path in self.tracked or any(
            each.startswith(f"{path}/") for each in self.tracked
        )

    def link(self, name: str | Path, words: str = "", anchor: str = "") -> str:
        """Return a link to a file from a page, or that the file is missing."""
        path = Path(name).as_posix()
        shown = words or code(path, 100)
        if not self.has(path):
            return f"{code(path, 100)} (missing)"
        way = Path("..", "..", path).as_posix()
        if path.startswith(f"{FOLDER.as_posix()}/"):
            way = path.removeprefix(f"{FOLDER.as_posix()}/")
        elif path.startswith("docs/"):
            way = f"../{path.removeprefix('docs/')}"
        return f"[{shown}]({way}{f'#{anchor}' if anchor else ''})"

    @cached_property
    def package(self) -> str:
        """The folder of the project's package."""
        return f"code/{self.project.package}"

    @cached_property
    def params(self) -> Json:
        """All sections of params.yaml, as they are written."""
        return Revision(self.root).yaml(str(PARAMS))

    def section(self, name: str) -> Json:
        """Return a section of params.yaml, empty if it is not there."""
        found = self.params.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    @cached_property
    def data(self) -> Data:
        """The task, and the roles of columns."""
        return load_section(Data, self.root / PARAMS)

    @cached_property
    def contract(self) -> Contract:
        """The data contract."""
        return load_contract(self.root / CONTRACT, self.data)

    @cached_property
    def human(self) -> HumanPart:
        """What people say of the model."""
        return read_fields(self.root / FIELDS)

    @cached_property
    def catalog(self) -> Catalog:
        """What people say of the table."""
        return read_catalog(self.root / CATALOG)

    @cached_property
    def personal(self) -> list[Personal]:
        """Columns that look as if they were about a person."""
        return found_personal(self.catalog, self.contract, self.params)

    def report(self, name: str) -> Json | None:
        """Return a report of the pipeline; None if there is none."""
        path = self.root / REPORTS / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return dict(json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{REPORTS / path.name}: is no report of the pipeline. Fix: make repro"
            ) from error

    def plot(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a table in reports/plots/; none if there is none."""
        path = self.root / REPORTS / "plots" / f"{name}.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def missing_reports(self) -> list[str]:
        """Reports without which there are no figures."""
        return [f"reports/{name}.json" for name in NEEDED if self.report(name) is None]

    @cached_property
    def facts(self) -> Facts | None:
        """What the pipeline found, as the card has it; None before a first run."""
        if self.missing_reports:
            return None
        known = {name: self.report(name) or {} for name in NEEDED}
        data = self.data.model_dump(mode="json")
        return Facts(
            human=self.human,
            catalog=self.catalog,
            manifest={"params": {"data": data, "train": self.section("train")}},
            contract=self.contract,
            data=self.data,
            plots=self.root / REPORTS / "plots",
            **known,
        )

    @cached_property
    def importances(self) -> list[tuple[str, float, float]]:
        """Each column with its mean importance and the standard deviation."""
        try:
            return [
                (row["feature"], float(row["importance"]), float(row["deviation"]))
                for row in self.plot("importance")
            ]
        except (KeyError, ValueError) as error:
            raise UserError(
                "reports/plots/importance.csv: is no table of feature, importance and"
                " deviation. Fix: make repro"
            ) from error

    @cached_property
    def directions(self) -> dict[str, bool]:
        """Whether a higher metric is better, by name."""
        metrics = self.project.metrics(self.data.task)
        return {name: metric.greater_is_better for name, metric in metrics.items()}

    @cached_property
    def main_metric(self) -> str:
        """The metric that decides."""
        gate = self.section("gate").get("metric")
        return str(gate or (self.section("evaluate").get("metrics") or [""])[0])

    @cached_property
    def locked(self) -> dict[str, str]:
        """The hash of each output in dvc.lock, by path."""
        return locked_outputs(Revision(self.root).yaml(LOCK))

    @cached_property
    def model_hash(self) -> str | None:
        """The MD5 of the model; None if dvc.lock has none."""
        return self.locked.get(MODEL.as_posix())

    @cached_property
    def raw(self) -> str:
        """Path of the raw table."""
        return raw_table(self.root / "dvc.yaml").as_posix()

    @cached_property
    def stages(self) -> dict[str, str]:
        """What each stage of the pipeline does, by name."""
        found = Revision(self.root).yaml("dvc.yaml")
        return {
            str(name): str((stage or {}).get("desc") or "")
            for name, stage in (found.get("stages") or {}).items()
        }

    @cached_property
    def versions(self) -> dict[str, str]:
        """The locked versions of the packages that a model needs."""
        path = self.root / "environments/runtime.txt"
        text = path.read_text("utf-8") if path.is_file() else ""
        found = re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, flags=re.M)
        return {name: version for name, version in found if name in PACKAGES}

    @cached_property
    def remote(self) -> str | None:
        """Name of the default remote of DVC; None if the project has none."""
        path = self.root / ".dvc/config"
        text = path.read_text("utf-8") if path.is_file() else ""
        found = re.search(r"^\s*remote\s*=\s*(\S+)", text, flags=re.M)
        return found[1] if found else None

    @cached_property
    def costs(self) -> tuple[float, float] | None:
        """What a false positive and a false negative cost, if params.yaml says so."""
        found = self.section("train").get("threshold")
        if not isinstance(found, Mapping):
            return None
        return float(found["false_positive"]), float(found["false_negative"])

    @cached_property
    def errors(self) -> tuple[int, int, int] | None:
        """Test rows, false positives and false negatives of a binary model."""
        if self.data.task != "binary":
            return None
        positive = str(self.data.positive)
        rows = self.plot("confusion_matrix")
        if not rows:
            return None
        counts = {(r["actual"], r["predicted"]): int(float(r["rows"])) for r in rows}
        wrong = [(a, p, n) for (a, p), n in counts.items() if a != p]
        return (
            sum(counts.values()),
            sum(n for _, p, n in wrong if p == positive),
            sum(n for a, _, n in wrong if a == positive),
        )

    @cached_property
    def service(self) -> Json | None:
        """Settings of the web service in the code; None if the project has none."""
        from reproducible_ml.serving.service.settings import Settings

        return self._settings("deployment/service.py", "Service", Settings)

    @cached_property
    def monitoring(self) -> Json | None:
        """Settings of monitoring in the code; None if the project has none."""
        from reproducible_ml.monitoring.settings import Settings

        return self._settings("deployment/monitoring.py", "Monitoring", Settings)

    def _settings(self, name: str, kind: str, defaults: type[Section]) -> Json | None:
        """Return defaults, and what a class of the project sets instead.

        Its code is read, not run: it may need packages that are not installed, and the
        environment must not matter.
        """
        path = f"{self.package}/{name}"
        if not self.has(path):
            return None
        found = {name: field.default for name, field in defaults.model_fields.items()}
        try:
            tree = ast.parse((self.root / path).read_text("utf-8"))
        except SyntaxError as error:
            raise UserError(f"{path} line {error.lineno}: {error.msg}") from error
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == kind:
                found |= dict(_literals(node))
        return found


def _literals(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Yield the names that a class sets to literals, and their values."""
    for line in node.body:
        if not isinstance(line, ast.AnnAssign) or line.value is None:
            continue
        if isinstance(line.target, ast.Name):
            try:
                yield line.target.id, ast.literal_eval(line.value)
            except ValueError:
                continue
