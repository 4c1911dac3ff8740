"""The command `rml explain`: what moved the predictions for single rows."""

import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.parts import parts, read_part
from reproducible_ml.core.project import Project
from reproducible_ml.reading.json_lines import decimal_commas
from reproducible_ml.reading.raw import raw_files, text_batches
from reproducible_ml.serving.command import load_project_model
from reproducible_ml.serving.explaining.background import (
    FILE,
    TRAIN,
    choose_background,
    read_background,
    write_background,
)
from reproducible_ml.serving.explaining.explanations import (
    Found,
    RowExplainer,
    cut_to,
)
from reproducible_ml.serving.explaining.table import draw, print_explanations
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import check_rows
from reproducible_ml.serving.text_files import check_text_files

logger = logging.getLogger(__name__)

TEST = Path("data/processed/test")

# Rows that are explained at once, and contributions that are printed, at most.
LIMIT, TOP = 100, 10

# A row key, as `rml predict` writes it.
KEY = re.compile(r"[0-9a-f]{16}")


class Wanted(NamedTuple):
    """Rows that were asked for, in their order.

    Attributes:
        names: What each is called: its position, and its key if it is known.
        table: Their values.
    """

    names: list[dict[str, Any]]
    table: pa.Table


def explain(
    project: Project,
    rows: Sequence[str],
    folder: Path,
    *,
    file: Path | None = None,
    model: Path | None = None,
    label: str | None = None,
    top: int | None = None,
    as_json: bool = False,
    picture: Path | None = None,
    background: Path | None = None,
) -> None:
    """Explain rows of the test set, or of a file.

    Args:
        project: The project.
        rows: Positions from 1, or keys of the test set; none: all rows of the file.
        folder: What typed paths are relative to.
        file: A file or folder that `rml predict` reads.
        model: Folder of the model.
        label: Of several classes, the one to explain.
        top: Contributions to show; None: TOP in a table, all in JSON.
        as_json: Print JSON.
        picture: PNG file to draw.
        background: File to write with the training rows that others are compared with.

    Raises:
        UserError: A row is not there, or breaks the contract.
    """
    loaded = load_project_model(project, folder / model if model else None)
    if picture and picture.suffix.lower() != ".png":
        raise UserError(f"--picture {picture}: the name of the file must end in .png")
    if not rows and not file and not background:
        raise UserError(
            "rml explain: no row is named. Fix: give positions in the test set or row"
            " keys, as in rml explain 1 2, or a file: --file new.csv"
        )
    known = _background(project, loaded, folder / model if model else None)
    if background:
        write_background(known, loaded, folder / background)
        logger.info("%s: %d training rows", background, len(known))
        if not rows and not file:
            return
    wanted = (
        _of_file(folder / file, rows, loaded, project)
        if file
        else _of_test(project.root / TEST, rows, loaded)
    )
    found = _explain(project, loaded, known, wanted, label)
    shown = [cut_to(each, top or TOP) for each in found]
    if picture:
        draw(shown, folder / picture)
        logger.info("%s: %d rows", picture, len(shown))
    if as_json:
        content = found if top is None else shown
        facts = {"version": loaded.version, "background_rows": len(known)}
        text = json.dumps(facts | {"explanations": content}, indent=2)
        sys.stdout.write(f"{text}\n")
        return
    print_explanations(shown, len(known))


def _background(project: Project, model: Model, folder: Path | None) -> pd.DataFrame:
    """Return rows of the training table; of another model, those beside it."""
    if folder is not None and (folder / FILE).is_file():
        return read_background(folder, model)
    return choose_background(project.root / TRAIN, model)


def _explain(
    project: Project,
    model: Model,
    background: pd.DataFrame,
    wanted: Wanted,
    label: str | None,
) -> list[Found]:
    from tqdm import tqdm

    checked = check_rows(wanted.table, model)
    if checked.problems:
        lines = [
            f"row {wanted.names[each.row]['row']}, {each}" for each in checked.problems
        ]
        raise UserError("\n".join(lines))
    predict = project.load("deployment.predict").predict
    explainer = RowExplainer(model, predict, background)
    with tqdm(
        desc="explain", unit=" predictions", disable=None, leave=False
    ) as progress:
        found = explainer.explain(checked.rows, label, progress.update)
    return [name | each for name, each in zip(wanted.names, found, strict=True)]


