"""Answers are checked before anything is written."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hooks.answers import find_problems

from ..copies import ROOT
from .conftest import IDENTITY, OTHER, Generate, copy_template, run

TEMPLATE: dict[str, Any] = {
    "folder": str(ROOT),
    "identity": IDENTITY,
    "working_folder": str(ROOT),
}
OWN = {"target_column": "returned"}


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with this template, which cruft needs."""
    return copy_template(tmp_path_factory.mktemp("clone") / "template")


def problems(**answers: str) -> list[str]:
    return find_problems(OTHER | answers, TEMPLATE)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        IDENTITY,
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
        {"data_source": "data", **OWN},
        {"data_source": str(ROOT / "data"), **OWN},
        {"data_source": "https://example.org/a.csv?x=1", **OWN},
        {"data_source": "s3://bucket/visits/", "target_column": "gekündigt (ja/nein)"},
        # `cruft update` answers again with a table that is gone since long.
        {"data_source": "gone.csv", "_commit": "0123", **OWN},
        {"remote": "local", "remote_url": "/mnt/shared drive/dvc"},
        {"remote": "local", "remote_url": "../storage"},
        {"remote": "s3", "remote_url": "s3://my-bucket"},
        {"remote": "gs", "remote_url": "gs://my_bucket/a/b/"},
        {"remote": "azure", "remote_url": "azure://container/dvc"},
        {"remote": "ssh", "remote_url": "ssh://ada@host.example.org:2222/srv/dvc"},
        {"components": "minimal"},
        {"components": "nightly"},
        {"components": " github,notebooks "},
    ],
    ids=str,
)
def test_valid_answers(answers: dict[str, str]) -> None:
    assert problems(**answers) == []


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        ("project_name", "", "is not valid"),
        ("project_name", " churn", "begin with a letter"),
        ("project_name", 'say "hi"', "is not valid"),
        ("project_name", "two\nlines", r"two\nlines"),
        ("project_name", "{{ cookiecutter }}", "is not valid"),
        ("project_name", "$(id)", "is not valid"),
        ("project_name", "a`id`", "is not valid"),
        ("project_name", "<b>churn</b>", "is not valid"),
        ("project_name", "churn\u2028", "is not valid"),
        ("project_name", "x" * 61, "60 characters at most"),
        ("project_slug", "../escape", "one folder"),
        ("project_slug", "a/b", "one folder"),
        ("project_slug", "..", "one folder"),
        ("project_slug", "", "one folder"),
        ("project_slug", "Churn", "lower-case"),
        ("project_slug", "-churn", "is not valid"),
        ("project_slug", "c\u0445urn", "letters a-z"),
        ("project_slug", "con", "Windows"),
        ("project_slug", "scikit-learn", "package that the project needs"),
        ("project_slug", "dvc", "package that the project needs"),
        ("project_slug", "reproducible-ml", "package that the project needs"),
        ("package_name", "class", "keyword"),
        ("package_name", "match", "keyword"),
        ("package_name", "code", "standard library"),
        ("package_name", "statistics", "standard library"),
        ("package_name", "pandas", "package that the project needs"),
        ("package_name", "sklearn", "package that the project needs"),
        ("package_name", "dvc_s3", "package that the project needs"),
        ("package_name", "reproducible_ml", "package that the project needs"),
        ("package_name", "tests", "file or folder"),
        ("package_name", "toolkit", "file or folder"),
        ("package_name", "2churn", "begin with a lower-case letter"),
        ("package_name", "chürn", "lower-case letter"),
        ("package_name", "a-b", "underscores"),
        ("package_name", "x" * 31, "30 characters"),
        ("description", "two\nlines", "one line"),
        ("description", 'the "best"', "one line"),
        ("description", "{% raw %}", "one line"),
        ("description", "C:\\temp", "one line"),
        ("description", "", "one line"),
        ("author_name", "Ada <ada@example.org>", "is not valid"),
        ("author_email", "ada", "name@example.org"),
        ("author_email", 'ada@example.org"', "name@example.org"),
        ("target_column", "y", 'predicts "diagnosis"'),
        ("remote_url", "s3://bucket", 'remote is "none"'),
        ("license", "GPL", "is not one of MIT, BSD-3-Clause"),
        ("remote", "ftp", "is not one of none, local, s3"),
        ("components", "", "is not a component"),
        ("components", "nightly,service2", '"service2" is not a component'),
        ("components", "minimal,nightly", '"minimal" is not a component'),
    ],
)
def test_invalid_answer(question: str, answer: str, words: str) -> None:
    (problem,) = problems(**{question: answer})
    assert problem.startswith(f"{question}: ")
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("missing.csv", f"{ROOT / 'missing.csv'} does not exist"),
        ("", "neither a path nor a URL"),
        ("--help", "neither a path nor a URL"),
        ("a\nb.csv", "neither a path nor a URL"),
        ("ftp://example.org/a.csv", "is not one of http"),
        ("postgresql://host/db", "rml data"),
        ("https://", "does not name a server"),
        ("https://[abc/a.csv", "is no URL"),
        ("~nosuchuser/a.csv", "does not exist"),
        ("x" * 300, "name too long"),
    ],
)
def test_invalid_source(source: str, words: str) -> None:
    (problem,) = problems(data_source=source, target_column="y")
    assert problem.startswith("data_source: ")
    assert words.lower() in problem.lower()
    assert "secret" not in problem


