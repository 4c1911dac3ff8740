"""What is said of a table, without the words: where, which value, which problem.

A line of a verdict is `FILE line N, column "X": "VALUE" [KIND: FACTS] (ROWS rows)`. The
facts are the numbers and the quoted texts in the message.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reproducible_ml.contract.findings import Finding, TableRejected
from reproducible_ml.core.errors import UserError

# A quoted text, or a number that is not part of a word.
FACT = re.compile(r'"[^"]+"|(?<![\w.-])\d[\d.,]*%?(?!\w)')


def summarize(finding: Finding, folder: Path) -> str:
    """Return the facts of a finding; a message without a fix is an error."""
    assert finding.fix.strip(), finding
    found = FACT.findall(f"{finding.problem} {finding.fix}")
    facts = ", ".join(dict.fromkeys(fact.rstrip(".,") for fact in found))
    problem = f"[{finding.kind}: {facts}]" if facts else f"[{finding.kind}]"
    line = str(finding._replace(problem=problem)).partition(". Fix:")[0]
    return line.replace(f"{folder}/", "")


def accepted(warnings: Iterable[Finding], folder: Path) -> dict[str, list[str]]:
    """Return the verdict on a table that was accepted."""
    lines = [summarize(warning, folder) for warning in warnings]
    return {"warn" if lines else "accept": lines}


def rejected(error: UserError, folder: Path) -> dict[str, list[str]]:
    """Return the verdict on a table that was rejected."""
    if not isinstance(error, TableRejected):
        return {"error": str(error).replace(f"{folder}/", "").splitlines()}
    lines = [summarize(finding, folder) for finding in printed(error)]
    more = len(error.findings) - len(lines)
    return {"reject": [*lines, f"{more} more"] if more else lines}


def printed(error: TableRejected) -> list[Finding]:
    """Return the findings of which the message has a line."""
    lines = str(error).splitlines()
    return [finding for finding in error.findings if str(finding) in lines]


def agrees(found: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Say whether a verdict is the expected one.

    An error without findings is expected to have certain words, each in its only line.
    Warnings are sorted by harm, so their order does not count here.
    """
    if "error" not in expected or "error" not in found:
        return _sorted(found) == _sorted(expected)
    (line,) = found["error"]
    return all(word in line for word in expected["error"])


def _sorted(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if key == "warn" else value for key, value in verdict.items()
    }
