"""`rml register`: make the last commit a version of the model."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reproducible_ml.card.fields import FIELDS, empty_required_fields
from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.registry.proposal import Proposal, propose
from reproducible_ml.registry.tags import (
    Registry,
    artifact_path,
    describe_ignored,
    parse,
    read_registry,
    version_name,
)
from reproducible_ml.registry.write import (
    push,
    refuse_unfetched,
    say_pushed,
    unknown_identity,
    write_version,
)
from reproducible_ml.report.gates import GateResult, check_gates, remote_status
from reproducible_ml.report.results import NO_RESULTS, compare, read_results
from reproducible_ml.report.review import edited_inputs, known_metrics
from reproducible_ml.report.same_rows import NotComparableError, score_same_rows
from reproducible_ml.versioning.git import (
    Revision,
    changed_files,
    find_commit,
    run_git,
)
from reproducible_ml.versioning.lock import (
    FIX,
    LOCK,
    find_ignored_dependencies,
    find_outdated,
    locked_outputs,
    locked_stages,
)
from reproducible_ml.versioning.lock import (
    describe_ignored as describe_ignored_file,
)

# Files that are listed in a line.
SHOWN = 5

# The stage of dvc.yaml that writes the model card.
CARD = "card"


def register(
    project: Project, wanted: str | None, *, pushed: bool, dry: bool = False
) -> None:
    """Register HEAD as a version, and print why it is this one.

    Args:
        project: The repository.
        wanted: The version; None: the proposed one.
        pushed: Push the tag as well.
        dry: Only check, and show the proposal.

    Raises:
        UserError: A line for each reason why it is refused; nothing is written then.
            Or there are tags on the Git remote that are not here.
    """
    root = project.root
    version = version_name(wanted) if wanted else None
    registry = read_registry(root)
    if pushed:
        refuse_unfetched(root, registry.artifact)
    commit = find_commit(root, "HEAD")
    if commit is None:
        raise UserError(f"{root}: has no commit. Fix: git add --all && git commit")
    proposal = propose(registry, Revision(root, commit), project.package)
    version = version or proposal.version
    if lines := [*refusals(project, registry, version, commit)]:
        raise UserError("\n".join(lines))
    sys.stdout.write(_explain(proposal, version))
    for tag in registry.ignored:
        sys.stderr.write(f"warning: {describe_ignored(tag)}\n")
    if dry:
        sys.stdout.write("Nothing speaks against it. Not registered: --dry-run.\n")
        return
    message = "\n".join(
        [f"Register {registry.artifact} {version}", "", *proposal.reasons]
    )
    tag = write_version(root, registry, version, commit, message)
    if pushed:
        push(root, [tag], new=tag)
    sys.stdout.write(f"Registered {commit[:7]} as {tag}.\n")
    say_pushed(root, [tag], pushed=pushed)
    sys.stdout.write(f"Next: rml promote {version} STAGE, such as staging or prod\n")


def _explain(proposal: Proposal, version: str) -> str:
    """Return in lines which version it is, and why."""
    if proposal.base is None:
        because = "the first version"
    else:
        because = f"{proposal.part} change since {proposal.base.name}"
    own = "" if version == proposal.version else f"; proposed: {proposal.version}"
    lines = [f"{version} ({because}{own})", *(f"  {r}" for r in proposal.reasons)]
    return "\n".join(lines) + "\n"


def refusals(
    project: Project, registry: Registry, version: str, commit: str
) -> Iterator[str]:
    """Yield a line, with what to do, for each reason not to register a commit.

    Args:
        project: The repository, with this commit as HEAD.
        registry: The versions there are.
        version: The name it shall have.
        commit: Its hash.
    """
    root = project.root
    yield from _names(root, registry, version, commit)
    yield from _files(root)
    yield from _artifact(root, registry)
    yield from _results(project, registry)
    yield from _card(root)


def _names(root: Path, registry: Registry, version: str, commit: str) -> Iterator[str]:
    """Yield why the commit cannot have this version."""
    tag = f"{registry.artifact}@{version}"
    if there := registry.at(commit):
        yield (
            f"HEAD: is {there.name} already, and a commit has one version. Fix: rml"
            f" promote {there.name} STAGE; or commit a change first"
        )
    elif known := registry.find(version):
        yield (
            f"{version}: is commit {known.commit[:7]} already. Fix: leave the version"
            " out, then the next one is proposed"
        )
    elif tag in registry.ignored:
        yield describe_ignored(tag)
    elif run_git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}"):
        yield f"{version}: was deregistered, and its name is taken. Fix: give another"
    if registry.latest and not parse(version).prerelease:
        newest = registry.latest.name
        if parse(version) < parse(newest) and not _is_maintenance(registry, version):
            yield (
                f"{version}: is lower than {newest}, the latest version. Fix: leave it"
                " out, then the next one is proposed"
            )
    if reason := unknown_identity(root):
        yield reason


def _is_maintenance(registry: Registry, version: str) -> bool:
    """Return whether a version continues an older line, as v1.4.1 after v1.4.0."""
    wanted = parse(version)
    lines = [parse(known.name) for known in registry.versions]
    return any(
        one.major == wanted.major and one < wanted
        for one in lines
        if not one.prerelease
    )


def _files(root: Path) -> Iterator[str]:
    """Yield why the files here are not those of the commit, or not up to date."""
    listed = run_git(root, "diff", "--name-only", "-z", "HEAD") or b""
    changed = [*filter(None, listed.decode("utf-8", "replace").split("\0"))]
    others = [name for name in changed_files(root) if name not in changed]
    # New files that no stage reads do no harm.
    changed += edited_inputs(read_results(Revision(root)), others)
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        names = ", ".join(map(one_line, changed[:SHOWN]))
        yield (
            f"not committed: {names}{more}. Fix: git add --all && git commit; or git"
            " stash"
        )
    for stage, reason in find_outdated(root, data=False):
        yield f"{one_line(f'{stage}: {reason}')}. Fix: {FIX[0].lower()}{FIX[1:-1]}"
    yield from map(describe_ignored_file, find_ignored_dependencies(root))


def _artifact(root: Path, registry: Registry) -> Iterator[str]:
    """Yield why `dvc artifacts get` would not find the model."""
    path = artifact_path(root, registry.artifact, "HEAD")
    if path is None:
        yield (
            f"dvc.yaml: artifacts: {registry.artifact}: has no path in the last commit."
            " Fix: add one, such as models/model.skops, and commit"
        )
    elif path not in locked_outputs(Revision(root, "HEAD").yaml(LOCK)):
        yield (
            f"dvc.yaml: artifacts: {registry.artifact}: {one_line(path)} is no output"
            f" in {LOCK}. Fix: give the path of the model, then `make repro`, and"
            " commit"
        )


def _results(project: Project, registry: Registry) -> Iterator[str]:
    """Yield which gates failed: against the latest version, floors, the remote."""
    root, base = project.root, registry.latest
    old = read_results(Revision(root, base.commit)) if base else NO_RESULTS
    new = read_results(Revision(root, "HEAD"))
    params = project.params()
    metrics = known_metrics(project, params.data.task)
    names = params.evaluate.metrics
    was, now = old, new
    if base:
        # Without the data, or the model of the base, the reports are compared.
        with suppress(NotComparableError):
            revision = Revision(root, base.commit)
            same = score_same_rows(
                project, revision, old, new, params, metrics, offline=False
            )
            was, now = (same.old, same.new) if same else (old, new)
    changes = compare(was, now, metrics, names)
    gates = check_gates(params.gate, names, new, changes, metrics)
    than = f" (the base is {base.name})" if base else ""
    for gate in failed(gates):
        yield (
            f"gate: {gate.name}: {gate.reason}{than}. Fix: improve the model; or change"
            " the section gate of params.yaml, and commit"
        )
    for gate in failed([*filter(None, [remote_status(root, offline=False)])]):
        yield f"remote: {gate.reason}"


def failed(gates: list[GateResult]) -> list[GateResult]:
    """Return the gates that are not met."""
    return [gate for gate in gates if gate.passed is False]


def _card(root: Path) -> Iterator[str]:
    """Yield the required fields of the model card that nobody filled in."""
    stages = locked_stages(Revision(root, "HEAD").yaml(LOCK))
    if CARD not in stages and not (root / FIELDS).is_file():
        return  # The project has no model card.
    try:
        for name in empty_required_fields(root):
            yield f"{FIELDS}: {name} is empty. Fix: fill it in, `make repro`, commit"
    except UserError as error:
        yield from str(error).splitlines()
