"""The pages of docs/governance/: figures, gaps, no markup from people, staleness."""

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from reproducible_ml.card.forms import blank_form, set_fields
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.governance.pages import (
    PAGES,
    TECHNICAL_PAGE,
    check_pages,
    describe_log,
    governance,
    make_pages,
    stale_pages,
    write_pages,
)
from reproducible_ml.governance.questions import (
    CANVAS,
    TECHNICAL,
    Canvas,
    Technical,
    empty_canvas,
    empty_technical,
)
from reproducible_ml.governance.risk_answers import ANSWERS, empty_risk, questions
from reproducible_ml.reproduce import write_governance

from ..copies import ROOT
from ..page.results import CLASSES, COLUMNS, HOSTILE, write, write_project, write_yaml

SAID = [HOSTILE, "| a | b |\n# No heading", "</td><br>[x](javascript:alert(1))"]
CANVASES = ("ai_canvas", "machine_learning_canvas", "crisp_ml")


def make(root: Path, task: str, *, said: list[str] | None = None) -> Project:
    """Write results and questions of a task, all answered with the same words."""
    write_project(root, task)
    write(root / "dvc.lock", "stages: {}\n")
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text())
    write_yaml(root / "dvc.yaml", {"vars": [{"raw": "data/raw/x.csv"}]} | pipeline)
    for path, kind in ((CANVAS, Canvas), (TECHNICAL, Technical)):
        write_yaml(root / path, dict.fromkeys(kind.model_fields, said))
    if task == "binary":
        params = yaml.safe_load((root / "params.yaml").read_text())
        costs = {"threshold": {"false_positive": 2, "false_negative": 7}}
        write_yaml(root / "params.yaml", params | {"train": costs})
    answers = dict.fromkeys(questions(), False) | {"ai_system": True, "note": said}
    write_yaml(root / ANSWERS, answers | {"employment": True, "role": "both"})
    return Project(root)


def text_of(project: Project, name: str) -> str:
    text = make_pages(project)[Path(f"docs/governance/{name}.md")]
    assert text is not None
    return text


@pytest.fixture(params=CLASSES)
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.chdir(tmp_path)
    return make(tmp_path, request.param, said=SAID)


def links(text: str) -> Iterator[str]:
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrs["href"])


def test_nothing_that_people_wrote_is_markup(project: Project) -> None:
    for path, text in make_pages(project).items():
        assert text is not None
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        inline = [child for token in tokens for child in token.children or ()]
        assert not [each for each in inline if each.type == "image"]
        raw = {each.content for each in [*tokens, *inline] if "html" in each.type}
        assert {each.strip() for each in raw} <= {"<br>", text.splitlines()[0]}, path
        titles = [
            t.content
            for t, s in zip(tokens[1:], tokens, strict=False)
            if s.type == "heading_open"
        ]
        assert "No heading" not in titles
        # Rows have as many cells as the header: markup would add some.
        for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
            cells = {len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}
            assert len(cells) == 1, block
        for target in links(text):
            name = target.partition("#")[0]
            assert target.startswith("https://") or (path.parent / name).exists()


def test_figures_are_those_of_the_reports(project: Project) -> None:
    root = project.root
    task = yaml.safe_load((root / "params.yaml").read_text())["data"]["task"]
    for name in ("ai_canvas", "machine_learning_canvas", "technical_documentation"):
        text = text_of(project, name)
        assert "0.5000 | 0.4500 to 0.5500 | 0.1000" in text
        assert "3,000" in text
    assert "the project has no monitoring" in text_of(project, "ai_canvas")
    technical = text_of(project, "technical_documentation")
    assert "the project has no service, so that nothing logs predictions" in technical
    # All questions were answered: what is left is missing elsewhere.
    assert "technical_documentation.yaml` is empty" not in technical
    counted = re.search(r"Of [\d,]+ test rows: [\d,]+ false alarms", technical)
    assert (counted is not None) == (task == "binary")
    assert ("2.0000 for a false alarm" in technical) == (task == "binary")
    assert "**High risk, by Annex III.**" in text_of(project, "risk")


