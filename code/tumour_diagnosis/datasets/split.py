"""Hold out a test set that stays the same as the table grows."""

import logging
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import (
    ClassSummary,
    TargetSummary,
    merge_summaries,
    pack_summaries,
    summarise_target,
    unpack_summaries,
)
from reproducible_ml.core import keys
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing_folder, write_json
from reproducible_ml.core.kept_parts import map_to_parts
from reproducible_ml.core.params import Compute, Date, Section, load_section
from reproducible_ml.core.parts import parts, read_part, write_part
from reproducible_ml.core.stage import run

logger = logging.getLogger(__name__)


class Split(Section):
    """Section `split` of params.yaml."""

    method: Literal["hash", "group", "time"] = "hash"
    test_size: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.2
    salt: str = ""
    cutoff: Date | None = None

    @model_validator(mode="after")
    def _cutoff_belongs_to_time(self) -> Self:
        if (self.method == "time") != (self.cutoff is not None):
            raise ValueError("method `time` needs a cutoff date, the others none")
        return self

    def columns(self, data: Data) -> list[str]:
        """Return the columns that decide on the side of a row, besides its key."""
        column = {"hash": None, "group": data.group, "time": data.time}[self.method]
        return [column] if column else []

    def problem(self, data: Data) -> str | None:
        """Return what is wrong if the column of the method is not named."""
        if self.method == "hash" or self.columns(data):
            return None
        return f"split.method {self.method} needs the column in data.{self.method}"


def load_split(data: Data) -> Split:
    """Return the section `split`, checked against the roles of columns."""
    split = load_section(Split)
    if problem := split.problem(data):
        raise UserError(f"params.yaml: {problem}")
    return split


def is_test(rows: pd.DataFrame, data: Data, split: Split) -> npt.NDArray[np.bool_]:
    """Return whether each row belongs to the test set.

    This depends on the row alone, so a row stays on its side as the table grows:

    - `hash`: on a hash of its key, which copies of a row share;
    - `group`: on a hash of its group, so that no group is on both sides;
    - `time`: on its date, so that the model is tested on what came later.
    """
    if split.method == "time":
        late = rows[str(data.time)] >= np.datetime64(str(split.cutoff))
        return late.to_numpy(dtype=bool)
    if split.method == "group":
        row_keys = keys.hash_rows(rows, [str(data.group)])
    else:
        row_keys = rows.index.to_numpy(dtype=np.uint64)
    return keys.uniform(row_keys, keys.salt_from_text(split.salt)) < split.test_size


def split_rows(
    rows: pd.DataFrame, data: Data, split: Split
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows and the test rows."""
    test = is_test(rows, data, split)
    return rows[~test], rows[test]


def _split_part(
    number: int, part: Path, data: Data, split: Split, train: Path, test: Path
) -> list[TargetSummary]:
    """Write both sides of a part, and return a summary of their targets."""
    sides = split_rows(read_part(part), data, split)
    for side, table in zip(sides, (train, test), strict=True):
        write_part(side, table, number)
    return [summarise_target(side[data.target], data) for side in sides]


def check_sides(train: TargetSummary, test: TargetSummary, data: Data) -> None:
    """Raise UserError if a model cannot be trained on one side or tested on the other.

    A class that only the test set has is a warning.
    """
    fix = "Change split.test_size, split.salt or split.cutoff in params.yaml."
    for side, target in (("training", train), ("test", test)):
        if problem := target.problem(data):
            raise UserError(f"the {side} set {problem}. {fix}")
    if isinstance(train, ClassSummary) and isinstance(test, ClassSummary):
        for label in sorted(test.counts.keys() - train.counts.keys()):
            logger.warning(
                'warning: column "%s": class "%s" has %d rows in the test set, but none'
                " in the training set. %s",
                data.target,
                label,
                test.counts[label],
                fix,
            )


def main(clean: Path, train: Path, test: Path, report: Path) -> None:
    """Split CLEAN into TRAIN and TEST; write sizes and balance to REPORT."""
    data = load_section(Data)
    split = load_split(data)
    with replacing_folder(train) as train_rows, replacing_folder(test) as test_rows:
        work = partial(
            _split_part, data=data, split=split, train=train_rows, test=test_rows
        )
        found = map_to_parts(
            work,
            enumerate(parts(clean)),
            load_section(Compute),
            [train_rows, test_rows],
            pack=pack_summaries,
            unpack=partial(unpack_summaries, data=data),
        )
        sides = [merge_summaries(side) for side in zip(*found, strict=True)]
        check_sides(sides[0], sides[1], data)
    facts = {
        name: side.to_dict()
        for name, side in zip(("train", "test"), sides, strict=True)
    }
    write_json(facts, report)
    for name, known in facts.items():
        rows, values = known.values()
        listed = ", ".join(f"{kind} {number}" for kind, number in values.items())
        logger.info("%s: %d rows (%s)", name, rows, listed)


if __name__ == "__main__":
    run(main)
