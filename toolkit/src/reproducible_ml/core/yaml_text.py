"""Read YAML that anybody may have written: neither too deep nor grown by aliases.

A parser written in C crashes on deep nesting, and a few lines of aliases can stand for
more values than memory holds.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

PARAMS = Path("params.yaml")

# How deep a file may be nested, and how many values its aliases may stand for.
DEEP, ALIASED = 50, 100_000


def load_yaml(text: str | bytes) -> Any:
    """Return the content of YAML 1.1.

    Raises:
        yaml.YAMLError: It is not valid, or fails `check_yaml`.
    """
    import yaml

    check_yaml(text)
    # libyaml is ten times as fast; every stage reads several files.
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def parse_params(text: str) -> Any:
    """Parse the text of params.yaml as DVC does: as YAML 1.2.

    There, `yes` is text and `1e-3` is a number. `dvc exp run --set-param` rewrites the
    file without the quotes that YAML 1.1 would need.
    """
    import yaml
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    check_yaml(text)
    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise yaml.YAMLError(yaml_problem(error)) from error


def check_yaml(text: str | bytes) -> None:
    """Check that YAML can be read without harm.

    Raises:
        yaml.YAMLError: It is not valid, too deep, or its aliases stand for too much.
    """
    import yaml

    # Events come one by one: unlike nodes, they need no recursion.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    aliased = size = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, size))
            if len(open_) > DEEP:
                raise _error(f"is nested more than {DEEP} levels deep", event)
        elif isinstance(event, yaml.AliasEvent):
            repeated = sizes.get(event.anchor or "", 1)
            aliased += repeated
            size += repeated
            if aliased > ALIASED:
                raise _error(f"has aliases of more than {ALIASED:,} values", event)
        elif isinstance(event, yaml.ScalarEvent):
            size += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            size += 1
            if anchor:
                sizes[anchor] = size - before


def yaml_problem(error: Exception) -> str:
    """Return what a YAML parser found, and in which line."""
    problem = getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    if not problem or not mark:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}: {problem.partition(' with value')[0]}"


def _error(problem: str, event: Any) -> "yaml.YAMLError":
    import yaml

    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
