"""Compute the parts of tables, and values of parts, or take them from the store."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.core.part_store import current_store
from reproducible_ml.core.parts import PartReader, map_parts, part_file, parts

Result = TypeVar("Result")


def map_to_parts(
    function: Callable[..., Result],
    jobs: Iterable[tuple[Any, ...]],
    compute: Compute,
    targets: Sequence[Path],
    *facts: Any,
    pack: Callable[[Result], Any],
    unpack: Callable[[Any], Result],
) -> list[Result]:
    """Return `function(number, part, *more)` for each job; it writes a part of tables.

    A part of the same content is taken from the store of parts: see `part_store`.

    Args:
        function: As of `map_jobs`. It writes the part of this number of each target.
            All that it does depends on the content of the part, on `more` and `facts`,
            and on what the stage depends on.
        jobs: Its arguments: number, file of the part, and more.
        compute: Backend and number of workers.
        targets: Folders of the tables.
        facts: What the results depend on that is computed from other parts.
        pack: Returns a result as JSON.
        unpack: Returns it again.
    """
    listed = list(jobs)
    store = current_store(len(listed))
    name = targets[0].name
    if store is None:
        return map_jobs(function, listed, compute, name)
    kind = f"{function_name(function)} to {len(targets)} tables"
    keys_ = [
        store.key(kind, store.dependency_of(part), store.id_of(part), more, list(facts))
        for _, part, *more in listed
    ]
    files = [[part_file(target, job[0]) for target in targets] for job in listed]
    found = store.take_all(list(zip(keys_, files, strict=True)))
    left = [place for place, value in enumerate(found) if value is None]

    def keep(done: int, result: Result) -> None:
        place = left[done]
        store.put(keys_[place], {"is": pack(result)}, files[place])

    results = iter(
        map_jobs(function, [listed[p] for p in left], compute, name, done=keep)
    )
    return [next(results) if v is None else unpack(v["is"]) for v in found]


def function_name(function: Callable[..., Any]) -> str:
    """Return the name of a function, also of one with some arguments given."""
    while isinstance(function, partial | PartReader):
        function = function.func if isinstance(function, partial) else function.function
    return f"{function.__module__}.{function.__qualname__}"


def map_kept(
    function: Callable[[int, pd.DataFrame], Result],
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None,
    *facts: Any,
    pack: Callable[[Result], Any],
    unpack: Callable[[Any], Result],
) -> list[Result]:
    """Return what `map_parts` does; results for parts of the same content are kept.

    Args:
        function: As of `map_parts`, in the library; it does not depend on its number.
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to read, besides the index; None for all.
        facts: What the result depends on besides the part.
        pack: Returns a result as JSON.
        unpack: Returns it again.
    """
    files = parts(table)
    store = current_store(len(files))
    if store is None:
        return map_parts(function, table, compute, columns)
    name = function_name(function)
    keys_ = [store.key(name, None, store.id_of(p), columns, list(facts)) for p in files]
    found = [store.take(key) for key in keys_]
    left = [place for place, value in enumerate(found) if value is None]
    jobs = [(place, files[place], columns) for place in left]
    results = map_jobs(PartReader(function), jobs, compute, table.name)
    for place, result in zip(left, results, strict=True):
        store.put(keys_[place], {"is": pack(result)})
    computed = iter(results)
    return [next(computed) if v is None else unpack(v["is"]) for v in found]
