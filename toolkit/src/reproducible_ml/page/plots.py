"""The plots of dvc.yaml, those of the project's own included, as charts."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reproducible_ml.page.charts import Row, Series, bar_chart, line_chart, matrix
from reproducible_ml.page.markup import Html, short, table, tag
from reproducible_ml.versioning.git import Revision

Rows = list[dict[str, str]]

# Templates of DVC, and of .dvc/plots, by what they draw.
LINES = ("simple", "linear", "smooth", "diagonal")
CLOUDS = ("scatter", "scatter_jitter", "diagonal_points")
BARS = ("bars", "bar_horizontal", "bar_horizontal_sorted")
MATRICES = ("confusion", "confusion_counts", "confusion_normalized")

# Column with the standard deviation of the values of a row.
DEVIATION = "deviation"

# Column of a matrix with the number of rows.
COUNT = "rows"


class Plot(NamedTuple):
    """A plot of dvc.yaml: a file, and the columns of it that are drawn."""

    title: str
    template: str
    path: str
    x: str
    y: tuple[str, ...]
    labels: tuple[str, str]


def read_plots(pipeline: Mapping[str, Any]) -> Iterator[Plot]:
    """Yield the plots of dvc.yaml that name a file, a column for x and some for y."""
    listed = pipeline.get("plots")
    for entry in listed if isinstance(listed, list) else ():
        for title, said in entry.items() if isinstance(entry, dict) else ():
            if not isinstance(said, dict):
                continue
            files = said.get("y")
            if not isinstance(files, dict):
                files = {title: files}
            for path, names in files.items():
                y = names if isinstance(names, list) else [names]
                x = said.get("x")
                labels = said.get("x_label") or x, said.get("y_label") or y[0]
                yield Plot(
                    str(said.get("title") or title),
                    str(said.get("template") or "linear"),
                    str(path),
                    str(x),
                    tuple(map(str, y)),
                    (str(labels[0]), str(labels[1])),
                )


def read_rows(revision: Revision, path: str) -> Rows:
    """Return the rows of a CSV or TSV file, none if there is none."""
    text = revision.text(path)
    if not text:
        return []
    delimiter = "\t" if path.endswith(".tsv") else ","
    return [*csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)]


def draw_plot(plot: Plot, rows: Rows) -> Html:
    """Return a plot; of a table with other columns, say so."""
    lacking = [name for name in (plot.x, *plot.y) if name not in rows[0]]
    if lacking:
        return missing(plot.title, f"{plot.path} has no column {short(lacking[0])}.")
    if plot.template in MATRICES:
        return _matrix(plot, rows)
    if plot.template in BARS:
        return _bars(plot, rows)
    x = [to_number(row[plot.x]) for row in rows]
    series = [_series(name, x, rows) for name in plot.y]
    if not any(map(math.isfinite, x)):
        return tag("figure", tag("figcaption", plot.title), _table(plot, rows))
    return line_chart(
        plot.title,
        plot.labels,
        series,
        joined=plot.template not in CLOUDS,
        diagonal="diagonal" in plot.template,
    )


def _series(name: str, x: list[float], rows: Rows) -> Series:
    y = [to_number(row[name]) for row in rows]
    if DEVIATION not in rows[0]:
        return Series(name, x, y)
    spread = [to_number(row[DEVIATION]) for row in rows]
    low = [value - by for value, by in zip(y, spread, strict=True)]
    high = [value + by for value, by in zip(y, spread, strict=True)]
    return Series(name, x, y, low, high)


def missing(title: str, why: str) -> Html:
    """Return a figure that says why there is no picture."""
    return tag("figure", tag("figcaption", title), tag("p", why, class_="note"))


def _table(plot: Plot, rows: Rows) -> Html:
    names = [plot.x, *plot.y]
    return table(plot.title, names, ([row[name] for name in names] for row in rows))


def _bars(plot: Plot, rows: Rows) -> Html:
    found = []
    for row in rows:
        value, spread = known_number(row[plot.x]), known_number(row.get(DEVIATION))
        if value is None or spread is None:
            found.append(Row(row[plot.y[0]], value))
        else:
            found.append(Row(row[plot.y[0]], value, value - spread, value + spread))
    note = "Whiskers: ± standard deviation." if DEVIATION in rows[0] else ""
    return bar_chart(plot.title, plot.labels[0], found, note)


def _matrix(plot: Plot, rows: Rows) -> Html:
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        value = to_number(row.get(COUNT) or "1")
        counts[row[plot.y[0]], row[plot.x]] += int(value) if math.isfinite(value) else 0
    return matrix(plot.title, (plot.x, plot.y[0]), counts)


def to_number(text: str | None) -> float:
    """Return a number, NaN if it is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def known_number(text: str | None) -> float | None:
    """Return a finite number, None if it is none."""
    value = to_number(text)
    return value if math.isfinite(value) else None
