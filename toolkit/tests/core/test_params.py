"""Sections of params.yaml are read one at a time, with a line for each error."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.outliers import Outliers
from reproducible_ml.core.params import (
    Choice,
    Compute,
    Date,
    Distance,
    Finite,
    Plain,
    Section,
    Share,
    load_section,
    read_yaml,
)


class Example(Section):
    """A section with a parameter of every type."""

    share: Share = 0.5
    finite: Finite = 0.0
    distance: Distance = 0.0
    date: Date | None = None
    choice: Choice = ("a",)
    arguments: dict[str, Plain] = {}
    outliers: Outliers = Outliers()


Write = Callable[[str], object]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write params.yaml in the current folder."""
    monkeypatch.chdir(tmp_path)
    return lambda text: Path("params.yaml").write_text(text, "utf-8")


def error_of(kind: type[Section]) -> str:
    """Return the one line that says why a section is invalid."""
    with pytest.raises(UserError) as error:
        load_section(kind)
    (line,) = str(error.value).splitlines()
    assert line.startswith("params.yaml: ")
    return line


def test_section_is_read_alone_and_has_defaults(write: Write) -> None:
    write("compute: {n_jobs: 2}\nexample: {share: 7}\n")
    assert load_section(Compute) == Compute(n_jobs=2)
    assert load_section(Compute).rows_per_part == 200_000
    write("data: {target: y, positive: 1}\n")
    assert load_section(Example) == Example()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(load_section(Compute), "n_jobs", 3)  # noqa: B010 (mypy rejects it too)


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (Data, "target: 5, positive: a", ["data.target", "5", "string"]),
        (Data, "target: y, positive: 0.5", ["data.positive", "0.5", "valid"]),
        (Data, "positive: a", ["data.target: Field required"]),
        (Data, "target: y", ["positive class is required"]),
        (Data, "target: y, task: regression, positive: 1", ["not allowed for other"]),
        (Data, "target: y, task: ranking", ["data.task", "'regression'", "ranking"]),
        (Compute, "backend: dusk", ["compute.backend", "dusk", "'loky'"]),
        (Compute, "n_jobs: 0", ["compute.n_jobs", "0", "-1 for one per core"]),
        (Compute, "n_jobs: -2", ["compute.n_jobs", "-2"]),
        (Compute, "n_jobs: true", ["compute.n_jobs", "True", "integer"]),
        (Compute, "rows_per_part: 0", ["compute.rows_per_part", "0", "1"]),
        (Compute, "rows_per_part: 2.5", ["compute.rows_per_part", "2.5", "integer"]),
        (Compute, "jobs: 2", ["compute.jobs", "not permitted", "2"]),
        (Example, "outliers: {tail: 0.5}", ["example.outliers.tail", "less than 0.5"]),
        (Example, "outliers: {factor: 0}", ["example.outliers.factor", "greater"]),
        (Example, "outliers: {factor: .inf}", ["outliers.factor", "finite"]),
        (Example, "outliers: {action: sink}", ["outliers.action", "'clip' or 'drop'"]),
        (Example, "share: 1.5", ["example.share", "1.5", "less than or equal to 1"]),
        (Example, "share: .nan", ["example.share", "nan"]),
        (Example, "share: '0.2'", ["example.share", "'0.2'", "number"]),
        (Example, "share: true", ["example.share", "True", "number"]),
        (Example, "finite: .nan", ["example.finite", "finite"]),
        (Example, "distance: -0.1", ["example.distance", "-0.1"]),
        (Example, "date: 2024", ["example.date", "give a date such as 2024-01-31"]),
        (Example, "date: soon", ["example.date", "soon", "date"]),
        (Example, "choice: []", ["example.choice", "at least 1 item"]),
    ],
)
def test_error_names_key_rule_and_value(
    write: Write, kind: type[Section], values: str, words: list[str]
) -> None:
    write(f"{kind.__name__.lower()}: {{{values}}}\n")
    line = error_of(kind)
    assert all(word in line for word in words), line


def test_all_errors_of_a_section_are_reported_together(write: Write) -> None:
    write("compute: {n_jobs: 0, backend: dusk}\n")
    with pytest.raises(UserError) as error:
        load_section(Compute)
    assert len(str(error.value).splitlines()) == 2


# DVC writes the file anew for an experiment, without quotes that YAML 1.1 would need.
def test_file_is_read_as_dvc_reads_it(write: Write) -> None:
    write(
        "data: {target: bought, positive: yes}\n"
        "example: {outliers: {tail: 1e-3}, date: 2024-02-01}\n"
    )
    assert load_section(Data).positive == "yes"
    assert load_section(Example).outliers.tail == 0.001
    assert load_section(Example).date == datetime(2024, 2, 1)


# Set on a command line, a number may arrive as text.
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e-3", "0.001"),
        ("1E5", "100000.0"),
        ("-2e+4", "-20000.0"),
        (".5e3", "500.0"),
        # Python writes 1e-05, which is text in YAML 1.1 again.
        ("1e-5", "1.0e-05"),
    ],
)
@pytest.mark.parametrize("key", ["arguments: {tol: '?'}", "choice: ['?']"])
def test_text_that_looks_like_a_number_is_refused(
    write: Write, key: str, text: str, number: str
) -> None:
    write(f"example: {{{key.replace('?', text)}}}\n")
    assert f"YAML reads this as text: write {number}" in error_of(Example)
    write(f"example: {{share: '{text}'}}\n")
    assert f"Fix: write {number}" in error_of(Example)


@pytest.mark.parametrize("text", ["auto", "1e", "e3", "mean_1e3", "2024-01-31"])
def test_other_text_stays_text(write: Write, text: str) -> None:
    write(f"example: {{arguments: {{kernel: '{text}'}}}}\n")
    assert load_section(Example).arguments == {"kernel": text}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- data", "is not valid YAML: the top level must be sections"),
        (b"compute: [1]", "compute: Input should be a valid dictionary"),
        (b"compute: [", "is not valid YAML"),
        (b"\tcompute: 5", "is not valid YAML"),
        ("compute: {backend: Größe}".encode("latin-1"), "UTF-8"),
    ],
)
def test_file_without_sections_is_refused_in_a_line(
    write: Write, content: bytes, words: str
) -> None:
    write("")
    assert load_section(Compute) == Compute()
    Path("params.yaml").write_bytes(content)
    assert words in error_of(Compute)


# The contract is read as pandera reads it.
def test_other_files_are_read_as_yaml_1_1(write: Write) -> None:
    write("share: 1e-1\narguments: {a: yes}\n")
    with pytest.raises(UserError) as error:
        read_yaml(Path("params.yaml"), Example)
    assert str(error.value).startswith("params.yaml: share: ")
    assert str(error.value).endswith("Fix: write 0.1")
    write("arguments: {a: yes}\n")
    assert read_yaml(Path("params.yaml"), Example).arguments == {"a": True}


def test_missing_file_is_an_error_with_the_fix(write: Write) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: does not exist\. Fix: git"):
        load_section(Compute)