def _of_test(test: Path, rows: Sequence[str], model: Model) -> Wanted:
    """Return rows of the test set."""
    asked = _asked(rows)
    found: dict[str, tuple[int, int, pd.DataFrame]] = {}
    first = 0
    for part in parts(test):
        keys = read_part(part, []).index.to_numpy(np.uint64)
        places = {
            text: place
            for text, place in _places(asked, keys, first)
            if text not in found
        }
        if places:
            values = read_part(part, model.features)
            for text, place in places.items():
                key = int(keys[place])
                found[text] = first + place + 1, key, values.iloc[[place]]
        first += len(keys)
    if lost := [text for text in asked if text not in found]:
        raise UserError(
            "\n".join(f"row {text}: is none of the {first} test rows" for text in lost)
        )
    chosen = [found[text] for text in asked]
    names = [{"row": row, "row_key": f"{key:016x}"} for row, key, _ in chosen]
    frame = pd.concat([values for _, _, values in chosen])
    return Wanted(names, pa.Table.from_pandas(frame, preserve_index=False))


def _places(
    asked: dict[str, int | None], keys: Any, first: int
) -> Iterator[tuple[str, int]]:
    """Yield what is asked for in some rows, and its position among them."""
    for text, position in asked.items():
        if position is None:
            same = np.flatnonzero(keys == np.uint64(int(text, 16)))
            if len(same):
                yield text, int(same[0])
        elif first <= position - 1 < first + len(keys):
            yield text, position - 1 - first


def _asked(rows: Sequence[str], *, keys: bool = True) -> dict[str, int | None]:
    """Return the position of each row that was asked for; None for a key."""
    found: dict[str, int | None] = {}
    for text in rows:
        if keys and KEY.fullmatch(text):
            found[text] = None
        elif text.isascii() and text.isdigit() and int(text):
            found[text] = int(text)
        else:
            kinds = "a position from 1" + " or a row key of 16 digits" * keys
            raise UserError(f"row {text}: is not {kinds}")
    if len(found) > LIMIT:
        raise UserError(f"{len(found)} rows are more than {LIMIT}: ask for fewer")
    return found


def _of_file(
    source: Path, rows: Sequence[str], model: Model, project: Project
) -> Wanted:
    """Return rows of a file or folder, read as `rml predict` reads it."""
    if not source.exists():
        raise UserError(f"{source}: does not exist. Give a file or a folder.")
    asked = _asked(rows, keys=False)
    files, dialect = raw_files(source), model.contract.metadata
    compute = load_section(Compute, project.root / "params.yaml")
    check_text_files(files, dialect, model.features, compute)
    wanted = {*model.features}
    commas = decimal_commas(model.contract)
    last = max((each or 0 for each in asked.values()), default=LIMIT + 1)
    tables, count = [], 0
    try:
        for file in files:
            for batch in text_batches(file, dialect, wanted, commas):
                tables.append(pa.Table.from_batches([batch]))
                count += batch.num_rows
                if count >= last:
                    break
    except pa.ArrowInvalid as error:
        raise UserError(f"{source}: cannot be read: {error}") from error
    if not count:
        raise UserError(f"{source}: has no rows")
    if not asked and count > LIMIT:
        raise UserError(
            f"{source}: has more than {LIMIT} rows. Fix: say which, by their position,"
            f" as in rml explain 1 2 --file {source.name}"
        )
    lost = [text for text, place in asked.items() if place and place > count]
    if lost:
        raise UserError(
            "\n".join(f"{source}: has no row {text}, but {count}" for text in lost)
        )
    places = [each - 1 for each in asked.values() if each] or list(range(count))
    table = pa.concat_tables(tables).take(pa.array(places))
    return Wanted([{"row": place + 1} for place in places], table)
