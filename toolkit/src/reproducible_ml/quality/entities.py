"""Find columns that name entities with several rows each, and numbers that are codes.

Rows of one entity are alike. If some are in the training and some in the test set, the
metrics say how well the model knows these entities, not how it predicts for others.

Numbers of shops or of people are whole numbers like ages. What tells them apart is that
neighbouring ages have like targets, and neighbouring codes have not.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.contract.findings import Finding, of_sample, quoted
from reproducible_ml.contract.schema import Column, Contract, Data
from reproducible_ml.core import keys
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, parts
from reproducible_ml.quality.leaks import (
    SHORT,
    Codes,
    Floats,
    as_numbers,
    is_determined_by,
)

# Rows that share their entity with an earlier row, as a share of all.
SAME_ENTITY = 0.1

# Fewer values are categories, not entities; fewer than CODES even if they are codes.
VALUES, CODES = 10, 5

# Rows of an entity, on average, if it is recognised by how much they are alike.
ROWS_EACH = (2, 50)

# Classes of the target that are looked at.
CLASSES = 20

# Intraclass correlation of the target: so much alone, or with most of the numbers; and
# that of a number which is alike within an entity.
TARGET, TARGET_TOO, NUMBER = 0.8, 0.3, 0.5

# Chance of that if the values meant nothing, divided by the number of columns.
CHANCE = 1e-6

# Correlation of the mean target of neighbouring numbers: those of a quantity are alike.
QUANTITY = 0.3

KEY = re.compile(r"(?:^|[_\W])(?i:id|uuid|guid)$|[a-z](?:Id|ID|Uuid|UUID)$")
IDENTIFIER = re.compile(r"identif", re.IGNORECASE)

# Who or what rows belong to, without accents, in the languages of most tables. They are
# singular: "visitors" is a number of them.
NOUNS = """
    account animal applicant athlete borrower candidate cardholder client customer
    device donor employee guest household learner machine member participant passenger
    patient person player policyholder proband pupil respondent sensor session speaker
    specimen student subject teacher tenant user vehicle visitor volunteer worker
    acct cust email iban imei imsi mrn msisdn subj usubj
    abonne adherent appareil assure capteur compte eleve employe etudiant foyer membre
    menage patiente personne salarie sujet usager utilisateur vehicule
    benutzer bewohner fahrzeug geraet gerat haushalt konto kunde kundin lehrer maschine
    mitarbeiter mitglied nutzer patientin schueler schuler teilnehmer versicherter
    aluno alumno cliente dispositivo empleado estudante estudiante funcionario hogar
    maquina membro miembro paciente participante persona pessoa socio sujeto trabajador
    usuario utilizador vehiculo veiculo
    alunno dipendente macchina partecipante paziente soggetto studente utente veicolo
    apparaat deelnemer gebruiker klant leerling medewerker voertuig werknemer
    klient pacient pacjent pracownik uczen urzadzenie uzivatel uzytkownik zakaznik
    anvandare bruker bruger kund medarbejder medarbetare pasient
    cihaz kullanici musteri ogrenci
    клиент пациент покупатель пользователь сотрудник студент ученик устроиство участник
"""

# First parts of German and Dutch compounds, as in Kundennummer.
STEMS = """
    geraete gerate klanten kunden mitglieder mitglieds patienten personen probanden
    schuler teilnehmer versicherten
