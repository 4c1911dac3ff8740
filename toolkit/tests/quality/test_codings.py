"""Tests of reproducible_ml.quality.target."""

import pytest

from reproducible_ml.quality.target import main_coding


@pytest.mark.parametrize(
    ("counts", "usual"),
    [
        ({"yes": 5, "no": 1, "1": 2, "0": 3}, ("yes", "no")),
        ({"yes": 1, "no": 1, "1": 2, "0": 3}, ("1", "0")),
        ({"yes": 50, "1": 2, "0": 3}, ("1", "0")),
        ({"yes": 1, "no": 1, "true": 2, "false": 1}, ("true", "false")),
        ({"yes": 2, "no": 2, "1": 2, "0": 2}, ("yes", "no")),
        ({"yes": 50, "0": 3}, ()),
    ],
)
def test_usual_coding_is_that_of_most_rows(
    counts: dict[str, int], usual: tuple[str, ...]
) -> None:
    assert main_coding({label: label for label in counts}, counts) == usual


def test_labels_count_by_what_they_mean() -> None:
    said = {"Y": "yes", "no": "no", "1.0": "1", "0": "0"}
    counts = {"Y": 9, "no": 1, "1.0": 5, "0": 4}
    assert main_coding(said, counts) == ("yes", "no")
