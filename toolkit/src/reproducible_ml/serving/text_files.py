"""Reject text files whose rows are not certain.

A quote that is not closed turns many rows into one, and nothing fails: the answers of
the others would silently be missing.
"""

from collections.abc import Sequence
from pathlib import Path

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.reading.csv_files import csv_header
from reproducible_ml.reading.raw import file_format
from reproducible_ml.reading.scan import scan

# Problems that are printed.
SHOWN = 5

DELIMITERS = ",;\t|:"


def check_text_files(
    files: Sequence[Path],
    dialect: CsvDialect,
    features: Sequence[str],
    compute: Compute,
) -> None:
    """Check encoding, delimiter, quotes and end of CSV files; others pass.

    Raises:
        UserError: A file differs from what the contract says of the raw table, or is
            damaged; the message has the lines.
    """
    jobs = [(file, dialect) for file in files if file_format(file) == "csv"]
    found = map_jobs(scan, jobs, compute, "scan")
    findings = [_advise(each, dialect) for of_file in found for each in of_file]
    if findings:
        raise UserError("\n".join(map(str, findings[:SHOWN])))
    for file, _ in jobs:
        _check_delimiter(file, dialect, features)


def _advise(finding: Finding, dialect: CsvDialect) -> Finding:
    # The contract is that of the model: it cannot follow one file.
    if finding.kind != "encoding":
        return finding
    fix = f"Export it as {dialect.encoding}, the encoding of data/schema.yaml."
    return finding._replace(fix=fix)


def _check_delimiter(file: Path, dialect: CsvDialect, features: Sequence[str]) -> None:
    header = csv_header(file, dialect)
    if len(header) != 1 or set(header) & set(features):
        return
    for other in DELIMITERS:
        if set(header[0].split(other)) & set(features):
            raise UserError(
                f"{file}: its delimiter is {other!r}, but that of data/schema.yaml is"
                f" {dialect.delimiter!r}. Fix: export it with {dialect.delimiter!r}."
            )
