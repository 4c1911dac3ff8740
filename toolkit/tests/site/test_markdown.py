"""Pages of GitHub as Python-Markdown reads them in the same way."""

import pytest

from reproducible_ml.site.markdown import Document, Link


def written(text: str) -> str:
    """Return a page whose links all stay."""
    return Document(text).rewrite(lambda _: None, lambda *_: None)


def followed(text: str) -> tuple[str, list[Link]]:
    """Return a page whose links all lead to NEW, and the links."""
    links: list[Link] = []

    def resolve(link: Link) -> str:
        links.append(link)
        return "NEW"

    return Document(text).rewrite(resolve, lambda *_: None), links


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("# Größe & `x_y`\n", ["größe--x_y"]),
        ("# A\n## A\n## A-1\n### A\n", ["a", "a-1", "a-1-1", "a-2"]),
        ("Two\nlines\n===\n\n## End ##\n", ["two-lines", "end"]),
        ("```\n# no\n```\n# *Yes*, [it](x.md) is!\n", ["yes-it-is"]),
        ("---\ntitle: x\n# no\n---\n# 3.11 — 日本\n", ["311--日本"]),
        ("# __init__ and {braces}\n", ["init-and-braces"]),
        ("# !!!\n", [""]),
    ],
)
def test_headings_have_the_anchors_of_github(text: str, anchors: list[str]) -> None:
    document = Document(text)
    assert [heading.anchor for heading in document.headings()] == anchors
    page = written(text)
    for anchor in filter(None, anchors):
        assert f"{{: #{anchor} }}\n" in page


def test_anchor_with_underscores_that_would_be_emphasis() -> None:
    assert written("## \\_\\_price\\_\\_ #\n") == (
        '## <a id="__price__"></a>\\_\\_price\\_\\_\n'
    )


def test_heading_that_is_underlined_stays_one() -> None:
    assert written("Two\nlines\n---\ntext") == "## Two lines {: #two-lines }\n\n\ntext"


def test_links_are_found_where_they_are_and_nowhere_else() -> None:
    text = (
        "---\nname: '[no](front.md)'\n---\n"
        "[a](one.md#at), `[no](code.md)` ![b](<two words.png> 'title')\n"
        "[c](with\\_escape.md) [d][ref] [![e](inner.png)](outer.md)\n"
        "[f](https://example.org) [g](mailto:a@b.c) \\[no](text.md)\n\n"
        "    [no](indented.md)\n\n"
        "```\n[no](fence.md)\n```\n\n"
        '<a href="tag.md">x</a> <img alt="y" src="tag.png">\n\n'
        "| a |\n| --- |\n| [h](cell%20one.md) |\n\n"
        "- item\n  [i](item.md?raw=1)\n\n"
        "[ref]: reference.md 'title'\n"
    )
    page, links = followed(text)
    assert [link.path for link in links] == [
        "one.md",
        "two words.png",
        "with_escape.md",
        "inner.png",
        "outer.md",
        "tag.md",
        "tag.png",
        "cell one.md",
        "item.md?raw=1",
        "reference.md",
    ]
    assert [link.line for link in links] == [4, 4, 5, 5, 5, 14, 14, 18, 21, 23]
    assert links[0].anchor == "at"
    assert page.count("NEW") == len(links)
    assert "![b](NEW 'title')" in page
    assert "[![e](NEW)](NEW)" in page
    assert page.count("[no]") + page.count("\\[no]") == 6
    assert "https://example.org" in page


def test_lists_are_indented_as_python_markdown_wants_them() -> None:
    text = (
        "Text\n"
        "- one\n"
        "  wrapped\n"
        "  - inner\n\n"
        "    more\n"
        "- two\n\n"
        "Text\n\n"
        "10. ten\n\n"
        "    ```sh\n"
        "    a\n"
        "      b\n"
        "    ```\n"
        "11. eleven\n"
    )
    assert written(text) == (
        "Text\n\n"
        "- one\n"
        "    wrapped\n"
        "    - inner\n\n"
        "        more\n\n"
        "- two\n\n"
        "Text\n\n"
        "10. ten\n\n"
        "    ```sh\n"
        "    a\n"
        "      b\n"
        "    ```\n\n"
        "11. eleven\n"
    )


def test_what_python_markdown_alone_takes_for_markup_is_escaped() -> None:
    # The first line of a paragraph would be a list for GitHub as well.
    assert written("In the year\n1950. It was\n") == "In the year\n1950\\. It was\n"
    assert written("a {x} `{x}`\n") == "a &#123;x} `{x}`\n"
    assert written("{{ name }} {% if %}") == "&#123;&#123; name }} &#123;% if %}"
    assert written("[b](c.md){: .button }") == "[b](c.md){: .button }"
    table = "| a |\n| --- |\n| `x \\| y` |\n"
    assert "| <code>x &#124; y</code> |" in written(table)
    assert '<details markdown="1">' in written("<details>\n\n*x*\n\n</details>")


def test_other_signs_begin_another_list_and_a_heading_needs_a_blank() -> None:
    assert written("- a\n* b\n") == "- a\n\n<!-- -->\n\n* b\n"
    assert written("#no heading\n#1 of\n") == "\\#no heading\n\\#1 of\n"
    assert written("> a\n> - b\n") == "> a\n>\n> - b\n"
    assert written("- a\n  ## B\n") == "- a\n\n    ## B {: #b }\n"


def test_footnotes_are_no_links() -> None:
    page, links = followed("text[^1]\n\n[^1]: Foot.\n")
    assert links == []
    assert page == "text[^1]\n\n[^1]: Foot.\n"


def test_table_and_code_need_no_blank_line_around_them() -> None:
    text = "Text\n| a |\n| --- |\n| b |\n\nText\n```\nx\n```\nText"
    assert written(text) == (
        "Text\n\n| a |\n| --- |\n| b |\n\nText\n\n```\nx\n```\n\nText"
    )
