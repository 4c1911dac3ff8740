"""Inference of the columns of whole tables."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproducible_ml.profiling.infer import infer
from reproducible_ml.profiling.inferred import HEADER, Hints, InferredColumn
from reproducible_ml.reading.values import unconvertible

NONE = Hints()
CHANCE = random.Random(0)
ROWS = 400


def read(file: Path) -> list[pa.RecordBatch]:
    """Yield the texts of a CSV file in small blocks."""
    names = file.read_text("utf-8").splitlines()[0].split(";")
    batches: list[pa.RecordBatch] = pyarrow.csv.read_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(delimiter=";"),
        read_options=pyarrow.csv.ReadOptions(block_size=2000),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string())
        ),
    ).to_batches()
    return batches


def write(file: Path, columns: dict[str, Sequence[Any]]) -> Path:
    lines = [";".join(columns)]
    for values in zip(*columns.values(), strict=True):
        lines.append(";".join('""' if v is None else str(v) for v in values))
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def table(
    folder: Path, hints: Hints = NONE, **columns: Any
) -> dict[str, InferredColumn]:
    return infer([write(folder / "a.csv", columns)], read, hints)


def many(*values: Any) -> list[Any]:
    return [CHANCE.choice(values) for _ in range(ROWS)]


def visits() -> dict[str, Sequence[Any]]:
    """Return a clean table with columns of many kinds."""
    CHANCE.seed(0)
    number = CHANCE.randint
    return {
        "visit": [f"V{n:05d}" for n in range(ROWS)],
        "arrived": [
            f"2024-{number(1, 12):02d}-{number(1, 28):02d}" for _ in range(ROWS)
        ],
        "age": [number(0, 99) for _ in range(ROWS)],
        "weight": [None if n % 9 == 0 else number(400, 900) / 10 for n in range(ROWS)],
        "plz": [f"{number(1000, 99999):05d}" for _ in range(ROWS)],
        "ward": many("eye", "heart", "skin"),
        "urgent": many("ja", "nein"),
        "fee": [f"{number(1, 900)},{number(10, 99)} €" for _ in range(ROWS)],
        "note": [f"came with pain of grade {n} today" for n in range(ROWS)],
        "returned": many("no", "yes"),
    }


def mails() -> dict[str, Sequence[Any]]:
    """Return a clean table from America."""
    CHANCE.seed(0)
    number = CHANCE.randint
    return {
        "Unnamed: 0": range(ROWS),
        "sent": [f"{number(1, 12)}/{number(1, 28)}/2024 {number(1, 12)}:05 PM"]
        + [f"{number(1, 12)}/{n % 28 + 1}/2024 1:15 AM" for n in range(ROWS - 1)],
        "revenue": [f"{number(0, 90000):,}.{number(10, 99)}" for _ in range(ROWS)],
        "growth": [f"{number(-20, 20)}%" for _ in range(ROWS)],
        "campaign": [f"summer {n % 90}" for n in range(ROWS)],
        "opened": many("TRUE", "FALSE"),
        "stars": many(1, 2, 3, 4, 5),
    }


def features(columns: int = 60) -> dict[str, Sequence[Any]]:
    """Return a clean wide table of numbers."""
    CHANCE.seed(0)
    table: dict[str, Sequence[Any]] = {
        f"x{n}": [f"{CHANCE.gauss(0, 1):.3f}" for _ in range(ROWS)]
        for n in range(columns)
    }
    return table | {"y": many(0, 1)}


@pytest.mark.parametrize(
    ("make", "target", "kinds", "metadata"),
    [
        (
            visits,
            "returned",
            {
                "visit": "identifier",
                "arrived": "date",
                "age": "whole number",
                "weight": "number",
                "plz": "identifier",
                "ward": "category",
                "urgent": "boolean",
                "fee": "number",
                "note": "text",
                "returned": "category",
            },
            {"fee": {"decimal": ",", "suffix": "€"}},
        ),
        (
            mails,
            "stars",
            {
                "Unnamed: 0": "row number",
                "sent": "date",
                "revenue": "number",
                "growth": "whole number",
                "campaign": "many categories",
                "opened": "boolean",
                "stars": "category",
            },
            {"sent": {"format": "%m/%d/%Y %I:%M %p"}, "growth": {"suffix": "%"}},
        ),
    ],
)
def test_columns_of_clean_tables_are_recognised(
    tmp_path: Path, make: Any, target: str, kinds: Any, metadata: Any
) -> None:
    found = table(tmp_path, Hints(target=target), **make())
    assert {name: one.kind for name, one in found.items()} == kinds
    for name, expected in metadata.items():
        assert found[name].column.metadata.model_dump().items() >= expected.items()
    assert sum(found[target].counts.values()) == ROWS


@pytest.mark.parametrize("make", [visits, mails, features])
def test_clean_table_has_no_findings_and_fits_its_contract(
    tmp_path: Path, make: Any
) -> None:
    columns = make()
    for name, one in table(tmp_path, **columns).items():
        assert one.found == ()
        texts = ["" if value is None else str(value) for value in columns[name]]
        assert not any(unconvertible(pa.array(texts), one.column).to_pylist())
        assert one.missing == texts.count("")
        assert one.column.nullable == ("" in texts)


def test_result_does_not_depend_on_batches(tmp_path: Path) -> None:
    columns = visits()
    columns["age"] = [*columns["age"][:-3], "forty", "-999", "n/a"]
    file = write(tmp_path / "a.csv", columns)
    whole = pa.concat_batches(read(file))
    for size in (7, 399):
        cut = {file: [whole.slice(first, size) for first in range(0, ROWS, size)]}
        assert infer([file], cut.__getitem__) == infer([file], read)


def test_findings_name_file_and_row(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", {"age": range(50)})
    second = write(tmp_path / "b.csv", {"age": [*range(10), "forty", *range(10)]})
    (found,) = infer([first, second], read)["age"].found
    assert (found.finding.file, found.record) == (second, 10)
    assert '"forty" is not a whole number (1 row)' in str(found.finding)


def test_late_evidence_counts(tmp_path: Path) -> None:
    rows = 12_000
    columns: dict[str, Any] = {
        "code": [*map(str, range(10_000, 10_000 + rows - 1)), "00012"],
        "number": [*map(str, range(rows - 1)), "0.5"],
        "day": ["1/2/2024"] * (rows - 1) + ["1/13/2024"],
    }
    found = table(tmp_path, **columns)
    assert found["code"].column.dtype == "str"
    assert found["number"].column.dtype == "float64"
    assert found["day"].column.metadata.format == "%m/%d/%Y"


def test_whole_numbers_are_exact_or_text(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        fits=[2**63 - 1 - n for n in range(30)],
        too_long=[2**63 + n for n in range(30)],
    )
    assert found["fits"].column.dtype == "int64"
    assert found["too_long"].column.dtype == "str"
    assert "beyond 64 bits" in found["too_long"].evidence


def test_target_keeps_the_names_of_its_classes(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"again": many("yes", "no"), "came": many("yes", "no")}
    found = table(tmp_path, Hints(target="again"), **columns)
    assert found["again"].column.isin == ("no", "yes")
    assert found["came"].column.dtype == "bool"
    plain = table(tmp_path, Hints(target="again"), again=many("true", "false"))
    assert plain["again"].column.dtype == "bool"


def test_missing_values_are_counted_in_every_spelling(tmp_path: Path) -> None:
    values = [*range(50), None, "NA", "?", "-999", "-999", "-999"]
    found = table(tmp_path, age=values)["age"]
    assert found.column.dtype == "Int64"
    assert found.missing == 6
    assert found.column.metadata.missing == ("-999", "?")
    assert '6 missing (3 as "-999", 1 as "?", 1 as "NA")' in found.evidence


def test_table_and_user_resolve_ambiguities(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"a": ["1,234", "5"] * 5, "b": ["1,5", "2"] * 5}
    assert table(tmp_path, **columns)["a"].column.dtype == "float64"
    columns["b"] = ["1/2/2024", "3/4/2024"] * 5
    asked = table(tmp_path, **columns)
    assert [one.found[0].severity for one in asked.values()] == ["ask", "ask"]
    found = table(tmp_path, Hints(decimal=",", day_first=False), **columns)
    assert [one.found for one in found.values()] == [(), ()]
    assert found["a"].column.dtype == "float64"
    assert found["b"].column.metadata.format == "%m/%d/%Y"


def test_spelling_that_the_table_uses_for_missing_numbers_is_not_doubted(
    tmp_path: Path,
) -> None:
    names = ["Rome", "None", "Oslo"] * 20
    (found,) = table(tmp_path, town=names)["town"].found
    assert (found.finding.kind, found.finding.rows) == ("missing", 20)
    assert table(tmp_path, town=names, age=["5", "7", "None"] * 20)["town"].found == ()


def test_na_is_doubted_among_codes_of_two_letters_only(tmp_path: Path) -> None:
    age = ["5", "NA", "7"] * 20
    found = table(tmp_path, land=["DE", "NA", "FR"] * 20, age=age)["land"]
    assert '"NA" is read as a missing value' in str(found.found[0].finding)
    assert '20 missing (20 as "NA")' in found.evidence
    assert table(tmp_path, town=["Oslo", "NA", "Rome"] * 20)["town"].found == ()


TEXTS = """
    NA None - ? 1 2 -1 99 -999 1.0 1.5 1,5 1.234 1e400 inf 00012 +4912345678 2021-01-04
    2021-02-31 9999-12-31 1/2/2024 31.12.24 20240131 2010-01 2021Q3 true Y 0 no x\u200b
    5kg 5KG 12K 3M (5) \u22125 1\u2019000 1,23,456 44197 12:30
