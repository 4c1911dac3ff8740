"""What an experiment does, told as the report on a pull request tells it."""

from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.params import Params, load_params
from reproducible_ml.review import changes, sections
from reproducible_ml.review.compare import compare
from reproducible_ml.review.gates import judge_metrics
from reproducible_ml.review.markdown import bullets
from reproducible_ml.review.report import described
from reproducible_ml.review.results import PARAMS, Results, read_results
from reproducible_ml.review.review import known_metrics
from reproducible_ml.review.revisions import Revision
from reproducible_ml.review.stages import differences


def compared(root: Path, base: str) -> Iterator[str]:
    """Yield parts in Markdown: what changed from a commit to the working tree."""
    old, new = read_results(Revision(root, base)), read_results(Revision(root))
    params = load_params(root / PARAMS)
    yield f"Compared with {described(root, base, 'HEAD')}."
    if not differences(old.lock, new.lock):
        yield _unchanged(old, new)
        return
    yield changes.params(old, new)
    yield changes.stages(old, new)
    yield from _metrics(old, new, params)


def _unchanged(old: Results, new: Results) -> str:
    if old.params == new.params:
        return "**Nothing changed**: code, data, parameters and results are the same."
    return f"{changes.params(old, new)}\n\n**No result changed**: no stage reads these."


def _metrics(old: Results, new: Results, params: Params) -> Iterator[str]:
    known = known_metrics(params.data.task)
    found = compare(old, new, known, params.evaluate.metrics)
    yield sections.metrics(old, new, found, known)
    for change in found:
        if change.name == params.gate_metric:
            yield f"{sections.moved(change)}."
    gates = judge_metrics(params, new, found, known)
    if failed := [f"{gate.name}: {gate.words}" for gate in gates if not gate.passed]:
        yield f"**As a pull request it would be refused:**\n\n{bullets(failed)}"
