"""Tests of reproducible_ml.report.report."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt

from reproducible_ml.report.report import (
    BYTES,
    REPORT,
    SHORTENED,
    describe_base,
    fit_comment,
)
from reproducible_ml.report.review import make_review
from reproducible_ml.report.sections import pictures, sections

from .conftest import PARAMS, Repository, dvc, lock, stage

Run = Callable[..., subprocess.CompletedProcess[str]]

NASTY = "@octocat [x](http://x) <img src=x> |`\n```\n\"'</details> 🏴‍☠️"


def test_parts_that_do_not_fit_are_left_out_whole() -> None:
    text = fit_comment(["a" * 100, "", "ü" * 300, "b" * 100], size=400)
    assert text == f"{'a' * 100}\n\n{'b' * 100}\n\n{SHORTENED}\n"
    assert fit_comment(["a", "", "b"]) == "a\n\nb\n"


def test_report_is_written_and_printed(pipeline: Repository, run_module: Run) -> None:
    done = run_module("review.report", cwd=pipeline.root)
    assert done.returncode == 0, done.stderr
    text = (pipeline.root / REPORT).read_text("utf-8")
    assert text.startswith("**Reproduced, bit for bit. Gate passed.**")
    assert "Compared with nothing, as there is no commit before." in text
    assert "```mermaid" in text
    assert "Reproduced, bit for bit. Gate passed." in done.stdout
    assert "mermaid" not in done.stdout
    assert done.stdout.endswith(f"With plots: {REPORT}\n")
    assert pipeline.git("status", "--porcelain") == ""


def test_failed_gate_fails_after_the_report_is_written(
    pipeline: Repository, run_module: Run
) -> None:
    pipeline.write("judged.json", '{"roc_auc": NaN}')
    dvc(pipeline.root, "repro", "--quiet")
    pipeline.commit()
    done = run_module("review.report", "--base", "HEAD^1", cwd=pipeline.root)
    assert done.returncode == 1
    text = (pipeline.root / REPORT).read_text("utf-8")
    assert "Gate failed: metrics are numbers, `roc_auc` against the base" in text
    assert "(`HEAD^1`)" in text


@pytest.mark.parametrize("ending", ["", " | true"])
def test_terminal_that_shows_little_is_no_failure(
    pipeline: Repository, ending: str
) -> None:
    module = f'"{sys.executable}" -m reproducible_ml.report.report'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {module}{ending}"],
        cwd=pipeline.root,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ("Gate passed" in done.stdout) == (ending == "")


def test_base_that_is_no_commit_is_told_in_a_line(
    pipeline: Repository, run_module: Run
) -> None:
    done = run_module("review.report", "--base", "nonsense", cwd=pipeline.root)
    assert done.returncode == 1
    assert done.stderr.startswith("error: BASE=nonsense: no such commit here.")
    assert len(done.stderr.splitlines()) == 1


def test_base_is_described_by_hash_name_and_subject(repository: Repository) -> None:
    found = repository.commit("Hello `@octocat` <b>")
    assert describe_base(repository.root, found, "main") == (
        f"`{found[:10]}` (`main`), `Hello '@octocat' <b>`"
    )
    assert describe_base(repository.root, None, "HEAD^1").startswith("nothing")


def fill(repository: Repository, nasty: str, number: int) -> None:
    """Write a project in which everything is long and nasty, and differs by number."""
    names = [f"{nasty} {i}" for i in range(150)]
    values: Any = {"value": number / 3, "low": 0.0, "high": 1.0}
    metrics = dict.fromkeys(["roc_auc", *names], number / 3)
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
    repository.write("params.yaml", {**PARAMS, "mine": dict.fromkeys(names, number)})
    repository.write("dvc.lock", lock(**stages))
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
@pytest.mark.parametrize("nasty", [NASTY, "🏴" * 70], ids=["nasty", "long"])
def test_report_fits_into_a_comment_and_does_nothing_whatever_the_input(
    repository: Repository, nasty: str
) -> None:
    fill(repository, nasty, 1)
    base = repository.commit(nasty)
    fill(repository, nasty, 2)
    review = make_review(repository.root, base, offline=True)
    words = sections(review, describe_base(repository.root, base, nasty))
    text = fit_comment([*words, *pictures(review)])
    assert len(text.encode()) <= BYTES
    assert "### Metrics" in text
    found = elements(text)
    assert not {"link_open", "image", "html_inline"} & {*found}
    html = [element.strip() for element in found if "<" in element]
    assert all(
        re.fullmatch(r"<details><summary>[^<]*</summary>|</details>", h) for h in html
    )
    assert len(html) % 2 == 0
