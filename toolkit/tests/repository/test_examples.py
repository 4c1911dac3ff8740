"""The examples in the documentation: commands that run, and print what the pages show.

Lines `...` stand for lines that a page leaves out. Hashes may differ.
"""

import re
from pathlib import Path

import pytest

from ..copies import ROOT
from .conftest import TREES, Project, copy_of_working_tree, needs_sample
from .tables import write

pytestmark = [needs_sample, pytest.mark.integration]

TABLES = "/tmp/tables"
CHECK = "rml check-lock         # is dvc.lock up to date? takes a second, needs no data"
HASH = re.compile(r"\b[0-9a-f]{7,40}\b")
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


class Example:
    """A command of a page, and what it prints there.

    Attributes:
        command: For a shell.
        shown: Runs of lines; between them, lines are left out.
    """

    def __init__(self, text: str) -> None:
        self.command, *lines = text.split("\n")
        self.shown: list[list[str]] = [[]]
        for line in map(plain, lines):
            if line == "...":
                self.shown.append([])
            elif line:
                self.shown[-1].append(line)

    def missing(self, printed: str) -> list[str]:
        """Return the first lines that were not printed in this order; none if all."""
        lines = [line for line in map(plain, printed.split("\n")) if line]
        start = 0
        for number, run in enumerate(self.shown):
            # Without `...` before it, it begins where the last one ended.
            places = range(start, len(lines) + 1) if number else [0]
            found = [p for p in places if lines[p : p + len(run)] == run]
            if not found:
                return run
            start = found[0] + len(run)
        ends_open = not self.shown[-1]
        return [] if ends_open or start == len(lines) else [f"more: {lines[start]}"]


def plain(line: str) -> str:
    """Return a line without what may differ: commits, dates, the width of tables."""
    line = DATE.sub("DATE", line)
    line = re.sub(r"(?<=\(HEAD\), ).*", "MESSAGE.", HASH.sub("HASH", line))
    return " ".join(line.replace("─", " ").split())


def examples(page: str) -> dict[str, list[Example]]:
    """Return the examples of a page, block by block, by the first command of each."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^```console\n\$ (.*?)^```$", text, re.S | re.M)
    found = {}
    for block in blocks:
        made = [
            Example(part.strip("\n")) for part in re.split(r"^\$ ", block, flags=re.M)
        ]
        found[made[0].command] = made
    return found


def follow(project: Project, steps: list[Example], tables: Path, width: int) -> None:
    """Run the commands of a block, and compare what they print."""
    for step in steps:
        command = step.command.partition("   #")[0].replace(TABLES, str(tables))
        # The same, but for an environment of its own.
        command = command.replace("make repro", "rml repro")
        variables = {"COLUMNS": str(width)}
        done = project.run("sh", "-c", command, check=False, variables=variables)
        printed = done.stdout.replace(str(tables), TABLES)
        missing = step.missing(printed)
        assert not missing, f"$ {step.command}\n{missing}\nnot in\n{printed}"


@pytest.fixture
def blank(tmp_path: Path) -> Project:
    """A project in which nothing was run yet."""
    return copy_of_working_tree(tmp_path / "project")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder for tables."""
    folder = tmp_path / "tables"
    folder.mkdir()
    return folder


def test_customers(blank: Project, tables: Path) -> None:
    blocks = examples("docs/data/own_table.md")
    write("customers", tables)
    follow(blank, blocks['head -3 "/tmp/tables/Kunden 2024.csv"'], tables, 100)
    blank.commit()
    with (tables / "Kunden 2024.csv").open("a") as table:
        table.write("000801;55;10,00 €;3;Trier;ja;05.03.2024;01125;DE;ja\n")
        table.write("000802;130;10,00 €;3;Bonn;ja;05.03.2024;01125;DE;nein\n")
    limits = "in_range: {{min_value: {}, max_value: {}}}".format
    blank.edit("data/schema.yaml", limits(0, 500), limits(16, 120))
    follow(blank, blocks["rml data"], tables, 100)


@pytest.mark.slow
def test_rentals(blank: Project, tables: Path) -> None:
    blocks = examples("docs/data/own_table.md")
    write("rentals", tables)
    command = "rml data /tmp/tables/rentals.csv.gz --target bikes --time started"
    follow(blank, blocks[command], tables, 100)


def test_broken_table(blank: Project, tables: Path) -> None:
    write("members", tables)
    for block in examples("docs/data/broken_tables.md").values():
        follow(blank, block, tables, 100)


@pytest.mark.slow
def test_experiments(project: Project, tables: Path) -> None:
    blocks = examples("docs/experiments.md")
    project.run("git", "remote", "add", "origin", str(tables))
    project.run("dvc", "remote", "add", "--default", "storage", str(tables))
    project.commit()
    for command in (
        "rml exp -S train.nothing=1 -S train.seed=-1",
        "rml exp -S train.estimator.arguments.max_iter=-5",
        "rml exp -S train.estimator.arguments.learning_rate=0.2 --name faster",
        "rml branch faster",
    ):
        follow(project, blocks[command], tables, 120)
        project.run("sh", "-c", "git restore . && dvc checkout")


@pytest.mark.slow
def test_commands_of_the_code(project: Project, tables: Path) -> None:
    blocks = examples("docs/code/README.md")
    follow(
        project, blocks["python -m tumour_diagnosis.datasets.split --help"], tables, 100
    )
    follow(project, examples("docs/pull_requests.md")[CHECK][:1], tables, 100)


@pytest.mark.slow
def test_registry(project: Project, tables: Path) -> None:
    blocks = examples("docs/registry.md")
    bare = project.folder.parent / "hub.git"
    project.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    project.run("git", "remote", "add", "origin", str(bare))
    project.run("dvc", "remote", "add", "--default", "storage", str(tables))
    project.commit()
    project.run("sh", "-c", "git push --quiet origin main && dvc push --quiet")
    for command in ("rml register --push", "rml promote 1.0.0 staging --push"):
        follow(project, blocks[command], tables, 120)
    project.set(TREES, 60)
    project.reproduce()
    project.commit()
    for command in (
        "git push --quiet origin main && dvc push --quiet",
        "rml rollback prod --push",
        "rml models",
    ):
        follow(project, blocks[command], tables, 120)
