"""Train a linear model on rows that stay where they are: federated averaging.

Each client trains on its own rows for some steps; a server averages what they found,
weighted by their numbers of rows, and sends it back, again and again (FedAvg: McMahan
and others, Communication-Efficient Learning of Deep Networks from Decentralized Data,
AISTATS 2017, algorithm 1, with all rows as one batch). Features are the project's:
categories come from data/schema.yaml, means and deviations of numbers are averaged in
the same way before. Server and clients are clones of the same commit:

    export FEDERATED_TOKEN=...  # the same for all, at least 16 characters
    F=pipelines/federated.py
    python $F server north,south FOLDER HOST:PORT --certificate c.pem --key k.pem
    python $F client north ROWS HOST:PORT --certificate c.pem

ROWS is a folder as data/processed/train. FOLDER gets model.skops and model.json, as the
stage `train` writes them. For --certificate, a client takes that of the server, or of
who signed it; without, it must be signed by one that the computer knows.

The same rows give the same model, to the bit, on the same kind of processor. If a
client does not answer in time, all end with one line, and nothing is written.

Rows never leave a client, TLS protects what is sent, and the token keeps others out.
That is all. The server sees the means and coefficients of each client, and they tell
about its rows: the means of a client with one row are that row. There is neither secure
aggregation nor differential privacy. The server is trusted to average correctly and not
to look, the clients to send what they found: one that lies changes the model.

Only numbers and categories, and a binary or numeric target. A missing number becomes
the mean, without an indicator, as medians cannot be averaged.
"""

import argparse
import hashlib
import hmac
import json
import logging
import os
import ssl
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError, report_errors
from reproducible_ml.core.parallel import one_thread
from reproducible_ml.core.params import load_section
from reproducible_ml.core.parts import read_table
from reproducible_ml.core.project import find_project
from reproducible_ml.modeling.model.store import save_model

logger = logging.getLogger("federated")
SCHEMA, MOST_BYTES = Path("data/schema.yaml"), 10_000_000
ROUNDS, STEPS, PENALTY = 300, 5, 0.001

Vector = npt.NDArray[np.float64]


def read_project() -> tuple[Contract, Data, str]:
    """Return contract and roles of the columns, and the secret; check them."""
    data, token = load_section(Data), os.environ.get("FEDERATED_TOKEN", "")
    contract = load_contract(SCHEMA, data)
    if len(token) < 16:
        raise UserError("FEDERATED_TOKEN: has fewer than 16 characters. Fix: set it")
    if data.task == "multiclass":
        raise UserError("params.yaml: data.task: multiclass is not supported here")
    for name, column in contract.features(data).items():
        if column.treatment not in ("numeric", "categorical"):
            raise UserError(
                f'{SCHEMA}: column "{name}": {column.treatment} needs shared rows. Fix:'
                " give it metadata: {treatment: exclude}"
            )
    return contract, data, token


def fingerprint(contract: Contract, data: Data) -> str:
    """Return a hash of all that decides what stands where in a vector."""
    found = hashlib.sha256(sklearn.__version__.encode())
    # The order of columns and of categories counts.
    found.update(json.dumps(contract.model_dump(mode="json")).encode())
    found.update(json.dumps(data.model_dump(mode="json")).encode())
    for path in [*sorted(Path("code").glob("*/features/*.py")), Path(__file__)]:
        found.update(path.read_bytes())
    return found.hexdigest()


def find_moments(rows: pd.DataFrame, numbers: list[str]) -> Vector:
    """Return, of each number, how often it is there, sum and sum of squares, by rows.

    The shape is (3 * numbers,).
    """
    values = rows[numbers].astype(float).to_numpy(dtype=np.float64, na_value=np.nan)
    known, filled = ~np.isnan(values), np.nan_to_num(values)
    return np.concatenate(
        [np.mean(each, axis=0) for each in (known, filled, filled**2)]
    )


