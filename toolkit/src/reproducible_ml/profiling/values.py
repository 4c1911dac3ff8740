"""Measure and check the values of columns: extremes, invalid texts, missing codes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling import dates
from reproducible_ml.profiling.column_types import MISTAKES, TypeCandidate
from reproducible_ml.profiling.distinct import FirstTexts, occurrences
from reproducible_ml.profiling.inferred import FIX, ColumnFinding, FindingFactory
from reproducible_ml.profiling.measurements import Measurements, is_plain
from reproducible_ml.profiling.profile import (
    SHORT,
    Batches,
    ColumnProfile,
    as_texts,
    pool_batches,
)
from reproducible_ml.quality.columns import CODE_ROWS, CODE_SHARE, FAR
from reproducible_ml.quality.diagnose import COMMON, MORE
from reproducible_ml.reading.values import SERIAL, try_convert

# A number of nines above all others may be the cap of a field, as 99999 above 41310: it
# is no code unless it has more digits, or lies so many times their range beyond them.
# It is none at all among amounts, most of which are the same (zero).
FAR_CAP, SAME = 5, 0.5

# -1 is a number like others unless all others are this large.
FAR_FROM_MINUS_ONE = 10

# Dates of ISO 8601 before the years that can be stored.
OLD = re.compile(r"(0[0-9]{3}|1[0-5][0-9]{2}|16[0-6][0-9]|167[0-7])-")

CODE = re.compile(r"\s*-?9{2,}(\.0*)?\s*")

# Dates that databases write for missing ones.
NO_DATE = re.compile(
    r"9999-12-31.*|31\D12\D9999.*|12\D31\D9999.*|0000-00-00.*|00\D00\D0000.*"
    r"|0001-01-01.*|99991231|00000000"
)

# Whole numbers of so many digits do not fit into a float, which holds about 16.
MANY_DIGITS, DIGITS = 17, r"^[-+]?[1-9][0-9]{16,}(\.[0-9]*)?$"


def measure_columns(
    files: Sequence[Path],
    read: Batches,
    profiles: Mapping[str, ColumnProfile],
    columns: Mapping[str, Column],
) -> dict[str, Measurements]:
    """Return the measurements of these columns.

    Files are read again only if a column has more different texts than its profile has,
    and was not measured while it was profiled.
    """
    measures = {}
    open_names = []
    # Columns of one kind are converted together.
    alike: dict[Column, list[str]] = {}
    for name, column in columns.items():
        found = _drafted(profiles[name], column)
        measures[name] = found or Measurements(column)
        if profiles[name].seen.complete:
            alike.setdefault(column, []).append(name)
        elif not found:
            open_names.append(name)
    for column, names in alike.items():
        parts = [profiles[name].seen.content for name in names]
        texts = pa.concat_arrays([part.texts for part in parts])
        values, bad = try_convert(texts, column)
        plain = is_plain(values, bad)
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        start = 0
        for name, part in zip(names, parts, strict=True):
            rows = len(part.texts)
            own = values.slice(start, rows)
            if plain:
                measures[name].add_values(own, part)
            else:
                measures[name].add_converted(own, bad.slice(start, rows), part)
            start += rows
    if open_names:
        with ThreadPoolExecutor() as pool:
            for place, batch in pool_batches(files, read):
                names = [name for name in open_names if name in batch.schema.names]
                work = [(measures[name], batch[name], place) for name in names]
                list((pool.map if batch.num_rows > SHORT else map)(_add, work))
    return measures


def is_skimmed_enough(profile: ColumnProfile, found: Measurements | None) -> bool:
    """Return whether the profile has what is reported of a column with this type.

    Args:
        profile: Its profile.
        found: Its measurements; None if it does not hold numbers or dates.
    """
    if not profile.skimmed:
        return True
    if found is None or found is not profile.draft or exceeds_int64(found):
        return False
    # Whether these are codes depends on how frequent the other numbers are.
    caps = [code for code in found.codes if code > 0]
    return not any(is_missing_code(code, found, profile.rows) for code in caps)


def is_missing_code(code: int, found: Measurements, rows: int, common: int = 0) -> bool:
    """Return whether a number is a code for "no value": it repeats, far from others.

    Args:
        code: The number.
        found: What else the column holds.
        rows: Number of rows.
        common: Rows of the most common value besides codes.
    """
    count = found.codes[code]
    low, high = found.low, found.high
    if low is None or high is None or low == high:
        return False
    if count < CODE_ROWS or count < CODE_SHARE * rows:
        return False
    if code == -1:
        return low >= FAR_FROM_MINUS_ONE
    far = (low - code if code < 0 else code - high) / (high - low)
    if code < 0:
        return far >= FAR or low >= 0
    longer = code > 10 ** len(str(int(abs(high)))) - 1
    return far >= (FAR if longer else FAR_CAP) and common < SAME * found.rows


def exceeds_int64(found: Measurements) -> bool:
    """Return whether many whole numbers, not only mistakes, do not fit into 64 bits."""
    if found.column.dtype != "Int64":
        return False
    if found.wrong <= max(1, MISTAKES * (found.rows + found.wrong)):
        return False
    return any(map(_is_long, found.misfits.content.texts.to_pylist()))


def check_values(
    candidate: TypeCandidate,
    found: Measurements,
    profile: ColumnProfile,
    *,
    is_target: bool,
    make_finding: FindingFactory,
) -> tuple[TypeCandidate, list[ColumnFinding]]:
    """Return the candidate with its codes for "no value" declared, and the findings.

    A target keeps its codes, about which `check_quality` warns: the user decides.
    """
    findings: list[ColumnFinding] = []
    missing = dict[str, int]()
    known: list[int] = []
    for code in [] if is_target else sorted(found.codes):
        if is_missing_code(code, found, profile.rows, _most_common(profile)):
            findings.append(_code(code, found, make_finding))
            missing |= found.spelled[code]
            del found.codes[code]
            known.append(code)
    if candidate.kind == "number":
        outliers, beyond = _outliers(found, known, make_finding, is_target=is_target)
        findings += outliers
        missing |= beyond
    texts, rows, places = _listed(found.misfits)
    for text, count, place in zip(texts, rows, places, strict=True):
        if candidate.kind == "date" and NO_DATE.fullmatch(text.strip()):
            missing[text.strip()] = missing.get(text.strip(), 0) + count
            findings.append(_no_date(text, count, place, make_finding))
        else:
            findings.append(_misfit(candidate, text, count, place, make_finding))
    findings += _more_misfits(found, make_finding)
    findings += _infinite(found, make_finding)
    findings += _rounded(candidate, profile, make_finding)
    column = candidate.column
    spelled = tuple(sorted({*column.metadata.missing, *missing}))
    if spelled != column.metadata.missing:
        notes: ColumnMetadata = column.metadata.model_copy(update={"missing": spelled})
        column = column.model_copy(update={"metadata": notes})
    total = candidate.missing + sum(missing.values())
    candidate = candidate._replace(column=column, missing=total, codes=missing)
    return candidate, findings


def _drafted(profile: ColumnProfile, column: Column) -> Measurements | None:
    """Return the measurements of the profile, if they are those of this column."""
    draft = profile.draft
    if draft is None:
        return None
    plain = column.metadata.model_copy(update={"missing": ()})
    if draft.column != column.model_copy(update={"metadata": plain}):
        return None
    return draft


def _most_common(profile: ColumnProfile) -> int:
    """Return the rows of the most common value that is no code of nines."""
    texts, rows, _ = profile.seen.content
    for place in np.argsort(-rows):
        if not CODE.fullmatch(texts[place].as_py()):
            return int(rows[place])
    return 0


def _add(work: tuple[Measurements, pa.Array, int]) -> None:
    measured, values, place = work
    measured.add(occurrences(as_texts(values), place))


def _is_long(text: str) -> bool:
    """Return whether this is a whole number that 64 bits do not hold."""
    digits = re.sub("[^0-9]", "", text)
    return len(digits) >= 19 and not re.search("[A-Za-z]", text)


def _listed(seen: FirstTexts) -> tuple[list[str], list[int], list[int]]:
    texts, rows, places = seen.content
    return texts.to_pylist(), rows.tolist(), places.tolist()


def _code(
    code: int, found: Measurements, make_finding: FindingFactory
) -> ColumnFinding:
    rows, places = found.codes[code], found.code_places[code]
    low, high = found.low, found.high
    problem = f"is far from all other values ({low} to {high})"
    problem += ", so it is read as a missing value"
    fix = "If it is a value, remove it from `missing` in data/schema.yaml."
    text = next(iter(found.spelled[code]))
    return make_finding("warn", "code", problem, fix, text, rows, places)


def _no_date(
    text: str, rows: int, place: int, make_finding: FindingFactory
) -> ColumnFinding:
    problem = "is not a date that can be stored, so it is read as a missing value"
    fix = "If there is no date, leave it empty in the export."
    return make_finding("warn", "code", problem, fix, text, rows, place)


def _outliers(
    found: Measurements,
    known: Sequence[int],
    make_finding: FindingFactory,
    *,
    is_target: bool,
) -> tuple[list[ColumnFinding], dict[str, int]]:
    """Return findings about values far beyond all others, and texts to read as missing.

    They no longer count for the extremes, unless it is the target: its values stay.
    """
    beyond = found.ends.far_beyond(found.rows, known)
    if not beyond:
        return [], {}
    low, high = found.ends.without({*beyond, *known})
    times = min(map(abs, beyond)) / max(abs(low), abs(high))
    first = min(beyond.values(), key=lambda each: each.place)
    problem = f"is {times:,.0f} times as large as all other values ({low} to {high})"
    fix = "Correct it in the source, or remove the row there, unless it is right."
    if not is_target:
        problem += ", so it is read as a missing value"
        fix = (
            "Correct it in the source. If it is a value, remove it from `missing` in"
            " data/schema.yaml, and widen in_range."
        )
        found.low, found.high = low, high
        found.codes = {n: rows for n, rows in found.codes.items() if n not in beyond}
    rows = sum(each.rows for each in beyond.values())
    finding = make_finding(
        "warn", "outlier", problem, fix, first.text, rows, first.place
    )
    texts = {each.text: each.rows for each in beyond.values()}
    return [finding], {} if is_target else texts


def _more_misfits(
    found: Measurements, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a finding about the texts beyond those listed."""
    rows = found.wrong - int(found.misfits.content.rows.sum())
    if rows:
        yield make_finding("reject", "more", MORE, COMMON, None, rows, found.unnamed)


