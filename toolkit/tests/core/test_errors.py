"""Tests of reproducible_ml.core.errors."""

import pickle

import pytest

from reproducible_ml.core.errors import UserError, report_errors


def test_user_error_keeps_its_text_on_the_way_out_of_a_worker() -> None:
    copy = pickle.loads(pickle.dumps(UserError("people.csv: is empty")))
    assert isinstance(copy, UserError)
    assert str(copy) == "people.csv: is empty"


def test_user_error_is_not_mistaken_for_a_bug_of_python() -> None:
    assert UserError.__mro__ == (UserError, Exception, BaseException, object)


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
    with pytest.raises(SystemExit) as caught, report_errors():
        raise error
    assert caught.value.code == code


def test_bugs_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), report_errors():
        raise ZeroDivisionError
