"""What `make data` says of tables as people really send them."""

from pathlib import Path

import pytest
import yaml

from reproducible_ml.datasets.adoption.propose import Context, Wanted, propose
from reproducible_ml.errors import UserError

from .broken import TABLES

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text("utf-8"))


def verdict(file: Path) -> tuple[str, str]:
    """Return whether a table is rejected, warned of or accepted, and what is said."""
    work = file.parent / "work"
    context = Context(PARAMS, None, work, work / "problems.csv")
    try:
        warnings = propose(file, Wanted(target="bought"), context).warnings
    except UserError as error:
        return "reject", str(error)
    return "warn" if warnings else "accept", "\n".join(map(str, warnings))


@pytest.mark.parametrize("flaw", TABLES)
def test_broken_table_is_judged(flaw: str, tmp_path: Path) -> None:
    table = TABLES[flaw]
    (tmp_path / table.name).write_bytes(table.content)
    found, said = verdict(tmp_path / table.name)
    assert found == table.verdict, said
    assert [word for word in table.words if word not in said] == [], said
