"""Projects as cookiecutter writes them: the template's own again, and the smallest."""

import re
from pathlib import Path

import pytest
from hooks.files import is_part

from ..copies import ROOT
from .conftest import IDENTITY, Generate, run, tracked

pytestmark = pytest.mark.integration

# These are about the project instead of this repository.
OWN = {".github/dependabot.yml", "CHANGELOG.md", "LICENSE", "README.md"}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, generate: Generate) -> Path:
    folder = tmp_path_factory.mktemp("everything")
    generate(folder, components="everything")
    return folder / "tumour-diagnosis"


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory, generate: Generate) -> Path:
    folder = tmp_path_factory.mktemp("minimal")
    generate(folder, components="minimal", project_name="Churn")
    return folder / "churn"


def test_own_identity_gives_this_repository_byte_for_byte(everything: Path) -> None:
    names = [name for name in tracked() if is_part(name, IDENTITY)]
    assert tracked(everything) == names
    differing = [
        name
        for name in names
        if (everything / name).read_bytes() != (ROOT / name).read_bytes()
        or (everything / name).stat().st_mode != (ROOT / name).stat().st_mode
    ]
    assert set(differing) == OWN


def test_nothing_but_the_project_is_written(everything: Path) -> None:
    assert [path.name for path in everything.parent.iterdir()] == [everything.name]
    run("git", "diff", "--quiet", "HEAD", cwd=everything)


def test_only_what_reads_differently_is_written_twice() -> None:
    overlay = {path.name for path in (ROOT / "{{cookiecutter.project_slug}}").iterdir()}
    assert overlay == OWN - {"LICENSE", ".github/dependabot.yml"}


@pytest.mark.parametrize("name", ["everything", "minimal"])
def test_links_lead_to_files(name: str, request: pytest.FixtureRequest) -> None:
    project: Path = request.getfixturevalue(name)
    pages = [page for page in tracked(project) if page.endswith(".md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(
            r"\]\((?!https?:)([^)#\s]+)", (project / page).read_text("utf-8")
        )
    ]
    assert len(links) > 30
    broken = [
        f"{page}: {link}"
        for page, link in links
        if not (project / page).parent.joinpath(link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("name", ["everything", "minimal"])
def test_commands_name_files_that_exist(
    name: str, request: pytest.FixtureRequest
) -> None:
    project: Path = request.getfixturevalue(name)
    folders = {path.split("/")[0] for path in tracked() if "/" in path}
    scripts = [
        script
        for script in tracked(project)
        if re.search(r"^Makefile$|\.sh$|^\.github/workflows/|Dockerfile$", script)
    ]
    broken = []
    for script in scripts:
        text = (project / script).read_text("utf-8")
        for path in re.findall(r"(?<![\w./$<-])\.?[\w-]+/[\w./-]*[\w-]", text):
            # `make` checks whether the toolkit has tests; stages write the others.
            written = (".dvc/", "data/raw", "data/processed", "reports/")
            made = path.startswith(("toolkit/tests", *written))
            if path.split("/")[0] in folders and not made:
                broken += [] if (project / path).exists() else [f"{script}: {path}"]
    assert broken == []


def test_shared_files_name_no_component(minimal: Path) -> None:
    names = [name for name in tracked(minimal) if not name.startswith("toolkit/")]
    text = "\n".join(
        (minimal / name).read_text("utf-8")
        for name in names
        if name.endswith(("Makefile", ".md", ".toml"))
    )
    # `rml data` removes these files where they exist.
    text = re.sub(r"^sample = \[.*?^\]", "", text, flags=re.M | re.S)
    assert not re.search(r"notebooks/|pipelines/|nightly|devcontainer|Dockerfile", text)
