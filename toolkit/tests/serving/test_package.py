"""Wheels of the model: the same bytes and the same answers anywhere."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from decimal import Decimal
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.serving.installed import BadRowsError, InstalledModel
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.package import check_up_to_date, package
from reproducible_ml.serving.rows import MissingColumnsError, answer
from tumour_diagnosis.deployment.predict import predict

from ..copies import ROOT, clean_environment, copy_files
from ..report.conftest import PYPROJECT, Repository, dvc
from .conftest import LINEAR

Train = Callable[..., Model]

# What the import of an installed model must not need.
UNNEEDED = ("click", "dvc", "matplotlib", "psutil", "rich", "ruamel", "sqlalchemy")

# Answers rows without `UNNEEDED`, with nothing but the wheels in front of the packages.
SCRIPT = """\
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in UNNEEDED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

UNNEEDED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[2])

import tumour_diagnosis_model
from tumour_diagnosis_model import predict
assert "pandas" not in sys.modules, "the import is not quick"

import pandas as pd
import reproducible_ml.serving.rows
import tumour_diagnosis.deployment.predict
for module in (tumour_diagnosis_model, reproducible_ml.serving.rows,
               tumour_diagnosis.deployment.predict):
    assert module.__file__.startswith(sys.argv[2]), module.__file__

predict(pd.read_pickle(sys.argv[3])).to_pickle(sys.argv[4])
print(tumour_diagnosis_model.__version__)
"""


def copy_with_model(folder: Path, model: Path) -> Project:
    """Return a copy of this project, with another model in it."""
    copy_files(folder)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    shutil.copytree(model, folder / "models")
    return Project(folder)


@pytest.fixture
def folder_of(train: Train, trained: dict[str, Path]) -> Callable[..., Path]:
    """Return a function that trains a model, and returns its folder."""

    def find(task: str = "binary", path: str | None = None) -> Path:
        model = train(task, path)
        return next(
            folder
            for folder in trained.values()
            if (folder / "model.json").is_file()
            and json.loads((folder / "model.json").read_text())["sha256"]
            == model.manifest["sha256"]
        )

    return find


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith("dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def use(
    wheels: list[Path], rows: pd.DataFrame, folder: Path
) -> tuple[pd.DataFrame, str]:
    """Return what unpacked wheels answer in a process of their own, and a version."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "site")
    rows.to_pickle(folder / "rows")
    paths = [str(folder / name) for name in ("site", "rows", "answers")]
    done = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, ",".join(UNNEEDED), *paths],
        # Code of a repository around the folder must not come first.
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pd.read_pickle(folder / "answers"), done.stdout.strip()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("task", "path"), [("binary", None), ("multiclass", LINEAR["multiclass"])]
)
def test_wheels_answer_like_the_repository_without_its_packages(
    folder_of: Callable[..., Path],
    train: Train,
    orders: pd.DataFrame,
    tmp_path: Path,
    task: str,
    path: str | None,
) -> None:
    project = copy_with_model(tmp_path / "project", folder_of(task, path))
    wheels = package(project, tmp_path / "dist", force=True)
    orders.index = pd.Index([f"order {number}" for number in range(len(orders))])
    found, version = use(wheels, orders, tmp_path)
    expected = answer(pa.Table.from_pandas(orders), train(task, path), predict).answers
    pd.testing.assert_frame_equal(
        found, expected.set_axis(orders.index), check_exact=True
    )
    assert [wheel.name.partition("-")[0] for wheel in wheels] == [
        "reproducible_ml",
        "tumour_diagnosis_model",
    ]
    assert metadata(wheels[1])["Version"] == version


# Lets the model begin with a transformer of the project's own.
OWN = """\
from pathlib import Path
import json
import sys
import pandas as pd
from sklearn.pipeline import Pipeline
from reproducible_ml.modeling.model.store import save_model
from tumour_diagnosis.deployment.predict import Predict, load
from tumour_diagnosis.features.own import Dearer

model = load(Path("models"), Predict())
pipeline = Pipeline([("own", Dearer()), *model.pipeline.steps])
paths = Path("models/model.skops"), Path("models/model.json")
save_model(pipeline, *paths, model.manifest, "tumour_diagnosis")
pd.Series(pipeline.predict_proba(pd.read_pickle(sys.argv[1]))[:, 1]).to_pickle("own")
"""

DEARER = """\
from sklearn.base import BaseEstimator, TransformerMixin

class Dearer(TransformerMixin, BaseEstimator):
    def fit(self, rows, target=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, rows):
        return rows.assign(amount=rows["amount"] + 1)
"""


