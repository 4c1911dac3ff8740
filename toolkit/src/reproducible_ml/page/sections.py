"""The sections of the page, each from the reports that it is about."""

from collections.abc import Iterator, Mapping, Sequence

from reproducible_ml.core.dependencies import read_stages
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.drawing.summary import (
    describe_no_better,
    describe_part,
    describe_too_good,
)
from reproducible_ml.modeling.metrics.intervals import BASELINE, describe_intervals
from reproducible_ml.page.charts import (
    ROWS,
    Row,
    Series,
    interval_chart,
    line_chart,
    range_bar,
)
from reproducible_ml.page.figure import STYLES
from reproducible_ml.page.graph import draw_graph
from reproducible_ml.page.groups import groups, protected
from reproducible_ml.page.markup import Html, folded, join, number, short, table, tag
from reproducible_ml.page.plots import (
    draw_plot,
    known_number,
    read_plots,
    read_rows,
    to_number,
)
from reproducible_ml.page.results import NAMED, Results, as_row, format_interval
from reproducible_ml.page.state import State
from reproducible_ml.registry.history import VersionRecord, read_history
from reproducible_ml.report.results import section as part_of

# Whether higher is better, by metric.

PARTIAL = "reports/plots/partial_dependence.csv"


HISTORIES = 6


def question(results: Results) -> Html:
    """Return what is predicted."""
    target = tag("code", results.target)
    if results.task == "binary":
        positive = part_of(results.params, "data").get("positive")
        return join(["Probability that ", target, " is ", tag("code", positive), "."])
    kind = "One of several classes" if results.task == "multiclass" else "A number"
    return join([kind, ": ", target, "."])


def state_box(state: State) -> Html:
    """Return whether the results are those of a commit, or what changed since."""
    commit = state.commit[:10] or "no commit yet"
    at = join([tag("code", commit), f" ({state.date}, {short(state.subject, 90)})"])
    count = len(state.changed)
    stale = bool(state.outdated or state.uncommitted_results)
    files = folded(f"{count} files", _listed(state.changed)) if count else Html()
    if state.outdated:
        words: list[Html | str] = [
            tag("strong", "Out of date"),
            ": data, parameters or code changed since these results were made. To make"
            " them anew: ",
            tag("code", "make repro"),
        ]
        more = [_listed(state.outdated), tag("p", "The last commit is ", at)]
    elif stale:
        words = [tag("strong", "Not committed"), ": these results differ from ", at]
        more = [files]
    else:
        words = [tag("strong", "Results of commit"), " ", at]
        note = "Files that differ from it, without effect on results:"
        more = [tag("p", note), files] if files else []
    checked = "Checked when this page was written; ", tag("code", "rml show")
    return tag(
        "div",
        tag("p", *words),
        *more,
        tag("p", *checked, " checks it again.", class_="quiet"),
        class_="state stale" if stale else "state",
        role="note",
    )


def _listed(lines: Sequence[str]) -> Html:
    items = [tag("li", short(each, 200)) for each in lines[:NAMED]]
    more = len(lines) - NAMED
    return tag("ul", *items, tag("li", f"and {more} more") if more > 0 else "")


def metrics(results: Results) -> Html:
    """Return the metrics with intervals, beside those of the baseline."""
    found = results.evaluation.get("metrics")
    if not found:
        return tag("p", "No metrics: reports/evaluation.json is missing.")
    rows = []
    for name, values in sorted(
        found.items(), key=lambda m: m[0] != results.main_metric
    ):
        base = values.get("baseline") or {}
        row, dummy = as_row(name, values), as_row("baseline", base)
        arrow = {True: " ↑", False: " ↓", None: ""}[results.directions.get(name)]
        rows.append(
            [
                f"{name}{arrow}",
                row.value,
                format_interval(row.low, row.high),
                range_bar(row, dummy),
                dummy.value,
            ]
        )
    header = ["metric", "value", "95 % interval", "value and baseline", "baseline"]
    knows = BASELINE.get(results.task, "the training rows")
    note = (
        f"{results.evaluation.get('rows', 0):,} test rows;"
        f" {describe_intervals(results.evaluation)}. The baseline (grey)"
        f" knows only {knows}. ↑ higher is better, ↓ lower is better."
    )
    good = results.evaluation.get("too_good")
    worse = results.evaluation.get("no_better_than_baseline")
    part = results.evaluation.get("trained_on")
    return join(
        [
            tag("p", describe_no_better(worse), class_="warning") if worse else "",
            tag("p", describe_too_good(good), class_="warning") if good else "",
            tag("p", describe_part(part)) if part else "",
            tag(
                "div", table("Metrics on the test rows", header, rows), class_="metrics"
            ),
            tag("p", note, class_="note"),
        ]
    )


def purpose(human: Mapping[str, tuple[str, ...]]) -> Html:
    """Return what people said the model is for."""
    words = {
        "intended_use": "Meant for",
        "out_of_scope": "Not for",
        "limits": "Limits",
        "oversight": "Oversight",
    }
    parts = []
    for name, title in words.items():
        texts = [" ".join(each.split()) for each in human.get(name, ())]
        said = [tag("p", each) for each in texts if each]
        unsaid = tag("p", "Not said yet: docs/model_card.yaml.", class_="quiet")
        if said or name != "oversight":
            shown = tag("dd", *(said or [unsaid]))
            parts.append(tag("div", tag("dt", title), shown))
    return tag("dl", *parts)


def plots(results: Results) -> Html:
    """Return all plots of dvc.yaml."""
    drawn, empty = [], []
    for plot in read_plots(results.pipeline):
        if plot.template == "hidden":
            continue
        if rows := read_rows(results.files, plot.path):
            drawn.append(draw_plot(plot, rows))
        else:
            empty.append(f"{plot.title} ({plot.path})")
    note = f"Without rows, and so not drawn: {', '.join(empty)}."
    return join(
        [
            tag("div", *drawn, class_="grid") if drawn else "",
            tag("p", note, class_="note") if empty else "",
        ]
    )


