"""Projects about a growing table, which tests of retraining copy."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ..serving.conftest import make_workspace, train, train_folder, trained
from .shop import Shop, make_shop, serving_folder, visits, write

__all__ = ["make_workspace", "train", "train_folder", "trained"]


class Import(NamedTuple):
    """A project that imports its table from a URL; the file that is served there."""

    shop: Shop
    file: Path


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Import]:
    """A project with a split by time."""
    folder = tmp_path_factory.mktemp("retrain")
    file = write(visits(800), folder / "served/visits.csv")
    with serving_folder(file.parent) as url:
        made = folder / "made"
        made.mkdir()
        shop = make_shop(made, f"{url}/visits.csv", "--time", "day")
        yield Import(shop, file)


@pytest.fixture
def shop(imported: Import, tmp_path: Path) -> Shop:
    """A copy of the project; at the URL is the table that it was trained on."""
    write(visits(800), imported.file)
    return imported.shop.copy(tmp_path / "copy")
