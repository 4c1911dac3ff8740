"""Detected types of columns, with ambiguities and mixed formats."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.profiling.column_types import TypeCandidate, detect_type
from reproducible_ml.profiling.conventions import TableConventions
from reproducible_ml.profiling.inferred import FindingFactory
from reproducible_ml.profiling.profile import profile_columns

FILE = Path("a.csv")
NOTHING = TableConventions()


def detected(
    texts: Sequence[str | None] | pa.Array,
    name: str = "x",
    known: TableConventions = NOTHING,
) -> TypeCandidate:
    values = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    batch = pa.RecordBatch.from_pydict({name: values})
    profiles = profile_columns([FILE], lambda _: [batch])
    return detect_type(profiles[name], known, FindingFactory([FILE], name))


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        (["1", "2"], "number", "Int64"),
        (["1.0", "2"], "number", "float64"),
        (["1,5", "2"], "number", "float64"),
        (["00012", "12345"], "text", "str"),
        (["2024-01-31", "-"], "date", "datetime64[ns]"),
        (["2024-01-01T10:00:00+02:00"], "date", "datetime64[ns]"),
        (["yes", "NO"], "boolean", "boolean"),
        (["0", "1"], "number", "Int64"),
        (["a", "b"], "text", "str"),
        (["", None, "NA", "-"], "empty", "str"),
        # Texts among numbers: mistakes if they are few, otherwise values.
        ([*map(str, range(9)), "forty"], "number", "Int64"),
        ([*map(str, range(99)), "forty"], "number", "Int64"),
        (["1", "2", "3"] * 100 + ["two"], "number", "Int64"),
        (["12A", "13B", "14C"] * 10, "text", "str"),
        (["1st", "2nd", "3rd"] * 10, "text", "str"),
        (["1.2.3", "1.10.2"] * 10, "text", "str"),
        # Types of the file.
        (pa.array([1, 2]), "number", "Int64"),
        (pa.array([1.0, 2.0]), "number", "float64"),
        (pa.array([True]), "boolean", "boolean"),
        (pa.array([1]).cast(pa.timestamp("us")), "date", "datetime64[ns]"),
        (pa.array(["1", "2"]).dictionary_encode(), "number", "Int64"),
    ],
)
def test_type_is_detected_without_findings(
    values: list[str | None] | pa.Array, kind: str, dtype: str
) -> None:
    found = detected(values)
    assert (found.kind, found.column.dtype, found.found) == (kind, dtype, ())


@pytest.mark.parametrize(
    ("name", "last", "kind"),
    [
        ("order_date", "20241231", "date"),
        ("amount", "20241231", "number"),
        ("order_date", "20241331", "number"),
    ],
)
def test_eight_digits_are_dates_if_the_name_says_so(
    name: str, last: str, kind: str
) -> None:
    assert detected(["20240131", last], name).kind == kind


@pytest.mark.parametrize(
    ("texts", "missing", "rows"),
    [(["1", "?", "-", "?", "NA"], ("-", "?"), 3), (["a", "-", "none", "?"], ("?",), 1)],
)
def test_spellings_of_missing_values_are_declared_and_counted(
    texts: list[str], missing: tuple[str, ...], rows: int
) -> None:
    found = detected(texts)
    assert (found.column.metadata.missing, found.missing) == (missing, rows)


def test_type_that_the_contract_does_not_support_is_rejected() -> None:
    (found,) = detected(pa.array([[1]])).found
    assert found.severity == "reject"
    assert "list<item: int64>" in str(found.finding)


@pytest.mark.parametrize(
    ("texts", "severity", "kind", "text"),
    [
        (["1/2/2024", "3/4/2024"], "ask", "day or month", "--dates day-first"),
        (["1,234", "999"], "ask", "decimal", "--decimal comma"),
        (["31.12.24", "1.6.45"], "warn", "year", "read as 2045: it may be 1945"),
        (
            [
                "2024-01-01T10:00Z",
                "2024-01-02T10:00+00:00",
                "2024-01-03T10:00+01:00",
            ],
            "warn",
            "time zones",
            '"2024-01-03T10:00+01:00" has one of several offsets from UTC (+00:00,'
            " +01:00, Z): all become UTC",
        ),
        (["1 kg", "2 kg", "3"], "warn", "unit", 'lacks the unit "kg"'),
        (
            [*(f"{n}.5K" for n in range(1, 50)), "950"],
            "reject",
            "multiples",
            'has one of several multiples: "K" 49 times, none 1 times',
        ),
        (
            [*(f"{n}万" for n in range(1, 50)), *["1.5亿"] * 9],
            "reject",
            "multiples",
            '"万" 49 times, "亿" 9 times',
        ),
        (
            ["1900-01-01"] * 3 + ["2024-01-01", "2024-05-01"],
            "warn",
            "code",
            "far from all other dates (2024-01-01 to 2024-05-01) and repeats",
        ),
    ],
)
def test_ambiguity_is_asked_or_warned_about(
    texts: list[str], severity: str, kind: str, text: str
) -> None:
    (found,) = detected(texts).found
    assert (found.severity, found.finding.kind) == (severity, kind)
    assert text in str(found.finding)


def test_conventions_of_the_table_resolve_ambiguities() -> None:
    known = TableConventions(",", "price", False, "sent")
    dates = detected(["1/2/2024"], known=known)
    assert dates.column.metadata.format == "%m/%d/%Y"
    assert dates.evidence.endswith("because of sent")
    numbers = detected(["1,234", "999"], known=known)
    assert numbers.column.metadata.decimal == ","
    assert numbers.evidence.endswith("as in price")
    assert dates.found == numbers.found == ()


def test_money_that_the_table_reads_with_three_decimals_is_warned_about() -> None:
    texts = ["€ 240.500", "€ 199.000"]
    known = TableConventions(".", "area")
    (found,) = detected(texts, known=known).found
    assert 'read with "." as decimal sign, as in area' in str(found.finding)
    assert detected(texts).column.metadata.thousands == "."
    asked = TableConventions(".", "--decimal")
    assert detected(texts, known=asked).found == ()


def test_long_codes_that_a_spreadsheet_shortened_are_warned_about() -> None:
    (found,) = detected([f"4.000{n}E+15" for n in range(20)]).found
    assert "its end is lost" in str(found.finding)
    assert detected([f"4.0E+1{n}" for n in range(1, 9)]).found == ()


def test_currency_and_multiple_are_both_told() -> None:
    found = detected([f"${n}.5B" for n in range(1, 20)])
    assert 'with "$" and "B"' in found.evidence


@pytest.mark.parametrize(
    ("last", "kind"), [("20240131", "date"), ("20240231", "number"), ("7", "number")]
)
def test_many_days_of_the_calendar_are_dates_whatever_the_name(
    last: str, kind: str
) -> None:
    days = [f"202401{day:02d}" for day in range(1, 31)]
    assert detected([*days, last], "BUDAT").kind == kind


def test_date_that_is_near_the_others_stands_for_itself() -> None:
    texts = ["1900-01-01"] * 3 + ["1880-01-01", "1920-05-01"]
    assert detected(texts).found == ()


@pytest.mark.parametrize(
    ("texts", "kind", "problem"),
    [
        (
            ["2024-12-31", "31.12.2024"],
            "mixed dates",
            '"31.12.2024" is a date in another format than "2024-12-31" (20 rows)',
        ),
        (
            ["2024-01-01T10:00", "2024-01-01T10:00Z"],
            "mixed dates",
            '"2024-01-01T10:00Z" is a date in another format than "2024-01-01T10:00"',
        ),
        (
            ["5 kg", "5 g"],
            "units",
            '"5 g" has one of several units: "kg" 20 times, "g" 20 times (20 rows)',
        ),
        (
            ["1.5", "1,5"],
            "decimal",
            '"1.5" has a decimal point, and "1,5" a decimal comma (20 rows)',
        ),
        (
            ["$1,446.08", "($446.08)"],
            "negative",
            '"($446.08)" is a negative number without a leading minus (20 rows)',
        ),
        (["446.08", "12.50-"], "negative", "Export it as -12.50; or"),
    ],
)
def test_mixed_formats_are_rejected(texts: list[str], kind: str, problem: str) -> None:
    (found,) = detected(texts * 20).found
    assert (found.severity, found.finding.kind) == ("reject", kind)
    assert problem in str(found.finding)
    assert found.record == texts.index(found.finding.value or "")


def test_dates_that_fit_both_of_two_mixed_formats_are_counted() -> None:
    texts = ["03/04/2024", "31/12/2024", "30/12/2024", "12/31/2024"]
    (found,) = detected(texts * 20).found
    assert (found.finding.value, found.finding.rows) == ("12/31/2024", 20)
    assert 'of the others, 20 may be in either one, such as "03/04/2024"' in (
        found.finding.fix
    )


@pytest.mark.parametrize(
    ("texts", "value", "rows"),
    [
        ([*map(str, range(40)), *["x"] * 10], "x", 10),
        ([*map(str, range(30)), "a", "b", "c"], "a", 3),
        ([*map(str, range(8)), "forty"], "forty", 1),
        (["1", "2", "3", "4", "5+"] * 20, "5+", 20),
        (["1.5", "heavy"] * 20, "heavy", 20),
        ([*map(str, range(45)), *(f"{n} - {n + 9}" for n in range(15))], "0 - 9", 15),
        (
            [*(f"{n}.5" for n in range(90)), *(f"{n}.5*" for n in range(10))],
            "0.5*",
            10,
        ),
    ],
)
def test_texts_among_numbers_that_are_not_mistakes_are_warned_about(
    texts: list[str], value: str, rows: int
) -> None:
    found = detected(texts)
    assert found.kind == "text"
    (finding,) = (one.finding for one in found.found)
    assert (finding.value, finding.rows) == (value, rows)
    assert f"but {len(texts) - rows} of {len(texts)} rows are" in finding.problem


@pytest.mark.parametrize(
    "texts",
    [
        ["1st class", "2nd class", "3rd class", "3rd class"],
        [*(f"{n}th" for n in range(5, 13)), "pre-school"],
        ["1 room", "2 rooms", "3 rooms"],
        ["<5", "5-9", "10", "10"],
    ],
)
def test_levels_of_a_category_are_no_numbers_that_went_wrong(texts: list[str]) -> None:
    found = detected(texts * 20)
    assert (found.kind, found.found) == ("text", ())
