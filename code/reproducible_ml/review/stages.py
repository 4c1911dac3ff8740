"""Which stages two lock files tell apart, and by what."""

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

Lock = Mapping[str, Any]


class Difference(NamedTuple):
    """How a stage of one lock file differs from the same stage in another.

    Attributes:
        stage: Its name.
        inputs: What of `cmd`, parameters and files from outside the pipeline changed.
        upstream: Changed files that other stages wrote.
        outputs: Changed files that it wrote.
        only_in: The side that alone has the stage, old or new.
    """

    stage: str
    inputs: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    only_in: str = ""


def entries(lock: Lock) -> dict[str, dict[str, Any]]:
    """Return the stages of a lock file by name."""
    found = lock.get("stages")
    if not isinstance(found, dict):
        return {}
    return {
        str(name): stage for name, stage in found.items() if isinstance(stage, dict)
    }


def hashes(stage: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Return the hash of each of a stage's `deps` or `outs` by path."""
    return {
        str(item["path"]): str(item.get("md5") or item)
        for item in stage.get(kind) or ()
        if isinstance(item, dict) and "path" in item
    }


def outputs(lock: Lock) -> dict[str, str]:
    """Return the hash of each output of all stages by path."""
    found: dict[str, str] = {}
    for stage in entries(lock).values():
        found |= hashes(stage, "outs")
    return found


def differences(old: Lock, new: Lock) -> list[Difference]:
    """Return the stages that differ, in the order of the new lock file."""
    was, now = entries(old), entries(new)
    written = outputs(new).keys()
    found = []
    for name in dict.fromkeys([*now, *was]):
        if name not in now or name not in was:
            side = "new" if name in now else "old"
            found.append(Difference(name, only_in=side))
        elif was[name] != now[name]:
            found.append(_compare(name, was[name], now[name], written))
    return found


def _compare(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], written: Container[str]
) -> Difference:
    deps = changed(hashes(old, "deps"), hashes(new, "deps"))
    upstream = [path for path in deps if path in written]
    inputs = ["cmd"] if old.get("cmd") != new.get("cmd") else []
    inputs += changed(_params(old), _params(new))
    inputs += [path for path in deps if path not in written]
    outputs = changed(hashes(old, "outs"), hashes(new, "outs"))
    return Difference(name, tuple(inputs), tuple(upstream), tuple(outputs))


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the keys whose values differ, or that only one side has."""
    keys = dict.fromkeys([*new, *old])
    return [
        key for key in keys if key not in old or key not in new or old[key] != new[key]
    ]


def _params(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a stage reads, by dotted key."""
    files = stage.get("params")
    if not isinstance(files, dict):
        return {}
    return {key: value for keys in files.values() for key, value in flat(keys)}


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of all that a mapping of mappings holds."""
    if isinstance(value, dict) and (value or not prefix):
        for key, item in value.items():
            yield from flat(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
