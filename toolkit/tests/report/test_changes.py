"""Tables of what changed: parameters, packages, stages, data and the contract."""

from reproducible_ml.report.changes import contract, packages, params, stages, tables
from reproducible_ml.versioning.git import Revision

from .conftest import Repository, lock, results, stage, table_rows

OLD = "columns:\n  age: {dtype: int64}\n  city: {dtype: str}\n  same: {dtype: str}\n"
NEW = (
    "columns:\n  age: {dtype: float64}\n  same: {dtype: str}\n  '@new': {dtype: str}\n"
)


def test_changed_parameters_have_their_values_by_key() -> None:
    old = {"train": {"seed": 0, "same": 1, "gone": "a"}}
    new = {"train": {"seed": 1, "same": 1}, "clean": {"by": ["x|y", None]}}
    text = params(results(params=old), results(params=new))
    assert table_rows(text) == [
        ["`train.seed`", "`0`", "`1`"],
        ["`clean.by`", "-", r'`["x\|y", null]`'],
        ["`train.gone`", '`"a"`', "-"],
    ]
    assert "none changed" in params(results(params=old), results(params=old))


def test_any_value_of_yaml_is_shown(repository: Repository) -> None:
    repository.write(
        "params.yaml", "a: 2024-01-31\nb: [{2024-01-31: 1}]\nc: !!set {x}\n"
    )
    new = Revision(repository.root).yaml("params.yaml")
    assert len(table_rows(params(results(params={}), results(params=new)))) == 3


def test_many_parameters_are_cut() -> None:
    many = {f"parameter {i}": "@x" * 100 for i in range(700)}
    text = params(results(params={}), results(params=many))
    assert len(text.encode()) < 7000
    assert text.endswith(" more")


def test_changed_packages_have_their_versions(repository: Repository) -> None:
    lines = "numpy==2.4.6 \\\n    --hash=sha256:1 \\\n    # via x\nrich==15.0.0 \\\n"
    repository.write("environments/runtime.txt", lines)
    base = Revision(repository.root, repository.commit())
    assert "none changed" in packages(base, base)
    lines = (
        "numpy==2.5.0 ; sys_platform == 'x' \\\n-c other.txt\n@broken\nabc @ http://x\n"
    )
    repository.write("environments/runtime.txt", lines)
    text = packages(base, Revision(repository.root))
    assert table_rows(text) == [
        ["`abc`", "-", "(empty)"],
        ["`numpy`", "`2.4.6`", "`2.5.0`"],
        ["`rich`", "`15.0.0`", "-"],
    ]
    assert "`make verify`" in text


def test_stages_have_cause_and_changed_results() -> None:
    new = lock(
        split=stage({"code/split.py": "1"}, {"data/processed/test": "9"}),
        train=stage({"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 1}),
        evaluate=stage({"models/model": "9"}, {"reports/metrics.json": "5"}),
        card=stage({}, {"reports/card.md": "1"}),
    )
    assert table_rows(stages(results(), results(lock=new))) == [
        ["`split`", "nothing recorded in dvc.lock", "`data/processed/test`"],
        ["`train`", "`train.seed`", "`models/model`"],
        ["`evaluate`", "`models/model` of other stages", "none"],
        ["`card`", "new stage", "-"],
    ]
    assert "`card` | stage removed" in stages(results(lock=new), results())
    assert stages(results(), results()) == "Stages: none ran again."


def two_revisions(repository: Repository) -> tuple[Revision, Revision]:
    """Return base and head with other test rows and another contract."""
    repository.write("data/schema.yaml", OLD)
    repository.write("reports/split.json", {"test": {"rows": 100}})
    base = Revision(repository.root, repository.commit())
    repository.write("data/schema.yaml", NEW)
    repository.write("reports/split.json", {"test": {"rows": 120}})
    return base, Revision(repository.root)


def test_changed_tables_have_rows_and_hash(repository: Repository) -> None:
    base, head = two_revisions(repository)
    assert tables(base, head, results(), results()) == "Data: no table changed."
    raw = {"data/raw/x.csv": "8" * 32}
    split = stage(raw, {"data/processed/test": "9" * 32})
    other = results(lock=lock(split=split))
    text = tables(base, head, results(), other)
    assert table_rows(text) == [
        ["`data/raw/x.csv`", "-", "-", "-", "`88888888`"],
        ["`data/processed/test`", "100", "120", "`2`", "`99999999`"],
    ]
    assert (
        "Columns: 3 at the base, 3 now; 1 new: `@new`; 1 gone: `city`;"
        " 1 of another type: `age`." in text
    )
    for content in ("{", [1], {"test": 5}, {"test": {"rows": "many"}}):
        repository.write("reports/split.json", content)
        assert "| 100 | - |" in tables(base, head, results(), other)


def test_changed_contract_is_a_diff(repository: Repository) -> None:
    base, head = two_revisions(repository)
    text = contract(base, head)
    assert "2 new and 2 removed lines" in text
    assert "\n-  city: {dtype: str}\n" in text
    assert "\n+  '@new': {dtype: str}\n" in text
    assert "+++" not in text
    assert "did not change" in contract(base, base)


def test_contract_cannot_end_its_code_block(repository: Repository) -> None:
    base, head = two_revisions(repository)
    repository.write("data/schema.yaml", "```\n</details>\n@octocat\n" * 1000)
    lines = contract(base, head).splitlines()
    assert lines[2] == "````diff"
    assert lines[-3:] == ["````", "", "</details>"]
    assert len(lines) < 80
