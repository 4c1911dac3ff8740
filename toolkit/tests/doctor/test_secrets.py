"""What is a secret in a file of DVC, and what is not."""

import pytest

from reproducible_ml.sources.secrets import find_secret

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