@pytest.mark.parametrize("target", ["", " ", "a\nb", "a\x1b[31m"])
def test_invalid_target(target: str) -> None:
    (problem,) = problems(data_source="README.md", target_column=target)
    assert problem.startswith("target_column: ")


@pytest.mark.parametrize(
    ("name", "content", "target", "words"),
    [
        ("t.csv", b"age,ward,returned\n1,2,3\n", "returned", ""),
        ("t.csv", b"age,ward,returned\n", "Returned", 'Did you mean "returned"?'),
        ("t.csv", b"age;ward;returned\n", "left", "columns: age, ward, returned."),
        ("T.CSV", b"age,ward\n", "left", "is not a column of"),
        ("t.csv", b"# of Ann\n\nage,ward\n1,2\n", "ward", ""),
        ("t.csv", b'age,"a ""b"""\n', 'a "b"', ""),
        ("t.csv", "age,größe\n".encode("cp1252"), "größe", ""),
        ("t.csv", "age,ward\n".encode("utf-16"), "ward", ""),
        ("t.csv", "age,ward\n".encode("utf-16"), "left", "is not a column of"),
        ("t.csv.gz", gzip.compress(b"age,ward\n"), "ward", ""),
        ("t.csv.gz", gzip.compress(b"age,ward\n"), "left", "is not a column of"),
        ("t.csv.gz", b"age,ward\n", "ward", "cannot be read"),
        ("t.csv.gz", gzip.compress(b"age\n")[:10] + b"\xff" * 9, "x", "cannot be"),
        ("t.csv", b" \n", "ward", "is empty"),
        ("t.csv", b"\xef\xbb\xbf", "ward", "is empty"),
        ("t.csv", b"age,the  ward\n", "the ward", 'Did you mean "the  ward"?'),
        ("t.csv", b"# of Ann\n" + b"column," * 50_000 + b"y\n1,2\n", "y", ""),
        ("t.csv", b"column," * 50_000 + b"y\n1,2\n", "y", ""),
        ("t.csv", b"\x00\xff\x00", "ward", ""),
        ("t.parquet", b"PAR1", "ward", ""),
        ("t.csv", b",".join(b"c%d" % i for i in range(99)), "x", "c11 and 87 more."),
    ],
)
def test_target_is_looked_up_in_the_header(
    name: str, content: bytes, target: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    found = problems(data_source=str(tmp_path / name), target_column=target)
    assert len(found) == bool(words)
    assert words in "".join(found)


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
        ("ssh", "ada@host:/srv"),
    ],
)
def test_invalid_address(remote: str, url: str) -> None:
    (problem,) = problems(remote=remote, remote_url=url)
    assert problem.startswith("remote_url: ")
    assert "secret" not in problem


