"""Check the Python that runs the stages: its packages, its code and the licenses."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.doctor.check import Context, NotCheckedError, Problem, listed

LOCK = Path("environments/runtime.txt")

# Run by the Python of the stages, in the root of the project as they are. Packages are
# imported, as they may add the folder of their code themselves.
QUESTION = """
import importlib, importlib.metadata, json, re, sys
origins = {}
for name in sys.argv[1:]:
    try:
        found = importlib.import_module(name)
    except Exception:
        found = None
    origins[name] = [*found.__path__][0] if found else None
versions = {}
for one in importlib.metadata.distributions():
    if one.metadata["Name"]:
        name = re.sub("[-_.]+", "-", one.metadata["Name"]).lower()
        versions.setdefault(name, one.version)
print(json.dumps({"prefix": sys.prefix, "origins": origins, "versions": versions}))
"""

# How packages write what SPDX calls otherwise.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD",
    "BSD License": "BSD",
    "Dual License": "Apache-2.0 OR BSD",
    "GPLv2 | EPLv1": "GPL-2.0 OR EPL-1.0",
    "GPLv2 with linking exception": "GPL-2.0 with linking exception",
    "MIT License": "MIT",
    "MIT License (MIT)": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "New BSD": "BSD",
    "Python Software Foundation License": "PSF-2.0",
}

# What a package of another system, which is not installed here, states.
ELSEWHERE = {"pywin32": "PSF-2.0"}


def check_environment(context: Context) -> Iterator[Problem]:
    """Packages have the versions of environments/runtime.txt."""
    lock = context.root / LOCK
    if not lock.is_file():
        raise NotCheckedError(f"there is no {LOCK}")
    own = context.root / ".venv"
    answer = _ask(str(_python(context)), str(context.root), ())
    if own.is_dir() and not Path(answer["prefix"]).samefile(own):
        yield Problem(
            f"`python` is that of {answer['prefix']}, not of .venv",
            "make ..., which finds it, or: source .venv/bin/activate",
        )
        return
    wrong = [*_different(lock.read_text("utf-8"), answer["versions"])]
    if wrong:
        yield Problem(
            f"packages are not those of {LOCK}: {listed(wrong)}",
            "rm -f .venv/.ready && make setup",
        )


def _different(lock: str, versions: dict[str, str]) -> Iterator[str]:
    for line in lock.splitlines():
        if not line[:1].isalnum():
            continue
        try:
            pin = Requirement(line.split(" \\")[0].split(" --hash")[0].strip())
        except InvalidRequirement:
            continue
        if pin.marker and not pin.marker.evaluate():
            continue
        found = versions.get(re.sub("[-_.]+", "-", pin.name).lower())
        if found is None:
            yield f"{pin.name} is missing"
        elif not _fits(pin, found):
            yield f"{pin.name} is {found}, not {str(pin.specifier).lstrip('=')}"


def _fits(pin: Requirement, version: str) -> bool:
    try:
        return pin.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def check_imports(context: Context) -> Iterator[Problem]:
    """Stages import the code of this folder."""
    try:
        package = context.project.package
    except UserError as error:
        raise NotCheckedError(first_line(error)) from error
    folders = {package: context.root / "code"}
    if (context.root / "toolkit/pyproject.toml").is_file():
        folders["reproducible_ml"] = context.root / "toolkit/src"
    asked = [name for name in folders if (folders[name] / name).is_dir()]
    if not asked:
        raise NotCheckedError("there is no code here")
    origins = _ask(str(_python(context)), str(context.root), tuple(asked))["origins"]
    for name in asked:
        origin = origins[name]
        here = folders[name] / name
        if origin is None or not Path(origin).resolve().is_relative_to(here.resolve()):
            where = f"from {origin}" if origin else "not at all"
            yield Problem(
                f"{name}: `python` imports it {where}, not from {context.name(here)},"
                " so changes of the code there do nothing",
                "rm -f .venv/.ready && make setup; a worktree gets a .venv of its own",
            )


def _python(context: Context) -> Path:
    """Return what stages run as `python`."""
    found = shutil.which("python")
    return Path(found or sys.executable)


@cache
def _ask(python: str, root: str, names: tuple[str, ...]) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-c", QUESTION, *names],
        cwd=root,
        env=os.environ,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        last = (done.stderr.splitlines() or ["it failed"])[-1]
        raise UserError(f"{python}: {last}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def license_table(lock: Path) -> str:
    """Return a Markdown table of licenses and the packages in a lock that have them.

    Args:
        lock: A requirements file, such as environments/runtime.txt.
    """
    names = re.findall(r"^([\w.-]+)==", lock.read_text("utf-8"), flags=re.M)
    found = defaultdict(list)
    for name in sorted(names):
        found[license_of(name)].append(name)
    rows = [f"| {name} | {', '.join(found[name])} |" for name in sorted(found)]
    return "\n".join(["| license | packages |", "| --- | --- |", *rows])


def license_of(name: str) -> str:
    """Return the license of an installed package."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return ELSEWHERE.get(name, "not installed here")
    stated = package.metadata
    if expression := stated["License-Expression"]:
        return str(expression)
    classifiers = stated.get_all("Classifier", [])
    named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
    # Some have the whole text of the license here.
    text = stated["License"] or ""
    first = [text] if text and "\n" not in text else []
    known = [*first, *(name for name in named if name in SPDX)] or [_first_line(name)]
    return SPDX.get(str(known[0]), str(known[0]))


def _first_line(name: str) -> str:
    """Return the first line of a package's file LICENSE."""
    for path in distribution(name).files or []:
        if re.fullmatch(r"(?i)licen[cs]e.*", path.name):
            lines = Path(str(path.locate())).read_text("utf-8").splitlines()
            return next(filter(None, map(str.strip, lines)), "unknown")
    return "unknown"
