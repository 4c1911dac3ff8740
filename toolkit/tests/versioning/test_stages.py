"""Tests of reproducible_ml.versioning.lock."""

from reproducible_ml.versioning.lock import (
    Difference,
    changed,
    differences,
    entries,
    flat,
    hashes,
)

from ..report.conftest import lock, stage


def test_equal_locks_do_not_differ() -> None:
    assert differences(lock(), lock()) == []


def test_cause_and_consequence_are_told_apart() -> None:
    new = lock(
        train=stage({"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 1}),
        evaluate=stage({"models/model": "9"}, {"reports/metrics.json": "5"}),
    )
    assert differences(lock(), new) == [
        Difference("train", inputs=("train.seed",), outputs=("models/model",)),
        Difference("evaluate", upstream=("models/model",)),
    ]


def test_command_and_code_are_causes() -> None:
    split = stage({"code/split.py": "7"}, {"data/processed/test": "2"})
    [found] = differences(lock(), lock(split={**split, "cmd": "other"}))
    assert found == Difference("split", inputs=("cmd", "code/split.py"))


def test_stage_of_one_side_is_told() -> None:
    card = {"card": stage({}, {"reports/card.md": "1"})}
    assert differences(lock(), lock(**card)) == [Difference("card", only_in="new")]
    assert differences(lock(**card), lock()) == [Difference("card", only_in="old")]


def test_hash_of_another_kind_counts_as_well() -> None:
    stages = [{"deps": [{"path": "s3://x", "etag": etag}]} for etag in "ab"]
    assert hashes(stages[0], "deps") != hashes(stages[1], "deps")


def test_lock_that_is_none_has_no_stages() -> None:
    assert entries({}) == {}
    assert entries({"stages": []}) == {}
    assert entries({"stages": {"a": None, "b": {}}}) == {"b": {}}


def test_params_are_flat_and_keep_empty_ones() -> None:
    nested = {"a": {"b": {"c": [1]}, "d": {}}, 5: None}
    assert dict(flat(nested)) == {"a.b.c": [1], "a.d": {}, "5": None}
    assert dict(flat({})) == {}


def test_changed_keys_differ_or_are_of_one_side() -> None:
    assert changed({"a": 1, "b": None, "c": 0}, {"a": 2, "c": 0, "d": 0}) == [
        *["a", "d", "b"]
    ]
