"""The data dictionary, docs/data/dictionary.md: what each column means and holds.

It is made from files in Git alone, the contract and the reports of the last run, so
that it can be checked in a clone without data.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reproducible_ml.card.markdown import code, document, plain, table
from reproducible_ml.contract.schema import Column, Contract, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS, write_text
from reproducible_ml.core.params import load_section
from reproducible_ml.core.project import CONTRACT
from reproducible_ml.exploration.figures import in_digits, mean_and_spread
from reproducible_ml.exploration.profile import Roles, roles_of

Json = Mapping[str, Any]

DICTIONARY = Path("docs/data/dictionary.md")
PROFILE = Path("reports/profile.json")
VALIDATION = Path("reports/validation.json")

# What the file is made from, as messages name it.
SOURCES = "data/schema.yaml, params.yaml, data/catalog.yaml and reports/"

# Values and names that are listed, the rest is counted.
VALUES, NAMED, FREQUENT = 12, 20, 3

WORDS = {
    "float64": "number",
    "int64": "whole number",
    "Int64": "whole number",
    "bool": "true or false",
    "boolean": "true or false",
    "category": "category",
    "str": "text",
    "datetime64[ns]": "date",
}

LIMITS = {
    "greater_than": "above {}",
    "greater_than_or_equal_to": "from {}",
    "less_than": "below {}",
    "less_than_or_equal_to": "up to {}",
}

NOTE = (
    "<!-- `rml dictionary` and `make repro` write this file: edit data/schema.yaml. -->"
)


def make_dictionary(root: Path) -> str:
    """Return the text of the dictionary.

    Args:
        root: Of the repository.

    Raises:
        UserError: The contract, params.yaml or the catalog is not valid.
    """
    data = load_section(Data, root / PARAMS)
    contract = load_contract(root / CONTRACT, data)
    roles = roles_of(data, contract, root)
    counted = _report(root / PROFILE).get("columns") or {}
    validation = _report(root / VALIDATION)
    lacking = undescribed(contract)
    rows = validation.get("rows")
    known = f"{rows:,} rows" if isinstance(rows, int) else "A table not validated yet"
    about = f"{known}, {len(contract.columns):,} columns. Target: {code(data.target)}."
    header = ["column", "meaning", "holds", "use", "allowed", "missing", "distribution"]
    has_unit = any(_unit(column) for column in contract.columns.values())
    if has_unit:
        header.insert(3, "unit")
    body = []
    for name, column in contract.columns.items():
        found = counted.get(name)
        found = found if isinstance(found, dict) else {}
        cells = [
            code(name),
            plain(_meaning(column)) or "(not described yet)",
            WORDS[column.dtype],
            _use(name, column, contract, data, roles),
            _allowed(column),
            _missing(name, found, validation),
            _distribution(found, hidden=name in roles.hidden) or "-",
        ]
        if has_unit:
            cells.insert(3, code(_unit(column)) if _unit(column) else "-")
        body.append(cells)
    return document(
        f"# {plain(_title(contract))}",
        NOTE,
        plain(contract.description or ""),
        about,
        _complaint(lacking),
        table(header, body),
        _EXPLAINED if counted else _WITHOUT_RESULTS,
    )


_EXPLAINED = (
    "*Distribution*: of numbers, dates, and lengths of texts, mean ± standard deviation"
    " and between which two values nine tenths of the rows lie; of categories, the most"
    " frequent. Columns that no model uses have none."
)
_WITHOUT_RESULTS = (
    "Missing values and distributions are not known yet: `make repro` adds them."
)


def _title(contract: Contract) -> str:
    name = contract.title or contract.name
    return f"Data dictionary: {name}" if name else "Data dictionary"


def _report(path: Path) -> Json:
    """Return the content of a report; nothing if it is missing or damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def undescribed(contract: Contract) -> list[str]:
    """Return the columns that say nothing of their meaning."""
    return [name for name, column in contract.columns.items() if not _meaning(column)]


def _meaning(column: Column) -> str:
    words = (column.title, column.description)
    return ": ".join(word.strip() for word in words if word and word.strip())


def _complaint(lacking: Sequence[str]) -> str:
    if not lacking:
        return ""
    names = ", ".join(map(code, lacking[:NAMED]))
    more = f" and {len(lacking) - NAMED:,} more" if len(lacking) > NAMED else ""
    columns = "column has" if len(lacking) == 1 else "columns have"
    return (
        f"**{len(lacking):,} {columns} no description yet:** {names}{more}. Write what"
        " they mean as `description:` in data/schema.yaml, then run `rml dictionary`."
    )


def _unit(column: Column) -> str:
    """Return what stands before or after a number in the raw file."""
    notes = column.metadata
    return f"{notes.prefix} {notes.suffix}".strip()


def _use(
    name: str, column: Column, contract: Contract, data: Data, roles: Roles
) -> str:
    said = [role for role in ("target", "group", "time") if getattr(data, role) == name]
    said += ["identifies a row"] if name in data.id else []
    if not said or name in contract.features(data):
        words = column.treatment.replace("_", " ")
        reason = column.metadata.reason
        excluded = f"excluded: {plain(reason)}" if reason else "excluded"
        said.append(excluded if column.treatment == "exclude" else words)
    said += ["personal"] if name in roles.personal else []
    return ", ".join(said)


def _allowed(column: Column) -> str:
    found = [*_checks(column)]
    found += ["each value once"] if column.unique else []
    return "; ".join(found) or "any"


