"""The report page: complete, safe, readable, and written only if it changed."""

import base64
import hashlib
import html
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reproducible_ml.card.facts import read_facts
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.page import page as module
from reproducible_ml.page.frame import asset
from reproducible_ml.page.page import PAGE, show, write_page
from tumour_diagnosis.models.card import describe

from .results import HOSTILE, LONG, commit, write

TITLES = {
    "Metrics",
    "What it is for",
    "Plots",
    "Groups of rows",
    "Data",
    "Pipeline",
    "Protected groups",
}
VOID = ("meta", "link", "br", "hr")

# May be followed by a click, and are no requests by themselves.
LINKS = re.compile("https?://|#")


class Reader(HTMLParser):
    """Reads a page strictly: each element ends, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[int] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [value for _, found, value in self.attributes if found == name]


def make(root: Path, outdated: tuple[tuple[str, str], ...] = ()) -> str:
    return write_page(Project(root), outdated).read_text("utf-8")


def add_card(root: Path) -> None:
    reports = root / "reports"
    fields, catalog = root / "docs/model_card.yaml", root / "data/catalog.yaml"
    facts = read_facts(fields, catalog, root / "models/model.json", reports)
    text = describe(facts)
    write(reports / "model_card.md", text)


def test_page_is_complete_and_nothing_in_it_is_markup_or_a_request(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    add_card(root)
    text = make(root)
    page = Reader(text)
    assert len(text.encode()) < 3_000_000
    titles = set(re.findall(r"<h2 [^>]*>(.*?)</h2>", text))
    assert {*TITLES, "Partial dependence", "Versions", "Model card"} <= titles
    assert "Where the value is missing: " in text
    assert "Not defined for: few." in text
    assert " - to -" not in text
    assert "First line. Second line." in text
    # What users named is text.
    assert page.tags["img"] == page.tags["b"] == 0
    assert html.escape(HOSTILE) in text
    assert "javascript:" not in "".join(page.values("href"))
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    # Nothing is asked of a network, and no style is in an attribute.
    assert page.values("src") == page.values("srcset") == page.values("style") == []
    assert "data:," in page.values("href")
    others = [v for v in page.values("href") if v != "data:,"]
    assert all(map(LINKS.match, others))
    assert not re.search(r"url\(|@import", asset("style.css"))
    assert not re.search(r"fetch|XMLHttp|import|innerHTML", asset("script.js"))


def test_policy_allows_exactly_this_style_and_this_script(root: Path) -> None:
    text = make(root)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none';")
    for tag, name in (("style", "style.css"), ("script", "script.js")):
        [found] = re.findall(f"<{tag}>(.*?)</{tag}>", text, flags=re.S)
        assert found == asset(name)
        digest = hashlib.sha256(found.encode()).digest()
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_page_can_be_read_without_seeing_it(root: Path) -> None:
    text = make(root)
    page = Reader(text)
    assert page.tags["h1"] == page.tags["main"] == page.tags["nav"] == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    ids = page.values("id")
    assert len(ids) == len({*ids})
    assert {link[1:] for link in page.values("href") if link[:1] == "#"} <= {*ids}
    assert page.tags["table"] == page.tags["caption"] > 3
    figures = re.findall(r"<figure.*?</figure>", text, flags=re.S)
    drawn = [figure for figure in figures if "<svg" in figure]
    assert len(drawn) > 5
    for figure in drawn:
        assert re.search(r'<svg [^>]*role="img"', figure)
        assert re.search(r'<svg [^>]*aria-label="[^"]', figure)
        assert "<details><summary" in figure
        assert "<caption>" in figure
    for svg in re.findall("<svg [^>]*>", text):
        assert "aria-label" in svg or 'aria-hidden="true"' in svg


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_page_without_a_report_lacks_only_what_is_about_it(
    task: str, results: Callable[[str], Path]
) -> None:
    root = results(task)
    reports = [*(root / "reports").rglob("*.*"), root / "docs/model_card.yaml"]
    for path in [each for each in reports if each.suffix in (".json", ".csv", ".yaml")]:
        content = path.read_bytes()
        for broken in (None, b"{]"):
            if path.suffix == ".yaml" and broken:
                continue
            path.unlink() if broken is None else path.write_bytes(broken)
            text = make(root)
            Reader(text)
            titles = {*re.findall(r"<h2 [^>]*>(.*?)</h2>", text)}
            assert titles >= TITLES, path
            path.write_bytes(content)


def test_page_says_whether_results_are_those_of_the_commit(
    results: Callable[[str], Path],
) -> None:
    root = results("binary")
    commit_of = ["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"]
    head = subprocess.check_output(commit_of, text=True).strip()
    first = make(root)
    assert "<strong>Results of commit</strong>" in first
    assert f"<code>{head}</code>" in first
    write(root / "notes.md", "x")
    assert "without effect on results" in make(root)
    write(root / "reports/metrics.json", '{"roc_auc": 0.4}')
    assert "<strong>Not committed</strong>" in make(root)
    text = make(root, (("train", f"{HOSTILE} is modified"),))
    assert "<strong>Out of date</strong>" in text
    assert html.escape(f"train: {HOSTILE} is modified") in text


def test_page_is_written_only_if_what_it_shows_changed(
    results: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = results("multiclass")
    page = root / PAGE
    first = make(root)
    os.utime(page, ns=(1, 1))
    make(root)
    assert page.stat().st_mtime_ns == 1
    page.unlink()
    assert make(root) == first
    for change in (
        lambda: write(root / "reports/search.csv", "trial,score,deviation\n1,2,3"),
        lambda: write(root / "params.yaml", "data: {target: other, task: multiclass}"),
        lambda: commit(root, HOSTILE),
        lambda: subprocess.run(["git", "-C", str(root), "tag", "other"], check=True),
        lambda: write(page, "something else"),
    ):
        os.utime(page, ns=(1, 1))
        change()
        make(root)
        assert page.stat().st_mtime_ns != 1


def test_show_opens_the_page_or_prints_its_path(
    results: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = results("binary")
    monkeypatch.setattr(module, "find_outdated", lambda *_, **__: [("train", "gone")])
    show(Project(root), browser=False)
    assert capsys.readouterr().out == f"{(root / PAGE).resolve()}\n"
    assert "train: gone" in (root / PAGE).read_text("utf-8")
    opened: list[str] = []

    def opens(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    show(Project(root), browser=True)
    assert opened == [(root / PAGE).resolve().as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    show(Project(root), browser=True)
    assert "No browser was found. Open /" in capsys.readouterr().out
    (root / "reports/metrics.json").unlink()
    with pytest.raises(UserError, match="Fix: run `make repro`"):
        show(Project(root), browser=False)


def test_versions_are_shown_with_intervals_and_where_they_cannot_be_compared(
    results: Callable[[str], Path],
) -> None:
    root = results("binary")
    assert "No version of the model is registered yet" in make(root)
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "tag", "-a", "model@v1.0.0", "-m", "x"], check=True)
    params = (root / "params.yaml").read_text("utf-8")
    write(root / "params.yaml", params.replace("target: target", "target: other"))
    commit(root, "Another question")
    subprocess.run([*git, "tag", "-a", "model@v2.0.0", "-m", "x"], check=True)
    subprocess.run([*git, "tag", "-a", "model#prod#1", "-m", "x"], check=True)
    text = make(root)
    assert "v1.0.0" in text
    assert "in prod" in html.unescape(text)
    assert "0.5000 (0.4500 to 0.5500)" in text
    assert "data.target changed: the metrics mean something else" in text
    # A clone of the last commit, as in CI, may lack tags.
    shallow = root.parent / "shallow"
    url = f"file://{root}"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", url, str(shallow)], check=True
    )
    assert "has only the last commits" in make(shallow)


def test_long_names_are_cut_in_pictures_and_whole_in_tables(
    results: Callable[[str], Path],
) -> None:
    text = make(results("binary"))
    words = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert max(map(len, map(html.unescape, words))) <= 60
    assert re.search(rf'<th scope="row">{LONG}</th>', text)
