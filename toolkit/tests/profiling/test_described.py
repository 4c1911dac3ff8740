"""How texts are written; batches of plain values without looking at each text."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling import profile
from reproducible_ml.profiling.described import describe, read_plain
from reproducible_ml.profiling.infer import infer
from reproducible_ml.profiling.inferred import Hints, InferredColumn
from reproducible_ml.profiling.numbers import number_patterns

FILE = Path("a.csv")
BATCH, BATCHES = 200, 6
ROWS = BATCH * BATCHES
CHANCE = random.Random(1)

PLAIN = """
    0 -0.0 7 -12 0.5 -0.25 .5 -.5 1. 12.345 -1.234 0.123 100.250 1234.567 012.5 1e5
    1.5e3 1.5e-3 5.123E2 123456789012345 1.12345678901234567 01.2024 12.2023 202401
    20240131
"""
OTHER = """
    -0 007 1234567890123456 1234567890123456.5 +1.5 +5 1e999 inf nan NaN 1,5 - 5kg 0x1F
    1.2.3 -1-2 1_000 forty ٣ \u22125
"""


@pytest.mark.parametrize("text", [*PLAIN.split(), *OTHER.split()])
@pytest.mark.parametrize("other", ["8", "8.5"])
def test_plain_numbers_have_the_patterns_of_all_numbers(text: str, other: str) -> None:
    column = Column(dtype="float64", nullable=True)
    found = read_plain(pa.array([other, text]), column, ())
    if text not in PLAIN.split():
        assert found is None
        return
    assert found is not None
    assert found.values.to_pylist() == [float(other), float(text)]
    assert found.longest == max(len(other), len(text))
    patterns = number_patterns(pa.array([other, text])).to_pylist()
    counted = {key: rows for key, rows in found.patterns.items() if rows}
    assert counted == {key: patterns.count(key) for key in patterns}
    dates = ("01.2024", "12.2023", "202401", "20240131")
    assert found.may_be_dates[1] or text not in dates


@pytest.mark.parametrize(
    ("texts", "plain"),
    [
        (["2024-01-31 12:00:00", "2024-02-01 00:00:00"], True),
        (["2024-01-31T12:00:00", "2024-02-01 00:00:00"], False),
        (["2024-01-31 12:00:00", "2024-02-31 00:00:00"], False),
        (["2024-01-31 12:00:00", "2024-02-01"], False),
        (["2024-01-31 12:00:00", "2024-02-01 12:00+00"], False),
        (["2024-01-31 12:00:00", "1500-02-01 00:00:00"], False),
    ],
)
def test_plain_dates_are_of_one_form(texts: list[str], plain: bool) -> None:
    column = Column(dtype="datetime64[ns]", nullable=True)
    found = read_plain(pa.array(texts), column, ["####-##-## ##:##:##\t\t"])
    assert (found is not None) == plain


def numbers(form: str, low: float, high: float) -> list[str]:
    values = [CHANCE.uniform(low, high) for _ in range(ROWS)]
    return [form.format(round(v) if "d" in form else v) for v in values]


def late(values: Sequence[str], *texts: str) -> list[str]:
    """Return the values with other texts in the last batch."""
    return [*values[: ROWS - len(texts)], *texts]


def often(values: Sequence[str], text: str) -> list[str]:
    return [text if n % 7 == 3 else value for n, value in enumerate(values)]


WHOLE, FLOAT = numbers("{:d}", 0, 10**6), numbers("{:.2f}", -50, 90)
TIMES = [
    f"2024-0{CHANCE.randint(1, 9)}-11 1{n % 10}:{n % 60:02}:17" for n in range(ROWS)
]
COLUMNS = {
    "whole": WHOLE,
    "customer_id": [str(7 * n) for n in range(ROWS)],
    "floats": FLOAT,
    "whole_floats": [f"{text}.0" for text in WHOLE],
    "three": numbers("{:.3f}", 1, 900),
    "exponents": numbers("{:.4g}", 0, 1e-3),
    "gaps": often(FLOAT, ""),
    "marks": often(WHOLE, "?"),
    "late_mark": late(FLOAT, "n/a", "?", " "),
    "mistake": late(FLOAT, "forty"),
    "mistakes": [*FLOAT[: ROWS // 2], *(f"x{n}" for n in range(ROWS // 2))],
    "decimals": late(WHOLE, "1.5"),
    "code": often(FLOAT, "-999"),
    "cap": often(numbers("{:d}", 0, 800), "99999"),
    "amounts": often(
        [text if n % 3 == 0 else "0" for n, text in enumerate(numbers("{:d}", 0, 800))],
        "99999",
    ),
    "outlier": late(FLOAT, "1e12"),
    "infinite": late(FLOAT, "inf"),
    "zeros": late(WHOLE, "007"),
    "long": late(WHOLE, "12345678901234567890"),
    "day": [text[:10].replace("-", "") for text in TIMES],
    "times": TIMES,
    "no_time": late(TIMES, "9999-12-31 00:00:00", "", "2024-02-31 00:00:00"),
    "other_form": late(TIMES, "2024-03-01T00:00:00", "2024-03-01"),
    "texts": WHOLE,
}


def inferred(monkeypatch: pytest.MonkeyPatch) -> dict[str, InferredColumn]:
    monkeypatch.setattr(profile, "SEEN", 50)
    monkeypatch.setattr(profile, "ROWS", BATCH)
    monkeypatch.setattr(profile, "SHORT", 0)
    table = pa.RecordBatch.from_pydict({n: pa.array(v) for n, v in COLUMNS.items()})
    batches = [table.slice(n * BATCH, BATCH) for n in range(BATCHES)]
    return infer([FILE], lambda _: batches, Hints("whole", text=("texts",)))


def test_the_same_is_inferred_without_looking_at_each_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skimmed = set[str]()
    skim = profile.ColumnProfile._skim

    def watched(
        self: profile.ColumnProfile, texts: pa.StringArray, place: int
    ) -> pa.Array | None:
        found = skim(self, texts, place)
        if found is not None:
            skimmed.add(self.name)
        return found

    monkeypatch.setattr(profile.ColumnProfile, "_skim", watched)
    fast = inferred(monkeypatch)
    assert {"whole", "floats", "three", "gaps", "marks", "code", "times"} <= skimmed
    assert "whole_floats" not in skimmed
    monkeypatch.setattr(profile.ColumnProfile, "_skim", lambda *_: None)
    monkeypatch.setattr(profile, "plain_column", lambda *_: None)
    assert fast == inferred(monkeypatch)


def test_words_and_characters_are_counted() -> None:
    chance = random.Random(2)
    characters = " \t\n\f\r\vaß\u00a0日"
    texts = [
        "".join(chance.choices(characters, k=chance.randint(1, 9))) for _ in range(2000)
    ]
    texts = [text for text in texts if text.strip()]
    found = describe(pa.array(texts)[7:])
    words = [len(re.findall(r"[^ \t\n\f\r]+", text.strip())) for text in texts[7:]]
    assert found.words.tolist() == words
    assert found.lengths.tolist() == list(map(len, texts[7:]))


def test_texts_that_mean_no_value_are_found_among_long_texts() -> None:
    texts = ["none", "x" * 500, " N/A ", "\u212a.A.", "nothing at all" * 9, ""]
    found = describe(pa.array(texts))
    assert found.blank.tolist() == [True, False, True, True, False, True]
    assert found.always.tolist() == [False, False, False, False, False, True]


def test_numbers_that_cannot_be_dates_are_not_looked_at_as_dates() -> None:
    texts = ["-1.2345", "99.2024", "9001012", "123456", "-201401", "01.2024", "201401"]
    found = read_plain(pa.array(texts), Column(dtype="float64", nullable=True), ())
    assert found is not None
    assert found.may_be_dates.tolist() == [False] * 5 + [True] * 2
