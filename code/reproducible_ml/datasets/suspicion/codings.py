"""Which of several ways to answer yes and no a table means to use."""

from collections.abc import Mapping

CODINGS = (("yes", "no"), ("true", "false"), ("1", "0"))


def usual_coding(said: Mapping[str, str], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the pair of answers that most rows use; empty if none is used wholly.

    Classes that are unified one by one may end as 1 and no.

    Args:
        said: What each label means: yes, no, true, false, 1 or 0.
        counts: Rows of each label.
    """
    whole = [pair for pair in CODINGS if {*pair} <= {*said.values()}]
    rows = {
        pair: sum(counts[label] for label, text in said.items() if text in pair)
        for pair in whole
    }
    return max(whole, key=rows.__getitem__, default=())
