"""Propose the next semantic version of the model from what changed since the latest.

Major: callers have to send or expect something else, as the data contract or the
question changed. Minor: the estimator or the features did. Patch: all else, such as
other rows or another seed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

from reproducible_ml.core.errors import one_line
from reproducible_ml.registry.tags import Registry, Version, parse
from reproducible_ml.report.results import PARAMS, QUESTION, section
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import (
    LOCK,
    changed_keys,
    flatten,
    locked_hashes,
    locked_outputs,
    locked_stages,
)

CONTRACT = "data/schema.yaml"

# GTO alone would begin with v0.0.1. Below 1.0.0 semantic versions promise nothing, so
# the rules of this module would not say anything either.
FIRST = "v1.0.0"

# Folders of the project's package that make the features and the estimator.
CODE = {"features": "features", "models/estimators": "estimator"}

# Differences of a kind that are listed.
SHOWN = 5

Part = Literal["major", "minor", "patch"]


class Proposal(NamedTuple):
    """A version, and a line for each reason why it is this one.

    Attributes:
        version: Its name.
        base: The version it was compared with, None if it is the first.
        part: The part of the version that was raised; None if it is the first.
        reasons: What changed.
    """

    version: str
    base: Version | None
    part: Part | None
    reasons: Sequence[str]


def propose(registry: Registry, head: Revision, package: str) -> Proposal:
    """Propose the version of a commit.

    Args:
        registry: The versions there are.
        head: The files of the commit.
        package: The project's package in code/.
    """
    base = registry.latest
    if base is None:
        return Proposal(_first(registry), None, None, ["no version was released yet"])
    old = Revision(head.root, base.commit)
    major = [*_contract(old, head)]
    minor = [*_recipe(old, head, package)]
    if major:
        part: Part = "major"
    else:
        part = "minor" if minor else "patch"
    return Proposal(
        f"v{getattr(parse(base.name), f'bump_{part}')()}",
        base,
        part,
        [*major, *minor] or [*_rest(old, head)],
    )


def _first(registry: Registry) -> str:
    """Return the first version: that of the release candidates, if there are some."""
    candidates = [parse(version.name) for version in registry.versions]
    return f"v{max(candidates).finalize_version()}" if candidates else FIRST


def _contract(old: Revision, new: Revision) -> Iterator[str]:
    """Yield what changed for callers; comments and order of keys do not count."""
    was, now = (dict(flatten(each.yaml(CONTRACT))) for each in (old, new))
    if changed := changed_keys(was, now):
        yield f"contract: {CONTRACT}: {_listed(changed)}"
    data = [section(each.yaml(PARAMS), "data") for each in (old, new)]
    other = [f"data.{n}" for n in QUESTION if data[0].get(n) != data[1].get(n)]
    if other:
        yield f"contract: {PARAMS}: {_listed(other)}"


def _recipe(old: Revision, new: Revision, package: str) -> Iterator[str]:
    """Yield what changed of the estimator and the features."""
    was, now = (_params(each) for each in (old, new))
    for prefix, kind in {
        "features": "features",
        "train.estimator": "estimator",
    }.items():
        changed = [
            key
            for key in changed_keys(was, now)
            if key == prefix or key.startswith(f"{prefix}.")
        ]
        if changed:
            yield f"{kind}: {PARAMS}: {_listed(changed)}"
    hashes = [_code(each, package) for each in (old, new)]
    for folder in changed_keys(*hashes):
        yield f"{CODE[folder]}: code/{package}/{folder}/ changed"


def _params(revision: Revision) -> dict[str, Any]:
    return dict(flatten(revision.yaml(PARAMS)))


def _code(revision: Revision, package: str) -> dict[str, str]:
    """Return the hash of each folder of CODE that a stage depends on."""
    known: Mapping[str, str] = {
        path: md5
        for stage in locked_stages(revision.yaml(LOCK)).values()
        for path, md5 in locked_hashes(stage, "deps").items()
    }
    paths = {folder: str(PurePosixPath("code", package, folder)) for folder in CODE}
    return {folder: known[path] for folder, path in paths.items() if path in known}


def _rest(old: Revision, new: Revision) -> Iterator[str]:
    """Yield what else changed, from parameters and outputs."""
    was, now = _params(old), _params(new)
    if changed := changed_keys(was, now):
        yield f"parameters: {_listed(changed)}"
    outputs = [locked_outputs(each.yaml(LOCK)) for each in (old, new)]
    if changed := changed_keys(*outputs):
        yield f"outputs: {_listed(changed)}"
    else:
        yield "all outputs are the same files: nothing changed for users"


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(map(one_line, keys[:SHOWN])) + more
