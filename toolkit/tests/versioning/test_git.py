"""Files of revisions, the base of a change, and DVC's experiments in Git."""

import subprocess
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.versioning.git import (
    Revision,
    changed_files,
    check_new_name,
    equals_head,
    find_base,
    find_commit,
    find_experiments,
    missing_base,
    same_files,
)

from ..experiments.conftest import add_experiment
from ..report.conftest import Repository


def test_files_of_a_commit_and_of_the_working_tree(repository: Repository) -> None:
    repository.write("reports/größe.json", {"a": 1})
    old = repository.commit()
    repository.write("reports/größe.json", {"a": 2})
    assert Revision(repository.root, old).json("reports/größe.json") == {"a": 1}
    assert Revision(repository.root).json("reports/größe.json") == {"a": 2}
    assert Revision(repository.root, old).text("nothing") is None
    assert Revision(repository.root).text("reports") is None


def test_parameters_are_read_as_dvc_reads_them(repository: Repository) -> None:
    text = "a: yes\nb: 'yes'\nrate: 1e-3\n"
    (repository.root / "params.yaml").write_text(text)
    found = Revision(repository.root).yaml("params.yaml")
    assert found == {"a": "yes", "b": "yes", "rate": 0.001}
    assert Revision(repository.root, repository.commit()).yaml("params.yaml") == found


@pytest.mark.parametrize("content", ["{", "", "\x00", "[" * 100_000, "a: [\n", "- 1"])
def test_unreadable_file_counts_as_missing(
    repository: Repository, content: str
) -> None:
    repository.write("file", content)
    revision = Revision(repository.root)
    assert revision.json("file") is None
    assert revision.yaml("file") == {}


def test_bytes_that_are_not_text_are_replaced(repository: Repository) -> None:
    (repository.root / "file").write_bytes(b"a\xff")
    assert Revision(repository.root).text("file") == "a\ufffd"


def test_base_is_where_the_branch_left_main(repository: Repository) -> None:
    fork = repository.commit("Fork")
    repository.git("switch", "--quiet", "--create", "feature")
    repository.commit("Feature")
    repository.git("switch", "--quiet", "main")
    ahead = repository.commit("Main goes on")
    repository.git("switch", "--quiet", "feature")
    assert find_base(repository.root) == fork
    assert find_base(repository.root, "main") == ahead


def test_base_on_main_is_head_or_the_commit_before(repository: Repository) -> None:
    first = repository.commit()
    assert find_base(repository.root) is None
    second = repository.commit()
    assert find_base(repository.root) == first
    repository.write("new", "x")
    assert find_base(repository.root) == second


def test_main_may_be_a_remote_branch_only(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = repository.commit()
    clone = tmp_path_factory.mktemp("clone")
    subprocess.run(["git", "clone", "-q", repository.root, clone], check=True)
    copy = Repository(clone)
    copy.git("switch", "--quiet", "--create", "feature")
    copy.git("branch", "--quiet", "--delete", "main")
    copy.commit()
    assert find_base(clone) == base


def test_first_commit_has_no_base(repository: Repository) -> None:
    repository.commit()
    assert find_base(repository.root, "HEAD^1") is None


def test_base_is_missing_only_where_history_is(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = repository.commit()
    assert missing_base(repository.root, None) == ""
    repository.git("switch", "--quiet", "--create", "feature")
    second = repository.commit()
    assert missing_base(repository.root, first) == ""
    shallow = tmp_path_factory.mktemp("shallow")
    for depth, base in (("1", None), ("2", first)):
        address, folder = f"file://{repository.root}", shallow / depth
        command = ["git", "clone", "-q", "--depth", depth, address, str(folder)]
        subprocess.run(command, check=True)
        assert find_base(folder) == base
        # The branch may have left main anywhere.
        assert "git fetch --unshallow" in missing_base(folder, base)
    repository.git("switch", "--quiet", "--orphan", "other")
    repository.commit("Other")
    assert find_base(repository.root) is None
    assert "no commit in common with main" in missing_base(repository.root, None)
    assert find_base(repository.root, second) == second


@pytest.mark.parametrize("name", ["nonsense", "--all", "main:file", "a b"])
def test_base_that_is_not_a_commit_is_an_error(
    repository: Repository, name: str
) -> None:
    repository.commit()
    with pytest.raises(UserError, match="no such branch, tag or commit here"):
        find_base(repository.root, name)


# Else every pull request would look like the first one, and no gate would compare.
def test_base_that_was_not_fetched_is_an_error(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit()
    repository.commit()
    command = ["git", "clone", "--quiet", "--depth", "1", f"file://{tmp_path}", "copy"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with pytest.raises(UserError, match="git fetch --unshallow"):
        find_base(tmp_path / "copy", "HEAD^1")


def test_find_commit_knows_all_names_of_a_commit(repository: Repository) -> None:
    found = repository.commit()
    repository.git("tag", "--annotate", "v1", "--message", "x")
    for name in ("main", "HEAD", "v1", found, found[:8]):
        assert find_commit(repository.root, name) == found
    assert find_commit(repository.root, "other") is None


def test_changed_files_are_edited_staged_new_or_gone(repository: Repository) -> None:
    for name in ("edited", "staged", "gone", "same", ".gitignore"):
        repository.write(name, "/ignored\n")
    repository.commit()
    for name in ("edited", "staged", "new", "ignored", "größe, neu"):
        repository.write(name, "other")
    repository.git("add", "staged")
    (repository.root / "gone").unlink()
    found = ["edited", "gone", "größe, neu", "new", "staged"]
    assert changed_files(repository.root) == sorted(found)


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
    [("one", "there is such"), ("a/b", "is not valid"), ("a b", "is not valid")],
)
def test_taken_or_invalid_name_is_an_error(
    repository: Repository, name: str, said: str
) -> None:
    commit = repository.commit()
    add_experiment(repository, "one", commit, commit)
    with pytest.raises(UserError, match=f"--name {name}: {said}"):
        check_new_name(repository.root, name)
    check_new_name(repository.root, "two")


def test_experiments_are_compared_by_their_files(repository: Repository) -> None:
    base = repository.commit()
    same = repository.commit("The same files")
    repository.write("a.txt", "other")
    other = repository.commit()
    for name, commit in {"one": base, "two": same, "three": other}.items():
        add_experiment(repository, name, base, commit)
    assert same_files(repository.root, "one") == ["two"]
    assert same_files(repository.root, "three") == []
    repository.git("reset", "--quiet", "--hard", base)
    assert equals_head(repository.root, "one")
    assert not equals_head(repository.root, "three")