def make_model(contract: Contract, data: Data, moments: Vector) -> Pipeline:
    """Return the project's pipeline, with averaged moments and coefficients of 0.

    It is fitted to made-up rows that have these means and deviations; ten, as a column
    of fewer than five values counts as empty.
    """
    known, *sums = moments.reshape(3, -1)
    mean, square = (each / np.maximum(known, 1e-300) for each in sums)
    # Missing numbers become the mean, which makes the deviation smaller.
    deviation = np.sqrt(np.maximum(known * (square - mean**2), 0))
    numbers = contract.treated("numeric", data)
    rows = pd.DataFrame([mean - deviation, mean + deviation] * 5, columns=numbers)
    for name in contract.treated("categorical", data):
        values = list(contract.columns[name].isin or ())
        rows[name] = pd.Categorical([values[0]] * 10, categories=values)
    estimator = LogisticRegression() if data.task == "binary" else Ridge()
    build = find_project().load("features.build")
    features = load_section(build.Features)
    model: Pipeline = build.build_pipeline(contract, data, {}, estimator, features)
    target = pd.Series([0, 1] * 5, dtype=bool if data.task == "binary" else float)
    model.fit(rows[list(contract.features(data))], target)
    return set_weights(model, np.zeros(model[:-1].transform(rows).shape[1] + 1))


def set_weights(model: Pipeline, weights: Vector) -> Pipeline:
    """Return the model with these coefficients; the last is the intercept."""
    coefficients, intercept = weights[:-1].copy(), weights[-1:].copy()
    if isinstance(model[-1], LogisticRegression):
        coefficients = coefficients[None]
    model[-1].coef_, model[-1].intercept_ = coefficients, intercept
    return model


def descend(table: Vector, target: Vector, weights: Vector, *, binary: bool) -> Vector:
    """Return weights after gradient descent on all rows, in steps that cannot diverge.

    The loss is that of logistic or linear regression, with a penalty of
    `PENALTY / 2 * coefficients**2`; the last column of the table is 1.
    """
    curvature = np.linalg.norm(table.T @ table / len(table), 2) * (
        0.25 if binary else 1
    )
    shrink = np.append(np.full(len(weights) - 1, PENALTY), 0)
    for _ in range(STEPS):
        found = table @ weights
        # The logistic function, in a form that does not overflow.
        error = (0.5 + 0.5 * np.tanh(found / 2) if binary else found) - target
        slope = table.T @ error / len(table) + shrink * weights
        weights = weights - slope / (curvature + PENALTY)
    return weights


class Average:
    """Averages the vectors of all clients, one step after the other."""

    def __init__(self, clients: list[str], patience: float, made_by: str) -> None:
        self.clients, self.patience, self.made_by = clients, patience, made_by
        self.changed = threading.Condition()
        self.given: dict[str, tuple[int, Vector]] = {}
        self.rows: dict[str, int] = {}
        self.averages: list[Vector] = []
        self.problem, self.delivered = "", 0

    def of(self, client: str, step: int, rows: int, vector: Vector) -> Vector:
        """Return the average when all have given theirs; UserError if one does not."""
        with self.changed:
            shapes = {v.shape for _, v in self.given.values()} | {vector.shape}
            fits = step == len(self.averages) and client not in self.given
            if not fits or len(shapes) > 1 or not np.isfinite(vector).all():
                self.fail(f"client {client}: what it sent does not fit step {step}")
            self.given[client] = rows, vector
            if len(self.given) == len(self.clients):
                # In the order of names: sums depend on it.
                ordered = [self.given[name] for name in self.clients]
                self.rows = {name: self.given[name][0] for name in self.clients}
                total = sum(self.rows.values())
                self.averages.append(
                    np.sum([n / total * v for n, v in ordered], axis=0)
                )
                self.given = {}
                self.changed.notify_all()
            done = self.changed.wait_for(
                lambda: self.problem or len(self.averages) > step, self.patience
            )
            if not done:
                late = [name for name in self.clients if name not in self.given]
                self.fail(f"client {', '.join(late)}: did not answer in step {step}")
            if self.problem:
                raise UserError(self.problem)
            return self.averages[step]

    def fail(self, problem: str) -> None:
        """End the training for all."""
        self.problem = (
            self.problem or f"{problem}. Nothing was written. Fix: start anew"
        )
        self.changed.notify_all()


