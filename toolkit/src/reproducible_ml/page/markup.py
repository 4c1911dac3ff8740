"""HTML that cannot be broken by what is in it: text is escaped unless it is `Html`."""

import html
import math
from collections.abc import Iterable
from typing import Any

from reproducible_ml.core.errors import one_line

# Characters of a name in a picture, and of a value in a table.
SHORT = 20
LONG = 200

# Rows of a table.
ROWS = 1000


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(content: Any) -> Html:
    """Return content as HTML: on one line and escaped, unless it is HTML already."""
    if isinstance(content, Html):
        return content
    return Html(html.escape(one_line(str(content))))


def tag(name: str, *children: Any, **attributes: Any) -> Html:
    """Return an element.

    Args:
        name: Of the element.
        children: What it holds; text is escaped.
        attributes: `_` in their names stands for `-`, and one at the end is dropped;
            None and False leave an attribute out.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{said}>{join(children)}</{name}>")


def _value(value: Any) -> str:
    if value is True:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else html.escape(str(value))


def join(parts: Iterable[Any]) -> Html:
    """Return parts one after the other."""
    return Html("".join(map(escaped, parts)))


def short(text: Any, width: int = SHORT) -> str:
    """Return at most `width` characters of a text."""
    line = one_line(str(text))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def number(value: Any) -> str:
    """Return a number in few characters, a dash for none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return short(value, LONG)
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0:
        return "0"
    if abs(value) < 0.0001 or abs(value) >= 1e7:
        return f"{value:.2e}"
    if value == int(value) and abs(value) >= 1000:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4f}"


def table(caption: str, header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Html:
    """Return a table that scrolls by itself where it is wider than the page."""
    cells = [[*row] for row in rows]
    more = len(cells) - ROWS
    body = (
        tag("tr", tag("th", row[0], scope="row"), *map(_cell, row[1:]))
        for row in cells[:ROWS]
    )
    known = tag(
        "table",
        tag("caption", caption, f" (the first {ROWS:,} rows)" if more > 0 else ""),
        tag("thead", tag("tr", *(tag("th", name, scope="col") for name in header))),
        tag("tbody", *body),
    )
    return tag(
        "div", known, class_="scroll", role="region", tabindex=0, aria_label=caption
    )


def _cell(content: Any) -> Html:
    if isinstance(content, int | float) or content is None:
        return tag("td", number(content), class_="number")
    return tag("td", content)


def folded(summary: str, *content: Any, title: str = "") -> Html:
    """Return content that is shown when its summary is clicked.

    Args:
        summary: What is shown before.
        content: What is shown then.
        title: What it is about, for screen readers.
    """
    label = f"{summary}: {title}" if title else None
    return tag("details", tag("summary", summary, aria_label=label), *content)
