"""Which pages there are, where their links lead, and that a built site is checked."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from reproducible_ml.site.check import drop_pictures_of_others, find_problems
from reproducible_ml.site.pages import Pages, navigation

PICTURE = b"\x89PNG\r\n"

REPOSITORY: dict[str, str | bytes] = {
    "README.md": "# The *best*\n\n[a](docs/a.md#größe-2) [p](params.yaml#L2) [d](.dot)"
    " [w](.dot/config) [m](docs/media/x.png) [o](/docs/b_c/README.md) [s](docs/b_c/)",
    "docs/a.md": "# A\n## Größe (2)\n[up](../README.md) [self](#a) [t](tool.tar)\n",
    "docs/b_c/README.md": "No heading",
    "docs/alone.md": "# Alone\n",
    "docs/media/x.png": PICTURE,
    "docs/tool.tar": b"\0\1",
    ".dot/config": "[core]\n```\n",
    ".dot/other.py": "x = 1\n",
    "params.yaml": "a: 1\nb: 2\n",
    "{{cookiecutter.slug}}/README.md": "# Not of this project\n",
}


def repository(root: Path, files: Mapping[str, str | bytes]) -> Pages:
    """Return the pages of a repository with these files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode("utf-8") if isinstance(content, str) else content
        path.write_bytes(data)
    return Pages(root, files)


def test_links_lead_to_pages_of_the_site(tmp_path: Path) -> None:
    pages = repository(tmp_path / "repository", REPOSITORY)
    output = tmp_path / "pages"
    pages.write(output)
    assert pages.problems == []
    found = {p.relative_to(output).as_posix() for p in output.rglob("*.*")}
    assert found == {
        "README.md",
        "docs/a.md",
        "docs/b_c/README.md",
        "docs/alone.md",
        "docs/media/x.png",
        "docs/tool.tar",
        "params.yaml.md",
        "dot/index.md",
        "dot/config.md",
        "dot/other.py.md",
    }
    home = (output / "README.md").read_text("utf-8")
    assert "[a](docs/a.md#größe-2)" in home
    assert "[p](params.yaml.md)" in home
    assert "[d](dot/index.md) [w](dot/config.md) [m](docs/media/x.png)" in home
    assert "[o](docs/b_c/README.md) [s](docs/b_c/README.md)" in home
    text = (output / "docs/a.md").read_text("utf-8")
    assert "[up](../README.md) [self](#a) [t](tool.tar)" in text
    assert (output / "docs/media/x.png").read_bytes() == PICTURE
    shown = (output / "dot/config.md").read_text("utf-8")
    assert '````ini linenums="1"\n[core]\n```\n````' in shown
    assert "[`other.py`](other.py.md)" in (output / "dot/index.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("docs/none.md", '"docs/none.md": there is no such file'),
        ("docs/a.md#nowhere", "docs/a.md has no such anchor. Fix: one of a, größe-2"),
        ("#nowhere", "README.md has no such anchor"),
        ("params.yaml#b", "params.yaml has no such anchor"),
        ("../outside.md", "leads out of the repository"),
        ("secret.env", "is not in Git"),
    ],
)
def test_link_that_leads_nowhere_is_a_problem(
    link: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.env").write_text("TOKEN=1")
    home = f"# Home\n\ntext\n[x]({link})\n"
    pages = repository(tmp_path, REPOSITORY | {"README.md": home})
    pages.write(tmp_path / "pages")
    [problem] = pages.problems
    assert problem.startswith("README.md line 4: link ")
    assert why in problem
    assert not list((tmp_path / "pages").rglob("secret*"))


def test_link_of_the_disk_leads_to_no_file_outside_of_git(tmp_path: Path) -> None:
    (tmp_path / "secret.env").write_text("TOKEN=1")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/out.md").symlink_to("/etc/hostname")
    (tmp_path / "docs/secret.md").symlink_to("../secret.env")
    (tmp_path / "docs/same.md").symlink_to("../README.md")
    repository(tmp_path, {"README.md": "# Home\n"})
    names = ["README.md", "docs/out.md", "docs/secret.md", "docs/same.md"]
    pages = Pages(tmp_path, names)
    pages.write(tmp_path / "pages")
    assert {*pages.places} == {"README.md", "docs/same.md"}


def test_page_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    pages = repository(tmp_path, {"README.md": "# A\ncafé".encode("latin-1")})
    pages.write(tmp_path / "pages")
    assert pages.problems == ["README.md line 2: is not UTF-8. Fix: save it as UTF-8"]


def test_two_files_with_one_place_are_a_problem(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "README.md": "[a](.x/a.md) [b](x/a.md)",
        ".x/a.md": "",
        "x/a.md": "",
    }
    pages = repository(tmp_path, files)
    pages.write(tmp_path / "pages")
    assert "has the same place in the site as" in pages.problems[0]


def test_navigation_has_what_exists_and_nothing_is_left_out(tmp_path: Path) -> None:
    pages = repository(tmp_path, REPOSITORY)
    pages.write(tmp_path / "pages")
    wanted = [
        {"Start": "README.md"},
        {"Guides": ["docs/a.md", "docs/absent.md", {"Deep": ["docs/*/README.md"]}]},
        {"Absent": ["docs/absent/*.md"]},
    ]
    assert navigation(wanted, pages, {"Code": ["api/index.md"]}) == [
        {"Start": "README.md"},
        {"Guides": [{"A": "docs/a.md"}, {"Deep": ["docs/b_c/README.md"]}]},
        {"More": [{"Alone": "docs/alone.md"}]},
        {"Code": ["api/index.md"]},
        {
            "Files": [
                "dot/config.md",
                "dot/index.md",
                "dot/other.py.md",
                "params.yaml.md",
            ]
        },
    ]
    assert navigation(None, pages, {})[0] == {"Home": "README.md"}


def test_built_site_is_checked(tmp_path: Path) -> None:
    site = {
        "index.html": '<a href="a/b.html#ö">1</a><a href=".">2</a><img src="x.png">'
        '<a href="https://example.org">3</a><a href="gone.html">4</a>'
        '<a href="a/b.html#gone">5</a><script src="//cdn.example.org/x.js"></script>'
        '<link rel="canonical" href="https://example.org/"><a href="a/../../up">6</a>',
        "a/b.html": '<h1 id="ö">x</h1><a href="../index.html">1</a><img src="no.png">',
        "x.png": "",
    }
    for name, text in site.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert find_problems(tmp_path) == [
        "a/b.html: links to no.png, but the site has no such file",
        "index.html: would load //cdn.example.org/x.js from another host",
        "index.html: links to gone.html, but the site has no such file",
        "index.html: links to a/b.html#gone, but that page has no such anchor",
        "index.html: links to a/../../up, but the site has no such file",
    ]


def test_pictures_of_other_hosts_become_their_words(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    badge = (
        '<a href="ci"><img alt="CI: passed" src="https://img.example.org/x.svg"></a>'
    )
    own = '<img alt="y" src="y.png"><code>&lt;img src="https://x"&gt;</code>'
    page.write_text(f'{badge}<img src="//a.org/b">{own}', "utf-8")
    assert [*drop_pictures_of_others(tmp_path)] == ["index.html"]
    assert page.read_text("utf-8") == f'<a href="ci">CI: passed</a>(picture){own}'
    assert [*drop_pictures_of_others(tmp_path)] == []
