"""List the licenses of the locked packages, as the packages themselves state them."""

import re
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

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
