"""Report texts that are not what they seem: no values, hidden signs, huge cells."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import pyarrow.compute as pc

from reproducible_ml.contract.findings import quoted
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.conventions import name_words
from reproducible_ml.profiling.described import HIDDEN
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.profile import ColumnProfile
from reproducible_ml.profiling.texts import ColumnProposal
from reproducible_ml.quality.spellings import missing_spellings

# Among codes of two letters in so many rows, NA may be Namibia.
CODE, CODES = r"^\s*[A-Z]{2}\s*$", 0.95

# Words of names of columns in which NULL may be a name.
NAMES = {"name", "names", "surname", "lastname", "firstname", "nachname", "vorname"}

# A cell is far longer than others if it has so many times their characters; at most
# this share of the rows may be, or one.
LONGER, SHARE = 20, 0.002


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
