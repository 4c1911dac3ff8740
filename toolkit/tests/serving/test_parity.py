"""All ways to use the model give the same answers, to the bit.

What answers the rows is compared with a plain script, which calls scikit-learn on a
DataFrame. To add a way, write a function from a `Case` to answers, and name it in
`WAYS`.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from threadpoolctl import threadpool_limits

from reproducible_ml.core.params import Compute
from reproducible_ml.serving.batch import predict_table
from reproducible_ml.serving.destination import place
from reproducible_ml.serving.installed import InstalledModel
from reproducible_ml.serving.messages import ARROW, JSON
from reproducible_ml.serving.model import BATCH, Model
from reproducible_ml.serving.rows import answer
from tumour_diagnosis.deployment.predict import Predict, load, predict

from ..loopback import free_port
from ..modeling.conftest import (
    DATA,
    TARGETS,
    Workspace,
    make_orders,
    make_params,
    write_table,
)
from .conftest import LINEAR

# A column of every kind and treatment, each of which may be missing.
COLUMNS: dict[str, dict[str, Any]] = {
    "amount": {"dtype": "float64"},
    "items": {"dtype": "Int64"},
    "member": {"dtype": "boolean"},
    "channel": {"dtype": "category", "isin": ["shop", "web", "phone"]},
    "ordered_at": {"dtype": "datetime64[ns]"},
    "note": {"dtype": "str", "metadata": {"treatment": "bag_of_words"}},
    "town": {"dtype": "str", "metadata": {"treatment": "target_encoding"}},
}

NOTES = [
    "déjà vu, returned",
    "fits",
    'he said "too small, again"',
    "",
    "a\nb",
    "x " * 99,
]


class Case(NamedTuple):
    """A model, and rows for it.

    Attributes:
        folder: Of the model.
        model: The loaded model.
        rows: In the types of the contract.
        place: An empty folder for the test.
    """

    folder: Path
    model: Model
    rows: pd.DataFrame
    place: Path


def make_rows(count: int, seed: int, task: str) -> pd.DataFrame:
    """Return rows of all columns and the target, a tenth of the values missing."""
    random = np.random.default_rng(seed)
    rows = make_orders(count, seed, task)
    rows["note"] = random.choice(NOTES, count)
    rows["town"] = random.choice(["Århus", "Bonn", "Oslo, North", "7"], count)
    rows = rows.astype(
        {"items": "Int64", "member": "boolean", "note": "str", "town": "str"}
    )
    for name in COLUMNS:
        rows[name] = rows[name].mask(random.random(count) < 0.1)
    return rows[[*COLUMNS, *TARGETS[task]]]


def train(workspace: Workspace, path: str | None) -> None:
    """Train a model of all columns."""
    task, folder = workspace.task, workspace.folder
    contract = {
        "columns": {
            **{name: {**column, "nullable": True} for name, column in COLUMNS.items()},
            **TARGETS[task],
        }
    }
    (folder / "schema.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    shutil.rmtree(folder / "train")
    write_table(make_rows(400, 1, task), folder / "train", 400)
    estimator = {"path": path} if path else make_params(task)["train"]["estimator"]
    workspace.set_params(train={"estimator": estimator})
    workspace.train()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of trained models, by task and estimator; `""` is that of all."""
    return {"": tmp_path_factory.mktemp("parity")}


