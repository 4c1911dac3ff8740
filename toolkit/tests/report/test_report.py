"""The report: its sections, verdict and exit code, and that nothing in it acts."""

import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.metrics.multiclass import PER_CLASS
from reproducible_ml.report.gates import GateResult
from reproducible_ml.report.report import (
    BYTES,
    REPORT,
    SHORTENED,
    comparable,
    describe_base,
    fit_comment,
    gates,
    groups,
    independent,
    metrics,
    pictures,
    protected_groups,
    sections,
    verdict,
    write_report,
)
from reproducible_ml.report.results import (
    NO_RESULTS,
    Change,
    Evaluation,
    Results,
    Value,
    compare,
    section,
)
from reproducible_ml.report.review import (
    Reproduction,
    Review,
    known_metrics,
    make_review,
)
from reproducible_ml.versioning.git import Revision
from tumour_diagnosis.models.metrics import BINARY, METRICS

from .conftest import (
    PARAMS,
    PYPROJECT,
    Repository,
    dvc,
    lock,
    results,
    stage,
    table_rows,
)

NASTY = "@octocat [x](http://x) <img src=x> |`\n```\n\"'</details> 🏴‍☠️"
EQUAL = Reproduction("equal", "Reproduced, bit for bit.")
STALE = Reproduction("stale", "Not reproduced.", ("`a`: x", "`b`: y"), "`make repro`")


def review(
    old: Results, new: Results, root: Path = Path("nowhere"), **others: Any
) -> Review:
    """Return a review of these results in which one gate passed."""
    found = Review(
        base=None if old is NO_RESULTS else Revision(root, "HEAD"),
        head=Revision(root),
        old=old,
        new=new,
        metric="roc_auc",
        metrics=BINARY,
        changes=compare(old, new, BINARY, ["roc_auc"]),
        reproduction=EQUAL,
        gates=[GateResult("one", True, "fine")],
    )
    return found._replace(**others)


def reviewed(repository: Repository, base: str | None) -> Review:
    return make_review(Project(repository.root), base, offline=True)


def head(repository: Repository) -> str:
    return repository.git("rev-parse", "HEAD").strip()


def test_verdict_is_a_line() -> None:
    assert verdict(review(results(), results())) == (
        "**Reproduced, bit for bit. Gate passed.**"
        " `roc_auc` went from 0.9000 to 0.9000, unchanged."
    )
    change = Change("accuracy", 0.9, 0.5, (-0.5, -0.3), "worse")
    both = review(results(), results())
    both = both._replace(changes=[*both.changes, change])
    assert verdict(both).endswith("unchanged. Also worse: `accuracy`.")
    failed = [GateResult(name, False, "") for name in ("one", "two")]
    failed.append(GateResult("three", None, ""))
    found = verdict(review(NO_RESULTS, results(), reproduction=STALE, gates=failed))
    # Its metrics are those of an earlier run.
    assert found == "**Not reproduced. Gate failed: one, two.**"
    found = verdict(review(NO_RESULTS, results(), reproduction=STALE))
    assert found.startswith("**Not reproduced. Gate not decided: these are not the")


def test_scores_that_are_too_good_or_no_better_than_the_baseline_are_warnings() -> None:
    found = {"metric": "r2", "value": 0.9991, "alone": 0.6, "column": NASTY}
    facts: dict[str, Any] = {
        "metrics": {},
        "too_good": found | {"features": ["a", NASTY]},
    }
    facts["no_better_than_baseline"] = ["mae", NASTY]
    new = results()._replace(evaluation=Evaluation.model_validate(facts))
    worse, good = [s for s in sections(review(new, new), "x") if "Warning" in s]
    assert worse.startswith("**Warning**: `mae`, ")
    assert good.startswith("**Warning**: r2 is 0.9991 on the test rows, but 0.6000")
    html = MarkdownIt().render(f"{worse}\n\n{good}")
    assert "<img" not in html
    assert "href" not in html


def test_gates_have_reasons_and_their_own_change_is_pointed_out() -> None:
    found = [GateResult("one", False, "because"), GateResult("two", None, "offline")]
    text = gates(review(results(), results(), gates=found))
    assert table_rows(text) == [
        ["one", "**no**", "because"],
        ["two", "not checked", "offline"],
    ]
    assert "was changed" not in text
    old, new = (
        results(params={"gate": {"tolerance": tolerance}}) for tolerance in (0, 1)
    )
    assert "**The gate itself was changed**" in gates(review(old, new))