def test_what_nobody_said_is_a_gap_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = make(tmp_path, "regression")
    text = text_of(project, "technical_documentation")
    gaps = text.partition("## Gaps\n\n")[2].splitlines()
    assert f", {len(gaps)} in all**" in text
    for name in Technical.model_fields:
        assert (
            sum(f"`{name}` in `technical_documentation.yaml`" in g for g in gaps) == 1
        )
        assert text.count(f"**Gap**: `{name}` in `technical_documentation.yaml`") == 1
    shown = "".join(text_of(project, name) for name in CANVASES)
    for name in Canvas.model_fields:
        assert re.search(rf"`{name}` in `?canvas\.yaml`? is empty", shown), name
    # Without results there are no figures, and that is said.
    (tmp_path / "reports/evaluation.json").unlink()
    for name in ("ai_canvas", "machine_learning_canvas", "technical_documentation"):
        assert "no figures: `reports/evaluation.json` missing" in text_of(project, name)
    assert "no results yet" in text_of(project, "crisp_ml")


def test_columns_about_people_are_found_declared_and_weighed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = make(tmp_path, "regression")
    contract = yaml.safe_load((tmp_path / "data/schema.yaml").read_text())
    contract["columns"] |= {
        "mail": {"dtype": "str"},
        "age": {"dtype": "float64"},
        "product name": {"dtype": "str"},
        "born": {"dtype": "datetime64[ns]"},
    }
    contract["columns"]["mail"]["isin"] = ["a@b.c", "d@e.f"]
    write_yaml(tmp_path / "data/schema.yaml", contract)
    known = yaml.safe_load((tmp_path / "data/catalog.yaml").read_text())
    known |= {"personal_columns": ["mail", COLUMNS[0]], "not_personal": ["age"]}
    known |= {"legal_basis": "consent", "retention": "two years"}
    write_yaml(tmp_path / "data/catalog.yaml", known)
    path = tmp_path / "reports/profile.json"
    profile = json.loads(path.read_text())
    bins = {"kind": "dates", "bins": ["1990"], "counts": [1, 1], "missing": 0}
    profile["columns"]["born"] = bins
    profile["columns"]["mail"] = bins | {"kind": "values", "bins": ["a@b.c"]}
    path.write_text(json.dumps(profile))
    write(
        tmp_path / "reports/plots/importance.csv",
        f"feature,importance,deviation\nborn,0.5,0.1\n{COLUMNS[2]},0.01,0.02\n",
    )
    text = text_of(project, "data_protection")
    assert "| `mail` | yes | an e-mail address, by its name | not used | - |" in text
    assert (
        "| `born` | **no** | a date of birth, by its name | feature | 0.5000 |" in text
    )
    assert (
        "- `mail`: 2 values in `data/schema.yaml`, 1 frequent values in"
        " `reports/profile.json`\n- `born`: 1 quantiles in `reports/profile.json`\n"
    ) in text
    assert "| `data/schema.yaml` | names and ranges of columns" in text
    assert "Looks like it, but is said not to be: `age`." in text
    assert "The model does not use: `mail` (about people), `product name`." in text
    assert f"hide each other): `{COLUMNS[2]}`." in text
    assert "About people, and used: `<img src=x" in text
    assert "consent" in text
    assert "`born` looks like it, but data/catalog.yaml does not say so" in text
    assert "`docs/governance/deletion.md` is missing" in text
    write(tmp_path / "docs/governance/deletion.md", "# Deletion\n")
    text = text_of(project, "data_protection")
    assert "[`docs/governance/deletion.md`](deletion.md)" in text


