"""Typed view of params.yaml, the only file a run is configured from."""

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    StrictInt,
    ValidationError,
    model_validator,
)

from reproducible_ml.errors import UserError


def _not_zero(n_jobs: int) -> int:
    if n_jobs == 0:
        raise ValueError("give a number of processes, or -1 for one per core")
    return n_jobs


def _plain(value: Any) -> Any:
    """Refuse what YAML reads otherwise than it looks, anywhere inside the value."""
    for item in value if isinstance(value, list) else [value]:
        if _looks_like_number(item):
            raise ValueError(f"YAML reads this as text: write {_spelled(item)}")
    return value


def _looks_like_number(value: Any) -> bool:
    """Say whether this is text like 1e-3, which YAML 1.1 does not take for a number."""
    number = r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"
    return isinstance(value, str) and re.fullmatch(number, value) is not None


def _spelled(value: str) -> str:
    """Return a number as YAML 1.1 and 1.2 read it: 1.0e-05, where 1e-05 is a text."""
    return yaml.safe_dump(float(value)).split()[0]


Plain = Annotated[Any, AfterValidator(_plain)]
Choice = Annotated[tuple[Any, ...], Field(min_length=1), BeforeValidator(_plain)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Distance = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


def _label(value: Any) -> Any:
    if not isinstance(value, str | bool | int):
        raise ValueError(
            "not a valid label: give a text, a whole number or true or false"
        )
    return value


def _date(value: Any) -> Any:
    """Refuse numbers: 2024 would be seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError("give a date, as 2024-01-31")
    return value


Label = Annotated[str | bool | int, BeforeValidator(_label)]
Date = Annotated[NaiveDatetime, BeforeValidator(_date)]


class Section(BaseModel):
    """Immutable group of parameters that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Content = TypeVar("Content", bound=Section)


class Data(Section):
    """What the table is about: the roles of its columns."""

    target: str
    task: Literal["binary", "multiclass", "regression"] = "binary"
    positive: Label | None = None
    id: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None

    @model_validator(mode="after")
    def _positive_belongs_to_binary(self) -> Self:
        if (self.task == "binary") != (self.positive is not None):
            raise ValueError("task `binary` needs a positive class, the others none")
        return self


class Compute(Section):
    """Where and in which portions the work is done; changes no result."""

    backend: Literal["threading", "loky", "sequential", "dask", "ray"] = "threading"
    n_jobs: Annotated[StrictInt, Field(ge=-1), AfterValidator(_not_zero)] = -1
    rows_per_part: Count = 200_000


class Outliers(Section):
    """What is an outlier in a numeric column, and what becomes of it."""

    action: Literal["keep", "clip", "drop"] = "keep"
    method: Literal["quantile", "iqr"] = "quantile"
    tail: Annotated[float, Field(strict=True, ge=0, lt=0.5)] = 0.001
    factor: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 3.0


class Clean(Section):
    """Which rows and values do not reach the model."""

    duplicates: Literal["drop", "keep"] = "drop"
    missing: Literal["keep", "drop"] = "keep"
    outliers: Outliers = Outliers()


class Split(Section):
    """How to hold out the test set."""

    method: Literal["hash", "group", "time"] = "hash"
    test_size: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.2
    salt: str = ""
    cutoff: Date | None = None

    @model_validator(mode="after")
    def _cutoff_belongs_to_time(self) -> Self:
        if (self.method == "time") != (self.cutoff is not None):
            raise ValueError("method `time` needs a cutoff date, the others none")
        return self


class Features(Section):
    """What a model sees of columns that are no plain numbers."""

    words: Count = 100


class Estimator(Section):
    """A scikit-learn compatible class by its dotted path, and its arguments."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    arguments: dict[str, Plain] = {}


class Range(Section):
    """Values that a search may give to an argument: one of four kinds of range."""

    uniform: tuple[Finite, Finite] | None = None
    log_uniform: tuple[Finite, Finite] | None = None
    int: tuple[StrictInt, StrictInt] | None = None
    choice: Choice | None = None

    @model_validator(mode="after")
    def _one_range_that_rises(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give one of uniform, log_uniform, int and choice")
        if self.choice is None and not self.ends[0] < self.ends[1]:
            raise ValueError("the first end must be below the second")
        if self.log_uniform and self.ends[0] <= 0:
            raise ValueError("a range of logarithms begins above 0")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """The two ends, or the values to choose from."""
        [found] = self.model_dump(exclude_none=True).values()
        return tuple(found)


class Search(Section):
    """How to look for better arguments of the estimator, by cross-validation."""

    method: Literal["none", "random", "halving", "grid"] = "none"
    n_iter: Count = 20
    folds: Annotated[int, Field(strict=True, ge=2)] = 5
    metric: str | None = None
    space: dict[str, Range] = {}

    @model_validator(mode="after")
    def _something_to_search(self) -> Self:
        if self.method != "none" and not self.space:
            raise ValueError("a search needs a space: ranges of arguments")
        if self.method == "grid":
            for name, values in self.space.items():
                if values.choice is None and values.int is None:
                    raise ValueError(f"a grid needs choice or int for {name}")
        return self


class Train(Section):
    """How to fit the model."""

    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    class_weight: Literal["balanced"] | None = None
    live_steps: Annotated[int, Field(strict=True, ge=0)] = 0
    estimator: Estimator
    search: Search = Search()


class Evaluate(Section):
    """How to judge the model on the test set."""

    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    threshold: Share = 0.5
    replicates: Annotated[int, Field(strict=True, ge=100)] = 500
    interval_rows: Count = 10_000
    importance_rows: Count = 2_000
    importance_repeats: Count = 5
    slices: dict[str, tuple[float, ...]] = {}


class Gate(Section):
    """When a change is refused; what is said of worse values follows the metric."""

    metric: str | None = None
    tolerance: Distance = 0.0
    only_beyond_noise: bool = True
    floors: dict[str, Finite] = {}
    slice_floors: dict[str, dict[str, Finite]] = {}
    tolerance_numeric: Distance = 0.0001


class Params(Section):
    """The whole file: one section a stage, and what several stages share."""

    data: Data
    compute: Compute = Compute()
    clean: Clean = Clean()
    split: Split = Split()
    features: Features = Features()
    train: Train
    evaluate: Evaluate
    gate: Gate = Gate()
    tracking: Literal["none", "mlflow"] = "none"

    @property
    def gate_metric(self) -> str:
        """The metric that a change must not make worse."""
        return self.gate.metric or self.evaluate.metrics[0]

    @property
    def split_column(self) -> str | None:
        """The column that decides a row's side of the split, unless its key does."""
        columns = {"hash": None, "group": self.data.group, "time": self.data.time}
        return columns[self.split.method]

    @model_validator(mode="after")
    def _role_for_split(self) -> Self:
        name = self.split.method
        if name != "hash" and self.split_column is None:
            raise ValueError(f"split.method {name} needs the column in data.{name}")
        return self

    @model_validator(mode="after")
    def _gate_of_what_is_there(self) -> Self:
        """Refuse a gate that would never close, as nothing computes what it names."""
        floors = self.gate.slice_floors
        named = {self.gate_metric, *self.gate.floors, *chain(*floors.values())}
        if unknown := sorted(named - {*self.evaluate.metrics}):
            raise ValueError(f"gate names {unknown[0]}, not one of evaluate.metrics")
        if unknown := sorted(floors.keys() - self.evaluate.slices.keys()):
            raise ValueError(
                f"gate.slice_floors names {unknown[0]}, not one of evaluate.slices"
            )
        return self


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check the parameters, or raise UserError with a line per bad key."""
    return read_yaml(path, Params, parse_params)


def parse_params(text: str) -> Any:
    """Return what params.yaml says, read as DVC does: by YAML 1.2.

    There `yes` is a text and `1e-3` a number. `dvc exp run --set-param` writes the file
    anew, without the quotes that YAML 1.1 would need.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise yaml.YAMLError(str(error)) from error


def read_yaml(
    path: Path, kind: type[Content], parse: Callable[[str], Any] = yaml.safe_load
) -> Content:
    """Read a YAML file as `kind`, or raise UserError with a line for each mistake."""
    try:
        return kind.model_validate(parse(path.read_text("utf-8")))
    except yaml.YAMLError as error:
        place = " ".join(str(error).split())
        raise UserError(f"{path}: is not YAML: {place}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8. Save it as UTF-8.") from error
    except ValidationError as error:
        raise UserError(_explain(error, path)) from error


def _explain(error: ValidationError, path: Path) -> str:
    """Return a line for each mistake: the key, the value and the rule it breaks."""
    lines = []
    for e in error.errors():
        key = ".".join(map(str, e["loc"])) or "the file"
        line = f"{path}: {key}: {e['msg'].removeprefix('Value error, ')}"
        if e["type"] != "missing":
            line += f" (it is {e['input']!r:.80})"
        if e["type"] != "value_error" and _looks_like_number(e["input"]):
            line += f". YAML reads this as text: write {_spelled(e['input'])}"
        lines.append(line)
    return "\n".join(lines)
