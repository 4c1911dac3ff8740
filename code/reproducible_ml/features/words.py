"""Texts as numbers a model can use."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import validate_data

Floats = npt.NDArray[np.float64]

# What a word goes with in fewer rows than these, or in all but these, is chance.
ROWS = 5


class Words(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each text by which telling words it has, and how many words in all.

    Telling are the words whose presence goes most closely with the target. The most
    frequent words would be "the", "and" and "of", whatever the texts are about.
    Words are told apart without case and accents; they have at least two letters.

    Args:
        number: How many words to look for in each column, at most.
        task: What the target is; it is a number for `regression`, else a class.
    """

    def __init__(self, number: int, task: str) -> None:
        self.number = number
        self.task = task

    def fit(self, rows: pd.DataFrame, target: Any) -> Self:
        """Choose the words of each column; needs memory for every word of a column."""
        validate_data(self, rows, skip_check_array=True)
        columns = _columns(np.asarray(target), self.task)
        self.words_ = {
            name: _choose(_texts(rows[name]), columns, self.number)
            for name in self.feature_names_in_
        }
        return self

    def transform(self, rows: pd.DataFrame) -> Floats:
        """Return 0 or 1 for each word of a column, then the length of the text.

        A missing text has no words.
        """
        columns = [_count(_texts(rows[n]), words) for n, words in self.words_.items()]
        return np.asarray(hstack(columns, format="csr").toarray())

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return names like `note_has_refund` and, for the length, `note_words`."""
        names = [
            feature
            for name, words in self.words_.items()
            for feature in [*(f"{name}_has_{word}" for word in words), f"{name}_words"]
        ]
        return np.array(names, dtype=object)


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).fillna("")


def _vectorizer(words: list[str] | None = None) -> CountVectorizer:
    return CountVectorizer(
        binary=True, strip_accents="unicode", vocabulary=words, dtype=np.float64
    )


def _columns(target: npt.NDArray[Any], task: str) -> Floats:
    """Return the target as numbers: a column of 0 and 1 for each class, or itself."""
    column = target.reshape(-1, 1)
    if task == "regression":
        return np.asarray(column - target.mean(), dtype=np.float64)
    return np.asarray(OneHotEncoder(sparse_output=False).fit_transform(column))


def _choose(texts: pd.Series, target: Floats, number: int) -> list[str]:
    """Return the most telling words in order of the alphabet, which also breaks ties.

    Args:
        texts: One for each row, none missing.
        target: Numbers, a row for each text.
        number: How many words to return, at most.
    """
    vectorizer = _vectorizer()
    try:
        present = vectorizer.fit_transform(texts)
    except ValueError:  # There is not a single word.
        return []
    rows = present.sum(axis=0).A1
    enough = (rows >= ROWS) & (rows <= len(texts) - ROWS)
    words = vectorizer.get_feature_names_out()[enough]
    closest = np.argsort(-_association(present[:, enough], target), kind="stable")
    return sorted(words[closest[:number]].tolist())


def _association(present: csr_matrix, target: Floats) -> Floats:
    """Return how closely each word goes with the target, up to a factor.

    It is the squared correlation of word and number, or the sum of those of word and
    class; with two classes, their order is that of Pearson's chi-squared.
    """
    rows = present.sum(axis=0).A1.reshape(-1, 1)
    excess = present.T @ target - rows * target.mean(axis=0)
    variance = target.var(axis=0)
    variance[variance == 0] = 1
    scale = rows * (len(target) - rows) * variance
    return np.asarray((excess**2 / scale).sum(axis=1))


def _count(texts: pd.Series, words: list[str]) -> csr_matrix:
    """Return a column for each word, and the number of words in all."""
    length = csr_matrix(texts.str.count(r"\w+").to_numpy(np.float64).reshape(-1, 1))
    if not words:
        return length
    return hstack([_vectorizer(words).transform(texts), length])
