"""The toolkit finds the project by its files, and its package by pyproject.toml."""

import sys
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project, find_project

PARAMS = """\
from reproducible_ml.core.params import Compute, Section

class Params(Section):
    compute: Compute = Compute()
    metric: str

    def problems(self, contract):
        if vars(self).get("metric") == "luck":
            yield "params.yaml: metric: luck is not a metric"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose package is `example_project`."""
    package = tmp_path / "code" / "example_project"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "params.py").write_text(PARAMS)
    (package / "models").mkdir()
    (package / "models" / "metrics.py").write_text("METRICS = {'binary': {'auc': 1}}\n")
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("metric: auc\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.reproducible_ml]\npackage = "example_project"\nsample = ["data/x.csv"]\n'
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    return tmp_path


def test_project_is_found_from_any_folder_in_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_project(root / "code" / "example_project").root == root
    monkeypatch.chdir(root / "code")
    assert find_project().package == "example_project"
    with pytest.raises(UserError, match=r"is not in a project: .*change to the folder"):
        find_project(root.parent)


def test_modules_and_metrics_are_loaded_by_name(root: Path) -> None:
    project = Project(root)
    module = project.load("models.metrics")
    assert Path(module.__file__).is_relative_to(root)
    assert project.metrics("binary") == {"auc": 1}
    assert project.metrics("ranking") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not name the project's package. Fix: add"),
        ("[tool.reproducible_ml]\npackage = 5", "does not name the project's package"),
        ("[tool", "is not valid TOML"),
        (None, "does not name the project's package"),
    ],
)
def test_missing_name_of_the_package_is_reported(
    root: Path, text: str | None, words: str
) -> None:
    path = root / "pyproject.toml"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UserError) as error:
        Project(root).load("params")
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("metric: auc\ncompute: {n_jobs: 2}\n", []),
        ("metric: luck\n", ["metric: luck is not a metric"]),
        ("metrics: auc\n", ["metric: Field required", "metrics: Extra inputs"]),
        (
            "compute: {n_jobs: 0}\nmetric: 5\n",
            ["compute.n_jobs: give a number", "metric: Input should be a valid string"],
        ),
    ],
)
def test_params_are_checked_as_a_whole(
    root: Path, text: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    Path("params.yaml").write_text(text)
    project = Project(Path())
    if not lines:
        project.check()
        assert project.params().compute.n_jobs == 2
        return
    with pytest.raises(UserError) as error:
        project.check()
    found = str(error.value).splitlines()
    assert len(found) == len(lines)
    for line, start in zip(found, lines, strict=True):
        assert line.startswith(f"params.yaml: {start}")


def test_list_of_sample_files_can_be_removed(root: Path) -> None:
    project = Project(root)
    assert project.sample == ("data/x.csv",)
    project.forget_sample()
    assert not project.sample
    assert Project(root).package == "example_project"


def test_code_that_fails_is_an_error_with_its_line(root: Path) -> None:
    (root / "code/example_project/broken.py").write_text("x = 1\ny = x / 0\n")
    place = r"code/example_project/broken\.py line 2: ZeroDivisionError: division by"
    with pytest.raises(UserError, match=place):
        Project(root).load("broken")


def test_code_that_is_no_python_is_an_error_with_its_line(root: Path) -> None:
    (root / "code/example_project/unfinished.py").write_text("x = 1\ndef (\n")
    (root / "code/example_project/importing.py").write_text(
        "import example_project.unfinished\n"
    )
    for module in ("unfinished", "importing"):
        with pytest.raises(UserError, match=r"unfinished\.py line 2: SyntaxError: inv"):
            Project(root).load(module)
