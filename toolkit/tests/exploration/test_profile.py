"""A profile says what pandas says of the same table, and what it only estimates."""

import datetime
import json
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from scipy.stats.contingency import association
from sklearn.metrics import mutual_info_score

from reproducible_ml.core.errors import UserError
from reproducible_ml.exploration import profile as module
from reproducible_ml.exploration import relations, tables
from reproducible_ml.exploration.counting import RepeatedRows
from reproducible_ml.exploration.dates import Coverage
from reproducible_ml.exploration.profile import Roles, profile
from reproducible_ml.exploration.tables import any_table
from reproducible_ml.page.profile import profile_parts

from ..page.test_page import Reader

ROWS = 3000


def mixed(rows: int = ROWS) -> pd.DataFrame:
    """Return a table with a column of every kind, and 50 repeated rows."""
    random = np.random.default_rng(0)
    size = random.normal(100, 15, rows).round(3)
    weight = 2 * size + random.normal(0, 10, rows)
    weight[random.random(rows) < 0.1] = np.nan
    town = random.choice(["Bonn", "Oslo", "Rome"], rows, p=[0.6, 0.3, 0.1])
    country = pd.Series(town).map({"Bonn": "DE", "Oslo": "NO", "Rome": "IT"}).to_numpy()
    noise = random.random(rows) < 0.1
    country[noise] = random.choice(["DE", "NO", "IT"], noise.sum())
    start = np.datetime64("2025-01-01", "s")
    frame = pd.DataFrame(
        {
            "size": size,
            "weight": weight,
            "visits": random.poisson(3, rows),
            "town": town,
            "country": country,
            "note": [f"said {n} of {n % 7}" for n in range(rows)],
            "when": start + random.integers(0, 86_400 * 20, rows) * 1,
            "good": size > 100,
        }
    )
    # Between 21 and 40 January nobody came.
    frame.loc[frame.index % 3 == 0, "when"] += pd.Timedelta(40, "D")
    return pd.concat([frame, frame[:50]], ignore_index=True)


def read(path: Path, **roles: Any) -> dict[str, Any]:
    found = profile(any_table(path, path.parent / "problems.csv"), Roles(**roles), "x")
    # What is not JSON is an error.
    return dict(json.loads(json.dumps(found, allow_nan=False)))


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {column["name"]: column for column in found["columns"]}


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, row_group_size=700)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_figures_are_those_of_pandas(suffix: str, tmp_path: Path) -> None:
    frame = mixed()
    found = read(write(frame, tmp_path / f"table{suffix}"), target="good")
    columns = by_name(found)
    assert found["rows"] == found["sample"] == len(frame)
    assert found["duplicates"]["rows"] == frame.duplicated().sum() == 50
    for name in ("size", "weight", "visits"):
        column, values = columns[name], frame[name]
        assert column["kind"] == "number"
        assert column["missing"] == values.isna().sum()
        assert column["distinct"] == values.nunique()
        for key in ("min", "max", "mean"):
            assert column[key] == pytest.approx(getattr(values, key)())
        assert column["sd"] == pytest.approx(values.std())
        for share, value in column["quantiles"].items():
            wanted = values.quantile(float(share), interpolation="lower")
            assert value == pytest.approx(wanted, rel=0.01, abs=1)
        drawn = column["histogram"]
        inside = sum(drawn["rows"]) + drawn.get("below", 0) + drawn.get("above", 0)
        assert inside == values.notna().sum()
    assert dict(columns["visits"]["top"])["3"] == (frame["visits"] == 3).sum()
    assert columns["town"]["kind"] == "category"
    assert dict(columns["town"]["top"]) == frame["town"].value_counts().to_dict()
    assert columns["note"]["kind"] == "text"
    assert columns["note"]["distinct"] == frame["note"].nunique()
    assert columns["note"]["longest"] == frame["note"].str.len().max()
    assert columns["good"]["kind"] == "boolean"
    assert columns["when"]["min"] == frame["when"].min().isoformat()
    # Two stretches of 20 days, and 20 days without rows between them.
    covered = columns["when"]["coverage"]
    assert sum(covered["rows"]) == len(frame)
    assert covered["gaps"][0]["after"].startswith("2025-01-20")
    assert covered["gaps"][0]["before"].startswith("2025-02-10")
    days = Coverage()
    days.add(np.array([0, 1, 2, 3, 20, 21, 22, 23]) * 86_400)
    assert days.result(clock=False)["gaps"] == [
        {"after": "1970-01-04", "before": "1970-01-21", "empty": 16, "period": "day"}
    ]


