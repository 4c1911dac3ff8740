"""Pages of packages from their docstrings, read by griffe without importing anything.

It runs in the environment of the site, as a program: griffe is installed there alone.
"""

import html
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.files import write_text
from reproducible_ml.page.markup import Html, join, tag

# What a line of code may have; longer signatures have a line for each argument.
WIDTH = 88
# The search puts what people wrote for readers first.
LESS_SEARCHED = "---\nsearch:\n  boost: 0.3\n---"

# Of a default value or the value of an attribute.
LONG = 60

TITLES = {
    "parameters": "Arguments",
    "other parameters": "More arguments",
    "attributes": "Attributes",
    "returns": "Returns",
    "yields": "Yields",
    "receives": "Receives",
    "raises": "Raises",
    "warns": "Warns",
}


class Package(NamedTuple):
    """A package whose pages are written.

    Attributes:
        name: As it is imported.
        folder: Where it is looked for.
    """

    name: str
    folder: str


def main() -> None:
    """Write the pages that standard input asks for; print their list as JSON."""
    asked = json.load(sys.stdin)
    packages = [Package(**package) for package in asked["packages"]]
    written = write_pages(packages, Path(asked["output"]))
    json.dump(written, sys.stdout)


def write_pages(packages: Iterable[Package], output: Path) -> dict[str, Any]:
    """Write a page for each package and each package in it.

    Args:
        packages: Those to read.
        output: Folder for the pages.

    Returns:
        `pages`: the names of files by package; `problems`: docstrings that say
        something else than the code, and files that cannot be read.
    """
    problems: list[str] = []
    _listen(problems)
    pages: dict[str, list[str]] = {}
    rows = []
    for package in packages:
        pages[package.name] = []
        for folder in _folders(package, problems):
            text = _page(folder)
            if text is not None:
                name = f"{folder.name}.md"
                write_text(text, output / name)
                pages[package.name].append(name)
                rows.append((folder.name, name, _summary(folder.package)))
    if rows:
        write_text(_index(rows), output / "index.md")
    return {"pages": pages, "problems": problems}


class Folder(NamedTuple):
    """A package, or a folder of modules in one.

    Attributes:
        name: As it is imported.
        package: What its `__init__.py` holds; None without one.
        modules: Its public modules, by name.
    """

    name: str
    package: Any
    modules: dict[str, Any]


def _folders(package: Package, problems: list[str]) -> Iterator[Folder]:
    """Yield a package and the packages in it, the outer ones first."""
    root = Path(package.folder, package.name)
    for folder in (root, *sorted(path for path in root.rglob("*") if path.is_dir())):
        parts = folder.relative_to(root).parts
        if any(part.startswith((".", "_")) for part in parts):
            continue
        name = ".".join([package.name, *parts])
        start = folder / "__init__.py"
        known = _read(name, start, problems) if start.is_file() else None
        modules = {
            path.stem: module
            for path in sorted(folder.glob("*.py"))
            if not path.stem.startswith("_")
            and (module := _read(f"{name}.{path.stem}", path, problems))
        }
        if known or modules:
            yield Folder(name, known, modules)


def _read(name: str, path: Path, problems: list[str]) -> Any:
    """Return what a file holds; None if it cannot be read."""
    import griffe

    try:
        return griffe.visit(name, filepath=path, code=path.read_text("utf-8"))
    except (SyntaxError, ValueError) as error:
        line = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        problems.append(f"{path}{line}: has no page: it cannot be read: {error}")
        return None


