"""The page of monitoring: one HTML file, in the form of the report page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reproducible_ml.monitoring.result import (
    DRIFT,
    FINE,
    Comparison,
    Result,
)
from reproducible_ml.monitoring.tally import Name
from reproducible_ml.page.charts import Series, line_chart
from reproducible_ml.page.frame import html_page, written_by
from reproducible_ml.page.markup import Html, folded, join, short, table, tag
from reproducible_ml.page.pairs import paired_bars, paired_columns
from reproducible_ml.quality.distributions import Distribution

# Columns whose distributions are drawn: those that drifted first.
DRAWN = 60

# Values of a column without an order.
OTHERS, MISSING = "other values", "missing"


class Pair(NamedTuple):
    """The distribution of a column: expected, and in all rows together."""

    old: Distribution
    new: Distribution


def make_page(result: Result, pairs: Mapping[Name, Pair], project: str) -> str:
    """Return the page.

    Args:
        result: What was found.
        pairs: Distributions of what was compared.
        project: Name of the project.
    """
    sections = [
        ("columns", "Columns", _columns(result)),
        ("distributions", "Distributions", _distributions(result, pairs)),
        ("windows", "Over time", _windows(result)),
        ("contract", "Contract", _contract(result)),
    ]
    name = project.replace("_", " ").capitalize()
    return html_page(
        f"{name}: monitoring",
        header=[_about(result), _state(result)],
        sections=[each for each in sections if each[2]],
        footer=written_by("rml monitor", result.time),
    )


def verdict_words(result: Result) -> str:
    """Return what the exit code says."""
    if result.exit_code == DRIFT:
        return "Look at this"
    return "Fine" if result.exit_code == FINE else "Too few rows to tell"


def _about(result: Result) -> Html:
    inputs, answers = result.reference_rows
    return tag(
        "p",
        tag("code", result.source),
        f": {result.rows:,} rows",
        f" (newest {result.newest})" if result.newest else "",
        ", compared with ",
        tag("code", result.reference),
        f" ({inputs:,} rows for the columns, {answers:,} for the answers of model"
        f" {result.model_version}).",
    )


def _state(result: Result) -> Html:
    lines = [each.text for each in result.alerts]
    few = [each for each in result.overall if each.verdict == "too few"]
    if few and not lines:
        lines = [
            f"For {len(few)} of {len(result.overall)} columns, a shift of half a"
            " standard deviation might have been missed."
        ]
    items = [tag("li", short(each, 300)) for each in [*lines, *result.notes]]
    return tag(
        "div",
        tag("p", tag("strong", verdict_words(result))),
        tag("ul", *items) if items else "",
        class_="state" if result.exit_code == FINE else "state stale",
        role="note",
    )


def _columns(result: Result) -> Html:
    rows = [
        [
            each.column,
            each.about,
            each.verdict,
            each.moved,
            each.psi,
            f"{each.p:.2g}",
            each.rows,
            "-" if each.rows_needed is None else each.rows_needed,
            f"{each.missing:.1%} ({each.missing_before:.1%})",
        ]
        for each in in_order(result.overall)
    ]
    header = [
        *("column", "what", "verdict", "share moved", "PSI", "p"),
        *("rows", "rows needed", "missing (before)"),
    ]
    note = (
        "Drift: chance does not explain the difference (p, corrected for all"
        " comparisons, is below 0.005), and it is large enough to matter (share moved"
        " or PSI above 0.1). Too few: with fewer rows than needed, a shift of half a"
        " standard deviation is missed more often than one time in ten."
    )
    if not rows:
        return tag("p", "Nothing could be compared.", class_="quiet")
    return join([table("All rows", header, rows), tag("p", note, class_="note")])


def in_order(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons, the worst first."""
    ranks = {"drift": 0, "too few": 1, "fine": 2}
    return sorted(comparisons, key=lambda each: (ranks[each.verdict], -each.moved))


def _distributions(result: Result, pairs: Mapping[Name, Pair]) -> Html:
    shown = [each for each in in_order(result.overall) if each.key in pairs]
    drawn = [_picture(each, pairs[each.key]) for each in shown[:DRAWN]]
    more = len(shown) - DRAWN
    cut = f"{DRAWN} of {len(shown)} columns are drawn." if more > 0 else ""
    return join(
        [
            tag("div", *drawn, class_="grid") if drawn else "",
            tag("p", cut, class_="note") if cut else "",
        ]
    )


