"""Settings: defaults, those of the project, and variables of the environment."""

import os
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, TypeAdapter, ValidationError

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Section

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]


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
            UserError: A line for each variable that is not valid.
        """
        found: dict[str, Any] = dict(defaults)
        problems = []
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
