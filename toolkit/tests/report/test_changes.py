"""Tests of reproducible_ml.report.changes."""

from reproducible_ml.report.changes import packages, params, stages, versions
from reproducible_ml.versioning.git import Revision

from .conftest import Repository, lock, results, stage


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [line.strip("| ").split(" | ") for line in lines]


def test_changed_parameters_are_told_by_key() -> None:
    old = {"train": {"seed": 0, "same": 1, "gone": "a"}}
    new = {"train": {"seed": 1, "same": 1}, "clean": {"by": ["x|y", None]}}
    text = params(results(params=old), results(params=new))
    assert rows(text) == [
        ["`train.seed`", "`0`", "`1`"],
        ["`clean.by`", "-", '`["x¦y", null]`'],
        ["`train.gone`", '`"a"`', "-"],
    ]
    assert "none changed" in params(results(params=old), results(params=old))


def test_hundreds_of_parameters_are_cut() -> None:
    many = {f"parameter {i}": "@x" * 100 for i in range(700)}
    text = params(results(params={}), results(params=many))
    assert len(text.encode()) < 7000
    assert text.endswith(" more")


def test_any_value_of_yaml_can_be_told(repository: Repository) -> None:
    repository.write(
        "params.yaml", "a: 2024-01-31\nb: [{2024-01-31: 1}]\nc: !!set {x}\n"
    )
    new = Revision(repository.root).yaml("params.yaml")
    assert len(rows(params(results(params={}), results(params=new)))) == 3


def test_changed_packages_are_told_with_versions(repository: Repository) -> None:
    text = "numpy==2.4.6 \\\n    --hash=sha256:1 \\\n    # via x\nrich==15.0.0 \\\n"
    repository.write("environments/runtime.txt", text)
    base = Revision(repository.root, repository.commit())
    assert versions(base) == {"numpy": "2.4.6", "rich": "15.0.0"}
    new = (
        "numpy==2.5.0 ; sys_platform == 'x' \\\n-c other.txt\n@broken\nabc @ http://x\n"
    )
    repository.write("environments/runtime.txt", new)
    text = packages(base, Revision(repository.root))
    assert rows(text) == [
        ["`abc`", "-", "(empty)"],
        ["`numpy`", "`2.4.6`", "`2.5.0`"],
        ["`rich`", "`15.0.0`", "-"],
    ]
    assert "`make verify`" in text
    assert "none changed" in packages(base, base)


def test_stages_are_told_with_cause_and_result() -> None:
    train = stage({"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 1})
    evaluate = stage({"models/model": "9"}, {"reports/metrics.json": "5"})
    card = stage({}, {"reports/card.md": "1"})
    new = lock(train=train, evaluate=evaluate, card=card)
    assert rows(stages(results(), results(lock=new))) == [
        ["`train`", "`train.seed`", "`models/model`"],
        ["`evaluate`", "`models/model` of other stages", "the same as before"],
        ["`card`", "new stage", "-"],
    ]
    assert stages(results(), results()) == "Stages: none was run again."
    [removed] = rows(stages(results(lock=lock(card=card)), results()))
    assert removed == ["`card`", "stage removed", "-"]


def test_other_result_without_a_cause_is_told() -> None:
    split = stage({"code/split.py": "1"}, {"data/processed/test": "9"})
    [found] = rows(stages(results(), results(lock=lock(split=split))))
    assert found[1] == "nothing that the lock names"
