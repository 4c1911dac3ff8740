"""Check the raw table against its contract, and against checks of your own."""

import logging
from pathlib import Path

from reproducible_ml.contract.findings import reject, warning_lines
from reproducible_ml.contract.schema import Data, load_contract
from reproducible_ml.contract.target import summarise_table_target
from reproducible_ml.core.files import replacing_folder, write_json
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.stage import run
from reproducible_ml.quality.distributions import profile_table
from reproducible_ml.quality.drift import compare_with_committed
from reproducible_ml.quality.report import check_quality
from reproducible_ml.quality.validation import RowCheck, count_missing, validate_table
from reproducible_ml.reading.raw import raw_files

logger = logging.getLogger(__name__)

# Your own checks, of what data/schema.yaml cannot say: a rule between two columns, for
# instance. Each takes rows, cast to the contract, and returns whether each of them is
# valid. Error messages quote the first line of its docstring:
#
#     def starts_before_it_ends(rows: pd.DataFrame) -> pd.Series:
#         """A rental starts before it ends."""
#         return rows["started_at"] < rows["ended_at"]
CHECKS: list[RowCheck] = []


def main(
    raw: Path, contract: Path, validated: Path, report: Path, profile: Path
) -> None:
    """Cast the files in RAW to CONTRACT, check them, write VALIDATED and REPORT.

    PROFILE gets the distribution of each column, to compare the next version with.
    """
    data, compute = load_section(Data), load_section(Compute)
    columns = load_contract(contract, data)
    problems = validated.parent / "problems.csv"
    with replacing_folder(validated) as table:
        files = raw_files(raw)
        checked = validate_table(files, columns, data, compute, table, problems, CHECKS)
        quality = check_quality(table, columns, data, compute, raw)
        reject(quality.rejections, problems)
        target = summarise_table_target(table, data, compute).to_dict()
        now = profile_table(table, columns, data, compute)
        # Printed, but not written: what was committed before must not change an output.
        drift = compare_with_committed(profile, table, now, columns, data, compute, raw)
    for line in warning_lines([*quality.warnings, *drift]):
        logger.warning("warning: %s", line)
    write_json({**target, "missing": count_missing(checked)}, report)
    write_json(now, profile, indent=None)
    logger.info("%s: %d rows meet %s", raw, target["rows"], contract)


if __name__ == "__main__":
    run(main)
