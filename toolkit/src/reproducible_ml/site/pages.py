"""Which pages the site has, and where the links between them lead.

The folder of pages mirrors the repository. A page links to other pages, to pictures,
and to files that are no pages, as params.yaml: of these the site has a page that shows
them. So a link leads to the same commit, on a server, on a disk, or without either.
"""

import html
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from reproducible_ml.core.errors import one_line
from reproducible_ml.core.files import write_text
from reproducible_ml.site.drawing import draw_flowchart
from reproducible_ml.site.flowchart import FlowchartError
from reproducible_ml.site.markdown import Document, Link

HOME = "README.md"
# Pages of every site: these, all in docs/, and the README of each folder.
ALWAYS = ("CONTRIBUTING.md", "CHANGELOG.md", "reports/model_card.md")
DOCS = "docs/"
REPORT = "reports/index.html"

PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico"}
# A longer file is offered as it is, instead of on a page (bytes).
LONG = 300_000
# Pages of files are not found by the search.
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n"

PLAIN = re.compile(r"[\w.-]+")

# Files of a folder that are linked in its list.
LISTED = 60

LANGUAGES = {
    ".cfg": "ini", ".css": "css", ".html": "html", ".ini": "ini", ".ipynb": "json",
    ".js": "js", ".json": "json", ".lock": "yaml", ".py": "python", ".sh": "sh",
    ".sql": "sql", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
NAMES = {"Makefile": "make", "Dockerfile": "docker", "config": "ini", ".cff": "yaml"}


class Pages:
    """The pages of a site.

    Args:
        root: Of the repository.
        files: What Git tracks or would track, relative to the root, with slashes. Other
            files, as tables and local settings, are never in a site.

    Attributes:
        places: The file of each page or picture in the site, by its path in the
            repository; folders end with a slash.
        problems: Links that lead nowhere, a line each.
        notes: Diagrams that are shown as text, a line each.
    """

    def __init__(self, root: Path, files: Iterable[str]) -> None:
        self.root = root
        known = {*files}
        self.files = {name for name in known if _is_inside(root, name, known)}
        self.places: dict[str, str] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._waiting: list[str] = []
        self._documents: dict[str, Document] = {}

    def write(self, output: Path) -> None:
        """Write all pages, those that are linked included.

        Args:
            output: An empty folder.
        """
        for name in sorted(self.files):
            inside = name.startswith(DOCS) and name.endswith(".md")
            # The folder of a template of cookiecutter has pages that are not filled in.
            about = PurePosixPath(name).name == HOME and "{{" not in name
            if inside or about or name in ALWAYS:
                self._place(name)
        while self._waiting:
            name = self._waiting.pop()
            target = output / self.places[name]
            if name.endswith("/"):
                write_text(self._listing(name), target)
            elif name.endswith(".md"):
                write_text(self._page(name), target)
            elif target.suffix == ".md":
                write_text(self._shown(name), target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.root / name, target)

    def add(self, name: str, output: Path) -> None:
        """Copy a file of the repository as it is, as a style sheet of the site."""
        target = output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / name, target)

    def title(self, name: str) -> str:
        """Return the title of a page; empty if it has none."""
        return self._document(name).title() if name in self.files else ""

    def entry(self, name: str) -> Any:
        """Return a page as the navigation has it: by its title, if it has one.

        MkDocs itself does not see a title after a comment. It takes titles for HTML.
        """
        title = html.escape(self.title(name))
        return {title: self.places[name]} if title else self.places[name]

    def _place(self, name: str) -> str:
        """Return the file of the site for a file of the repository."""
        if name not in self.places:
            # A server may hide folders that begin with a dot.
            parts = [part.lstrip(".") or part for part in name.rstrip("/").split("/")]
            place = "/".join(parts)
            if name.endswith("/"):
                place += "/index.md"
            elif not name.endswith(".md") and self._is_shown(name):
                place += ".md"
            taken = {found.casefold(): known for known, found in self.places.items()}
            if other := taken.get(place.casefold()):
                self.problems.append(
                    f"{one_line(name)}: has the same place in the site as {other}. Fix:"
                    " rename one of them"
                )
            self.places[name] = place
            self._waiting.append(name)
        return self.places[name]

    def _is_shown(self, name: str) -> bool:
        """Return whether a file is text that fits on a page."""
        path = self.root / name
        if path.suffix.lower() in PICTURES or path.stat().st_size > LONG:
            return False
        try:
            return "\0" not in path.read_text("utf-8")
        except UnicodeDecodeError:
            return False

    def _document(self, name: str) -> Document:
        if name not in self._documents:
            content = (self.root / name).read_bytes()
            try:
                text = content.decode("utf-8")
            except UnicodeDecodeError as error:
                line = content.count(b"\n", 0, error.start) + 1
                self.problems.append(
                    f"{one_line(name)} line {line}: is not UTF-8. Fix: save it as UTF-8"
                )
                text = ""
            self._documents[name] = Document(text)
        return self._documents[name]

    def _page(self, name: str) -> str:
        """Return a page with its links and diagrams as the site has them."""

        def draw(text: str, line: int) -> str | None:
            try:
                return f'<div class="diagram">{draw_flowchart(text)}</div>'
            except FlowchartError as error:
                self.notes.append(
                    f"{name} line {line}: the diagram is shown as text: {error}"
                )
                return None

        return self._document(name).rewrite(
            lambda link: self._resolve(name, link), draw
        )

    def _resolve(self, name: str, link: Link) -> str | None:
        """Return where a link of a page leads in the site."""
        written = one_line(f"{link.path}{'#' if link.anchor else ''}{link.anchor}")
        where = f'{one_line(name)} line {link.line}: link "{written}"'
        target = name
        if link.path:
            start = "" if link.path.startswith("/") else posixpath.dirname(name)
            bare = link.path.partition("?")[0].lstrip("/")
            target = posixpath.normpath(posixpath.join(start, bare))
        if target.startswith("../") or target == "..":
            self.problems.append(f"{where}: leads out of the repository")
            return None
        found = self._find(target)
        if found is None:
            here = (self.root / target).exists()
            why = "is not in Git" if here else "there is no such file"
            fix = "`git add` it, or remove the link" if here else "correct the path"
            self.problems.append(f"{where}: {why}. Fix: {fix}")
            return None
        anchor = self._anchor(found, link.anchor)
        if anchor is None:
            known = "L1, L2 …"
            if found.endswith(".md"):
                known = ", ".join(sorted(self._document(found).anchors())[:LISTED])
            self.problems.append(
                f"{where}: {found} has no such anchor. Fix: one of {known}"
            )
            return None
        end = f"#{anchor}" if anchor else ""
        if found == name and end:
            return end
        here_in_site = posixpath.dirname(self.places[name])
        path = posixpath.relpath(self._place(found), here_in_site or ".")
        return f"{quote(path)}{end}"

    def _find(self, target: str) -> str | None:
        """Return the file that a path stands for; a folder has a page or a list."""
        if target in self.files:
            return target
        if target == ".":
            return HOME if HOME in self.files else None
        if any(name.startswith(f"{target}/") for name in self.files):
            page = f"{target}/README.md"
            return page if page in self.files else f"{target}/"
        return None

    def _anchor(self, name: str, anchor: str) -> str | None:
        """Return the anchor in the site, empty for the page; None if there is none."""
        if not anchor:
            return ""
        if name.endswith(".md"):
            known = self._document(name).anchors()
            found = next((a for a in (anchor, anchor.lower()) if a in known), None)
            # MkDocs wants those of headings as they are.
            return quote(found) if found and not PLAIN.fullmatch(found) else found
        # The lines of a file are no anchors for MkDocs.
        is_line = re.fullmatch(r"L\d+(-L\d+)?", anchor)
        return "" if is_line and not name.endswith("/") else None

    def _shown(self, name: str) -> str:
        """Return a page that shows a file."""
        path = self.root / name
        text = path.read_text("utf-8")
        ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
        language = LANGUAGES.get(path.suffix.lower()) or next(
            (kind for key, kind in NAMES.items() if path.name.endswith(key)), "text"
        )
        start = f'{ticks}{language} linenums="1"'
        return f"{UNSEARCHED}# {code(name)}\n\n{start}\n{text.rstrip()}\n{ticks}\n"

    def _listing(self, name: str) -> str:
        """Return a page that lists the files of a folder."""
        inside = sorted(one for one in self.files if one.startswith(name))
        here = posixpath.dirname(self.places[name])
        lines = []
        for one in inside:
            shown = code(one.removeprefix(name))
            if len(inside) <= LISTED:
                path = posixpath.relpath(self._place(one), here or ".")
                shown = f"[{shown}]({quote(path)})"
            lines.append(f"- {shown}")
        return "\n".join([f"{UNSEARCHED}# {code(name)}", "", *lines, ""])


