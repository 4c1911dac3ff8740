"""Show the result in the working tree, or those of commits, on a tracking server.

`make repro` calls it where params.yaml says `tracking: mlflow`. The server is the one
that MLFLOW_TRACKING_URI names. One that cannot be used costs a warning, never a run.
"""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from reproducible_ml.errors import told_errors
from reproducible_ml.params import load_params
from reproducible_ml.tracking.record import read_record
from reproducible_ml.tracking.server import log
from reproducible_ml.tracking.troubles import explain

# Where MLflow shows the runs, unless MLFLOW_EXPERIMENT_NAME says otherwise.
EXPERIMENT = "reproducible-ml"


def track(root: Path, names: Sequence[str] = ()) -> None:
    """Log results that the server does not have yet, and print a line for each.

    Args:
        root: Of the repository.
        names: Commits or experiments of DVC's; none: what is in the working tree.

    Raises:
        UserError: params.yaml is wrong, or there is no such result.
    """
    if load_params(root / "params.yaml").tracking == "none":
        sys.stdout.write("params.yaml says `tracking: none`: nothing to log.\n")
        return
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    for record in [read_record(root, name) for name in names or ("",)]:
        try:
            shown, new = log(record, uri, experiment)
        except Exception as error:
            # Whatever a network, a server or a package may do: the results are there.
            sys.stderr.write(f"warning: {explain(error, uri)}\n")
            return
        words = "" if new else "this commit and dvc.lock are there already, "
        sys.stdout.write(f"MLflow: {words}{shown}\n")


def main() -> None:
    """Track what the arguments name; exit with 1 on an expected error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "name", nargs="*", help="commit or experiment; none: the working tree"
    )
    # What MLflow has to say about itself is no help here.
    logging.disable()
    warnings.simplefilter("ignore")
    with told_errors():
        track(Path.cwd(), parser.parse_args().name)


if __name__ == "__main__":
    main()
