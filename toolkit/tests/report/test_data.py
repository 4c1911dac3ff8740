"""Tests of reproducible_ml.report.changes."""

from reproducible_ml.report.changes import contract, tables
from reproducible_ml.versioning.git import Revision

from .conftest import Repository, lock, results, stage
from .test_changes import rows

OLD = "columns:\n  age: {dtype: int64}\n  city: {dtype: str}\n  same: {dtype: str}\n"
NEW = (
    "columns:\n  age: {dtype: float64}\n  same: {dtype: str}\n  '@new': {dtype: str}\n"
)


def two_revisions(repository: Repository) -> tuple[Revision, Revision]:
    """Return base and head with other test rows and another contract."""
    repository.write("data/schema.yaml", OLD)
    repository.write("reports/split.json", {"test": {"rows": 100}})
    base = Revision(repository.root, repository.commit())
    repository.write("data/schema.yaml", NEW)
    repository.write("reports/split.json", {"test": {"rows": 120}})
    return base, Revision(repository.root)


def test_changed_tables_are_told_with_rows_and_hash(repository: Repository) -> None:
    base, head = two_revisions(repository)
    raw = {"data/raw/x.csv": "8" * 32}
    split = stage(raw, {"data/processed/test": "9" * 32})
    text = tables(base, head, results(), results(lock=lock(split=split)))
    assert rows(text) == [
        ["`data/raw/x.csv`", "-", "-", "-", "`88888888`"],
        ["`data/processed/test`", "100", "120", "`2`", "`99999999`"],
    ]
    assert (
        "Columns: 3 at the base, 3 now; 1 new: `@new`; 1 gone: `city`;"
        " 1 of another type: `age`." in text
    )


def test_unchanged_tables_are_not_told(repository: Repository) -> None:
    base, head = two_revisions(repository)
    assert tables(base, head, results(), results()) == "Data: no table changed."


def test_broken_report_has_no_rows(repository: Repository) -> None:
    base, head = two_revisions(repository)
    for content in ("{", [1], {"test": 5}, {"test": {"rows": "many"}}):
        repository.write("reports/split.json", content)
        split = stage({}, {"data/processed/test": "9"})
        text = tables(base, head, results(), results(lock=lock(split=split)))
        assert rows(text)[0][1:3] == ["100", "-"]


def test_contract_is_told_as_a_difference(repository: Repository) -> None:
    base, head = two_revisions(repository)
    text = contract(base, head)
    assert "2 new lines and 2 fewer" in text
    assert "\n-  city: {dtype: str}\n" in text
    assert "\n+  '@new': {dtype: str}\n" in text
    assert "\n   same: {dtype: str}\n" in text
    assert "+++" not in text
    assert "did not change" in contract(base, base)


def test_contract_cannot_leave_its_block(repository: Repository) -> None:
    base, head = two_revisions(repository)
    repository.write("data/schema.yaml", "```\n</details>\n@octocat\n" * 1000)
    lines = contract(base, head).splitlines()
    assert lines[2] == "````diff"
    assert lines[-3:] == ["````", "", "</details>"]
    assert "more lines" in lines[-4] or lines[-4].endswith(" more")
    assert len(lines) < 80
