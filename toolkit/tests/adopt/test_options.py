"""Tests of reproducible_ml.adopt.request."""

import pytest

from reproducible_ml.adopt.request import Request, parse, read_request
from reproducible_ml.core.errors import UserError


def test_without_options_the_table_decides() -> None:
    options = parse(["visits.csv"])
    assert options.source == "visits.csv"
    assert (options.dry_run, options.yes) == (False, False)
    assert read_request(options, "returned") == Request(target="returned")


def test_source_may_be_left_out() -> None:
    assert parse([]).source is None


def test_every_wish_is_read() -> None:
    arguments = [
        *("--target=returned", "--task=binary", "--positive=yes"),
        *("--id= visit ,day,", "--group=patient", "--time=arrived"),
        *("--dates=day-first", "--decimal=comma", "--text=zip,phone", "--missing=-,?"),
    ]
    assert read_request(parse(arguments), None) == Request(
        target="returned",
        task="binary",
        positive="yes",
        id=("visit", "day"),
        group="patient",
        time="arrived",
        day_first=True,
        decimal=",",
        text=("zip", "phone"),
        missing=("-", "?"),
    )


def test_other_spellings_are_read() -> None:
    wanted = read_request(parse(["--dates=month-first", "--decimal=point"]), "y")
    assert (wanted.day_first, wanted.decimal) == (False, ".")


def test_options_of_the_source_and_of_the_run_are_read() -> None:
    database = ["sqlite:///a.db", "--name=a.csv", "--query=SELECT 1", "--key=id"]
    options = parse([*database, "--dry-run", "--yes"])
    assert (options.name, options.query, options.key) == ("a.csv", "SELECT 1", "id")
    assert options.dry_run
    assert options.yes


def test_missing_text_may_look_like_an_option() -> None:
    assert parse(["--missing=-999,--"]).missing == ("-999", "--")


def test_source_may_begin_with_a_dash() -> None:
    assert parse(["--target=y", "--", "-odd.csv"]).source == "-odd.csv"


def test_target_that_is_named_outweighs_the_known_one() -> None:
    assert read_request(parse(["--target=price"]), "returned").target == "price"


def test_target_is_needed_at_first() -> None:
    with pytest.raises(UserError, match="TARGET="):
        read_request(parse(["visits.csv"]), None)


@pytest.mark.parametrize(
    "arguments", [["--task=ranking"], ["--dates=year"], ["--color=red"], ["a", "b"]]
)
def test_unknown_options_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(arguments)
    assert "usage: make data SOURCE=... TARGET=..." in capsys.readouterr().err


def test_help_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse(["--help"])
    said = capsys.readouterr().out
    assert "Bring your own table" in said
    assert "--decimal" in said
