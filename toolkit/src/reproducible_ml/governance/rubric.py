"""The 28 tests of the ML Test Score, and the proofs that a program can check.

Source: E. Breck, S. Cai, E. Nielsen, M. Salib, D. Sculley: The ML Test Score: A Rubric
for ML Production Readiness and Technical Debt Reduction. IEEE Big Data 2017. A test is
worth half a point if people do it and write down what came out, and one if it is
automated and repeated. A section has the sum of its tests; the least section counts.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from reproducible_ml.governance import operations as o
from reproducible_ml.governance import proofs as p
from reproducible_ml.governance.proofs import Proof

SECTIONS = {
    "data": "Features and data",
    "model": "Model development",
    "infrastructure": "Infrastructure",
    "monitoring": "Monitoring",
}


class Item(NamedTuple):
    """A test of the rubric.

    Attributes:
        id: Section and name.
        question: What is asked.
        proofs: All of them give a point; without any, only people can answer.
    """

    id: str
    question: str
    proofs: Mapping[str, Proof] = {}

    @property
    def section(self) -> str:
        """The id of its section."""
        return self.id.partition(".")[0]

    @property
    def how(self) -> str:
        """How it is checked, in a sentence or several."""
        known = self.proofs.values()
        texts = [(proof.__doc__ or "").splitlines()[0] for proof in known]
        return " ".join(texts) or "Only people can answer it."


ITEMS: tuple[Item, ...] = (
    Item(
        "data.schema",
        "Is it written down what each column may hold, and are rows checked by it?",
        {"contract": p.contract_valid, "checked": p.contract_used},
    ),
    Item(
        "data.benefit",
        "Does each feature help the model?",
        {"measured": p.importance_measured, "useful": p.features_useful},
    ),
    Item(
        "data.cost",
        "Is it known what the features cost, in time and memory, and is it worth it?",
        {"report": p.report_on_pull_requests, "kept": p.costs_kept},
    ),
    Item(
        "data.requirements",
        "Do features keep to rules that hold for all, such as what must not be used?",
        {"forbidden": p.columns_forbidden, "repeated": p.score_run},
    ),
    Item(
        "data.privacy",
        "Is personal data known and protected wherever data go?",
        {
            "declared": p.personal_declared,
            "log": p.log_limited,
            "repeated": p.score_run,
        },
    ),
    Item("data.new_features", "Can a feature be added quickly?"),
    Item(
        "data.feature_code",
        "Is all code that makes features tested?",
        {"tests": p.features_tested, "run": p.tests_run},
    ),
    Item(
        "model.reviewed",
        "Is each change of what a model is made of reviewed, and in version control?",
        {"owners": p.owners_named, "report": p.report_on_pull_requests},
    ),
    Item(
        "model.offline_online",
        "Do the metrics of the test rows agree with what comes out in use?",
        {"labels": p.labels_joined},
    ),
    Item(
        "model.tuned",
        "Are the hyperparameters tuned?",
        {"searched": p.hyperparameters_searched},
    ),
    Item(
        "model.staleness",
        "Is it known how much worse a model gets with age?",
        {"retrained": p.retrained, "renewed": p.rows_renewed},
    ),
    Item(
        "model.simpler",
        "Is a simpler model not as good?",
        {"baseline": p.baseline_beaten},
    ),
    Item(
        "model.slices",
        "Is the model good enough for each important group of rows?",
        {
            "scored": p.groups_scored,
            "floors": p.groups_gated,
            "report": p.report_on_pull_requests,
        },
    ),
    Item(
        "model.inclusion",
        "Is it tested whether the model treats groups of people alike?",
        {
            "compared": p.people_compared,
            "gate": p.people_gated,
            "report": p.report_on_pull_requests,
        },
    ),
    Item(
        "infrastructure.reproducible",
        "Does training twice give the same model?",
        {"rebuilt": o.rebuilt_elsewhere, "locked": o.packages_locked},
    ),
    Item(
        "infrastructure.specification",
        "Is the code that trains and scores the model unit-tested?",
        {"tests": p.training_tested, "run": p.tests_run},
    ),
    Item(
        "infrastructure.integration",
        "Is the whole pipeline tested, from raw data to results?",
        {"report": p.report_on_pull_requests},
    ),
    Item(
        "infrastructure.validated",
        "Must a model be good enough before it is put into use?",
        {"gate": o.gate_can_fail, "before": o.gate_before_release},
    ),
    Item(
        "infrastructure.debuggable",
        "Can a single prediction be followed step by step?",
        {"tested": o.explanation_tested},
    ),
    Item(
        "infrastructure.canary",
        "Is a new model tried on some real requests before it answers all?",
        {"candidate": o.candidate_set, "compared": o.candidate_compared},
    ),
    Item(
        "infrastructure.rollback",
        "Can the model before be brought back quickly and safely?",
        {"tried": o.rollback_tried, "repeated": p.score_run},
    ),
    Item(
        "monitoring.dependencies",
        "Is anybody notified when a package or source that the model needs changes?",
        {"announced": o.updates_announced},
    ),
    Item(
        "monitoring.inputs",
        "Are rows of requests checked, and is anybody notified when they break rules?",
        {
            "contract": p.contract_valid,
            "alert": o.alert_on("rml_rows_total", "when rows break the contract"),
        },
    ),
    Item(
        "monitoring.skew",
        "Do features and answers in use equal those of training?",
        {"compared": o.ways_compared},
    ),
    Item(
        "monitoring.age",
        "Is anybody notified when the model in use is too old?",
        {
            "alert": o.alert_on(
                "rml_model_loaded_timestamp_seconds", "when the model is old"
            )
        },
    ),
    Item(
        "monitoring.finite",
        "Is anybody notified when predictions are no numbers?",
        {
            "alert": o.alert_on(
                "rml_predictions_not_finite_total", "when predictions are no numbers"
            )
        },
    ),
    Item(
        "monitoring.speed",
        "Is anybody notified when answers get slower, or take more memory?",
        {
            "time": o.alert_on("rml_request_seconds_bucket", "when answers are slow"),
            "memory": o.alert_on(
                "rml_process_resident_memory_bytes", "when memory grows"
            ),
        },
    ),
    Item(
        "monitoring.quality",
        "Is anybody notified when predictions get worse on rows in use?",
        {"labels": p.labels_joined},
    ),
)

IDS = tuple(item.id for item in ITEMS)


def all_proofs() -> Iterator[tuple[str, str]]:
    """Yield the id of each test with the name of each of its proofs."""
    for item in ITEMS:
        for name in item.proofs:
            yield item.id, name
