"""The service beside MLServer and BentoML: CPU time and latency of requests.

`python benchmarks/serving.py compare [SECONDS] [ROUNDS]` serves the model in models/
with each, one process and one thread, and sends the same rows in turn. Rows are checked
and answers logged by this service alone. MLServer gets the body that this service gets
at /v2; BentoML, at two routes of which one batches, gets the same numbers as JSON.
Answers are compared. `PEERS=folder` keeps what is installed for the next time.

`python benchmarks/serving.py soak [MINUTES]` sends one row, 1,000 rows and bad rows for
so long, and reads the memory of the service.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).parents[1]
SAME = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "skops", "joblib")
PEERS = {
    # Newer versions of uvloop do not run with it.
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop<0.22"),
    "bentoml": ("bentoml==1.4.40",),
}
# Rows of a request, and connections.
CASES = ((1, 16), (1000, 4))
ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "PYTHONDONTWRITEBYTECODE": "1",
}

BENTO = """
from typing import Annotated

import bentoml
import joblib
import numpy as np
import pandas as pd
from bentoml.validators import DataframeSchema

Rows = Annotated[pd.DataFrame, DataframeSchema(orient="columns")]

@bentoml.service(workers=1, traffic={"timeout": 60})
class Tumours:
    def __init__(self) -> None:
        self.pipeline = joblib.load("model.joblib")

    @bentoml.api
    def plain(self, rows: Rows) -> np.ndarray:
        return self.pipeline.predict_proba(rows)[:, 1]

    @bentoml.api(batchable=True, max_batch_size=4000, max_latency_ms=10000)
    def batched(self, rows: np.ndarray) -> np.ndarray:
        table = pd.DataFrame(rows, columns=self.pipeline.feature_names_in_)
        return self.pipeline.predict_proba(table)[:, 1]
"""


class Way(NamedTuple):
    """A way to ask a server.

    Attributes:
        server: Its process.
        port: Where it listens.
        path: What is asked.
        body: From columns of rows to the body of a request.
        read: From the content of a response to probabilities.
    """

    server: psutil.Process
    port: int
    path: str
    body: Callable[[dict[str, list[float]]], Any]
    read: Callable[[Any], list[float]]

    def request(self, columns: dict[str, list[float]]) -> bytes:
        """Return the bytes of a request."""
        return http(self.path, json.dumps(self.body(columns)).encode())


class Load(NamedTuple):
    """What a server did under load."""

    seconds: list[float]
    elapsed: float
    cpu: float
    failures: list[str]

    def figures(self) -> dict[str, float]:
        """Return CPU and latency in ms."""
        ordered = sorted(self.seconds)
        return {
            "cpu": 1000 * self.cpu / len(ordered),
            "p50": 1000 * ordered[len(ordered) // 2],
            "p99": 1000 * ordered[len(ordered) * 99 // 100],
            "per second": len(ordered) / self.elapsed,
        }


def http(path: str, body: bytes) -> bytes:
    """Return the bytes of a request with JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def as_v2(columns: dict[str, list[float]]) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol, as MLServer reads tables."""
    inputs = [
        {"name": name, "shape": [len(values)], "datatype": "FP64", "data": values}
        for name, values in columns.items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def as_records(columns: dict[str, list[float]]) -> list[dict[str, float]]:
    """Return a record for each row."""
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    """Send a request; return status and content of the response."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Send one request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await exchange(reader, writer, request)
    finally:
        writer.close()


async def load(
    way: Way, requests: list[tuple[bytes, int]], connections: int, seconds: float
) -> Load:
    """Send requests in turn over some connections for a while, each with its status."""
    tree = [way.server, *way.server.children(recursive=True)]
    found: list[float] = []
    failures: list[str] = []

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", way.port, limit=2**24
        )
        while time.perf_counter() < end:
            request, expected = requests[number % len(requests)]
            number += 1
            start = time.perf_counter()
            status, content = await exchange(reader, writer, request)
            found.append(time.perf_counter() - start)
            if status != expected:
                failures.append(f"{status} {content[:200]!r}")
        writer.close()

    before = cpu_of(tree)
    began = time.perf_counter()
    end = began + seconds
    await asyncio.gather(*(client(number) for number in range(connections)))
    elapsed = time.perf_counter() - began
    return Load(found, elapsed, cpu_of(tree) - before, failures)


def cpu_of(tree: list[psutil.Process]) -> float:
    """Return the CPU seconds of processes."""
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def memory_of(process: psutil.Process) -> float:
    """Return the resident memory of a process and its children in MB."""
    tree = [process, *process.children(recursive=True)]
    return float(sum(each.memory_info().rss for each in tree)) / 1e6


