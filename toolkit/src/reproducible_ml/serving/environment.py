"""Settings: defaults, those of the project, and variables of the environment."""

import difflib
import os
import re
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section


def _increasing(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if any(one >= other for one, other in pairwise(bounds)):
        raise ValueError("each bound must be greater than the one before")
    return bounds


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Buckets = Annotated[tuple[float, ...], AfterValidator(_increasing)]
Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]

# What Kubernetes adds for a service whose name makes the prefix, as RML_SERVE_PORT.
KUBERNETES = re.compile(r"(SERVICE_(HOST|PORT)|PORT)(_[A-Z0-9_]+)?")


class FromEnvironment(Section):
    """Settings that variables of the environment may replace.

    Attributes:
        prefix: Of their names: with RML_SERVE_, RML_SERVE_MAX_ROWS sets max_rows.
    """

    prefix: ClassVar[str]

    @classmethod
    def from_environment(cls, **defaults: Any) -> Self:
        """Return the settings; variables of the environment win.

        A list is written with commas, as in RML_SERVE_LOG_WITHOUT=name,address.

        Raises:
            UserError: A line for each variable that is not valid, or sets nothing.
        """
        found: dict[str, Any] = dict(defaults)
        problems = cls._unknown_variables()
        for name, field in cls.model_fields.items():
            variable = f"{cls.prefix}{name.upper()}"
            text = os.environ.get(variable)
            if not text:
                continue
            kind = field.rebuild_annotation()
            value: str | list[str] = text
            if "tuple" in str(kind):
                value = [one.strip() for one in text.split(",") if one.strip()]
            try:
                found[name] = TypeAdapter[Any](kind).validate_python(value)
            except ValidationError as error:
                what = error.errors()[0]["msg"]
                problems.append(f"{variable}: {what} (it is {text!r:.80})")
        if problems:
            raise UserError("\n".join(problems))
        return cls(**found)

    @classmethod
    def _unknown_variables(cls) -> list[str]:
        """Return a line for each variable with the prefix that is no setting."""
        known = [f"{cls.prefix}{name.upper()}" for name in cls.model_fields]
        others = [
            name
            for name in sorted(os.environ)
            if name.startswith(cls.prefix)
            and name not in known
            and not KUBERNETES.fullmatch(name.removeprefix(cls.prefix))
        ]
        problems = []
        for name in others:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"{name}: is no setting{hint}")
        return problems
