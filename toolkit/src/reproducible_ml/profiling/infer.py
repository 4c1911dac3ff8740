"""Infer the contract of a table: type, checks and use of each column."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.column_types import TypeCandidate, as_text, detect_type
from reproducible_ml.profiling.conventions import (
    name_words,
    table_conventions,
)
from reproducible_ml.profiling.described import HIDDEN
from reproducible_ml.profiling.distinct import text_bytes
from reproducible_ml.profiling.inferred import (
    HEADER,
    ColumnFinding,
    FindingFactory,
    Hints,
    InferredColumn,
)
from reproducible_ml.profiling.measurements import Measurements
from reproducible_ml.profiling.profile import Batches, ColumnProfile, profile_columns
from reproducible_ml.profiling.proposals import (
    ColumnProposal,
    TextSummary,
    exclude,
    inconsistent_spellings,
    propose_boolean_column,
    propose_date_column,
    propose_number_column,
    propose_text_column,
    summarise_texts,
)
from reproducible_ml.profiling.values import (
    check_values,
    exceeds_int64,
    is_skimmed_enough,
    measure_columns,
)
from reproducible_ml.quality.spellings import are_default_booleans, missing_spellings
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.raw import file_format
from reproducible_ml.reading.values import arrow_type, try_convert

NOTHING = Hints()

SAME = "Export all parts with the same columns."

LEAVE_OUT = "Remove it here, or export it in all parts."

# Texts that begin or end so name rows of totals, if they are fewer than this share.
TOTAL_WORDS = (
    r"(?:(?:grand |sub-?)?totals?|(?:zwischen|gesamt)?summe|gesamt|totale|totaal|suma"
    r"|total g.n.ral|celkem|\x{438}\x{442}\x{43E}\x{433}\x{43E})"
)
TOTAL = rf"(?i)^\s*{TOTAL_WORDS}(?:\s.{{0,30}}|:)?$|(?i)^.{{1,30}}\s{TOTAL_WORDS}\s*$"
FEW_TOTALS = 0.2

# Texts of ASCII that match have one of these, which is found sooner.
TOTALS = (b"total", b"totaal", b"summe", b"gesamt", b"suma", b"celkem")

# Among codes of two letters in so many rows, NA may be Namibia.
CODE, CODES = r"^\s*[A-Z]{2}\s*$", 0.95

# Words of names of columns in which NULL may be a name.
NAMES = {"name", "names", "surname", "lastname", "firstname", "nachname", "vorname"}

# A cell is far longer than others if it has so many times their characters; at most
# this share of the rows may be, or one.
LONGER, SHARE = 20, 0.002


def infer(
    files: Sequence[Path],
    read: Batches,
    hints: Hints = NOTHING,
    kept: KeptRows | None = None,
) -> dict[str, InferredColumn]:
    """Return the proposed declaration of each column, in the order of the first file.

    Results do not depend on the size of the batches. Files are read once, and again if
    a column has thousands of different values that are no plain numbers or dates.

    Args:
        files: Parts of the table, all with the same columns.
        read: Yields the rows of a file: texts as in the file, or typed values.
        hints: What the user knows.
        kept: Gets the rows, to be read again.
    """
    profiles = profile_columns(files, read, kept=kept)
    factories = {name: FindingFactory(files, name) for name in profiles}
    candidates = _candidates(profiles, hints, factories)
    measures = _measured(files, read, profiles, candidates)
    again = [
        name
        for name, profile in profiles.items()
        if not is_skimmed_enough(profile, measures.get(name))
    ]
    if again:
        profiles |= profile_columns(files, read, again)
        candidates = _candidates(profiles, hints, factories)
        measures = _measured(files, read, profiles, candidates)
    common = common_spellings(profiles, candidates)
    return {
        name: _inferred(
            profiles[name], found, measures.get(name), hints, common, factories[name]
        )
        for name, found in candidates.items()
    }


def _candidates(
    profiles: Mapping[str, ColumnProfile],
    hints: Hints,
    factories: Mapping[str, FindingFactory],
) -> dict[str, TypeCandidate]:
    """Return how to read each column."""
    numbers = {*hints.numbers}
    texts = {name: found for name, found in profiles.items() if name not in numbers}
    known = table_conventions(texts, hints)
    of_numbers = known._replace(decimal=".", decimal_from="the file")
    candidates = {
        # No findings about what the user declares to be text.
        name: as_text(found, factories[name])._replace(found=())
        if name in hints.text
        else detect_type(
            found, of_numbers if name in numbers else known, factories[name]
        )
        for name, found in profiles.items()
    }
    return {
        name: _target_draft(found, profiles[name], factories[name])
        if name == hints.target
        else found
        for name, found in candidates.items()
    }


def _measured(
    files: Sequence[Path],
    read: Batches,
    profiles: Mapping[str, ColumnProfile],
    candidates: Mapping[str, TypeCandidate],
) -> dict[str, Measurements]:
    """Return the measurements of numeric and date columns."""
    columns = {
        name: found.column
        for name, found in candidates.items()
        if found.kind in ("number", "date")
    }
    return measure_columns(files, read, profiles, columns)


def _target_draft(
    found: TypeCandidate, profile: ColumnProfile, make_finding: FindingFactory
) -> TypeCandidate:
    """Return a target of yes and no as text, so that its classes keep their names."""
    notes = found.column.metadata
    plain = are_default_booleans(notes.true, notes.false) and not found.found
    if found.kind == "boolean" and not plain:
        return as_text(profile, make_finding)
    return found


def _inferred(
    profile: ColumnProfile,
    found: TypeCandidate,
    measured: Measurements | None,
    hints: Hints,
    common: Collection[str],
    make_finding: FindingFactory,
) -> InferredColumn:
    if measured is not None and found.kind == "date" and measured.rows == 0:
        found, measured = _as_old_dates(profile, make_finding), None
    if measured is not None and (measured.rows == 0 or exceeds_int64(measured)):
        found, measured = _as_long_text(profile, measured, make_finding), None
    findings = list(found.found)
    if measured is not None:
        is_target = profile.name == hints.target
        found, more = check_values(
            found, measured, profile, is_target=is_target, make_finding=make_finding
        )
        findings += more
    missing = profile.absent + found.missing
    use, counts = _use(profile, found, measured, hints, full=missing == 0)
    if use.kind in ("category", "many categories", "boolean"):
        # Classes that differ in case or blanks are reported with the target.
        known = ("case", "blanks") if profile.name == hints.target else ()
        findings += inconsistent_spellings(profile, use.column, make_finding, known)
    column = use.column
    if column.nullable != (missing > 0):
        column = column.model_copy(update={"nullable": missing > 0})
    spelled = count_spellings(profile, found)
    evidence = use.evidence + _missing_shown(missing, spelled)
    findings += doubtful_spellings(profile, use, common, make_finding)
    if found.kind == "text":
        findings += totals(profile, make_finding)
        findings += hidden_characters(profile, make_finding)
        findings += far_longer(profile, make_finding)
    if profile.name == hints.target and found.kind == "empty":
        fix = "Check the export, or choose another target."
        findings.append(
            make_finding("reject", "empty target", "is missing in every row", fix)
        )
    findings += _absent(profile, make_finding)
    order = sorted(
        findings,
        key=lambda f: (make_finding.files.index(f.finding.file), f.record or 0),
    )
    rows = profile.rows
    return InferredColumn(
        column, use.kind, evidence, tuple(order), rows, missing, counts
    )


def _absent(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield the files that lack the column, or those that have it if they are fewer."""
    # In JSON, the key of a missing value may be absent.
    lacking = [
        n
        for n in sorted(profile.lacking)
        if file_format(make_finding.files[n]) != "json"
    ]
    exceptions, problem, fix = (
        lacking,
        "is not a column of this file, but of other parts",
        SAME,
    )
    if len(profile.holding) < len(lacking):
        others = f"{len(lacking)} other parts"
        exceptions = sorted(profile.holding)
        problem, fix = f"is a column of this file, but not of {others}", LEAVE_OUT
    for number in exceptions:
        file = make_finding.files[number]
        finding = Finding("columns", file, problem, fix, column=profile.name)
        yield ColumnFinding("reject", finding, HEADER)