def _misfit(
    candidate: TypeCandidate,
    text: str,
    rows: int,
    place: int,
    make_finding: FindingFactory,
) -> ColumnFinding:
    """Return why a text is not a number, or not a date."""
    if candidate.kind == "number":
        noun = "a whole number" if candidate.column.dtype == "Int64" else "a number"
        if candidate.column.dtype == "Int64" and _is_long(text):
            noun += " of 64 bits"
        return make_finding(
            "reject", "number", f"is not {noun}", FIX, text, rows, place
        )
    form = candidate.column.metadata.format
    if dates.has_date_format(text.strip(), form):
        problem = "is a date that does not exist, or before 1678 or after 2261"
        problem += f", read as {form}" if form else ""
        fix = "Correct the date in the export, or leave it empty."
        if OLD.match(text.strip()):
            fix = f"{fix[:-1]}; if it is right, export the year as a number instead."
        return make_finding("reject", "date", problem, fix, text, rows, place)
    shown = form or "2026-01-31 or 2026-01-31 23:59:59"
    problem = f"is not a date like {shown}"
    if re.fullmatch(SERIAL, text):
        problem += ", but may be the number of a day in a spreadsheet"
    return make_finding("reject", "date", problem, FIX, text, rows, place)


def _infinite(
    found: Measurements, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    for text, rows, place in zip(*_listed(found.infinite), strict=True):
        fix = "Correct the export, or leave the value empty."
        yield make_finding(
            "reject", "infinite", "is not finite", fix, text, rows, place
        )


def _rounded(
    candidate: TypeCandidate, profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if a number has more digits than a float holds."""
    if candidate.column.dtype != "float64" or "text" not in profile.families:
        return
    if profile.longest < MANY_DIGITS:
        return
    texts, rows, places = profile.seen.content
    long = pc.indices_nonzero(pc.match_substring_regex(texts, DIGITS)).to_pylist()
    if long:
        first = long[0]
        problem = "has more digits than a float holds: it is rounded"
        fix = "Export whole numbers without decimals, or the column as text."
        text, place = texts[first].as_py(), int(places[first])
        count = int(sum(rows[i] for i in long))
        yield make_finding("warn", "rounding", problem, fix, text, count, place)
