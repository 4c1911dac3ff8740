"""What is printed of a proposal."""

from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.adopt.adopt import print_proposal
from reproducible_ml.adopt.propose import Proposal
from reproducible_ml.adopt.request import TaskChoice
from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract
from reproducible_ml.core.project import Project
from reproducible_ml.profiling.inferred import InferredColumn

AGE = Column(dtype="int64")
Y = Column(dtype="category", isin=("no", "yes"))
EXCLUDED = Column(
    dtype="str",
    metadata=ColumnMetadata(treatment="exclude", reason="hardly any value repeats"),
)

PROJECT = Project(Path(__file__).parents[3])

Capture = pytest.CaptureFixture[str]


def proposal(
    columns: dict[str, Column],
    warnings: tuple[Finding, ...] = (),
    inferred: dict[str, InferredColumn] | None = None,
    split: dict[str, Any] | None = None,
    **data: Any,
) -> Proposal:
    """Return a proposal; what is inferred is what the contract says, unless given."""
    found = {
        n: InferredColumn(c, "whole number", f"about {n}") for n, c in columns.items()
    }
    params = {
        "data": {"target": "y", "positive": "yes"} | data,
        "split": split or {"method": "hash"},
        "train": {"estimator": {"path": "sklearn.svm.SVC"}},
        "evaluate": {"metrics": ["roc_auc", "f1"]},
    }
    return Proposal(
        Contract(columns=columns),
        found | (inferred or {}),
        TaskChoice("binary", "yes", "two classes"),
        params,
        1234,
        list(warnings),
    )


@pytest.fixture
def shown(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Show a proposal in a terminal of so many characters."""

    def run(what: Proposal, width: int = 100) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        print_proposal(PROJECT, what, "visits.csv")
        return capsys.readouterr().out

    return run


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_each_column_is_shown_with_its_use_and_the_reason(shown: Any) -> None:
    lines = shown(proposal({"age": AGE, "name": EXCLUDED, "y": Y})).splitlines()
    assert lines[1] == "visits.csv: 1234 rows, 3 columns"
    rows = [squeezed(line) for line in lines]
    assert "column holds treatment why" in rows
    assert "age whole number numeric about age" in rows
    reason = "hardly any value repeats; about name"
    assert f"name whole number exclude {reason}" in rows
    assert "y whole number target about y" in rows


def test_roles_are_shown_and_the_features_of_the_time(shown: Any) -> None:
    roles: dict[str, Any] = {"id": ["age", "b"], "group": "b", "time": "c"}
    metadata = ColumnMetadata(calendar=("month", "hour"))
    c = Column(dtype="datetime64[ns]", metadata=metadata)
    said = squeezed(shown(proposal({"age": AGE, "b": AGE, "c": c, "y": Y}, **roles)))
    assert "age whole number id about age" in said
    assert "b whole number group, id about b" in said
    assert "time, calendar about c; features: month, hour" in said


def test_task_estimator_and_metrics_are_shown(shown: Any) -> None:
    said = squeezed(shown(proposal({"age": AGE, "y": Y})))
    assert (
        "Task: binary (two classes); estimator SVC; metrics roc_auc, f1;"
        " test rows at random" in said
    )


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"method": "group"}, 'test rows by "patient".'),
        (
            {"method": "time", "cutoff": "2024-05-01"},
            'test rows by "day", from 2024-05-01 on.',
        ),
    ],
)
def test_split_is_shown(split: dict[str, Any], words: str, shown: Any) -> None:
    roles: dict[str, Any] = {"group": "patient", "time": "day"}
    assert words in squeezed(shown(proposal({"y": Y}, split=split, **roles)))


def test_column_that_people_read_otherwise_is_shown_so(shown: Any) -> None:
    own = {"zip": Column(dtype="str"), "y": Y}
    found = {"zip": InferredColumn(AGE, "whole number", "whole numbers from 0 to 9")}
    said = squeezed(shown(proposal(own, inferred=found)))
    assert "zip str exclude read as data/schema.yaml says" in said


def test_warnings_are_shown_a_few_of_each_kind(shown: Any) -> None:
    warnings = [
        Finding("code", Path("v.csv"), "is odd", "Look.", line, "age", str(line))
        for line in range(2, 9)
    ]
    lines = shown(proposal({"age": AGE, "y": Y}, tuple(warnings)), 40).splitlines()
    warned = [line for line in lines if line.startswith("warning: ")]
    assert warned[0] == 'warning: v.csv line 2, column "age": "2" is odd. Fix: Look.'
    assert len(warned) == 3


NASTY = [
    "[red]x[/red]",
    "[/]",
    "[link=http://x]y",
    "\x1b[31mred\x1b[0m",
    "bell\x07",
    "a\nb\tc\rd",
    "\u202eright",
    ":smile:",
    "",
    " ",
]


@pytest.mark.parametrize("name", NASTY)
def test_names_and_texts_are_shown_as_they_are_and_do_nothing(
    name: str, shown: Any
) -> None:
    warning = Finding("code", Path(f"{name}.csv"), f"is {name}", name, 2, name, name)
    found = {name: InferredColumn(AGE, "whole number", f"as {name}")}
    what = proposal({name: AGE, "y": Y}, (warning,), found, id=[name], group=name)
    said = shown(what, 200)
    assert all(character.isprintable() or character == "\n" for character in said)
    visible = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
    assert said.count(visible) >= 4


def test_wide_table_shows_what_matters_and_counts_the_rest(shown: Any) -> None:
    columns = {f"x{number:03d}": AGE for number in range(150)}
    columns |= {"odd": EXCLUDED, "y": Y}
    what = proposal(columns, group="x149")
    said = shown(what)
    names = [line.split()[0] for line in said.splitlines() if line.startswith("x")]
    assert names == [f"x{number:03d}" for number in range(57)] + ["x149"]
    assert "\nodd " in said
    assert "\ny " in said
    assert "These are 60 of 152 columns (152 whole number)" in squeezed(said)


def test_sixty_columns_are_all_shown(shown: Any) -> None:
    columns = {f"x{number}": AGE for number in range(59)} | {"y": Y}
    said = shown(proposal(columns))
    assert "x58 " in said
    assert "These are" not in said


@pytest.mark.parametrize("width", [20, 40, 60])
def test_narrow_terminal_cuts_nothing_off(width: int, shown: Any) -> None:
    name = "a_name_that_is_longer_than_any_terminal_that_is_so_narrow"
    lines = shown(proposal({name: AGE, "y": Y}), width).splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    # The first column is as wide as its longest piece.
    first = next(n for n, line in enumerate(lines) if line.startswith("a"))
    (margin, *_) = [n for n, c in enumerate(lines[first]) if c == " "]
    assert "".join(line[:margin].strip() for line in lines[first:]).startswith(name)
