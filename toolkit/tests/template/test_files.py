"""Copying the template and swapping its names, piece by piece."""

import hashlib
import io
import os
from pathlib import Path

import pytest
from hooks.files import GenerationError, list_files, rename, write
from hooks.identity import replacements, swap, wrap_imports
from hooks.lock import fold, renew_lock
from hooks.machinery import is_machinery
from ruamel.yaml import YAML

from ..copies import ROOT
from .conftest import commit_all, tracked

WORDS = {"reproducible_ml": "churn", "Reproducible ML": "Churn"}


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("from reproducible_ml.core.stage import run", "from churn.stage import run"),
        ("code/reproducible_ml/a.py", "code/churn/a.py"),
        ("Reproducible ML.", "Churn."),
        ("irreproducible_mls", "irreproducible_mls"),
        ("reproducible_ml_2", "reproducible_ml_2"),
        ("reproducible ml", "reproducible ml"),
    ],
)
def test_only_whole_words_are_swapped(text: str, swapped: str) -> None:
    assert swap(text, WORDS) == swapped


def test_longest_name_goes_first_and_nothing_is_swapped_twice() -> None:
    words = {"ML": "Reproducible ML", "Reproducible ML": "ML", "The ML team": "We"}
    assert (
        swap("The ML team of Reproducible ML: ML", words) == "We of ML: Reproducible ML"
    )


def test_identity_stays_where_the_answers_are_the_template_s_own() -> None:
    names = ["author_name", "description", "project_name", "project_slug"]
    identity = dict.fromkeys([*names, "package_name"], "x")
    identity |= {"license": "MIT", "author_email": ""}
    assert all(old == new for old, new in replacements(identity, identity).items())


def test_import_that_became_too_long_is_wrapped_as_the_formatter_does() -> None:
    name = f"from {'p' * 60}.stage import "
    assert wrap_imports(f"{name}run\n") == f"{name}run\n"
    assert wrap_imports(f"  {name}first, second_one\n") == (
        f"  {name}(\n      first,\n      second_one,\n  )\n"
    )
    comment = f"{name}run  # noqa: E501 (a line that somebody wanted long)\n"
    assert wrap_imports(comment) == comment


def test_what_is_no_text_stays() -> None:
    picture = b"\x89PNG reproducible_ml"
    assert rename(picture, "a.png", WORDS) == picture
    assert rename(b"reproducible_ml\r\n", "a.txt", WORDS) == b"churn\r\n"


def test_file_stays_executable_and_a_script_becomes_it(tmp_path: Path) -> None:
    (tmp_path / "like").write_text("x")
    write(tmp_path / "a" / "script", b"#!/bin/sh\n", like=tmp_path / "like")
    assert os.access(tmp_path / "a" / "script", os.X_OK)
    (tmp_path / "like").chmod(0o700)
    write(tmp_path / "tool", b"x", like=tmp_path / "like")
    assert (tmp_path / "tool").stat().st_mode & 0o777 == 0o700


def test_git_says_what_belongs_to_the_template(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("ignored\n")
    for name in ("ignored", "kept", "gone"):
        (tmp_path / name).write_text(name)
    commit_all(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "untracked").write_text("x")
    assert list_files(tmp_path) == [".gitignore", "kept"]


def test_template_without_git_is_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "a" / "__pycache__" / "b.pyc").write_text("x")
    (tmp_path / "a" / "b").write_text("x")
    assert list_files(tmp_path) == ["a/b"]


def test_repository_that_git_cannot_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(GenerationError, match="Git cannot list its files"):
        list_files(tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GenerationError, match="Install Git"):
        list_files(ROOT)


def test_repository_around_the_one_of_a_hook_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert "Makefile" in list_files(ROOT)


def test_lock_says_what_renamed_code_is(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    content = b"import churn\n"
    (tmp_path / "code" / "a.py").write_bytes(content)
    entry = "    - path: {}\n      hash: md5\n      md5: 0123\n      size: 5\n"
    before = entry.format("code/a.py") + entry.format("code/b.py")
    (tmp_path / "dvc.lock").write_text(before)
    renew_lock(tmp_path, ["code/a.py"])
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    after = (
        entry.format("code/a.py").replace("0123", md5).replace("size: 5", "size: 13")
    )
    assert (tmp_path / "dvc.lock").read_text() == after + entry.format("code/b.py")


@pytest.mark.parametrize("length", range(1, 31))
def test_lock_has_the_form_that_dvc_gives_it(length: int) -> None:
    text = (ROOT / "dvc.lock").read_text("utf-8")
    renamed = fold(text.replace("reproducible_ml", "p" * length))
    written = io.StringIO()
    YAML().dump(YAML().load(renamed), written)
    assert renamed == written.getvalue()


def test_machinery_is_told_by_whole_parts_of_a_path() -> None:
    assert is_machinery("hooks/files.py")
    assert not is_machinery("hooks.md")
    assert not is_machinery("docs/hooks/a.md")
    assert any(map(is_machinery, tracked()))