def test_relations_are_those_of_scipy_and_scikit_learn(tmp_path: Path) -> None:
    frame = mixed(2950)
    found = read(write(frame, tmp_path / "table.parquet"), target="town")["relations"]
    numbers = found["numbers"]
    at = numbers["columns"].index
    correlation = frame[["size", "weight", "visits"]].corr()
    for one, other in (("size", "weight"), ("weight", "visits")):
        cell = numbers["matrix"][at(one)][at(other)]
        assert cell == pytest.approx(correlation.loc[one, other], abs=1e-4)
    assert numbers["pairs"][0][:2] in (["size", "weight"], ["weight", "size"])
    (strongest, *_) = found["categories"]["pairs"]
    assert {*strongest[:2]} == {"town", "country"}
    counts = pd.crosstab(frame["town"], frame["country"]).to_numpy()
    # The correction for bias is small beside so strong a dependence.
    assert strongest[2] == pytest.approx(association(counts, "cramer"), abs=0.005)
    shared = mutual_info_score(frame["town"], frame["country"]) / math.log(2)
    told = found["target"]["columns"]
    assert next(iter(told)) == "country"
    assert told["country"] == pytest.approx(shared, abs=0.005)
    # What is independent says nothing, but for chance.
    assert told["visits"] < 0.01
    assert found["target"]["without"] == ["note"]


def test_figures_do_not_depend_on_the_size_of_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(mixed(), tmp_path / "table.parquet")
    whole = read(path, target="good")
    monkeypatch.setattr(tables, "ROWS", 64)
    parts = read(path, target="good")
    for one, other in zip(whole["columns"], parts["columns"], strict=True):
        for key in one:
            if key in ("mean", "sd") and not isinstance(one[key], str):
                assert one[key] == pytest.approx(other[key], rel=1e-9)
            elif key != "examples":
                assert one[key] == other[key], (one["name"], key)
    assert whole["duplicates"] == parts["duplicates"]
    assert whole["relations"] == parts["relations"]


def test_what_is_estimated_says_so_and_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 1_000)
    monkeypatch.setattr(module, "SAMPLE_LEAST", 500)
    monkeypatch.setattr(module, "DISTINCT", 2**10)
    frame = mixed(20_000)
    found = read(write(frame, tmp_path / "table.csv"), target="good")
    columns = by_name(found)
    assert 400 < found["sample"] <= 1_000
    note = columns["note"]
    assert note["distinct"] == pytest.approx(20_000, rel=2 * note["distinct_error"])
    assert note["distinct_error"] == pytest.approx(2 / 2**5, rel=0.01)
    assert "distinct_error" not in columns["town"]
    middle = columns["size"]["quantiles"]["0.5"]
    assert (frame["size"] < middle).mean() == pytest.approx(0.5, abs=0.06)
    # Of whole-table figures, nothing is estimated.
    assert columns["size"]["mean"] == pytest.approx(frame["size"].mean())
    text = "".join(Reader(f"<p>{profile_parts(found)}</p>").text)
    assert f"{found['sample']:,} rows that were chosen at random" in text
    assert "about 20," in text or "about 19," in text


def test_repeated_rows_are_estimated_from_a_part_of_them() -> None:
    random = np.random.default_rng(0)
    rows = RepeatedRows(limit=1_000)
    hashes = random.integers(0, 2**64, 30_000, dtype=np.uint64)
    for part in np.split(np.concatenate([hashes, hashes[:10_000]]), 40):
        rows.add(part)
    found = rows.result(40_000)
    assert not found["exact"]
    assert len(rows._hashes) <= 1_000
    assert found["rows"] == pytest.approx(10_000, abs=1.5 * found["error"])
    assert found["error"] < 2_000


