"""Sources as they are typed: paths, URLs, databases."""

from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.sources.source import read_source


def test_path_becomes_absolute_and_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = read_source("sub/../visits.csv.gz")
    assert source.place == str(tmp_path / "visits.csv.gz")
    assert source.name == "visits.csv.gz"
    assert not source.is_url


def test_home_is_expanded() -> None:
    assert read_source("~/visits.csv").place == str(Path.home() / "visits.csv")


def test_link_is_not_resolved_so_that_updates_follow_it(tmp_path: Path) -> None:
    (tmp_path / "latest.csv").symlink_to(tmp_path / "visits-1.csv")
    source = read_source(str(tmp_path / "latest.csv"))
    assert source.place == str(tmp_path / "latest.csv")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://example.org/a/my%20visits.csv?version=2", "my_visits.csv"),
        ("s3://bucket/shop/visits/", "visits"),
        ("gs://bucket/visits.parquet", "visits.parquet"),
        ("azure://container/visits", "visits"),
        ("ssh://anna@host/srv/visits.csv", "visits.csv"),
        ("sub/größe (1).csv", "größe_1_.csv"),
        ("sub/.hidden.csv", "hidden.csv"),
    ],
)
def test_name_is_the_last_part_without_what_a_shell_minds(text: str, name: str) -> None:
    assert read_source(text).name == name


def test_folder_in_the_cloud_has_no_slash_at_its_end() -> None:
    assert read_source("s3://bucket/visits/").place == "s3://bucket/visits"


def test_user_who_does_not_exist_is_part_of_a_name() -> None:
    assert read_source("~nosuchuser.csv").place == str(
        Path("~nosuchuser.csv").resolve()
    )


@pytest.mark.parametrize("url", ["http://[abc/a.csv", "s3://b]/a.csv"])
def test_address_that_is_no_url(url: str) -> None:
    with pytest.raises(UserError, match="is no URL"):
        read_source(url)


def test_name_may_be_given() -> None:
    url = "https://example.org/export?kind=csv"
    assert read_source(url, name="visits.csv").name == "visits.csv"


@pytest.mark.parametrize("text", ["a\nb.csv", "a\x1b[2J.csv", f"{'x' * 240}.csv"])
def test_source_that_no_file_could_be_named_after_is_an_error_of_one_line(
    text: str,
) -> None:
    with pytest.raises(UserError) as error:
        read_source(text)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["../x.csv", "a b.csv", "a.csv.dvc", "x.tmp", "$(x)"])
def test_name_that_would_do_harm_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"--name: .* cannot be the name of a table"):
        read_source("visits.csv", name=name)


def test_pointer_is_no_table() -> None:
    with pytest.raises(UserError, match=r'--name: "visits\.csv\.dvc"'):
        read_source("visits.csv.dvc")


def test_file_of_unknown_kind_must_be_named() -> None:
    with pytest.raises(UserError, match=r"Name the file: --name visits\.csv"):
        read_source("https://example.org/export?kind=csv")


def test_folder_over_http_is_refused() -> None:
    with pytest.raises(UserError, match="a folder cannot be listed"):
        read_source("https://example.org/visits/")


@pytest.mark.parametrize(
    "url",
    [
        "https://anna:hunter2@example.org/visits.csv",
        "https://example.org/visits.csv?sv=1&sig=hunter2",
        "https://example.org/visits.csv?X-Amz-Signature=hunter2",
        "https://example.org/visits.csv?api_key=hunter2",
        "https://example.org/visits.csv?auth=hunter2",
        "https://example.org/visits.csv?x=1&jwt=hunter2",
        "https://example.org/visits.csv?code=hunter2",
        "https://example.org/visits.csv?user_pass=hunter2",
        "https://example.org/visits.csv?private_key=hunter2",
        "https://example.org/visits.csv#access_token=hunter2",
        "https://hunter2@example.org/visits.csv",
        "ssh://anna:hunter2@example.org/visits.csv",
    ],
)
def test_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UserError, match="which Git would record") as info:
        read_source(url)
    assert "hunter2" not in str(info.value)


def test_database_keeps_the_password_apart() -> None:
    url = "postgresql://anna:hunter2@host/shop"
    source = read_source(url, "SELECT 1 AS id", "id")
    assert source.place == "postgresql://anna@host/shop"
    assert source.query is not None
    assert source.query.key == ("id",)
    assert source.name == "shop.csv"
    assert source.password is not None
    assert source.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(source)


def test_file_of_a_database_gives_the_name() -> None:
    source = read_source("sqlite:///data/my shop.db", "SELECT 1 AS id", "id")
    assert source.name == "my_shop.csv"


def test_database_needs_a_query() -> None:
    with pytest.raises(UserError, match="For a database, add --query and --key"):
        read_source("postgresql://host/shop")


def test_unknown_scheme_is_told_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"ftp:// .* DVC reads http, https, s3"):
        read_source("ftp://host/visits.csv")


@pytest.mark.parametrize("text", ["visits.csv", "https://example.org/visits.csv"])
def test_query_without_a_database_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="takes no --query and no --key"):
        read_source(text, "SELECT 1")
