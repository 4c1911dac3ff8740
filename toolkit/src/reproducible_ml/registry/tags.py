"""Versions and stages of the model, read from the annotated tags that GTO writes.

`model@v1.2.0` is a version, and `model#prod#3` the third tag about a stage: it assigns
`prod` to the version of the commit that it points to. Of a stage, the latest tag
counts, by its time and not by its number. GTO's own functions read the tags, so that
`gto show` and `dvc artifacts get` find what is found here.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.versioning.git import Revision, is_shallow, run_git

PIPELINE = "dvc.yaml"

# What an artifact of dvc.yaml has to be called to have tags.
NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?")

# Stages could be named like versions or options, but then commands would be ambiguous.
STAGE = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")

# The newest version that is no release candidate.
LATEST = "latest"

RESERVED = (LATEST, "greatest")


class Version(NamedTuple):
    """A version of the model: what it is called, which commit it is, and since when."""

    name: str
    commit: str
    created: datetime
    tag: str

    @property
    def is_candidate(self) -> bool:
        """Whether it is a pre-release, such as v1.0.0-rc.1."""
        return bool(parse(self.name).prerelease)


class Assignment(NamedTuple):
    """A tag that gives a stage to a commit, or takes it away."""

    stage: str
    commit: str
    created: datetime
    tag: str
    removes: bool = False


class Registry(NamedTuple):
    """All versions of the model and all assignments of stages, the oldest first.

    Attributes:
        artifact: The name of the model in dvc.yaml.
        versions: Those that are registered now.
        assignments: Of all stages.
        ignored: Lightweight tags that look like versions or stages. GTO, and so DVC,
            does not read them.
    """

    artifact: str
    versions: Sequence[Version]
    assignments: Sequence[Assignment]
    ignored: Sequence[str]

    def find(self, name: str) -> Version | None:
        """Return the version of a name with `v`."""
        return next((v for v in self.versions if v.name == name), None)

    def at(self, commit: str) -> Version | None:
        """Return the version that a commit is."""
        return next((v for v in self.versions if v.commit == commit), None)

    @property
    def latest(self) -> Version | None:
        """The highest version that is no release candidate."""
        released = [v for v in self.versions if not v.is_candidate]
        return max(released, key=lambda v: parse(v.name), default=None)

    @property
    def stages(self) -> dict[str, Assignment]:
        """The assignment of each stage that counts: the latest.

        A tag that takes a stage away (`gto unassign`) is one as well: it is what
        `dvc artifacts get` follows.
        """
        return {one.stage: one for one in self.assignments}

    def stages_of(self, version: Version) -> list[str]:
        """Return the stages that a version is in now, in alphabetical order."""
        return sorted(
            stage for stage, one in self.stages.items() if one.commit == version.commit
        )

    def name_of(self, commit: str) -> str:
        """Return the version that a commit is, or the start of its hash."""
        found = self.at(commit)
        return found.name if found else commit[:7]


def read_registry(root: Path) -> Registry:
    """Return the versions and stages of the project's model.

    Raises:
        UserError: The clone lacks commits, so that its tags may be wrong, dvc.yaml
            names no model, or the project is a folder of another repository.
    """
    # It is imported within half a second.
    from gto.constants import Action
    from gto.tag import find, parse_name
    from scmrepo.git import Git
    from scmrepo.git.objects import GitTag

    refuse_shallow(root)
    refuse_subfolder(root)
    name = artifact_name(root)
    versions: dict[str, Version] = {}
    assignments: list[Assignment] = []
    with closing(Git(str(root))) as git:
        for tag in find(name=name, scm=git):
            parsed = parse_name(tag.name)
            action, when = parsed["action"], _time(tag)
            if action == Action.REGISTER:
                version = parsed["version"]
                versions[version] = Version(version, tag.target, when, tag.name)
            elif action == Action.DEREGISTER:
                versions.pop(parsed["version"], None)
            elif action in (Action.ASSIGN, Action.UNASSIGN):
                removes = action == Action.UNASSIGN
                found = Assignment(parsed["stage"], tag.target, when, tag.name, removes)
                assignments.append(found)
        ignored = [
            tag
            for tag in git.list_tags()
            if parse_name(tag, raise_on_fail=False).get("name") == name
            and not isinstance(git.get_tag(tag), GitTag)
        ]
    return Registry(name, [*versions.values()], assignments, sorted(ignored))


def _time(tag: Any) -> datetime:
    return datetime.fromtimestamp(tag.tag_time, UTC)


def refuse_shallow(root: Path) -> None:
    """Refuse a clone that may lack tags: it would name another version.

    Raises:
        UserError: It has only the last commits.
    """
    if is_shallow(root):
        raise UserError(
            f"{root}: this clone has only the last commits, so versions and stages may"
            " be missing or wrong. Fix: `git fetch --unshallow --tags`, or"
            " fetch-depth: 0 in a workflow"
        )


def refuse_subfolder(root: Path) -> None:
    """Refuse a project within a larger repository, whose tags GTO would name otherwise.

    Raises:
        UserError: The root of the repository is above that of the project.
    """
    prefix = (run_git(root, "rev-parse", "--show-prefix") or b"").decode().strip()
    if prefix:
        raise UserError(
            f"{root}: is the folder {one_line(prefix)} of a larger Git repository,"
            " whose tags are about all of it. Fix: give the project a repository of its"
            " own"
        )


def artifact_name(root: Path, commit: str | None = None) -> str:
    """Return the name of the model: the first artifact of type model in dvc.yaml.

    Raises:
        UserError: There is none, or its name cannot be a tag's.
    """
    names = [*_models(Revision(root, commit).yaml(PIPELINE))]
    if not names:
        raise UserError(
            f"{PIPELINE}: no artifact has the type model, so versions have no name."
            " Fix: add `artifacts: {model: {path: models/model.skops, type: model}}`"
        )
    if not NAME.fullmatch(names[0]):
        raise UserError(
            f"{PIPELINE}: artifacts: {one_line(names[0])}: cannot be the name of a tag."
            " Fix: use letters, digits and hyphens"
        )
    return names[0]


def artifact_path(root: Path, name: str, commit: str | None = None) -> str | None:
    """Return the path of an artifact in dvc.yaml."""
    artifacts = Revision(root, commit).yaml(PIPELINE).get("artifacts")
    found = artifacts.get(name) if isinstance(artifacts, dict) else None
    return str(found["path"]) if isinstance(found, dict) and "path" in found else None


def _models(pipeline: dict[str, Any]) -> Iterator[str]:
    artifacts = pipeline.get("artifacts")
    for name, found in artifacts.items() if isinstance(artifacts, dict) else ():
        if isinstance(found, dict) and found.get("type") == "model":
            yield str(name)


def parse(version: str) -> Any:
    """Return a version, which can be compared, and has `major`, `prerelease` and so on.

    Raises:
        UserError: It is no semantic version that begins with `v`.
    """
    import semver

    try:
        return semver.Version.parse(version.removeprefix("v"))
    except ValueError as error:
        raise UserError(
            f"{one_line(version) or '(empty)'}: is not a version. Fix: write MAJOR"
            ".MINOR.PATCH, such as 1.2.0, or 1.2.0-rc.1 for a release candidate"
        ) from error


def version_name(text: str) -> str:
    """Return the name of a version: 1.2.0 and v1.2.0 are the same one.

    Raises:
        UserError: It is no semantic version.
    """
    if parse(text).build:
        raise UserError(
            f"{one_line(text)}: build metadata, after +, does not make it another"
            " version. Fix: leave it out"
        )
    return f"v{text.removeprefix('v')}"


def check_stage(name: str) -> None:
    """Check the name of a stage, such as prod or staging.

    Raises:
        UserError: It is not valid.
    """
    if not STAGE.fullmatch(name) or name in RESERVED:
        raise UserError(
            f"{one_line(name) or '(empty)'}: cannot be the name of a stage. Fix: use"
            f" small letters, digits and hyphens, but not {' or '.join(RESERVED)}"
        )


def find_version(registry: Registry, text: str) -> Version:
    """Return a version by 1.2.0, v1.2.0, `latest` or the name of its stage.

    Raises:
        UserError: There is no such version.
    """
    if not registry.versions:
        raise UserError(
            f"{registry.artifact}: no version is registered here. Fix: `git fetch"
            " --tags` if others registered some; else: rml register"
        )
    if text == LATEST:
        if found := registry.latest:
            return found
        raise UserError(
            "latest: all versions are release candidates. Fix: give one of"
            f" {_listed(registry)}"
        )
    if text in registry.stages:
        commit = registry.stages[text].commit
        if found := registry.at(commit):
            return found
        raise UserError(
            f"{text}: its commit {commit[:7]} is no registered version. Fix: rml"
            f" promote VERSION {text}"
        )
    if STAGE.fullmatch(text) and not re.match(r"v\d", text):
        raise UserError(
            f"{text}: no version is in this stage. There are:"
            f" {', '.join(sorted(registry.stages)) or 'no stages yet'}"
        )
    name = version_name(text)
    if found := registry.find(name):
        return found
    if f"{registry.artifact}@{name}" in registry.ignored:
        raise UserError(describe_ignored(f"{registry.artifact}@{name}"))
    raise UserError(
        f"{name}: is not registered here. There are: {_listed(registry)}. Fix: one of"
        " these, or `git fetch --tags`"
    )


def _listed(registry: Registry) -> str:
    """Return the names of the newest versions."""
    names = [version.name for version in registry.versions[::-1]]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def describe_ignored(tag: str) -> str:
    """Return what is wrong with a lightweight tag, and how to correct it."""
    return (
        f"{one_line(tag)}: is a lightweight tag, which GTO and DVC ignore. Fix: git tag"
        f" --delete '{one_line(tag)}', then use rml register and rml promote"
    )