def odd_columns(rows: int = 60) -> pa.Table:
    half = rows // 2
    times = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)]
    return pa.table(
        {
            "nothing": pa.nulls(rows),
            "no number": pa.nulls(rows, pa.float64()),
            "no date": pa.nulls(rows, pa.timestamp("us")),
            "one value": [1.5] * rows,
            "infinite": [math.inf, -math.inf, math.nan] + [1.0] * (rows - 3),
            "only infinite": [math.inf] * rows,
            "largest": pa.array([2**64 - 1 - n for n in range(rows)], pa.uint64()),
            "extreme": [1.7e308, -1.7e308] * half,
            "tiny": [5e-324 * n for n in range(rows)],
            "far dates": pa.array(times * half, pa.timestamp("us")),
            "beyond": pa.array([10**12 * n for n in range(rows)], pa.timestamp("s")),
            "clock": pa.array(range(rows), pa.time32("s")),
            "duration": pa.array(range(rows), pa.duration("ns")),
            "half": pa.array(np.arange(rows, dtype=np.float16)),
            "list": [[1, 2]] * rows,
            "bytes": [b"\xff\x00"] * rows,
            "coded": pa.array(["a", "b"] * half).dictionary_encode(),
            "<img src=x onerror=alert(1)>": ["</script><b>x</b>"] * rows,
            "bell \x07 \u202e": ["\x00\u202e"] * rows,
            "long": [f"{'x' * 9_000}{n}" for n in range(rows)],
            "view": pa.array(["é", "ü"] * half, pa.string_view()),
        }
    )


@pytest.mark.parametrize("rows", [60, 2, 0])
def test_odd_columns_are_shown(rows: int, tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    pyarrow.parquet.write_table(odd_columns().slice(0, rows), path)
    found = read(path, target="coded")
    columns = by_name(found)
    Reader(f"<div>{profile_parts(found)}</div>")
    assert {columns[name]["kind"] for name in ("nothing", "no date")} == {"empty"}
    if rows == 60:
        assert columns["infinite"]["infinite"] == 2
        assert columns["infinite"]["missing"] == 1
        assert columns["largest"]["max"] == 2**64 - 1
        assert columns["far dates"]["max"] == "9999-12-31"
        assert columns["beyond"]["out_of_range"] == 59
        assert found["duplicates"]["not_compared"] == ["list", "bytes"]
    if not rows:
        assert "The table has no rows." in profile_parts(found)


def test_wide_table_has_a_heat_map_of_the_most_related_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relations, "NUMBERS", 200)
    random = np.random.default_rng(0)
    values = random.normal(size=(300, 250))
    frame = pd.DataFrame(values, columns=[f"x{n}" for n in range(250)])
    frame["x7"] = frame["x199"] + random.normal(0, 0.1, 300)
    frame["y"] = np.where(frame["x7"] > 0, "up", "down")
    found = read(write(frame, tmp_path / "wide.parquet"), target="y")
    numbers = found["relations"]["numbers"]
    assert len(numbers["columns"]) == 25
    assert {"x7", "x199"} <= {*numbers["columns"]}
    assert (numbers["compared"], numbers["of"]) == (200, 250)
    page = profile_parts(found)
    assert "The 25 columns of 250 that are most related to another one." in page
    assert "Only 200 were compared." in page
    assert "100 of 251 columns are drawn." in page


def test_text_file_whose_later_rows_are_of_another_type(tmp_path: Path) -> None:
    rows = [f"{n},{n % 7},{n % 5},2026-01-{n % 28 + 1:02}," for n in range(25_000)]
    rows += [f"{n}.5,soon,word{n},?,7.5" for n in range(1_000)]
    rows += [f"{n}.5,{n % 7},word{n},2026-02-01,7.5" for n in range(2_000)]
    path = tmp_path / "late.csv"
    path.write_text("\n".join(["a,b,c,d,e", *rows, ""]))
    columns = by_name(read(path))
    # Whole numbers, then others.
    assert columns["a"]["max"] == 24_999
    assert columns["a"]["missing"] == 0
    assert columns["a"]["type"] == "float64"
    # Some that cannot be read are counted; many make the column one of text.
    assert columns["b"]["kind"] == "number"
    assert columns["b"]["unreadable"] == 1_000
    assert columns["b"]["unreadable_example"] == "soon"
    assert columns["b"]["missing"] == 0
    assert columns["c"]["kind"] == "text"
    assert "read as text" in columns["c"]["notes"][0]
    assert columns["d"]["kind"] == "date"
    # Nothing in the first rows, but numbers later.
    assert columns["e"]["kind"] == "number"
    assert columns["e"]["missing"] == 25_000


