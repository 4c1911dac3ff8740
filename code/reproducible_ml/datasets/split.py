"""Hold out a test set that stays the same as the data grows."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.tables import (
    map_parts,
    replacing_table,
    write_json,
    write_part,
)
from reproducible_ml.errors import UserError
from reproducible_ml.params import Data, Params, Split, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)


def is_test(frame: pd.DataFrame, data: Data, params: Split) -> npt.NDArray[np.bool_]:
    """Say of each row whether it belongs to the test set; looks at that row alone."""
    if params.method == "time":
        return (frame[data.time] >= pd.Timestamp(params.cutoff)).to_numpy(dtype=bool)
    if params.method == "group":
        row_keys = keys.hash_rows(frame, [str(data.group)])
    else:
        row_keys = frame.index.to_numpy(dtype=np.uint64)
    return keys.uniform(row_keys, keys.number(params.salt)) < params.test_size


def split_rows(
    frame: pd.DataFrame, data: Data, params: Split
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows and the test rows."""
    test = is_test(frame, data, params)
    return frame[~test], frame[test]


def _split_part(
    number: int, frame: pd.DataFrame, params: Params, train: Path, test: Path
) -> dict[str, dict[str, int]]:
    sides = split_rows(frame, params.data, params.split)
    for rows, table in zip(sides, (train, test), strict=True):
        write_part(rows, table, number)
    counts = (rows[params.data.target].value_counts() for rows in sides)
    return {
        side: {str(label): int(rows) for label, rows in found.items()}
        for side, found in zip(("train", "test"), counts, strict=True)
    }


def summarise(
    counts: list[dict[str, dict[str, int]]],
) -> dict[str, dict[str, int | dict[str, int]]]:
    """Return the rows and the class balance of both sides, summed over the parts."""
    sides = {
        side: pd.DataFrame([part[side] for part in counts]).sum().astype(int).to_dict()
        for side in ("train", "test")
    }
    return {
        side: {"rows": sum(classes.values()), "classes": classes}
        for side, classes in sides.items()
    }


def _reject_one_class(sides: Mapping[str, Mapping[str, int | dict[str, int]]]) -> None:
    for side, summary in sides.items():
        classes = summary["classes"]
        present = [n for n, rows in classes.items() if rows] if isinstance(classes, dict) else []
        if len(present) < 2:
            raise UserError(
                f"the {side} set holds {summary['rows']} rows of {len(present)} classes:"
                " change split.test_size, split.salt or split.cutoff in params.yaml"
            )


def main(clean: Path, train: Path, test: Path, report: Path) -> None:
    """Send each row of CLEAN to TRAIN or TEST, and write sizes and balance to REPORT."""
    params = load_params()
    with replacing_table(train) as train_rows, replacing_table(test) as test_rows:
        work = partial(_split_part, params=params, train=train_rows, test=test_rows)
        sides = summarise(map_parts(work, clean, params.compute))
        _reject_one_class(sides)
    write_json(sides, report)
    for side, summary in sides.items():
        logger.info("%s: %d rows, %s", side, summary["rows"], summary["classes"])


if __name__ == "__main__":
    run(main)
