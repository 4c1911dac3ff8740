"""Tests of reproducible_ml.versioning.git."""

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.versioning.git import (
    check_new_name,
    equals_head,
    find_experiments,
    same_files,
)

from ..experiments.conftest import add_experiment
from ..report.conftest import Repository


def test_experiments_are_found_by_the_commit_they_are_based_on(
    repository: Repository,
) -> None:
    first, second = repository.commit(), repository.commit("Second")
    add_experiment(repository, "one", first, second)
    add_experiment(repository, "ü-two", second, first)
    repository.git("update-ref", "refs/exps/exec/EXEC_HEAD", first)
    assert find_experiments(repository.root) == {"one": second, "ü-two": first}
    assert find_experiments(repository.root, first) == {"one": second}


@pytest.mark.parametrize(
    ("name", "said"),
    [("one", "is taken"), ("a/b", "is no name"), ("a b", "is no name")],
)
def test_name_that_cannot_be_is_refused(
    repository: Repository, name: str, said: str
) -> None:
    commit = repository.commit()
    add_experiment(repository, "one", commit, commit)
    with pytest.raises(UserError, match=f"NAME={name}: {said}"):
        check_new_name(repository.root, name)
    check_new_name(repository.root, "two")


def test_experiments_of_the_same_files_are_the_same(repository: Repository) -> None:
    base = repository.commit()
    same = repository.commit("The same files")
    repository.write("a.txt", "other")
    other = repository.commit()
    for name, commit in {"one": base, "two": same, "three": other}.items():
        add_experiment(repository, name, base, commit)
    assert same_files(repository.root, "one") == ["two"]
    assert same_files(repository.root, "three") == []


def test_experiment_with_the_files_of_the_last_commit_holds_nothing_new(
    repository: Repository,
) -> None:
    base = repository.commit()
    repository.write("a.txt", "other")
    other = repository.commit()
    add_experiment(repository, "one", base, base)
    add_experiment(repository, "two", base, other)
    repository.git("reset", "--quiet", "--hard", base)
    assert equals_head(repository.root, "one")
    assert not equals_head(repository.root, "two")
