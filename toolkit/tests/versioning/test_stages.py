"""Tests of reproducible_ml.versioning.lock."""

from reproducible_ml.versioning.lock import (
    Difference,
    changed_keys,
    compare_locks,
    flatten,
    locked_hashes,
    locked_stages,
)

from ..report.conftest import lock, stage


def test_equal_locks_do_not_differ() -> None:
    assert compare_locks(lock(), lock()) == []


def test_cause_and_consequence_are_told_apart() -> None:
    new = lock(
        train=stage({"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 1}),
        evaluate=stage({"models/model": "9"}, {"reports/metrics.json": "5"}),
    )
    assert compare_locks(lock(), new) == [
        Difference("train", inputs=("train.seed",), outputs=("models/model",)),
        Difference("evaluate", upstream=("models/model",)),
    ]


def test_command_and_code_are_causes() -> None:
    split = stage({"code/split.py": "7"}, {"data/processed/test": "2"})
    [found] = compare_locks(lock(), lock(split={**split, "cmd": "other"}))
    assert found == Difference("split", inputs=("cmd", "code/split.py"))


def test_stage_of_one_side_is_told() -> None:
    card = {"card": stage({}, {"reports/card.md": "1"})}
    assert compare_locks(lock(), lock(**card)) == [Difference("card", only_in="new")]
    assert compare_locks(lock(**card), lock()) == [Difference("card", only_in="old")]


def test_hash_of_another_kind_counts_as_well() -> None:
    stages = [{"deps": [{"path": "s3://x", "etag": etag}]} for etag in "ab"]
    assert locked_hashes(stages[0], "deps") != locked_hashes(stages[1], "deps")


def test_lock_that_is_none_has_no_stages() -> None:
    assert locked_stages({}) == {}
    assert locked_stages({"stages": []}) == {}
    assert locked_stages({"stages": {"a": None, "b": {}}}) == {"b": {}}


def test_params_are_flat_and_keep_empty_ones() -> None:
    nested = {"a": {"b": {"c": [1]}, "d": {}}, 5: None}
    assert dict(flatten(nested)) == {"a.b.c": [1], "a.d": {}, "5": None}
    assert dict(flatten({})) == {}


def test_changed_keys_differ_or_are_of_one_side() -> None:
    assert changed_keys({"a": 1, "b": None, "c": 0}, {"a": 2, "c": 0, "d": 0}) == [
        *["a", "d", "b"]
    ]
