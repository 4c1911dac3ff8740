"""Join labels and the answers that they are about.

A label of a request belongs to the answer of that request. A label of a row key belongs
to the last answer to this row before the label was known. Only answers that a client
got are found so; what other versions answered to the same rows in shadow is evaluated
beside them, as another version.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from reproducible_ml.core.errors import UserError
from reproducible_ml.monitoring.outcomes.labels import Labels
from reproducible_ml.monitoring.windows import UNKNOWN, Span, read_times
from reproducible_ml.serving.feedback import ID, KEY, LABEL, ROW
from reproducible_ml.serving.read_log import (
    NEEDED,
    PREDICTION,
    is_probability,
    open_log,
)

VERSION = "model_version"

# Position of an answer in the log, and of a label in its table.
ANSWER, ORDER = "answer", "order"


class Counts(NamedTuple):
    """What became of labels.

    Attributes:
        labels: Labels of the table.
        empty: Rows of the table without a label.
        repeated: Labels that another one of the same row follows.
        contradictions: Rows with different labels, of which the last counts.
        unknown: Labels of rows that are not in the log.
        early: Labels of rows that were only asked after the label was known.
        labelled: Answers that have a label.
        shadow: Answers in shadow that have one.
    """

    labels: int
    empty: int
    repeated: int
    contradictions: int
    unknown: int
    early: int
    labelled: int
    shadow: int


class Joined(NamedTuple):
    """Answers with their labels.

    Attributes:
        answers: All answers that count: `time` and `known` in microseconds since 1970,
            `model_version`, `returned`, the answer, the columns to slice by, and
            `label`, None where there is none yet.
        counts: What became of labels.
    """

    answers: pd.DataFrame
    counts: Counts


def read_answers(folder: Path, columns: list[str], span: Span) -> pd.DataFrame:
    """Return the answers in a log, in the order of time.

    Args:
        folder: Of the log.
        columns: Features that are needed as well; those that are not logged are left
            out.
        span: The times that count.

    Raises:
        UserError: There is no such log.
    """
    data = open_log(folder)
    names = data.schema.names
    features = {
        f"input_{name}" if f"input_{name}" in names else name: name for name in columns
    }
    wanted = [name for name in NEEDED if name in names]
    wanted += [n for n in names if n == PREDICTION or is_probability(n)]
    wanted += [n for n in features if n in names and n not in wanted]
    try:
        table = data.to_table(wanted, filter=_within(span))
    except pa.ArrowInvalid as error:
        raise UserError(f"{folder}: is no log of predictions: {error}") from error
    log: pd.DataFrame = table.to_pandas()
    if "returned" not in log:
        log["returned"] = True  # a log of an earlier version of the toolkit
    log["returned"] = log["returned"].fillna(value=True).astype(bool)
    log["time"] = read_times(log["time"])
    log = log.rename(columns=features)
    return log.sort_values("time", kind="stable", ignore_index=True)


def _within(span: Span) -> ds.Expression | None:
    found = None
    for bound, is_end in ((span.start, False), (span.end, True)):
        if bound is not None:
            moment = pa.scalar(bound, pa.timestamp("us", "UTC"))
            one = ds.field("time") < moment if is_end else ds.field("time") >= moment
            found = one if found is None else found & one
    return found


def join(log: pd.DataFrame, labels: Labels) -> Joined:
    """Return the answers with their labels.

    Args:
        log: As of `read_answers`.
        labels: As of `read_labels`.

    Raises:
        UserError: Labels do not say which of several rows of a request they belong to.
    """
    log = log.reset_index(drop=True)
    if not labels.has_rows:
        _check_one_row(log, labels.table[ID].dropna())
    log[ANSWER] = np.arange(len(log))
    returned = log[log["returned"]]
    table = labels.table.assign(**{ORDER: np.arange(len(labels.table))})
    table = table.sort_values(["known", ORDER], kind="stable")
    of_request = table[table[ID].notna()]
    of_key = table[table[ID].isna()]
    last, contradicted = _last(of_request, [ID, ROW])
    last_of_key, others = _last(of_key, [KEY])
    contradicted += others
    # The id of a request tells which answer is meant, whatever the clocks say.
    found, unknown, _ = _find(last, returned, [ID, ROW], any_time=True)
    by_key, strangers, early = _find(last_of_key, returned, [KEY], any_time=False)
    both = pd.concat([found, by_key]).sort_values(["known", ORDER], kind="stable")
    labelled, twice = _last(both, [ANSWER])
    answers = _add(log, labelled)
    shadow = _shadow(answers, log)
    answers = pd.concat([_count_once(answers[answers["returned"]], labels), shadow])
    has_label = answers[LABEL].notna()
    counts = Counts(
        len(table),
        labels.empty,
        len(table) - len(last) - len(last_of_key) + len(both) - len(labelled),
        contradicted + twice,
        unknown + strangers,
        early,
        int((has_label & answers["returned"]).sum()),
        int((has_label & ~answers["returned"]).sum()),
    )
    answers = answers.sort_values("time", kind="stable", ignore_index=True)
    return Joined(answers, counts)


def _check_one_row(log: pd.DataFrame, requests: pd.Series) -> None:
    """Refuse requests of several rows: labels of all would count for the first."""
    several = log[ID][(log[ROW] > 0) & log[ID].isin(requests)]
    if len(several):
        raise UserError(
            f'request "{several.iloc[0]}" has several rows, but the labels do not say'
            f' which one they belong to. Fix: add the column "{ROW}", the position in'
            " the request, from 0"
        )


def _last(table: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, int]:
    """Return the last label of each row, and how many rows have different ones."""
    last = table.drop_duplicates(columns, keep="last")
    if len(last) == len(table):
        return last, 0
    different = table.groupby(columns, sort=False)[LABEL].nunique()
    return last, int((different > 1).sum())


def _find(
    labels: pd.DataFrame, answers: pd.DataFrame, columns: list[str], *, any_time: bool
) -> tuple[pd.DataFrame, int, int]:
    """Return labels with their answers, how many have none, and how many too early.

    Of several answers, the last one before the label counts.
    """
    places = answers[[*columns, "time", ANSWER]]
    both = labels.merge(places, on=columns, how="inner")
    unknown = len(labels) - both[ORDER].nunique()
    both["after"] = (both["known"] != UNKNOWN) & (both["time"] > both["known"])
    early = 0
    if not any_time:
        early = both[ORDER].nunique() - both.loc[~both["after"], ORDER].nunique()
        both = both[~both["after"]]
    # In the order of time, answers after the label first: only if there is no other.
    both = both.sort_values(["after", "time", ANSWER], ascending=[False, True, True])
    chosen = both.drop_duplicates(ORDER, keep="last")
    return chosen[[ORDER, ANSWER, LABEL, "known"]], unknown, early


def _add(log: pd.DataFrame, labelled: pd.DataFrame) -> pd.DataFrame:
    known = labelled.set_index(ANSWER)
    found = log.copy()
    found[LABEL] = known[LABEL].reindex(found[ANSWER]).to_numpy()
    found["known"] = (
        known["known"].reindex(found[ANSWER], fill_value=UNKNOWN).to_numpy()
    )
    return found


def _shadow(answers: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """Return the answers in shadow, with the label of the answer that was returned."""
    shadow = answers[~answers["returned"]].drop(columns=[LABEL, "known"])
    if shadow.empty:
        return answers[~answers["returned"]]
    # The same id may come again: the returned answer next in time is meant.
    own = answers.loc[answers["returned"], [ID, ROW, "time", LABEL, "known"]]
    both = shadow.merge(own, on=[ID, ROW], how="left", suffixes=("", "_returned"))
    both["distance"] = (both["time"] - both["time_returned"]).abs()
    both = both.sort_values([ANSWER, "distance"], kind="stable")
    both = both.drop_duplicates(ANSWER).drop(columns=["time_returned", "distance"])
    both["known"] = both["known"].fillna(UNKNOWN).astype(np.int64)
    both[LABEL] = both[LABEL].where(both[LABEL].notna(), None)
    return both


def _count_once(answers: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Return answers without those to rows that another answer stands for.

    If labels belong to rows, not to requests, a row that was asked for several times
    counts once: with the answer that has the label, or else the last one.
    """
    if labels.table[ID].notna().any():
        return answers
    has_label = answers[LABEL].notna()
    ranked = answers.assign(ranked=has_label).sort_values(
        ["ranked", "time"], kind="stable"
    )
    repeated = ranked[KEY].notna() & ranked.duplicated(KEY, keep="last")
    return ranked[~repeated].drop(columns="ranked")