def _as_long_text(
    profile: ColumnProfile, measured: Measurements, make_finding: FindingFactory
) -> TypeCandidate:
    text = as_text(profile, make_finding)
    if not exceeds_int64(measured):
        return text
    return text._replace(evidence="whole numbers beyond 64 bits")


def _as_old_dates(
    profile: ColumnProfile, make_finding: FindingFactory
) -> TypeCandidate:
    """Return dates as text of which none lies in the years that can be stored."""
    example = profile.seen.content.texts[0].as_py()
    problem = "is before 1678 or after 2261, as all other dates: the column is text"
    fix = "If a model shall use it, export the year as a number."
    rows = profile.present
    found = make_finding("warn", "date", problem, fix, example, rows, None)
    evidence = "dates before 1678 or after 2261"
    return as_text(profile, make_finding)._replace(evidence=evidence, found=(found,))


def _missing_shown(missing: int, spelled: Counter[str]) -> str:
    """Return the number of missing values, and how many are spelled as which text."""
    if not missing:
        return ""
    shown = ", ".join(
        f"{rows} as {quoted(text)}" for text, rows in spelled.most_common(5)
    )
    return f"; {missing} missing" + (f" ({shown})" if shown else "")


def _use(
    profile: ColumnProfile,
    found: TypeCandidate,
    measured: Measurements | None,
    hints: Hints,
    *,
    full: bool,
) -> tuple[ColumnProposal, dict[str, int]]:
    """Return how to declare a column, and the rows of each category."""
    name, column = profile.name, found.column
    if found.kind in ("empty", "unsupported"):
        return exclude(
            ColumnProposal(found.kind, column, found.evidence), "holds no values"
        ), {}
    listed = measured is None or name == hints.target
    known = summarise_texts(profile, column, found.missing, listed=listed)
    if found.kind == "boolean":
        use = propose_boolean_column(found, known, full=full)
    elif measured is None:
        use = propose_text_column(column, known, full=full, target=name == hints.target)
        note = f"{found.evidence}; " if found.evidence else ""
        use = use._replace(evidence=note + use.evidence)
        if found.found:
            # Mostly numbers or dates: no identifier of the rows.
            plain = use.column.model_copy(update={"unique": False})
            use = use._replace(column=plain)
    elif found.kind == "date":
        use = propose_date_column(found, known, measured, full=full)
    else:
        typed = "text" not in profile.families
        use = propose_number_column(
            name, found, known, measured, hints, full=full, typed=typed
        )
    return use, _class_rows(use.column, known)


