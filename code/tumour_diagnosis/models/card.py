"""Describe the model to those who use it: reports/model_card.md.

What people know is in docs/model_card.yaml and data/catalog.yaml; the rest is read
from the manifest of the model and from the reports. Add, move or remove sections in
`describe`.
"""

import logging
from pathlib import Path

from reproducible_ml.card import sections
from reproducible_ml.card.facts import Facts, read_facts
from reproducible_ml.card.fields import describe_missing, missing_from
from reproducible_ml.card.markdown import document, plain, prose, section
from reproducible_ml.core.files import PARAMS, parse_params, write_text
from reproducible_ml.core.stage import run
from tumour_diagnosis.datasets.split import load_split
from tumour_diagnosis.models.metrics import METRICS

logger = logging.getLogger(__name__)


def describe(facts: Facts) -> str:
    """Return the model card as Markdown, with metadata that Hugging Face reads."""
    main_metric = parse_params(PARAMS.read_text("utf-8"))["evaluate"]["metrics"][0]
    split = load_split(facts.data).model_dump(mode="json")
    directions = {n: m.greater_is_better for n, m in METRICS[facts.data.task].items()}
    return document(
        sections.metadata(facts),
        f"# {plain(sections.title(facts))}",
        sections.what_it_predicts(facts),
        section("Intended use", sections.human(facts, "intended_use")),
        section("Not for", sections.human(facts, "out_of_scope")),
        section("Limits", sections.human(facts, "limits")),
        section("Oversight", prose(facts.human.oversight)),
        section(
            "Data",
            sections.human(facts, "data_source"),
            plain(facts.contract.description or ""),
            sections.catalog(facts),
            sections.rows(facts),
            sections.period(facts),
            sections.held_out(facts, split),
            sections.columns(facts),
        ),
        section(
            "How good it is",
            sections.metrics(facts, directions),
            sections.too_good(facts),
            sections.calibration(facts),
            sections.threshold(facts),
        ),
        section("Groups of rows", sections.slices(facts, main_metric)),
        section("Protected groups", sections.protected(facts)),
        section("How it was trained", sections.training(facts)),
        section("Environment", sections.versions(facts)),
        section(
            "The same model again", sections.hashes(facts), sections.reproduce(facts)
        ),
        section("License", sections.human(facts, "license")),
        section("Contact", sections.human(facts, "contact")),
        section("References", prose(facts.human.references)),
    )


def main(
    fields: Path, catalog: Path, manifest: Path, reports: Path, card: Path
) -> None:
    """Write CARD from FIELDS, CATALOG, the MANIFEST of the model and folder REPORTS."""
    facts = read_facts(fields, catalog, manifest, reports)
    write_text(describe(facts), card)
    for line in describe_missing(missing_from(facts.human), fields):
        logger.warning("warning: %s", line)
    logger.info("%s: %d sections", card, card.read_text("utf-8").count("\n## "))


if __name__ == "__main__":
    run(main)
