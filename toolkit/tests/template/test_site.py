"""The site of projects: of what they have, whatever was chosen, with no dead link."""

import html
import re
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from reproducible_ml.site.environment import FOLDER, prepare

from ..copies import ROOT
from .conftest import Generate, run_in
from .test_options import path_with

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CLI = (sys.executable, "-m", "reproducible_ml.cli", "site")


@pytest.mark.parametrize(
    "answers",
    [
        # A table of one's own, and nothing else: no results, no workflows.
        {
            "components": "site",
            "data_source": "visits.csv",
            "target_column": "left",
            "project_name": "Jörg's Umsätze & mehr (2026)",
            "project_slug": "umsaetze",
            "package_name": "api",
        },
        {"components": "everything", "project_slug": "umsaetze"},
    ],
    ids=["site alone", "everything"],
)
def test_site_of_a_project(
    answers: dict[str, str], tmp_path: Path, generate: Generate
) -> None:
    with FileLock(ROOT / f"{FOLDER}.lock"):
        prepare(ROOT)
    (tmp_path / "visits.csv").write_text("visit,left\n1,yes\n2,no\n")
    # Without make, no environment is created.
    generate(tmp_path, variables={"PATH": path_with(tmp_path, "git")}, **answers)
    project = tmp_path / "umsaetze"
    (project / ".venv").mkdir()
    (project / FOLDER).symlink_to(ROOT / FOLDER)
    assert "is built" in run_in(project, *CLI)
    site = project / "site"
    assert (site / "api/reproducible_ml.core.html").is_file()
    text = (site / "index.html").read_text("utf-8")
    own = answers["components"] == "site"
    package = answers.get("package_name", "umsaetze")
    assert (site / f"api/{package}.features.html").is_file()
    assert (site / "reports/index.html").exists() is not own
    for name in ("monitoring", "tracking", "governance/index"):
        assert (site / f"docs/{name}.html").exists() is not own
    if own:
        assert f"<title>{answers['project_name']}</title>" in html.unescape(text)
        pages = [path.read_text("utf-8") for path in site.rglob("*.html")]
        assert not [page for page in pages if re.search("tumour[_ ]diagnosis", page)]


def test_project_without_the_site_says_how_to_get_it(
    tmp_path: Path, generate: Generate
) -> None:
    generate(tmp_path, components="minimal", project_slug="small")
    said = run_in(tmp_path / "small", *CLI, check=False)
    assert said.startswith("error: mkdocs.yml: there is no such file")
    assert "components=site" in said
    assert not (tmp_path / "small/site").exists()
