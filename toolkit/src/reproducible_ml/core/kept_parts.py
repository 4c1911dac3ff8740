"""Compute the parts of tables, and values of parts, or take them from the store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from reproducible_ml.core.hashing import hash_value
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
    pack: Callable[[Result], Any],
    unpack: Callable[[Any], Result],
) -> list[Result]:
    """Return `function(number, part, *more)` for each job; it writes a part of tables.

    A part of the same content is taken from the store of parts: see `part_store`.

    Args:
        function: As of `map_jobs`; with arguments that are the same for all parts, it
            is a `partial`. It writes the part of this number of each target. All that
            it does depends on its arguments, on the content of the part, and on what
            the stage depends on.
        jobs: Its arguments: number, file of the part, and more.
        compute: Backend and number of workers.
        targets: Folders of the tables.
        pack: Returns a result as JSON.
        unpack: Returns it again.
    """
    listed = list(jobs)
    store = current_store(len(listed))
    name = targets[0].name
    if store is None:
        return map_jobs(function, listed, compute, name)
    # Where tables are written does not matter.
    names = {t: f"table {n}" for n, t in enumerate(targets)}
    facts = hash_value(described(function, names))
    keys_ = [
        store.key("part", store.dependency_of(part), store.id_of(part), more, facts)
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


def described(function: Any, names: Mapping[Any, str]) -> Any:
    """Return the name of a function and the arguments that it was given, for a key.

    Args:
        function: A function of a module, or a `partial` of one.
        names: What stands for some arguments.
    """
    if isinstance(function, PartReader):
        return ["each part", described(function.function, names)]
    if not isinstance(function, partial):
        return function
    given = [*enumerate(function.args), *sorted(function.keywords.items())]
    arguments = [[n, names.get(v, v) if isinstance(v, Path) else v] for n, v in given]
    return [described(function.func, names), arguments]


def map_kept(
    function: Callable[[int, pd.DataFrame], Result],
    table: Path,
    compute: Compute,
    columns: Sequence[str] | None,
    pack: Callable[[Result], Any],
    unpack: Callable[[Any], Result],
) -> list[Result]:
    """Return what `map_parts` does; results for parts of the same content are kept.

    Args:
        function: As of `map_parts`, in the library; it does not depend on its number.
        table: Folder of parts.
        compute: Backend and number of workers.
        columns: Columns to read, besides the index; None for all.
        pack: Returns a result as JSON.
        unpack: Returns it again.
    """
    files = parts(table)
    store = current_store(len(files))
    if store is None:
        return map_parts(function, table, compute, columns)
    facts = hash_value([described(function, {}), columns])
    keys_ = [store.key("value", None, store.id_of(part), facts) for part in files]
    found = [store.take(key) for key in keys_]
    left = [place for place, value in enumerate(found) if value is None]
    jobs = [(place, files[place], columns) for place in left]
    results = map_jobs(PartReader(function), jobs, compute, table.name)
    for place, result in zip(left, results, strict=True):
        store.put(keys_[place], {"is": pack(result)})
    computed = iter(results)
    return [next(computed) if v is None else unpack(v["is"]) for v in found]
