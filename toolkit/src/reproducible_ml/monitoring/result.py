"""What monitoring found, ready for JSON."""

from typing import Literal

from pydantic import BaseModel

# drift: beyond chance, and large enough to matter. too few: a shift might have been
# missed. fine: it would have been found. not compared: there is nothing like it.
Verdict = Literal["drift", "too few", "fine"]

FINE, FAILED, DRIFT, TOO_FEW = 0, 1, 3, 4

# Of all rows together, beside the names of windows.
ALL = "all rows"


class Comparison(BaseModel):
    """A column against its reference, in all rows or in a window of time.

    Attributes:
        column: Its name.
        about: Whether it is a feature, or an answer of the model.
        version: Of the model, of an answer.
        window: Name of the window.
        rows: How many are compared.
        rows_needed: How many would find a shift of half a standard deviation with
            probability 0.9; None if none do, as the reference has too few.
        p: Chance of such a difference, corrected for all comparisons.
        psi: Population stability index.
        moved: Share of the rows that are in other bins than in the reference.
        missing: Share of rows without a value.
        missing_before: The same of the reference.
        verdict: As of `Verdict`.
        change: What changed most, if it drifted.
    """

    column: str
    about: Literal["input", "answer"]
    version: str | None = None
    window: str = ALL
    rows: int
    rows_needed: int | None
    p: float
    psi: float
    moved: float
    missing: float
    missing_before: float
    verdict: Verdict
    change: str = ""

    @property
    def key(self) -> tuple[str | None, str]:
        """What is compared, whatever the window."""
        return self.version, self.column


class WindowSummary(BaseModel):
    """What is known of a window of time.

    Attributes:
        name: As 2026-11-29.
        start: In ISO 8601; None for rows without a time.
        rows: Answered rows.
        refused: Rows that break the contract.
        drifted: Columns that drifted.
        too_few: Number of columns with too few rows to tell.
        verdict: The worst of its columns.
    """

    name: str
    start: str | None
    rows: int
    refused: int
    drifted: list[str]
    too_few: int
    verdict: Verdict


class Violation(BaseModel):
    """A rule of the contract that rows break.

    Attributes:
        column: Its name; empty for a check of several.
        rule: As `in_range(0, 120)`.
        cells: How often.
        share: Of all rows, the refused ones among them.
    """

    column: str
    rule: str
    cells: int
    share: float


class Unseen(BaseModel):
    """Categories of a column that the contract does not name.

    Attributes:
        column: Its name.
        rows: How often they came.
        values: The most frequent ones.
    """

    column: str
    rows: int
    values: list[str]


class Alert(BaseModel):
    """Something that a person should look at.

    Attributes:
        kind: What it is about.
        subject: The column, or whatever else it is about.
        text: A sentence, without a value of any row.
    """

    kind: Literal["drift", "stale", "refused", "volume", "performance"]
    subject: str
    text: str


class Result(BaseModel):
    """What monitoring found.

    Attributes:
        time: When, in ISO 8601.
        source: What was typed.
        reference: What it was compared with.
        reference_rows: Rows for the features, and for the answers.
        model_version: Of the model whose answers are the reference.
        rows: Rows that meet the contract.
        refused: Rows that break it.
        newest: Time of the newest row; None if rows have no time.
        age_hours: How old it is.
        window: Width of the windows.
        comparisons: Of all rows together, then of each window.
        windows: In their order.
        violations: The most frequent first.
        unseen: Categories that the contract does not name.
        notes: What could not be compared, and why.
        alerts: What a person should look at.
        exit_code: 0 fine, 3 an alert, 4 too few rows to tell.
    """

    time: str
    source: str
    reference: str
    reference_rows: tuple[int, int]
    model_version: str
    rows: int
    refused: int
    newest: str | None
    age_hours: float | None
    window: str
    comparisons: list[Comparison]
    windows: list[WindowSummary]
    violations: list[Violation]
    unseen: list[Unseen]
    notes: list[str]
    alerts: list[Alert]
    exit_code: int

    @property
    def overall(self) -> list[Comparison]:
        """The comparisons of all rows together."""
        return [each for each in self.comparisons if each.window == ALL]

    @property
    def refused_share(self) -> float:
        """Share of rows that break the contract."""
        return self.refused / max(1, self.rows + self.refused)
