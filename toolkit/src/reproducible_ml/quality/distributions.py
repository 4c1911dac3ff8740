"""Profile the distribution of each column, in a form small enough for Git.

No text of a row is stored, only categories, which are in the contract anyway: of other
texts, the lengths are counted, or hashes of codes.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import model_validator

from reproducible_ml.contract.schema import Column, Contract, Data
from reproducible_ml.core import keys
from reproducible_ml.core.inputs import state_of
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute, Section
from reproducible_ml.core.part_store import PartStore, current_store
from reproducible_ml.core.parts import count_rows, parts, read_part, rows_of

ROWS = 200_000

Counts = npt.NDArray[np.int64]
Kind = Literal["numbers", "dates", "lengths", "values", "hashes"]

BINS = 20
VALUES = 50
HASHES = 20

# Characters of a category that are kept; the rest is replaced by a hash.
WIDTH = 24


class Sample(NamedTuple):
    """Rows of a table, and their positions in it."""

    rows: pd.DataFrame
    records: Counts


def read_subset(
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None = None,
    rows: int = ROWS,
) -> pd.DataFrame:
    """Read a sample of about `rows` rows of a table, or all if there are fewer.

    The sample depends on the rows' numbers, not on the size of parts. Keys would not
    do: of duplicate rows, all or none would be chosen.
    """
    return _sample(table, compute, columns, rows).rows


def subset_records(table: Path, rows: int = ROWS) -> Counts:
    """Return the positions in a table of the rows that `read_subset` reads."""
    files = parts(table)
    if (known := _last.get(_states(files, None, rows))) is not None:
        return known.records
    total = count_rows(table)
    return np.flatnonzero(_chosen(0, total, min(1.0, rows / max(1, total))))


def _sample(
    table: Path, compute: Compute, columns: Sequence[str] | None, rows: int
) -> Sample:
    """Read a sample, or return the last one if it is of the same table."""
    import pyarrow as pa

    files = parts(table)
    key = _states(files, columns, rows)
    if (known := _last.get(key)) is not None:
        return known
    if len(files) == 1 and rows_of(files[0]) <= rows:
        # A short part may be in memory.
        frame = read_part(files[0], columns)
        return _keep(key, Sample(frame, np.arange(len(frame))))
    ends = np.cumsum([rows_of(file) for file in files])
    share = min(1.0, rows / max(1, ends[-1]))
    firsts = [0, *ends[:-1].tolist()]
    # Parquet keeps no categories of a part without rows, so these are left out.
    jobs = [
        (file, first, share, columns)
        for file, first, end in zip(files, firsts, ends, strict=True)
        if end > first
    ] or [(files[0], 0, share, columns)]
    store = current_store(len(files)) if share < 1 and columns is None else None
    if store:
        chosen = [_kept_samples(store, jobs, compute, share)]
    else:
        chosen = map_jobs(_choose, jobs, compute, "read")
    frame = pa.concat_tables([rows for rows, _ in chosen]).to_pandas()
    return _keep(key, Sample(frame, np.concatenate([records for _, records in chosen])))


def _keep(key: Any, found: Sample) -> Sample:
    _last.clear()
    _last[key] = found
    return found


# The sample that was read last, by the state of its table: it is read several times.
_last: dict[Any, Sample] = {}


def _states(files: Sequence[Path], columns: Sequence[str] | None, rows: int) -> Any:
    states = tuple((file.absolute(), *state_of(file)) for file in files)
    return states, columns and tuple(columns), rows


def _kept_samples(
    store: PartStore, jobs: Sequence[tuple[Any, ...]], compute: Compute, share: float
) -> tuple[Any, Counts]:
    """Return the sample of all parts, from samples that are kept.

    A smaller share of the rows is part of a larger one, so a sample of up to twice the
    size serves until the table has twice the rows.
    """
    import pyarrow as pa

    larger = 2.0 ** -math.floor(-math.log2(share))
    names = [
        store.key("sample", None, store.id_of(file), first, larger)
        for file, first, *_ in jobs
    ]
    found = [
        _unpack(store.content(name), first)
        for name, (_, first, *_) in zip(names, jobs, strict=True)
    ]
    left = [place for place, kept in enumerate(found) if kept is None]

    def keep(done: int, chosen: tuple[Any, Counts]) -> None:
        place = left[done]
        rows, records = found[place] = chosen
        places = (records - jobs[place][1]).tolist()
        store.put(names[place], places, contents=[_pack(rows)])

    wanted = [(file, first, larger, None) for file, first, *_ in jobs]
    map_jobs(_choose, (wanted[place] for place in left), compute, "read", done=keep)
    kept = [sample for sample in found if sample is not None]
    assert len(kept) == len(jobs), "what was not kept has been read"
    rows = pa.concat_tables([each for each, _ in kept])
    records = np.concatenate([each for _, each in kept])
    among = _uniform(records) < share
    return rows.filter(among), records[among]


def _chosen(first: int, rows: int, share: float) -> npt.NDArray[np.bool_]:
    """Return which rows, from a position on, belong to a share of all."""
    return _uniform(np.arange(first, first + rows)) < share


def _uniform(records: Counts) -> npt.NDArray[np.float64]:
    return keys.uniform(records.astype(np.uint64), keys.salt_from_text("subset"))


def _choose(
    file: Path, first: int, share: float, columns: Sequence[str] | None
) -> tuple[Any, Counts]:
    """Return the chosen rows of a part, as a table of Arrow, and their positions."""
    from pyarrow.parquet import read_table

    names = None if columns is None else list(columns)
    rows = read_table(file, columns=names, use_pandas_metadata=True)
    chosen = _chosen(first, rows.num_rows, share)
    records = first + np.flatnonzero(chosen)
    return rows if chosen.all() else rows.filter(chosen), records


def _pack(rows: Any) -> bytes:
    """Return a table of Arrow as bytes; Parquet would lose categories without rows."""
    import pyarrow as pa

    content = pa.BufferOutputStream()
    with pa.ipc.new_file(content, rows.schema) as file:
        file.write_table(rows)
    return bytes(content.getvalue())


def _unpack(kept: tuple[Any, bytes] | None, first: int) -> tuple[Any, Counts] | None:
    import pyarrow as pa

    if kept is None:
        return None
    places, content = kept
    rows = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    return rows, first + np.array(places, dtype=np.int64)


class Distribution(Section):
    """Counts of the values of a column.

    Attributes:
        kind: What is counted.
        bins: Upper bounds, inclusive; or values; or numbers of hashes.
        counts: Rows in each bin, and one more for values beyond the last or unknown.
        missing: Rows without a value.
        mean: Of numbers or lengths.
        sd: Their standard deviation.
    """

    kind: Kind
    bins: tuple[float | str, ...] = ()
    counts: tuple[int, ...]
    missing: int
    mean: float | None = None
    sd: float | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        texts = self.kind in ("dates", "values", "hashes")
        if self.counts and len(self.counts) != len(self.bins) + 1:
            raise ValueError("give a count for each bin and one for the others")
        if any(isinstance(bound, str) != texts for bound in self.bins):
            raise ValueError("give numbers as bounds of numbers, and texts of texts")
        return self

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.counts) + self.missing


class TableProfile(Section):
    """The distribution of each column of a table.

    Attributes:
        columns: Counts of the rows, or of a sample of them.
        table_rows: Rows of the table, if a sample was counted.
    """

    columns: dict[str, Distribution]
    table_rows: int | None = None

    @property
    def rows(self) -> int:
        """Number of rows of the table; 0 if it has no columns that are counted."""
        counted = next((column.rows for column in self.columns.values()), 0)
        return counted if self.table_rows is None else self.table_rows


def profile_table(
    table: Path, contract: Contract, data: Data, compute: Compute
) -> dict[str, Any]:
    """Return the distribution of each column, ready for JSON.

    It comes from at most 200,000 rows: as many tell what matters, and a table that
    grows need not be counted again. It depends neither on the size of parts nor on the
    number of threads.
    """
    some = read_subset(table, compute)
    kinds = kinds_of(contract, data)
    columns = {name: describe(some[name], kind) for name, kind in kinds.items()}
    return _profile(table, some, columns)


def recount(
    table: Path, old: dict[str, Any], contract: Contract, data: Data, compute: Compute
) -> dict[str, Any]:
    """Return another table's profile, with the counts of this table in its bins.

    Columns that this table lacks or that are of another kind are left out.
    """
    kinds = kinds_of(contract, data)
    columns = {
        name: column
        for name, column in TableProfile.model_validate(old).columns.items()
        if kinds.get(name) == column.kind
    }
    some = read_subset(table, compute)
    counted = {name: count(some[name], column) for name, column in columns.items()}
    return _profile(table, some, counted)


def _profile(
    table: Path, some: pd.DataFrame, columns: dict[str, Distribution]
) -> dict[str, Any]:
    """Return the profile of a table of which some rows were counted."""
    rows = count_rows(table)
    whole = TableProfile(
        columns=columns, table_rows=None if len(some) == rows else rows
    )
    return dict(whole.model_dump(mode="json", exclude_defaults=True))


def kinds_of(contract: Contract, data: Data) -> dict[str, Kind]:
    """Return what to count of the target, the features and the date."""
    used = {*contract.features(data), data.target, data.time}
    return {
        name: "values"
        if name == data.target and data.task != "regression"
        else _kind(column)
        for name, column in contract.columns.items()
        if name in used
    }


def _kind(column: Column) -> Kind:
    if column.dtype == "datetime64[ns]":
        return "dates"
    if column.dtype in ("category", "bool", "boolean"):
        return "values"
    if column.treatment == "target_encoding":
        return "hashes"
    return "lengths" if column.dtype == "str" else "numbers"


def describe(values: pd.Series, kind: Kind) -> Distribution:
    """Return the distribution of a column, in bins of its own."""
    empty = {"kind": kind, "counts": (), "missing": 0}
    if kind == "hashes":
        hashes = tuple(map(str, range(HASHES)))
        return count(values, Distribution(**empty, bins=hashes))
    if kind == "values":
        found = values.value_counts()
        common = sorted((-n, _short(str(v))) for v, n in found.items() if n)[:VALUES]
        labels = tuple(sorted(v for _, v in common))
        return count(values, Distribution(**empty, bins=labels))
    numbers = _numbers(values, kind)
    known = np.sort(numbers[~np.isnan(numbers)])
    missing = len(numbers) - len(known)
    if not len(known):
        return Distribution(kind=kind, counts=(0,), missing=missing)
    # Bounds are values of the table: nothing is interpolated, so nothing is rounded.
    shares = np.arange(1, BINS) / BINS
    bounds = np.unique(np.quantile(known, shares, method="inverted_cdf")).tolist()
    least = float(known[0])
    if kind != "dates" and bounds[0] == least and np.isfinite(least):
        # Many rows have the least value: lower ones get a bin of their own.
        bounds.insert(0, math.nextafter(least, -math.inf))
    # The counts of `count`, faster because the values are sorted.
    ends = np.searchsorted(known, bounds, side="right")
    counts = np.diff(ends, prepend=0, append=len(known)).tolist()
    counted = {"kind": kind, "counts": tuple(counts), "missing": missing}
    if kind == "dates":
        dates = pd.to_datetime(bounds, unit="s").strftime("%Y-%m-%dT%H:%M:%S")
        return Distribution(**counted, bins=tuple(dates))
    return Distribution(**counted, bins=tuple(bounds), **_moments(known))


def _moments(known: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return mean and standard deviation of sorted values.

    To six digits, or for the mean of large numbers that are near each other, as many as
    the standard deviation needs.
    """
    scale = max(abs(float(known[0])), abs(float(known[-1]))) or 1.0
    scaled = known / scale
    mean = float(scaled.mean())
    variance = float(((scaled - mean) ** 2).mean())
    mean, sd = mean * scale, math.sqrt(variance) * scale
    digits = 6
    if mean and sd and math.isfinite(sd):
        more = math.floor(math.log10(abs(mean))) - math.floor(math.log10(sd))
        digits = min(17, max(digits, 4 + more))
    return {"mean": float(f"{mean:.{digits}g}"), "sd": float(f"{sd:.6g}")}


