"""The hooks are typed, and import only what cookiecutter has."""

import ast
import sys
from pathlib import Path

import pytest
from hooks.addresses import DETECTOR

from ..copies import ROOT
from .conftest import run

HOOKS = sorted((ROOT / "hooks").glob("*.py"))


@pytest.mark.integration
def test_hooks_are_typed(tools: Path) -> None:
    # Jinja is installed with cookiecutter, not with the project.
    python = tools / "python"
    command = [Path(sys.executable).with_name("mypy"), "--strict", "hooks"]
    run(*command, "--python-executable", python, cwd=ROOT)


@pytest.mark.parametrize("path", [*HOOKS, ROOT / DETECTOR], ids=lambda path: path.name)
def test_hook_imports_only_what_cookiecutter_has(path: Path) -> None:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).split(".")[0])
    assert names <= {*sys.stdlib_module_names, "hooks", "jinja2"}
