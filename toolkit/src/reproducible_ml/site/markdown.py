"""Markdown as GitHub reads it, made into Markdown that MkDocs reads in the same way.

The pages are written for GitHub, whose dialect differs from that of Python-Markdown:
what belongs to a list item, where a list or table may begin, which escapes there are,
what the anchors of headings are called. markdown-it, which follows GitHub's, says what
the parts of a page are; only lines where the dialects differ are changed.
"""

import html
import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from unicodedata import category
from urllib.parse import unquote

# Columns by which Python-Markdown wants the content of a list item to be indented.
INDENT = 4

FRONT_MATTER = re.compile(r"---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*\n", re.M | re.S)
SCHEME = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:|//)")

# The destination of a link or picture, of a reference, and of a tag of HTML.
INLINE = re.compile(r"\]\(\s*(<[^<>\n]*>|[^\s()<]+(?:\([^\s()]*\)[^\s()]*)*)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]\n^][^\]\n]*\]:\s*(<[^<>\n]*>|\S+)", re.M)
TAG = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)\s*=\s*[\"']([^\"'>]*)[\"']", re.I)
ANCHOR = re.compile(r"<[a-z][^>]*?\b(?:id|name)\s*=\s*[\"']([^\"'>]+)[\"']", re.I)

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
# Braces that Python-Markdown would take for the attributes of what is before them;
# those of an identifier or a class are meant so.
BRACE = re.compile(r"(?<!\\)\{(?![:%]?\s*[.#][\w-])")
# Underscores that are not within a word.
LOOSE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
WRAPPED = re.compile(r"^(\s*)(\d*)([-+*.)])(?=\s)")
MARKER = re.compile(r"([-+*]|\d{1,9}[.)])(\s+|$)")
DETAILS = re.compile(r"<(details|div)(?![^>]*\bmarkdown\b)(?=[\s>])", re.I)


class Link(NamedTuple):
    """A link that does not lead to another host.

    Attributes:
        path: As written, without escapes; empty for the page itself.
        anchor: What follows `#`.
        line: Where it is, from 1.
    """

    path: str
    anchor: str
    line: int


# What may follow a paragraph for GitHub, but not for Python-Markdown.
APART = ("bullet_list_open", "fence", "ordered_list_open", "table_open")

# Where a link leads in the site; None if it stays as it is.
Resolve = Callable[[Link], str | None]


class Heading(NamedTuple):
    """A heading, with the anchor that GitHub gives to it."""

    text: str
    anchor: str
    level: int
    line: int


class Blocks(NamedTuple):
    """What of a page Python-Markdown wants to be indented, or apart from other lines.

    Attributes:
        items: Of lists, the outer ones first: the first line, the line after the last,
            and the column of the content.
        starts: Lines that need a blank one before them, and whether also a comment.
        ends: Lines that need a blank one before them if they are not blank.
        quoted: As `starts`, within quotes.
    """

    items: list[tuple[int, int, int]]
    starts: dict[int, bool]
    ends: set[int]
    quoted: set[int]


