"""Sections of params.yaml: typed, validated and read one at a time.

The class of a section is in the module of its stage, so that a new parameter of one
stage does not change the others.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    StrictBool,
    StrictInt,
    TypeAdapter,
    ValidationError,
)

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import (
    PARAMS,
    load_yaml,
    parse_params,
    yaml_problem,
)


def _not_zero(n_jobs: int) -> int:
    if n_jobs == 0:
        raise ValueError("give a number of processes, or -1 for one per core")
    return n_jobs


def _plain(value: Any) -> Any:
    """Reject text that looks like a number, in a value or in a list of values."""
    for item in value if isinstance(value, list) else [value]:
        if _looks_like_number(item):
            raise ValueError(f"YAML reads this as text: write {_yaml_number(item)}")
    return value


def _looks_like_number(value: Any) -> bool:
    """Return whether this is text like 1e-3, which is not a number in YAML 1.1."""
    number = r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"
    return isinstance(value, str) and re.fullmatch(number, value) is not None


def _yaml_number(value: str) -> str:
    """Return a number as all versions of YAML read it: 1.0e-05 instead of 1e-05."""
    import yaml

    return str(yaml.safe_dump(float(value))).split()[0]


# Types of parameters; numbers are strict, so that text is not converted.
Plain = Annotated[Any, AfterValidator(_plain)]
Choice = Annotated[tuple[Any, ...], Field(min_length=1), BeforeValidator(_plain)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Distance = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


def _label(value: Any) -> Any:
    if not isinstance(value, str | bool | int):
        raise ValueError(
            "is not a valid label: it must be text, an integer or a boolean"
        )
    return value


def _date(value: Any) -> Any:
    """Reject numbers: pydantic would read 2024 as seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError("give a date such as 2024-01-31")
    return value


Label = Annotated[str | bool | int, BeforeValidator(_label)]
Date = Annotated[NaiveDatetime, BeforeValidator(_date)]


class Section(BaseModel):
    """Immutable group of parameters that rejects unknown keys."""

    # Validators are built at the first use, which makes imports faster.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Compute(Section):
    """Section `compute`: where and in what chunks work is done; changes no result."""

    backend: Literal["threading", "loky", "sequential", "dask", "ray"] = "threading"
    n_jobs: Annotated[StrictInt, Field(ge=-1), AfterValidator(_not_zero)] = -1
    rows_per_part: Count = 200_000
    check_inputs: StrictBool = True
    keep_parts: Distance = 10.0


Content = TypeVar("Content", bound=Section)


def load_section(kind: type[Content], path: Path = PARAMS) -> Content:
    """Read the section of params.yaml that has the name of the class, in lower case.

    A missing section has its defaults.

    Raises:
        UserError: A line for each error in this section.
    """
    import yaml

    name = kind.__name__.lower()

    def find(text: str) -> Any:
        sections = parse_params(text) or {}
        if not isinstance(sections, dict):
            raise yaml.YAMLError("the top level must be sections, such as `data:`")
        return sections.get(name) or {}

    return read_yaml(path, kind, find, name)


def read_yaml(
    path: Path,
    kind: type[Content],
    parse: Callable[[str], Any] | None = None,
    section: str | None = None,
) -> Content:
    """Read a YAML file and validate it.

    Args:
        path: The file.
        kind: Class that its content must fit.
        parse: Returns the content of the text; by default YAML 1.1, which most
            libraries read.
        section: Name of the section that `parse` returns, for error messages.

    Raises:
        UserError: A line for each error in the file.
    """
    import yaml

    parse = parse or load_yaml
    try:
        return kind.model_validate(parse(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise UserError(
            f"{_shown(path)}: does not exist. Fix: git restore {_shown(path)}"
        ) from error
    except yaml.YAMLError as error:
        raise UserError(
            f"{_shown(path)}: is not valid YAML: {yaml_problem(error)}"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{_shown(path)}: is not UTF-8. Fix: save it as UTF-8."
        ) from error
    except ValidationError as error:
        raise UserError(_explain(error, path, section)) from error


def read_valid_sections(path: Path, kind: type[Content]) -> Content | None:
    """Return params.yaml with the sections that are valid by themselves.

    The others are not set. None if the file has no sections at all.
    """
    import yaml

    try:
        content = parse_params(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None
    if not isinstance(content, dict):
        return None
    valid: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name not in content and not field.is_required():
            valid[name] = field.get_default(call_default_factory=True)
        with suppress(ValidationError):
            if name in content:
                section = TypeAdapter[Any](cast("Any", field.annotation))
                valid[name] = section.validate_python(content[name])
    found = cast("Content", kind.model_construct(None, **valid))
    for name in kind.model_fields.keys() - valid.keys():
        vars(found).pop(name, None)
    return found


def _shown(path: Path) -> Path:
    """Return a path relative to the current folder, where it is in that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _explain(error: ValidationError, path: Path, section: str | None) -> str:
    """Return a line for each error: the key, the rule and the value that breaks it."""
    lines = []
    for e in error.errors():
        place = [section, *e["loc"]] if section else e["loc"]
        key = ".".join(map(str, place))
        if not key and e["type"] != "value_error":
            lines.append(f"{_shown(path)}: must hold sections, such as `data:`")
            continue
        line = f"{_shown(path)}: {key + ': ' if key else ''}"
        line += e["msg"].removeprefix("Value error, ")
        if key and e["type"] != "missing":
            line += f" (it is {e['input']!r:.80})"
        if e["type"] != "value_error" and _looks_like_number(e["input"]):
            line += f". YAML reads this as text. Fix: write {_yaml_number(e['input'])}"
        lines.append(line)
    return "\n".join(lines)