"""
NUMBER_WORDS = (
    "id|no|nr|num|number|nummer|numero|numer|code|kode|kod|cod|codigo|codice|key|name"
    "|nom|nombre|nome|naam|ref|номер|код"
)

# Letters with a mark that Unicode does not divide from them.
UNDIVIDED = str.maketrans("ıłøđ", "ilod")

# Languages without blanks between words.
UNSPACED = (
    "患者|病人|病患|客户|顾客|顧客|用户|用戶|会员|會員|会員|学生|學生|生徒|员工|員工|社員"
    "|设备|設備|端末|ユーザ|利用者|被験者|환자|고객|사용자|회원|학생|직원|기기"
)
WHOSE = re.compile(
    rf"(?:^|[_\W])(?:(?:{'|'.join(NOUNS.split())})(?:[_\W]?(?:{NUMBER_WORDS}))?"
    rf"|(?:{'|'.join(STEMS.split())})[_\W]?(?:{NUMBER_WORDS}))\W*$|{UNSPACED}",
    re.IGNORECASE,
)

NUMBER_CODE = "number code"

# Values, and rows for each, that are needed to tell codes from quantities. With very
# many rows, the target depends on every quantity in some odd way.
CODE_VALUES, CODE_ROWS_EACH = 50, (4, 500)

# Share of the variance between the mean targets of the values that is no chance. The
# correlation of neighbours is about as high for a quantity, and lower for codes: below
# this part of it, by so many standard errors.
RELIABLE, ALIKE, ERRORS = 0.2, 1 / 4, 5


class Likeness(NamedTuple):
    """How much the rows with the same value of a column are alike.

    Attributes:
        correlation: Intraclass correlation, 0 by chance and 1 if they are the same.
        chance: Probability of that, or more, if the values meant nothing.
    """

    correlation: float
    chance: float


def names_entities(name: str) -> bool:
    """Return whether a column's name says who or what its rows belong to."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    parts = unicodedata.normalize("NFKD", split)
    plain = "".join(c for c in parts if not unicodedata.combining(c))
    plain = unicodedata.normalize("NFKC", plain).translate(UNDIVIDED)
    return bool(WHOSE.search(plain))


def check_entities(
    table: Path,
    contract: Contract,
    data: Data,
    compute: Compute,
    some: pd.DataFrame,
    raw: Path,
) -> Iterator[Finding]:
    """Yield columns that name entities with several rows, by name and by likeness.

    Args:
        table: Folder of parts; entities are counted in all of its rows.
        contract: Its columns.
        data: Roles of the columns; with a group there is nothing to advise.
        compute: Where parts are read.
        some: Rows of the table by which those of an entity are found to be alike.
        raw: What the table was read from, to be named in findings.
    """
    if data.group:
        return
    known: list[Codes] = []
    for name, column in _columns(contract, data).items():
        if not _may_be_named(name, column):
            continue
        rows = count_rows(table)
        repeats = rows - _count_different(table, name)
        if SAME_ENTITY * rows < repeats and _is_named(name, column, rows - repeats):
            known.append(pd.factorize(some[name])[0])
            yield _named(name, rows - repeats, rows, raw)
    # Later rows of an entity that is known are what a split by time is about.
    if not data.time:
        found = _find_alike(contract, data, some, known, raw)
        yield from of_sample(found, len(some), count_rows(table))


