"""Times of day without a date, which are read as texts."""

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.datasets.findings import quoted

# As 13:45, 9:05:30.5 or 1:45 pm.
TIME = (
    r"(?i)^\s*([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
    r"( ?[ap]\.?m\.?)?\s*$"
)

ADVICE = "read as texts; export hours as numbers (13.75) if they matter"

# Share of the different texts from which a column is one of times.
MOSTLY = 0.95


def about_times(texts: pa.StringArray) -> str:
    """Return that texts are times, and how a model can use them; nothing of others."""
    is_time = pc.match_substring_regex(texts, TIME)
    times = pc.sum(is_time).as_py() or 0
    if not times or times < MOSTLY * len(texts):
        return ""
    example = quoted(texts[pc.index(is_time, True).as_py()].as_py())
    return f"times as {example}, {ADVICE}"
