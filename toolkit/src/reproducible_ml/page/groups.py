"""Groups of rows and protected columns, as tables and pictures of the page."""

from collections.abc import Iterator, Sequence

from reproducible_ml.page.charts import (
    Row,
    interval_chart,
)
from reproducible_ml.page.markup import Html, folded, join, short, table, tag
from reproducible_ml.page.results import NAMED, Json, Results, as_row, format_interval

# Metrics of protected groups that are drawn.
DRAWN = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "accuracy",
    "mean_prediction",
    "mae",
    "predicted_minus_observed",
    "calibration_error",
)


def groups(results: Results) -> Html:
    """Return the main metric of each group of test rows, and F1 of each class."""
    metric = results.main_metric
    every = results.evaluation.get("metrics", {})
    drawn = []
    for column, found in results.evaluation.get("slices", {}).items():
        drawn.append(_groups(f"By {short(column, 60)}", metric, found, "group", every))
    if classes := results.evaluation.get("classes"):
        drawn.append(_groups("By class", "f1", classes, "class", {}))
    if not drawn:
        words = "None: name columns in evaluate.slices of params.yaml."
        return tag("p", words, class_="quiet")
    return tag("div", *drawn, class_="grid")


def _groups(
    title: str, metric: str | None, found: list[Json], key: str, every: Json
) -> Html:
    names = [*dict.fromkeys(name for group in found for name in group["metrics"])]
    metric = metric if metric in names else next(iter(names), None)
    if metric is None:
        return Html()
    rows = [
        as_row(
            str(group[key]),
            group["metrics"].get(metric, {}),
            f"{group['rows']:,} rows",
        )
        for group in found
    ]
    whole = as_row("all rows", every[metric]) if metric in every else None
    notes = ["Whiskers: 95 % intervals. Dashed: all test rows."] if whole else []
    if left := [short(row.name, 30) for row in rows if row.value is None]:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        # Such as ROC AUC where all rows are of one class.
        notes.append(f"Not defined for: {', '.join(left[:NAMED])}{more}.")
    chart = interval_chart(f"{title}: {metric}", metric, rows, whole, " ".join(notes))
    others = table(
        f"{title}: all metrics",
        ["group", "rows", *names],
        (
            [
                str(group[key]),
                group["rows"],
                *(group["metrics"].get(name, {}).get("value") for name in names),
            ]
            for group in found
        ),
    )
    return tag("div", chart, folded("All metrics", others))


def protected(results: Results) -> Html:
    """Return how much protected groups differ, with pictures of their metrics."""
    every = results.evaluation.get("protected", {})
    if not every:
        words = (
            "No column is declared as protected: differences between groups of people"
            " were not checked. Name columns in evaluate.protected of params.yaml."
        )
        return tag("p", words, class_="quiet")
    parts: list[Html] = []
    for column, found in every.items():
        name = short(column, 60)
        charts = [
            interval_chart(f"By {name}: {metric}", metric, rows, None, _unknown(rows))
            for metric, rows in _by_metric(found["groups"])
        ]
        parts += [
            _gaps(f"Differences by {name}", found["gaps"]),
            tag("div", *charts, class_="grid"),
            folded(f"All metrics by {name}", _all_metrics(name, found["groups"])),
        ]
    words = (
        "The difference is that of the groups with the highest and the lowest value;"
        " its 95 % interval holds for all pairs of groups at once. The numbers do not"
        " decide what is fair."
    )
    return join([tag("p", words, class_="note"), *parts])


def _unknown(rows: Sequence[Row]) -> str:
    left = [short(row.name, 30) for row in rows if row.value is None]
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    none = f" Not defined for: {', '.join(left[:NAMED])}{more}." if left else ""
    return f"Whiskers: 95 % intervals.{none}"


def _by_metric(groups: list[Json]) -> Iterator[tuple[str, list[Row]]]:
    """Yield metrics that are drawn, each with its value for all groups."""
    for metric in DRAWN:
        if any(metric in group["metrics"] for group in groups):
            yield (
                metric,
                [
                    as_row(
                        group["group"],
                        group["metrics"][metric],
                        f"{group['metrics'][metric]['rows']:,} rows",
                    )
                    for group in groups
                ],
            )


def _gaps(title: str, gaps: Json) -> Html:
    rows = []
    for name, gap in gaps.items():
        ends, ratio = gap["difference"], gap.get("ratio", {})
        few = ", ".join(map(_few, gap["few"]))
        rows.append(
            [
                f"{name} of {gap['class']}" if "class" in gap else name,
                ends["value"],
                format_interval(ends["low"], ends["high"]),
                ratio.get("value"),
                format_interval(ratio.get("low"), ratio.get("high")),
                gap.get("lowest", "-"),
                gap.get("highest", "-"),
                few or "-",
            ]
        )
    header = ["metric", "difference", "95 % interval", "ratio", "95 % interval"]
    return table(title, [*header, "lowest", "highest", "few rows"], rows)


def _few(found: Json) -> str:
    of_class = f" for {found['class']}" if "class" in found else ""
    return f"{found['group']}: {found['rows']} {found['of']}{of_class}"


def _all_metrics(column: str, groups: list[Json]) -> Html:
    rows = [
        [group["group"], name, found["value"], found["low"], found["high"], size]
        for group in groups
        for name, found, size in _flat_metrics(group)
    ]
    header = ["group", "metric", "value", "from", "to", "rows"]
    return table(f"All metrics by {column}", header, rows)


def _flat_metrics(group: Json) -> Iterator[tuple[str, Json, int]]:
    for name, found in group["metrics"].items():
        yield name, found, found["rows"]
    for each in group.get("classes", ()):
        for name, found in each["metrics"].items():
            yield f"{name} of {each['class']}", found, found["rows"]
