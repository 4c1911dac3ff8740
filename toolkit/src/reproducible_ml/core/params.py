"""Sections of params.yaml: typed, checked, and read one at a time.

Each stage has a class for its section in its own module, so that a new parameter of one
stage changes no other.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

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
)

from reproducible_ml.core.errors import UserError


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

PARAMS = Path("params.yaml")


class Compute(Section):
    """Where and in which portions the work is done; changes no result."""

    backend: Literal["threading", "loky", "sequential", "dask", "ray"] = "threading"
    n_jobs: Annotated[StrictInt, Field(ge=-1), AfterValidator(_not_zero)] = -1
    rows_per_part: Count = 200_000


def load_section(kind: type[Content], path: Path = PARAMS) -> Content:
    """Read one section of params.yaml: that whose name is the class's, in lower case.

    A section that is missing has its defaults.

    Raises:
        UserError: A line for each mistake in this section.
    """
    name = kind.__name__.lower()

    def find(text: str) -> Any:
        sections = parse_params(text) or {}
        if not isinstance(sections, dict):
            raise yaml.YAMLError("its top level must be sections, as `data:`")
        return sections.get(name) or {}

    return read_yaml(path, kind, find, name)


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
    path: Path,
    kind: type[Content],
    parse: Callable[[str], Any] = yaml.safe_load,
    section: str | None = None,
) -> Content:
    """Read a YAML file as `kind`, or raise UserError with a line for each mistake.

    Args:
        path: The file.
        kind: What it should hold.
        parse: Returns the content of a text.
        section: Name of the section that `parse` returns, to be named in errors.
    """
    try:
        return kind.model_validate(parse(path.read_text("utf-8")))
    except yaml.YAMLError as error:
        place = " ".join(str(error).split())
        raise UserError(f"{path}: is not YAML: {place}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8. Save it as UTF-8.") from error
    except ValidationError as error:
        raise UserError(_explain(error, path, section)) from error


def _explain(error: ValidationError, path: Path, section: str | None) -> str:
    """Return a line for each mistake: the key, the value and the rule it breaks."""
    lines = []
    for e in error.errors():
        place = [section, *e["loc"]] if section else e["loc"]
        key = ".".join(map(str, place)) or "the file"
        line = f"{path}: {key}: {e['msg'].removeprefix('Value error, ')}"
        if e["type"] != "missing":
            line += f" (it is {e['input']!r:.80})"
        if e["type"] != "value_error" and _looks_like_number(e["input"]):
            line += f". YAML reads this as text: write {_spelled(e['input'])}"
        lines.append(line)
    return "\n".join(lines)