def test_pages_follow_what_they_are_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    project = make(tmp_path, "binary")
    # None is not stale: a new project has none.
    governance(project, check=True)
    assert "has no pages yet" in capsys.readouterr().out
    governance(project, check=False)
    assert "figures may be old: dvc.lock: cannot be checked" in capsys.readouterr().err
    assert all(path.is_file() for path in PAGES)
    governance(project, check=False)
    assert "all pages were up to date" in capsys.readouterr().out
    path = tmp_path / "reports/evaluation.json"
    found = json.loads(path.read_text())
    found["metrics"]["roc_auc"]["value"] = 0.123456
    path.write_text(json.dumps(found))
    with pytest.raises(UserError) as error:
        check_pages(project)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert (
        lines[0] == "docs/governance/ai_canvas.md: is out of date. Fix: rml governance"
    )
    write_pages(project)
    assert "0.1235" in PAGES[0].read_text()
    # Not high any more: the page goes.
    risk = tmp_path / ANSWERS
    risk.write_text(set_fields(risk.read_text(), {"employment": False}, ANSWERS))
    said = "\n".join(stale_pages(project))
    assert f"{TECHNICAL_PAGE}: is about a high risk" in said
    assert TECHNICAL_PAGE in write_pages(project)
    assert not TECHNICAL_PAGE.exists()
    # Open: it may be high.
    risk.write_text(set_fields(risk.read_text(), {"employment": None}, ANSWERS))
    write_pages(project)
    assert TECHNICAL_PAGE.exists()
    PAGES[2].unlink()
    assert list(stale_pages(project)) == [
        f"{PAGES[2]}: is missing. Fix: rml governance"
    ]
    # A mistake in a file leaves all pages as they are.
    before = PAGES[3].read_bytes()
    (tmp_path / CANVAS).write_text("actoin: x\n")
    (tmp_path / TECHNICAL).write_text("- x\n")
    with pytest.raises(UserError) as error:
        write_pages(project)
    assert len(str(error.value).splitlines()) == 2
    assert PAGES[3].read_bytes() == before


def test_a_run_writes_them_and_a_mistake_does_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_governance(Project(tmp_path))
    assert not (tmp_path / "docs").exists()
    project = make(tmp_path, "binary")
    write_governance(project)
    assert "Written: docs/governance/ai_canvas.md" in capsys.readouterr().out
    for _ in range(2):
        write_governance(project)
        assert capsys.readouterr().out == ""
    # By now it remembers what they were made of; a change is seen.
    PAGES[0].write_text("Mine.\n")
    write_governance(project)
    assert capsys.readouterr().out == (
        "Written: docs/governance/ai_canvas.md. Commit them with the results\n"
    )
    (tmp_path / CANVAS).write_text("actoin: x\n")
    write_governance(project)
    said = capsys.readouterr()
    assert said.out == ""
    assert "canvas.yaml: actoin: Extra inputs are not permitted" in said.err
    assert "docs/governance was not written" in said.err


def test_pages_of_this_repository_are_up_to_date_and_have_no_day_of_today(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RML_SERVE_LOG_FOLDER", "elsewhere")
    if not (ROOT / ANSWERS).is_file() or not PAGES[0].is_file():
        pytest.skip("this repository has no pages")
    assert list(stale_pages(Project(ROOT))) == []
    for path in PAGES:
        if path.is_file():
            assert "no legal advice" in path.read_text("utf-8") or path.stem in CANVASES


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (CANVAS, empty_canvas()),
        (TECHNICAL, empty_technical()),
        (ANSWERS, empty_risk()),
    ],
)
def test_questions_of_the_sample_are_those_of_the_forms(path: Path, form: str) -> None:
    assert blank_form((ROOT / path).read_text("utf-8")).split() == form.split()


def test_log_says_how_far_it_goes_back(tmp_path: Path) -> None:
    today = datetime.date(2026, 11, 29)
    assert describe_log(tmp_path, today) == f"{tmp_path}: no log of predictions"
    for day in ("2026-11-01", "2026-11-28"):
        (tmp_path / f"date={day}").mkdir()
    said = describe_log(tmp_path, today)
    assert "from 2026-11-01 to 2026-11-28, 28 days back, less than six months" in said
    (tmp_path / "date=2026-05-01").mkdir()
    assert describe_log(tmp_path, today).endswith("212 days back")
