"""Pages of a package from its docstrings, however they are written."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..copies import ROOT

# The packages of the site are installed once, which needs a network.
pytestmark = pytest.mark.integration

MODULE = '''\
"""Prose with <b>tags</b>, *stars*, __name__, {braces} and `a|b`.

    indented = code("{{ x }}")

- a list
- of two
"""

from json import dumps
from typing import NamedTuple, overload

LIMIT = 3
"""How many."""

_HIDDEN = 1


def fit_model_(
    rows: "list[int]", /, alpha: float = 0.1, *more: int, key: str = "`", **others
):
    """Fit.

    Args:
        rows: Of shape (n,); `n > 0`.
        more: Others.
        wrong: Is no argument.

    Returns:
        A model, and <i>no</i> tag.

    Raises:
        ValueError: Nothing | fits.

    Examples:
        >>> fit_model_([1])
        2
    """


async def undocumented(x, *, y=None): ...


def _private():
    """No."""


class Model(Exception):
    """A model\\x02.

    Attributes:
        rows: How many.
    """

    rows: int = 3
    size: "float"

    def __init__(self, path: str) -> None:
        """Start."""

    @property
    def name(self) -> str:
        """Its name."""
        return ""

    class Inner(NamedTuple):
        """Within.

        Args:
            a: First.
        """

        a: int
        b: str = "x"
'''


def write_pages(python: Path, folder: Path, output: Path) -> dict[str, Any]:
    """Write the pages of the package `own_name` in a folder."""
    asked = {
        "packages": [{"name": "own_name", "folder": str(folder)}],
        "output": str(output),
    }
    done = subprocess.run(
        [str(python), "-m", "reproducible_ml.site.api"],
        input=json.dumps(asked),
        env={"PYTHONPATH": str(ROOT / "toolkit/src"), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_docstrings_become_pages(site_python: Path, tmp_path: Path) -> None:
    package = tmp_path / "code" / "own_name"
    for name, text in {
        "__init__.py": '"""All of it."""\n',
        "odd_names/__init__.py": "",
        "odd_names/_hidden.py": '"""No."""\n',
        "odd_names/model.py": MODULE,
        "odd_names/silent.py": "def f(a): ...\n",
        "odd_names/empty.py": "",
        "without_init/part.py": '"""A part."""\n',
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, "utf-8")
    output = tmp_path / "api"
    found = write_pages(site_python, package.parent, output)
    assert found["pages"]["own_name"] == [
        "own_name.md",
        "own_name.odd_names.md",
        "own_name.without_init.md",
    ]
    [problem] = found["problems"]
    assert problem.endswith(
        "Parameter 'wrong' does not appear in the function signature"
    )
    assert "odd_names/model.py:" in problem
    page = (output / "own_name.odd_names.md").read_text("utf-8")
    # What only looks like markup is text.
    assert "&lt;b&gt;tags&lt;/b&gt;, *stars*, __name__, {braces}" in page
    assert "<code>indented = code(&quot;{{ x }}&quot;)" in page
    assert "<li>a list</li>" in page
    assert "<i>" not in page
    assert "\x02" not in page
    headings = re.findall(r"^(#+) `(.*)` \{: #(.*) \}$", page, re.M)
    start = "own_name.odd_names.model"
    assert headings == [
        ("##", "model", start),
        ("###", "LIMIT", f"{start}.LIMIT"),
        ("###", "fit_model_", f"{start}.fit_model_"),
        ("###", "undocumented", f"{start}.undocumented"),
        ("###", "Model", f"{start}.Model"),
        ("####", "name", f"{start}.Model.name"),
        ("####", "Inner", f"{start}.Model.Inner"),
        ("##", "silent", "own_name.odd_names.silent"),
        ("###", "f", "own_name.odd_names.silent.f"),
    ]
    assert (
        "def fit_model_(\n    rows: list[int],\n    /,\n    alpha: float = 0.1,\n"
        "    *more: int,\n    key: str = '`',\n    **others,\n)\n"
    ) in page
    assert "async def undocumented(x, *, y=None)\n" in page
    assert "class Model(Exception)\n\nModel(path: str)\n" in page
    assert "By default <code>()" not in page
    for cell in (
        '<th scope="row"><code>rows</code><code class="kind">list[int]</code></th>'
        "<td><p>Of shape (n,); <code>n &gt; 0</code>.</p></td>",
        "<td><p>A model, and &lt;i&gt;no&lt;/i&gt; tag.</p></td>",
        '<th scope="row"><code>ValueError</code></th><td><p>Nothing | fits.</p></td>',
        '<code>rows</code><code class="kind">int</code></th><td><p>How many.</p>'
        "<p>By default <code>3</code>.</p></td>",
        '<code>a</code><code class="kind">int</code></th><td><p>First.</p></td>',
    ):
        assert cell in page
    index = (output / "index.md").read_text("utf-8")
    assert "| [`own_name`](own_name.md) | All of it. |" in index


def test_code_that_cannot_be_read_is_named(site_python: Path, tmp_path: Path) -> None:
    package = tmp_path / "own_name"
    package.mkdir()
    (package / "__init__.py").write_text('"""Fine."""\n')
    (package / "broken.py").write_text("def (:\n")
    found = write_pages(site_python, tmp_path, tmp_path / "api")
    assert found["pages"] == {"own_name": ["own_name.md"]}
    [problem] = found["problems"]
    assert f"{package}/broken.py line 1: has no page" in problem
