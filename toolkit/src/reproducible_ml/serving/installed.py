"""A model in a wheel that `rml package` made: its function and its commands.

The import is quick: what predicts is imported, and the model read, with the first rows.
"""

import argparse
import logging
import os
import sys
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reproducible_ml.core.errors import UserError, one_line, report_errors

if TYPE_CHECKING:
    import pandas as pd

    from reproducible_ml.serving.model import Model
    from reproducible_ml.serving.rows import RowProblem

logger = logging.getLogger(__name__)

# Bad rows that an error message lists.
LISTED = 20


class BadRowsError(UserError, ValueError):
    """Rows that the contract rejects.

    Attributes:
        problems: Of each bad cell: position of the row, column, value and rule.
    """

    def __init__(self, problems: "list[RowProblem]", labels: "pd.Index[Any]") -> None:
        self.problems = problems
        lines = [
            one_line(f"row {labels[problem.row]}: {problem}")
            for problem in problems[:LISTED]
        ]
        if more := len(problems) - LISTED:
            lines += [f"and {more} more"] if more > 0 else []
        super().__init__("\n".join(lines))


class InstalledModel:
    """A model with the code of its project, as a wheel installs them.

    Args:
        folder: Has the model, its manifest and `predict.json`.
        package: The project's own package.
        name: Of the project; its commands begin with it.
    """

    def __init__(self, folder: str, package: str, name: str) -> None:
        self.folder = Path(folder)
        self.package = package
        self.name = name

    @cached_property
    def code(self) -> Any:
        """The project's module deployment/predict.py."""
        return import_module(f"{self.package}.deployment.predict")

    @cached_property
    def model(self) -> "Model":
        """The model; it is read when it is first asked for."""
        found: Model = self.code.load(self.folder)
        return found

    def predict(
        self, rows: "pd.DataFrame", *, on_bad_row: Literal["raise", "missing"] = "raise"
    ) -> "pd.DataFrame":
        """Return the answer to each row, with the index of the rows.

        Args:
            rows: Columns in any order; those that the model does not need are ignored.
                Values of types that can be converted without loss, or texts as in a
                CSV file.
            on_bad_row: `missing` answers bad rows with missing values.

        Raises:
            BadRowsError: Rows break the contract; the message lists them.
            TypeError: The rows are no DataFrame.
            UserError: A column is missing.
        """
        from pandas import DataFrame

        from reproducible_ml.serving.rows import answer, to_table

        if not isinstance(rows, DataFrame):
            raise TypeError(f"rows must be a DataFrame, not {type(rows).__name__}")
        if on_bad_row not in ("raise", "missing"):
            raise ValueError(f'on_bad_row is "raise" or "missing", not {on_bad_row!r}')
        table = to_table(rows, self.model)
        found = answer(table, self.model, self.code.predict)
        answers = found.answers
        if found.problems:
            if on_bad_row == "raise":
                raise BadRowsError(found.problems, rows.index)
            answers = answers.reindex(range(len(rows)))
        return answers.set_axis(rows.index)

    def main(self) -> None:
        """Run the command, which predicts a file or folder as `rml predict` does."""
        options = self._parse(sys.argv[1:])
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        with report_errors():
            from reproducible_ml.core.params import Compute
            from reproducible_ml.serving.batch import predict_table
            from reproducible_ml.serving.destination import place

            if not options.source.exists():
                raise UserError(f"{options.source}: does not exist")
            result = predict_table(
                options.source,
                place(options.output),
                self.model,
                self.code.predict,
                Compute(),
                keep=[one for one in options.keep.split(",") if one],
                on_bad_row=options.on_bad_row,
                quarantine=options.output.with_name(f"{options.output.name}.bad.jsonl"),
            )
            answered = result.rows - result.rejected
            logger.info("%s: %d rows predicted", options.output, answered)

    def serve(self) -> None:
        """Run the command of the web service, as `rml serve` does."""
        parser = argparse.ArgumentParser(
            f"{self.name}-serve",
            description="Answer requests over HTTP with the model. Settings are"
            " variables of the environment, as RML_SERVE_MAX_ROWS and RML_API_KEY.",
        )
        parser.add_argument("--host", help="by default 127.0.0.1")
        parser.add_argument("--port", type=int, help="by default 8080")
        parser.add_argument("--workers", type=int, default=1, help="processes")
        options = parser.parse_args()
        with report_errors():
            self._check_installed("serve", "uvicorn")
            self._use_own_model("RML_SERVE_MODEL")
            from reproducible_ml.serving.service.run import run

            run(f"{self.package}.deployment.service", **vars(options))

    def work(self) -> None:
        """Run the command of the queue worker, as `rml work` does."""
        parser = argparse.ArgumentParser(
            f"{self.name}-work",
            description="Answer requests of a queue, NATS JetStream, with the model."
            " Settings are variables of the environment, as RML_WORK_SERVER.",
        )
        parser.parse_args()
        with report_errors():
            self._check_installed("work", "faststream")
            self._use_own_model("RML_WORK_MODEL")
            from reproducible_ml.serving.worker.app import run

            run(f"{self.package}.deployment.worker")

    def _check_installed(self, command: str, package: str) -> None:
        """Refuse a command whose packages the wheels do not bring."""
        if not find_spec(package):
            raise UserError(
                f"{self.name}-{command}: {package} is not installed. Fix: install the"
                " packages of the requirements.txt that `rml package` writes beside the"
                " wheels"
            )

    def _use_own_model(self, variable: str) -> None:
        """Let a server use this model, unless another one is named or mounted."""
        # One thread is faster for single rows than many.
        for library in ("OMP", "OPENBLAS", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")
        from reproducible_ml.serving.platforms import use_platform_model

        use_platform_model(os.environ, variable)
        os.environ.setdefault(variable, str(self.folder))

    def _parse(self, arguments: list[str]) -> argparse.Namespace:
        parser = argparse.ArgumentParser(
            f"{self.name}-predict",
            description="Predict the rows of SOURCE: a file or folder of CSV, JSON"
            " lines or Parquet. Columns may be in any order; others are ignored.",
        )
        parser.add_argument("source", metavar="SOURCE", type=Path)
        parser.add_argument(
            "--output",
            metavar="DEST",
            type=Path,
            required=True,
            help="a file (.csv or .parquet), or a folder",
        )
        parser.add_argument(
            "--keep", default="", help="columns to copy, separated by commas"
        )
        parser.add_argument(
            "--on-bad-row",
            choices=["fail", "quarantine"],
            default="fail",
            help="write nothing, or all other rows; bad ones go to DEST.bad.jsonl",
        )
        return parser.parse_args(arguments)
