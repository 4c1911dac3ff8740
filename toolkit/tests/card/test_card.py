"""The model card: what it says, that it says it alike, and that nothing is markup."""

import re
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from reproducible_ml.card.facts import read_facts
from reproducible_ml.card.markdown import code, plain, table
from reproducible_ml.core.files import parse_params
from tumour_diagnosis.models import card

from ..page.results import CLASSES, COLUMNS, HOSTILE, write_project

PATHS = (
    "docs/model_card.yaml",
    "data/catalog.yaml",
    "models/model.json",
    "reports",
    "reports/card.md",
)


def make(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the stage in a project, and return what it wrote."""
    monkeypatch.chdir(root)
    card.main(*map(Path, PATHS))
    return (root / PATHS[-1]).read_text("utf-8")


@pytest.fixture(params=CLASSES)
def task(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_card_says_what_is_known(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_project(tmp_path, task)
    text = make(root, monkeypatch)
    metadata, body = re.findall(r"\A---\n(.*?)---\n(.*)", text, flags=re.S)[0]
    said = yaml.safe_load(metadata)
    [model] = said["model-index"]
    [result] = model["results"]
    kind = "tabular-regression" if task == "regression" else "tabular-classification"
    assert said["library_name"] == "sklearn"
    assert result["task"]["type"] == kind
    assert result["dataset"].keys() == {"type", "name"}
    assert {each["type"] for each in result["metrics"]} == set(
        parse_params((root / "params.yaml").read_text())["evaluate"]["metrics"]
    )
    for words in (
        "0.5000 | 0.4500 to 0.5500 | 0.1000",  # a metric, its interval, the baseline
        "dropped as duplicates | 3",
        "| 1 (few) |",  # a group of few rows, without a class
        "| - | - |",
        "First line. Second line.",
        "First line. Second line. |",
        "| personal data | yes: `` \\| pipe ` tick \\| `` |",
        "| license | **not said yet** |",
        "3,000 rows, MD5 `ef",
        "ab" * 32,
        "cd" * 32,
        "| `numpy` | `2.4.6` |",
        "make verify",
    ):
        assert words in body
    of_binary = "the cheapest on training rows if a false alarm costs 1.0000"
    assert (of_binary in body) == (task == "binary")
    assert ("share of positive rows" in body) == (task == "binary")
    assert ("| class `" in body) == (task == "multiclass")
    period = "`when` from 2025-01-01 to 2025-11-01"
    assert (period in body) == (task == "regression")


def test_nothing_that_users_named_is_markup(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = make(write_project(tmp_path, task), monkeypatch)
    body = text.split("\n---\n", 1)[1]
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {each.type for each in [*tokens, *inline]}
    assert not kinds & {"html_block", "html_inline", "image", "link_open"}
    # Each table has as many cells in each row as in its header.
    shown = {each.content for each in inline}
    assert {COLUMNS[0], COLUMNS[1], COLUMNS[2], COLUMNS[4]} <= shown


def test_card_is_the_same_in_every_run_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = []
    for place, zone in (("a", "UTC"), ("b", "Asia/Tokyo")):
        monkeypatch.setenv("TZ", zone)
        monkeypatch.setenv("HOME", str(tmp_path / place))
        cards.append(make(write_project(tmp_path / place, "binary"), monkeypatch))
    assert cards[0] == cards[1]


def test_empty_fields_are_warned_of_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_project(tmp_path, "binary")
    fields = root / PATHS[0]
    assert make(root, monkeypatch).count("Not said yet") == 0
    assert not caplog.records
    fields.write_text("limits: ''\ncontact: me\n")
    text = make(root, monkeypatch)
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warned) == text.count("**Not said yet**") == 5
    assert "docs/model_card.yaml: limits is empty" in "".join(warned)
    assert "license" not in yaml.safe_load(text.split("---\n")[1])
    # Signs that turn what follows around, in metadata that is shown elsewhere.
    fields.write_text('name: "a \\u202e b"\n')
    assert "\u202e" not in make(root, monkeypatch)


def test_text_is_shown_as_it_is_typed() -> None:
    signs = "# *a* _b_ <i> [l](u) `c` | ~d~ \\ & $x$ @me #1 ![i](u)"
    for text in (signs, f"- {signs}", f"1. {signs}", f"+ {signs}", HOSTILE):
        [_, inline, _] = MarkdownIt("commonmark").enable("table").parse(plain(text))
        assert inline.type == "inline"
        assert inline.children is not None
        assert {each.type for each in inline.children} <= {"text", "text_special"}
        assert "".join(each.content for each in inline.children) == text
    linked = plain("See https://doi.org/10.24432/C5_D*W2B.")
    assert linked == r"See <https://doi.org/10.24432/C5_D>\*W2B."
    assert code("a`b|c\n" + "d" * 99) == f"`` a`b|c\\n{'d' * 52}… ``"
    assert table(["a", "b"], []) == "| a | b |\n| --- | --- |"


def test_facts_are_of_the_model_not_of_params_that_changed_since(
    tmp_path: Path,
) -> None:
    root = write_project(tmp_path, "binary")
    (root / "params.yaml").write_text("data: {target: other, task: regression}\n")
    facts = read_facts(*(root / path for path in PATHS[:4]))
    assert facts.data.task == "binary"
    assert facts.rows("no_such_plot") == []