def _checks(column: Column) -> Iterator[str]:
    if column.isin is not None:
        yield _values(column.isin)
    if column.notin is not None:
        yield f"not {_values(column.notin)}"
    if bounds := column.in_range:
        low, high = _number(bounds.min_value), _number(bounds.max_value)
        ends = "" if bounds.include_min and bounds.include_max else ", without an end"
        yield f"{low} to {high}{ends}"
    for name, words in LIMITS.items():
        if (limit := getattr(column, name)) is not None:
            yield words.format(_number(limit))
    if length := column.str_length:
        least = f"at least {length.min_value:,}" if length.min_value else ""
        most = f"at most {length.max_value:,}" if length.max_value is not None else ""
        words = ", ".join(filter(None, (least, most)))
        yield f"{words} characters" if words else ""
    if column.str_matches:
        yield f"matches {code(column.str_matches)}"


def _values(values: Sequence[Any]) -> str:
    shown = ", ".join(code(value, 30) for value in values[:VALUES])
    more = len(values) - VALUES
    return f"{shown} and {more:,} more" if more > 0 else shown


def _number(value: Any) -> str:
    if isinstance(value, float):
        return (
            f"{int(value):,}"
            if value.is_integer() and abs(value) < 1e9
            else f"{value:g}"
        )
    return f"{value:,}" if isinstance(value, int) else str(value)


def _missing(name: str, found: Json, validation: Json) -> str:
    rows = validation.get("rows")
    if not isinstance(rows, int) or not rows:
        return "-"
    lacking = validation.get("missing")
    if not isinstance(lacking, dict):
        lacking = {name: found.get("missing", 0)}
    share = lacking.get(name, 0) / rows
    return "0" if not share else "< 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"


def _distribution(found: Json, *, hidden: bool) -> str:
    """Return a few words on the values of a column, from the bins of `validate`."""
    kind, bins, counts = found.get("kind"), found.get("bins"), found.get("counts")
    if not bins or not counts:
        return ""
    if kind == "values":
        return "" if hidden else _frequent(bins, counts)
    if kind == "hashes":
        return "codes"
    parts = []
    if found.get("mean") is not None and found.get("sd") is not None:
        what = "length " if kind == "lengths" else ""
        parts.append(f"{what}{mean_and_spread(found['mean'], found['sd'])}")
    if len(bins) > 2:
        # The first bound may only tell the least value from what is below it.
        low = bins[1] if counts[0] == 0 else bins[0]
        high = bins[-1]
        if kind == "dates":
            ends = [str(end)[:10] for end in (low, high)]
        else:
            ends = [in_digits(end, high / 2 - low / 2, 4) for end in (low, high)]
        parts.append(f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else ends[0])
    return "; ".join(parts)


def _frequent(bins: Sequence[Any], counts: Sequence[int]) -> str:
    total = sum(counts)
    pairs = sorted(zip(bins, counts, strict=False), key=lambda pair: -pair[1])
    shown = [f"{code(v, 24)} {n / total:.0%}" for v, n in pairs[:FREQUENT] if n]
    more = len([n for _, n in pairs if n]) - len(shown)
    words = ", ".join(shown).replace("%", " %")
    return f"{words} and {more} more" if more > 0 else words


def write_dictionary(root: Path) -> bool:
    """Write the dictionary if it is not up to date; return whether it was written.

    Raises:
        UserError: The contract, params.yaml or the catalog is not valid.
    """
    text = make_dictionary(root)
    if _present(root) == text:
        return False
    write_text(text, root / DICTIONARY)
    return True


def check_dictionary(root: Path) -> list[str]:
    """Return warnings about columns without a description.

    Raises:
        UserError: The dictionary is not up to date.
    """
    present = _present(root)
    if present is None and not (root / VALIDATION).is_file():
        # As in a new project: `make repro` writes it.
        return []
    if present != make_dictionary(root):
        state = "does not exist" if present is None else f"is not what {SOURCES} say"
        raise UserError(f"{DICTIONARY}: {state}. Fix: rml dictionary")
    return describe_undescribed(root)


def describe_undescribed(root: Path) -> list[str]:
    """Return a line on the columns without a description, if there are any."""
    contract = load_contract(root / CONTRACT, load_section(Data, root / PARAMS))
    lacking = undescribed(contract)
    if not lacking:
        return []
    shown = ", ".join(f'"{name}"' for name in lacking[:NAMED])
    more = f" and {len(lacking) - NAMED:,} more" if len(lacking) > NAMED else ""
    return [
        f"{CONTRACT}: {len(lacking):,} of {len(contract.columns):,} columns have no"
        f" description: {shown}{more}. Fix: write `description:` there, then run `rml"
        " dictionary`"
    ]


def _present(root: Path) -> str | None:
    path = root / DICTIONARY
    # Whatever the line ends are: Git may write those of Windows.
    return path.read_text("utf-8", "replace") if path.is_file() else None


def run_dictionary(root: Path, *, check: bool) -> None:
    """Write the dictionary, or only check it; print what is missing.

    Raises:
        UserError: It is to be checked, and is not up to date.
    """
    if check:
        warnings = check_dictionary(root)
        state = (
            "is up to date" if (root / DICTIONARY).is_file() else "does not exist yet"
        )
    else:
        state = "written" if write_dictionary(root) else "is up to date"
        warnings = describe_undescribed(root)
    for line in warnings:
        sys.stderr.write(f"warning: {line}\n")
    sys.stdout.write(f"{DICTIONARY}: {state}\n")