class Document:
    """A page of Markdown.

    Args:
        text: What the file holds.
    """

    def __init__(self, text: str) -> None:
        from markdown_it import MarkdownIt

        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        start = FRONT_MATTER.match(text)
        self.front_matter = start.group() if start else ""
        # Blank, so that lines keep their numbers.
        body = "\n" * self.front_matter.count("\n") + text[len(self.front_matter) :]
        self.lines = body.expandtabs(INDENT).split("\n")
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        self.parser = parser
        self.references: dict[str, Any] = {}
        self.tokens = parser.parse("\n".join(self.lines), self.references)

    def headings(self) -> list[Heading]:
        """Return the headings, in order."""
        found: list[Heading] = []
        used: dict[str, int] = {}
        for token, content in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type == "heading_open" and token.map:
                text = plain_text(content)
                anchor = slug = slugify(text)
                while anchor in used:
                    used[slug] += 1
                    anchor = f"{slug}-{used[slug]}"
                used[anchor] = 0
                found.append(Heading(text, anchor, int(token.tag[1]), token.map[0] + 1))
        return found

    def anchors(self) -> set[str]:
        """Return the anchors of headings and of HTML tags."""
        tags = (
            ANCHOR.findall(token.content)
            for token in self._all_tokens()
            if token.type in ("html_block", "html_inline")
        )
        return {heading.anchor for heading in self.headings()}.union(*tags)

    def title(self) -> str:
        """Return the text of the first heading, empty if there is none."""
        return next((heading.text for heading in self.headings()), "")

    def _pairs(self) -> Iterator[tuple[str, Any]]:
        """Yield each token with the type of the one before."""
        before = ""
        for token in self.tokens:
            yield before, token
            before = token.type

    def _all_tokens(self) -> Iterator[Any]:
        for token in self.tokens:
            yield token
            yield from token.children or ()

    def rewrite(self, resolve: Resolve, draw: Callable[[str, int], str | None]) -> str:
        """Return the page for MkDocs.

        Args:
            resolve: Returns where a link leads in the site.
            draw: Returns the HTML of a diagram, by the text of a block of mermaid and
                its line; None if it stays text.
        """
        lines = [*self.lines]
        self._rewrite_links(lines, resolve)
        self._escape(lines)
        self._write_anchors(lines)
        self._open_html(lines)
        drawn = self._draw(draw)
        body = [*self._indent(lines, drawn)][self.front_matter.count("\n") :]
        return self.front_matter + "\n".join(body)

    def _rewrite_links(self, lines: list[str], resolve: Resolve) -> None:
        """Replace destinations, each where markdown-it says that there is a link."""
        for token in self.tokens:
            if not token.map or token.type not in ("inline", "html_block"):
                continue
            known = {
                str(child.attrs.get("href") or child.attrs.get("src"))
                for child in token.children or ()
                if child.type in ("link_open", "image")
            }
            self._replace(lines, token.map, INLINE, resolve, known)
            tags = [token, *(token.children or ())]
            if any(each.type in ("html_inline", "html_block") for each in tags):
                self._replace(lines, token.map, TAG, resolve)
        for reference in self.references.get("references", {}).values():
            if where := reference.get("map"):
                known = {reference["href"]}
                self._replace(lines, where, REFERENCE, resolve, known)

    def _replace(
        self,
        lines: list[str],
        where: Sequence[int],
        pattern: re.Pattern[str],
        resolve: Resolve,
        known: set[str] | None = None,
    ) -> None:
        """Replace the destinations in some lines for which `resolve` has another one.

        Args:
            lines: Of the page; changed in place.
            where: The first of the lines, and the line after the last.
            pattern: Group 1 is a destination.
            resolve: Returns where it leads.
            known: Destinations that are links, as markdown-it writes them; None: all.
        """
        first, end = where
        text = "\n".join(lines[first:end])
        parts, place = [], 0
        for found in pattern.finditer(without_code(text)):
            written = text[found.start(1) : found.end(1)]
            bare = written[1:-1] if written.startswith("<") else written
            bare = html.unescape(ESCAPED.sub(r"\1", bare))
            if known is not None and self.parser.normalizeLink(bare) not in known:
                continue
            if SCHEME.match(bare):
                continue
            path, _, anchor = bare.partition("#")
            line = first + text.count("\n", 0, found.start()) + 1
            target = resolve(Link(unquote(path), unquote(anchor), line))
            if target is not None:
                parts += [text[place : found.start(1)], target]
                place = found.end(1)
        lines[first:end] = "".join([*parts, text[place:]]).split("\n")

    def _escape(self, lines: list[str]) -> None:
        """Escape what Python-Markdown alone takes for markup."""
        in_table = False
        for before, token in self._pairs():
            in_table = token.type == "table_open" or (
                in_table and token.type != "table_close"
            )
            if token.type != "inline" or not token.map:
                continue
            first, end = token.map
            text = "\n".join(lines[first:end])
            parts, place = [], 0
            for brace in BRACE.finditer(without_code(text)):
                parts += [text[place : brace.start()], "&#123;"]
                place = brace.end()
            text = "".join([*parts, text[place:]])
            if in_table:
                text = CODE.sub(_pipes, text)
            changed = text.split("\n")
            # A line that only continues a paragraph begins no list.
            changed[1:] = [WRAPPED.sub(r"\1\2\\\3", line) for line in changed[1:]]
            if before == "paragraph_open":
                changed = [re.sub(r"^(\s*)#", r"\1\\#", line) for line in changed]
            lines[first:end] = changed

    def _write_anchors(self, lines: list[str]) -> None:
        found = iter(self.headings())
        for token in self.tokens:
            if token.type != "heading_open" or not token.map:
                continue
            first, end = token.map
            name = next(found).anchor
            start, anchor = "", f" {{: #{name} }}" if name else ""
            if LOOSE.search(name):
                # Python-Markdown would take its underscores for emphasis.
                start, anchor = f'<a id="{name}"></a>', ""
            if token.markup in ("=", "-"):  # underlined
                words = " ".join(line.strip() for line in lines[first : end - 1])
                signs = "#" * int(token.tag[1])
                lines[first:end] = [f"{signs} {start}{words}{anchor}"]
                lines[first + 1 : first + 1] = [""] * (end - first - 1)
            else:
                bare = re.sub(r"\s+#+\s*$", "", lines[first].rstrip())
                lines[first] = re.sub(r"(#\s+)", rf"\1{start}", bare, count=1) + anchor

    def _open_html(self, lines: list[str]) -> None:
        """Let Markdown in HTML be Markdown, where a blank line says that it is."""
        for token in self.tokens:
            if token.type == "html_block" and token.map:
                for number in range(*token.map):
                    lines[number] = DETAILS.sub(r'<\1 markdown="1"', lines[number])

    def _draw(
        self, draw: Callable[[str, int], str | None]
    ) -> dict[tuple[int, int], str]:
        drawn = {}
        for token in self.tokens:
            if token.type == "fence" and token.info.strip() == "mermaid" and token.map:
                picture = draw(token.content, token.map[0] + 1)
                if picture is not None:
                    first, end = token.map
                    drawn[first, end] = picture
        return drawn

    def _indent(
        self, lines: list[str], drawn: dict[tuple[int, int], str]
    ) -> Iterator[str]:
        """Yield the lines, with list items as Python-Markdown wants them."""
        items, starts, ends, quoted = self._blocks()
        pictures = {first: (end, text) for (first, end), text in drawn.items()}
        number = 0
        before = ""
        while number < len(lines):
            around = [item for item in items if item[0] <= number < item[1]]
            if number in starts and before.strip():
                yield ""
            if starts.get(number):
                yield from ("<!-- -->", "")
            if number in pictures:
                end, text = pictures[number]
                yield from (" " * INDENT * len(around) + t for t in text.split("\n"))
                before, number = text, end
                continue
            line = _shift(lines[number], number, around)
            if number in quoted and before.strip(" >"):
                yield line[: len(line) - len(line.lstrip(" >"))].rstrip()
            before = line
            yield before
            number += 1
            if number in ends and number < len(lines) and lines[number].strip():
                yield ""
                before = ""

    def _blocks(self) -> Blocks:
        items: list[tuple[int, int, int]] = []
        starts: dict[int, bool] = {}
        ends: set[int] = set()
        quoted: set[int] = set()
        paragraphs: dict[int, int] = {}
        quotes = 0
        for before, token in self._pairs():
            quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
            if not token.map:
                continue
            first, end = token.map
            if quotes:
                if token.type in APART:
                    quoted.add(first)
                continue
            if token.type == "list_item_open":
                # After an item of several blocks, one that is not apart would belong
                # to the last of them.
                if any(
                    number in starts or not self.lines[number].strip()
                    for item in items
                    if item[1] == first
                    for number in range(*item[:2])
                ):
                    starts.setdefault(first, False)
                outer = [item[2] for item in items if item[0] <= first < item[1]]
                column = self._content_column(first, max(outer, default=0))
                items.append((first, end, column))
            elif token.type == "paragraph_open":
                paragraphs[end] = first
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                # Below the first paragraph of an item, Python-Markdown needs none.
                inner = {item[0] for item in items}
                if token.level == 0 or paragraphs.get(first, first) not in inner:
                    starts.setdefault(first, False)
                # Another sign begins another list.
                if token.level == 0 and before.endswith("_list_close"):
                    starts[first] = True
            elif token.type in ("fence", "table_open"):
                starts.setdefault(first, False)
                ends.add(end)
            elif token.type == "heading_open" and token.level:
                starts.setdefault(first, False)
        return Blocks(items, starts, ends, quoted)

    def _content_column(self, number: int, start: int) -> int:
        """Return the column at which the content of a list item begins."""
        line = self.lines[number]
        marker = MARKER.match(line, _first_column(line, start))
        assert marker
        blanks = len(marker[2])
        # After more blanks comes indented code.
        known = blanks if line[marker.end() :].strip() and blanks <= INDENT else 1
        return marker.end(1) + known