def read_columns() -> tuple[Any, dict[str, list[float]]]:
    """Return the fitted pipeline in models/, and 1,000 rows that it takes."""
    import numpy as np
    import pandas as pd

    from reproducible_ml.core.project import find_project
    from reproducible_ml.serving.command import load_project_model

    model = load_project_model(find_project(ROOT), ROOT / "models")
    parts = sorted((ROOT / "data/processed/test").glob("*.parquet"))
    rows = pd.concat([pd.read_parquet(part) for part in parts])[model.features]
    random = np.random.default_rng(1)
    rows = rows.iloc[random.integers(0, len(rows), 1000)]
    return model.pipeline, {name: rows[name].tolist() for name in rows}


def install(folder: Path) -> dict[str, Path]:
    """Return the environment of each peer, which is made if it is not there."""
    uv = shutil.which("uv") or sys.exit("uv is not on PATH: activate .venv")
    toolkit = folder / "toolkit"
    for name, packages in PEERS.items():
        if (folder / name / "ready").exists():
            continue
        # A copy: to build a wheel leaves files.
        shutil.copytree(ROOT / "toolkit", toolkit, dirs_exist_ok=True)
        made = [uv, "venv", "-q", "--clear", "--python", sys.executable, folder / name]
        subprocess.run(made, check=True)
        pins = [f"{package}=={version(package)}" for package in SAME]
        python = folder / name / "bin" / "python"
        command = [uv, "pip", "install", "-q", "--python", python, toolkit]
        subprocess.run([*command, *packages, *pins], check=True)
        (folder / name / "ready").touch()
    return {name: folder / name / "bin" for name in PEERS}


@contextmanager
def running(
    command: list[Any], folder: Path, log: Path, port: int, **variables: str
) -> Iterator[psutil.Process]:
    """Yield a server that listens, and end it and its children."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env=ENVIRONMENT | variables,
            stdout=file,
            stderr=file,
        )
    end = time.monotonic() + 120
    try:
        while not asyncio.run(listens(port)):
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(log.read_text())
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        for child in children:
            if child.is_running():
                child.kill()


async def listens(port: int) -> bool:
    """Return whether a server takes connections."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens."""
    import socket

    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def own_service(
    folder: Path, *, logs: bool = True
) -> Iterator[tuple[psutil.Process, int]]:
    """Yield this service, which logs predictions or not, and its port."""
    [port] = free_ports(1)
    command = [shutil.which("rml"), "serve", "--port", port]
    command += ["--model", ROOT / "models", "--name", "model"]
    answers = {"RML_SERVE_LOG_FOLDER": str(folder / "answers") if logs else ""}
    with running(command, ROOT, folder / f"own-{logs}.log", port, **answers) as server:
        yield server, port


@contextmanager
def all_ways(folder: Path, pipeline: Any) -> Iterator[dict[str, Way]]:
    """Yield ways to ask this service and its peers."""
    import joblib

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        work = Path(name)
        server, port = stack.enter_context(own_service(work))
        ways = {
            "V2": Way(server, port, "/v2/models/model/infer", as_v2, read_own_v2),
            "records": Way(server, port, "/predict", as_records, read_own_records),
        }
        plain, port = stack.enter_context(own_service(work, logs=False))
        path = "/v2/models/model/infer"
        ways["V2, predictions not logged"] = Way(plain, port, path, as_v2, read_own_v2)
        bins = install(folder)
        for peer in PEERS:
            (work / peer).mkdir()
            joblib.dump(pipeline, work / peer / "model.joblib")
        ports = free_ports(4)
        place = work / "mlserver"
        model = {
            "name": "model",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {
                "uri": "./model.joblib",
                "extra": {"predict_fn": "predict_proba"},
            },
        }
        names = ("http_port", "grpc_port", "metrics_port")
        settings = dict(zip(names, ports, strict=False))
        settings |= {"host": "127.0.0.1", "parallel_workers": 0, "debug": False}
        (place / "settings.json").write_text(json.dumps(settings))
        (place / "model-settings.json").write_text(json.dumps(model))
        command = [bins["mlserver"] / "mlserver", "start", "."]
        server = stack.enter_context(running(command, place, place / "log", ports[0]))
        ways["MLServer"] = Way(server, ports[0], path, as_v2, read_mlserver)
        place = work / "bentoml"
        (place / "service.py").write_text(BENTO)
        command = [bins["bentoml"] / "bentoml", "serve", "service:Tumours"]
        command += ["--host", "127.0.0.1", "--port", ports[3]]
        home = {"BENTOML_HOME": str(place / "home")}
        begun = running(command, place, place / "log", ports[3], **home)
        server = stack.enter_context(begun)
        for label, route, body in (
            ("BentoML", "/plain", as_columns),
            ("BentoML batchable", "/batched", as_matrix),
        ):
            ways[label] = Way(server, ports[3], route, body, list)
        yield ways


def as_columns(columns: dict[str, list[float]]) -> dict[str, Any]:
    """Return the columns as the argument of a function of BentoML."""
    return {"rows": columns}


def as_matrix(columns: dict[str, list[float]]) -> dict[str, Any]:
    """Return the rows without names: BentoML 1.4.40 batches no DataFrames."""
    return {"rows": list(zip(*columns.values(), strict=True))}


