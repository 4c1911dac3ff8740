"""Tests of reproducible_ml.core.clusters.

Those of real clusters are in tests/pipeline/test_scaling.py.
"""

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import workers
from reproducible_ml.core.params import Compute


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_missing_package_is_told_with_the_fix(backend: str) -> None:
    compute = Compute.model_validate({"backend": backend})
    with pytest.raises(UserError) as caught, workers(compute):
        pass
    assert "make setup" in str(caught.value)
