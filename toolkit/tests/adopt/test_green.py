"""A table that is accepted goes through the whole pipeline, whatever its shape."""

import shlex
from collections.abc import Callable
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from reproducible_ml.adopt.propose import Context, Proposal, propose
from reproducible_ml.adopt.request import Request
from reproducible_ml.adopt.yaml_files import contract_to_yaml
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import parse_params
from reproducible_ml.core.parts import read_table
from reproducible_ml.core.project import Project
from tumour_diagnosis.datasets import clean, validate

# scikit-learn asks whether so many classes are a number.
pytestmark = pytest.mark.filterwarnings("ignore:The number of unique classes")

ROOT = Path(__file__).parents[3]
PROJECT = Project(ROOT)


def params() -> dict[str, Any]:
    """Return the parameters of the project, with less work for each stage."""
    found: dict[str, Any] = parse_params((ROOT / "params.yaml").read_text("utf-8"))
    found["compute"] |= {"backend": "sequential", "n_jobs": 1, "rows_per_part": 64}
    found["train"]["estimator"]["arguments"] = {"max_iter": 4}
    found["train"]["live_steps"] = 2
    found["evaluate"] |= {"replicates": 100, "importance_repeats": 1}
    return found


class Newcomer:
    """A project that adopts a table and reproduces its pipeline in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.raw = folder / "data/raw/table.csv"
        self.raw.parent.mkdir(parents=True)

    def propose(self, table: pd.DataFrame, **options: Any) -> Proposal:
        """Return what is proposed for a table; its target is `y`."""
        table.to_csv(self.raw, index=False)
        work, report = self.folder / "work", self.folder / "problems.csv"
        context = Context(PROJECT, params(), None, work, report)
        return propose(self.raw, Request(target="y", **options), context)

    def reproduce(self, proposal: Proposal) -> None:
        """Run all stages of dvc.yaml that read the raw table."""
        text = yaml.safe_dump(proposal.params, sort_keys=False)
        (self.folder / "params.yaml").write_text(text, "utf-8")
        schema = self.folder / "data/schema.yaml"
        schema.write_text(contract_to_yaml(proposal.contract), "utf-8")
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
        for name, stage in stages.items():
            words = shlex.split(stage["cmd"].replace("${raw}", str(self.raw)))
            if name != "sample":
                with chdir(self.folder):
                    import_module(words[2]).main(*map(Path, words[3:]))

    def sides(self) -> list[pd.DataFrame]:
        """Return the training and the test rows."""
        places = (self.folder / "data/processed" / side for side in ("train", "test"))
        return [read_table(place) for place in places]


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    """A project without checks and rules of its own."""
    monkeypatch.setattr(validate, "CHECKS", [])
    monkeypatch.setattr(clean, "RULES", [])
    return Newcomer(tmp_path)


def ages(rows: int = 60) -> pd.DataFrame:
    """Return a table without a target."""
    random = np.random.default_rng(4)
    return pd.DataFrame({"age": random.integers(18, 80, rows)})


def rare(rows: int, *places: int) -> list[str]:
    """Return classes: `yes` in these places only."""
    return ["yes" if row in places else "no" for row in range(rows)]


@pytest.mark.parametrize("places", [(5, 17, 40), (0, 1), (7, 8, 9, 10)])
def test_few_rows_of_a_class_are_on_both_sides(
    places: tuple[int, ...], newcomer: Newcomer
) -> None:
    table = ages().assign(size=np.arange(60) / 7, y=rare(60, *places))
    newcomer.reproduce(newcomer.propose(table))
    assert [set(side["y"]) for side in newcomer.sides()] == [{"no", "yes"}] * 2


@pytest.mark.parametrize("groups", [2, 3, 4, 5])
def test_few_groups_are_on_both_sides(groups: int, newcomer: Newcomer) -> None:
    who = np.resize([f"p{n}" for n in range(groups)], 60)
    table = ages().assign(who=who, y=rare(60, *range(0, 60, 7)))
    found = newcomer.propose(table, group="who")
    newcomer.reproduce(found)
    train, test = (set(side["who"]) for side in newcomer.sides())
    assert train
    assert test
    assert not train & test
    assert "few groups" in [warning.kind for warning in found.warnings]


def test_each_class_is_on_both_sides_if_possible(newcomer: Newcomer) -> None:
    table = ages().assign(size=np.arange(60) / 7, y=["a", *"abcde" * 11, *"aaff"])
    found = newcomer.propose(table)
    newcomer.reproduce(found)
    assert [set(side["y"]) for side in newcomer.sides()] == [set("abcdef")] * 2
    [warning] = [w for w in found.warnings if w.kind == "other split"]
    salt = found.params["split"]["salt"]
    assert warning.problem.startswith(f'split.salt is "{salt}" now, as with "" the t')
    assert "no row of" in warning.problem


def test_usual_table_keeps_its_salt(newcomer: Newcomer) -> None:
    table = ages(200).assign(size=np.arange(200) / 7, y=rare(200, *range(0, 200, 3)))
    found = newcomer.propose(table)
    assert found.params["split"]["salt"] == params()["split"]["salt"]
    assert "other split" not in [warning.kind for warning in found.warnings]


@pytest.mark.parametrize(
    ("columns", "options", "reason"),
    [
        ({"who": "p"}, {"group": "who"}, "one value in all rows.*Leave out --group"),
        (
            {"who": ["p", "p", *["q"] * 58], "y": rare(60, 0, 1)},
            {"group": "who"},
            "no split of groups .* no row of class",
        ),
        (
            {"day": pd.date_range("2024-01-01", periods=60), "y": rare(60, 0, 1, 2)},
            {"time": "day"},
            'the test set has no row of class "yes".*Leave out --time',
        ),
    ],
)
def test_table_without_a_usable_split_is_refused_with_the_reason(
    columns: dict[str, Any], options: dict[str, Any], reason: str, newcomer: Newcomer
) -> None:
    table = ages().assign(size=np.arange(60) / 7, y=rare(60, *range(0, 60, 7)))
    with pytest.raises(UserError, match=reason):
        newcomer.propose(table.assign(**columns), **options)


def test_equal_cases_are_kept_and_each_has_its_own_side(newcomer: Newcomer) -> None:
    random = np.random.default_rng(2)
    rank, adult = random.integers(1, 4, 400), random.random(400) < 0.9
    survived = random.random(400) < 1 / (1 + rank - 0.4 * adult)
    names = {"rank": rank, "adult": adult, "y": survived}
    table = pd.DataFrame({name: values.astype(str) for name, values in names.items()})
    found = newcomer.propose(table)
    assert found.warnings == []
    assert found.params["clean"]["duplicates"] == "keep"
    newcomer.reproduce(found)
    train, test = newcomer.sides()
    assert len(train) + len(test) == 400
    assert 70 < len(test) < 130
    assert {*test["rank"]} == {*train["rank"]} == {1, 2, 3}


Choice = Callable[[list[Any]], Any]


def make_target(random: np.random.Generator, rows: int, choose: Choice) -> Any:
    """Return a target: a number, or classes of which some are rare."""
    kind = choose(["number", "counts", "rare", "even", "many", "bool", "codes"])
    if kind == "number":
        return random.normal(size=rows).round(3)
    if kind == "counts":
        return random.poisson(3, rows)
    if kind == "even":
        return random.choice(["no", "yes"], rows)
    if kind == "bool":
        return random.random(rows) < choose([0.1, 0.5])
    if kind == "codes":
        return random.choice([1, 2, 3], rows, p=[0.8, 0.1, 0.1])
    labels = ["a", "b"] if kind == "rare" else [f"c{n:02d}" for n in range(rows // 3)]
    rare = int(choose([2, 3, 5]))
    values = np.repeat(labels[-1:], rows).astype(object)
    if kind == "rare":
        values[random.choice(rows, rare, replace=False)] = labels[0]
    else:
        values = np.resize(np.array(labels, dtype=object), rows)
    return values


def make_table(
    random: np.random.Generator, choose: Choice
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a small table, and the options of its adoption."""
    rows = int(choose([10, 12, 20, 35, 60, 120, 200]))
    hole = random.random(rows) < choose([0.0, 0.2, 0.9])
    start = pd.Timestamp("2023-01-01")
    days = random.integers(0, int(choose([1, 2, 3, 40, 700])), rows)
    groups = random.integers(0, int(choose([1, 2, 3, 5, 30])), rows)
    columns = {
        "order": [f"N-{n:05d}" for n in random.permutation(rows)],
        "amount": np.where(hole, np.nan, random.normal(50, 9, rows).round(2)),
        "items": random.integers(1, int(choose([2, 4, 90])), rows),
        "channel": random.choice(["web", "shop", "fax"], rows, p=[0.6, 0.38, 0.02]),
        "when": (start + pd.to_timedelta(days, "D")).strftime("%Y-%m-%d"),
        "who": [f"person {n}" for n in groups],
        "note": [
            " ".join(random.choice(["late", "fine", "broken", "paid", "new"], 4))
            for _ in range(rows)
        ],
        "empty": np.full(rows, np.nan),
    }
    names = [name for name in columns if choose([True, True, False])]
    options = choose([{}, {}, {"group": "who"}, {"time": "when"}])
    names = [*dict.fromkeys([*names, *options.values()])]
    table = pd.DataFrame({name: columns[name] for name in names})
    table["y"] = make_target(random, rows, choose)
    if choose([True, False, False]):
        table = pd.concat([table, table.head(rows // 5)])
    return table, options


def check(newcomer: Newcomer, seed: int) -> bool:
    """Reproduce the table of a seed; return whether it was accepted."""
    random = np.random.default_rng(seed)

    def choose(values: list[Any]) -> Any:
        return values[int(random.integers(len(values)))]

    table, options = make_table(random, choose)
    try:
        proposal = newcomer.propose(table, **options)
    except UserError:
        return False
    newcomer.reproduce(proposal)
    return True


@pytest.mark.parametrize("seed", range(12))
def test_accepted_table_is_green(newcomer: Newcomer, seed: int) -> None:
    check(newcomer, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_any_accepted_table_is_green(newcomer: Newcomer, seed: int) -> None:
    check(newcomer, seed)
