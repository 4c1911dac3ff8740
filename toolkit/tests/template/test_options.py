"""Every pair of answers gives a complete project, without traces of the template."""

import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from hooks.files import is_part
from hooks.identity import swap

from ..copies import ROOT
from .conftest import Generate, run, tracked

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# The address of another kind is written in the same way.
REMOTES = {
    "none": "",
    "local": "storage folder/dvc",
    "s3": "s3://my-bucket/churn",
    "ssh": "ssh://ada@storage.example.org/srv/churn",
}
PACKAGES = ("ab", "customer_churn_in_the_north_eu")

CHOICES: dict[str, Sequence[str]] = {
    "license": ["MIT", "BSD-3-Clause", "Apache-2.0", "Proprietary"],
    "remote": list(REMOTES),
    "package_name": PACKAGES,
    "data_source": ["sample", "visits.csv"],
    "project_name": ["Churn", "Jörg's Umsätze (2024)"],
    "author_email": ["", "ada@example.org"],
    "components": ["standard", "minimal", "everything", "notebooks, nightly"],
    "PATH": ["all", "without Git and make"],
}


def pairwise(choices: Mapping[str, Sequence[str]]) -> Iterable[dict[str, str]]:
    """Yield combinations until each pair occurs; always the one with most new pairs."""
    combinations = [
        dict(zip(choices, values, strict=True))
        for values in itertools.product(*choices.values())
    ]

    def pairs(answers: dict[str, str]) -> set[tuple[tuple[str, str], ...]]:
        return set(itertools.combinations(answers.items(), 2))

    missing = set[tuple[tuple[str, str], ...]]().union(*map(pairs, combinations))
    while missing:
        best = max(combinations, key=lambda answers: len(pairs(answers) & missing))
        missing -= pairs(best)
        yield best


COMBINATIONS = list(pairwise(CHOICES))


def answers_of(combination: Mapping[str, str]) -> dict[str, str]:
    """Return the answers of a combination, and those that follow from them."""
    target = "diagnosis" if combination["data_source"] == "sample" else "zurück | `x`"
    return {
        **{name: value for name, value in combination.items() if name != "PATH"},
        "author_name": "Ada Lovelace",
        "description": "Who leaves, when & why",
        "project_slug": "churn",
        "remote_url": REMOTES[combination["remote"]],
        "target_column": target,
    }


def path_without(folder: Path) -> str:
    """Return a PATH with nothing but Python on it."""
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(sys.executable)
    return str(folder / "bin")


def test_all_pairs_occur() -> None:
    for (one, ones), (other, others) in itertools.combinations(CHOICES.items(), 2):
        seen = {(chosen[one], chosen[other]) for chosen in COMBINATIONS}
        assert seen == set(itertools.product(ones, others))
    assert len(COMBINATIONS) < 25


@pytest.mark.parametrize(
    "combination", COMBINATIONS, ids=lambda chosen: "-".join(chosen.values())
)
def test_project_is_complete(
    combination: dict[str, str],
    tmp_path: Path,
    generate: Generate,
    zipped: Path,
) -> None:
    (tmp_path / "visits.csv").write_text("visit,zurück | `x`\n1,yes\n2,no\n")
    answers = answers_of(combination)
    bare = combination["PATH"] != "all"
    variables = {"PATH": path_without(tmp_path)} if bare else {}
    if answers["data_source"] != "sample" and not bare:
        # test_projects.py creates environments, which takes a minute.
        variables = {"PATH": path_with(tmp_path, "git")}
    template = zipped if bare else ROOT
    said = generate(tmp_path, template=template, variables=variables, **answers).stdout
    project = tmp_path / "churn"
    check_files(project, answers)
    check_forms(project, answers)
    check_steps(project, said, answers, bare=bare)


def path_with(folder: Path, name: str) -> str:
    """Return a PATH with Python and one more program."""
    path = path_without(folder)
    found = subprocess.check_output(["which", name], text=True).strip()
    Path(path, name).symlink_to(found)
    return path


def check_files(project: Path, answers: Mapping[str, str]) -> None:
    """Compare the list of files, and search them for traces of the template."""
    names = {"tumour_diagnosis": answers["package_name"], "tumour-diagnosis": "churn"}
    parts = [name for name in tracked() if is_part(name, answers)]
    expected = sorted(swap(name, names) for name in parts)
    found = [path for path in project.rglob("*") if path.is_file()]
    relative = sorted(path.relative_to(project).as_posix() for path in found)
    assert [name for name in relative if not name.startswith(".git/")] == expected
    for name in expected:
        if name.startswith("toolkit/"):
            continue
        text = (project / name).read_bytes().decode("utf-8", "replace")
        assert not re.search(r"tumour[\W_]diagnosis|Reproducible ML", text), name
        assert not re.search(r"\{[{%]-? *(cookiecutter|set|if|end)", text), name


def check_forms(project: Path, answers: Mapping[str, str]) -> None:
    """Parse files with a format, and look for the answers in them."""
    about = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert about["name"] == "churn"
    assert about["description"] == "Who leaves, when & why"
    author = {"name": "Ada Lovelace"}
    if answers["author_email"]:
        author["email"] = answers["author_email"]
    assert about["authors"] == [author]
    chosen = answers["license"]
    proprietary = chosen == "Proprietary"
    assert about["license"] == ("LicenseRef-Proprietary" if proprietary else chosen)
    words = {"MIT": "MIT License", "Proprietary": "All rights reserved"}
    text = (project / "LICENSE").read_text("utf-8")
    assert words.get(chosen, chosen.split("-")[0]) in text
    assert "Ada Lovelace" in text
    container = project / ".devcontainer/devcontainer.json"
    if container.exists():
        assert json.loads(container.read_text())["name"] == answers["project_name"]
    settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["tool"]
    assert settings["reproducible_ml"]["package"] == answers["package_name"]
    readme = (project / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^):#]+)\)", readme)
    assert [link for link in links if not (project / link).exists()] == []
    assert len(readme.splitlines()) < 80
    assert max(map(len, readme.splitlines())) < 180
    assert len(links) > 10
    # Here, no table is read: the project is still about the sample.
    assert "tumours" in readme
    # As `make test` does, on all files.
    for command in (["check"], ["format", "--check"]):
        run(Path(sys.executable).with_name("ruff"), *command, cwd=project)


def check_steps(
    project: Path, said: str, answers: Mapping[str, str], *, bare: bool
) -> None:
    """Check what was done after the files were written, and what was printed."""
    own = answers["data_source"] != "sample"
    assert ("make data" in said) == own
    assert ("git init" in said) == bare
    config = (project / ".dvc" / "config").read_text("utf-8")
    url = answers["remote_url"]
    if answers["remote"] == "local":
        url = str(project.parent / url)
    assert (f"    url = {url}\n" in config) == bool(url)
    assert ("remote = storage" in config) == bool(url)
    if not bare:
        log = run("git", "log", "--format=%an: %s", cwd=project).stdout
        assert log == f"Ada: {answers['project_name']}: first version\n"
        assert run("git", "status", "--porcelain", cwd=project).stdout == ""
    assert (project / "environments" / "setup.sh").stat().st_mode & 0o111
