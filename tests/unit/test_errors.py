"""Tests of reproducible_ml.errors."""

import pickle

from reproducible_ml.errors import UserError


def test_user_error_keeps_its_text_on_the_way_out_of_a_worker() -> None:
    copy = pickle.loads(pickle.dumps(UserError("people.csv: is empty")))
    assert isinstance(copy, UserError)
    assert str(copy) == "people.csv: is empty"


def test_user_error_is_not_mistaken_for_a_bug_of_python() -> None:
    assert UserError.__mro__ == (UserError, Exception, BaseException, object)
