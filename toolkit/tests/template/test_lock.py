"""dvc.lock of a renamed project is as up to date as the template's."""

import io
import shutil
from pathlib import Path

import pytest
from hooks.files import copy_template
from hooks.lock import fold
from ruamel.yaml import YAML

from ..copies import ROOT
from .conftest import IDENTITY, OTHER, commit_all, run_in

PIPELINE = """\
vars:
- project: code/tumour_diagnosis
stages:
  first:
    cmd: python -m tumour_diagnosis.first one.txt
    deps:
    - ${project}/features
    - ${project}/first.py
    outs:
    - one.txt: {cache: false}
"""
FIRST = """\
import sys
from pathlib import Path

from tumour_diagnosis.features import text

Path(sys.argv[1]).write_text(text.TEXT)
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a small template whose dvc.lock is up to date."""
    folder = tmp_path / "template"
    package = folder / "code" / "tumour_diagnosis"
    (package / "features" / "more").mkdir(parents=True)
    for name in ("", "features", "features/more"):
        (package / name / "__init__.py").touch()
    (package / "first.py").write_text(FIRST)
    (package / "features" / "text.py").write_text(
        'from tumour_diagnosis.features.more.b import B\n\nTEXT = f"1{B}"\n'
    )
    (package / "features" / "more" / "b.py").write_text("B = 2\n")
    (package / "features" / "more.txt").write_text("tumour_diagnosis")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / ".dvcignore").write_text("__pycache__/\n")
    (folder / ".gitignore").write_text("__pycache__/\n")
    shutil.copytree(ROOT / "hooks" / "licenses", folder / "hooks" / "licenses")
    commit_all(folder)
    run_in(folder, "dvc", "init", "--quiet")
    run_in(folder, "dvc", "repro", "--quiet")
    commit_all(folder)
    return folder


@pytest.mark.integration
def test_lock_of_a_renamed_project(template: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_template(template, project, IDENTITY, OTHER)
    commit_all(project)
    assert "up to date" in run_in(project, "dvc", "status")

    # Results of older code do not become those of the renamed code.
    code = template / "code" / "tumour_diagnosis" / "features" / "more" / "b.py"
    code.write_text("B = 3\n")
    shutil.rmtree(project)
    copy_template(template, project, IDENTITY, OTHER)
    commit_all(project)
    status = run_in(project, "dvc", "status")
    assert "code/customer_churn/features" in status
    assert "first.py" not in status


@pytest.mark.parametrize("length", [1, 2, 5, 9, 14, 15, 16, 17, 20, 23, 27, 30])
def test_lock_has_the_form_that_dvc_gives_it(length: int) -> None:
    text = (ROOT / "dvc.lock").read_text("utf-8")
    renamed = fold(text.replace("tumour_diagnosis", "p" * length))
    written = io.StringIO()
    YAML().dump(YAML().load(renamed), written)
    assert renamed == written.getvalue()
