"""Every module has its test file, and no test file is left without its module."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "code/reproducible_ml"
TESTS = ROOT / "tests/unit"

# Tests of the repository, not of a module.
OTHERS = {Path(f"test_{name}.py") for name in ("environments", "layout", "mirror")}


def test_unit_tests_mirror_the_code() -> None:
    modules = {path.relative_to(CODE) for path in CODE.rglob("*.py")}
    expected = {
        module.with_name(f"test_{module.name}")
        for module in modules
        if module.name != "__init__.py"
    }
    tests = {path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    assert tests - OTHERS == expected