def _first_column(line: str, start: int) -> int:
    """Return the column of the first character that is not blank, from a start."""
    return start + len(line[start:]) - len(line[start:].lstrip())


def _shift(line: str, number: int, around: list[tuple[int, int, int]]) -> str:
    """Return a line of list items with the indentation of Python-Markdown."""
    if not around or not line.strip():
        return line
    opened = [item for item in around if item[0] == number]
    if not opened:
        column = around[-1][2]
        known = len(line) - len(line.lstrip())
        return " " * INDENT * len(around) + line[min(column, known) :]
    # The marker of each item that begins here, at the place of its level.
    start = around[-len(opened) - 1][2] if len(opened) < len(around) else 0
    text = " " * INDENT * (len(around) - len(opened))
    for item in opened:
        marker = line[_first_column(line, start) : item[2]].strip()
        # GitHub reads `1)` as `1.`; a line may open several levels.
        marker = marker.replace(")", ".")
        text += marker.ljust(INDENT) if item != opened[-1] else f"{marker} "
        start = item[2]
    return text + line[start:]


def _pipes(code: re.Match[str]) -> str:
    """Return code of a table in which a pipe needs no backslash."""
    if r"\|" not in code.group():
        return code.group()
    words = code[2].strip().replace(r"\|", "|")
    # Within a tag, it would read Markdown.
    inert = (f"&#{ord(c)};" if c in string.punctuation else c for c in words)
    return f"<code>{''.join(inert)}</code>"


def without_code(text: str) -> str:
    """Return text of the same length in which code is blank."""
    return CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), text)


def plain_text(token: Any) -> str:
    """Return the text that a reader sees."""
    parts = []
    for child in token.children or ():
        if child.type == "image":
            continue
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type in ("text", "code_inline", "text_special"):
            parts.append(child.content)
    return "".join(parts).strip()


def slugify(text: str) -> str:
    """Return the anchor that GitHub gives to a heading with this text."""
    kept = (c for c in text.strip().lower() if c in "-_ " or category(c)[0] in "LMN")
    return "".join(kept).replace(" ", "-")
