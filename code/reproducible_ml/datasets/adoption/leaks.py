"""Leave out columns that tell the target, unless people want them."""

from collections.abc import Collection
from pathlib import Path

from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.schema import Contract
from reproducible_ml.datasets.suspicion.suspicions import Judgement
from reproducible_ml.params import Data

EXCLUDED = (
    "It is excluded: remove its treatment in data/schema.yaml if it is known when a"
    " prediction is wanted."
)


def without_leaks(
    contract: Contract, judgement: Judgement, decided: Collection[str]
) -> tuple[Contract, list[Finding]]:
    """Return the contract without columns that are the target, and the warnings.

    Args:
        contract: What the table holds.
        judgement: What is suspicious about it.
        decided: Columns that stay as they are, as people decided about them.
    """
    columns, told = dict(contract.columns), list[Finding]()
    for finding in judgement.warnings:
        name = finding.column
        reason = judgement.leaks.get(name or "")
        if name and reason and finding.kind == "leak" and name not in decided:
            notes = {"treatment": "exclude", "reason": reason}
            metadata = columns[name].metadata.model_copy(update=notes)
            columns[name] = columns[name].model_copy(update={"metadata": metadata})
            told.append(finding._replace(fix=EXCLUDED))
        else:
            told.append(finding)
    return contract.model_copy(update={"columns": columns}), told


def nothing_left(contract: Contract, data: Data, raw: Path) -> list[Finding]:
    """Return why nothing can be learned if no column is left to learn from."""
    if contract.features(data):
        return []
    problem = "holds nothing to learn from: every column but the target is excluded"
    fix = "Bring columns that are known before the target is."
    return [Finding("no features", raw, problem, fix)]
