"""The project about a growing table that tests of retraining copy."""

import pytest

from .shop import Shop, make_shop, visits, write


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The project, split by time; its table is `visits.csv` beside it."""
    folder = tmp_path_factory.mktemp("retrain")
    table = write(visits(800), folder / "visits.csv")
    return make_shop(folder, table, "--time", "day")
