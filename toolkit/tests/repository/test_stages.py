"""What dvc.yaml says of a stage, held against the code."""

import ast
from pathlib import Path

import pytest

from ..copies import ROOT
from .conftest import PIPELINE

PACKAGE = "reproducible_ml"


def source(module: str) -> Path:
    return ROOT / "code" / Path(*module.split(".")).with_suffix(".py")


def imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(source(module).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PACKAGE):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if source(name).exists()]
            found |= set(modules or [str(node.module)])
    return found


def closure(module: str) -> set[str]:
    """Return the module and all that it imports, directly or not."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += imports(current)
    return seen


@pytest.mark.parametrize("name", PIPELINE["stages"])
def test_deps_are_the_modules_that_a_stage_imports(name: str) -> None:
    stage = PIPELINE["stages"][name]
    module = stage["cmd"].split()[2]
    expected = {str(source(m).relative_to(ROOT)) for m in closure(module)}
    declared = [
        dep.replace("${code}", PIPELINE["vars"][0]["code"]) for dep in stage["deps"]
    ]
    assert {dep for dep in declared if dep.endswith(".py")} == expected


@pytest.mark.parametrize("name", PIPELINE["stages"])
def test_module_of_a_stage_has_its_name(name: str) -> None:
    module = PIPELINE["stages"][name]["cmd"].split()[2]
    assert module.split(".")[-1] == name