def test_metrics_have_direction_change_and_interval() -> None:
    def table(old: Results, new: Results) -> str:
        return metrics(old, new, compare(old, new, BINARY, ["roc_auc"]), BINARY)

    text = table(results(), results(0.95, [0.93, 0.94, 0.95, 0.96, 0.98]))
    assert table_rows(text) == [
        ["`roc_auc` ↑", "0.9000", "0.9500", "+0.0500", "+0.0500 to +0.0590", "better"]
    ]
    assert "100 test rows. ↑ higher is better" in text
    missing = table_rows(table(results(), results(metrics={})))
    assert missing == [["`roc_auc` ↑", "0.9000", "-", "-", "-", "missing"]]


def value(middle: float | None, half: float = 0.05) -> dict[str, float | None]:
    if middle is None:
        return {"value": None, "low": None, "high": None}
    return {"value": middle, "low": middle - half, "high": middle + half}


def by_age(young: dict[str, Any], f1_of_yes: float | None = None) -> Results:
    """Return results of the group of the young, and of the class yes."""
    facts: dict[str, Any] = {"metrics": {}, "slices": {}}
    facts["slices"]["age"] = [{"group": "young", "rows": 7, "metrics": young}]
    if f1_of_yes is not None:
        one = {"class": "yes", "rows": 5, "metrics": {"f1": value(f1_of_yes)}}
        facts["classes"] = [one]
    return results(evaluation=Evaluation.model_validate(facts))


def group_rows(base: Results, head: Results) -> list[list[str]]:
    return table_rows(groups(base, head, "roc_auc", BINARY))


def test_groups_are_compared_by_the_main_metric_and_what_moved() -> None:
    base, head = (by_age({"roc_auc": value(v)}) for v in (0.9, 0.7))
    assert group_rows(base, head) == [
        [
            *["`age` `young`", "7", "`roc_auc`", "0.9000", "0.7000", "-0.2000"],
            *["-0.2707 to -0.1293", "worse"],
        ]
    ]
    base = by_age({"roc_auc": value(0.9), "f1": value(0.9), "log_loss": value(0.1)})
    head = by_age({"roc_auc": value(0.9), "f1": value(0.88), "log_loss": value(0.9)})
    found = [(row[2], row[7]) for row in group_rows(base, head)]
    assert found == [("`roc_auc`", "unchanged"), ("`log_loss`", "worse")]
    [row] = group_rows(by_age({}, f1_of_yes=0.5), by_age({}, f1_of_yes=0.9))
    assert (row[0], row[2], row[7]) == ("`class` `yes`", "`f1`", "better")


def test_protected_groups_are_shown_beside_those_of_the_base() -> None:
    def differing(by: float) -> Results:
        group = {"group": "old", "rows": 9, "metrics": {}}
        gap = {"difference": value(by), "lowest": "old", "highest": "young"}
        gaps = {"accuracy": gap, "precision": gap, "base_rate": gap}
        facts = {"metrics": {}, "protected": {"age": {"groups": [group], "gaps": gaps}}}
        return results(evaluation=Evaluation.model_validate(facts))

    text = protected_groups(differing(0.1), differing(0.2), {"precision": 0.1})
    assert [row[1:6] for row in table_rows(text)] == [
        [f"`{name}`", "0.1000", "0.2000", "0.1500 to 0.2500", "-"]
        for name in ("accuracy", "precision")
    ]
    assert "`age` `old` has 9 rows" in text
    assert "0.2000" in protected_groups(results(), differing(0.2), ())
    assert protected_groups(differing(0.1), results(), ()) == ""


def test_groups_may_be_new_undefined_or_missing() -> None:
    nothing = results(evaluation=None)
    new = group_rows(nothing, by_age({"roc_auc": value(0.9)}))
    assert new[0][5:] == ["-", "-", "new"]
    undefined = by_age({"roc_auc": value(None)})
    assert group_rows(undefined, undefined)[0][5:] == ["-", "-", "not defined"]
    assert "Groups of rows: none" in groups(nothing, nothing, "roc_auc", {})


def test_interval_of_independent_values_is_narrower_than_their_sum() -> None:
    base, head = (Value.model_validate(value(v)) for v in (0.5, 0.6))
    found = independent(base, head)
    assert found == pytest.approx((0.1 - 0.0707, 0.1 + 0.0707), abs=1e-4)
    assert independent(base, base) == (0.0, 0.0)
    for incomplete in (Value(value=0.6), Value(value=2, low=1, high=float("inf"))):
        assert independent(base, incomplete) is None


