"""Two versions are compared by what they answered."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind, ttest_rel

from reproducible_ml.core.errors import UserError
from reproducible_ml.registry.log_comparison import (
    Difference,
    as_markdown,
    compare_log,
    show_log,
)

from .conftest import Project


def write(
    folder: Path,
    version: str,
    probability: list[float],
    *,
    requests: str = "a",
    returned: bool = True,
    keys: list[str] | None = None,
    request: str | None = None,
) -> None:
    """Write the answers of a version to rows, each in a request of its own."""
    rows = range(len(probability))
    log = pd.DataFrame(
        {
            "time": pd.date_range(
                "2026-01-01", periods=len(rows), freq="min", tz="UTC"
            ),
            "request_id": [request or f"{requests}{row}" for row in rows],
            "row": 0,
            "row_key": keys or [f"{requests}{row:016x}" for row in rows],
            "model_version": version,
            "returned": returned,
            "prediction": ["yes" if each >= 0.5 else "no" for each in probability],
            "probability": probability,
        }
    )
    (folder / "date=2026-01-01").mkdir(parents=True, exist_ok=True)
    name = f"{version}-{requests}.parquet"
    log.to_parquet(folder / "date=2026-01-01" / name, index=False)


@pytest.fixture
def probabilities() -> tuple[list[float], list[float]]:
    random = np.random.default_rng(0)
    first = random.uniform(size=500)
    return first.tolist(), np.clip(first + random.normal(0.03, 0.1, 500), 0, 1).tolist()


def mean_of_probability(differences: list[Difference]) -> Difference:
    return next(each for each in differences if each.name == "mean of probability")


def test_answers_to_the_same_rows_are_paired(
    tmp_path: Path, probabilities: tuple[list[float], list[float]]
) -> None:
    first, second = probabilities
    write(tmp_path, "one", first)
    write(tmp_path, "two", second, returned=False)
    found = compare_log(tmp_path)
    assert (found.first, found.second, found.paired) == ("one", "two", True)
    changed = sum((a >= 0.5) != (b >= 0.5) for a, b in zip(first, second, strict=True))
    assert found.changed == changed
    assert found.changed_share is not None
    share, low, high = found.changed_share
    assert low < share == changed / 500 < high
    mean = mean_of_probability(found.differences)
    interval = ttest_rel(second, first).confidence_interval()
    assert (mean.low, mean.high) == pytest.approx((interval.low, interval.high))
    assert mean.is_beyond_noise
    text = as_markdown(found, {"two": "v2.0.0"})
    assert "**v2.0.0** (two) compared with **one** (the base)" in text
    assert f"Both answered 500 rows. {changed} predictions differ" in text
    assert text.count("**beyond noise**") == sum(
        each.is_beyond_noise for each in found.differences
    )
    assert "too few" not in text


def test_answers_to_other_rows_are_not(
    tmp_path: Path, probabilities: tuple[list[float], list[float]]
) -> None:
    first, second = probabilities
    write(tmp_path, "one", first[:400])
    write(tmp_path, "two", second[400:], requests="b")
    found = compare_log(tmp_path, "one", "tw")
    assert (found.paired, found.changed_share) == (False, None)
    assert found.rows == (400, 100, 0)
    mean = mean_of_probability(found.differences)
    test = ttest_ind(second[400:], first[:400], equal_var=False)
    interval = test.confidence_interval()
    assert (mean.low, mean.high) == pytest.approx((interval.low, interval.high))


def test_a_row_that_comes_again_counts_once_with_its_last_answer(
    tmp_path: Path,
) -> None:
    keys = [f"{row % 50:016x}" for row in range(500)]
    write(tmp_path, "one", [0.1] * 450 + [0.2] * 50, keys=keys)
    write(tmp_path, "two", [0.1] * 450 + [0.9] * 50, keys=keys, returned=False)
    found = compare_log(tmp_path)
    assert found.rows == (50, 50, 50)
    assert found.changed == 50
    assert mean_of_probability(found.differences).difference == pytest.approx(0.7)


def test_rows_of_requests_with_the_same_id_are_told_apart(
    tmp_path: Path, probabilities: tuple[list[float], list[float]]
) -> None:
    first, second = probabilities
    write(tmp_path, "one", first, request="trace")
    write(tmp_path, "two", second, request="trace", returned=False)
    found = compare_log(tmp_path)
    assert found.rows == (500, 500, 500)
    changed = sum((a >= 0.5) != (b >= 0.5) for a, b in zip(first, second, strict=True))
    assert found.changed == changed
    mean = mean_of_probability(found.differences)
    assert mean.difference == pytest.approx(np.mean(second) - np.mean(first))


def test_versions_can_be_read_in_other_ways_and_so_have_other_keys(
    tmp_path: Path,
) -> None:
    write(tmp_path, "one", [0.1] * 40)
    write(tmp_path, "two", [0.2] * 40, keys=[f"b{row}" for row in range(40)])
    assert compare_log(tmp_path).rows == (40, 40, 40)


def test_versions_that_are_the_same_model_are_found_by_each_name(
    plain: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = "1" * 12, "2" * 12
    for number, sha256 in enumerate([one, two, two]):
        plain.write("models/model.json", {"sha256": sha256, "note": number})
        plain.commit("model")
        plain.tag(f"model@v1.{number}.0", second=number)
    log = tmp_path / "log"
    write(log, one, [0.1] * 40)
    write(log, two, [0.2] * 40, returned=False)
    for name in ("1.1.0", "1.2.0"):
        show_log(plain.root, log, "1.0.0", name)
        assert f"v1.1.0, v1.2.0 ({two}) compared with v1.0.0" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"1\.1\.0 and 1\.2\.0: are the same model"):
        show_log(plain.root, log, "1.1.0", "1.2.0")


def test_of_few_rows_there_is_no_interval(tmp_path: Path) -> None:
    write(tmp_path, "one", [0.1] * 29)
    write(tmp_path, "two", [0.9] * 29, returned=False)
    found = compare_log(tmp_path)
    assert not found.is_enough
    assert "**Warning**: too few rows" in as_markdown(found, {})
    assert not any(each.is_beyond_noise for each in found.differences)


def test_what_cannot_be_compared_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        compare_log(tmp_path / "none")
    with pytest.raises(UserError, match="has no predictions yet"):
        compare_log(tmp_path)
    write(tmp_path, "one", [0.1] * 40)
    with pytest.raises(UserError, match=r"has one version only\. It has: one"):
        compare_log(tmp_path)
    with pytest.raises(UserError, match="has no answers of version two"):
        compare_log(tmp_path, "one", "two")
    other = tmp_path / "other"
    other.mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(other / "a.parquet")
    with pytest.raises(
        UserError, match="is no log of predictions; it lacks the column"
    ):
        compare_log(other)