def _is_inside(root: Path, name: str, known: set[str]) -> bool:
    """Return whether a file exists; a link must lead to another file of Git."""
    path = root / name
    if not path.is_file():
        return False
    if not any((root / part).is_symlink() for part in (name, *_parents(name))):
        return True
    real, start = path.resolve(), root.resolve()
    return real.is_relative_to(start) and real.relative_to(start).as_posix() in known


def _parents(name: str) -> Iterator[str]:
    return (parent.as_posix() for parent in PurePosixPath(name).parents)


def code(text: str) -> str:
    """Return Markdown that shows a text as code, whatever is in it."""
    ticks = "`" * (1 + max([0, *map(len, re.findall("`+", text))]))
    blank = " " if "`" in text else ""
    return f"{ticks}{blank}{one_line(text)}{blank}{ticks}"


def navigation(wanted: Any, pages: Pages, others: dict[str, list[Any]]) -> list[Any]:
    """Return the navigation: what is wanted and exists, then all else.

    Args:
        wanted: `nav` of mkdocs.yml: paths in the repository, with `*` for any text, in
            lists by their titles.
        pages: All pages.
        others: Pages that were made otherwise, by the title of their section.
    """
    shown = [name for name in pages.places if name.endswith(".md")]
    left = dict.fromkeys(sorted(shown, key=lambda name: (name.count("/"), name)))

    def entries(items: Any) -> Iterator[Any]:
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, dict):
                for title, inner in item.items():
                    if isinstance(inner, str) and inner in left:
                        del left[inner]
                        yield {str(title): pages.places[inner]}
                    elif found := [*entries(inner)]:
                        yield {str(title): found}
            else:
                for name in [name for name in left if fnmatchcase(name, str(item))]:
                    del left[name]
                    yield pages.entry(name)

    known = [*entries(wanted or [])]
    rest: dict[str, list[Any]] = {}
    for name in left:
        if name == HOME:
            known.insert(0, {"Home": pages.places[name]})
            continue
        folder = name.removeprefix(DOCS).split("/")
        section = folder[0] if len(folder) > 1 else "more"
        title = section.strip(".").replace("_", " ").capitalize() or section
        rest.setdefault(title, []).append(pages.entry(name))
    files = sorted(
        place
        for name, place in pages.places.items()
        if place.endswith(".md") and not name.endswith(".md")
    )
    made = {**rest, **others, **({"Files": files} if files else {})}
    return [*known, *({html.escape(name): found} for name, found in made.items())]
