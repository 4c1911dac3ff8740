"""The model card, as HTML: its Markdown is rendered, but no HTML in it is."""

import re
from typing import Any

from reproducible_ml.page.markup import Html, folded, join, tag

FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n", re.S)

# Headings of the card lie below that of the section.
BELOW = 2


def card_section(text: str | None) -> Html:
    """Return the card, nothing if there is none."""
    if not text:
        return Html()
    found = FRONT_MATTER.match(text)
    body = text[found.end() :] if found else text
    metadata = tag("pre", _verbatim(found[1])) if found else ""
    return join(
        [
            folded("Read the model card", tag("div", render(body), class_="card")),
            folded("Its metadata for the Hugging Face Hub", metadata) if found else "",
        ]
    )


def _verbatim(text: str) -> Html:
    """Return lines as they are."""
    return Html("\n".join(join([line]) for line in text.splitlines()))


def render(text: str) -> Html:
    """Return Markdown as HTML; HTML in it is shown as text."""
    # `rich`, which prints Markdown to terminals, depends on it.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    # Pictures would be requests.
    parser.disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            level = min(6, int(token.tag[1]) + BELOW)
            token.tag = f"h{level}"
        for child in token.children or ():
            if child.type == "link_open":
                child.attrs["rel"] = "noreferrer"
        # Alignment is a style, which the page does not allow in attributes.
        style = str(token.attrs.pop("style", ""))
        if "right" in style:
            token.attrs["class"] = "number"
    rendered: Any = parser.renderer.render(tokens, parser.options, {})
    start = '<div class="scroll" role="region" tabindex="0" aria-label="table">'
    shown = rendered.replace("<table>", f"{start}<table>")
    return Html(shown.replace("</table>", "</table></div>"))
