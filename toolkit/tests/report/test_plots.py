"""Plots of the report: curves, and tables where an axis has names."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.report.markdown import Axis
from reproducible_ml.report.plots import (
    CHARTS,
    CLASSES,
    FEATURES,
    PAIRS,
    Curve,
    Rows,
    confusion_matrix,
    draw,
    importance,
    means,
    positives,
    read_counts,
    resample,
    shares,
)
from reproducible_ml.versioning.git import Revision
from tumour_diagnosis.models.plots import PLOTS

from .conftest import Repository, table_rows

HOSTILE = ["<b>", "a|b", "`code` @user", "[x](http://y)", "c\nd", "x" * 999, ""]

UNIT = Axis("x", 0.0, 1.0)


def matrix(names: list[str], counts: list[object]) -> Rows:
    """Return the rows of a confusion matrix."""
    pairs = [(actual, predicted) for actual in names for predicted in names]
    return [
        {"actual": actual, "predicted": predicted, "rows": str(count)}
        for (actual, predicted), count in zip(pairs, counts, strict=True)
    ]


def features(values: dict[str, object]) -> Rows:
    """Return the rows of a table of importance."""
    return [
        {"feature": name, "importance": str(value), "deviation": "0.5"}
        for name, value in values.items()
    ]


def test_few_classes_have_a_matrix_of_counts_shares_and_the_base() -> None:
    names = ["no", "yes"]
    now = matrix(names, [3000, 1000, 0, 7])
    text = confusion_matrix(matrix(names, [3001, 999, 0, 7]), now)
    assert "Before an arrow: the base." in text
    assert table_rows(text) == [
        ["`no`", "3,001 → 3,000 (75.0 %)", "999 → 1,000 (25.0 %)"],
        ["`yes`", "0 (0.0 %)", "7 (100.0 %)"],
    ]
    for base in ([], now):
        assert "→" not in confusion_matrix(base, now)
        assert "arrow" not in confusion_matrix(base, now)


def test_many_classes_have_the_most_frequent_mistakes() -> None:
    names = [f"c{number}" for number in range(CLASSES + 1)]
    counts = [*range(len(names) ** 2)]
    text = confusion_matrix([], matrix(names, [*counts]))
    wrong = sum(counts) - sum(counts[:: len(names) + 1])
    assert f"{wrong:,} of {sum(counts):,} test rows are wrong" in text
    rows = table_rows(text)
    assert len(rows) == PAIRS
    assert rows[0][:2] == ["`c6`", "`c5`"]
    assert rows[0][2].startswith("47 (")
    right = [int(place % (len(names) + 1) == 0) for place in counts]
    assert confusion_matrix([], matrix(names, [*right])).endswith("are wrong.")


def test_importance_has_bars_and_the_base_where_it_changed() -> None:
    now = features({"b": 0.1, "a": 0.4, "c": -0.2})
    text = importance([], now)
    assert table_rows(text) == [
        ["`a`", "0.4000 ± 0.5000", "█" * 20],
        ["`b`", "0.1000 ± 0.5000", "█" * 5],
        ["`c`", "-0.2000 ± 0.5000", "-"],
    ]
    assert importance(now, now) == text
    changed = importance(features({"a": 0.3}), now)
    assert [row[1] for row in table_rows(changed)] == ["0.3000", "-", "-"]


def test_only_the_most_important_columns_are_shown() -> None:
    values: dict[str, object] = {f"x{number}": number for number in range(500)}
    text = importance([], features(values))
    assert f"{FEATURES} of 500 columns." in text
    assert [row[0] for row in table_rows(text)][:2] == ["`x499`", "`x498`"]
    assert len(table_rows(text)) == FEATURES


@pytest.mark.parametrize("names", [HOSTILE, HOSTILE[:3]])
def test_names_are_inert_and_short(names: list[str]) -> None:
    counts: list[object] = [*range(len(names) ** 2)]
    texts = [
        confusion_matrix([], matrix(names, counts)),
        importance([], features(dict.fromkeys(names, 1))),
    ]
    for text in texts:
        assert len(text.encode()) < 6_000
        bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
        assert not re.search(r"[<>@\[]|http|xx", bare)
        assert "x" * 61 not in text
        rows = [line for line in text.splitlines() if line[:1] == "|"]
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        assert len(widths) == 1


ANY = st.text(max_size=8) | st.none()


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["actual", "predicted", "rows", "feature", "importance", "deviation"]
            ),
            ANY | st.floats().map(str),
        ),
        max_size=30,
    )
)
def test_any_table_is_no_error(rows: Rows) -> None:
    for function in (confusion_matrix, importance):
        text = function(rows, rows[::2])
        assert "nan" not in re.sub("`[^`]*`", "", text)
        assert len(text.encode()) < 20_000


def test_share_of_positives_is_that_of_the_second_of_two_classes() -> None:
    assert positives(read_counts(matrix(["no", "yes"], [50, 10, 30, 10]))) == 0.4
    assert positives(read_counts(matrix(["no", "yes"], [0] * 4))) is None
    assert positives(read_counts(matrix(["a", "b", "c"], [1] * 9))) is None


def tables(task: str, seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables that `evaluate` writes about some predictions."""
    random = np.random.default_rng(seed)
    keys = random.integers(0, 2**63, 300).astype(np.uint64)
    names: dict[Any, str] = {}
    if task == "regression":
        actual = random.normal(1e6, 1e5, 300)
        rows = Predictions(actual, actual + random.normal(0, 1e4, 300))
    elif task == "binary":
        output = random.random(300)
        rows = Predictions(random.random(300) < output, output)
        names = {False: "no", True: "@yes|"}
    else:
        rows = Predictions(random.integers(0, 3, 300), random.dirichlet([1] * 3, 300))
        names = {0: "<b>", 1: '"', 2: "c\nd"}
    return PLOTS[task](rows, keys, names)


