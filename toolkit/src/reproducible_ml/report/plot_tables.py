"""Plots whose axes are names, as tables in Markdown: mermaid cannot draw these."""

from collections.abc import Iterable

from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.report.markdown import code, table

Rows = list[dict[str, str]]

# Number of rows by actual and predicted class.
Counts = dict[tuple[str, str], int]

# Classes up to which the whole matrix is shown, pairs of more that are shown, features.
CLASSES, PAIRS, FEATURES = 6, 10, 12

# Characters of a name in the header of a matrix, and of the longest bar.
WIDTH, BAR = 32, 20

# Counts beyond are errors.
LARGE = 10**12


def read_counts(rows: Rows) -> Counts:
    """Return the counts of a confusion matrix, without rows that are none."""
    found: Counts = {}
    for row in rows:
        actual, predicted, count = (
            row.get(name) for name in ("actual", "predicted", "rows")
        )
        if actual is None or predicted is None:
            continue
        if (number := _number(count)) is not None and 0 <= number < LARGE:
            found[actual, predicted] = int(number)
    return found


def _number(text: str | None) -> float | None:
    """Return a finite number, None if it is none."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _classes(counts: Counts) -> list[str]:
    return [*dict.fromkeys(name for pair in counts for name in pair)]


def positives(counts: Counts) -> float | None:
    """Return the share of the second of two classes, which is the positive one."""
    names, total = _classes(counts), sum(counts.values())
    if len(names) != 2 or not total:
        return None
    return _of_class(counts, names[1]) / total


def _of_class(counts: Counts, name: str) -> int:
    return sum(count for (actual, _), count in counts.items() if actual == name)


def confusion_matrix(old: Rows, new: Rows) -> str:
    """Return the confusion matrix; of many classes, the most frequent mistakes."""
    was, now = read_counts(old), read_counts(new)
    names = _classes(now)
    if not names:
        return ""
    if len(names) > CLASSES:
        return _mistakes(was, now)
    header = ["actual \\ predicted", *(code(name, WIDTH) for name in names)]
    rows = [
        [code(actual, WIDTH), *(_cell((actual, other), was, now) for other in names)]
        for actual in names
    ]
    return (
        f"Confusion matrix: test rows, and their share of the actual class."
        f"{_arrow(was, now)}\n\n{table(header, rows)}"
    )


def _arrow(was: Counts, now: Counts) -> str:
    return " Before an arrow: the base." if was and was != now else ""


def _cell(pair: tuple[str, str], was: Counts, now: Counts) -> str:
    count, before = now.get(pair, 0), was.get(pair)
    arrow = f"{before:,} → " if before is not None and before != count else ""
    return f"{arrow}{count:,}{_share(count, _of_class(now, pair[0]))}"


def _share(count: int, total: int) -> str:
    return f" ({100 * count / total:.1f} %)" if total else ""


def _mistakes(was: Counts, now: Counts) -> str:
    """Return a table of the pairs of classes that are taken for each other most."""
    wrong = {pair: count for pair, count in now.items() if pair[0] != pair[1]}
    most = sorted((p for p in wrong if wrong[p]), key=lambda p: -wrong[p])
    count, total = sum(wrong.values()), sum(now.values())
    text = f"Confusion matrix: {count:,} of {total:,} test rows are wrong"
    if not most:
        return f"{text}."
    rows = [[*map(code, p), _cell(p, was, now)] for p in most]
    header = ["actual", "predicted", "rows (share of the actual class)"]
    return (
        f"{text}. The most frequent mistakes:{_arrow(was, now)}\n\n"
        f"{table(header, rows[:PAIRS])}"
    )


def importance(old: Rows, new: Rows) -> str:
    """Return a table of the most important features, with bars."""
    was, now = ({*_features(rows)} for rows in (old, new))
    if not now:
        return ""
    before = {name: value for name, value, _ in was}
    top = sorted(_features(new), key=lambda feature: -feature[1])[:FEATURES]
    longest = max(top[0][1], 0.0)
    changed = bool(before) and was != now
    rows = []
    for name, value, deviation in top:
        spread = "" if deviation is None else f" ± {format_number(deviation)}"
        cells = [code(name), f"{format_number(value)}{spread}"]
        if changed:
            cells.insert(1, format_number(before.get(name)))
        share = value / longest if longest else 0.0
        rows.append([*cells, "█" * round(BAR * max(share, 0.0)) or "-"])
    header = ["column", *(["base"] if changed else []), "now", "bar"]
    more = f" {len(top)} of {len(now)} columns." if len(top) < len(now) else ""
    return (
        "Permutation importance: how much worse the score gets when a column is"
        f" shuffled, ± standard deviation.{more}\n\n{table(header, rows)}"
    )


def _features(rows: Rows) -> Iterable[tuple[str, float, float | None]]:
    for row in rows:
        name, value = row.get("feature"), _number(row.get("importance"))
        if name is not None and value is not None:
            yield name, value, _number(row.get("deviation"))
