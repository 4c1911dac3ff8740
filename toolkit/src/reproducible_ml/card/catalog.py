"""data/catalog.yaml: where the table comes from, and what is allowed with it.

People fill it in; what identifies the table is filled in by `rml data`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_validator

from reproducible_ml.card.forms import (
    Text,
    empty_form_of,
    is_needed,
    read_form,
    text_field,
)
from reproducible_ml.core.errors import one_line
from reproducible_ml.core.params import Section

CATALOG = Path("data/catalog.yaml")

HEADER = """\
# Where the table comes from, who answers for it, and whether it is about people. A
# field is a text, or a list of paragraphs. `rml data` and `rml catalog` ask for what is
# empty; `rml check` checks it; the model card shows it.
"""

# In personal_columns: each column is about a person.
EVERY = "*"


def _list(value: object) -> object:
    """Return one name as a list, and a key without a value as an empty one."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else [value]


Names = Annotated[tuple[str, ...], BeforeValidator(_list)]


class RawTable(Section):
    """What identifies the raw table; a program fills it in.

    Attributes:
        path: Of the file or folder.
        md5: As DVC records it; of a folder, it ends with `.dir`.
        bytes: Size of all files.
        rows: Number of rows; None if nobody counted them.
        looks_personal: Columns whose values look like those of people, and as what.
    """

    path: str
    md5: str
    bytes: StrictInt
    rows: StrictInt | None = None
    looks_personal: dict[str, str] = {}


class Catalog(Section):
    """The content of data/catalog.yaml; each text is a tuple of paragraphs."""

    source: Text = text_field(
        "Where the table comes from: a system, a publication, a person; how it is"
        " exported.",
        required=True,
    )
    owner: Text = text_field(
        "Who decides about the data: a person, a department, an organisation.",
        required=True,
    )
    license: Text = text_field(
        "What it may be used for: a license, such as CC-BY-4.0, or a contract.",
        required=True,
    )
    personal: StrictBool | None = Field(
        None,
        description="Whether rows are about people who can be identified, directly or"
        " with other data: yes or no.",
        json_schema_extra={"needed": True},
    )
    personal_columns: Names = Field(
        (),
        description="If so, the columns that say something of a person, as a list;"
        ' ["*"] if all do.',
        json_schema_extra={"needed": False},
    )
    not_personal: Names = Field(
        (),
        description="Columns that look like it, but are not, such as the name of a"
        " product.",
        json_schema_extra={"needed": False},
    )
    legal_basis: Text = text_field(
        "If so, why this may be done, such as consent, a contract, a law.",
        required=False,
    )
    retention: Text = text_field(
        "If so, how long rows are kept, and what happens then.", required=False
    )
    updates: Text = text_field(
        "How often the table changes: never, daily, with each delivery.", required=True
    )
    contact: Text = text_field("Who answers questions about the data.", required=True)
    table: RawTable | None = Field(
        None,
        description="What identifies the raw table, and columns whose values look like"
        " those of people. `rml data` and `rml catalog` fill it in.",
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.personal is False and self.personal_columns:
            raise ValueError(
                "personal is no, but personal_columns names columns. Fix: say yes, or"
                " empty the list"
            )
        if self.personal:
            lacking = [
                name
                for name in ("personal_columns", "legal_basis", "retention")
                if not any(getattr(self, name))
            ]
            if lacking:
                raise ValueError(
                    f"personal is yes, but {' and '.join(lacking)} "
                    f"{'is' if len(lacking) == 1 else 'are'} empty. Fix: fill in"
                )
        if both := {*self.personal_columns} & {*self.not_personal}:
            raise ValueError(
                f"{min(both)!r} is in personal_columns and in not_personal. Fix: remove"
                " it from one"
            )
        return self

    def declares(self, column: str) -> bool:
        """Return whether a column is declared, as about a person or as not."""
        return (
            column in self.personal_columns
            or EVERY in self.personal_columns
            or column in self.not_personal
        )

    def personal_among(self, columns: Iterable[str]) -> list[str]:
        """Return those of some columns that are declared as about a person."""
        every = EVERY in self.personal_columns
        return [
            name
            for name in columns
            if name in self.personal_columns
            or (every and name not in self.not_personal)
        ]


def read_catalog(path: Path = CATALOG) -> Catalog:
    """Return the content of the file; nothing is filled in if there is none.

    Raises:
        UserError: A line for each error in the file.
    """
    return read_form(path, Catalog)


def unknown_columns(
    catalog: Catalog, columns: Iterable[str], path: Path = CATALOG
) -> list[str]:
    """Return a line for each column that is declared but not in the contract."""
    known = {*columns, EVERY}
    return [
        f'{path}, {key}: "{one_line(name)}" is no column of data/schema.yaml. Fix:'
        " correct or remove it."
        for key in ("personal_columns", "not_personal")
        for name in getattr(catalog, key)
        if name not in known
    ]


def empty_fields(catalog: Catalog) -> list[str]:
    """Return the required fields that say nothing."""
    said = catalog.model_dump()
    return [
        name
        for name in Catalog.model_fields
        if is_needed(Catalog, name)
        and (said[name] is None or said[name] == () or said[name] == ("",))
    ]


def empty_catalog() -> str:
    """Return the text of data/catalog.yaml before anything is filled in."""
    return empty_form_of(Catalog, HEADER)
