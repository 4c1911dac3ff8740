"""Check a built site: each link leads somewhere, and nothing comes from other hosts."""

import re
from collections.abc import Iterator
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes with an address that a browser loads by itself.
LOADED = {
    "audio": ("src",), "embed": ("src",), "iframe": ("src",), "img": ("src", "srcset"),
    "link": ("href",), "object": ("data",), "script": ("src",),
    "source": ("src", "srcset"), "video": ("src", "poster"),
}  # fmt: skip
# Of `link`: not loaded.
NAMED = {"canonical", "prev", "next", "alternate", "edit"}

PICTURE = re.compile(r"<img\b[^>]*?\bsrc=\"(?:https?:)?//[^\"]*\"[^>]*>", re.I)
# To the last end in its line, as a title may hold one.
TITLE = re.compile(r"(?m)^([ \t]*<title>)(.*)(</title>[ \t]*)$")
WORDS = re.compile(r"\balt=\"([^\"]*)\"")


class Read(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and the anchor of a tag."""
        known = {key: value or "" for key, value in attrs}
        self.anchors.update(filter(None, (known.get("id"), known.get("name"))))
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        if tag == "link" and NAMED & {*known.get("rel", "").split()}:
            return
        for key in LOADED.get(tag, ()):
            if known.get(key):
                self.loaded.append(known[key].split()[0])


def drop_pictures_of_others(site: Path) -> Iterator[str]:
    """Replace pictures of other hosts, as badges, by their words; yield the pages."""
    for path in sorted(site.rglob("*.html")):
        text = path.read_text("utf-8")

        def words(picture: re.Match[str]) -> str:
            found = WORDS.search(picture.group())
            return found[1] if found and found[1] else escape("(picture)")

        if PICTURE.search(text):
            path.write_text(PICTURE.sub(words, text), "utf-8", newline="\n")
            yield path.relative_to(site).as_posix()


def escape_titles(site: Path) -> None:
    """Escape titles of pages, of which the theme makes HTML again."""
    for path in sorted(site.rglob("*.html")):
        text = path.read_text("utf-8")
        new = TITLE.sub(
            lambda found: found[1] + escape(unescape(found[2]), quote=False) + found[3],
            text,
            count=1,
        )
        if new != text:
            path.write_text(new, "utf-8", newline="\n")


def find_problems(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere, and each request to others.

    Args:
        site: Folder of the built site. Pages that hold all that they show, such as the
            report, are checked as well.
    """
    pages = {
        path.relative_to(site).as_posix(): Read(path.read_text("utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    files = {path.relative_to(site).as_posix() for path in site.rglob("*")}
    problems = []
    for name, page in pages.items():
        for address in dict.fromkeys(page.loaded):
            if urlsplit(address).netloc or address.startswith("//"):
                problems.append(f"{name}: would load {address} from another host")
            elif not address.startswith("data:"):
                problems += _missing(name, address, pages, files)
        for address in dict.fromkeys(page.links):
            problems += _missing(name, address, pages, files)
    return problems


def _missing(
    name: str, address: str, pages: dict[str, Read], files: set[str]
) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return
    if name == "404.html" and parts.path.startswith("/"):
        return  # it is shown at any address, so it knows where the site will be
    path = unquote(parts.path)
    target = _normal(Path(name).parent / path) if path else name
    if target not in files and target != ".":
        yield f"{name}: links to {address}, but the site has no such file"
    elif parts.fragment and target in pages:
        anchors = pages[target].anchors
        if (
            not {parts.fragment, unquote(parts.fragment)} & anchors
            and parts.fragment != "__top"
        ):
            yield f"{name}: links to {address}, but that page has no such anchor"


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return path.as_posix()
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."