# A source, a remote and its address, and how to log in instead.
SECRETS = [
    ("https://ada:S3CRET@example.org/a.csv", "download the table"),
    ("https://S3CRET@example.org/a.csv", "download the table"),
    ("https://example.org/a.csv?v=1&key=S3CRET", "download the table"),
    ("https://example.org/a.csv?auth=S3CRET", "download the table"),
    ("https://example.org/a.csv?code=S3CRET", "download the table"),
    ("https://example.org/a.csv?jwt=S3CRET", "download the table"),
    ("https://example.org/a.csv?pass=S3CRET", "download the table"),
    ("https://example.org/a.csv?private_key=S3CRET", "download the table"),
    ("https://example.org/a.csv?subscription-key=S3CRET", "download the table"),
    ("https://example.org/a.csv?session_id=S3CRET", "download the table"),
    ("https://example.org/a.csv#token=S3CRET", "download the table"),
    ("https://example.org/a.csv?X-Amz-Signature=S3CRET", "download the table"),
    ("https://example.org/a.csv?X-Goog-Credential=S3CRET", "download the table"),
    ("https:/example.org/a.csv?token=S3CRET", "download the table"),
    ("s3://me:/S3CRET@bucket/a", "AWS_SECRET_ACCESS_KEY"),
    ("s3://bucket/a?versionId=1&secret=S3CRET", "AWS_SECRET_ACCESS_KEY"),
    ("gs://bucket/a?access_token=S3CRET", "GOOGLE_APPLICATION_CREDENTIALS"),
    ("azure://container/a?sig=S3CRET", "AZURE_STORAGE_CONNECTION_STRING"),
    ("ssh://ada:S3CRET@host/srv", "dvc remote modify --local storage"),
    ("postgresql://ada:S3CRET@host/db", "DATABASE_PASSWORD"),
    ("postgresql://ada:S3CRET@[host/db", "DATABASE_PASSWORD"),
]


@pytest.mark.parametrize(("address", "fix"), SECRETS)
def test_secret_is_refused_and_not_repeated(address: str, fix: str) -> None:
    for answers in (
        {"data_source": address, "target_column": "y"},
        {"remote": "s3", "remote_url": address},
    ):
        (problem,) = problems(**answers)
        assert problem.startswith(tuple(f"{name}: has a" for name in answers))
        assert fix in problem
        assert "S3CRET" not in problem
        assert "\n" not in problem


def test_secret_in_the_address_of_the_template_is_refused_where_it_is_recorded() -> (
    None
):
    private = {"_template": "https://me:S3CRET@example.org/template.git"}
    assert problems(**private) == []
    (problem,) = problems(**private, _commit="0123")
    assert "credential helper" in problem
    assert "S3CRET" not in problem


@pytest.mark.integration
@pytest.mark.parametrize("tool", ["cookiecutter", "cruft"])
@pytest.mark.parametrize(
    "answers",
    [
        {"data_source": "https://ada:S3CRET@example.org/a.csv"},
        {"remote": "s3", "remote_url": "s3://key:S3CRET@bucket/a"},
        {"description": "See https://example.org/?token=S3CRET"},
    ],
    ids=list,
)
def test_secret_reaches_no_file_and_no_message(
    tool: str, answers: dict[str, str], tmp_path: Path, tools: Path, cloned: Path
) -> None:
    """Neither the project, nor what cookiecutter keeps in the user's folders."""
    extra = json.dumps(answers)
    given = [f"{name}={answer}" for name, answer in answers.items()]
    command: list[object] = {
        "cookiecutter": [tools / "cookiecutter", "--no-input", cloned, *given],
        "cruft": [tools / "cruft", "create", "--no-input", cloned, "--extra-context"],
    }[tool]
    variables = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "temporary")}
    for folder in ("temporary", "here"):
        (tmp_path / folder).mkdir()
    command += [extra] if tool == "cruft" else []
    done = run(*command, cwd=tmp_path / "here", check=False, variables=variables)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("error: ")
    assert "S3CRET" not in line
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in left if b"S3CRET" in path.read_bytes()] == []


@pytest.mark.integration
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("project_slug", "../escape"),
        ("project_name", '"""); import os; os.mkdir("../owned"); r("""'),
        ("description", "two\nlines"),
        ("remote_url", "\\"),
    ],
)
def test_invalid_answer_leaves_nothing_behind(
    question: str, answer: str, tmp_path: Path, generate: Generate
) -> None:
    (tmp_path / "here").mkdir()
    answers = OTHER | {question: answer, "package_name": "pandas", "components": "all"}
    done = generate(tmp_path / "here", check=False, **answers)
    assert done.returncode == 1
    errors = done.stdout.splitlines()
    assert all(error.startswith("error: ") for error in errors)
    assert [error.split(": ")[1] for error in errors].count(question) == 1
    assert len(errors) == 3
    assert list((tmp_path / "here").iterdir()) == []
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]


@pytest.mark.integration
@pytest.mark.parametrize(
    "text", ["{{ x }}", "{{ x", "{% x %}", "{{ x.y }}", "}}{{", "{{ 1 / 0 }}"]
)
def test_expression_in_an_answer_is_an_error_in_a_line(
    text: str, tmp_path: Path, generate: Generate
) -> None:
    done = generate(tmp_path, check=False, **OTHER | {"description": text})
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("error: ")
    assert list(tmp_path.iterdir()) == []
