"""Each point of the ML Test Score is gone as soon as what proves it is gone."""

import csv
import datetime
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from reproducible_ml.adopt.yaml_files import edit_yaml
from reproducible_ml.cli import cli
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.inputs import hash_path
from reproducible_ml.core.project import Project
from reproducible_ml.governance import evidence
from reproducible_ml.governance.facts import Facts
from reproducible_ml.governance.proofs import check
from reproducible_ml.governance.rubric import IDS, ITEMS, Item, all_proofs
from reproducible_ml.governance.score import (
    PAGE,
    Score,
    as_markdown,
    find_points,
    find_score,
    make_skeleton,
    score_page,
)
from reproducible_ml.verify.rebuild import VERIFIED
from reproducible_ml.versioning.lock import locked_outputs
from reproducible_ml.versioning.once import Stamp, run_once

from ..copies import ROOT

TODAY = datetime.date(2026, 11, 29)

# What the score looks at, of this repository.
COPIED = (
    ".cloud/monitoring",
    ".dvc/config",
    ".dvcignore",
    ".github",
    ".gitignore",
    "Makefile",
    "code",
    "data/schema.yaml",
    "docs/code",
    "dvc.lock",
    "dvc.yaml",
    "environments/runtime.txt",
    "params.yaml",
    "pyproject.toml",
    "reports",
    "tests",
)

# What this repository lacks, so that every automated point is there.
WATCH = """\
on: {schedule: [{cron: "0 5 * * 1"}]}
jobs:
  watch:
    steps:
    - run: |
        rml outcomes labels.csv --log logs
        rml compare --log logs
        rml exp -S train.search.method=random
"""
EXPLAIN = "def test_explained() -> None:\n    assert explain(1)\n"
CANDIDATE = "spec:\n  env:\n  - {name: RML_SERVE_CANDIDATE, value: /candidate}\n"
EVIDENCE = """\
forbidden: {'(?i)phone': identifies a person}
evidence:
  data.new_features:
    date: 2026-10-01
    by: data scientist
    text: A feature was added in two hours.
    link: docs/code/README.md
"""

# Groups of people, and how much their rates differ.
ENDS = {"value": 0.1, "low": 0.05, "high": 0.2}
GROUP = {"rows": 60, "metrics": {"selection_rate": ENDS}}
GAP = {"difference": ENDS, "lowest": "young", "highest": "old"}
GROUPS = [{**GROUP, "group": "young"}, {**GROUP, "group": "old"}]
PROTECTED = {"mean_radius": {"groups": GROUPS, "gaps": {"selection_rate": GAP}}}

Edit = Callable[[Path], object]


def relock(root: Path, path: str) -> None:
    """Let dvc.lock record an output as it is now."""
    lock = root / "dvc.lock"
    text = lock.read_text("utf-8")
    with edit_yaml(lock) as content:
        old = locked_outputs(content)[path]
    assert old in text
    lock.write_text(text.replace(old, hash_path(root / path)), "utf-8")


def replace(path: str, old: str, new: str) -> Edit:
    """Return an edit of a file."""

    def edit(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new), "utf-8", newline="\n")

    return edit


def add(path: str, text: str) -> Edit:
    """Return an edit that appends to a file."""

    def edit(root: Path) -> None:
        with (root / path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    return edit


def remove(pattern: str) -> Edit:
    """Return an edit that removes files."""

    def edit(root: Path) -> None:
        found = [*root.glob(pattern)]
        assert found
        for file in found:
            file.unlink()

    return edit


def evaluation(change: Callable[[dict], object]) -> Edit:  # type: ignore[type-arg]
    """Return an edit of reports/evaluation.json, as if the pipeline had written it."""

    def edit(root: Path) -> None:
        path = root / "reports/evaluation.json"
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content), "utf-8")
        relock(root, "reports/evaluation.json")

    return edit


def params(change: Callable[[dict], object]) -> Edit:  # type: ignore[type-arg]
    """Return an edit of params.yaml."""

    def edit(root: Path) -> None:
        with edit_yaml(root / "params.yaml") as content:
            change(content)

    return edit


