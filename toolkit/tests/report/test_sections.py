"""Tests of reproducible_ml.report.sections."""

from pathlib import Path
from typing import Any

from reproducible_ml.modeling.metrics.binary import METRICS
from reproducible_ml.report.compare import compare
from reproducible_ml.report.gates import Gate
from reproducible_ml.report.reproduction import Reproduction
from reproducible_ml.report.results import NO_RESULTS, Results
from reproducible_ml.report.review import Review
from reproducible_ml.report.sections import (
    comparable,
    gates,
    metrics,
    pictures,
    reasons,
    sections,
    verdict,
)
from reproducible_ml.versioning.git import Revision

from .conftest import Repository, results
from .test_changes import rows

EQUAL = Reproduction("equal", "Reproduced, bit for bit.")
STALE = Reproduction("stale", "Not reproduced.", ("`a`: x", "`b`: y"), "`make repro`")


def review(
    old: Results, new: Results, root: Path = Path("nowhere"), **others: Any
) -> Review:
    found = Review(
        base=None if old is NO_RESULTS else Revision(root, "HEAD"),
        head=Revision(root),
        old=old,
        new=new,
        metric="roc_auc",
        metrics=METRICS,
        changes=compare(old, new, METRICS, ["roc_auc"]),
        reproduction=EQUAL,
        gates=[Gate("one", True, "fine")],
    )
    return found._replace(**others)


def metric_table(old: Results, new: Results) -> str:
    return metrics(old, new, compare(old, new, METRICS, ["roc_auc"]), METRICS)


def test_verdict_is_a_line_in_words() -> None:
    assert verdict(review(results(), results())) == (
        "**Reproduced, bit for bit. Gate passed.**"
        " `roc_auc` went from 0.9000 to 0.9000, unchanged."
    )
    failed = [Gate("one", False, ""), Gate("two", None, ""), Gate("three", False, "")]
    found = verdict(review(NO_RESULTS, results(), reproduction=STALE, gates=failed))
    assert found == (
        "**Not reproduced. Gate failed: one, three.** `roc_auc` is 0.9000, new."
    )


def test_reasons_come_with_the_fix() -> None:
    found = reasons(review(results(), results(), reproduction=STALE))
    assert [*found] == ["- `a`: x\n- `b`: y", "Fix: `make repro`."]


def test_gates_say_why_and_whether_they_were_changed() -> None:
    asked = [Gate("one", False, "because"), Gate("two", None, "not now")]
    text = gates(review(results(), results(), gates=asked))
    assert rows(text) == [
        ["one", "**no**", "because"],
        ["two", "not looked at", "not now"],
    ]
    assert "was changed" not in text
    old, new = (
        results(params={"gate": {"tolerance": tolerance}}) for tolerance in (0, 1)
    )
    assert "**The gate itself was changed**" in gates(review(old, new))


def test_metrics_show_direction_change_and_interval() -> None:
    better = results(0.95, [0.93, 0.94, 0.95, 0.96, 0.98])
    text = metric_table(results(), better)
    [row] = rows(text)
    assert row[:4] == ["`roc_auc` ↑", "0.9000", "0.9500", "+0.0500"]
    assert row[4:] == ["+0.0500 to +0.0590", "better"]
    assert text.endswith("100 test rows. ↑ higher is better, ↓ lower is.")
    [missing] = rows(metric_table(results(), results(metrics={})))
    assert missing == ["`roc_auc` ↑", "0.9000", "-", "-", "-", "missing"]


def test_results_of_another_question_are_left_out() -> None:
    other = results(params={"data": {"target": "sold"}})
    assert comparable(review(other, results())).old is NO_RESULTS
    assert comparable(review(results(), results())).old != NO_RESULTS


def test_sections_of_a_first_pull_request_say_so(repository: Repository) -> None:
    found = [*sections(review(NO_RESULTS, results(), repository.root), "nothing")]
    text = "\n\n".join(found)
    assert "The base has no metrics: there is nothing to compare with." in text
    assert "The base has no pipeline: everything is new." in text


def test_sections_have_an_order(repository: Repository) -> None:
    repository.commit()
    text = "\n\n".join(sections(review(results(), results(), repository.root), "`x`"))
    places = [
        text.index(words)
        for words in (
            *["**Reproduced", "Compared with `x`.", "| gate |", "### Metrics"],
            *["### Parameters, data, code", "Parameters: none", "Data: no table"],
            *["Contract:", "Stages: none", "Packages: none", "### Groups of rows"],
        )
    ]
    assert places == sorted(places)


def test_pictures_are_drawn_of_what_compares(pipeline: Repository) -> None:
    pipeline.write("reports/plots/roc.csv", "fpr,tpr\n0,0\n1,1\n")
    pipeline.commit()
    pipeline.write("reports/plots/roc.csv", "fpr,tpr\n0,0.5\n1,1\n")
    same = review(results(), results(), pipeline.root)
    assert "grey: base" in [*pictures(same)][1]
    other = review(results(params={}), results(), pipeline.root)
    assert "grey: base" not in [*pictures(other)][1]
    assert "The pipeline" in [*pictures(same)][-1]