SHAPES: dict[str, Callable[[Path], Any]] = {
    "names": lambda folder: (folder / "b.csv").write_text("x,z\n1,2\n3,4\n"),
    "formats": lambda folder: (folder / "b.jsonl").write_text('{"x": 1, "y": 2}\n'),
    "rows": lambda folder: (folder / "b.csv").write_text("x,y\n1,2\n3\n5,6\n"),
    "twice": lambda folder: (folder / "a.csv").write_text("x,x\n1,2\n3,4\n"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_table_that_cannot_be_read_is_one_line(shape: str, tmp_path: Path) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "a.csv").write_text("x,y\n1,2\n3,4\n")
    SHAPES[shape](folder)
    with pytest.raises(UserError, match=r"(?i)Fix: ") as error:
        read(folder)
    assert len(str(error.value).splitlines()) == 1


def test_damaged_parquet_is_one_line(tmp_path: Path) -> None:
    path = write(mixed(), tmp_path / "table.parquet")
    content = bytearray(path.read_bytes())
    content[200:400] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is damaged or truncated. Fix: "):
        read(path)


def test_identifiers_and_personal_columns_show_no_values(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "key": [f"secret-{n:03}" for n in range(200)],
            "mail": ["secret-mail", "secret-other"] * 100,
            "born": pd.Timestamp("1911-11-11") + pd.to_timedelta(range(200), "D"),
            "pay": [777_777.25, *range(198), 999_998.25],
            "town": ["Bonn", "Oslo"] * 100,
        }
    )
    personal = frozenset({"mail", "born", "pay"})
    path = write(frame, tmp_path / "people.parquet")
    found = read(path, ids=("key",), personal=personal)
    page = profile_parts(found)
    for text in (json.dumps(found), page):
        assert "Oslo" in text
        for secret in ("secret", "1911-11-11", "777777", "777,777", "999998.25"):
            assert secret not in text
    # Whoever declares a column after the profile was made need not make it anew.
    shown = profile_parts(read(path), personal | {"key"})
    assert "secret" not in shown
    assert found["duplicates"]["without_ids"]["ids"] == ["key"]


