"""Targets that are computed from other columns."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.quality.formulas import find_formula

Found = Callable[[pd.DataFrame], tuple[str, float] | None]


@pytest.fixture
def found(contract_of: Callable[..., Contract], data_of: Callable[..., Data]) -> Found:
    """Find the formula of `y` in a frame."""
    return lambda frame: find_formula(frame, contract_of(frame), data_of("regression"))


def parts() -> pd.DataFrame:
    """Return counts, prices, temperatures and dates, and numbers without a meaning."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(600, 9))).add_prefix("x")
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        random.integers(0, 10**7, 600), "s"
    )
    end = start + pd.to_timedelta(random.integers(60, 5000, 600), "s")
    return frame.assign(
        casual=random.integers(0, 300, 600),
        members=random.poisson(50, 600),
        price=random.lognormal(2, 1, 600).round(2),
        degrees=random.normal(20, 3, 600).round(1),
        start=pd.Series(start).astype("datetime64[ns]"),
        end=pd.Series(end).astype("datetime64[ns]"),
        y=0.0,
    )


FRAME = parts()
TRIP = (FRAME["end"] - FRAME["start"]).dt.total_seconds()


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (FRAME.casual + FRAME.members, '"casual" + "members"'),
        (FRAME.casual - FRAME.members, '"casual" - "members"'),
        (FRAME.members + 100 - FRAME.price, '"members" - "price" + 100'),
        (500 - FRAME.casual - FRAME.members, '500 - "casual" - "members"'),
        ((FRAME.price + FRAME.degrees).round(1), '"price" + "degrees"'),
        (
            ((FRAME.casual + FRAME.price) / 2).round(2),
            '"casual" / 2 + "price" / 2',
        ),
        (FRAME.degrees * 1000 + FRAME.casual, '"casual" + 1000 * "degrees"'),
        ((FRAME.price * FRAME.degrees).round(2), '"price" * "degrees"'),
        ((FRAME.price / FRAME.degrees**2).round(5), '"price" / "degrees"^2'),
        (1.19 * FRAME.price * FRAME.degrees, '1.19 * "price" * "degrees"'),
        (TRIP, '86400 * "end" - 86400 * "start"'),
        (TRIP / 60, '1440 * "end" - 1440 * "start"'),
    ],
)
def test_sum_difference_and_product_are_found(
    target: pd.Series, text: str, found: Found
) -> None:
    assert found(FRAME.assign(y=target.astype(float))) == (text, 1.0)


def test_some_rows_may_be_wrong_or_lack_a_part(found: Found) -> None:
    frame = FRAME.assign(price=FRAME["price"].mask(FRAME["x0"] > 1))
    frame["y"] = frame["casual"] + frame["price"].fillna(0)
    frame.loc[::30, "y"] += 17.0
    formula = found(frame)
    assert formula is not None
    assert formula[0] == '"casual" + "price"'
    assert formula[1] == pytest.approx(29 / 30, abs=0.001)


def test_sum_of_a_dozen_parts_among_many_columns(found: Found) -> None:
    random = np.random.default_rng(0)
    months = pd.DataFrame(random.gamma(2, 100, (600, 12)).round(2)).add_prefix("m")
    others = pd.DataFrame(random.normal(size=(600, 100))).add_prefix("z")
    total = months.sum(axis=1).round(2)
    formula = found(pd.concat([others, months], axis=1).assign(y=total))
    assert formula is not None
    assert formula[0] == " + ".join(f'"m{number}"' for number in range(12))


@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_relation_with_noise_is_no_formula(noise: float, found: Found) -> None:
    error = noise * np.random.default_rng(1).normal(size=600)
    for target in (FRAME.casual + FRAME.members + error, FRAME.price * 3 + error):
        assert found(FRAME.assign(y=target)) is None
    assert (
        found(FRAME.assign(y=(FRAME.price * FRAME.degrees + 20 * error).abs())) is None
    )


def test_learned_weights_and_zeros_are_no_formula(found: Found) -> None:
    random = np.random.default_rng(0)
    weighted = FRAME.filter(like="x").to_numpy() @ random.normal(size=9) * 10
    assert found(FRAME.assign(y=weighted)) is None
    zeros = (FRAME[["x0", "x1", "x2"]] > 1.9).astype(float)
    target = zeros["x2"] * random.integers(1, 50, 600)
    assert found(zeros.assign(y=target)) is None