def test_sections_have_an_order(repository: Repository) -> None:
    repository.commit()
    found = review(results(), results(), repository.root, reproduction=STALE)
    text = "\n\n".join(sections(found, "`x`"))
    places = [
        text.index(words)
        for words in (
            *["**Not reproduced", "Compared with `x`.", "- `a`: x\n- `b`: y"],
            *["Fix: `make repro`.", "| gate |", "### Metrics"],
            *["### Parameters, data, code", "Parameters: none", "Data: no table"],
            *["Contract:", "Stages: none", "Packages: none", "### Groups of rows"],
        )
    ]
    assert places == sorted(places)
    first = "\n\n".join(sections(review(NO_RESULTS, results()), "nothing"))
    assert "The base has no metrics to compare with." in first
    assert "The base has no dvc.lock, so everything is new." in first


def test_results_of_another_question_are_not_drawn(repository: Repository) -> None:
    repository.write("reports/plots/roc.csv", "fpr,tpr\n0,0\n1,1\n")
    repository.commit()
    repository.write("reports/plots/roc.csv", "fpr,tpr\n0,0.5\n1,1\n")
    same = review(results(), results(), repository.root)
    _, question, roc, *_ = pictures(same)
    assert question == "Target: `bought`, positive class: `yes`."
    assert "grey: base" in roc
    other = review(results(params={}), results(), repository.root)
    assert "grey: base" not in "".join(pictures(other))
    assert comparable(other).old is NO_RESULTS
    assert section({"gate": [1]}, "gate") == section({}, "gate") == {}


def test_each_task_has_its_metrics(repository: Repository) -> None:
    repository.write("pyproject.toml", PYPROJECT)
    project = Project(repository.root)
    for task in ("binary", "regression"):
        assert known_metrics(project, task) == METRICS[task]
    several = known_metrics(project, "multiclass")
    assert several == {**PER_CLASS, **METRICS["multiclass"]}
    assert known_metrics(project, "other") == {}


@pytest.mark.integration
def test_unchanged_project_passes_with_and_without_a_base(pipeline: Repository) -> None:
    for base in (head(pipeline), None):
        found = reviewed(pipeline, base)
        assert found.passed
        assert (found.old == NO_RESULTS) == (base is None)
        assert [gate.passed for gate in found.gates] == [True, True]
    assert found.metric == "roc_auc"


@pytest.mark.integration
def test_worse_metric_fails(pipeline: Repository) -> None:
    base = head(pipeline)
    pipeline.write("scores.json", {"roc_auc": 0.5})
    dvc(pipeline.root, "repro", "--quiet")
    pipeline.commit()
    found = reviewed(pipeline, base)
    assert found.reproduction.holds
    assert [gate.name for gate in found.failed] == ["`roc_auc` against the base"]


@pytest.mark.integration
def test_outdated_lock_fails_before_and_after_a_run(pipeline: Repository) -> None:
    pipeline.write("raw.csv", "a\n2\n")
    base = pipeline.commit()
    assert reviewed(pipeline, base).reproduction.state == "stale"
    dvc(pipeline.root, "repro", "--quiet")
    found = reviewed(pipeline, base)
    assert found.reproduction.state == "different"
    assert found.reproduction.reasons[0] == (
        "`split`: changed: `raw.csv`; different results: `data/processed/test`"
    )
    assert not found.passed
    assert not found.failed


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("params.yaml", "data: [", "is not valid YAML"),
        ("params.yaml", {**PARAMS, "gate": {"metric": "f1"}}, "gate names f1"),
        ("params.yaml", None, "params.yaml"),
        ("dvc.yaml", "stages: [", None),
    ],
)
def test_broken_configuration_fails(
    pipeline: Repository, name: str, content: Any, words: str | None
) -> None:
    if content is None:
        (pipeline.root / name).unlink()
    else:
        pipeline.write(name, content)
    found = reviewed(pipeline, pipeline.commit())
    assert not found.passed
    if words:
        assert found.failed[0].name == "params.yaml can be read"
        assert words in found.failed[0].reason
    else:
        assert found.reproduction.state == "stale"
        assert "`dvc.yaml`" in found.reproduction.reasons[0]