def write(root: Path, found: dict[str, pd.DataFrame]) -> None:
    (root / "reports/plots").mkdir(parents=True, exist_ok=True)
    for name, table in found.items():
        table.to_csv(root / f"reports/plots/{name}.csv", index=False)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("binary", ["ROC curve", "Precision and recall", "Calibration"]),
        ("multiclass", ["F1 of each class"]),
        ("regression", ["Predicted and actual", "Residuals"]),
    ],
)
def test_each_task_has_charts_of_base_and_now(
    repository: Repository, task: str, expected: list[str]
) -> None:
    write(repository.root, tables(task, seed=0))
    base = Revision(repository.root, repository.commit())
    write(repository.root, tables(task, seed=1))
    drawn = draw(base, Revision(repository.root))
    charts = [chart for chart in drawn if "xychart-beta" in chart]
    assert [re.findall('  title "(.*)"', chart)[0] for chart in charts] == expected
    for chart in charts:
        assert "grey: base, orange: now" in chart
        lines = re.findall(r"^  line \[(.*)\]$", chart, re.M)
        assert len(lines) == 2 + ("blue: " in chart)
        assert all(2 <= len(line.split(",")) <= 50 for line in lines)
        assert "nan" not in chart
        assert not re.search(r"\de[-+]?\d", chart.split("xychart-beta")[1])
        assert not re.search(r"@yes\||<b>|c\nd", chart)


def test_equal_curves_are_one_line(repository: Repository) -> None:
    write(repository.root, tables("binary", seed=0))
    repository.write("reports/metrics.json", {"roc_auc": 0.8765})
    base = Revision(repository.root, repository.commit())
    roc, *_ = draw(base, Revision(repository.root))
    assert roc.count("  line [") == 2
    same = "base and now, which are the same (AUC 0.8765)"
    assert roc.endswith(f"Colours: blue: chance, orange: {same}.")
    alone, *_ = draw(None, Revision(repository.root))
    assert alone.endswith("Colours: blue: chance, orange: now (AUC 0.8765).")


def test_keys_have_the_metrics_of_both_sides(repository: Repository) -> None:
    write(repository.root, tables("binary", seed=0))
    metrics = {"roc_auc": 0.8765, "average_precision": "|<b>"}
    repository.write("reports/metrics.json", metrics)
    base = Revision(repository.root, repository.commit())
    write(repository.root, tables("binary", seed=1))
    repository.write("reports/metrics.json", {"roc_auc": None} | {"log_loss": 1})
    roc, precision_recall, *_ = draw(base, Revision(repository.root))
    assert "grey: base (AUC 0.8765), orange: now." in roc
    assert "grey: base, orange: now." in precision_recall
    assert re.search(r"Chance is the share of positives, 0\.\d{4}\.$", precision_recall)


def test_chance_is_drawn_only_where_the_chart_reaches_it(
    repository: Repository,
) -> None:
    root = repository.root
    for tpr, known in ((0.93, 1), (0.2, 2)):
        repository.write("reports/plots/roc.csv", f"fpr,tpr\n0,{tpr}\n1,1\n")
        [roc] = draw(None, Revision(root))
        assert roc.count("  line [") == known
        assert ('"true positive rate" 0.9' in roc) == (known == 1)


def test_probabilities_of_a_rare_class_fill_the_chart(repository: Repository) -> None:
    for text, end in (("0,0\n0.013,0.08", "0.08"), ("0,0\n0.013,7e9", "1.000")):
        path = "reports/plots/calibration.csv"
        repository.write(path, f"predicted,actual\n{text}\n")
        [chart] = draw(None, Revision(repository.root))
        ends = re.findall(r"-axis .* 0\.0+ --> ([\d.]+)$", chart, re.M)
        assert [float(one) for one in ends] == [float(end)] * 2


@pytest.mark.parametrize(
    "content", ["", "x\n", "fpr,tpr\n", "fpr,tpr\na,b\n", "\x00\n"]
)
def test_broken_tables_are_no_error(repository: Repository, content: str) -> None:
    for name in CHARTS:
        repository.write(f"reports/plots/{name}.csv", content)
    head = Revision(repository.root)
    assert "nan" not in "".join(draw(head, head))


def test_hundreds_of_classes_are_cut(repository: Repository) -> None:
    rows = "".join(f"c{i},0.5\n" for i in range(300))
    repository.write("reports/plots/classes.csv", f"class,f1\n{rows}")
    [chart] = draw(None, Revision(repository.root))
    [line] = re.findall(r"^  line \[(.*)\]$", chart, re.M)
    assert len(line.split(",")) == 50


def test_vertical_part_of_a_curve_has_its_highest_value() -> None:
    roc = Curve(np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.8, 0.9, 1.0]))
    found = resample(roc, np.array([0.0, 0.25, 1.0]))
    assert [*found] == pytest.approx([0.8, 0.85, 1.0])


def test_means_of_points_follow_the_curve() -> None:
    x = np.random.default_rng(0).random(10_000)
    found = means(Curve(x, 2 * x), UNIT)
    assert found.y == pytest.approx(2 * found.x, abs=0.02)


def test_shares_of_rows_add_up_to_one() -> None:
    places = np.linspace(-0.5, 0.5, 25)
    counts = np.exp(-0.5 * (places / 0.1) ** 2)
    found = shares(Curve(places, counts), Axis("x", -1.0, 1.0))
    assert found.sum() == pytest.approx(1, abs=0.05)
    assert found[0] == found[-1] == 0
