"""What must not be committed: secrets, large files; and the table of licenses."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from reproducible_ml.doctor.environment import license_of, license_table
from reproducible_ml.doctor.repository import file_problems
from reproducible_ml.sources.secrets import find_secret

from ..copies import ROOT

SECRETS = [
    "url = https://user:S3CRET@example.org/x",
    "url = https://S3CRET@example.org/x",
    "path: https://example.org/x.csv?token=S3CRET",
    "path: https://example.org/x.csv?a=1&X-Amz-Signature=S3CRET",
    "path: https://example.org/x.csv?code=S3CRET",
    "path: https://example.org/x.csv#access_token=S3CRET",
    "path: https://example.org/x.csv?jwt=S3CRET",
    "url: postgresql://me:S3CRET@db.example.org/shop",
    "url: 'mssql://h/d?odbc_connect=Uid=me;Pwd=S3CRET'",
    "url: mssql://h/d?odbc_connect=Uid%3Dme%3BPWD%3DS3CRET",
    "    password = S3CRET",
    "    secret_access_key = S3CRET",
    "    connection_string = S3CRET",
    "    account_key = S3CRET",
    "    token = ghp_S3CRETS3CRETS3CRETS3CRETS3CRETS3CRET",
    "    access_key_id = AKIAS3CRETS3CRETS3CR",
]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.ini", "password = S3CRET\n", 'line 1: holds a secret, "password"'),
        ("a.yaml", "a: 1\nurl: https://me:S3CRET@x.org/\n", "line 2: holds a URL"),
        ("a.py", "URL = 'https://x.org/a.csv?sig=S3CRET'\n", "line 1: holds a URL"),
        ("a.md", "ghp_S3CRETS3CRETS3CRETS3CRETS3CRETS3CRET\n", "a token or key"),
        ("a.pem", "-----BEGIN RSA PRIVATE KEY-----\n", "a token or key"),
        ("a.txt", "no end", "has no line break at its end"),
        ("a.csv", "1\n" * 600_000, "has 1.2 MB"),
    ],
)
def test_file_that_should_not_be_committed(
    name: str, text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    (problem,) = file_problems([tmp_path / name])
    assert problem.startswith(str(tmp_path / name))
    assert words in problem
    assert "Fix: " in problem
    assert "S3CRET" not in problem


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.py", b"token = read()\npassword = os.environ['PASSWORD']\n"),
        ("a.ini", b"password = ${PASSWORD}\n"),
        ("a.png", b"\x89PNG\0password = S3CRET"),
        ("empty", b""),
    ],
)
def test_file_that_may_be_committed(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert file_problems([tmp_path / name, tmp_path / "gone"]) == []


def test_this_repository_passes_its_own_check() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    config = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    (excluded,) = re.findall("exclude: (.*)", config)
    names = [
        name
        for name in listed.stdout.decode().split("\0")
        if name and not re.search(excluded, name)
    ]
    assert len(names) > 200
    assert file_problems([ROOT / name for name in names]) == []


@pytest.mark.skipif(sys.platform != "linux", reason="some packages are missing")
def test_page_of_licenses_is_that_of_the_lock() -> None:
    table = license_table(ROOT / "environments/runtime.txt")
    assert table in (ROOT / "environments/README.md").read_text("utf-8")


def test_page_of_licenses_names_every_package_with_duties() -> None:
    page = (ROOT / "environments/README.md").read_text("utf-8")
    table, duties = page.split("## Licenses")[1].split("### What that means")
    rows = re.findall(r"\| (\S.*) \| (.*) \|", table)
    for text, packages in rows:
        if re.search("GPL|EPL|MPL", text):
            assert all(name in duties for name in packages.split(", ")), packages
    assert "LGPL" not in table
    assert not re.search("unknown|not installed", table)


def test_license_is_what_the_package_states() -> None:
    assert license_of("pandas") == "BSD-3-Clause"
    assert license_of("skops") == "MIT"
    assert license_of("no-such-package") == "not installed here"


@pytest.mark.parametrize("line", SECRETS)
def test_secret(line: str) -> None:
    found = find_secret(line)
    assert found
    assert "S3CRET" not in found


@pytest.mark.parametrize(
    "line",
    [
        "url = ssh://me@example.org/data",
        "url: postgresql://me@db.example.org/shop",
        "url = https://example.org/data?version=2&monkey=1",
        "url = s3://bucket/keys/token=1/password",
        "    ask_password = true",
        "    keyfile = /home/me/.ssh/id",
        "    access_key_id = me",
        "    credentialpath = ../gs.json",
        "    password =",
        "query: SELECT token, code FROM visits WHERE key = 1 AND password='x'",
        "- md5: 0123456789abcdef0123456789abcdef",
    ],
)
def test_no_secret(line: str) -> None:
    assert find_secret(line) is None