def _picture(found: Comparison, pair: Pair) -> Html:
    title = f"{found.column}: {found.verdict}"
    names = ("reference", "now")
    note = f"{found.change}." if found.change else ""
    shares = (_shares(pair.old), _shares(pair.new))
    if pair.old.kind in ("numbers", "lengths"):
        bounds = [float(bound) for bound in pair.old.bins]
        missing = [each.missing / max(1, each.rows) for each in pair]
        if any(missing):
            note += f" Missing: {missing[0]:.1%} before, {missing[1]:.1%} now."
        first, second = (share[:-1] for share in shares)
        return paired_columns(title, bounds, (first, second), names, note.strip())
    values = [*map(str, pair.old.bins), OTHERS, MISSING]
    if pair.old.kind == "hashes":
        values = [f"hash {bin}" for bin in pair.old.bins] + [OTHERS, MISSING]
    kept = [at for at in range(len(values)) if shares[0][at] or shares[1][at]]
    first, second = ([share[at] for at in kept] for share in shares)
    return paired_bars(title, [values[at] for at in kept], (first, second), names, note)


def _shares(column: Distribution) -> list[float]:
    """Return the share of the rows in each bin, beyond them, and missing."""
    rows = max(1, column.rows)
    return [count / rows for count in (*column.counts, column.missing)]


def _windows(result: Result) -> Html:
    if not result.windows:
        return Html()
    rows = [
        [
            each.name,
            each.rows,
            each.refused,
            each.verdict,
            ", ".join(each.drifted[:10]),
            each.too_few,
        ]
        for each in reversed(result.windows)
    ]
    header = ["window", "rows", "refused", "verdict", "drifted", "too few to tell"]
    return join(
        [
            tag("div", *_courses(result), class_="grid"),
            table(f"By {result.window} (UTC), the newest first", header, rows),
        ]
    )


def _courses(result: Result) -> Iterator[Html]:
    """Yield charts of what went on: rows, and how far columns moved."""
    timed = [each for each in result.windows if each.start]
    if len(timed) < 2:
        return
    places = {each.name: place for place, each in enumerate(timed, start=1)}
    label = f"{result.window} (1: {timed[0].name})"
    rows = Series("rows", [*places.values()], [float(each.rows) for each in timed])
    yield line_chart(f"Rows by {result.window}", (label, "rows"), [rows])
    worst = [each for each in in_order(result.overall) if each.verdict == "drift"]
    seen: dict[tuple[str | None, str], None] = dict.fromkeys(e.key for e in worst)
    drifted = (each.key for each in result.comparisons if each.verdict == "drift")
    seen |= dict.fromkeys(drifted)
    series = [_course(key, result, places) for key in [*seen][:4]]
    if series:
        yield line_chart("Share of rows moved", (label, "share moved"), series)


def _course(
    key: tuple[str | None, str], result: Result, places: Mapping[str, int]
) -> Series:
    found = sorted(
        (places[each.window], each.moved)
        for each in result.comparisons
        if each.key == key and each.window in places
    )
    return Series(short(key[1], 30), *([*each] for each in zip(*found, strict=True)))


def _contract(result: Result) -> Html:
    parts = []
    if result.violations:
        share = f"{result.refused_share:.2%}"
        words = f"{result.refused:,} rows ({share}) break the contract."
        parts.append(tag("p", words))
        rows = [
            [each.column or "(several)", short(each.rule, 80), each.cells, each.share]
            for each in result.violations
        ]
        header = ["column", "rule", "cells", "share of rows"]
        parts.append(table("Broken rules", header, rows))
    if result.unseen:
        rows = [[e.column, e.rows, ", ".join(e.values)] for e in result.unseen]
        header = ["column", "rows", "such as"]
        caption = "Categories that the contract does not name"
        parts.append(folded(caption, table(caption, header, rows)))
    if not parts:
        return tag("p", "No row is known that breaks the contract.", class_="quiet")
    return join(parts)
