"""The hash of the code that predicts: of which files, and that it changes with them."""

import importlib
import sys
from pathlib import Path

import pytest

from reproducible_ml.serving.code_hash import code_files, code_hash
from tumour_diagnosis.deployment.predict import predict


def test_it_is_about_the_projects_and_the_toolkits_code() -> None:
    names = {*code_files(predict)}
    assert {
        "tumour_diagnosis/deployment/predict.py",
        "tumour_diagnosis/datasets/validate.py",
        "tumour_diagnosis/features/build.py",
        "tumour_diagnosis/features/derived.py",
        "tumour_diagnosis/models/estimators/__init__.py",
        "reproducible_ml/serving/rows.py",
        "reproducible_ml/modeling/model/transformers.py",
    } <= names
    assert (
        not {
            "tumour_diagnosis/deployment/service.py",
            "tumour_diagnosis/models/plots.py",
            "reproducible_ml/report/report.py",
        }
        & names
    )


def test_it_changes_with_what_predict_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "deployment/predict.py": "from shop_orders.limits import LIMIT\n\n"
        "def predict(rows, model):\n    return LIMIT\n",
        "limits.py": "LIMIT = 1\n",
        "plots.py": "COLOUR = 1\n",
        "features/ratio.py": "RATIO = 1\n",
    }
    for name, text in files.items():
        file = tmp_path / "shop_orders" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text)
    (tmp_path / "shop_orders/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("shop_orders.deployment.predict")
    try:
        before = code_hash(module.predict)
        (tmp_path / "shop_orders/plots.py").write_text("COLOUR = 2\n")
        assert code_hash(module.predict) == before
        for name in ("limits.py", "features/ratio.py", "deployment/predict.py"):
            file = tmp_path / "shop_orders" / name
            file.write_text(file.read_text() + "# changed\n")
            after = code_hash(module.predict)
            assert after != before
            before = after
    finally:
        for name in [name for name in sys.modules if name.startswith("shop_orders")]:
            del sys.modules[name]
