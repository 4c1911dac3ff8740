"""YAML that would crash a parser or fill the memory is refused quickly."""

import pytest
import yaml

from reproducible_ml.core.yaml_text import DEEP, load_yaml, parse_params

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)


@pytest.mark.parametrize("load", [load_yaml, parse_params])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 200_000, "nested more than"),
        ("- " * 200_000 + "x", "nested more than"),
        ("\n".join(" " * n + "a:" for n in range(2000)), "nested more than"),
        (BOMB, "aliases of more than"),
        ("a: [", "expected"),
    ],
)
def test_harmful_yaml_is_an_error(load: object, text: str, problem: str) -> None:
    assert callable(load)
    with pytest.raises(yaml.YAMLError, match=problem):
        load(text)


def test_ordinary_yaml_is_read() -> None:
    assert load_yaml("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}
    assert load_yaml(b"") is None
    deep = "[" * (DEEP - 1) + "]" * (DEEP - 1)
    assert isinstance(load_yaml(deep), list)
    assert len(load_yaml("- a\n" * 200_000)) == 200_000
