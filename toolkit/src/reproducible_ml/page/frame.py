"""The frame of a page: one text that holds all that it shows.

A page asks nothing of a network: a policy in its head forbids it, and allows no style
or script but its own, by their hashes.
"""

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from reproducible_ml.page.markup import Html, tag


def html_page(
    title: str,
    *,
    header: Iterable[Any],
    sections: Iterable[tuple[str, str, Any]],
    footer: Iterable[Any],
    made_from: str = "",
) -> str:
    """Return a page.

    Args:
        title: What it is about.
        header: What stands below the title.
        sections: Anchor, title and content of each.
        footer: What stands at the end.
        made_from: A hash of all that it shows, to be found again.
    """
    style, script = asset("style.css"), asset("script.js")
    found = [*sections]
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        Html('<meta charset="utf-8">\n'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'),
        Html(f'<meta name="made-from" content="{made_from}">\n'),
        Html(
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<link rel="icon" href="data:,">\n'
        ),
        tag("title", title),
        tag("style", style),
    )
    links = [tag("li", tag("a", name, href=f"#{at}")) for at, name, _ in found]
    body = tag(
        "body",
        tag("a", "Skip to the results", href="#main", class_="skip"),
        tag("header", tag("h1", title), *header),
        tag("nav", tag("ul", *links), aria_label="Sections"),
        tag(
            "main",
            *(
                tag("section", tag("h2", name, id=at), content, aria_labelledby=at)
                for at, name, content in found
            ),
            id="main",
        ),
        tag("footer", *footer),
        tag("script", script),
    )
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def asset(name: str) -> Html:
    """Return a style sheet or script of this folder."""
    return Html(files("reproducible_ml.page").joinpath(name).read_text("utf-8"))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def written_by(command: str, time: str) -> list[Any]:
    """Return a footer that says which command wrote a page, and when."""
    return [
        "Written by ",
        tag("code", command),
        f" at {time}. It holds all that it shows, and asks nothing of a network.",
    ]
