"""Answers are checked before anything is written."""

from pathlib import Path
from typing import Any

import pytest
from hooks.answers import find_problems

from ..copies import ROOT
from .conftest import Generate

ANSWERS = {
    "project_name": "Customer Churn",
    "project_slug": "customer-churn",
    "package_name": "customer_churn",
    "description": "Who leaves, and when.",
    "author_name": "Ada Lovelace",
    "author_email": "",
    "license": "MIT",
    "data_source": "sample",
    "target_column": "diagnosis",
    "remote": "none",
    "remote_url": "",
}
TEMPLATE: dict[str, Any] = {
    "folder": str(ROOT),
    "identity": {"target_column": "diagnosis"},
    "working_folder": str(ROOT),
}
OWN = {"target_column": "returned"}


def problems(**answers: str) -> list[str]:
    return find_problems(ANSWERS | answers, TEMPLATE)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"project_name": "Kündigungen (2024)"},
        {"project_name": "売上予測"},
        {"project_name": "M&M's + more"},
        {"project_slug": "churn2", "package_name": "churn2"},
        {"project_slug": "team.churn_model-2"},
        {"package_name": "c"},
        {"description": "100 % of it: who, where & when? It's #1, 2*3/4 = 1.5!"},
        {"author_name": "Zoë O'Neill-Smith, Jr."},
        {"author_email": "o'neill+ml@mail.example.org"},
        {"target_column": ""},
        {"data_source": "README.md", **OWN},
        {"data_source": "data", **OWN},
        {"data_source": str(ROOT / "README.md"), **OWN},
        {"data_source": "https://example.org/a.csv?x=1", **OWN},
        {"data_source": "s3://bucket/visits/", "target_column": "gekündigt (ja/nein)"},
        {"remote": "local", "remote_url": "/mnt/shared drive/dvc"},
        {"remote": "local", "remote_url": "../storage"},
        {"remote": "s3", "remote_url": "s3://my-bucket"},
        {"remote": "gs", "remote_url": "gs://my_bucket/a/b/"},
        {"remote": "azure", "remote_url": "azure://container/dvc"},
        {"remote": "ssh", "remote_url": "ssh://ada@host.example.org:2222/srv/dvc"},
    ],
    ids=str,
)
def test_answers_that_make_a_project_are_taken(answers: dict[str, str]) -> None:
    assert problems(**answers) == []


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        ("project_name", "", "does not fit"),
        ("project_name", " churn", "begins with a letter"),
        ("project_name", 'say "hi"', "does not fit"),
        ("project_name", "two\nlines", r"two\nlines"),
        ("project_name", "{{ cookiecutter }}", "does not fit"),
        ("project_name", "$(id)", "does not fit"),
        ("project_name", "a`id`", "does not fit"),
        ("project_name", "<b>churn</b>", "does not fit"),
        ("project_name", "churn\u2028", "does not fit"),
        ("project_name", "x" * 61, "60 at most"),
        ("project_slug", "../escape", "one folder's name"),
        ("project_slug", "a/b", "one folder's name"),
        ("project_slug", "..", "one folder's name"),
        ("project_slug", "", "one folder's name"),
        ("project_slug", "Churn", "small letters"),
        ("project_slug", "-churn", "does not fit"),
        ("project_slug", "c\u0445urn", "small letters a-z"),
        ("project_slug", "con", "Windows"),
        ("project_slug", "scikit-learn", "needs itself"),
        ("project_slug", "dvc", "needs itself"),
        ("package_name", "class", "word of the language"),
        ("package_name", "match", "word of the language"),
        ("package_name", "code", "module of Python"),
        ("package_name", "statistics", "module of Python"),
        ("package_name", "pandas", "hide a package"),
        ("package_name", "sklearn", "hide a package"),
        ("package_name", "dvc_s3", "hide a package"),
        ("package_name", "tests", "folder or file"),
        ("package_name", "2churn", "begins with a small letter"),
        ("package_name", "chürn", "small letter"),
        ("package_name", "a-b", "underscores"),
        ("package_name", "x" * 31, "30 characters"),
        ("description", "two\nlines", "one line"),
        ("description", 'the "best"', "one line"),
        ("description", "{% raw %}", "one line"),
        ("description", "C:\\temp", "one line"),
        ("description", "", "one line"),
        ("author_name", "Ada <ada@example.org>", "does not fit"),
        ("author_email", "ada", "name@example.org"),
        ("author_email", 'ada@example.org"', "name@example.org"),
        ("target_column", "y", 'predicts "diagnosis"'),
        ("remote_url", "s3://bucket", "no remote"),
    ],
)
def test_answer_that_would_break_the_project_is_refused(
    question: str, answer: str, words: str
) -> None:
    (problem,) = problems(**{question: answer})
    assert problem.startswith(f"{question}: ")
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("missing.csv", f"{ROOT / 'missing.csv'} is not there"),
        ("", "is no path"),
        ("--help", "is no path"),
        ("a\nb.csv", "is no path"),
        ("ftp://example.org/a.csv", "is not one of http"),
        ("postgresql://host/db", "make data"),
        ("https://", "names no server"),
        ("https://ada:secret@example.org/a.csv", "password"),
    ],
)
def test_source_that_cannot_be_read_is_refused(source: str, words: str) -> None:
    (problem,) = problems(data_source=source, target_column="y")
    assert problem.startswith("data_source: ")
    assert words in problem
    assert "secret" not in problem


@pytest.mark.parametrize("target", ["", " ", "a\nb", "a\x1b[31m"])
def test_target_that_is_no_column_is_refused(target: str) -> None:
    (problem,) = problems(data_source="README.md", target_column=target)
    assert problem.startswith("target_column: ")


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("local", ""),
        ("local", "s3://bucket"),
        ("local", "a\nb"),
        ("s3", ""),
        ("s3", "/mnt/dvc"),
        ("s3", "s3://"),
        ("s3", "s3://My_Bucket"),
        ("s3", "s3://bucket/a b"),
        ("s3", "s3://bucket/$HOME"),
        ("s3", "s3://bucket/a\nurl = x"),
        ("gs", "s3://bucket"),
        ("azure", "azure://a"),
        ("ssh", "ssh://host"),
        ("ssh", "ssh://ada:secret@host/srv"),
        ("ssh", "ada@host:/srv"),
    ],
)
def test_address_that_is_none_is_refused(remote: str, url: str) -> None:
    (problem,) = problems(remote=remote, remote_url=url)
    assert problem.startswith("remote_url: ")
    assert "secret" not in problem


def test_update_does_not_ask_for_a_table_of_long_ago() -> None:
    assert problems(data_source="gone.csv", target_column="y", _commit="0123") == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("project_slug", "../escape"),
        ("package_name", "pandas"),
        ("project_name", '"""); import os; os.mkdir("../owned"); r("""'),
        ("description", "two\nlines"),
        ("data_source", "missing.csv"),
        ("remote_url", "\\"),
    ],
)
def test_refused_answer_leaves_nothing_behind(
    question: str, answer: str, tmp_path: Path, generate: Generate
) -> None:
    (tmp_path / "here").mkdir()
    answers = ANSWERS | {question: answer}
    done = generate(tmp_path / "here", check=False, **answers)
    assert done.returncode == 1
    assert f"error: {question}: " in done.stdout
    assert list((tmp_path / "here").iterdir()) == []
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, generate: Generate) -> None:
    wrong = {"package_name": "pandas", "author_email": "ada", "remote_url": "x"}
    done = generate(tmp_path, check=False, **ANSWERS | wrong)
    told = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert len(told) == 3