"""


@given(
    st.lists(
        st.sampled_from(["", " ", "1. M\u00e4r 2020", *TEXTS.split()]), max_size=3
    ),
    st.integers(1, 40),
    st.sampled_from([NONE, Hints("x"), Hints(text=("x",)), Hints("x", "multiclass")]),
)
@settings(max_examples=150, deadline=None)
def test_any_column_is_inferred_and_read_as_it_is_declared(
    values: list[str], rows: int, hints: Hints
) -> None:
    texts = pa.array([[*values, "1"][n % (len(values) + 1)] for n in range(rows)])
    batch = pa.RecordBatch.from_pydict({"x": texts})
    found = infer([Path("a.csv")], lambda _: [batch], hints)["x"]
    refused = bool(found.findings("reject") + found.findings("ask"))
    assert refused or not any(unconvertible(texts, found.column).to_pylist())


def test_column_declared_as_text_has_no_findings(tmp_path: Path) -> None:
    values = [*range(40), *["x"] * 10]
    (finding,) = table(tmp_path, size=values)["size"].found
    assert (finding.severity, finding.finding.kind) == ("warn", "number")
    assert table(tmp_path, Hints(text=("size",)), size=values)["size"].found == ()


def test_inconsistent_categories_are_a_warning(tmp_path: Path) -> None:
    (found,) = table(tmp_path, city=["Bonn"] * 20 + ["bonn"] * 10)["city"].found
    assert (found.severity, found.finding.kind) == ("warn", "spelling")


def test_names_of_totals_are_a_warning(tmp_path: Path) -> None:
    rows = ["North", "South"] * 20
    columns = table(
        tmp_path, a=[*rows, "Total North", "Summe"], b=["Totality", "Summer"] * 21
    )
    (finding,) = columns["a"].findings("warn")
    assert (finding.value, finding.rows) == ("Total North", 2)
    assert columns["b"].findings("warn") == []


def test_mark_in_some_rows_is_encoded_as_trees_do_not_split_one_category(
    tmp_path: Path,
) -> None:
    column = table(tmp_path, a=["X", ""] * 20, b=["X", "Y"] * 20)["a"].column
    assert (column.isin, column.nullable) == (("X",), True)
    assert column.metadata.treatment == "target_encoding"


def test_types_of_the_file_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    rows = {
        "whole": pa.array([1, None, 3] * 10, pa.int32()),
        "float": pa.array([1.0, 2.0, None] * 10),
        "flag": pa.array([True, False, None] * 10),
        "time": pa.array(range(30), pa.timestamp("us", "Europe/Berlin")),
        "text": pa.array(["a", "b", "a"] * 10).dictionary_encode(),
    }
    pyarrow.parquet.write_table(pa.table(rows), file)
    found = infer([file], lambda f: pyarrow.parquet.ParquetFile(f).iter_batches())
    assert {name: one.column.dtype for name, one in found.items()} == {
        "whole": "Int64",
        "float": "float64",
        "flag": "boolean",
        "time": "datetime64[ns]",
        "text": "category",
    }


def test_empty_column_is_excluded_or_rejected_as_the_target(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"x": range(5), "y": [None] * 5}
    found = table(tmp_path, **columns)["y"]
    assert (found.kind, found.column.treatment) == ("empty", "exclude")
    assert found.column.nullable
    (finding,) = table(tmp_path, Hints(target="y"), **columns)["y"].findings("reject")
    assert (finding.column, finding.problem) == ("y", "is missing in every row")


def test_times_of_day_are_described_in_the_evidence(tmp_path: Path) -> None:
    times = [f"{n // 60:02d}:{n % 60:02d}" for n in range(0, 2 * ROWS, 2)]
    hours = many(*[f"{hour}:00" for hour in range(24)])
    found = table(tmp_path, came=times, left=hours)
    advice = "read as text; export hours as numbers (13.75) if they matter"
    assert found["came"].column.treatment == "exclude"
    assert found["came"].evidence.startswith(f'times such as "00:00", {advice}; 400')
    assert found["left"].column.dtype == "category"
    assert advice in found["left"].evidence


def test_column_that_a_part_lacks_is_rejected(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.csv", {"x": [1, 2], "y": [3, 4]}),
        write(tmp_path / "b.csv", {"x": [1, 2], "z": [3, 4]}),
    ]
    found = infer(files, read)
    rejected = [f for column in found.values() for f in column.findings("reject")]
    assert [(f.file, f.column) for f in rejected] == [(files[1], "y"), (files[0], "z")]
    assert found["y"].found[0].record == HEADER


def test_column_that_most_parts_lack_is_reported_for_the_part_that_has_it(
    tmp_path: Path,
) -> None:
    files = [
        write(tmp_path / f"{part}.csv", {"a": range(20), **more})
        for part, more in enumerate([{}, {"note": many("x", "y")[:20]}, {}])
    ]
    (found,) = infer(files, read)["note"].found
    assert (found.severity, found.record) == ("reject", HEADER)
    assert found.finding.file == files[1]
    assert found.finding.problem == "is a column of this file, but not of 2 other parts"


def test_absent_key_of_json_lines_is_a_missing_value(tmp_path: Path) -> None:
    batches = [{"x": ["1", "2"]}, {"x": ["3"], "y": ["4"]}, {"x": ["5"]}]
    files = [tmp_path / f"{number}.jsonl" for number in range(3)]
    read_batch = {
        file: [pa.RecordBatch.from_pydict(batch)]
        for file, batch in zip(files, batches, strict=True)
    }
    found = infer(files, read_batch.__getitem__)["y"]
    assert (found.rows, found.missing, found.found) == (4, 3, ())
    assert found.column.nullable
