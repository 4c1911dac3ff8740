"""data/deleted.yaml: data that were deleted on purpose, as a person asked for it.

It has the hashes of what is gone, so that a missing version is not taken for a damaged
cache, and nothing that says who the person was. An older commit does not have the file,
so those of all branches count.
"""

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import yaml
from pydantic import Field, ValidationError

from reproducible_ml.core.files import load_yaml, write_text
from reproducible_ml.core.params import Section, read_yaml
from reproducible_ml.versioning.git import run_git

DELETED = Path("data/deleted.yaml")

HEADER = """\
# Data that were deleted on purpose, by `rml forget`. Commit this file: `rml verify`,
# `rml doctor`, `rml register` and `rml promote` then say of a missing version that it
# was deleted, and do not take it for damage. It must not say who the person was.
"""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}(\.dir)?$")]


class Deletion(Section):
    """Objects of DVC that were deleted together.

    Attributes:
        day: When.
        reason: Why, without a name.
        decided_by: A role, such as data protection officer.
        commits: Those whose data are no longer complete.
        kept: Patterns of paths that stayed, though they were made of it.
        objects: The path that each object had, by its hash.
    """

    day: datetime.date
    reason: Annotated[str, Field(min_length=1)]
    decided_by: Annotated[str, Field(min_length=1)]
    commits: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    objects: dict[Digest, str]

    @property
    def text(self) -> str:
        """What is said of a version that is missing."""
        return f"deleted on purpose on {self.day} ({DELETED})"


class Deletions(Section):
    """The content of the file."""

    deletions: tuple[Deletion, ...] = ()


class Tombstones(NamedTuple):
    """The deletions of all branches."""

    deletions: tuple[Deletion, ...]

    @property
    def by_hash(self) -> dict[str, Deletion]:
        """The deletion of each object."""
        return {digest: one for one in self.deletions for digest in one.objects}

    def why(self, digests: Iterable[str]) -> str:
        """Return what is said of missing objects; empty unless all were deleted.

        Args:
            digests: Of what is missing. A folder is not missing if its listing is
                there: then these are its files.
        """
        by_hash = self.by_hash
        found = [by_hash.get(digest) for digest in digests]
        known = [one for one in found if one]
        return known[0].text if known and len(known) == len(found) else ""


def read_deletions(root: Path) -> Deletions:
    """Return the content of the file in the working tree; nothing if there is none.

    Raises:
        UserError: A line for each mistake in it.
    """
    return (
        read_yaml(root / DELETED, Deletions)
        if (root / DELETED).is_file()
        else (Deletions())
    )


def read_tombstones(root: Path) -> Tombstones:
    """Return what was deleted, as the working tree and all branches say.

    Raises:
        UserError: The file in the working tree is not valid.
    """
    every = [*_in_branches(root), read_deletions(root)]
    return Tombstones(tuple(one for content in every for one in content.deletions))


def _in_branches(root: Path) -> list[Deletions]:
    """Return the files of all branches; one that cannot be read counts for nothing."""
    listed = run_git(
        root, "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes"
    )
    commits = dict.fromkeys((listed or b"").decode().split())
    blobs = set()
    for commit in commits:
        # In a project that is a folder of a larger repository, paths begin there.
        found = run_git(
            root, "rev-parse", "--verify", "--quiet", f"{commit}:./{DELETED.as_posix()}"
        )
        blobs |= {found.decode().strip()} if found else set()
    contents = []
    for blob in sorted(blobs):
        try:
            text = run_git(root, "cat-file", "blob", blob) or b""
            contents.append(Deletions.model_validate(load_yaml(text) or {}))
        except (yaml.YAMLError, ValueError, ValidationError):
            continue
    return contents


def write_deletions(root: Path, content: Deletions) -> None:
    """Write the file into the working tree."""
    plain = content.model_dump(mode="python")
    plain["deletions"] = [
        {**one, "commits": [*one["commits"]], "kept": [*one["kept"]]}
        for one in plain["deletions"]
    ]
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    write_text(HEADER + text, root / DELETED)
