"""The locks of packages, and which of them `make setup` installs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = ROOT / "environments"
STORAGE = ("azure", "gs", "s3", "ssh")
EXTRAS = {
    "dask": "distributed",
    "mlflow": "mlflow-skinny",
    "ray": "ray",
    "wandb": "wandb",
    "xgboost": "xgboost-cpu",
}
OPTIONAL = EXTRAS | {name: f"dvc-{name}" for name in STORAGE}


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a lock."""
    text = (ENVIRONMENTS / f"{name}.txt").read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, flags=re.M))


@pytest.mark.parametrize(
    "name", ["dev", "model", "service", "worker", "serverless", "site", *OPTIONAL]
)
def test_package_has_one_version_in_all_locks(name: str) -> None:
    runtime, other = pins("runtime"), pins(name)
    assert {n: v for n, v in other.items() if runtime.get(n, v) != v} == {}


def test_environment_for_work_includes_that_of_the_pipeline() -> None:
    assert pins("runtime").keys() <= pins("dev").keys()


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_lock_has_only_what_the_pipeline_lacks(name: str) -> None:
    assert OPTIONAL[name] in pins(name)
    assert pins("runtime").keys() & pins(name).keys() == set()


@pytest.mark.parametrize("name", ["service", "worker", "serverless"])
def test_lock_of_a_use_has_only_what_the_model_lacks(name: str) -> None:
    """With model.txt it is all that an image needs: no DVC, no plots."""
    found = pins(name).keys()
    assert pins("model").keys() & found == set()
    assert not {"dvc", "matplotlib"} & found


def named(requirements: list[str]) -> set[str]:
    """Return the names of packages as they stand in a lock."""
    names = {Requirement(line).name for line in requirements}
    return {canonicalize_name(name) for name in names}


def test_lock_has_what_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    ranges = project["project"]["dependencies"]
    assert named(ranges) <= pins("runtime").keys()
    assert named(project["dependency-groups"]["dev"]) <= pins("dev").keys()
    for name, extra in project["project"]["optional-dependencies"].items():
        assert named(extra) <= {*pins("runtime"), *pins(name)}, name
    for line in ranges:
        requirement = Requirement(line)
        version = pins("runtime")[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), line