@pytest.mark.integration
def test_report_is_written_and_printed_without_diagrams(
    pipeline: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = str(pipeline.root.parent / "remote")
    dvc(pipeline.root, "remote", "add", "--default", "storage", remote)
    pipeline.commit()
    assert write_report(Project(pipeline.root), None, offline=True)
    text = (pipeline.root / REPORT).read_text("utf-8")
    assert text.startswith("**Results, dvc.lock and commit agree. Gate passed.**")
    assert "```mermaid" in text
    printed = capsys.readouterr().out
    assert "Results, dvc.lock and commit agree. Gate passed." in printed
    assert "mermaid" not in printed
    assert printed.endswith(f"With plots: {REPORT}\n")
    assert pipeline.git("status", "--porcelain") == ""
    assert not write_report(Project(pipeline.root), "HEAD^1", offline=False)
    text = (pipeline.root / REPORT).read_text("utf-8")
    assert "Gate failed: outputs are in the remote" in text
    assert "(`HEAD^1`)" in text
    with pytest.raises(UserError, match=r"--base nonsense: no such branch"):
        write_report(Project(pipeline.root), "nonsense", offline=True)


def test_base_is_described_by_hash_name_and_subject(repository: Repository) -> None:
    found = repository.commit("Hello `@octocat` <b>")
    assert describe_base(repository.root, found, "main") == (
        f"`{found[:10]}` (`main`), `` Hello `@octocat` <b> ``"
    )
    assert describe_base(repository.root, None, "HEAD^1").startswith("nothing")


def test_sections_that_do_not_fit_are_left_out_whole() -> None:
    text = fit_comment(["a" * 100, "", "ü" * 300, "b" * 100], size=400)
    assert text == f"{'a' * 100}\n\n{'b' * 100}\n\n{SHORTENED}\n"
    assert fit_comment(["a", "", "b"]) == "a\n\nb\n"


def fill(repository: Repository, nasty: str, number: int) -> None:
    """Write a project in which everything is long and nasty, and differs by number."""
    names = [f"{nasty} {i}" for i in range(150)]
    values: Any = {"value": number / 3, "low": 0.0, "high": 1.0}
    group = {"rows": 1, "metrics": dict.fromkeys(names, values)}
    facts = {
        "metrics": {},
        "slices": {name: [{"group": name, **group}] for name in names[:50]},
        "classes": [{"class": name, **group} for name in names[:50]],
    }
    stages = {
        name: stage({name: str(number)}, {f"data/{name}": str(number)})
        for name in names
    }
    repository.write("pyproject.toml", PYPROJECT)
    repository.write("params.yaml", {**PARAMS, "mine": dict.fromkeys(names, number)})
    repository.write("dvc.lock", lock(**stages))
    metrics = dict.fromkeys(["roc_auc", *names], number / 3)
    repository.write("reports/metrics.json", metrics)
    repository.write("reports/evaluation.json", facts)
    repository.write("data/schema.yaml", {"columns": dict.fromkeys(names, number)})
    packages = [f"package{i}=={number}" for i in range(900)]
    repository.write("environments/dev.txt", "\n".join(packages))
    for name in ("roc", "calibration", "precision_recall", "classes"):
        text = "".join(f"{i},{i * number},{i}\n" for i in range(500))
        repository.write(f"reports/plots/{name}.csv", f"fpr,tpr,f1\n{text}")


def elements(text: str) -> list[str]:
    """Return what kinds of elements Markdown is made of, and its HTML."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        found.append(token.content if token.type == "html_block" else token.type)
        found += [child.type for child in token.children or ()]
    return found


# Without DVC, which would need a minute to refuse such a lock file.
@pytest.mark.integration
@pytest.mark.parametrize("nasty", [NASTY, "🏴" * 70], ids=["nasty", "long"])
def test_report_fits_into_a_comment_and_nothing_in_it_acts(
    repository: Repository, nasty: str
) -> None:
    fill(repository, nasty, 1)
    base = repository.commit(nasty)
    fill(repository, nasty, 2)
    found = reviewed(repository, base)
    text = sections(found, describe_base(repository.root, base, nasty))
    report = fit_comment([*text, *pictures(found)])
    assert len(report.encode()) <= BYTES
    assert "### Metrics" in report
    kinds = elements(report)
    assert not {"link_open", "image", "html_inline"} & {*kinds}
    html = [element.strip() for element in kinds if "<" in element]
    assert all(
        re.fullmatch(r"<details><summary>[^<]*</summary>|</details>", h) for h in html
    )
    assert len(html) % 2 == 0