def importance(least: float) -> Edit:
    """Return an edit of the importances, the last of which gets a value."""

    def edit(root: Path) -> None:
        path = root / "reports/plots/importance.csv"
        with path.open(newline="") as file:
            rows = [*csv.DictReader(file)]
        values = [0.01] * (len(rows) - 1) + [least]
        lines = [f"{r['feature']},{v},0" for r, v in zip(rows, values, strict=True)]
        path.write_text("\n".join(["feature,importance,deviation", *lines]), "utf-8")
        relock(root, "reports/plots")

    return edit


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a project that has every automated point."""
    root = tmp_path_factory.mktemp("score") / "project"
    skip = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=skip)
        else:
            shutil.copy2(ROOT / name, root / name)
    files = {
        ".github/CODEOWNERS": "* @somebody\n",
        ".github/workflows/watch.yaml": WATCH,
        ".cloud/kubernetes/service.yaml": CANDIDATE,
        "data/catalog.yaml": "personal: false\n",
        "data/raw/visits.csv.dvc": "deps: [{path: visits.csv}]\n",
        "tests/unit/test_explained.py": EXPLAIN,
        str(evidence.FILE): EVIDENCE,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    (root / ".github/workflows/search.yaml").unlink()
    importance(0.01)(root)
    params(
        lambda content: (
            content["evaluate"].update(protected={"mean_radius": [12.0]}),
            content["gate"].update(max_group_gap={"selection_rate": 0.5}),
        )
    )(root)
    evaluation(lambda content: content.update(protected=PROTECTED))(root)
    for command in (["init", "--quiet"], ["add", "docs", ".gitignore"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture
def project(complete: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(complete, tmp_path / "project"))


def score(
    root: Path, *, outdated: tuple[str, ...] = (), day: datetime.date = TODAY
) -> Score:
    facts = Facts(Project(root), records=False, today=day, outdated=outdated)
    return find_score(facts)


def points(found: Score) -> dict[str, float]:
    return {one.item.id: one.value for one in found.points}


PULL = ".github/workflows/reproduce.yaml"
WATCHED = ".github/workflows/watch.yaml"
ALERTS = ".cloud/monitoring/alerts.yaml"
UNIT = "tests/unit/test_features.py"

NO_REPORT = replace(PULL, "run: make report", "run: echo make report")
NO_SCORE = replace(PULL, "rml score", "rml score || true")
NO_LABELS = replace(WATCHED, "rml outcomes", "# rml outcomes")
NO_CONTRACT = replace("data/schema.yaml", "dtype: float64", "dtype: float65")
NO_TESTS = replace(".github/workflows/test.yaml", "run: make test", "run: make test-no")

# How each proof of each test is removed.
BREAK: dict[tuple[str, str], Edit] = {
    ("data.schema", "contract"): NO_CONTRACT,
    ("data.schema", "checked"): add("data/schema.yaml", "# later\n"),
    ("data.benefit", "measured"): add("reports/plots/importance.csv", "x,1,1\n"),
    ("data.benefit", "useful"): importance(0.0),
    ("data.cost", "report"): NO_REPORT,
    ("data.cost", "kept"): replace(PULL, "resources.jsonl", "nothing.jsonl"),
    ("data.requirements", "forbidden"): replace(
        str(evidence.FILE), "phone", "mean_radius"
    ),
    ("data.requirements", "repeated"): NO_SCORE,
    ("data.privacy", "declared"): replace("data/catalog.yaml", "false", "null"),
    ("data.privacy", "log"): replace(
        "code/tumour_diagnosis/deployment/service.py",
        "    max_rows: Positive = 10_000\n",
        "    log_days: Positive = 10_000\n",
    ),
    ("data.privacy", "repeated"): NO_SCORE,
    ("data.feature_code", "tests"): replace(UNIT, "features.derived", "features"),
    ("data.feature_code", "run"): NO_TESTS,
    ("model.reviewed", "owners"): replace(".github/CODEOWNERS", "* @", "*.md @"),
    ("model.reviewed", "report"): NO_REPORT,
    ("model.offline_online", "labels"): NO_LABELS,
    ("model.tuned", "searched"): replace(WATCHED, "rml exp", "echo rml exp"),
    ("model.staleness", "retrained"): replace(
        ".github/workflows/retrain.yaml",
        "name: train on new data\n",
        "name: train on new data\n    if: false\n",
    ),
    ("model.staleness", "renewed"): replace(
        "data/raw/visits.csv.dvc", "deps: [{path: visits.csv}]", "outs: []"
    ),
    ("model.simpler", "baseline"): evaluation(
        lambda content: content["metrics"]["roc_auc"].update(low=0.4)
    ),
    ("model.slices", "scored"): evaluation(lambda content: content.pop("slices")),
    ("model.slices", "floors"): params(
        lambda content: content["gate"].update(
            slice_floors={"mean_radius": {"accuracy": 0.999}}
        )
    ),
    ("model.slices", "report"): NO_REPORT,
    ("model.inclusion", "compared"): evaluation(
        lambda content: content.pop("protected")
    ),
    ("model.inclusion", "gate"): params(
        lambda content: content["gate"].update(max_group_gap={"selection_rate": 0.01})
    ),
    ("model.inclusion", "report"): NO_REPORT,
    ("infrastructure.reproducible", "rebuilt"): replace(
        ".github/workflows/audit.yaml", "make verify", "make setup"
    ),
    ("infrastructure.reproducible", "locked"): add(
        "environments/runtime.txt", "pandas==3.1.1\n"
    ),
    ("infrastructure.specification", "tests"): remove("tests/unit/test_[te]*.py"),
    ("infrastructure.specification", "run"): NO_TESTS,
    ("infrastructure.integration", "report"): replace(
        PULL, "- run: make repro\n", "- run: make repro\n        if: false\n"
    ),
    ("infrastructure.validated", "gate"): params(
        lambda content: content["gate"].update(tolerance=1.0)
    ),
    ("infrastructure.validated", "before"): replace(
        ".github/workflows/release.yaml", "make report", "make help"
    ),
    ("infrastructure.debuggable", "tested"): replace(
        "tests/unit/test_explained.py", "def test", "@pytest.mark.skip\ndef test"
    ),
    ("infrastructure.canary", "candidate"): replace(
        ".cloud/kubernetes/service.yaml", "RML_SERVE_CANDIDATE", "RML_SERVE_NAME"
    ),
    ("infrastructure.canary", "compared"): replace(
        WATCHED, "rml compare", "rml models"
    ),
    ("infrastructure.rollback", "tried"): replace("dvc.yaml", "artifacts:", "others:"),
    ("infrastructure.rollback", "repeated"): NO_SCORE,
    ("monitoring.dependencies", "announced"): replace(
        ".github/dependabot.yml", "package-ecosystem: pip", "package-ecosystem: gomod"
    ),
    ("monitoring.inputs", "contract"): NO_CONTRACT,
    ("monitoring.inputs", "alert"): replace(
        ALERTS, "rml_rows_total", "rml_lines_total"
    ),
    ("monitoring.skew", "compared"): replace(
        ".github/workflows/release.yaml", "cmp project.csv", "ls project.csv"
    ),
    ("monitoring.age", "alert"): replace(
        ".cloud/monitoring/prometheus.yaml", "[alerts.yaml]", "[]"
    ),
    ("monitoring.finite", "alert"): replace(
        ALERTS, "rml_predictions_not_finite", "rml_x"
    ),
    ("monitoring.speed", "time"): replace(ALERTS, "rml_request_seconds_bucket", "x"),
    ("monitoring.speed", "memory"): replace(ALERTS, "rml_process_resident", "rml_x"),
    ("monitoring.quality", "labels"): replace(WATCHED, "schedule:", "workflow_call:"),
}


AUTOMATED = [item for item in ITEMS if item.proofs]


@pytest.fixture(scope="module")
def all_points(complete: Path) -> Score:
    return score(complete)


@pytest.mark.parametrize("item", AUTOMATED, ids=lambda item: item.id)
def test_all_proofs_together_give_a_point(all_points: Score, item: Item) -> None:
    found = next(one for one in all_points.points if one.item == item)
    assert (found.value, found.missing) == (1, [])
    assert found.based_on


def test_every_proof_can_be_removed() -> None:
    assert {*all_proofs()} == BREAK.keys()


@pytest.mark.parametrize(("name", "proof"), BREAK, ids=map("/".join, BREAK))
def test_without_its_proof_the_point_is_gone(
    project: Path, name: str, proof: str
) -> None:
    BREAK[name, proof](project)
    item = next(item for item in ITEMS if item.id == name)
    facts = Facts(Project(project), records=False, today=TODAY, outdated=())
    written = evidence.read_evidence(project, IDS)
    found = {n: check(one, facts, written) for n, one in item.proofs.items()}
    assert not found[proof].met
    result = find_points(item, [*found.values()], facts, written)
    assert result.value == 0
    assert found[proof].text in result.missing


def test_rubric_has_four_sections_of_seven(all_points: Score) -> None:
    assert len(IDS) == len({*IDS}) == 28
    assert {len(all_points.of(section)) for section in all_points.sections} == {7}
    assert all(item.question.endswith("?") and item.how.endswith(".") for item in ITEMS)


def test_least_section_counts(all_points: Score, project: Path) -> None:
    # Written evidence is half a point.
    expected = {"data": 6.5, "model": 7, "infrastructure": 7, "monitoring": 7}
    assert all_points.sections == expected
    assert all_points.minimum == 6.5
    (project / ".cloud/monitoring/alerts.yaml").unlink()
    assert score(project).minimum == 3


def test_reports_of_a_stale_lock_prove_nothing(
    all_points: Score, complete: Path
) -> None:
    found = score(complete, outdated=("train: params.yaml is modified",))
    lost = {n for n, v in points(found).items() if v < points(all_points)[n]}
    reports = {"model.simpler", "model.slices", "model.inclusion"}
    assert lost == {"data.schema", "data.benefit"} | reports
    missing = next(one.missing for one in found.points if one.item.id == "data.benefit")
    assert missing[0].startswith(
        "stale: dvc.lock is not up to date (train: params.yaml"
    )
    assert found.maturity.level == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"link": ""}, ""),
        ({"text": "", "link": "https://example.org/page"}, ""),
        ({"text": "", "link": "docs/code/README.md#your-own-feature"}, "no heading"),
        ({"link": "docs/other.md"}, "docs/other.md does not exist"),
        ({"link": "../README.md"}, "no file of this repository"),
        ({"link": "/etc/passwd"}, "no file of this repository"),
        ({"link": "."}, "is a folder"),
        ({"link": "docs"}, "is a folder"),
        ({"link": "docs/code/../code/README.md"}, ""),
        ({"link": "reports/index.html"}, "is not in Git"),
        ({"link": ".git/HEAD"}, "is not in Git"),
        ({"link": "https://x"}, "no address with a host"),
        ({"link": "https://e.org:99999/a"}, ""),
        ({"link": "https:///a.b"}, "no address with a host"),
        ({"link": "javascript:alert(1)"}, "no address with a host"),
        ({"link": "", "text": "yes"}, "no link, and no text of 20 characters"),
        ({"by": ""}, "does not say whose it is"),
        ({"date": TODAY - datetime.timedelta(365)}, ""),
        ({"date": TODAY - datetime.timedelta(366)}, "older than a year"),
        ({"date": TODAY + datetime.timedelta(1)}, "in the future"),
    ],
)
def test_written_evidence_is_half_a_point_as_long_as_it_holds(
    complete: Path, change: dict[str, str], says: str
) -> None:
    known = evidence.read_evidence(complete, IDS)
    assert known
    one = known.evidence["data.new_features"].model_copy(update=change)
    written = known.model_copy(update={"evidence": {"data.new_features": one}})
    item = next(item for item in ITEMS if item.id == "data.new_features")
    (complete / "reports/index.html").touch()
    facts = Facts(Project(complete), records=False, today=TODAY, outdated=())
    result = find_points(item, [], facts, written)
    assert result.value == (0 if says else 0.5)
    assert says in " ".join(result.missing)
    unchecked = not says and "https" in one.link
    assert ("not checked" in " ".join(result.based_on)) == unchecked


def test_evidence_is_no_markup_on_the_page(project: Path) -> None:
    hostile = (
        "[a](javascript:alert(1)) ![i](http://e.org/p.png) _b_ *c* <img src=x> | d"
    )
    text = EVIDENCE.replace("in two hours", f"{hostile} `e|f` `g")
    text = text.replace("text: ", "text: >-\n      ")
    (project / evidence.FILE).write_text(text, "utf-8")
    found = as_markdown(score(project))
    row = next(line for line in found.splitlines() if "javascript" in line)
    parser = MarkdownIt("commonmark").enable("table")
    html = parser.render(f"| a | b | c |\n|---|---|---|\n{row}\n")
    assert html.count("<td>") == 3
    assert "<a " not in html
    assert "<img" not in html
    assert "<em>" not in html
    assert "_b_ *c* &lt;img src=x&gt; | d <code>e|f</code> `g" in html


def test_evidence_beside_a_failing_proof_is_half_a_point(project: Path) -> None:
    BREAK["model.tuned", "searched"](project)
    text = EVIDENCE.replace("data.new_features", "model.tuned")
    (project / evidence.FILE).write_text(text, "utf-8")
    found = points(score(project))
    assert (found["model.tuned"], found["data.new_features"]) == (0.5, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "evidence: {data.other: {date: 2026-01-01, by: me}}",
            "there is no such test",
        ),
        ("evidence: {model.tuned: {date: soon, by: me}}", "is not a date"),
        (
            "evidence: {model.tuned: {by: me}}",
            "evidence.model.tuned.date: Field required",
        ),
        ("forbidden: {'(': why}", "is not a regular expression"),
        (
            "evidence: {model.tuned: {date: 2026-01-01, by: me}}\n"
            "missing: {model.tuned: no time}",
            "model.tuned: is under both",
        ),
        ("points: 28", "points: Extra inputs"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_mistake_in_the_evidence_is_one_line(
    project: Path, text: str, says: str
) -> None:
    (project / evidence.FILE).write_text(text, "utf-8")
    with pytest.raises(UserError) as error:
        score(project)
    assert says in str(error.value)
    assert "ml_test_score.yaml" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_without_the_file_there_is_a_way_to_make_it(project: Path) -> None:
    (project / evidence.FILE).unlink()
    assert not score(project).has_evidence
    facts = Facts(Project(project), outdated=())
    make_skeleton(facts)
    found = evidence.read_evidence(project, IDS)
    assert found == evidence.Written()
    text = (project / evidence.FILE).read_text("utf-8")
    assert "#  data.new_features: Can a feature" in text
    with pytest.raises(UserError, match="exists already"):
        make_skeleton(facts)


def test_page_depends_on_files_alone(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    (copy / ".venv").mkdir()
    pages = []
    for root in (project, copy):
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        pages.append(score_page(Project(root), outdated=()))
    assert pages[0] == pages[1]
    assert "on 2026-10-01, the day of the newest evidence" in pages[0]


def test_records_of_this_computer_count_as_long_as_the_files_are_the_same(
    project: Path,
) -> None:
    NO_TESTS(project)
    BREAK["infrastructure.reproducible", "rebuilt"](project)
    add(".gitignore", "/.dvc/tmp\n")(project)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    tree = ["git", "rev-parse", "HEAD^{tree}"]
    head = subprocess.check_output(tree, cwd=project, text=True).strip()

    def states() -> tuple[bool, str, bool | None]:
        facts = Facts(Project(project), outdated=())
        return *facts.are_tests_run(), facts.was_verified()

    assert states()[::2] == (False, None)
    run_once(project, "test", ["true"], force=False)
    Stamp(project / VERIFIED).save(head)
    assert states() == (True, "`make test` passed here on these files", True)
    (project / "code/more.py").write_text("x = 1\n")
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    subprocess.run(["git", "commit", "-qm", "more"], cwd=project, check=True)
    run, why, verified = states()
    assert (run, verified) == (False, False)
    assert why.startswith("stale: `make test` passed here, but on other files")


def test_level_is_that_whose_criteria_are_all_met(
    all_points: Score, project: Path
) -> None:
    assert all_points.maturity.level == 2
    BREAK["monitoring.skew", "compared"](project)
    assert score(project).maturity.level == 1
    BREAK["model.staleness", "retrained"](project)
    found = score(project).maturity
    assert (found.level, found.name) == (0, "some steps need a person")
    assert [c.level for c in found.criteria if not c.found.met] == [1, 2, 2]


def test_command_prints_the_score_and_fails_below_a_minimum(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A real project, whose dvc.lock is not that of its files.
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    monkeypatch.chdir(project)
    (project / PAGE).write_text("old", "utf-8")
    result = CliRunner().invoke(cli, ["score", "--json", "--check", "7"])
    assert result.exit_code == 1
    assert "less than 7" in result.stderr
    assert f"{PAGE}: is out of date. Fix: rml score --page" in result.stderr
    found = json.loads(result.stdout)
    assert found["subject"].startswith("commit ")
    assert len(found["tests"]) == 28
    schema = found["tests"][0]
    assert (schema["id"], schema["points"]) == ("data.schema", 0)
    assert "stale: dvc.lock is not up to date" in schema["missing"][0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("make test", "echo make test"),
        ("make test", "make test || true"),
        ("make test", "make test-all"),
        ("- run: make test", "- run: make test\n        continue-on-error: true"),
        ("- run: make test", "- run: make test\n        if: ${{ false }}"),
        (
            "- run: make test",
            "- run: make test\n        if: github.event_name == 'push'",
        ),
        ("  pull_request:\n", ""),
    ],
)
def test_step_that_does_not_run_or_may_fail_is_no_proof(
    project: Path, old: str, new: str
) -> None:
    replace(".github/workflows/test.yaml", old, new)(project)
    facts = Facts(Project(project), records=False, outdated=())
    assert not facts.are_tests_run()[0]


def test_wrong_files_are_no_points_and_no_failure(project: Path) -> None:
    for name in (".github/workflows/test.yaml", "dvc.lock", ALERTS, "params.yaml"):
        (project / name).write_text("a: [", "utf-8")
    (project / "tests/unit/test_features.py").write_text("def (", "utf-8")
    shutil.rmtree(project / "code")
    found = score(project)
    assert found.maturity.level == 0
    assert found.sections["data"] == 2.5
    assert points(found)["monitoring.dependencies"] == 1


TEST = ".github/workflows/test.yaml"
RELEASE = ".github/workflows/release.yaml"
RUN = "- run: make test"
PULLED = "  pull_request:\n"


def script(*lines: str) -> tuple[str, str]:
    return RUN, "\n          ".join(["- run: |", *lines])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (PULLED, "  pull_request: {paths: [docs/**]}\n", "a filter of paths"),
        (PULLED, "  pull_request: {paths-ignore: ['**']}\n", "filter of paths-ignore"),
        (PULLED, "  pull_request: {branches: [old]}\n", "leaves the default branch"),
        (PULLED, "  pull_request: {branches: ['*', '!main', '!master']}\n", "leaves"),
        (PULLED, "  pull_request: {types: [closed]}\n", "limited to types closed"),
        ("runs-on: ${{ matrix.system }}", "needs: other", "there is no job other"),
        ("timeout-minutes: 60", "if: 1 == 2", "is not known to hold"),
        (RUN, f"{RUN}\n        shell: cat {{0}}", "its shell is cat"),
        (RUN, f"{RUN}\n        working-directory: /tmp", "it runs in /tmp"),
        (RUN, f"{RUN}\n        env: {{MAKEFLAGS: -n}}", "MAKEFLAGS is set"),
        (RUN, f"{RUN} -n", ""),
        (RUN, f"{RUN} PYTEST=true", ""),
        (*script("set +e", "make test"), "`set +` in its script"),
        (*script("exit 0", "make test"), "`exit` in its script"),
        (*script("cat << END", "make test", "END"), "`<<` in its script"),
        (*script("make() {", "true", "}", "make test"), "in its script"),
        (*script("if false; then", "make test", "fi"), "`if` in its script"),
        (*script("make test; true"), "no plain line"),
        (*script("make test & true"), "no plain line"),
        (*script("make test | cat"), "no plain line"),
        (*script("true || make test"), "no plain line"),
        (*script("make test && true", "true"), "no plain line"),
    ],
)
def test_command_that_may_not_run_is_no_proof(
    project: Path, old: str, new: str, says: str
) -> None:
    replace(TEST, old, new)(project)
    met, why = Facts(Project(project), records=False, outdated=()).are_tests_run()
    assert not met
    assert says in why


@pytest.mark.parametrize(
    "new",
    [
        "  pull_request: {branches: [main]}\n",
        "  pull_request: {types: [opened, synchronize, reopened]}\n",
    ],
)
def test_filter_that_leaves_the_trigger_as_it_is_counts(
    project: Path, new: str
) -> None:
    replace(TEST, PULLED, new)(project)
    replace(TEST, *script("true", "FORCE=1 make -s test && true"))(project)
    assert Facts(Project(project), records=False, outdated=()).are_tests_run()[0]


@pytest.mark.parametrize(
    ("item", "edit"),
    [
        ("monitoring.quality", replace(WATCHED, "0 5 * * 1", "0 0 30 2 *")),
        ("infrastructure.integration", replace("Makefile", "@rml repro", "@true")),
        ("model.slices", replace("Makefile", "@rml report", "@echo rml report")),
        ("infrastructure.reproducible", replace("Makefile", "@rml verify", "# rml")),
        ("data.feature_code", replace("Makefile", "\t$(PYTEST) -m", "\t-$(PYTEST) -m")),
        ("data.feature_code", replace("Makefile", "=1 pytest", "=1 true pytest")),
        (
            "data.feature_code",
            add("tests/conftest.py", "collect_ignore_glob = ['*']\n"),
        ),
        (
            "data.feature_code",
            add("tests/conftest.py", "def pytest_collection_modifyitems(): ...\n"),
        ),
        (
            "data.feature_code",
            add("pyproject.toml", "[tool.pytest.ini_options]\ntestpaths = []\n"),
        ),
        ("data.feature_code", add(UNIT, "pytest.importorskip('nothing')\n")),
        (
            "infrastructure.debuggable",
            replace("tests/unit/test_explained.py", "assert ", "return\n    assert "),
        ),
        ("monitoring.quality", replace(WATCHED, "0 5 * * 1", "0 0 31 SEP *")),
        (
            "infrastructure.debuggable",
            replace("tests/unit/test_explained.py", "assert ", ""),
        ),
        ("monitoring.skew", replace(RELEASE, "cmp project.csv package", "cmp package")),
        (
            "monitoring.skew",
            replace(RELEASE, "cmp project.csv package", "cmp project.csv project"),
        ),
        (
            "monitoring.skew",
            replace(RELEASE, "elsewhere/bin/tumour-diagnosis-", "rml "),
        ),
        (
            "monitoring.skew",
            replace(
                RELEASE,
                "- run: cmp project",
                "- run: cp project.csv package.csv\n      - run: cmp project",
            ),
        ),
        (
            "infrastructure.validated",
            params(lambda content: content["gate"].update(tolerance=0.5)),
        ),
        (
            "model.slices",
            params(
                lambda content: content["gate"].update(
                    slice_floors={"mean_radius": {"accuracy": 0.0}}
                )
            ),
        ),
        (
            "model.inclusion",
            params(
                lambda content: content["gate"].update(
                    max_group_gap={"selection_rate": 1.0}
                )
            ),
        ),
        ("data.requirements", replace(str(evidence.FILE), "(?i)phone", "phone$^")),
        (
            "monitoring.dependencies",
            replace(
                ".github/dependabot.yml",
                "    directory: /environments\n",
                "    directory: /environments\n    open-pull-requests-limit: 0\n",
            ),
        ),
        (
            "monitoring.dependencies",
            replace(
                ".github/dependabot.yml",
                "    directory: /environments\n",
                "    directory: /environments\n    ignore: [{dependency-name: '*'}]\n",
            ),
        ),
    ],
)
def test_proof_that_proves_nothing_is_none(
    project: Path, item: str, edit: Edit
) -> None:
    edit(project)
    one = next(each for each in ITEMS if each.id == item)
    facts = Facts(Project(project), records=False, today=TODAY, outdated=())
    written = evidence.read_evidence(project, IDS)
    assert not all(check(each, facts, written).met for each in one.proofs.values())
