"""Questions for people in docs/governance/: canvases, technical documentation."""

from pathlib import Path

from reproducible_ml.card.forms import Text, empty_form_of, read_form, text_field
from reproducible_ml.core.params import Section

CANVAS = Path("docs/governance/canvas.yaml")
TECHNICAL = Path("docs/governance/technical_documentation.yaml")

CANVAS_HEADER = """\
# What the model is for, in the words of those who use and pay for it. `rml governance`
# writes it, with the model's figures, to ai_canvas.md, machine_learning_canvas.md and
# crisp_ml.md. A field is a text, or a list of paragraphs. What is empty is listed there
# as a gap.
"""
TECHNICAL_HEADER = """\
# What only people can say of a high-risk system: Annex IV of the EU AI Act asks for it.
# `rml governance` writes it, with what the repository knows, to
# technical_documentation.md. A field is a text, or a list of paragraphs. What is empty
# is a gap; if something does not apply, say so, and why.
"""


def _ask(question: str) -> Text:
    return text_field(question, required=True)


class Canvas(Section):
    """The content of docs/governance/canvas.yaml."""

    prediction: Text = _ask("What is not known today, and is to be predicted?")
    judgment: Text = _ask(
        "What is a right answer worth, and what does each kind of error cost, to whom?"
    )
    action: Text = _ask("What is done, differently, because of an answer?")
    outcome: Text = _ask("By what is it seen later whether the action was right?")
    input: Text = _ask("What is known when an answer is needed?")
    training: Text = _ask("Which past cases, with their outcome, is it trained on?")
    feedback: Text = _ask(
        "How do outcomes come back, to check and to improve the model?"
    )
    impact: Text = _ask(
        "What changes for the work around it, for staff, for those it is about?"
    )
    value: Text = _ask("Who uses the answers, and what do they gain?")
    decisions: Text = _ask("How does an answer become a decision, who takes it?")
    prediction_task: Text = _ask(
        "Of what is each prediction, and how long until the outcome is known?"
    )
    data_sources: Text = _ask("Which systems do inputs and outcomes come from?")
    data_collection: Text = _ask(
        "How do new cases with outcomes come in, how many, at what cost?"
    )
    features: Text = _ask("What of the inputs matters, in the eyes of the experts?")
    offline_evaluation: Text = _ask(
        "From which figures on may it be used? What must hold for which groups?"
    )
    making_predictions: Text = _ask("When must answers come, how fast, how many?")
    building_models: Text = _ask("When is it trained anew, and who decides?")
    live_monitoring: Text = _ask("Which figures show its use and harm in operation?")
    business_success: Text = _ask("From when on is it a success, for the business?")
    economic_success: Text = _ask("From when on does it pay, by which figure?")
    feasibility: Text = _ask(
        "Why should it work: similar cases, enough data, legal limits, effort?"
    )
    fallback: Text = _ask("What happens if it fails or is switched off?")


class Technical(Section):
    """The content of docs/governance/technical_documentation.yaml."""

    provider: Text = _ask("Name and address of the provider. [1(a)]")
    earlier_versions: Text = _ask(
        "How this version differs from those before it. [1(a)]"
    )
    interaction: Text = _ask(
        "Which hardware, software and other AI systems it works with. [1(b)]"
    )
    forms: Text = _ask(
        "In which forms it is offered: a package, a download, an interface, in a"
        " device. [1(d)]"
    )
    hardware: Text = _ask("The hardware that it is to run on. [1(e)]")
    product: Text = _ask(
        "If it is part of a product: pictures of its outside, marking, inside. [1(f)]"
    )
    interface: Text = _ask("What those who use it see and operate. [1(g)]")
    instructions: Text = _ask("Where the instructions for use are. [1(h)]")
    third_party: Text = _ask(
        "Models, tools and data of others that went into it, and how. [2(a)]"
    )
    design_choices: Text = _ask(
        "Main choices, why they were made, for which people, what was traded off."
        " [2(b)]"
    )
    resources: Text = _ask(
        "Computing resources to develop, train, test and validate it. [2(c)]"
    )
    labelling: Text = _ask("Who labelled the cases, how, and how well. [2(d)]")
    oversight: Text = _ask(
        "What people need to oversee it and to interpret its answers. [2(e), 3]"
    )
    planned_changes: Text = _ask("Changes that are planned in advance. [2(f)]")
    test_reports: Text = _ask(
        "Who signed which test reports, when, and where they are. [2(g)]"
    )
    security: Text = _ask(
        "Measures against attacks: on data, model, inputs, access. [2(h)]"
    )
    foreseeable_risks: Text = _ask(
        "Unintended results, and sources of risk to health, safety, rights, equal"
        " treatment. [3]"
    )
    metrics: Text = _ask("Why these metrics suit this purpose. [4]")
    risk_management: Text = _ask(
        "The risk management system: risks, measures, what remains. [5; Art. 9]"
    )
    changes: Text = _ask("Changes that were made over its lifetime. [6]")
    standards: Text = _ask("Standards that were applied, or what instead. [7]")
    declaration: Text = _ask("Where the EU declaration of conformity is. [8; Art. 47]")
    monitoring: Text = _ask("The plan to monitor it in use. [9; Art. 72]")
    logs: Text = _ask("Where its logs are, who reads them, how long they are kept. [3]")


def read_canvas(path: Path = CANVAS) -> Canvas:
    """Return the answers; none if there is no file.

    Raises:
        UserError: A line for each error in the file.
    """
    return read_form(path, Canvas)


def read_technical(path: Path = TECHNICAL) -> Technical:
    """Return the answers; none if there is no file.

    Raises:
        UserError: A line for each error in the file.
    """
    return read_form(path, Technical)


def empty_canvas() -> str:
    """Return the text of canvas.yaml without answers."""
    return empty_form_of(Canvas, CANVAS_HEADER)


def empty_technical() -> str:
    """Return the text of technical_documentation.yaml without answers."""
    return empty_form_of(Technical, TECHNICAL_HEADER)
