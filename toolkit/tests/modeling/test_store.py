"""Model files: the same in every run, identified, and running no code on load."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.model.store import canonical
from tumour_diagnosis.features.build import Features, build_pipeline

from .conftest import Stored, make_contract, make_params

# Fits and stores the model that its arguments name; run in a process of its own.
FIT_AND_STORE = """
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from reproducible_ml.modeling.model.store import save_model

module, name, folder = sys.argv[1:]
random = np.random.default_rng(0)
rows = np.column_stack([random.integers(0, 3, 200), random.normal(size=(200, 2))])
estimator = getattr(import_module(module), name)(random_state=0)
if "categorical_features" in estimator.get_params():
    estimator.set_params(categorical_features=[0])
estimator.fit(rows, rows.sum(axis=1) > 1)
save_model(estimator, Path(folder, "model.skops"), Path(folder, "model.json"), {})
"""


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=5),
        RandomForestClassifier(n_estimators=5),
        GradientBoostingClassifier(n_estimators=5),
        LogisticRegression(),
        GaussianNB(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_a_loaded_pipeline_predicts_what_the_saved_one_did(
    estimator: Any, stored: Stored, orders: pd.DataFrame
) -> None:
    contract = Contract.model_validate(make_contract("binary"))
    data = Data.model_validate(make_params("binary")["data"])
    bounds = {"amount": (-1.0, 1.0)}
    pipeline = build_pipeline(contract, data, bounds, estimator, Features())
    rows = orders[list(contract.features(data))]
    pipeline.fit(rows, read_target(orders, data))
    stored.save(pipeline)
    np.testing.assert_array_equal(
        stored.load().predict_proba(rows), pipeline.predict_proba(rows)
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.ensemble", "HistGradientBoostingClassifier"),
        ("sklearn.ensemble", "RandomForestClassifier"),
        ("sklearn.linear_model", "LogisticRegression"),
    ],
)
def test_files_are_the_same_byte_by_byte_in_another_process(
    module: str, name: str, tmp_path: Path
) -> None:
    files = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        subprocess.run(
            [sys.executable, "-c", FIT_AND_STORE, module, name, str(folder)],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed},
            check=True,
        )
        files.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert len(files[0]) == 2
    assert files[0] == files[1]


def test_a_canonical_file_is_canonical_already(stored: Stored) -> None:
    content = stored.model.read_bytes()
    assert canonical(content) == content


def test_a_canonical_file_has_no_dates_and_sorted_members(stored: Stored) -> None:
    with zipfile.ZipFile(stored.model) as archive:
        schema, *arrays = archive.infolist()
    assert schema.filename == "schema.json"
    names = [info.filename for info in arrays]
    assert names
    assert names == sorted(names)
    assert {info.date_time for info in [schema, *arrays]} == {(1980, 1, 1, 0, 0, 0)}


def test_an_object_in_two_places_stays_one(stored: Stored) -> None:
    shared = np.arange(3.0)
    stored.forge(canonical(dumps({"first": shared, "second": shared, "other": [1]})))
    loaded = stored.load()
    assert loaded["first"] is loaded["second"]


def test_text_that_looks_like_an_object_id_stays(stored: Stored) -> None:
    texts = ["12345.npy", '"__id__": 7', "7", "140000000000000.npz"]
    stored.forge(canonical(dumps({"texts": texts})))
    assert stored.load() == {"texts": texts}


def test_the_manifest_says_what_the_file_is(
    stored: Stored, linear: LogisticRegression
) -> None:
    stored.save(linear, training_data={"rows": 50})
    facts = stored.facts()
    content = stored.model.read_bytes()
    assert facts["sha256"] == hashlib.sha256(content).hexdigest()
    assert facts["training_data"] == {"rows": 50}
    assert set(facts["versions"]) == {"numpy", "scikit-learn", "skops"}


def test_a_tampered_file_is_refused(stored: Stored) -> None:
    content = bytearray(stored.model.read_bytes())
    content[len(content) // 2] ^= 1
    stored.model.write_bytes(content)
    message = stored.refusal()
    assert message.startswith(f"{stored.model}: is not the model that")
    assert "rml doctor --fix" in message


def test_a_truncated_file_is_refused(stored: Stored) -> None:
    stored.model.write_bytes(stored.model.read_bytes()[:-1])
    assert "SHA-256 differs" in stored.refusal()


@pytest.mark.parametrize("package", ["numpy", "scikit-learn", "skops"])
def test_a_model_of_another_version_is_refused(stored: Stored, package: str) -> None:
    facts = stored.facts()
    found = facts["versions"][package]
    facts["versions"][package] = "0.1"
    stored.manifest.write_text(json.dumps(facts), "utf-8")
    message = stored.refusal()
    assert f"made with other versions: {package} {found} instead of 0.1." in message
    assert "make setup" in message


def test_a_model_of_a_package_that_is_missing_is_refused(stored: Stored) -> None:
    facts = stored.facts()
    facts["versions"]["no-such-booster"] = "1.0"
    stored.manifest.write_text(json.dumps(facts), "utf-8")
    assert "no-such-booster (not installed) instead of 1.0." in stored.refusal()


def test_what_skops_cannot_name_is_not_saved(stored: Stored) -> None:
    model = FunctionTransformer(lambda values: values)
    with pytest.raises(UserError, match=r"<lambda>, which is not trusted"):
        stored.save(model)


def test_a_missing_model_is_reported_by_its_path(stored: Stored) -> None:
    stored.model.unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.skops"):
        stored.load()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"sha256": "", "versions": ["numpy"]}']
)
def test_a_broken_manifest_is_refused(stored: Stored, text: str) -> None:
    stored.manifest.write_text(text, "utf-8")
    assert str(stored.manifest) in stored.refusal()


@pytest.fixture
def make_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that makes an object of a type that is not trusted.

    Its module writes the file `ran` when it is imported; a harmful one could do worse.
    """
    code = "from pathlib import Path\nPath('ran').touch()\nclass Unknown:\n    pass\n"
    (tmp_path / "unknown.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def make() -> Any:
        made = import_module("unknown").Unknown()
        made.setting = 1
        return made

    return make


def forget_unknown() -> None:
    del sys.modules["unknown"]
    Path("ran").unlink()


def test_a_model_of_an_untrusted_type_is_not_saved(
    stored: Stored, linear: LogisticRegression, make_unknown: Callable[[], Any]
) -> None:
    before = stored.model.read_bytes()
    linear.extra_ = make_unknown()
    with pytest.raises(
        UserError, match=r"holds unknown\.Unknown, which is not trusted on load"
    ):
        stored.save(linear)
    forget_unknown()
    assert stored.model.read_bytes() == before


def test_an_untrusted_type_is_refused_before_its_module_is_imported(
    stored: Stored, linear: LogisticRegression, make_unknown: Callable[[], Any]
) -> None:
    linear.extra_ = make_unknown()
    stored.forge(dumps(linear))
    forget_unknown()
    assert "unknown.Unknown" in stored.refusal()
    assert not Path("ran").exists()


def test_a_call_of_an_untrusted_function_is_refused(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = FunctionTransformer(partial(subprocess.check_output, ["touch", "ran"]))
    stored.forge(dumps(call))
    assert "subprocess.check_output" in stored.refusal()
    assert not Path("ran").exists()


class Command:
    """Writes the file `ran` when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch ran",)


def test_a_pickle_runs_no_code(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stored.forge(pickle.dumps(Command()))
    assert str(stored.model) in stored.refusal()
    assert not (tmp_path / "ran").exists()


def test_a_pickle_inside_a_model_file_runs_no_code(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays are .npy files, and NumPy could unpickle what they hold."""
    monkeypatch.chdir(tmp_path)
    harmful, content = io.BytesIO(), io.BytesIO()
    np.save(harmful, np.array([Command()]), allow_pickle=True)
    with (
        zipfile.ZipFile(stored.model) as source,
        zipfile.ZipFile(content, "w") as target,
    ):
        for name in source.namelist():
            array = name.endswith(".npy")
            target.writestr(name, harmful.getvalue() if array else source.read(name))
    stored.forge(content.getvalue())
    assert str(stored.model) in stored.refusal()
    assert not (tmp_path / "ran").exists()
