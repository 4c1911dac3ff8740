"""Transformers of columns: dates, categories, numbers and texts become features.

`Clip` comes before them: it limits values to the bounds that the stage `clean` found.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import validate_data

from reproducible_ml.contract.schema import CALENDAR
from reproducible_ml.core import keys
from reproducible_ml.core.outliers import clip

Floats = npt.NDArray[np.float64]

EPOCH = pd.Timestamp("1970-01-01")

# A word in fewer rows than these, or in all but fewer than these, is not a feature.
ROWS = 5


class Calendar(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each date by numbers.

    Year, month, day of the month, day of the week (Monday is 0) and hour show what is
    periodic; the days since 1970-01-01 show trends.

    Args:
        fields: Which of these numbers each date gives; None for all.
    """

    def __init__(self, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        self.fields = fields

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Remember the column names; there is nothing else to learn."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return a column for each number; a missing date gives NaN."""
        fields = [_field(rows[name], field) for name, field in self._pairs()]
        return np.column_stack(fields)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return names like `ordered_at_month`."""
        names = [f"{name}_{field}" for name, field in self._pairs()]
        return np.array(names, dtype=object)

    def _pairs(self) -> list[tuple[str, str]]:
        """Return each name with each of its fields."""
        fields = self.fields or dict.fromkeys(self.feature_names_in_, CALENDAR)
        return [(n, field) for n in self.feature_names_in_ for field in fields[n]]


def _field(dates: pd.Series, field: str) -> Floats:
    """Return one number for each date."""
    found = (dates - EPOCH).dt.days if field == "days" else getattr(dates.dt, field)
    return np.asarray(found.to_numpy(np.float64))


class CategoryCodes(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each category by its position in the contract; unknown ones by NaN.

    scikit-learn's OrdinalEncoder does the same with Python objects: measured, it
    takes 0.9 s for 10^6 rows of 4 columns, this takes 0.01 s (docs/benchmarks.md).

    Args:
        categories: The categories of each column, in the order of their codes.
    """

    def __init__(self, categories: dict[str, list[Any]]) -> None:
        self.categories = categories

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Learn nothing: the contract names the categories."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return codes of the shape of `rows`."""
        codes = _codes(rows, self.categories)
        return np.where(codes < 0, np.nan, codes)


class CategoryColumns(CategoryCodes):
    """Replaces categories by one-hot columns, one for each category of the contract.

    scikit-learn's OneHotEncoder needs numbers sorted, and names 2 as 2.0 if a value is
    missing. A missing or unknown category is 0 in all columns.
    """

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return a column for each category, one column of `rows` after the other."""
        codes = _codes(rows, self.categories)
        columns = [
            codes[:, [place]] == np.arange(len(values))
            for place, values in enumerate(self.categories.values())
        ]
        return np.hstack(columns).astype(np.float64)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return names like `channel_web`."""
        names = [
            f"{name}_{value}"
            for name, values in self.categories.items()
            for value in values
        ]
        return np.array(names, dtype=object)


def _codes(
    rows: pd.DataFrame, categories: dict[str, list[Any]]
) -> npt.NDArray[np.signedinteger[Any]]:
    """Return the place of each value in its list, -1 if it is not there."""
    codes = [
        rows[name].astype("category").cat.set_categories(values).cat.codes
        for name, values in categories.items()
    ]
    return np.column_stack(codes)


class Clip(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clips values to the bounds that the stage `clean` learned.

    Args:
        bounds: Lowest and highest value by column; other columns are left alone.
    """

    def __init__(self, bounds: dict[str, tuple[float, float]]) -> None:
        self.bounds = bounds

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Learn nothing: the bounds are given."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows, clipped."""
        return clip(rows, self.bounds)


class Hashed(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces values by columns of 0 and 1, chosen by a hash of the value.

    It learns nothing, so that a column may have any number of values, also new ones.
    Values with the same hash are one for the model (Weinberger and others, "Feature
    hashing for large scale multitask learning", ICML 2009). A missing value is 0 in all
    columns.

    Args:
        buckets: Number of columns for each column of values.
    """

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Remember the column names; there is nothing else to learn."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> Floats:
        """Return `buckets` columns for each column of `rows`, one after the other."""
        found = np.zeros((len(rows), len(self.feature_names_in_), self.buckets))
        for place, name in enumerate(self.feature_names_in_):
            known = np.flatnonzero(rows[name].notna())
            hashes = keys.hash_rows(rows[[name]].iloc[known], [name])
            bucket = (hashes % np.uint64(self.buckets)).astype(np.intp)
            found[known, place, bucket] = 1
        return found.reshape(len(rows), -1)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return names like `postcode_hash_7`."""
        names = [
            f"{name}_hash_{bucket}"
            for name in self.feature_names_in_
            for bucket in range(self.buckets)
        ]
        return np.array(names, dtype=object)


class Numbers(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Converts values to floats, NaN if missing, and nearly empty columns to 0.

    scikit-learn's HistGradientBoosting cannot be fitted if a column has no value among
    the rows that it samples to find thresholds, or to decide when to stop.
    """

    def fit(self, rows: Any, target: Any = None) -> Self:
        """Find the columns with fewer than 5 values, or than one in 1000 rows."""
        missing = np.isnan(self._floats(rows, reset=True))
        self.empty_ = (~missing).sum(axis=0) < max(5, len(missing) / 1000)
        return self

    def transform(self, rows: Any) -> npt.NDArray[np.float64]:
        """Return the numbers in the shape of `rows`."""
        return np.where(self.empty_, 0, self._floats(rows, reset=False))

    def _floats(self, rows: Any, *, reset: bool) -> npt.NDArray[np.float64]:
        checked: npt.NDArray[np.float64] = validate_data(
            self, rows, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return checked


class Words(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each text by its informative words, and its number of words.

    Informative are the words whose presence has the highest association with the
    target. The most frequent words would be "the", "and" and "of" in all texts.
    Words are compared without case and accents; they have at least two letters.

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
    """Return the most informative words in alphabetical order, which breaks ties.

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
    """Return the association of each word with the target, up to a factor.

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