def _class_rows(column: Column, known: TextSummary) -> dict[str, int]:
    """Return the rows of each category, by its text."""
    if column.dtype != "category" or known.counts is None:
        return {}
    values = known.counts.keys()
    if arrow_type(column) != pa.string():
        texts = pa.array(list(known.counts), pa.string())
        values = try_convert(texts, column)[0].to_pylist()
    rows = dict.fromkeys(map(str, column.isin or ()), 0)
    for value, count in zip(values, known.counts.values(), strict=True):
        # Other values are reported as such.
        if str(value) in rows:
            rows[str(value)] += count
    return rows


def count_spellings(profile: ColumnProfile, found: TypeCandidate) -> Counter[str]:
    """Return the rows of each text that is read as a missing value, but not empty."""
    among_text = found.column.dtype == "str"
    declared = missing_spellings(profile.blanks.rows, among_text=among_text)
    rows: Counter[str] = Counter(found.codes)
    for text in declared:
        rows[text.strip()] += profile.blanks.rows[text]
    rows.update(profile.spelled.rows)
    del rows[""]
    return rows


def common_spellings(
    profiles: Mapping[str, ColumnProfile], candidates: Mapping[str, TypeCandidate]
) -> set[str]:
    """Return the texts that mean "no value" in a column of numbers or dates."""
    return {
        text.strip()
        for name, profile in profiles.items()
        if candidates[name].kind not in ("text", "unsupported", "empty")
        for text in (*profile.spelled.rows, *profile.blanks.rows)
    }