def _listen(problems: list[str]) -> None:
    """Let what griffe warns of become problems."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            problems.append(record.getMessage())

    logger = logging.getLogger("griffe")
    logger.handlers = [Handler(logging.WARNING)]
    logger.propagate = False


def _page(folder: Folder) -> str | None:
    """Return the page of a package, None if there is nothing to say."""
    parts = []
    if folder.package:
        parts += [_docstring(folder.package), *_members(folder.package, 2)]
    for name, module in folder.modules.items():
        shown = [_docstring(module), *_members(module, 3)]
        if any(shown):
            parts += [f"## `{name}` {{: #{module.path} }}", _source(module), *shown]
    if not any(parts):
        return None
    known = [LESS_SEARCHED, f"# `{folder.name}`", *filter(None, parts)]
    return "\n\n".join(known) + "\n"


def _index(rows: list[tuple[str, str, str]]) -> str:
    """Return the page that lists all packages."""
    lines = [
        f"| [`{path}`]({name}) | {escaped_inline(summary)} |"
        for path, name, summary in rows
    ]
    head = ["# Code", "", "What the docstrings say, by package.", ""]
    return "\n".join([*head, "| package | is for |", "| --- | --- |", *lines, ""])


def _summary(module: Any) -> str:
    """Return the first sentence of a docstring, on one line."""
    text = module.docstring.value if module and module.docstring else ""
    return " ".join(clean(text).split("\n\n")[0].split())


def _members(owner: Any, level: int) -> Iterator[str]:
    """Yield the public functions and classes that are defined in a module."""
    for name, member in owner.members.items():
        if member.is_alias or name.startswith("_") or member.is_module:
            continue
        if member.is_function:
            yield from _function(member, level)
        elif member.is_class:
            yield from _class(member, level)
        elif member.docstring:
            yield f"{'#' * level} `{name}` {{: #{member.path} }}"
            yield _fence(_assigned(member))
            yield _docstring(member)


def _function(function: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{function.name}` {{: #{function.path} }}"
    yield _fence(signature(function))
    yield _docstring(function)


def _class(kind: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{kind.name}` {{: #{kind.path} }}"
    bases = ", ".join(map(str, kind.bases))
    arguments = f"({bases})" if bases else ""
    start = kind.members.get("__init__")
    own = start is not None and not start.is_alias and start.is_function
    made = f"\n\n{signature(start, kind.name)}" if own else ""
    yield _fence(f"class {kind.name}{arguments}{made}")
    yield _docstring(kind, _fields(kind))
    for name, member in kind.members.items():
        if member.is_alias or name.startswith("_"):
            continue
        if member.is_function:
            yield from _function(member, min(6, level + 1))
        elif member.is_attribute and "property" in member.labels:
            yield f"{'#' * min(6, level + 1)} `{name}` {{: #{member.path} }}"
            yield _fence(_assigned(member))
            yield _docstring(member)
        elif member.is_class:
            yield from _class(member, min(6, level + 1))


def _fields(kind: Any) -> dict[str, tuple[str, str, str]]:
    """Return type, default and description of each attribute with a type."""
    return {
        name: (
            str(member.annotation),
            _value(member.value),
            clean(member.docstring.value) if member.docstring else "",
        )
        for name, member in kind.members.items()
        if not member.is_alias
        and member.is_attribute
        and "property" not in member.labels
        and member.annotation is not None
        and not name.startswith("_")
    }


def _value(value: Any) -> str:
    text = " ".join(str(value).split()) if value is not None else ""
    return text if len(text) <= LONG else f"{text[:LONG]}…"


def _assigned(attribute: Any) -> str:
    kind = f": {attribute.annotation}" if attribute.annotation is not None else ""
    value = _value(attribute.value)
    return f"{attribute.name}{kind}" + (f" = {value}" if value else "")


def signature(function: Any, maker: str = "") -> str:
    """Return the first line of a definition; several lines if it is long.

    Args:
        function: Of griffe.
        maker: Name of the class that it is the `__init__` of.
    """
    parameters = [*function.parameters][1 if maker else 0 :]
    kinds = [str(p.kind.value) for p in parameters]
    words: list[str] = []
    for place, parameter in enumerate(parameters):
        kind = kinds[place]
        if (
            kind == "keyword-only"
            and "variadic positional" not in kinds
            and "*" not in words
        ):
            words.append("*")
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        words.append(stars + _parameter(parameter, bool(stars)))
        if kind == "positional-only" and "positional-only" not in kinds[place + 1 :]:
            words.append("/")
    begin = "async def " if "async" in function.labels else "def "
    begin = maker or f"{begin}{function.name}"
    known = function.returns is not None and not maker
    returns = f" -> {function.returns}" if known else ""
    line = f"{begin}({', '.join(words)}){returns}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    arguments = "".join(f"    {word},\n" for word in words)
    return f"{begin}(\n{arguments}){returns}"


def _parameter(parameter: Any, is_variadic: bool) -> str:
    kind = f": {parameter.annotation}" if parameter.annotation is not None else ""
    if parameter.default is None or is_variadic:
        return f"{parameter.name}{kind}"
    blank = " " if kind else ""
    return f"{parameter.name}{kind}{blank}={blank}{parameter.default}"


def _fence(code: str) -> str:
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", code))])
    return f"{ticks}python\n{code}\n{ticks}"


def _source(module: Any) -> str:
    """Return where a module is, relative to the current folder."""
    path = Path(str(module.filepath))
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return str(tag("p", tag("code", shown.as_posix()), class_="source"))


def _docstring(
    thing: Any, fields: Mapping[str, tuple[str, str, str]] | None = None
) -> str:
    """Return a docstring as one block of HTML, empty if there is none.

    Args:
        thing: What has it.
        fields: Of a class: as `_fields` returns them.
    """
    own = fields is not None and "__init__" not in thing.members
    fields = dict(fields or {})
    parts: list[Html] = []
    options = {"returns_named_value": False, "warn_missing_types": False}
    # The arguments of a named tuple or data class are its attributes.
    options["warn_unknown_params"] = not own
    sections = thing.docstring.parse("google", **options) if thing.docstring else []
    for section in sections:
        kind = str(section.kind.value)
        if kind == "attributes" or (own and kind == "parameters"):
            # Those of the code have types and defaults.
            for found in section.value:
                known = fields.get(found.name, (str(found.annotation or ""), "", ""))
                fields[found.name] = (*known[:2], clean(found.description) or known[2])
        elif kind in TITLES:
            parts.append(_table(TITLES[kind], section.value, _variadic(thing)))
        elif kind == "examples":
            parts.append(_examples(section.value))
        elif kind == "admonition":
            title = tag("strong", clean(section.title or ""))
            parts.append(tag("p", title))
            parts.append(rendered(section.value.description))
        else:
            parts.append(rendered(str(section.value)))
    if fields:
        parts.append(_field_table(fields))
    if not parts:
        return ""
    return str(tag("div", *parts, class_="docstring"))


def _examples(value: Iterable[tuple[Any, str]]) -> Html:
    shown = [
        rendered(text)
        if str(kind.value) == "text"
        else tag("pre", tag("code", verbatim(text)))
        for kind, text in value
    ]
    return join([_caption("Examples"), *shown])


def _caption(title: str) -> Html:
    return tag("p", tag("strong", title), class_="caption")


def _variadic(thing: Any) -> set[str]:
    """Return the names of `*args` and `**kwargs`, whose defaults say nothing."""
    known = thing.parameters if thing.is_function else ()
    return {p.name for p in known if str(p.kind.value).startswith("variadic")}


def _table(title: str, rows: Iterable[Any], variadic: set[str]) -> Html:
    """Return a section of a docstring as a table."""
    lines = []
    for row in rows:
        name = str(getattr(row, "name", "") or "")
        kind = str(row.annotation) if row.annotation is not None else ""
        default = getattr(row, "default", None)
        said = rendered(row.description)
        if default is not None and name.lstrip("*") not in variadic:
            said = join(
                [said, tag("p", "By default ", tag("code", _value(default)), ".")]
            )
        if not name:
            name, kind = kind, ""
        about = [tag("code", name)] if name else []
        if kind:
            about.append(tag("code", kind, class_="kind"))
        lines.append(tag("tr", tag("th", *about, scope="row"), tag("td", said)))
    return join([_caption(title), tag("table", tag("tbody", *lines), class_="fields")])


def _field_table(fields: Mapping[str, tuple[str, str, str]]) -> Html:
    lines = []
    for name, (kind, default, said) in fields.items():
        about = [tag("code", name)]
        if kind:
            about.append(tag("code", kind, class_="kind"))
        words = [rendered(said)] if said else []
        if default:
            words.append(tag("p", "By default ", tag("code", default), "."))
        lines.append(tag("tr", tag("th", *about, scope="row"), tag("td", *words)))
    return join(
        [
            _caption(TITLES["attributes"]),
            tag("table", tag("tbody", *lines), class_="fields"),
        ]
    )


def clean(text: str) -> str:
    """Return text without control characters, some of which Python-Markdown uses."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


def escaped_inline(text: str) -> str:
    """Return text for a cell of Markdown: code stays code, all else is verbatim."""
    whole = str(rendered(text)).removeprefix("<p>").removesuffix("</p>")
    return whole.replace("|", "&#124;").replace("{", "&#123;").replace("\n", " ")


def verbatim(text: str) -> Html:
    """Return lines as HTML that keeps them."""
    return Html(html.escape(clean(text)))


def rendered(text: str) -> Html:
    """Return prose of a docstring as HTML.

    Paragraphs, lists, blocks and spans of code are formatted. All else is verbatim: an
    asterisk is an asterisk, `__name__` has its underscores, and a tag is text.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("zero", {"html": False})
    parser.enable(["backticks", "list", "fence", "code"])
    return Html(parser.render(clean(text)).strip())


if __name__ == "__main__":
    main()