def partial_dependence(results: Results) -> Html:
    """Return how the mean prediction depends on single columns, if it was computed."""
    rows = read_rows(results.files, PARTIAL)
    if not rows or not {"feature", "value", "mean", "low", "high"} <= rows[0].keys():
        return Html()
    by_feature: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_feature.setdefault(row["feature"], []).append(row)
    drawn = [_dependence(feature, found) for feature, found in by_feature.items()]
    words = (
        "The mean prediction for test rows if a column had one value in all of them,"
        " with its 95 % interval. It is no effect of the column: others vary with it."
    )
    return join(
        [tag("p", words, class_="note"), tag("div", *drawn, class_="grid")],
    )


def _dependence(feature: str, rows: list[dict[str, str]]) -> Html:
    title, label = short(feature, 60), "mean prediction"
    # Only several classes have a column of that name.
    classes = [*dict.fromkeys(row.get("class", label) for row in rows)]
    many = len(classes) > 1
    series, missing = [], []
    for name in classes[:STYLES]:
        found = [row for row in rows if row.get("class", name) == name]
        x, *y = (_numbers(found, key) for key in ("value", "mean", "low", "high"))
        # Bands of several lines would hide each other.
        series.append(Series(name, x, *y[: 1 if many else 3]))
        missing += [f"{name} {row['mean']}" for row in found if row["value"] == ""]
    notes = [f"{STYLES} of {len(classes)} classes."] if len(classes) > STYLES else []
    notes += [f"Where the value is missing: {', '.join(missing)}."] if missing else []
    if not any(value == value for value in series[0].x):
        # Of names there is no line; of several classes, the first is drawn.
        first = [row for row in rows if row.get("class", label) == classes[0]]
        drawn = [_named(row) for row in first]
        about = f"{label} of {short(classes[0], 30)}" if many else label
        return interval_chart(title, about, drawn, None)
    return line_chart(title, (title, label), series, note=" ".join(notes))


def _named(row: dict[str, str]) -> Row:
    mean, low, high = (known_number(row.get(n)) for n in ("mean", "low", "high"))
    return Row(row["value"] or "(missing)", mean, low, high)


def _numbers(rows: list[dict[str, str]], name: str) -> list[float]:
    return [to_number(row[name]) for row in rows]


def pipeline(results: Results) -> Html:
    """Return the graph of the pipeline."""
    described = results.pipeline.get("stages")
    known = described if isinstance(described, dict) else {}
    return draw_graph(read_stages(results.root), known)


def versions(results: Results) -> Html:
    """Return the metrics of every registered version, with intervals."""
    try:
        records = read_history(results.root)
    except UserError as error:
        return tag("p", str(error), class_="quiet")
    if not records:
        words = "No version of the model is registered yet. To register this one: "
        return tag("p", words, tag("code", "rml register"), class_="quiet")
    names = dict.fromkeys(name for record in records for name in record.metrics)
    main = results.main_metric
    chosen = sorted(names, key=lambda name: name != main)[:HISTORIES]
    charts = [_history(name, records) for name in chosen]
    rows = [
        [
            record.version,
            ", ".join(record.stages),
            record.date.strftime("%Y-%m-%d"),
            tag("code", record.commit[:10]),
            *(_with_interval(record, name) for name in names),
            record.why_not or ("comparable" if place else "-"),
        ]
        for place, record in enumerate(records)
    ]
    header = ["version", "stages", "date", "commit", *names, "against the one before"]
    return join(
        [
            tag("div", *charts, class_="grid"),
            table("Registered versions", header, rows),
        ]
    )


def _with_interval(record: VersionRecord, name: str) -> str:
    found = record.metrics.get(name)
    if found is None:
        return "-"
    ends = format_interval(found.low, found.high)
    return number(found.value) if ends == "-" else f"{number(found.value)} ({ends})"


def _history(name: str, records: list[VersionRecord]) -> Html:
    rows = []
    for record in records:
        found = record.metrics.get(name)
        if found is None:
            continue
        new = "" if record.comparable_with_previous else f"; ⚠ {record.why_not}"
        stages = f"in {', '.join(record.stages)}" if record.stages else "in no stage"
        mark = "" if record.comparable_with_previous else " ⚠"
        label = f"{record.version}{mark}"
        rows.append(Row(label, found.value, found.low, found.high, f"{stages}{new}"))
    broken = any(not record.comparable_with_previous for record in records)
    note = (
        "⚠: other test rows or another question than the version above."
        if broken
        else ""
    )
    return interval_chart(name, name, rows[-ROWS:], None, note)


def sections(
    results: Results,
    human: Mapping[str, tuple[str, ...]],
    card: Html,
    data: Html,
    profile: Html,
    took: Html,
) -> Iterator[tuple[str, str, Html]]:
    """Yield anchor, title and content of each section that has any."""
    found = [
        ("metrics", "Metrics", metrics(results)),
        ("use", "What it is for", purpose(human)),
        ("plots", "Plots", plots(results)),
        ("groups", "Groups of rows", groups(results)),
        ("protected", "Protected groups", protected(results)),
        ("dependence", "Partial dependence", partial_dependence(results)),
        ("data", "Data", data),
        ("profile", "Profile of the table", profile),
        ("versions", "Versions", versions(results)),
        ("pipeline", "Pipeline", pipeline(results)),
        ("resources", "Time and memory", took),
        ("card", "Model card", card),
    ]
    yield from (each for each in found if each[2])