def test_leak_of_a_category_with_many_values_is_seen(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    code = random.integers(0, 40, 3000)
    frame = pd.DataFrame(
        {
            "y": np.where(code % 4 == 0, "bad", "good"),
            "code": [f"c{n:02}" for n in code],
            "area": [f"a{n}" for n in code],
            "noise": [f"n{n}" for n in random.zipf(1.3, 3000).clip(max=10**6)],
        }
    )
    path = write(frame, tmp_path / "t.parquet")
    found = read(path, target="y")["relations"]
    told = found["target"]
    assert told["columns"]["code"] == pytest.approx(told["entropy"], abs=0.02)
    assert {*found["categories"]["pairs"][0]} == {"code", "area", 1.0}
    assert not {"code", "area"} & {*told["pooled"]}
    # What is pooled is said.
    few = read(write(frame[:300], path), target="y")
    pooled = few["relations"]["target"]["pooled"]
    assert pooled["code"] == [frame["code"][:300].nunique(), 30]
    page = profile_parts(few)
    assert "values of code those from number 30 on" in page
    # Rare values are no reason to take chance for a relation.
    noisy = pd.DataFrame(
        {"y": random.integers(0, 10, 3000).astype(str)}
        | {"rare": [f"r{n}" for n in random.integers(0, 190, 3000)]}
    )
    noise = read(write(noisy, path), target="y")["relations"]["target"]
    assert noise["columns"]["rare"] < 0.05


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("name", [None, "row"])
def test_index_of_pandas_is_no_column(
    suffix: str, name: str | None, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5] * 20, "y": ["a", "b"] * 20})
    frame.index = pd.Index([*range(3, 43)], name=name)
    path = tmp_path / f"t{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index_label="Unnamed: 0")
    else:
        frame.to_parquet(path)
    found = read(path)
    assert [*by_name(found)] == ["x", "y"]
    assert found["duplicates"]["rows"] == 38
    assert "the index that pandas wrote" in profile_parts(found)
    dates = frame.set_index(pd.date_range("2026-01-01", periods=40, name="day"))
    dates.to_parquet(tmp_path / "d.parquet")
    assert [*by_name(read(tmp_path / "d.parquet"))] == ["x", "y", "day"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_times_with_a_zone_are_said_to_be_shown_in_utc(
    suffix: str, tmp_path: Path
) -> None:
    times = pd.date_range("2026-01-01", periods=50, freq="7h")
    frame = pd.DataFrame({"plain": times, "zoned": times.tz_localize("+02:00")})
    columns = by_name(found := read(write(frame, tmp_path / f"t{suffix}")))
    assert columns["zoned"]["min"] == "2025-12-31T22:00:00"
    assert columns["zoned"]["zone"] == "UTC"
    assert "zone" not in columns["plain"]
    assert profile_parts(found).count("times in UTC") == 1


def test_large_whole_numbers_are_measured_exactly(tmp_path: Path) -> None:
    near = np.arange(1000) % 100
    frame = pd.DataFrame(
        {
            "small": near,
            "large": 2**60 + near,
            "unsigned": 2**64 - 1 - near.astype(np.uint64),
            "gaps": pd.array([None, *(2**60 + near[1:])], dtype="Int64"),
            "wide": np.where(near % 2, 2**63 - 1, -(2**63)),
        }
    )
    found = read(write(frame, tmp_path / "t.parquet"))
    columns = by_name(found)
    for name in ("large", "unsigned", "gaps"):
        assert columns[name]["sd"] == pytest.approx(near.std(ddof=1), rel=1e-3)
    assert columns["large"]["mean"] == pytest.approx(2.0**60)
    assert columns["large"]["examples"][0] == str(2**60)
    assert columns["wide"]["sd"] == pytest.approx(2.0**63, rel=1e-3)
    numbers = found["relations"]["numbers"]
    at = numbers["columns"].index
    for name, sign in (("large", 1), ("unsigned", -1), ("gaps", 1)):
        assert numbers["matrix"][at("small")][at(name)] == sign


def hostile_numbers(rows: int = 1000) -> pa.Table:
    places = np.arange(rows)
    random = np.random.default_rng(0)
    near = [
        Decimal("12345678901234567.01") + Decimal(int(n)) / 100 for n in places % 10
    ]
    return pa.table(
        {
            "milliseconds": 1_700_000_000_400 + places % 100,
            "phone": 4_915_112_340_003 + 7 * (places % 200),
            "quarters": 1_234_567_890_123.25 + places % 4 / 4,
            "unsigned": pa.array(2**64 - 1 - places.astype(np.uint64)),
            "any": random.integers(-(2**63), 2**63 - 1, rows),
            "small": pa.array((places % 100).astype(np.int8)),
            "decimal": pa.array(near, pa.decimal128(30, 2)),
            "cents": pa.array(
                [Decimal(int(n)) / 4 for n in places], pa.decimal128(9, 2)
            ),
            "beyond": pa.array([Decimal(-(10**20)) - n for n in range(rows)]),
            "long": pa.array(10**17 + places, pa.duration("ns")),
            "tiny": 1e-300 * (places + 1),
            "huge": 1e300 * random.random(rows),
            "widest": np.where(places % 2, 1.7e308, -1.7e308),
            "ends": np.where(places % 2, 1.0, np.nextafter(1.0, 2)),
            "even": np.where(places % 3, 1.2e16, 1.2e16 + 2),
            "outlier": np.where(places == 0, 1e300, places * 1.0),
            "constant": [0.1] * rows,
            "large": [1.2345678901234568e16] * rows,
            "other": random.normal(size=rows),
        }
    )


@pytest.mark.parametrize("rows", [64, 2**16])
def test_figures_of_any_numbers_are_exact(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS", rows)
    made = hostile_numbers()
    pyarrow.parquet.write_table(made, tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    for name, column in by_name(found).items():
        values = made[name]
        if pa.types.is_duration(values.type):
            nanoseconds = values.cast(pa.int64()).to_pylist()
            exact: list[Any] = sorted(Fraction(n, 10**9) for n in nanoseconds)
        else:
            exact = sorted(map(Fraction, values.to_pylist()))
        # Of a decimal, the nearest float is enough if it has the same digits.
        near: list[Any] = [
            float(e) if "decimal" in column["type"] else e for e in exact
        ]
        read_as: Any = Fraction if "decimal" not in column["type"] else float
        if name in ("decimal", "beyond"):
            near, read_as = exact, Fraction
        if name == "long":
            near, read_as = [float(e) for e in exact], float
        assert read_as(column["min"]) == near[0], name
        assert read_as(column["max"]) == near[-1], name
        shares = {share: float(share) for share in column["quantiles"]}
        places = np.quantile(
            np.arange(len(exact)), [*shares.values()], method="inverted_cdf"
        )
        for place, (share, value) in zip(
            places.astype(int), column["quantiles"].items(), strict=True
        ):
            assert read_as(value) == near[place], (name, share)
        mean = sum(exact) / len(exact)
        assert exact[0] <= Fraction(column["mean"]) <= exact[-1], name
        wide = exact[-1] - exact[0]
        rounding = abs(mean) / 2**52 if isinstance(column["mean"], float) else 1
        off = abs(Fraction(column["mean"]) - mean)
        assert off <= wide / 10**9 + rounding, name
        # Halved until their squares are floats.
        scale = wide or Fraction(1)
        shares_of = np.array([float((e - mean) / scale) for e in exact])
        sd = float(scale * Fraction(float(shares_of.std(ddof=1))))
        assert column["sd"] == pytest.approx(sd, rel=1e-9, abs=0), name
        assert column["distinct"] == len({*exact}), name
        drawn = column["histogram"]
        inside = sum(drawn["rows"]) + drawn.get("below", 0) + drawn.get("above", 0)
        assert inside == len(exact), name
    assert len(by_name(found)["milliseconds"]["histogram"]["rows"]) > 20
    assert len(by_name(found)["unsigned"]["histogram"]["rows"]) > 20
    pairs = found["relations"]["numbers"]
    assert {"tiny", "huge", "widest", "ends", "decimal"} <= {*pairs["columns"]}
    assert not {"constant", "large"} & {*pairs["columns"]}
    text = profile_parts(found)
    for label in ("1700000000399.5<", "491511234000", "1234567890123.25<"):
        assert f">{label}" in text, label
    assert "1234567890123.75" in text
    assert "12345678901234567.01" in text
    assert "1700000000449" in text


def test_repeated_rows_of_decimals_are_those_of_all_digits(tmp_path: Path) -> None:
    near = [Decimal("12345678901234567.01") + Decimal(n % 40) / 100 for n in range(60)]
    table = pa.table({"d": near, "n": [float(n % 2) for n in range(60)]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")["duplicates"]["rows"] == 20


def test_constant_on_common_rows_has_no_correlation() -> None:
    sample = np.array([[0.1, 1], [0.1, 2], [0.1, 3], [0.7, np.nan], [0.1, 5]])
    assert np.isnan(relations.pearson(sample)[0, 1])
    assert np.isnan(relations.pearson(np.full((50, 2), 0.1))).all()


def test_times_within_a_second_and_quantiles_of_dates(tmp_path: Path) -> None:
    start = pd.Timestamp("2026-03-01 10:00:00")
    times = [start + pd.Timedelta(n, "ms") for n in (7, 12, 851, 999)]
    days = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"])
    frame = pd.DataFrame({"time": times, "day": days, "number": [1, 2, 3, 4]})
    for suffix in (".parquet", ".csv"):
        columns = by_name(read(write(frame, tmp_path / f"t{suffix}")))
        assert columns["time"]["min"] == "2026-03-01T10:00:00.007"
        assert columns["time"]["max"] == "2026-03-01T10:00:00.999"
        assert columns["time"]["mean"] == "2026-03-01T10:00:00.467"
        for share, number in columns["number"]["quantiles"].items():
            assert columns["day"]["quantiles"][share] == f"2026-01-{number:02}"
            time = times[number - 1].isoformat(timespec="milliseconds")
            assert columns["time"]["quantiles"][share] == time


def test_texts_that_look_like_those_of_people_are_hidden(tmp_path: Path) -> None:
    frame = pd.DataFrame({"reach": [f"p{n}@example.org" for n in range(50)]})
    path = write(frame, tmp_path / "t.csv")
    assert "p1@" not in json.dumps(read(path))
    assert "p1@" in json.dumps(read(path, not_personal=frozenset({"reach"})))


def test_numbers_below_zero_include_infinite_ones(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [-math.inf, -1.0, 0.0, math.inf, math.nan, 2.0]})
    column = by_name(read(write(frame, tmp_path / "t.parquet")))["x"]
    assert (column["negative"], column["zeros"], column["infinite"]) == (2, 1, 2)
