"""Tests of reproducible_ml.profiling.evidence."""

from pathlib import Path

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.distinct import FILE
from reproducible_ml.profiling.inferred import FindingFactory, InferredColumn

FILES = [Path("a.csv"), Path("b.csv")]


def test_finding_names_the_file_and_the_row_of_its_place() -> None:
    make_finding = FindingFactory(FILES, "age")
    found = make_finding(
        "reject", "number", "is no number", "Fix it.", "x", 2, FILE + 7
    )
    assert (found.finding.file, found.record) == (FILES[1], 7)
    assert (
        str(found.finding) == 'b.csv, column "age": "x" is no number (2 rows). Fix it.'
    )


def test_finding_without_a_place_names_the_first_file() -> None:
    found = FindingFactory(FILES, "age")(
        "warn", "units", "has several units", "Convert them."
    )
    assert (found.finding.file, found.record) == (FILES[0], None)


def test_findings_of_one_severity() -> None:
    make_finding = FindingFactory(FILES, "age")
    found = (
        make_finding("warn", "a", "is odd", ""),
        make_finding("reject", "b", "is wrong", ""),
    )
    inferred = InferredColumn(Column(dtype="str"), "text", "", found)
    assert [finding.kind for finding in inferred.findings("reject")] == ["b"]
