"""Find rows of a table that are equal, in all of its parts together.

Only hashes of rows are compared. Those of each part are kept in order, as long as the
stage has a store of parts: then only new parts are read.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.core.part_store import PartStore, current_store
from reproducible_ml.core.parts import (
    PartReader,
    State,
    count_rows,
    map_parts,
    parts,
    read_part,
    state_of_part,
)

# Rows compared at a time; a larger table is read several times.
BUCKET_ROWS = 4_000_000

# Places in the table of first bits: for each hash, and at most (in bits).
MARKS, MOST_BITS = 32, 26

# Share of new parts up to which they alone are compared with all others.
FEW = 0.2

Positions = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int64]


def find_duplicates(
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None,
    *,
    with_key: bool = True,
) -> list[Positions]:
    """Return, for each part, the positions of rows that repeat an earlier row.

    Rows count as equal if their 64-bit hashes are equal. Among 10^7 different rows,
    the probability that any two share a hash is 3 in a million.

    Args:
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to compare; None for all.
        with_key: Whether the row keys must be equal as well.
    """
    files = parts(table)
    store = current_store(len(files))
    names = None if columns is None else list(columns)
    key, ids = "", list[str]()
    if store:
        ids = [store.id_of(part) for part in files]
        key = store.key("duplicates", None, ids, names, with_key)
        if (kept := store.array(key)) is not None:
            lengths, places = np.split(np.array(kept), [len(files)])
            return np.split(places, np.cumsum(lengths)[:-1])
    found = None
    if with_key and columns != []:
        # Equal rows have equal keys, which are unique in most tables.
        if store:
            by_key = find_duplicates(table, compute, [])
            found = None if any(map(len, by_key)) else by_key
        elif not has_equal_keys(table):
            found = [np.empty(0, dtype=np.intp) for _ in files]
    if (
        found is None
        and store
        and _are_distinct(files, ids, compute, names, with_key, store)
    ):
        found = [np.empty(0, dtype=np.intp) for _ in files]
    if found is None:
        rounds = _rounds(table, compute, names, with_key, store)
        found = [np.sort(np.concatenate(of)) for of in zip(*rounds, strict=True)]
    if store:
        lengths = np.array(list(map(len, found)), dtype=np.intp)
        store.put_array(key, np.concatenate([lengths, *found]))
        if not any(map(len, found)):
            store.put(store.key("distinct", None, names, with_key), ids)
    return found


def _are_distinct(
    files: Sequence[Path],
    ids: Sequence[str],
    compute: Compute,
    columns: list[str] | None,
    with_key: bool,
    store: PartStore,
) -> bool:
    """Return whether there are no duplicate rows, if most parts are known to have none.

    Then only the rows of new parts are compared with all others.
    """
    known = {*(store.facts(store.key("distinct", None, columns, with_key)) or ())}
    new = {place for place, one in enumerate(ids) if one not in known}
    if len({*ids}) < len(ids) or len(new) > FEW * len(files):
        return False
    hashed = _sorted_hashes(files, compute, columns, with_key, store)
    fresh = np.concatenate([np.empty(0, np.uint64), *(hashed[place] for place in new)])
    fresh.sort(kind="stable")
    others = [one for place, one in enumerate(hashed) if place not in new]
    return not _has_equal(fresh) and not _share(fresh, others)


def _share(ordered: keys.Keys, others: Sequence[keys.Keys]) -> bool:
    """Return whether any of the other hashes is among sorted ones."""
    # A table of first bits rules out most hashes before the search.
    bits = min(MOST_BITS, (MARKS * len(ordered)).bit_length())
    known = np.zeros(1 << bits, dtype=bool)
    known[_first_bits(ordered, bits)] = True
    likely = (one[known[_first_bits(one, bits)]] for one in others)
    return any(len(keys.find_among(one, ordered)) for one in likely)


def _first_bits(hashes: keys.Keys, bits: int) -> Positions:
    return (hashes >> np.uint64(64 - bits)).view(np.int64)


def _has_equal(ordered: keys.Keys) -> bool:
    """Return whether sorted values have duplicates."""
    return bool((ordered[1:] == ordered[:-1]).any())


def has_equal_keys(table: Path) -> bool:
    """Return whether two rows of a table have the same key."""
    return _find_equal_keys(table, tuple(map(state_of_part, parts(table))))


@lru_cache(maxsize=4)
def _find_equal_keys(table: Path, _: tuple[State, ...]) -> bool:
    buckets = max(1, -(-count_rows(table) // BUCKET_ROWS))
    for bucket in range(buckets):
        found = []
        for number, part in enumerate(parts(table)):
            found.append(
                _hashes_in(True, bucket, buckets, number, read_part(part, []))[1]
            )
        hashes = np.concatenate(found)
        # Sorting takes a fifth of the time of finding which rows repeat.
        hashes.sort()
        if _has_equal(hashes):
            return True
    return False


def _rounds(
    table: Path,
    compute: Compute,
    columns: list[str] | None,
    with_key: bool,
    store: PartStore | None,
) -> Iterator[list[Positions]]:
    """Yield the repeated rows of each part that belong to a bucket, by their hashes."""
    buckets = max(1, -(-count_rows(table) // BUCKET_ROWS))
    if store is None:
        for bucket in range(buckets):
            work = partial(_hashes_in, with_key, bucket, buckets)
            yield _repeats(map_parts(work, table, compute, columns))
        return
    files = parts(table)
    hashed = _sorted_hashes(files, compute, columns, with_key, store)
    bounds = np.array([2**64 * b // buckets for b in range(1, buckets)], np.uint64)
    cuts = [[0, *np.searchsorted(one, bounds).tolist(), len(one)] for one in hashed]
    for bucket in range(buckets):
        inside = [
            one[ends[bucket] : ends[bucket + 1]]
            for one, ends in zip(hashed, cuts, strict=True)
        ]
        # Each is in order, so this merges them.
        ordered = np.sort(np.concatenate(inside), kind="stable")
        several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        yield _places_of(several, inside, files, compute, columns, with_key)


def _places_of(
    several: keys.Keys,
    inside: list[keys.Keys],
    files: Sequence[Path],
    compute: Compute,
    columns: list[str] | None,
    with_key: bool,
) -> list[Positions]:
    """Return, for each part, the positions of rows that repeat an earlier row.

    Args:
        several: Hashes that several rows have, sorted.
        inside: The hashes of each part that may be among them, sorted.
        files: The parts.
        compute: Backend and number of workers.
        columns: Columns that are hashed.
        with_key: Whether the row keys are as well.
    """
    places = [n for n, one in enumerate(inside) if len(keys.find_among(several, one))]
    work = PartReader(partial(_hashes_among, with_key, several))
    jobs = [(place, files[place], columns) for place in places]
    hashed = map_jobs(work, jobs, compute, files[0].parent.name)
    found = [np.array([], dtype=np.intp) for _ in files]
    for place, repeated in zip(places, _repeats(hashed) if hashed else [], strict=True):
        found[place] = repeated
    return found


def _sorted_hashes(
    files: Sequence[Path],
    compute: Compute,
    columns: list[str] | None,
    with_key: bool,
    store: PartStore,
) -> list[keys.Keys]:
    """Return the sorted hashes of the rows of each part."""
    names = [
        store.key("hashes", None, store.id_of(part), columns, with_key)
        for part in files
    ]
    found = [store.array(name) for name in names]
    left = [place for place, kept in enumerate(found) if kept is None]

    def keep(done: int, hashes: keys.Keys) -> None:
        name = names[left[done]]
        store.put_array(name, hashes)
        # From the disk, so that memory stays flat.
        kept = store.array(name)
        found[left[done]] = hashes if kept is None else kept

    work = PartReader(partial(_sorted, with_key))
    jobs = [(place, files[place], columns) for place in left]
    for _ in map_jobs(work, jobs, compute, files[0].parent.name, done=keep):
        pass
    return [one for one in found if one is not None]


def _sorted(with_key: bool, _: int, frame: pd.DataFrame) -> keys.Keys:
    return np.sort(_hashes(with_key, frame))


def _hashes_among(
    with_key: bool, wanted: keys.Keys, _: int, frame: pd.DataFrame
) -> tuple[Positions, keys.Keys]:
    """Return the positions and hashes of the rows with one of some hashes."""
    hashes = _hashes(with_key, frame)
    positions = keys.find_among(hashes, wanted)
    return positions, hashes[positions]


def _hashes_in(
    with_key: bool, bucket: int, buckets: int, _: int, frame: pd.DataFrame
) -> tuple[Positions, keys.Keys]:
    """Return the positions and hashes of the rows that belong to this bucket."""
    hashes = _hashes(with_key, frame)
    positions = np.flatnonzero(hashes % np.uint64(buckets) == bucket)
    return positions, hashes[positions]


def _repeats(hashed: list[tuple[Positions, keys.Keys]]) -> list[Positions]:
    """Keep the positions whose hash occurred before, in this or an earlier part."""
    hashes = np.concatenate([hashes for _, hashes in hashed])
    ordered = np.sort(hashes)
    if not _has_equal(ordered):
        return [positions[:0] for positions, _ in hashed]
    ends = np.cumsum([len(positions) for positions, _ in hashed])
    repeated = np.split(pd.Series(hashes).duplicated().to_numpy(), ends[:-1])
    return [p[r] for (p, _), r in zip(hashed, repeated, strict=True)]


def count_copies(table: Path, compute: Compute, columns: Sequence[str]) -> list[Counts]:
    """Return, for each part, how many earlier rows of the table equal each row.

    Rows count as equal if their keys and these columns are.

    Args:
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to compare besides the key.
    """
    hashed = map_parts(partial(_hashes_of, True), table, compute, columns)
    hashes = pd.Series(np.concatenate(hashed))
    earlier = hashes.groupby(hashes).cumcount().to_numpy(dtype=np.int64)
    return np.split(earlier, np.cumsum(list(map(len, hashed)))[:-1])


def _hashes_of(with_key: bool, _: int, frame: pd.DataFrame) -> keys.Keys:
    return _hashes(with_key, frame)


def _hashes(with_key: bool, frame: pd.DataFrame) -> keys.Keys:
    """Return the hashes of the rows of a part."""
    if with_key and not len(frame.columns):
        # Row keys are hashes.
        return frame.index.to_numpy(dtype=np.uint64)
    rows = frame.reset_index(drop=not with_key)
    return keys.hash_rows(rows, list(rows.columns))
