"""Whether two revisions judged the same rows, so that their replicates are pairs."""

from typing import Literal, NamedTuple

from reproducible_ml.review.results import Bootstrap, Results, section
from reproducible_ml.review.stages import entries, hashes

# What makes a metric another one by the same name.
QUESTION = ("target", "task", "positive")


class Pairing(NamedTuple):
    """How replicates of two revisions belong together, and what to say of it.

    With `values` there are no replicates to compare, with `none` no values either.
    """

    kind: Literal["paired", "unpaired", "values", "none"]
    words: str


def pair(base: Results, head: Results) -> Pairing:
    """Say whether both revisions judged the same rows, so that replicates are pairs."""
    if not base.metrics:
        return Pairing(
            "none", "The base has no metrics: there is nothing to compare with."
        )
    asked = [section(results.params, "data") for results in (base, head)]
    other = [f"data.{n}" for n in QUESTION if asked[0].get(n) != asked[1].get(n)]
    if other:
        words = (
            f"{', '.join(other)} changed: metrics of another question do not compare."
        )
        return Pairing("none", words)
    if base.bootstrap is None or head.bootstrap is None:
        return Pairing("values", "A side has no replicates, so there are no intervals.")
    return _pair(base.bootstrap, head.bootstrap, same_table(base, head))


def _pair(base: Bootstrap, head: Bootstrap, same: bool) -> Pairing:
    if base.test_set != head.test_set:
        words = (
            f"The test set changed ({base.rows} rows at the base, {head.rows} now), so"
            " the differences are unpaired: some of each may come from the rows."
        )
        return Pairing("unpaired", words)
    if base.interval_rows != head.interval_rows:
        words = "evaluate.interval_rows changed, so the differences are unpaired."
        return Pairing("unpaired", words)
    words = f"Intervals of paired differences on the same {head.rows} test rows"
    but = "" if same else ", some values or parts of which changed"
    return Pairing("paired", f"{words}{but}.")


def same_table(base: Results, head: Results) -> bool:
    """Say whether both lock files name the same test table, bit for bit."""
    found = [
        {path: md5 for path, md5 in outs.items() if path.endswith("/test")}
        for outs in (
            hashes(entries(r.lock).get("split", {}), "outs") for r in (base, head)
        )
    ]
    return bool(found[0]) and list(found[0].values()) == list(found[1].values())