@pytest.mark.parametrize(
    "path", sorted(ENVIRONMENTS.glob("*.in")), ids=lambda path: path.stem
)
def test_lock_of_an_environment_of_its_own_is_whole(path: Path) -> None:
    """It has what its .in names, and is not installed with the pipeline."""
    lines = path.read_text("utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert named(wanted) <= pins(path.stem).keys()
    for line in wanted:
        requirement = Requirement(line)
        version = pins(path.stem)[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), line
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert path.stem not in project["project"]["optional-dependencies"]


def test_ranges_of_the_toolkit_are_those_of_the_project() -> None:
    toolkit = tomllib.loads((ROOT / "toolkit" / "pyproject.toml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    ranges = {*project["project"]["dependencies"]}
    extra = toolkit["project"]["optional-dependencies"]["project"]
    assert {*toolkit["project"]["dependencies"], *extra} <= ranges


# An address of a mirror works on one machine only, and may hold a password.
@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*requirements.txt")) + sorted(ENVIRONMENTS.glob("*.txt"))
)
def test_lock_has_no_address_of_a_registry(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"index-url|find-links|trusted-host|https?://", text)


def setup(
    folder: Path, *arguments: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run make in a copy of what it needs, with an installer that lists the locks."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ENVIRONMENTS, folder / "environments", dirs_exist_ok=True)
    for name in ("pyproject.toml", "setup.py", "params.yaml"):
        (folder / name).touch()
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uv").write_text(
        '#!/bin/sh\nif [ "$1" = venv ]; then mkdir -p .venv/bin\n'
        f"ln -sf {python} .venv/bin/python\nfi\n"
        'echo "$@" >> asked\nif [ -e broken ]; then echo no such version; exit 1; fi\n'
    )
    (tools / "uv").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", *arguments, f"PYTHON={python}"],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def installed(folder: Path, *arguments: str) -> set[str]:
    """Return the locks that were installed; none if the environment is up to date."""
    (folder / "asked").unlink(missing_ok=True)
    done = setup(folder, *(arguments or ["setup"]))
    assert done.returncode == 0, done.stderr
    asked = folder / "asked"
    text = asked.read_text("utf-8") if asked.exists() else ""
    return set(re.findall(r"-r environments/(\w+)\.txt", text))


def test_project_without_remote_needs_no_package_of_a_storage(tmp_path: Path) -> None:
    assert installed(tmp_path) == {"runtime"}


@pytest.mark.parametrize(
    ("name", "text", "extra"),
    [
        (".dvc/config", "['remote \"storage\"']\n    url = s3://bucket/folder\n", "s3"),
        ("data/raw/visits.csv.dvc", "deps:\n- path: s3://bucket/visits.csv\n", "s3"),
        (
            "params.yaml",
            "compute:\n  backend: ray # x\ntracking: none\n",
            "ray",
        ),
        ("params.yaml", "compute:\n  backend: dask\ntracking: mlflow\n", "dask mlflow"),
        (
            "params.yaml",
            "train:\n  estimator:\n    path: xgboost.XGBClassifier\n",
            "xgboost",
        ),
        (
            "params.yaml",
            "compute:\n  backend: loky # dask\n# tracking: mlflow\n",
            "",
        ),
    ],
)
def test_lock_that_a_file_asks_for_is_installed(
    tmp_path: Path, name: str, text: str, extra: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert installed(tmp_path) == {"runtime", *extra.split()}


def test_storage_that_a_command_names_is_installed(tmp_path: Path) -> None:
    assert installed(tmp_path, "setup", "STORAGE=gs") == {"runtime", "gs"}


def test_setup_runs_again_only_after_a_change_of_content(tmp_path: Path) -> None:
    assert installed(tmp_path) == {"runtime"}
    os.utime(tmp_path / "pyproject.toml", (2**32, 2**32))
    assert installed(tmp_path) == set()
    (tmp_path / "pyproject.toml").write_text("# changed\n")
    assert installed(tmp_path) == {"runtime"}


def test_tools_are_added_when_they_are_needed_and_stay(tmp_path: Path) -> None:
    assert installed(tmp_path, "setup", "STORAGE=s3") == {"runtime", "s3"}
    assert installed(tmp_path, "dev") == {"dev", "s3"}
    assert installed(tmp_path) == set()
    (tmp_path / "pyproject.toml").write_text("# changed\n")
    assert installed(tmp_path) == {"dev", "s3"}


def test_failed_installation_shows_why_and_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    done = setup(tmp_path, "setup")
    assert done.returncode != 0
    assert "no such version" in done.stderr
    assert "error: the packages could not be installed" in done.stderr
    (tmp_path / "broken").unlink()
    assert installed(tmp_path) == {"runtime"}


@pytest.mark.parametrize("version", ["3.10", "3.15", ""])
def test_python_without_locked_packages_is_refused(
    tmp_path: Path, version: str
) -> None:
    python = tmp_path / "other"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    done = setup(tmp_path, "setup", python=str(python))
    assert done.returncode != 0
    assert "3.11, 3.12, 3.13, 3.14" in done.stderr
    assert "make setup PYTHON=" in done.stderr
    said = f"is Python {version}" if version else "does not run"
    assert f"{python} {said}, but" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_folder_with_a_colon_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    done = setup(tmp_path / "a:b", "setup")
    assert done.returncode != 0
    assert "a:b: the path has a colon" in done.stderr


def test_environment_of_another_python_is_made_anew(tmp_path: Path) -> None:
    assert installed(tmp_path) == {"runtime"}
    (tmp_path / ".venv/bin/python").unlink()
    (tmp_path / ".venv/old").touch()
    (tmp_path / "pyproject.toml").write_text("# changed\n")
    assert installed(tmp_path) == {"runtime"}
    assert not (tmp_path / ".venv/old").exists()


@pytest.mark.integration
def test_installed_package_has_project_and_toolkit(tmp_path: Path) -> None:
    """`pip install .`, but for the download of what it needs."""
    source, target = tmp_path / "source", tmp_path / "installed"
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source)
    for name in ("code", "toolkit"):
        ignore = shutil.ignore_patterns("*.egg-info", "__pycache__", "tests")
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    # uv is in the lock; an environment that it made has no pip.
    install = ["uv", "pip", "install", "--no-deps", "--no-build-isolation"]
    where = ["--python", sys.executable, "--target", str(target)]
    subprocess.run([*install, *where, str(source)], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [made] = distributions(path=[str(target)])
    wanted = {*map(Requirement, project["project"]["dependencies"])}
    assert wanted <= {*map(Requirement, made.requires or ())}
    package = project["tool"]["reproducible_ml"]["package"]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import {package}.models.train as t; print(t.__file__)",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(target))
    assert (target / "bin" / "rml").exists()


# Stands for uv: makes an environment, with a command that names the path of its Python.
INSTALLER = """\
#!/bin/sh
echo "$@" >> installed
if [ "$1" = venv ]; then
  mkdir -p .venv/bin
  ln -sf PYTHON .venv/bin/python
  echo "#!$PWD/.venv/bin/python" > .venv/bin/rml
  chmod +x .venv/bin/rml
fi
sleep 0.3
"""


@pytest.fixture
def project_to_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that setup.sh reads, and a fast installer."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv").write_text(INSTALLER.replace("PYTHON", sys.executable))
    (programs / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHON", sys.executable)
    project = tmp_path / "a project"
    (project / "environments").mkdir(parents=True)
    for name in ("setup.sh", "runtime.txt", "dev.txt"):
        shutil.copy(ENVIRONMENTS / name, project / "environments")
    for name in ("pyproject.toml", "setup.py", "params.yaml"):
        shutil.copy(ROOT / name, project)
    return project


def set_up(project: Path, *names: str) -> "subprocess.Popen[str]":
    """Start setup.sh."""
    command = ["sh", "environments/setup.sh", *names]
    return subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE)


def installations(project: Path) -> int:
    """Run setup.sh; return how often packages were installed in all."""
    with set_up(project) as process:
        process.communicate()
    assert process.returncode == 0
    assert (project / ".venv/bin/python").exists()
    return (project / "installed").read_text().count("--require-hashes")


@pytest.mark.parametrize("kind", ["file", "link", "python", "moved"])
def test_environment_that_cannot_run_is_made_anew(
    project_to_set_up: Path, kind: str
) -> None:
    project = project_to_set_up
    venv = project / ".venv"
    if kind == "file":
        venv.write_text("")
        assert installations(project) == 1
    elif kind == "link":
        venv.symlink_to("/nowhere")
        assert installations(project) == 1
    else:
        assert installations(project) == 1
        assert installations(project) == 1
        if kind == "python":
            (venv / "bin/python").unlink()
            (venv / "bin/python").symlink_to("/nowhere")
        else:
            (venv / "bin/old").write_text("")
            project = project.rename(project.with_name("moved"))
            venv = project / ".venv"
        assert installations(project) == 2
    assert not (venv / "bin/old").exists()
    assert str(project) in (venv / "bin/rml").read_text()
    assert installations(project) == 1 + (kind in ("python", "moved"))


def test_progress_in_a_terminal(project_to_set_up: Path) -> None:
    pty = pytest.importorskip("pty")
    terminal, end = pty.openpty()
    command = ["sh", "environments/setup.sh"]
    done = subprocess.run(command, cwd=project_to_set_up, stderr=end, check=False)
    assert done.returncode == 0
    assert b" packages, 0 s" in os.read(terminal, 10_000)


def test_one_installation_waits_for_the_other(project_to_set_up: Path) -> None:
    project = project_to_set_up
    # Of a process that was killed.
    (project / ".dvc/tmp").mkdir(parents=True)
    (project / ".dvc/tmp/setup").symlink_to("99999999")
    with set_up(project) as one, set_up(project, "dev") as other:
        texts = [one.communicate()[0], other.communicate()[0]]
    assert [one.returncode, other.returncode] == [0, 0]
    assert "Waiting for process" in "".join(texts)
    calls = (project / "installed").read_text().splitlines()
    # Not mixed: each makes the environment, then installs packages, then the project.
    # The one that came second may have found all of it done.
    made = [call.startswith("venv") for call in calls]
    assert made == [True, False, False] * (len(calls) // 3)
    assert (project / ".venv/.ready").read_text().splitlines()[1].startswith("dev")
    assert not (project / ".dvc/tmp/setup").is_symlink()


def test_conda_gives_a_python_that_the_lock_is_for() -> None:
    text = (ENVIRONMENTS / "README.md").read_text("utf-8")
    (python,) = re.findall(r"^conda create .* (python=\S+)", text, re.M)
    (supported,) = re.findall(
        r'^supported="(.*)"$', (ENVIRONMENTS / "setup.sh").read_text("utf-8"), re.M
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    allowed = SpecifierSet(project["requires-python"])
    versions = [f"3.{minor}" for minor in range(5, 30)]
    assert supported.split() == [v for v in versions if v in allowed]
    assert python.removeprefix("python=") in supported.split()


def test_commands_for_windows_are_those_that_the_workflow_runs() -> None:
    page = (ENVIRONMENTS / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```bat\n(.*?)```", page, re.S)
    workflow = (ROOT / ".github/workflows/test.yaml").read_text("utf-8")
    jobs = yaml.safe_load(workflow)["jobs"]
    for step in jobs["windows"]["steps"]:
        if "run" in step:
            assert step["run"].replace("-n auto ", "") in block