def doubtful_spellings(
    profile: ColumnProfile,
    use: ColumnProposal,
    common: Collection[str],
    make_finding: FindingFactory,
) -> Iterator[ColumnFinding]:
    """Yield warnings about texts read as missing that may be values.

    Args:
        profile: The column.
        use: Its proposed declaration.
        common: Texts that mean "no value" elsewhere in the table.
        make_finding: Creates findings about the column.
    """
    if use.column.dtype not in ("category", "str"):
        return
    fix = "If it is a value, write it in another way in the source."
    if use.column.dtype == "category":
        fix = "If it is a value, add it to `isin` of the column in data/schema.yaml."
    for text in ("NA", "None", "NULL", "null"):
        rows = profile.spelled.rows.get(text)
        if not rows or (doubt := _doubt(text, profile, common)) is None:
            continue
        problem = f"is read as a missing value{doubt}"
        place = profile.spelled.places[text]
        yield make_finding("warn", "missing", problem, fix, text, rows, place)


def totals(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning about texts such as "Total North", which name sums of rows."""
    texts, rows, places = profile.seen.content
    content = text_bytes(texts).tobytes().lower()
    if content.isascii() and not any(word in content for word in TOTALS):
        return
    named = pc.match_substring_regex(texts, TOTAL)
    count = int(rows[named.to_numpy(zero_copy_only=False)].sum())
    if not 0 < count < FEW_TOTALS * int(rows.sum()):
        return
    first = pc.index(named, True).as_py()
    problem = "names a row that may be the sum of others"
    fix = "If it is, delete these rows in the source."
    value, place = texts[first].as_py(), int(places[first])
    yield make_finding("warn", "totals", problem, fix, value, count, place)


def hidden_characters(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if texts have characters that cannot be seen."""
    for text, place in list(profile.hidden.places.items())[:1]:
        found = re.search(re.sub(r"\\x\{(\w+)\}", _escaped, HIDDEN), text)
        assert found, "a text is counted for its hidden character"
        sign = min(found[0], key=lambda c: "!" <= c <= "~")
        name = unicodedata.name(sign, "a control character")
        problem = f"has a character that cannot be seen (U+{ord(sign):04X}, {name})"
        plain = re.sub(re.sub(r"\\x\{(\w+)\}", _escaped, HIDDEN), "", text)
        if plain in profile.seen.counts():
            problem += f"; without, it is {quoted(plain)}"
        fix = "Remove it in the export, unless it is meant."
        rows = sum(profile.hidden.rows.values())
        yield make_finding("warn", "hidden", problem, fix, text, rows, place)


def far_longer(
    profile: ColumnProfile, make_finding: FindingFactory
) -> Iterator[ColumnFinding]:
    """Yield a warning if few cells are far longer than all others."""
    lengths = sorted(profile.long, reverse=True)
    count = 0
    if not lengths:
        return
    for length, shorter in zip(lengths, [*lengths[1:], profile.usual], strict=True):
        count += profile.long[length][0]
        if count > max(1, SHARE * profile.present):
            return
        if 0 < shorter * LONGER <= length:
            longest = [profile.long[n] for n in lengths if n >= length]
            _, place, text = min(longest, key=lambda each: each[1])
            problem = f"has {length} characters, all others at most {shorter}"
            fix = "Check that no quote is missing there, and shorten it if it is wrong."
            yield make_finding("warn", "long", problem, fix, text, count, place)
            return


def _doubt(text: str, profile: ColumnProfile, common: Collection[str]) -> str | None:
    """Return why a text may be a value; None if it hardly is one."""
    texts, rows, _ = profile.seen.content
    if text == "NA":
        code = pc.match_substring_regex(texts, CODE)
        share = rows[code.to_numpy(zero_copy_only=False)].sum() / max(rows.sum(), 1)
        if share < CODES:
            return None
        return f", but may be a value as {quoted(texts[0].as_py())} is"
    if text in common:
        return None
    named = not NAMES.isdisjoint(name_words(profile.name))
    others = profile.absent - sum(
        n for t, n in profile.spelled.rows.items() if t.strip()
    )
    return "" if text == "None" or named or others else None


def _escaped(found: re.Match[str]) -> str:
    """Return a character of a regular expression of Arrow as Python writes it."""
    return f"\\U{int(found[1], 16):08x}"
