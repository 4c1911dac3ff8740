"""What the pipeline knows about a model: its manifest, and the reports."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.card.catalog import Catalog, read_catalog
from reproducible_ml.card.fields import HumanPart, read_fields
from reproducible_ml.contract.schema import Contract, Data

Json = dict[str, Any]


class Facts(NamedTuple):
    """The contents of the files, and what the manifest says of the model.

    Attributes:
        human: docs/model_card.yaml.
        catalog: data/catalog.yaml.
        manifest: models/model.json.
        contract: That of the model.
        data: Its task, and the roles of columns.
        validation: reports/validation.json, and so on.
        profile: Distribution of each column.
        plots: The folder of the tables of plots.
    """

    human: HumanPart
    catalog: Catalog
    manifest: Json
    contract: Contract
    data: Data
    validation: Json
    profile: Json
    cleaning: Json
    split: Json
    evaluation: Json
    plots: Path

    @property
    def train(self) -> Json:
        """The parameters that the model was fitted with."""
        return dict(self.manifest["params"]["train"])

    def rows(self, plot: str) -> list[dict[str, str]]:
        """Return the rows of a table in reports/plots/, none if there is none."""
        path = self.plots / f"{plot}.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def read_facts(fields: Path, catalog: Path, manifest: Path, reports: Path) -> Facts:
    """Read what is known.

    Args:
        fields: docs/model_card.yaml.
        catalog: data/catalog.yaml.
        manifest: models/model.json.
        reports: The folder of the reports.
    """
    known = _read(manifest)
    names = ("validation", "profile", "cleaning", "split", "evaluation")
    contents = {name: _read(reports / f"{name}.json") for name in names}
    return Facts(
        human=read_fields(fields),
        catalog=read_catalog(catalog),
        manifest=known,
        contract=Contract.model_validate(known["contract"]),
        data=Data.model_validate(known["params"]["data"]),
        plots=reports / "plots",
        **contents,
    )


def _read(path: Path) -> Json:
    return dict(json.loads(path.read_text("utf-8")))
