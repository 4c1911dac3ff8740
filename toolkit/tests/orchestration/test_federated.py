"""A server and two clients train together: three processes, TLS, a shared secret."""

import datetime
import importlib.util
import ipaddress
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Data, load_contract
from reproducible_ml.core.parts import write_part
from reproducible_ml.modeling.model.store import load_model

from ..copies import ROOT
from ..loopback import free_port
from ..repository.conftest import needs_sample

Process = subprocess.Popen[bytes]
Start = Callable[..., Process]

SCRIPT = ROOT / "pipelines/federated.py"
TOKEN = "a secret of the tests"


def sample() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test rows of the sample: a clone has none before a run."""
    from tumour_diagnosis.datasets.sample import breast_cancer

    rows = breast_cancer().drop_duplicates()
    data = Data(target="diagnosis", task="binary", positive="malignant")
    contract = load_contract(ROOT / "data/schema.yaml", data)
    rows = rows[list(contract.columns)].astype({"diagnosis": "category"})
    rows.index = pd.Index(np.arange(len(rows), dtype=np.uint64), name="row_key")
    return rows[rows.index % 4 > 0], rows[rows.index % 4 == 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, and the rows of two clients."""
    folder = tmp_path_factory.mktemp("federated")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = x509.CertificateBuilder(name, name, key.public_key(), 1)
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    pem = serialization.Encoding.PEM
    signed = made.sign(key, hashes.SHA256()).public_bytes(pem)
    (folder / "c.pem").write_bytes(signed)
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "k.pem").write_bytes(key.private_bytes(pem, *private))
    rows, _ = sample()
    for client, part in (("north", rows[::3]), ("south", rows.drop(rows.index[::3]))):
        (folder / client).mkdir()
        write_part(part, folder / client, 0)
    return folder


@contextmanager
def training(folder: Path) -> Iterator[Start]:
    """Yield what starts a process of a training; its output goes to PLACE.log."""
    port, running = free_port(), []

    def start(
        role: str, name: str, place: str, *more: str, **variables: str
    ) -> Process:
        address = f"127.0.0.1:{port}"
        command = [
            sys.executable,
            str(SCRIPT),
            role,
            name,
            str(folder / place),
            address,
        ]
        with (folder / f"{place}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--certificate", str(folder / "c.pem"), *more],
                cwd=ROOT,
                env=os.environ | {"FEDERATED_TOKEN": TOKEN} | variables,
                stdout=log,
                stderr=log,
            )
        running.append(process)
        return process

    try:
        yield start
    finally:
        for process in running:
            process.kill()
            process.wait()


def start_server(start: Start, folder: Path, out: str, patience: int) -> Process:
    """Return a server that listens."""
    options = ["--key", str(folder / "k.pem"), "--patience", str(patience)]
    server = start("server", "north,south", out, *options)
    end = time.monotonic() + 60
    while "Waiting for north, south" not in read(folder, out):
        assert time.monotonic() < end
        assert server.poll() is None, read(folder, out)
        time.sleep(0.1)
    return server


def read(folder: Path, place: str) -> str:
    """Return what a process printed."""
    return (folder / f"{place}.log").read_text("utf-8")


def other_certificate() -> str:
    """Return the path of certificates that did not sign the server's."""
    import certifi

    return certifi.where()


def fit_all(federated: Pipeline, rows: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a model of the same form that one place with all rows has."""
    features = Pipeline(federated.steps[:-1])
    central = LogisticRegression(C=1 / (0.001 * len(rows)), max_iter=5000)
    return Pipeline([*features.steps, ("estimator", central)]).fit(rows, target)


def test_moments_of_a_number_that_may_be_missing_are_those_of_its_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    spec = importlib.util.spec_from_file_location("federated", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    federated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(federated)
    columns = {"x": {"dtype": "float64", "nullable": True}, "y": {"dtype": "float64"}}
    schema = {"schema_type": "dataframe", "columns": columns}
    (tmp_path / "schema.yaml").write_text(yaml.safe_dump(schema))
    data = Data(target="y", task="regression")
    contract = load_contract(tmp_path / "schema.yaml", data)
    # In another order, columns would be averaged into others.
    other = contract.model_copy(
        update={"columns": dict(reversed(contract.columns.items()))}
    )
    assert federated.fingerprint(other, data) != federated.fingerprint(contract, data)
    rows = pd.DataFrame({"x": [1.0, 5.0, np.nan, 3.0]})
    model = federated.make_model(contract, data, federated.find_moments(rows, ["x"]))
    found = model[:-1].transform(rows)[:, 0]
    assert found[[2, 3]].tolist() == [0, 0]
    assert np.isclose([found.mean(), found.std()], [0, 1]).all()


@pytest.mark.integration
@needs_sample
def test_model_is_as_good_as_that_of_all_rows_and_the_same_again(folder: Path) -> None:
    files = []
    for out in ("first", "second"):
        with training(folder) as start:
            server = start_server(start, folder, out, 60)
            clients = [start("client", name, name) for name in ("south", "north")]
            for process in (*clients, server):
                assert process.wait(120) == 0, read(folder, out)
        files.append((folder / out / "model.skops").read_bytes())
    assert files[0] == files[1]
    manifest = folder / "first/model.json"
    counts = json.loads(manifest.read_text("utf-8"))["federated"]["rows"]
    rows, test = sample()
    assert counts == {"north": len(rows[::3]), "south": len(rows) - len(rows[::3])}
    federated = load_model(folder / "first/model.skops", manifest)
    actual = test["diagnosis"] == "malignant"
    found = log_loss(actual, federated.predict_proba(test)[:, 1])
    central = fit_all(federated, rows, rows["diagnosis"] == "malignant")
    assert found < log_loss(actual, central.predict_proba(test)[:, 1]) + 0.01
    assert found < 0.1


@pytest.mark.integration
@needs_sample
def test_dead_client_wrong_secret_and_unknown_certificate_end_in_a_line(
    folder: Path,
) -> None:
    with training(folder) as start:
        server = start_server(start, folder, "none", 10)
        secret = {"FEDERATED_TOKEN": "another secret, longer"}
        assert start("client", "north", "north", **secret).wait(60) == 1
        assert "FEDERATED_TOKEN is another" in read(folder, "north")
        unknown = start(
            "client", "north", "north", "--certificate", other_certificate()
        )
        assert unknown.wait(60) == 1
        assert "CERTIFICATE_VERIFY_FAILED" in read(folder, "north")
        alone = start("client", "north", "north")
        assert (alone.wait(60), server.wait(60)) == (1, 1)
    for place in ("north", "none"):
        assert "client south: did not answer in step 0" in read(folder, place)
    assert len(read(folder, "north").splitlines()) == 1
    assert not (folder / "none").exists()