def read_own_v2(content: Any) -> list[float]:
    """Return the probabilities."""
    [found] = [one for one in content["outputs"] if one["name"] == "probability"]
    return list(found["data"])


def read_own_records(content: Any) -> list[float]:
    """Return the probabilities."""
    return [one["probability"] for one in content["predictions"]]


def read_mlserver(content: Any) -> list[float]:
    """Return the probabilities of the second class."""
    [found] = content["outputs"]
    return list(found["data"][1::2])


def first_rows(columns: dict[str, list[float]], count: int) -> dict[str, list[float]]:
    """Return some of the rows."""
    return {name: values[:count] for name, values in columns.items()}


def check_answers(ways: dict[str, Way], columns: dict[str, list[float]]) -> None:
    """Wait until all answer, and compare the answers to the bit."""
    expected: list[float] | None = None
    for name, way in ways.items():
        for _ in range(60):
            try:
                status, content = asyncio.run(ask(way.port, way.request(columns)))
            except (OSError, asyncio.IncompleteReadError):
                status, content = 0, b""
            if status == 200:
                break
            time.sleep(1)
        else:
            sys.exit(f"{name}: {status} {content[:500]!r}")
        found = way.read(json.loads(content))
        if expected is not None and found != expected:
            sys.exit(f"{name}: other answers: {found[:3]}, not {expected[:3]}")
        expected = found


def compare(seconds: float = 5, rounds: int = 5) -> None:
    """Print medians of CPU and latency of all, as Markdown."""
    pipeline, columns = read_columns()
    with ExitStack() as stack:
        kept = os.environ.get("PEERS")
        folder = Path(
            kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-"))
        ).absolute()
        ways = stack.enter_context(all_ways(folder, pipeline))
        check_answers(ways, columns)
        for rows, connections in CASES:
            some = first_rows(columns, rows)
            requests = {name: way.request(some) for name, way in ways.items()}
            found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
            failed = dict.fromkeys(ways, 0)
            for each in range(rounds + 1):
                for name, way in ways.items():
                    sent = [(requests[name], 200)]
                    result = asyncio.run(load(way, sent, connections, seconds))
                    failed[name] += len(result.failures)
                    if each:  # the first round is to warm up
                        found[name].append(result.figures())
            print_table(rows, connections, requests, found, failed)


def print_table(
    rows: int,
    connections: int,
    requests: dict[str, bytes],
    found: dict[str, list[dict[str, float]]],
    failed: dict[str, int],
) -> None:
    """Print a line for each way."""
    write = sys.stdout.write
    write(f"\n{rows} rows, {connections} connections\n\n")
    write("| | kB | CPU ms | p50 ms | p99 ms | per second | failed | CPU / V2 |\n")
    write("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
    medians = {
        name: {key: statistics.median(one[key] for one in many) for key in many[0]}
        for name, many in found.items()
    }
    for name, one in medians.items():
        write(
            f"| {name} | {len(requests[name]) / 1000:.1f} | {one['cpu']:.2f}"
            f" | {one['p50']:.1f} | {one['p99']:.1f} | {one['per second']:.0f}"
            f" | {failed[name]} | {one['cpu'] / medians['V2']['cpu']:.2f} |\n"
        )
    sys.stdout.flush()


def soak(minutes: float = 10) -> None:
    """Send requests of all sizes, some of them bad; print memory and errors."""
    _, columns = read_columns()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        server, port = stack.enter_context(own_service(Path(name)))
        way = Way(server, port, "/predict", as_records, read_own_records)
        check_answers({"records": way}, columns)
        one, many = first_rows(columns, 1), columns
        infer = "/v2/models/model/infer"
        first = next(iter(columns))
        bad = as_records(one | {first: [-1.0]})
        requests = [
            *[(way.request(one), 200)] * 20,
            (way.request(many), 200),
            (http(infer, json.dumps(as_v2(many)).encode()), 200),
            *[(http(infer, json.dumps(as_v2(one)).encode()), 200)] * 20,
            (http("/predict", json.dumps(bad).encode()), 422),
            (http("/predict", b'{"a":'), 400),
        ]
        sys.stdout.write("| minute | requests | failed | MB | CPU ms | p99 ms |\n")
        sys.stdout.write("| ---: | ---: | ---: | ---: | ---: | ---: |\n")
        for minute in range(1, round(minutes) + 1):
            result = asyncio.run(load(way, requests, 8, 60))
            figures = result.figures()
            sys.stdout.write(
                f"| {minute} | {len(result.seconds)} | {len(result.failures)}"
                f" | {memory_of(server):.0f} | {figures['cpu']:.2f}"
                f" | {figures['p99']:.0f} |\n"
            )
            sys.stdout.flush()
            for failure in result.failures[:3]:
                sys.stdout.write(f"{failure}\n")


if __name__ == "__main__":
    what, *numbers = sys.argv[1:] or ["compare"]
    if what == "soak":
        soak(*map(float, numbers[:1]))
    else:
        compare(*map(float, numbers[:1]), *map(int, numbers[1:2]))
