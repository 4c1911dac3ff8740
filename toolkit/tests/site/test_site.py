"""`rml site` on a copy of this repository, and its pages in a browser."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from reproducible_ml.card.markdown import code, plain, table
from reproducible_ml.site.environment import FOLDER

from ..copies import ROOT, copy_files
from ..serving.browser import CHROMIUM, Page, open_page

pytestmark = pytest.mark.slow

CLI = (sys.executable, "-m", "reproducible_ml.cli", "site")

# A page of which each line is read differently by GitHub and by Python-Markdown, or is
# dangerous for templates.
ODD = """\
# Größe & `x_y` — {{ braces }}

Text {% raw %} {{ cookiecutter.name }} {not: attributes}
- list after text, with __init__ and a_b_c
  1. nested

     ```sh
     echo "{{ x }}" <b>
     ```
  2. second
- `a \\| b` ~~gone~~
In the year
1950. it was

| a | b |
| --- | --- |
| `x \\| y` | {z} |

## Größe & `x_y` — {{ braces }}

## \\_\\_price\\_\\_ of

[price](#__price__-of)
[first](#größe--x_y--{{-braces-}})
[up](../README.md) [line](../params.yaml#L3) [folder](../data)
![badge](https://img.example.org/badge.svg)

```mermaid
sequenceDiagram
  A->>B: shown as text
```
"""
ODD = ODD.replace("#größe--x_y--{{-braces-}}", "#größe--x_y---braces-")

DIAGRAM = ODD.splitlines().index("```mermaid") + 1


class Text(HTMLParser):
    """What a reader of HTML sees, and how many elements of each kind there are."""

    COUNTED = ("li", "ol", "ul", "td", "th", "pre", "img", "h2", "h3", "strong", "em")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.counts = dict.fromkeys(self.COUNTED, 0)
        self.hidden: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Skip what the theme adds."""
        ours = dict(attrs).get("class") in ("headerlink", "filename", "diagram")
        if self.hidden or tag in ("svg", "form", "nav") or ours:
            if tag not in ("img", "br", "input", "hr"):
                self.hidden.append(tag)
        elif tag in self.counts:
            self.counts[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """Note the end of what is skipped."""
        if self.hidden and self.hidden[-1] == tag:
            self.hidden.pop()

    def handle_data(self, data: str) -> None:
        """Keep text."""
        if not self.hidden:
            self.words.append(data)

    @property
    def seen(self) -> str:
        """The text without blanks."""
        return re.sub(r"\s+", "", "".join(self.words))


def run(project: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(CLI, cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, site_python: Path) -> Path:
    """A copy of the repository with an odd page, and its site."""
    folder = tmp_path_factory.mktemp("copy")
    copy_files(folder)
    (folder / "docs/odd_page.md").write_text(ODD, "utf-8")
    with (folder / "docs/experiments.md").open("a", encoding="utf-8") as page:
        page.write("\n[odd](odd_page.md)\n")
    # Its own environment would be the same.
    (folder / ".venv").mkdir()
    (folder / FOLDER).symlink_to(ROOT / FOLDER)
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "-mx"),
    ):
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"warning: docs/odd_page.md line {DIAGRAM}: the diagram is shown as text:"
        ' "sequenceDiagram" is no flow chart',
        "warning: docs/odd_page.html: a picture of another host is left out",
    ]
    return folder


def pages(project: Path) -> list[tuple[str, Path]]:
    """Return each page that people write, and its HTML."""
    tracked = subprocess.check_output(
        ["git", "ls-files", "*.md"], cwd=project, text=True
    )
    found = []
    for name in tracked.splitlines():
        place = "/".join(part.lstrip(".") for part in name.split("/"))
        place = re.sub(r"(^|/)README\.md$", r"\1index.md", place)
        html = (project / "site" / place).with_suffix(".html")
        if html.exists():
            found.append((name, html))
    return found


def test_pages_say_what_github_says(project: Path) -> None:
    """Same text, same lists, tables, code and headings, of each page."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    found = pages(project)
    assert len(found) > 25
    for name, html in found:
        text = (project / name).read_text("utf-8")
        text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
        text = re.sub(r"^```mermaid\nflow.*?^```", "", text, flags=re.S | re.M)
        text = re.sub(r"!\[(.*?)\]\(https:.*?\)", r"\1", text)
        article = re.search(
            r"<article.*?>(.*?)</article>", html.read_text("utf-8"), re.S
        )
        assert article
        wanted, got = Text(parser.render(text)), Text(article[1])
        assert got.seen == wanted.seen, name
        assert got.counts == wanted.counts, name


def test_all_that_people_write_is_in_the_site(project: Path) -> None:
    names = {name for name, _ in pages(project)}
    tracked = subprocess.check_output(
        ["git", "ls-files", "*.md"], cwd=project, text=True
    )
    assert {n for n in tracked.splitlines() if n.startswith("docs/")} <= names
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "reports/model_card.md",
    ):
        assert name in names
    site = project / "site"
    report = (site / "reports/index.html").read_text("utf-8")
    assert "roc_auc" in report
    assert 'href="reports/index.html"' in (site / "results.html").read_text("utf-8")
    assert "rml serve" in (site / "commands.html").read_text("utf-8")
    for package in ("tumour_diagnosis.features", "reproducible_ml.core"):
        assert (site / f"api/{package}.html").is_file()


def test_second_build_is_fast_and_a_change_is_seen(project: Path) -> None:
    start = time.monotonic()
    assert "is up to date" in run(project).stdout
    took = time.monotonic() - start
    page = project / "docs/odd_page.md"
    page.write_text(f"{ODD}\nsomething new\n", "utf-8")
    start = time.monotonic()
    assert "is built" in run(project).stdout
    assert took < (time.monotonic() - start) / 2
    assert "something new" in (project / "site/docs/odd_page.html").read_text("utf-8")


def test_broken_links_are_named_and_the_old_site_stays(project: Path) -> None:
    page = project / "docs/odd_page.md"
    before = (project / "site/index.html").stat().st_mtime_ns
    page.write_text(f"{ODD}\n[a](none.md) [b](#none)\n[c](../.venv/x)\n", "utf-8")
    done = run(project)
    assert done.returncode == 1
    line = len(ODD.splitlines()) + 2
    problems = done.stderr.splitlines()
    assert problems[0].startswith(
        f'error: docs/odd_page.md line {line}: link "none.md": there is no such file'
    )
    assert f'line {line}: link "#none": docs/odd_page.md has no such' in problems[1]
    assert f'line {line + 1}: link "../.venv/x": there is no such file' in problems[2]
    assert len(problems) == 3
    assert (project / "site/index.html").stat().st_mtime_ns == before
    page.write_text(ODD, "utf-8")


async def set_screen(page: Page, width: int, scheme: str) -> None:
    scheme_of = {"name": "prefers-color-scheme", "value": scheme}
    await page.call("Emulation.setEmulatedMedia", features=[scheme_of])
    await page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=width < 500,
    )


COLOUR = "getComputedStyle(document.body).backgroundColor"
FOUND = "[...document.querySelectorAll('.md-search-result__link')].map((a) => a.href)"
# A page may be wider than the screen only inside of what scrolls by itself.
WIDTH = "document.documentElement.scrollWidth"


async def look(page: Page, site: Path) -> None:
    for name in (
        "index.html",
        "docs/solution_architecture.html",
        "docs/odd_page.html",
        "api/reproducible_ml.core.html",
        "params.yaml.html",
        "results.html",
    ):
        await page.call("Page.navigate", url=(site / name).as_uri())
        await page.until(f"location.pathname.endsWith({name!r})")
        await page.until("document.readyState == 'complete'")
        for width in (390, 1280):
            for scheme, dark in (("light", False), ("dark", True)):
                await set_screen(page, width, scheme)
                # The theme follows the system by itself.
                await page.until(
                    f"({COLOUR} == 'rgb(255, 255, 255)') != {str(dark).lower()}"
                )
                await page.until(f"{WIDTH} == {width}")


async def search(page: Page, words: str, target: str) -> None:
    await page.run("document.querySelector('.md-search__input').focus()")
    await page.call("Input.insertText", text=words)
    await page.until(f"{FOUND}.some((found) => found.includes({target!r}))")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_site_in_a_browser_from_the_disk(project: Path, tmp_path: Path) -> None:
    # Elsewhere, under a name that must be escaped, and without the repository.
    site = tmp_path / "a site, größer #1"
    shutil.copytree(project / "site", site)

    async def visit() -> tuple[list[str], list[str]]:
        home = (site / "index.html").as_uri()
        async with open_page(home, tmp_path / "profile") as page:
            await look(page, site)
            await search(page, "bounds of outliers", "docs/")
            return page.messages, page.requests

    messages, requests = asyncio.run(visit())
    assert messages == []
    outside = [one for one in requests if not one.startswith(("file:///", "data:"))]
    assert outside == []
    assert any("search_index.js" in one for one in requests)


@pytest.fixture
def small(tmp_path: Path, site_python: Path) -> Path:
    """A project of a README and a package, which is built in seconds."""
    for name, text in {
        "README.md": "# Small\n",
        "code/own/__init__.py": '"""Own."""\n',
        "dvc.yaml": "stages: {}\n",
        "pyproject.toml": '[tool.reproducible_ml]\npackage = "own"\n',
        ".gitignore": ".venv\n.dvc\n/site/\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "environments").mkdir()
    for name in ("mkdocs.yml", "environments/site.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / FOLDER).symlink_to(ROOT / FOLDER)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("mkdocs.yml", "a: [\n", "mkdocs.yml: is not valid YAML: line 2"),
        ("mkdocs.yml", "nope: 1\n", "Unrecognised configuration name: nope"),
        ("mkdocs.yml", "theme: none_such\n", "Unrecognised theme name"),
        ("site/mine.txt", "x", "site: is no site that this command wrote"),
        ("api/README.md", "# Mine\n", "api/index.md: the site has a page of this name"),
        ("README.md", None, "README.md: there is no such file"),
        ("environments/site.txt", None, "environments/site.txt: there is no such file"),
    ],
)
def test_what_is_wrong_is_a_line(
    small: Path, name: str, text: str | None, error: str
) -> None:
    path = small / name
    path.parent.mkdir(exist_ok=True)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    done = run(small)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert error in line
    assert not (small / "site/index.html").exists()


# What would be an element, an attribute or the end of one, if it were not escaped.
HOSTILE = (
    "Evil | </title><img src=x onerror=alert(1)> <script>alert(2)</script> `c`"
    ' [l](javascript:alert(3)) {: onclick=alert(4) } " onfocus="alert(5)'
)


class Dangerous(HTMLParser):
    """Elements that no page should have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note elements with scripts of others."""
        known = dict(attrs)
        inner = ("x", *(v for v in known.values() if v and v.startswith("javascript")))
        events = {key for key in known if key.startswith("on")}
        if events or known.get("src") in inner or known.get("href") in inner:
            self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        """Note scripts."""
        if self.cdata_elem == "script" and "alert(2)" in data:
            self.found.append(data)


def test_text_of_people_is_no_element_on_any_page(small: Path) -> None:
    text = plain(HOSTILE)
    cells = table(["a"], [[text], [code(HOSTILE, 300)]])
    page = f"# {text}\n\n{text}\n\n- {text}\n\n{cells}\n"
    for name in ("README.md", "docs/a.md", "docs/<b>/c.md"):
        (small / name).parent.mkdir(parents=True, exist_ok=True)
        (small / name).write_text(page.replace("Evil", f"Evil {name[-4]}", 1), "utf-8")
    (small / "docs/good.md").write_text("# Good\n")
    done = run(small)
    assert done.returncode == 0, done.stderr
    built = sorted((small / "site").rglob("*.html"))
    assert {"a.html", "good.html"} <= {path.name for path in built}
    for path in built:
        html = path.read_text("utf-8")
        assert not Dangerous(html).found, path
        assert html.count("</title>") == html.count("<title>"), path
    seen = Text((small / "site/docs/a.html").read_text("utf-8")).seen
    assert seen.count("<imgsrc=xonerror=alert(1)>") >= 5


def test_two_at_once_wait_for_each_other(small: Path) -> None:
    settings = (small / "mkdocs.yml").read_text("utf-8")
    (small / "mkdocs.yml").write_text(
        settings.replace("  font: false", "  font: false\n  custom_dir: own_theme")
        + 'site_url: !ENV [NOT_SET, "https://example.org/below/"]\n'
        "extra_css: [docs/own.css]\n",
        "utf-8",
    )
    for name, text in {
        "own_theme/main.html": '{% extends "base.html" %}{% block announce %}NEWS'
        "{% endblock %}",
        "docs/own.css": "body { --own: 1 }",
    }.items():
        (small / name).parent.mkdir()
        (small / name).write_text(text)
    both = [
        subprocess.Popen(CLI, cwd=small, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = sorted(one.communicate()[0].strip() for one in both)
    assert [one.returncode for one in both] == [0, 0]
    assert said == ["site/index.html is built.", "site/index.html is up to date."]
    # Settings with tags and paths are taken as MkDocs takes them.
    page = (small / "site/index.html").read_text("utf-8")
    assert "NEWS" in page
    assert "docs/own.css" in page
    assert "https://example.org/below/" in page
    assert not [*(small / ".dvc/tmp/rml/site").glob("busy*")]
