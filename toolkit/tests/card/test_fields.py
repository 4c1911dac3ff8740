"""docs/model_card.yaml: the form, what is missing, what is refused."""

from pathlib import Path

import pytest

from reproducible_ml.card.fields import (
    FIELDS,
    HumanPart,
    check_fields,
    empty_form,
    empty_required_fields,
    is_required,
    read_fields,
)
from reproducible_ml.core.errors import UserError

from ..copies import ROOT

REQUIRED = [name for name in HumanPart.model_fields if is_required(name)]


def write(root: Path, text: str) -> Path:
    path = root / FIELDS
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_empty_form_lacks_exactly_the_required_fields(tmp_path: Path) -> None:
    assert empty_required_fields(tmp_path) == REQUIRED
    write(tmp_path, empty_form())
    assert empty_required_fields(tmp_path) == REQUIRED
    with pytest.raises(UserError) as error:
        check_fields(tmp_path)
    assert len(str(error.value).splitlines()) == len(REQUIRED)


def test_filled_form_lacks_nothing(tmp_path: Path) -> None:
    text = "\n".join(f"{name}: [said, again]" for name in REQUIRED)
    path = write(tmp_path, f"{text}\noversight: '  '\n")
    assert empty_required_fields(tmp_path) == []
    check_fields(tmp_path)
    assert read_fields(path).limits == ("said", "again")
    write(tmp_path, text.replace("limits: [said, again]", "limits: ['', ' ']"))
    assert empty_required_fields(tmp_path) == ["limits"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limit: x", "limit: Extra inputs are not permitted"),
        ("limits: {a: b}", "limits.0: Input should be a valid string"),
        ("limits: 3", "limits.0: Input should be a valid string"),
        ("- x", "the top level must be fields"),
        ("limits: [", "is not valid YAML"),
    ],
)
def test_what_is_no_form_is_refused_in_one_line(
    text: str, problem: str, tmp_path: Path
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=problem) as error:
        read_fields(path)
    assert len(str(error.value).splitlines()) == 1


def test_sample_explains_its_fields_as_the_form_does() -> None:
    sample = (ROOT / FIELDS).read_text("utf-8").splitlines()
    comments = [line for line in empty_form().splitlines() if line.startswith("#")]
    assert [line for line in sample if line.startswith("#")] == comments
    assert empty_required_fields(ROOT) == []
