"""data/catalog.yaml: the form, what is refused, and editing it in place."""

from pathlib import Path

import pytest

from reproducible_ml.card.catalog import (
    CATALOG,
    Catalog,
    empty_catalog,
    empty_fields,
    read_catalog,
    unknown_columns,
)
from reproducible_ml.card.forms import blank_form, parse_form, set_fields
from reproducible_ml.core.errors import UserError

from ..copies import ROOT

REQUIRED = ["source", "owner", "license", "personal", "updates", "contact"]
PERSONAL = "personal: yes\nlegal_basis: consent\nretention: a year\n"


def test_sample_says_all_and_explains_its_fields_as_the_form_does() -> None:
    sample = (ROOT / CATALOG).read_text("utf-8")
    assert empty_fields(read_catalog(ROOT / CATALOG)) == []
    assert blank_form(sample).split() == empty_catalog().split()
    assert empty_fields(parse_form(empty_catalog(), Catalog, CATALOG)) == REQUIRED
    # A form that is emptied twice stays as it is.
    assert blank_form(empty_catalog()) == empty_catalog()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ownr: x\n", "ownr: Extra inputs are not permitted"),
        ("personal: maybe\n", "personal: Input should be a valid boolean"),
        ("personal: no\npersonal_columns: [a]\n", "personal is no, but personal_col"),
        ("personal: yes\npersonal_columns: [a]\n", "legal_basis and retention are"),
        (PERSONAL, "personal_columns is empty"),
        (PERSONAL.replace("a year", "''") + "personal_columns: a\n", "retention is"),
        (f"{PERSONAL}personal_columns: a\nnot_personal: a\n", "'a' is in personal_c"),
        ("personal_columns: [1]\n", "personal_columns.0: Input should be a valid st"),
        ("table: {path: a, md5: b, bytes: '1'}\n", "table.bytes: Input should be a v"),
        ("- x\n", "the top level must be fields"),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(
    text: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_catalog(path)
    [line] = str(error.value).splitlines()
    assert problem in line
    assert line.startswith(str(path))


def test_columns_are_those_of_the_contract() -> None:
    every = parse_form(f"{PERSONAL}personal_columns: '*'\n", Catalog, CATALOG)
    assert unknown_columns(every, ["a", "b"]) == []
    assert every.personal_among(["a", "b"]) == ["a", "b"]
    some = parse_form(f"{PERSONAL}personal_columns: [b, c]\n", Catalog, CATALOG)
    assert some.personal_among(["a", "b"]) == ["b"]
    [line] = unknown_columns(some, ["a", "b"])
    assert line.startswith('data/catalog.yaml, personal_columns: "c" is no column')


FORM = """\
# What it is.
owner: old,
  on two lines # and a note

# A list.
license:
- one
- two
text: |
  First.

  Second.

# The end.
last: "x: y"
"""


def test_a_field_is_changed_and_all_other_lines_stay() -> None:
    path = Path("form.yaml")
    changed = set_fields(FORM, {"license": "MIT: really", "new": ["a", "b"]}, path)
    assert (
        changed
        == FORM.replace("license:\n- one\n- two\n", "license: 'MIT: really'\n")
        + "\nnew:\n- a\n- b\n"
    )
    changed = set_fields(FORM, {"owner": True, "last": None}, path)
    assert "owner: yes\n\n# A list." in changed
    assert changed.endswith("last:\n")
    changed = set_fields(FORM, {"text": "Third."}, path)
    assert "- two\ntext: Third.\n\n# The end." in changed
    assert set_fields('"owner" : a\nlast: b\n', {"owner": "c"}, path) == (
        "owner: c\nlast: b\n"
    )
    # Nothing is written that would mean something else.
    for text in ("{owner: a, last: b}\n", 'owner: "a\nlast: b"\n'):
        with pytest.raises(UserError, match=r"form\.yaml: owner: cannot be changed"):
            set_fields(text, {"owner": "c"}, path)
