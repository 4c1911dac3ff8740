"""What a project gets: which files, and under which names."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from hooks.components import COMPONENTS, SETS, choose_components, prompt
from hooks.files import (
    STORAGE,
    GenerationError,
    copy_template,
    is_part,
    list_files,
    rename,
)
from hooks.files import write as write_file
from hooks.identity import replacements, swap, wrap_imports
from hooks.paths import MACHINERY, is_within

from ..copies import ROOT
from .conftest import IDENTITY, OTHER, commit_all, tracked

WORDS = {"tumour_diagnosis": "churn", "Tumour diagnosis": "Churn"}


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("from tumour_diagnosis.models import a", "from churn.models import a"),
        ("code/tumour_diagnosis/a.py", "code/churn/a.py"),
        ("Tumour diagnosis.", "Churn."),
        ("untumour_diagnosis", "untumour_diagnosis"),
        ("import tumour_diagnosis_model", "import churn_model"),
        ("tumour_diagnosis2", "tumour_diagnosis2"),
        ("tumour diagnosis", "tumour diagnosis"),
    ],
)
def test_only_whole_words_are_swapped(text: str, swapped: str) -> None:
    assert swap(text, WORDS) == swapped


def test_longest_name_goes_first_and_nothing_is_swapped_twice() -> None:
    words = {"ML": "Our ML", "Our ML": "ML", "The Our ML team": "We"}
    assert swap("The Our ML team of Our ML: ML", words) == "We of ML: Our ML"


def test_own_identity_changes_nothing() -> None:
    swapped = replacements(IDENTITY, IDENTITY)
    assert all(old == new for old, new in swapped.items())


def test_long_imports_are_wrapped_as_the_formatter_does() -> None:
    name = f"from {'p' * 60}.stage import "
    assert wrap_imports(f"{name}run\n") == f"{name}run\n"
    assert wrap_imports(f"  {name}first, second_one\n") == (
        f"  {name}(\n      first,\n      second_one,\n  )\n"
    )
    comment = f"{name}run  # noqa: E501 (a line that somebody wanted long)\n"
    assert wrap_imports(comment) == comment


def test_binary_files_and_line_ends_stay() -> None:
    picture = b"\x89PNG tumour_diagnosis"
    assert rename(picture, "a.png", WORDS) == picture
    assert rename(b"tumour_diagnosis\r\n", "a.txt", WORDS) == b"churn\r\n"


def test_executable_files_and_scripts_are_executable(tmp_path: Path) -> None:
    (tmp_path / "like").write_text("x")
    write_file(tmp_path / "a" / "script", b"#!/bin/sh\n", like=tmp_path / "like")
    assert os.access(tmp_path / "a" / "script", os.X_OK)
    (tmp_path / "like").chmod(0o700)
    write_file(tmp_path / "tool", b"x", like=tmp_path / "like")
    assert (tmp_path / "tool").stat().st_mode & 0o777 == 0o700


def test_files_are_those_that_git_tracks(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("ignored\n")
    for name in ("ignored", "kept", "gone"):
        (tmp_path / name).write_text(name)
    commit_all(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "untracked").write_text("x")
    assert list_files(tmp_path) == [".gitignore", "kept"]


def test_without_git_all_files_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "a" / "__pycache__" / "b.pyc").write_text("x")
    (tmp_path / "a" / "b").write_text("x")
    assert list_files(tmp_path) == ["a/b"]


def test_repository_that_git_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(GenerationError, match="Git cannot list its files"):
        list_files(tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GenerationError, match="install Git"):
        list_files(ROOT)


def test_variables_of_a_git_hook_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert "Makefile" in list_files(ROOT)


def test_paths_are_compared_by_whole_parts() -> None:
    assert is_within("hooks/files.py", MACHINERY)
    assert not is_within("hooks.md", MACHINERY)
    assert not is_within("docs/hooks/a.md", MACHINERY)


@pytest.mark.parametrize("path", MACHINERY)
def test_machinery_exists_and_stays_behind(path: str) -> None:
    assert (ROOT / path).exists()
    assert not any(is_part(name, IDENTITY) for name in tracked() if name == path)


def test_toolkit_is_copied_byte_for_byte_without_its_tests(tmp_path: Path) -> None:
    copy_template(ROOT, tmp_path, IDENTITY, OTHER | {"package_name": "modeling"})
    names = [name for name in tracked() if name.startswith("toolkit/")]
    copied = {name for name in names if (tmp_path / name).exists()}
    assert {name for name in names if name not in copied} == {
        name for name in names if name.startswith("toolkit/tests/")
    }
    for name in copied:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_only_few_files_name_the_package() -> None:
    """What is renamed cannot be compared at an update as simply as what is not."""
    named = [
        name
        for name in tracked()
        if is_part(name, IDENTITY)
        and b"tumour_diagnosis" in (ROOT / name).read_bytes()
        and not name.startswith(("code/tumour_diagnosis/", "tests/", "toolkit/"))
        and not name.endswith(".md")
    ]
    # Lambda calls the handler by its full name.
    function = "environments/Dockerfile.serverless"
    assert set(named) <= {"dvc.lock", "dvc.yaml", "pyproject.toml", function}


def test_components_are_files_outside_of_the_toolkit() -> None:
    names = [name for name in tracked() if is_part(name, IDENTITY)]
    paths = [path for part in COMPONENTS.values() for path in part.paths]
    for path in paths:
        assert any(is_within(name, [path]) for name in names), path
        assert not is_within(path, ["toolkit"])
    assert len(paths) == len(set(paths))


def test_component_off_removes_its_files_alone() -> None:
    names = [name for name in tracked() if is_part(name, IDENTITY)]
    for off, component in COMPONENTS.items():
        others = ",".join(set(COMPONENTS) - {off})
        left = [
            name for name in names if is_part(name, IDENTITY | {"components": others})
        ]
        # The locks of storage follow the remote, not the components.
        assert set(names) - set(left) - set(STORAGE) == {
            name for name in names if is_within(name, component.paths)
        }


@pytest.mark.parametrize("chosen", ["governance", "standard", "minimal"])
def test_questions_of_governance_come_without_the_pages_of_this_repository(
    chosen: str,
) -> None:
    answers = IDENTITY | {"components": chosen}
    found = {
        Path(name).name
        for name in tracked()
        if is_within(name, ["docs/governance"]) and is_part(name, answers)
    }
    # The pages depend on what else a project has: it writes its own.
    questions = {"canvas.yaml", "risk.yaml", "technical_documentation.yaml"}
    assert found >= (questions if chosen == "governance" else set())
    assert bool(found) == (chosen == "governance")
    assert not {name for name in found if name.endswith(".md")} - {
        "README.md",
        "deletion.md",
    }
    assert is_part("data/catalog.yaml", answers)


@pytest.mark.parametrize(
    ("answers", "kinds"),
    [
        ({}, set()),
        ({"remote": "s3"}, {"s3"}),
        ({"remote": "ssh", "data_source": "gs://bucket/x.csv"}, {"gs", "ssh"}),
        ({"components": "everything"}, {"azure", "gs", "s3", "ssh"}),
    ],
)
def test_project_gets_the_locks_of_the_storage_it_uses(
    answers: dict[str, str], kinds: set[str]
) -> None:
    given = IDENTITY | {"components": "standard"} | answers
    assert {kind for name, kind in STORAGE.items() if is_part(name, given)} == kinds


def test_sets_of_components() -> None:
    assert choose_components("minimal") == set()
    assert choose_components("everything") == set(COMPONENTS)
    assert set(SETS["standard"]) < set(COMPONENTS)
    assert choose_components(" nightly, github") == {"github", "nightly"}
    both = choose_components("standard, governance,site")
    assert both == {*SETS["standard"], "governance", "site"}


def test_prompt_shows_every_component() -> None:
    questions = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    assert questions["__prompts__"]["components"] == prompt()


def test_project_has_at_most_120_files_of_its_own() -> None:
    answers = IDENTITY | {"components": "standard"}
    names = [name for name in tracked() if is_part(name, answers)]
    assert len([name for name in names if not name.startswith("toolkit/")]) <= 120


@pytest.mark.parametrize(
    ("components", "ecosystems"),
    [
        ("github", ["github-actions", "pip"]),
        ("standard", ["github-actions", "pip", "docker"]),
    ],
)
def test_dependabot_looks_only_at_files_that_the_project_has(
    components: str, ecosystems: list[str], tmp_path: Path
) -> None:
    answers = OTHER | {"components": components}
    copy_template(ROOT, tmp_path, IDENTITY, answers)
    text = (tmp_path / ".github/dependabot.yml").read_text("utf-8")
    updates = yaml.safe_load(text)["updates"]
    assert [update["package-ecosystem"] for update in updates] == ecosystems
    own = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text("utf-8"))
    assert updates == own["updates"][: len(updates)]


def test_other_table_starts_without_results() -> None:
    answers = IDENTITY | {"data_source": "visits.csv"}
    names = [name for name in tracked() if is_part(name, answers)]
    assert "dvc.yaml" in names
    assert not [name for name in names if re.match(r"reports/|dvc\.lock$", name)]
