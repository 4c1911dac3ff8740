"""Tests of reproducible_ml.adopt.propose."""

from pathlib import Path

from reproducible_ml.adopt.propose import nothing_left, without_leaks
from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, Data
from reproducible_ml.quality.report import QualityReport

RAW = Path("visits.csv")
CODE = Column(dtype="int64", metadata=ColumnMetadata(missing=("-1",)))
CONTRACT = Contract(
    columns={"code": CODE, "y": Column(dtype="category", isin=("no", "yes"))}
)
DATA = Data(target="y", positive="yes")


def warning(kind: str) -> Finding:
    return Finding(kind, RAW, "is the target recoded", "Look.", column="code")


CERTAIN = QualityReport([], [warning("leak")], {"code": "is the target recoded"})


def test_column_that_is_the_target_is_excluded_and_it_is_told() -> None:
    contract, (told,) = without_leaks(CONTRACT, CERTAIN, ())
    assert contract.columns["code"].metadata == ColumnMetadata(
        treatment="exclude", reason="is the target recoded", missing=("-1",)
    )
    assert "It is excluded: remove its treatment" in str(told)


def test_column_that_people_decided_about_stays_and_it_is_told() -> None:
    assert without_leaks(CONTRACT, CERTAIN, {"code"}) == (CONTRACT, [warning("leak")])


def test_column_that_may_be_the_target_stays() -> None:
    judgement = QualityReport([], [warning("leak")], {})
    assert without_leaks(CONTRACT, judgement, ()) == (CONTRACT, [warning("leak")])


def test_other_warnings_keep_their_words() -> None:
    judgement = CERTAIN._replace(warnings=[warning("code"), warning("leak")])
    _, told = without_leaks(CONTRACT, judgement, ())
    assert told[0] == warning("code")


def test_table_without_features_is_told() -> None:
    contract, _ = without_leaks(CONTRACT, CERTAIN, ())
    assert nothing_left(CONTRACT, DATA, RAW) == []
    (finding,) = nothing_left(contract, DATA, RAW)
    assert str(finding).startswith("visits.csv: holds nothing to learn from")