@pytest.mark.integration
@pytest.mark.slow
def test_wheel_has_the_code_that_the_model_needs(
    folder_of: Callable[..., Path], orders: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    copy_with_model(folder, folder_of())
    (folder / "code/tumour_diagnosis/features/own.py").write_text(DEARER)
    orders.to_pickle(tmp_path / "rows")
    for command in (
        [sys.executable, "-c", OWN, str(tmp_path / "rows")],
        [sys.executable, "-m", "reproducible_ml.cli", "package", "--force"],
    ):
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    found, _ = use([*(folder / "dist").glob("*.whl")], orders, tmp_path)
    np.testing.assert_array_equal(found["probability"], pd.read_pickle(folder / "own"))


@pytest.mark.integration
@pytest.mark.slow
def test_wheels_are_the_same_bytes_anywhere(
    folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    found = []
    for name, zone, umask in (("a", "UTC", 0o022), ("b/c d", "Asia/Tokyo", 0o077)):
        folder = tmp_path / name
        copy_with_model(folder, folder_of())
        (folder / "code/tumour_diagnosis/__init__.py").chmod(0o640 + umask % 8)
        os.utime(folder / "toolkit/README.md", (2**30 + umask, 2**30))
        done = subprocess.run(
            [sys.executable, "-m", "reproducible_ml.cli", "package", "--force"],
            cwd=folder,
            env=os.environ | {"TZ": zone, "PYTHONHASHSEED": str(umask)},
            umask=umask,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        wheels = sorted((folder / "dist").glob("*.whl"))
        assert [line.split(" (")[0] for line in done.stdout.splitlines()] == [
            *(f"dist/{wheel.name}" for wheel in wheels)
        ]
        made = (folder / "dist").iterdir()
        found.append({path.name: path.read_bytes() for path in made})
    assert found[0] == found[1]
    assert len(found[0]) == 3


@pytest.mark.integration
def test_wheel_pins_what_the_model_was_made_with(
    folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    project = copy_with_model(tmp_path, folder_of())
    package(project, tmp_path / "dist", force=True)
    pyproject = tmp_path / "pyproject.toml"
    text = pyproject.read_text().replace(
        'dependencies = [\n  "charset',
        'dependencies = [\n  "holidays>=0.9",\n  "charset',
    )
    pyproject.write_text(text)
    toolkit, model = package(project, tmp_path / "dist", force=True)
    # The wheel of before is gone: an image installs all of the folder.
    assert {*(tmp_path / "dist").glob("*.whl")} == {toolkit, model}
    facts = json.loads((tmp_path / "models/model.json").read_text())
    found = metadata(model)
    assert found["Version"].startswith(f"0.1.0+m{facts['sha256'][:12]}.c")
    required = found.get_all("Requires-Dist", [])
    assert f"reproducible-ml=={metadata(toolkit)['Version']}" in required
    for name, version in facts["versions"].items():
        assert [line for line in required if line.startswith(name)] == [
            f"{name}=={version}"
        ]
    # What the project's own code imports, but nothing that only the pipeline does.
    assert "holidays>=0.9" in required
    names = metadata(toolkit).get_all("Requires-Dist", [])
    for line in (*required, *names):
        assert "extra ==" in line or not line.startswith(UNNEEDED)


@pytest.mark.integration
@pytest.mark.slow
def test_other_code_is_another_version(
    folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    project = copy_with_model(tmp_path, folder_of())
    versions = []
    for name, old, new in (
        ("params.yaml", "unseen: reject", "unseen: missing"),
        ("code/tumour_diagnosis/deployment/predict.py", "    return answers", "    "),
        ("toolkit/src/reproducible_ml/serving/rows.py", '"""Check', '"""Checks'),
        ("README.md", "", ""),
    ):
        versions.append(
            [
                metadata(w)["Version"]
                for w in package(project, tmp_path / "d", force=True)
            ]
        )
        path = tmp_path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new or f"{text}more"))
    toolkits, models = zip(*versions, strict=True)
    assert [toolkits.index(version) for version in toolkits] == [0, 0, 0, 3]
    assert [models.index(version) for version in models] == [0, 1, 2, 3]


def installed(folder: Path, **settings: Any) -> InstalledModel:
    (folder / "predict.json").write_text(json.dumps(settings))
    return InstalledModel(str(folder), "tumour_diagnosis", "predict-orders")


def test_bad_rows_are_listed_or_answered_by_missing_values(
    folder_of: Callable[..., Path], orders: pd.DataFrame
) -> None:
    model = installed(folder_of())
    rows = orders[:5].set_axis(list("abcda"))
    expected = model.predict(rows)
    assert expected.index.tolist() == list("abcda")
    items, channels = rows["items"].tolist(), rows["channel"].tolist()
    rows = rows.assign(
        items=[items[0], "many", *items[2:]], channel=[*channels[:4], "pigeon"]
    )
    with pytest.raises(BadRowsError) as caught:
        model.predict(rows)
    assert [problem.row for problem in caught.value.problems] == [1, 4]
    first, second = str(caught.value).splitlines()
    assert first.startswith("row b: column \"items\": 'many' is not a whole number")
    assert second.startswith("row a: column \"channel\": 'pigeon' is not in isin")
    found = model.predict(rows, on_bad_row="missing")
    assert found.isna().all(axis=1).tolist() == [False, True, False, False, True]
    pd.testing.assert_frame_equal(
        found.iloc[[0, 2, 3]], expected.iloc[[0, 2, 3]], check_exact=True
    )
    with pytest.raises(ValueError, match="on_bad_row"):
        model.predict(rows, on_bad_row="ignore")  # type: ignore[arg-type]


def test_types_of_pandas_do_not_matter(
    folder_of: Callable[..., Path], orders: pd.DataFrame
) -> None:
    model = installed(folder_of())
    expected = model.predict(orders)
    for rows in (
        orders.convert_dtypes(),
        orders.convert_dtypes(dtype_backend="pyarrow"),
        orders.astype(object),
        orders.astype({"items": "float64", "member": "int8"}),
        orders.assign(amount=orders["amount"].astype(object).map(Decimal)),
        orders.assign(items=[*map(str, orders["items"][:9]), *orders["items"][9:]]),
        orders.assign(ordered_at=[*map(str, orders["ordered_at"])]),
    ):
        pd.testing.assert_frame_equal(model.predict(rows), expected, check_exact=True)


def test_message_lists_the_first_bad_rows(
    folder_of: Callable[..., Path], orders: pd.DataFrame
) -> None:
    with pytest.raises(BadRowsError) as caught:
        installed(folder_of()).predict(orders.assign(items=0.5))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 280 more"


def test_settings_of_the_wheel_apply(
    folder_of: Callable[..., Path], orders: pd.DataFrame
) -> None:
    model = installed(folder_of(), unseen="missing")
    assert model.predict(orders[:3].assign(channel="pigeon")).notna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="items"), 'column "items": is missing'),
        (lambda rows: pd.concat([rows, rows[["items"]]], axis=1), "there 2 times"),
    ],
)
def test_table_that_does_not_fit_is_refused(
    folder_of: Callable[..., Path],
    orders: pd.DataFrame,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        installed(folder_of()).predict(change(orders))
    assert isinstance(caught.value, MissingColumnsError) == ("missing" in message)


def test_project_without_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "params.yaml").write_text("predict: {}\n")
    with pytest.raises(UserError, match=r"model.json: does not exist. Fix: run"):
        package(Project(tmp_path), tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


@pytest.mark.integration
def test_model_that_is_not_committed_is_refused(
    folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    project = copy_with_model(tmp_path, folder_of())
    with pytest.raises(UserError, match=r"model\.skops is not that of dvc\.lock"):
        package(project, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


# The stage `evaluate` reads the model, but makes nothing of it.
PIPELINE = """\
stages:
  clean:
    cmd: python copy_file.py raw clean
    deps: [copy_file.py, raw]
    outs: [clean]
  train:
    cmd: python copy_file.py clean models/model.skops models/model.json
    deps: [clean]
    params: [train.seed]
    outs: [models/model.skops, models/model.json]
  evaluate:
    cmd: python copy_file.py scores metrics
    deps: [models/model.skops, scores]
    outs: [metrics]
"""

COPY = """\
import shutil, sys
for target in sys.argv[2:]:
    shutil.copy(sys.argv[1], target)
"""


@pytest.fixture(scope="session")
def small_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pipeline")
    repository = Repository(root)
    for name in ("raw", "scores", "models/readme"):
        repository.write(name, name)
    repository.write("copy_file.py", COPY)
    repository.write("params.yaml", {"train": {"seed": 0}})
    repository.write("dvc.yaml", PIPELINE)
    dvc(root, "init", "--quiet")
    dvc(root, "repro", "--quiet")
    return root


@pytest.mark.integration
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("scores", ""),
        ("raw", "clean: raw is modified)."),
        ("copy_file.py", "clean: copy_file.py is modified)."),
        ("params.yaml", "train: train.seed is modified)."),
        (
            "models/model.json",
            "models/model.json is not that of dvc.lock, and 1 more).",
        ),
        ("dvc.lock", "models/model.skops is not that of dvc.lock, and 1 more)."),
    ],
)
def test_model_of_other_code_or_data_is_refused(
    small_pipeline: Path, tmp_path: Path, changed: str, said: str
) -> None:
    root = tmp_path / "pipeline"
    shutil.copytree(small_pipeline, root, symlinks=True)
    if changed == "dvc.lock":
        (root / changed).unlink()
    else:
        text = (root / changed).read_text().replace("seed: 0", "seed: 1")
        (root / changed).write_text(f"{text}\n")
    if not said:
        check_up_to_date(root)
        return
    with pytest.raises(UserError) as caught:
        check_up_to_date(root)
    assert str(caught.value) == (
        f"models: is not the model of this code and data ({said}"
        " Fix: make repro, or package it as it is: rml package --force"
    )


def run_command(
    model: InstalledModel, monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> str:
    """Run the command of a wheel; return its error, if there is one."""
    monkeypatch.setattr(sys, "argv", ["predict-orders", *map(str, arguments)])
    try:
        model.main()
    except SystemExit as end:
        return str(end)
    return ""


def test_command_predicts_files(
    folder_of: Callable[..., Path],
    orders: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = installed(folder_of())
    expected = model.predict(orders)
    orders.to_csv(tmp_path / "new.csv", index=False)
    orders.to_parquet(tmp_path / "new.parquet")
    for source, output in (("new.csv", "a.parquet"), ("new.parquet", "a.csv")):
        target = tmp_path / output
        options = ("--output", target, "--keep", "items")
        assert not run_command(model, monkeypatch, tmp_path / source, *options)
        found = pd.read_csv(target) if "csv" in output else pd.read_parquet(target)
        assert found["items"].astype(int).tolist() == orders["items"].tolist()
        pd.testing.assert_frame_equal(
            found[["prediction", "probability"]], expected, check_exact=True
        )


def test_servers_name_the_package_that_is_missing(
    folder_of: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = installed(folder_of())
    monkeypatch.setattr("reproducible_ml.serving.installed.find_spec", lambda _: None)
    monkeypatch.setattr("sys.argv", ["serve"])
    for run, needed in ((model.serve, "uvicorn"), (model.work, "faststream")):
        with pytest.raises(SystemExit, match=f"{needed} is not installed. Fix: "):
            run()
    with pytest.raises(TypeError, match="rows must be a DataFrame, not list"):
        model.predict([1])  # type: ignore[arg-type]


def test_command_writes_nothing_or_the_good_rows(
    folder_of: Callable[..., Path],
    orders: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = installed(folder_of())
    source, target = tmp_path / "new.csv", tmp_path / "answers.csv"
    arguments = (source, "--output", target)
    assert run_command(model, monkeypatch, *arguments) == (
        f"error: {source}: does not exist"
    )
    orders[:3].assign(items=["1", "0.5", "2"]).to_csv(source, index=False)
    error = run_command(model, monkeypatch, *arguments)
    assert error.startswith(f"error: {source}: 1 of 3 rows break the contract")
    assert not target.exists()
    assert not run_command(model, monkeypatch, *arguments, "--on-bad-row", "quarantine")
    assert pd.read_csv(target)["row"].tolist() == [1, 3]
    [bad] = (tmp_path / "answers.csv.bad.jsonl").read_text().splitlines()
    assert json.loads(bad)["row"] == 2


# Uses all ways of an installed model, and lists what is installed.
USE = """\
import json
import sys
from importlib.metadata import distributions

import pandas as pd
from tumour_diagnosis_model import predict

rows = pd.read_csv(sys.argv[1], parse_dates=["ordered_at"])
predict(rows).to_pickle(sys.argv[2])
print(json.dumps([one.name for one in distributions()]))
"""


@pytest.mark.slow
def test_empty_environment(
    folder_of: Callable[..., Path], orders: pd.DataFrame, train: Train, tmp_path: Path
) -> None:
    project = copy_with_model(tmp_path / "project", folder_of())
    wheels = package(project, tmp_path / "dist", force=True)
    orders.to_csv(tmp_path / "new.csv", index=False)
    programs = tmp_path / "environment" / "bin"

    def run(*command: object) -> str:
        done = subprocess.run(
            [*map(str, command)],
            # Code of a repository around the folder must not come first.
            cwd=ROOT,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", programs.parent)
    install = (programs / "python", "-m", "pip", "install", "--quiet")
    run(*install, "--require-hashes", "-r", ROOT / "environments/model.txt")
    # Nothing is missing, and no version is another one.
    run(*install, "--no-index", *wheels)
    printed = run(
        programs / "python", "-c", USE, tmp_path / "new.csv", tmp_path / "api"
    )
    assert not {*json.loads(printed)}.intersection(UNNEEDED)
    command = (programs / "tumour-diagnosis-predict", tmp_path / "new.csv")
    run(*command, "--output", tmp_path / "command.csv")
    expected = answer(pa.Table.from_pandas(orders), train(), predict).answers
    found = pd.read_csv(tmp_path / "command.csv")[["prediction", "probability"]]
    for one in (found, pd.read_pickle(tmp_path / "api")):
        pd.testing.assert_frame_equal(one, expected, check_exact=True)
