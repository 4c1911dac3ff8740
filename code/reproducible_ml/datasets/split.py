"""Hold out a test set that stays the same as the data grows."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.tables import map_parts, write_part
from reproducible_ml.datasets.target import Summary, join, summarise
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.params import Data, Params, Split, load_params
from reproducible_ml.stage import run

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
) -> list[Summary]:
    """Write both sides of a part, and return what is known of their targets."""
    sides = split_rows(frame, params.data, params.split)
    for rows, table in zip(sides, (train, test), strict=True):
        write_part(rows, table, number)
    return [summarise(rows[params.data.target], params.data) for rows in sides]


def _reject_unfit(side: str, target: Summary, data: Data) -> None:
    """Raise UserError if a side cannot serve to train, or to judge, a model."""
    if problem := target.problem(data):
        raise UserError(
            f"the {side} set {problem}."
            " Change split.test_size, split.salt or split.cutoff in params.yaml."
        )


def main(clean: Path, train: Path, test: Path, report: Path) -> None:
    """Send each row of CLEAN to TRAIN or TEST; write sizes and balance to REPORT."""
    params = load_params()
    with replacing_folder(train) as train_rows, replacing_folder(test) as test_rows:
        work = partial(_split_part, params=params, train=train_rows, test=test_rows)
        found = map_parts(work, clean, params.compute)
        targets = [join(side) for side in zip(*found, strict=True)]
        sides = dict(zip(("train", "test"), targets, strict=True))
        for side, target in sides.items():
            _reject_unfit(side, target, params.data)
    facts = {side: target.facts() for side, target in sides.items()}
    write_json(facts, report)
    for side, known in facts.items():
        rows, values = known.values()
        logger.info("%s: %d rows %s", side, rows, values)


if __name__ == "__main__":
    run(main)
