"""The profile of a table as HTML: its columns, how they are related, and when it is of.

`exploration` computes it; here it is only shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from reproducible_ml.exploration.figures import in_digits, mean_and_spread
from reproducible_ml.exploration.profile import Status
from reproducible_ml.page.charts import Row, bar_chart
from reproducible_ml.page.data import category_picture, density_picture
from reproducible_ml.page.heat_map import FEW as FEW_NAMES
from reproducible_ml.page.heat_map import heat_map
from reproducible_ml.page.markup import Html, folded, join, number, short, table, tag
from reproducible_ml.page.periods import period_chart, period_picture

Json = Mapping[str, Any]

# Columns and dates that are drawn, findings of a kind, and names in one of them.
DRAWN, TIMES, NAMED = 100, 6, 8

# Numbers of so few different values are drawn as categories.
FEW = 12

# From these shares on, something stands out.
MANY_MISSING, NEARLY_ALL, STRONG = 0.5, 0.95, 0.95

# What is copied from rows.
EXAMPLES = ("examples", "unreadable_example", "notes")

# What shows values of a column, or may be one.
VALUES = (
    *("examples", "top", "top_error", "notes", "unreadable_example", "min", "max"),
    *("quantiles", "histogram", "coverage"),
)


def profile_section(status: Status) -> Html:
    """Return the profile of the project's table, and whether it is up to date.

    The report page may be sent to others, and CI keeps it: it has no text of a row but
    categories, which are in the contract as well.
    """
    parts = []
    if status.problem:
        command = tag("code", "rml profile")
        parts.append(
            tag("p", status.problem, " ", command, " makes it anew.", class_="warning")
        )
    if status.found is not None:
        columns = [*map(_without_examples, status.found["columns"])]
        found = {**status.found, "columns": columns}
        parts.append(profile_parts(found, status.hidden))
        words = (
            "Examples and frequent texts are in the page that ",
            tag("code", "rml profile"),
        )
        parts.append(tag("p", *words, " writes.", class_="note"))
    return join(parts)


def _without_examples(column: Json) -> Json:
    left = EXAMPLES if column["kind"] != "text" else (*EXAMPLES, "top")
    return {key: value for key, value in column.items() if key not in left}


def profile_parts(found: Json, hidden: frozenset[str] = frozenset()) -> Html:
    """Return all parts of a profile, one below the other."""
    return join(
        tag("div", tag("h3", title), content)
        for _, title, content in profile_sections(found, hidden)
    )


def profile_sections(
    found: Json, hidden: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str, Html]]:
    """Yield anchor, title and content of each part of a profile.

    Args:
        found: What `exploration.profile` returned.
        hidden: Columns of which no values may be shown by now.
    """
    columns = [_without_values(c, c["name"] in hidden) for c in found["columns"]]
    relations = found["relations"]
    sections = [
        ("overview", "The table", _overview(found, columns)),
        ("columns", "Columns", _columns(columns, found)),
        ("time", "Time", _times(columns)),
        ("relations", "Columns that are related", _relations(relations, found)),
        ("target", "What columns say of the target", _target(relations)),
    ]
    yield from (each for each in sections if each[2])


def _without_values(column: Json, hidden: bool) -> Json:
    if not hidden:
        return column
    kept = {key: value for key, value in column.items() if key not in VALUES}
    return kept | {"hidden": True}


def _overview(found: Json, columns: Sequence[Json]) -> Html:
    rows = found["rows"]
    missing = sum(column["missing"] for column in columns)
    values = rows * len(columns)
    facts = [
        ["rows", rows],
        ["columns", len(columns)],
        ["values that are missing", _count(missing, values)],
        ["rows that repeat an earlier one", _repeated(found["duplicates"], rows)],
    ]
    if rest := found["duplicates"].get("without_ids"):
        words = f"the same, but for {_listed(rest['ids'])}"
        facts.append([words, _repeated(rest, rows)])
    files = f" in {found['files']:,} files" if found["files"] > 1 else ""
    facts.append(["size on disk", f"{_bytes(found['bytes'])}{files}"])
    if found.get("target"):
        facts.append(["target", found["target"]])
    notes = []
    if found["sample"] < rows:
        notes.append(
            f"Quantiles, histograms and relations are of {found['sample']:,} rows that"
            " were chosen at random; all other figures are of all rows."
        )
    if index := found.get("left_out"):
        notes.append(
            f"Left out: {_listed(index)}, the index that pandas wrote: it numbers the"
            " rows."
        )
    if left := found["duplicates"].get("not_compared"):
        notes.append(f"Not compared to find equal rows: {_listed(left)}.")
    if any(column.get("hidden") for column in columns):
        notes.append(
            "Columns that identify rows, and those that are about a person or look like"
            " it, show no values. What only looks like it: not_personal in"
            " data/catalog.yaml, or --not-personal of `rml profile TABLE`."
        )
    striking = [tag("li", words) for words in findings(found, columns)]
    return join(
        [
            table("Facts", ["", ""], facts),
            tag("h4", "What stands out") if striking else "",
            tag("ul", *striking) if striking else "",
            *(tag("p", note, class_="note") for note in notes),
        ]
    )


def _count(part: int, whole: int) -> str:
    return f"{number(part)} ({_share(part, whole)})" if part else "none"


def _repeated(found: Json, rows: int) -> str:
    count = found["rows"]
    if not count and found["exact"]:
        return "none"
    said = _count(count, rows)
    if not found["exact"]:
        said = (
            f"about {said}, ± {number(found['error'])}: estimated from"
            f" {number(found['compared'])} rows"
        )
    return said + (f"; one is there {number(found['most'])} times" if count else "")


def findings(found: Json, columns: Sequence[Json]) -> Iterator[str]:
    """Yield a sentence for what stands out, a kind of problem each."""
    rows = found["rows"]
    if not rows:
        yield "The table has no rows."
        return
    named = {
        "without any value": [c for c in columns if c["kind"] == "empty"],
        "with one value in all rows": [
            c
            for c in columns
            if c.get("distinct") == 1 and not c["missing"] and rows > 1
        ],
        "with a value in less than half of the rows": [
            c
            for c in columns
            if c["kind"] != "empty" and c["missing"] > MANY_MISSING * rows
        ],
        "with infinite numbers": [c for c in columns if c.get("infinite")],
        "with values that could not be read as their type": [
            c for c in columns if c.get("unreadable")
        ],
        "with dates before the year 1 or after 9999": [
            c for c in columns if c.get("out_of_range")
        ],
        "with empty texts": [c for c in columns if c.get("blank")],
        "of text or whole numbers with a different value in every row, as identifiers"
        " have": [c for c in columns if _is_identifier(c)],
        "of which nearly all rows have one value": [
            c for c in columns if _share_of_top(c) > NEARLY_ALL and c["distinct"] > 1
        ],
    }
    for words, of_kind in named.items():
        if of_kind:
            names = _listed([c["name"] for c in of_kind])
            noun = "column" if len(of_kind) == 1 else "columns"
            yield f"{len(of_kind)} {noun} {words}: {names}."
    pairs = found["relations"]["numbers"].get("pairs", ())
    if strong := [pair for pair in pairs if abs(pair[2]) >= STRONG]:
        shown = ", ".join(
            f"{short(a, 40)} and {short(b, 40)}" for a, b, _ in strong[:4]
        )
        more = f", and {len(strong) - 4} more" if len(strong) > 4 else ""
        yield f"Pairs of columns that say nearly the same: {shown}{more}."
    if found["duplicates"]["rows"]:
        yield f"Rows repeat: {_repeated(found['duplicates'], rows)}."


def _is_identifier(column: Json) -> bool:
    whole = column["kind"] == "number" and "int" in column["type"].lower()
    if not whole and column["kind"] != "text":
        return False
    present = column["rows"] - column["missing"]
    least = present * (1 - column.get("distinct_error", 0))
    return present > 20 and bool(column.get("distinct", 0) >= least)


def _share_of_top(column: Json) -> float:
    top = column.get("top") or ()
    present = column["rows"] - column["missing"]
    most: int = max((rows for _, rows in top), default=0)
    return float(most / max(1, present))


def _columns(columns: Sequence[Json], found: Json) -> Html:
    if not columns:
        return Html()
    header = [
        *("column", "kind", "type", "missing", "different values"),
        *("lowest", "highest", "mean", "standard deviation", "most frequent"),
    ]
    rows = found["rows"]
    body = (
        [
            short(c["name"], 60),
            c["kind"],
            c["type"],
            _share(c["missing"], rows) if c["missing"] else 0,
            _different(c),
            *(_value(c.get(key), _spread(c)) for key in ("min", "max", "mean")),
            _value(c.get("sd")),
            ", ".join(short(name, 24) for name, _ in _most_frequent(c)[:3]),
        ]
        for c in columns
    )
    more = len(columns) - DRAWN
    cut = f"{DRAWN} of {len(columns)} columns are drawn. The JSON has all."
    return join(
        [
            tag("div", *map(_box, columns[:DRAWN]), class_="columns"),
            tag("p", cut, class_="note") if more > 0 else "",
            folded("Figures of all columns", table("Columns", header, body)),
        ]
    )


def _most_frequent(column: Json) -> list[Any]:
    """Return values and rows; nothing if hardly any value repeats."""
    top = column.get("top") or []
    if column.get("top_error", 0) >= max((rows for _, rows in top), default=0):
        return []
    return sorted(top, key=lambda pair: -pair[1])


def _different(column: Json) -> str:
    if "distinct" not in column:
        return "-"
    count = number(column["distinct"])
    if error := column.get("distinct_error"):
        return f"about {count} (± {error:.1%})"
    return count


def _box(column: Json) -> Html:
    rows = max(1, column["rows"])
    words = [column["kind"]]
    if column["missing"]:
        words.append(f"{_share(column['missing'], rows)} missing")
    if column["kind"] == "number" and column.get("mean") is not None:
        words.append(mean_and_spread(column["mean"], column.get("sd")))
    elif "distinct" in column:
        words.append(f"{_different(column)} different")
    if column.get("zone"):
        words.append(f"times in {column['zone']}")
    if column.get("hidden"):
        words.append("values not shown")
    return tag(
        "div",
        tag("h4", short(column["name"], 60)),
        tag("p", " · ".join(words), class_="quiet"),
        _picture(column),
        folded("All figures", _details(column), title=short(column["name"], 60)),
    )


def _picture(column: Json) -> Html:
    name, top = column["name"], _most_frequent(column)
    if column["kind"] == "number" and len(top) <= FEW and top:
        # In the order of their sizes, as far as they are shown.
        shown = sorted(top[:FEW], key=lambda pair: Decimal(pair[0]))
        return _frequent_picture(column, shown)
    if column["kind"] == "number":
        found = column.get("histogram") or {}
        bounds = found.get("bounds") or []
        if len(bounds) < 2 or None in bounds or bounds[0] == bounds[-1]:
            return Html()
        counts = [found.get("below", 0), *found["rows"], found.get("above", 0)]
        return density_picture(name, bounds, counts)
    if column["kind"] == "date" and (found := column.get("coverage")):
        return period_picture(found)
    if column["kind"] in ("category", "boolean"):
        return _frequent_picture(column, top)
    return Html()


def _frequent_picture(column: Json, top: Sequence[Any]) -> Html:
    if not top:
        return Html()
    present = column["rows"] - column["missing"]
    others = max(0, present - sum(rows for _, rows in top))
    more = max(0, column.get("distinct", 0) - len(top))
    numbers = column["kind"] == "number"
    return category_picture(column["name"], top, others, more, numbers=numbers)


def _details(column: Json) -> Html:
    rows: list[list[Any]] = [
        ["rows", column["rows"]],
        ["missing", f"{number(column['missing'])}"],
        ["different values", _different(column)],
    ]
    names = {
        **{"min": "lowest", "max": "highest", "mean": "mean"},
        **{"sd": "standard deviation", "zeros": "zeros", "negative": "below zero"},
        **{"infinite": "infinite", "shortest": "shortest, characters"},
        **{"longest": "longest, characters", "mean_length": "mean length"},
        **{"blank": "empty texts", "out_of_range": "out of the years 1 to 9999"},
        "unreadable": "not readable as this type",
    }
    spread = _spread(column)
    rows += [
        [said, _value(column[k], None if k == "sd" else spread)]
        for k, said in names.items()
        if k in column
    ]
    if column.get("zone"):
        rows.append(["times have a zone or offset", f"shown in {column['zone']}"])
    for share, value in (column.get("quantiles") or {}).items():
        rows.append([f"{float(share):.0%} are at most", _value(value, spread)])
    rest = column.get("histogram") or {}
    if rest.get("below") or rest.get("above"):
        words = f"{number(rest['below'])} below, {number(rest['above'])} above"
        rows.append(["of the sample not in the picture", words])
    if column.get("unreadable_example"):
        rows.append(["such as", column["unreadable_example"]])
    for note in column.get("notes", ()):
        rows.append(["note", note])
    if column.get("examples"):
        rows.append(["examples", "; ".join(short(e, 80) for e in column["examples"])])
    parts = [table("All figures", ["", ""], [["type", column["type"]], *rows])]
    if top := _most_frequent(column)[:10]:
        least = "at least " if column.get("top_error") else ""
        shown = ([short(value, 80), f"{least}{number(k)}"] for value, k in top)
        parts.append(table("Most frequent values", ["value", "rows"], shown))
    return join(parts)


def _times(columns: Sequence[Json]) -> Html:
    """Return the rows by period of each column of dates."""
    dates = [c for c in columns if c.get("coverage")]
    if not dates:
        return Html()
    charts = [period_chart(column) for column in dates[:TIMES]]
    more = f"{TIMES} of {len(dates)} columns of dates are drawn."
    return join(
        [
            tag("div", *charts, class_="grid"),
            tag("p", more, class_="note") if len(dates) > TIMES else "",
        ]
    )


MEASURES = {
    "numbers": (
        "Correlation of numbers (Pearson)",
        "Blue: both rise together. Orange: one falls where the other rises.",
    ),
    "categories": (
        "Association of categories (Cramér's V)",
        "0: independent. 1: one says the other. Corrected for bias.",
    ),
}


def _relations(relations: Json, found: Json) -> Html:
    maps, tables = [], []
    for key, (title, note) in MEASURES.items():
        part = relations.get(key) or {}
        if not part.get("columns"):
            continue
        notes = [note]
        if len(part["columns"]) < part["of"]:
            notes.append(
                f"The {len(part['columns'])} columns of {part['of']:,} that are most"
                " related to another one."
            )
        if part["compared"] < part["of"]:
            notes.append(f"Only {part['compared']:,} were compared.")
        if relations["rows"] < found["rows"]:
            notes.append(f"From {relations['rows']:,} rows.")
        notes += _pooled(part)
        maps.append(heat_map(title, part["columns"], part["matrix"], " ".join(notes)))
        rows = ([f"{short(a, 60)} and {short(b, 60)}", v] for a, b, v in part["pairs"])
        tables.append(folded(f"Strongest pairs: {title}", _pairs(title, rows)))
    if not maps:
        return Html()
    broad = any(len(relations[key].get("columns", ())) > FEW_NAMES for key in MEASURES)
    return join([join(maps) if broad else tag("div", *maps, class_="grid"), *tables])


def _pairs(title: str, rows: Iterable[list[Any]]) -> Html:
    return table(title, ["columns", "strength"], rows)


def _target(relations: Json) -> Html:
    found = relations.get("target") or {}
    if not found.get("columns"):
        return Html()
    entropy = found["entropy"]
    rows = [Row(name, value) for name, value in found["columns"].items()]
    note = (
        f"Mutual information in bits; to know {short(found['name'], 40)} takes"
        f" {entropy:.3g}. Each column by itself: numbers and dates in ten groups of"
        " equally many rows, missing values as a value of their own. Corrected for the"
        " bias that few rows cause. A column that says nearly all may be a copy of the"
        " target."
    )
    without = found.get("without") or ()
    if without:
        note += f" Not computed: {_listed(without)}."
    note = " ".join([note, *_pooled(found)])
    title = f"Mutual information with {short(found['name'], 60)}"
    return bar_chart(title, "bits", rows, note)


def _pooled(found: Json) -> Iterator[str]:
    """Yield a sentence on the columns whose rare values are taken together."""
    pooled = found.get("pooled") or {}
    said = [
        f"of the {values:,} values of {short(name, 40)} those from number {first:,} on"
        for name, (values, first) in [*pooled.items()][:NAMED]
    ]
    if rest := [*pooled][NAMED:]:
        said.append(f"rare values of {_listed(rest)}")
    if said:
        yield f"The least frequent values are taken together: {', '.join(said)}."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(short(name, 40) for name in names[:NAMED])
    more = len(names) - NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown


def _share(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share:.1%}".replace("%", " %")


def _bytes(size: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size = size / 1000  # type: ignore[assignment]
    return f"{size:,.1f} GB"


def _spread(column: Json) -> float | None:
    """Return how far most numbers of a column are apart; None if that is not known."""
    if column["kind"] != "number":
        return None
    found = column.get("quantiles") or {}
    ends = [("0.25", "0.75"), ("0.05", "0.95"), ("0.01", "0.99")]
    pairs = [(found.get(low), found.get(high)) for low, high in ends]
    pairs.append((column.get("min"), column.get("max")))
    for low, high in pairs:
        if low is not None and high is not None and low != high:
            # Half of it: of the largest floats, all of it is infinite.
            return 2 * float(Fraction(high) / 2 - Fraction(low) / 2)
    spread: float | None = column.get("sd")
    return spread


def _value(value: Any, spread: float | None = None) -> Any:
    """Return a figure for a table: numbers in few digits, or those that matter."""
    if isinstance(value, float):
        return (
            number(int(value))
            if value.is_integer() and abs(value) < 1e15
            else in_digits(value, spread, 6)
        )
    return value