@pytest.fixture(params=["boosting", "linear"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[*DATA])
def case(
    request: pytest.FixtureRequest,
    kind: str,
    folders: dict[str, Path],
    make_workspace: Callable[..., Workspace],
    tmp_path: Path,
) -> Case:
    task = request.param
    folder = folders[""] / f"{task} {kind}"
    if not folder.exists():
        workspace = make_workspace("project", task=task)
        train(workspace, LINEAR[task] if kind == "linear" else None)
        shutil.copytree(workspace.folder, folder)
    rows = make_rows(300, 2, task).drop(columns=[*TARGETS[task]])
    rows = rows.reset_index(drop=True)
    (tmp_path / "here").mkdir()
    return Case(folder, load(folder, Predict()), rows, tmp_path / "here")


def script(case: Case, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return what scikit-learn computes, without any code that serves the model."""
    pipeline = case.model.pipeline
    regression = case.model.data.task == "regression"
    found = pipeline.predict(rows) if regression else pipeline.predict_proba(rows)
    return np.asarray(found)


def script_in_batches(case: Case) -> npt.NDArray[np.float64]:
    """Return the same from as many rows as a served model predicts at once."""
    parts = []
    for start in range(0, len(case.rows), BATCH):
        part = case.rows[start : start + BATCH]
        repeated = part.iloc[np.minimum(np.arange(BATCH), len(part) - 1)]
        with threadpool_limits(1, "blas"):
            parts.append(script(case, repeated)[: len(part)])
    return np.concatenate(parts)


def as_answers(case: Case, output: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Return the answers that stand for the output of a script."""
    task, classes = case.model.data.task, case.model.pipeline[-1]
    if task == "regression":
        return pd.DataFrame({"prediction": output})
    if task == "binary":
        positive = output[:, list(classes.classes_).index(True)]
        decided = np.where(positive >= case.model.threshold, "yes", "no")
        return pd.DataFrame({"prediction": decided, "probability": positive})
    columns: dict[str, Any] = {"prediction": classes.classes_[output.argmax(axis=1)]}
    for name in case.model.task.names.values():
        known = [*classes.classes_]
        columns[f"probability_{name}"] = (
            output[:, known.index(name)] if name in known else np.zeros(len(output))
        )
    return pd.DataFrame(columns)


def slices(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows in pieces of different sizes."""
    edges = [0, 1, 2, 9, 40, 297, len(rows)]
    for start, end in pairwise(edges):
        yield rows[start:end]


def by_rows(case: Case) -> pd.DataFrame:
    found = [
        answer(pa.Table.from_pandas(part), case.model, predict)
        for part in slices(case.rows)
    ]
    assert not any(each.problems for each in found)
    return pd.concat([each.answers for each in found])


def by_batch(case: Case, source: Path, target: str) -> pd.DataFrame:
    predict_table(
        source,
        place(case.place / target),
        case.model,
        predict,
        Compute(rows_per_part=70),
        quarantine=case.place / "bad",
    )
    path = case.place / target
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def by_csv(case: Case) -> pd.DataFrame:
    case.rows.to_csv(case.place / "rows.csv", index=False)
    return by_batch(case, case.place / "rows.csv", "answers.csv")


def by_parquet(case: Case) -> pd.DataFrame:
    case.rows.to_parquet(case.place / "rows.parquet")
    return by_batch(case, case.place / "rows.parquet", "answers")


def by_package(case: Case) -> pd.DataFrame:
    """Use what a wheel installs; test_package.py installs one and compares it."""
    (case.folder / "predict.json").write_text("{}")
    installed = InstalledModel(str(case.folder), "tumour_diagnosis", "predict-orders")
    return pd.concat([installed.predict(part) for part in slices(case.rows)])


def by_package_as_texts(case: Case) -> pd.DataFrame:
    (case.folder / "predict.json").write_text("{}")
    installed = InstalledModel(str(case.folder), "tumour_diagnosis", "predict-orders")
    path = case.place / "rows.csv"
    case.rows.to_csv(path, index=False)
    return installed.predict(pd.read_csv(path, dtype="str", keep_default_na=False))


def values_of_json(column: pd.Series) -> list[Any]:
    """Return values as a client sends them: null for a missing one."""
    if column.dtype.kind == "M":
        texts = column.dt.strftime("%Y-%m-%dT%H:%M:%S")
        return [None if pd.isna(text) else text for text in texts]
    return [None if pd.isna(value) else value for value in column.tolist()]


def post(
    case: Case,
    path: str,
    content: Callable[[pd.DataFrame], bytes],
    kind: str = JSON,
) -> list[bytes]:
    """Send the rows in pieces to the service, all at once; return the responses."""
    pytest.importorskip("fastapi")
    from reproducible_ml.serving.service.app import make_app
    from reproducible_ml.serving.service.settings import Settings

    settings = Settings(model=case.folder, reload_seconds=0)
    app = make_app(lambda folder: load(folder, Predict()), predict, settings)

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            calls = [
                client.post(path, content=content(part), headers={"content-type": kind})
                for part in slices(case.rows)
            ]
            return await asyncio.gather(*calls)

    found = asyncio.run(send())
    assert not [response.text for response in found if response.status_code != 200]
    return [response.content for response in found]


def as_records(part: pd.DataFrame) -> bytes:
    columns = [values_of_json(part[name]) for name in part]
    rows = [
        dict(zip(part.columns, row, strict=True)) for row in zip(*columns, strict=True)
    ]
    return json.dumps(rows).encode()


def from_records(replies: Iterable[bytes]) -> pd.DataFrame:
    found = [json.loads(reply)["predictions"] for reply in replies]
    return pd.DataFrame([*chain(*found)])


def as_stream(part: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(part, preserve_index=False)
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return bytes(target.getvalue())


def from_streams(replies: Iterable[bytes]) -> pd.DataFrame:
    tables = [pa.ipc.open_stream(reply).read_all() for reply in replies]
    found: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return found


def by_records(case: Case) -> pd.DataFrame:
    return from_records(post(case, "/predict", as_records))


def by_arrow(case: Case) -> pd.DataFrame:
    return from_streams(post(case, "/predict", as_stream, ARROW))


DATATYPES = {"amount": "FP64", "items": "INT64", "member": "BOOL"}


def by_v2(case: Case) -> pd.DataFrame:
    def request(part: pd.DataFrame) -> bytes:
        inputs = [
            {
                "name": name,
                "shape": [len(part)],
                "datatype": DATATYPES.get(str(name), "BYTES"),
                "data": values_of_json(part[name]),
            }
            for name in part
        ]
        return json.dumps({"inputs": inputs}).encode()

    replies = map(json.loads, post(case, "/v2/models/model/infer", request))
    return pd.concat(
        [
            pd.DataFrame({one["name"]: one["data"] for one in reply["outputs"]})
            for reply in replies
        ]
    )


def by_grpc(case: Case) -> pd.DataFrame:
    """Send tensors with contents, and one for the missing values of each column."""
    grpc = pytest.importorskip("grpc")
    from reproducible_ml.serving.service.grpc_messages import SERVICE, message_class

    from .client import application, in_thread

    fields = {"FP64": "fp64_contents", "INT64": "int64_contents"}
    fields |= {"BOOL": "bool_contents", "BYTES": "bytes_contents"}
    empty: dict[str, Any] = {"FP64": 0.0, "INT64": 0, "BOOL": False, "BYTES": b""}

    def tensor(name: str, datatype: str, values: list[Any]) -> dict[str, Any]:
        sent = [
            empty[datatype]
            if value is None
            else value.encode()
            if isinstance(value, str)
            else value
            for value in values
        ]
        return {
            "name": name,
            "datatype": datatype,
            "shape": [len(values)],
            "contents": {fields[datatype]: sent},
        }

    def request(part: pd.DataFrame) -> bytes:
        inputs = []
        for name in map(str, part):
            values = values_of_json(part[name])
            missing = [value is None for value in values]
            inputs.append(tensor(name, DATATYPES.get(name, "BYTES"), values))
            inputs.append(tensor(f"{name}.missing", "BOOL", missing))
        message = message_class("ModelInferRequest")(model_name="orders", inputs=inputs)
        content: bytes = message.SerializeToString()
        return content

    def read(reply: bytes) -> pd.DataFrame:
        found = message_class("ModelInferResponse").FromString(reply).outputs
        return pd.DataFrame(
            {
                one.name: [
                    value.decode() if isinstance(value, bytes) else value
                    for value in getattr(one.contents, fields[one.datatype])
                ]
                for one in found
            }
        )

    address = f"127.0.0.1:{free_port()}"
    with (
        in_thread(application(case.folder, grpc_address=address)),
        grpc.insecure_channel(address) as channel,
    ):
        infer = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        calls = [infer.future(request(part), timeout=20) for part in slices(case.rows)]
        return pd.concat([read(call.result()) for call in calls])


def ask_worker(
    case: Case, content: Callable[[pd.DataFrame], bytes], kind: str
) -> list[bytes]:
    """Send the rows in pieces to a queue worker; return the replies in their order."""
    pytest.importorskip("faststream")
    from reproducible_ml.serving.worker.app import make_app
    from reproducible_ml.serving.worker.settings import Settings

    from .nats_server import Queue, Stored, nats_server, store

    async def send(url: str) -> list[Stored]:
        settings = Settings(server=url, model=case.folder)
        app = make_app(
            lambda folder: load(folder, Predict()), predict, settings, lambda: ""
        )
        async with app:
            queue = await Queue.connect(url, "model")
            for number, part in enumerate(slices(case.rows)):
                await queue.send(content(part), str(number), kind)
            await queue.settle()
            found = await queue.read("replies")
            await queue.close()
            return found

    with nats_server(*store(case.place / "messages")) as server:
        found = asyncio.run(send(server.url))
    return [
        each.data for each in sorted(found, key=lambda one: one.headers["Request-Id"])
    ]


def by_worker(case: Case) -> pd.DataFrame:
    return from_records(ask_worker(case, as_records, JSON))


def by_worker_and_arrow(case: Case) -> pd.DataFrame:
    return from_streams(ask_worker(case, as_stream, ARROW))


def by_function(case: Case) -> pd.DataFrame:
    """Call what Lambda calls; test_serverless.py runs it as Lambda does."""
    pytest.importorskip("mangum")
    from reproducible_ml.serving.service.app import make_app
    from reproducible_ml.serving.service.settings import Settings

    from .lambda_runtime import handling

    app = make_app(
        lambda folder: load(folder, Predict()), predict, Settings(model=case.folder)
    )
    with handling(app) as handler:
        found = [
            handler({"records": json.loads(as_records(part))}, None)["predictions"]
            for part in slices(case.rows)
        ]
    return pd.DataFrame([*chain(*found)])


WAYS: dict[str, Callable[[Case], pd.DataFrame]] = {
    "rows": by_rows,
    "batch of CSV": by_csv,
    "batch of Parquet": by_parquet,
    "package": by_package,
    "package, texts": by_package_as_texts,
    "service, records": by_records,
    "service, Arrow": by_arrow,
    "service, V2": by_v2,
    "service, gRPC": by_grpc,
    "worker, records": by_worker,
    "worker, Arrow": by_worker_and_arrow,
    "function": by_function,
}

# These start a server.
SERVED = ("worker, records", "worker, Arrow")


def bits(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers with numbers as the integers that have their bits."""
    return pd.DataFrame(
        {
            name: column.to_numpy(np.float64).view(np.int64)
            if column.dtype.kind in "if"
            else column.to_numpy(object)
            for name, column in answers.items()
        }
    )


@pytest.mark.xdist_group("parity")
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=[pytest.mark.integration] if way in SERVED else [])
        for way in WAYS
    ],
)
def test_ways_answer_alike_to_the_bit(case: Case, way: str) -> None:
    expected = as_answers(case, script_in_batches(case))
    found = WAYS[way](case)[[*expected]]
    pd.testing.assert_frame_equal(bits(found), bits(expected))


@pytest.mark.xdist_group("parity")
def test_script_answers_alike_with_any_number_of_rows(case: Case, kind: str) -> None:
    """A linear model rounds otherwise in another batch; others do not."""
    expected = script_in_batches(case)
    whole = script(case, case.rows)
    single = np.concatenate([script(case, case.rows[at : at + 1]) for at in range(9)])
    if kind == "boosting":
        np.testing.assert_array_equal(whole, expected)
        np.testing.assert_array_equal(single, expected[:9])
    else:
        np.testing.assert_allclose(whole, expected, rtol=1e-13)
        np.testing.assert_allclose(single, expected[:9], rtol=1e-13)
