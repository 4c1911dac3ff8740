"""Hold out a test set that stays the same as the data grows."""

import logging
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.tables import map_parts, write_part
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.params import Data, Params, Split, load_params
from reproducible_ml.stage import run

Classes = Counter[str]

logger = logging.getLogger(__name__)


def is_test(frame: pd.DataFrame, data: Data, params: Split) -> npt.NDArray[np.bool_]:
    """Say of each row whether it belongs to the test set; looks at that row alone."""
    if params.method == "time":
        late = frame[data.time] >= np.datetime64(str(params.cutoff))
        return late.to_numpy(dtype=bool)
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
) -> list[Classes]:
    """Write both sides of a part, and return their rows of each class."""
    sides = split_rows(frame, params.data, params.split)
    for rows, table in zip(sides, (train, test), strict=True):
        write_part(rows, table, number)
    found = (rows[params.data.target].value_counts() for rows in sides)
    return [Counter({str(k): int(n) for k, n in counts.items()}) for counts in found]


def _reject_one_class(side: str, classes: Classes) -> None:
    if len(classes) < 2:
        raise UserError(
            f"the {side} set holds {classes.total()} rows of {len(classes)} class(es)."
            " Change split.test_size, split.salt or split.cutoff in params.yaml."
        )


def main(clean: Path, train: Path, test: Path, report: Path) -> None:
    """Send each row of CLEAN to TRAIN or TEST; write sizes and balance to REPORT."""
    params = load_params()
    with replacing_folder(train) as train_rows, replacing_folder(test) as test_rows:
        work = partial(_split_part, params=params, train=train_rows, test=test_rows)
        counts = map_parts(work, clean, params.compute)
        sums = [sum(side, Counter[str]()) for side in zip(*counts, strict=True)]
        sides = dict(zip(("train", "test"), sums, strict=True))
        for side, classes in sides.items():
            _reject_one_class(side, classes)
    write_json({s: {"rows": c.total(), "classes": c} for s, c in sides.items()}, report)
    for side, classes in sides.items():
        logger.info(
            "%s: %d rows %s", side, classes.total(), dict(sorted(classes.items()))
        )


if __name__ == "__main__":
    run(main)