def _count_different(table: Path, column: str) -> int:
    """Return the number of different values of a column; missing ones are one value."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.parquet import read_table

    chunks = []
    for part in parts(table):
        values = read_table(part, columns=[column])[column]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        # One part repeats values often, which is found sooner than in all of them.
        chunks.append(values.unique())
    return int(pc.count_distinct(pa.chunked_array(chunks), mode="all").as_py())


def likeness(codes: Codes, numbers: Floats) -> Likeness:
    """Return how much rows with the same code are alike in some numbers.

    It is the intraclass correlation of the analysis of variance, ICC(1) of Shrout and
    Fleiss, "Intraclass correlations" (Psychological Bulletin 86, 1979), for groups of
    different sizes, and the probability of its F statistic. Several columns, such as
    those of classes, count together.

    Args:
        codes: From 0; those below 0 are left out. Shape (n,).
        numbers: Rows with a missing number are left out. Shape (n, columns).
    """
    from scipy.stats import f

    known = (codes >= 0) & ~np.isnan(numbers).any(axis=1)
    codes, numbers = np.unique(codes[known], return_inverse=True)[1], numbers[known]
    rows, groups = len(codes), int(codes.max(initial=-1)) + 1
    if groups < 2 or rows - groups < 1:
        return Likeness(0.0, 1.0)
    sizes = np.bincount(codes)
    deviations = numbers - numbers.mean(axis=0)
    sums = [np.bincount(codes, column) for column in deviations.T]
    between = sum(float((one**2 / sizes).sum()) for one in sums)
    total = float((deviations**2).sum())
    if total <= 0:
        return Likeness(0.0, 1.0)
    inside = max(total - between, 1e-12 * total) / (rows - groups)
    between /= groups - 1
    size = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    correlation = (between - inside) / (between + (size - 1) * inside)
    return Likeness(
        correlation, float(f.sf(between / inside, groups - 1, rows - groups))
    )


def is_quantity(values: pd.Series, target: Floats) -> bool:
    """Return whether neighbouring numbers have like targets, as those of ages."""
    return neighbours(values, target) > QUANTITY


def neighbours(values: pd.Series, target: Floats) -> float:
    """Return the correlation of the mean targets of neighbouring numbers.

    It is 1 where that is not defined.
    """
    means = pd.Series(target).groupby(values.to_numpy(np.float64, na_value=np.nan))
    levels = means.mean().to_numpy()
    if len(levels) < 3 or np.ptp(levels[:-1]) == 0 or np.ptp(levels[1:]) == 0:
        return 1.0
    return float(np.corrcoef(levels[:-1], levels[1:])[0, 1])


def _columns(contract: Contract, data: Data) -> dict[str, Column]:
    """Return the columns that may name entities: codes, texts and categories."""
    return {
        name: column
        for name, column in contract.columns.items()
        if name not in {data.target, *data.id, data.time}
        and column.dtype in ("str", "int64", "Int64", "category")
        and not column.unique
    }


def _may_be_named(name: str, column: Column) -> bool:
    """Return whether the name, or the reason of an exclusion, speaks of entities."""
    reason = IDENTIFIER.search(column.metadata.reason or "")
    return bool(reason or KEY.search(name) or names_entities(name))


def _is_named(name: str, column: Column, values: int) -> bool:
    """Return whether there are enough values: a few are categories like "new"."""
    of_codes = not column.isin or sum(map(_has_digit, column.isin)) > values / 2
    return values >= (CODES if of_codes else VALUES)


def _has_digit(value: Any) -> bool:
    return any(character.isdigit() for character in str(value))


def _find_alike(
    contract: Contract, data: Data, some: pd.DataFrame, known: list[Codes], raw: Path
) -> Iterator[Finding]:
    """Yield columns that name entities by how much rows with the same value are alike.

    Those that determine a column of `known`, or are determined by it, are left out.
    """
    columns = _columns(contract, data)
    counts, categories = _whole_numbers(some, list(columns)), _categories(some)
    least = ROWS_EACH[0]
    found = {
        name: pd.factorize(some[name])
        for name in columns
        if categories.get(name, VALUES) >= VALUES
        and len(some) >= least * counts.get(name, 0)
    }
    few = {n: c for n, (c, levels) in found.items() if _few_rows_each(c, len(levels))}
    if not few:
        return
    target, numbers = (
        target_columns(some[data.target], data),
        _numbers(some, contract, data),
    )
    for name, codes in few.items():
        if any(_nested(codes, others) for others in known):
            continue
        whole = contract.columns[name].dtype in ("int64", "Int64")
        if whole and is_quantity(some[name], target[:, 0]):
            continue
        alike = _alike(codes, target, numbers, len(few))
        if alike is not None:
            known.append(codes)
            shown = f"{alike} of {numbers.shape[1]}"
            yield _found(name, int(codes.max()) + 1, data.target, shown, raw)


def _categories(some: pd.DataFrame) -> dict[str, int]:
    """Return how many values each column of categories may have."""
    return {
        str(name): len(dtype.categories)
        for name, dtype in some.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype)
    }


def _whole_numbers(some: pd.DataFrame, names: Sequence[str]) -> dict[str, int]:
    """Return how many different integers each column has, found together in few rows.

    Columns with missing values are left out.
    """
    dtypes = keys.dtypes_of(some)
    whole = [name for name in names if dtypes[name] == "int64"]
    if len(some) > SHORT or not whole:
        return {}
    ordered = np.sort(some[whole].to_numpy(), axis=0)
    counts = 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)
    return dict(zip(whole, counts.tolist(), strict=True))


def _few_rows_each(codes: Codes, values: int) -> bool:
    """Return whether most rows are of values with a few rows."""
    sizes = np.bincount(codes[codes >= 0], minlength=values)
    several = sizes[sizes > 1].sum() > len(codes) / 2
    low, high = ROWS_EACH
    return values >= VALUES and bool(several) and low <= len(codes) / values <= high


def _nested(codes: Codes, others: Codes) -> bool:
    """Return whether one of two columns determines the other."""
    both = (codes >= 0) & (others >= 0)
    a, b = codes[both], others[both]
    return not len(a) or is_determined_by(a, b) or is_determined_by(b, a)


def target_columns(values: pd.Series, data: Data) -> Floats:
    """Return the ranks of a number, or a column for each of the most common classes."""
    if data.task == "regression":
        ranks: Floats = np.asarray(values.rank(), dtype=np.float64)
        return ranks.reshape(-1, 1)
    columns = [values == label for label in values.value_counts().index[:CLASSES]]
    return np.asarray(np.column_stack(columns).astype(np.float64))


def _numbers(some: pd.DataFrame, contract: Contract, data: Data) -> Floats:
    """Return the ranks of measured numbers; a missing one has the mean."""
    columns: list[Floats] = []
    for name in contract.measured(data):
        if contract.columns[name].dtype != "float64":
            continue
        values = as_numbers(some[name])
        if values is not None and len(pd.unique(values)) > VALUES:
            ranks = pd.Series(values).rank()
            columns.append(np.asarray(ranks.fillna(ranks.mean())))
    return np.column_stack(columns) if columns else np.empty((len(some), 0))


def _alike(codes: Codes, target: Floats, numbers: Floats, tests: int) -> int | None:
    """Return in how many numbers rows of one value are alike; None if by chance.

    The target must be alike as well: nearly the same, or less so if most numbers are.
    """
    of_target = likeness(codes, target)
    limit = CHANCE / max(1, tests)
    if of_target.correlation < TARGET_TOO or of_target.chance > limit:
        return None
    found = (likeness(codes, number.reshape(-1, 1)) for number in numbers.T)
    alike = sum(f.correlation >= NUMBER and f.chance <= limit for f in found)
    most = alike >= 2 and alike > numbers.shape[1] / 2
    some = alike > numbers.shape[1] / 3
    enough = most or (some and of_target.correlation >= TARGET)
    return alike if enough else None


def _named(name: str, values: int, rows: int, raw: Path) -> Finding:
    return Finding(
        "repeated entity",
        raw,
        f"identifies {values} entities in {rows} rows, and rows of one may be both in"
        " the training and in the test set",
        f"To keep them together, {_keep_together(name)}",
        column=name,
    )


def _found(name: str, values: int, target: str, numbers: str, raw: Path) -> Finding:
    return Finding(
        "repeated entity",
        raw,
        f"may name an entity: rows with the same of its {values} values are alike in"
        f" {quoted(target)} and in {numbers} measured numbers, and they may be both in"
        " the training and in the test set",
        f"If the model is to predict for others than these, {_keep_together(name)}",
        column=name,
    )


def _keep_together(name: str) -> str:
    return (
        f"add --group {name} to rml data, or set data.group: {name} and split.method:"
        " group in params.yaml."
    )


def check_codes(
    some: pd.DataFrame, contract: Contract, data: Data, raw: Path
) -> Iterator[Finding]:
    """Yield whole numbers that are features by their size, but seem to be codes.

    Args:
        some: Rows of the table.
        contract: Its columns.
        data: Roles of the columns.
        raw: What the table was read from, to be named in findings.
    """
    numbers = [
        name
        for name in contract.treated("numeric", data)
        if contract.columns[name].dtype in ("int64", "Int64")
    ]
    counts = _whole_numbers(some, numbers)
    columns = {
        name: pd.factorize(some[name])
        for name in numbers
        if len(some) >= CODE_ROWS_EACH[0] * counts.get(name, 0)
    }
    columns = {n: c for n, c in columns.items() if _has_enough(*c)}
    if not columns:
        return
    target = target_columns(some[data.target], data)
    for name, (codes, values) in columns.items():
        if _are_codes(codes, some[name], target, len(columns)):
            yield Finding(
                NUMBER_CODE,
                raw,
                f"holds {len(values)} whole numbers that seem to be codes:"
                f" {quoted(data.target)} depends on them, but is not alike for"
                " neighbouring ones",
                "Set its treatment to target_encoding in data/schema.yaml.",
                column=name,
            )


def _has_enough(codes: Codes, values: object) -> bool:
    count = len(np.asarray(values))
    low, high = CODE_ROWS_EACH
    return count >= CODE_VALUES and low <= len(codes) / count <= high


def _are_codes(codes: Codes, values: pd.Series, target: Floats, tests: int) -> bool:
    found = likeness(codes, target)
    if found.chance > CHANCE / tests:
        return False
    count = int(codes.max()) + 1
    size = len(codes) / count
    # Spearman-Brown: the correlation of the means of `size` rows.
    reliable = size * found.correlation / (1 + (size - 1) * found.correlation)
    if reliable < RELIABLE:
        return False
    alike = max(neighbours(values, column) for column in target.T)
    limit: float = min(ALIKE * reliable, reliable - ERRORS / count**0.5)
    return alike < limit