def count(values: pd.Series, column: Distribution) -> Distribution:
    """Return a distribution with the counts of these values."""
    places = places_of(values, column)
    *counts, missing = np.bincount(places, minlength=len(column.bins) + 2).tolist()
    return column.model_copy(update={"counts": tuple(counts), "missing": missing})


def places_of(values: pd.Series, column: Distribution) -> npt.NDArray[np.intp]:
    """Return the number of each value's bin; the last two: beyond them, missing."""
    places = _places(values, column)
    places[values.isna().to_numpy()] = len(column.bins) + 1
    return places


def _places(values: pd.Series, column: Distribution) -> npt.NDArray[np.intp]:
    """Return the number of the bin for each value."""
    if column.kind == "hashes":
        hashes = pd.util.hash_pandas_object(values, index=False).to_numpy()
        return (hashes % np.uint64(HASHES)).astype(np.intp)
    if column.kind == "values":
        codes, known = pd.factorize(values)
        bins = {label: place for place, label in enumerate(column.bins)}
        places = [bins.get(_short(str(value)), len(bins)) for value in known]
        return np.asarray([*places, 0], dtype=np.intp)[codes]
    if column.kind == "dates":
        dates = np.asarray(column.bins, dtype="datetime64[s]")
        bounds = dates.astype(np.int64).astype(np.float64)
    else:
        bounds = np.asarray(column.bins, dtype=np.float64)
    return np.searchsorted(bounds, _numbers(values, column.kind), side="left")


def _numbers(values: pd.Series, kind: Kind) -> npt.NDArray[np.float64]:
    """Return what is counted: numbers, seconds since 1970, or characters."""
    if kind == "dates":
        dates: Any = values.to_numpy().astype("datetime64[s]").astype(np.int64)
        return np.where(values.isna(), np.nan, dates.astype(np.float64))
    plain = values.str.len() if kind == "lengths" else values
    numbers: Any = plain.to_numpy(dtype=np.float64, na_value=np.nan)
    # Turns -0.0 into 0.0: which of them sorts first depends on the processor.
    return np.asarray(numbers) + 0.0


def _short(label: str) -> str:
    if len(label) <= WIDTH:
        return label
    digest = hashlib.sha256(label.encode()).hexdigest()
    return f"{label[: WIDTH - 9]}…{digest[:8]}"