def make_handler(average: Average, token: str) -> type[BaseHTTPRequestHandler]:
    """Return what answers requests."""

    class Handler(BaseHTTPRequestHandler):
        timeout = average.patience

        def do_POST(self) -> None:
            status, content = self.respond()
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            with average.changed:
                average.delivered += status == 200 and len(average.averages) > ROUNDS
                average.changed.notify_all()

        def respond(self) -> tuple[int, Any]:
            given = self.headers.get("Authorization", "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, f"Bearer {token}".encode()):
                return 401, "FEDERATED_TOKEN is another than that of the server"
            try:
                size = int(self.headers["Content-Length"])
                sent = (
                    json.loads(self.rfile.read(size)) if 0 < size <= MOST_BYTES else {}
                )
                if sent["made_by"] != average.made_by:
                    return 409, (
                        f"client {sent['client']}: its contract, features or versions"
                        " are others than the server's. Fix: check out the same commit"
                    )
                client, step, rows = (
                    sent["client"],
                    int(sent["step"]),
                    int(sent["rows"]),
                )
                vector = np.array(sent["vector"], dtype=np.float64)
                if client not in average.clients or rows < 1 or vector.ndim != 1:
                    return 400, f"client {client}: is not expected, or sent no rows"
                return 200, average.of(client, step, rows, vector).tolist()
            except UserError as error:
                return 503, str(error)
            except (ValueError, KeyError, TypeError) as error:
                return 400, f"not understood: {error!r}"

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def serve(given: argparse.Namespace) -> None:
    """Average until the last round, then write the model."""
    contract, data, token = read_project()
    names, made_by = sorted(given.name.split(",")), fingerprint(contract, data)
    average = Average(names, given.patience, made_by)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given.certificate, given.key)
    host, _, port = given.address.rpartition(":")
    handler = make_handler(average, token)
    with ThreadingHTTPServer((host, int(port)), handler) as server:
        # Shaken hands in its own thread, a client that is silent stops no other.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        logger.info("Waiting for %s", ", ".join(average.clients))
        clients = len(average.clients)
        with average.changed:
            average.changed.wait_for(
                lambda: average.problem or average.delivered == clients
            )
        time.sleep(1)  # For the last answers.
        server.shutdown()
    if average.problem:
        raise UserError(average.problem)
    final = set_weights(
        make_model(contract, data, average.averages[0]), average.averages[-1]
    )
    facts = {
        "contract": contract.model_dump(mode="json", exclude_defaults=True),
        "params": {"data": data.model_dump(mode="json")},
        "columns": list(contract.columns),
        "threshold": 0.5 if data.task == "binary" else None,
        "federated": {"rows": average.rows, "rounds": ROUNDS, "steps": STEPS},
    }
    save_model(final, given.folder / "model.skops", given.folder / "model.json", facts)
    logger.info("%s: %d rows", given.folder, sum(average.rows.values()))


def train(given: argparse.Namespace) -> None:
    """Train on own rows, with the others' averages."""
    contract, data, token = read_project()
    names, made_by = list(contract.features(data)), fingerprint(contract, data)
    rows = read_table(given.folder, [*names, data.target])
    # It verifies the certificate, and that it is that of the host.
    context = ssl.create_default_context(cafile=given.certificate)

    def send(step: int, vector: Vector) -> Vector:
        sent = {"client": given.name, "step": step, "rows": len(rows)}
        sent |= {"made_by": made_by, "vector": vector.tolist()}
        body = json.dumps(sent).encode()
        url, key = f"https://{given.address}", {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(url, body, key)
        wait = 2 * given.patience
        try:
            with urllib.request.urlopen(
                request, timeout=wait, context=context
            ) as answer:
                return np.array(json.load(answer), dtype=np.float64)
        except urllib.error.HTTPError as error:
            raise UserError(f"{url}: {json.loads(error.read())}") from error
        except OSError as error:
            raise UserError(f"{url}: {error}. Fix: correct it, start anew") from error

    # Sums of BLAS depend on the number of threads.
    with one_thread("blas"):
        moments = send(0, find_moments(rows, contract.treated("numeric", data)))
        features = make_model(contract, data, moments)[:-1].transform(rows[names])
        table = np.column_stack([features, np.ones(len(rows))])
        target = read_target(rows, data).to_numpy(dtype=np.float64)
        weights = np.zeros(table.shape[1])
        for step in range(1, ROUNDS + 1):
            found = descend(table, target, weights, binary=data.task == "binary")
            weights = send(step, found)
    logger.info("%s: trained on %d rows", given.name, len(rows))


def main() -> None:
    """Run a server or a client."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("name", help="of the client; server: of all, with commas")
    parser.add_argument("folder", type=Path, help="rows; server: where to write")
    parser.add_argument("address", help="HOST:PORT of the server")
    parser.add_argument("--certificate", type=Path, help="of the server")
    parser.add_argument("--key", type=Path, help="server: that of the certificate")
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait")
    given = parser.parse_args()
    if given.role == "server" and not (given.certificate and given.key):
        parser.error("a server needs --certificate and --key")
    if not given.address.rpartition(":")[2].isdecimal():
        parser.error(f"{given.address} is not HOST:PORT")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with report_errors():
        (serve if given.role == "server" else train)(given)


if __name__ == "__main__":
    main()
