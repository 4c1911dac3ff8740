"""Tests of reproducible_ml.experiments.command."""

import pytest

from reproducible_ml.errors import UserError
from reproducible_ml.experiments.command import told_errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("one\ntwo"), "error: one\nerror: two"),
        (
            FileNotFoundError(2, "No such file", "x"),
            "error: [Errno 2] No such file: 'x'",
        ),
        (KeyboardInterrupt(), 130),
    ],
)
def test_expected_errors_are_told_in_a_line_each(
    error: BaseException, code: str | int
) -> None:
    with pytest.raises(SystemExit) as caught, told_errors():
        raise error
    assert caught.value.code == code


def test_bugs_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told_errors():
        raise ZeroDivisionError
