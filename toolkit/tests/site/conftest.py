"""The environment of the site, which is installed once."""

from pathlib import Path

import pytest
from filelock import FileLock

from reproducible_ml.site.environment import FOLDER, prepare

from ..copies import ROOT


@pytest.fixture(scope="session")
def site_python() -> Path:
    """The Python with the packages of the site."""
    with FileLock(ROOT / f"{FOLDER}.lock"):
        return prepare(ROOT)
