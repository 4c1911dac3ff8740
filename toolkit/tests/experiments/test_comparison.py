"""Tests of reproducible_ml.experiments.run."""

from reproducible_ml.experiments.run import describe_changes

from .conftest import PARAMS, Project


def words(project: Project) -> str:
    base = project.git("rev-parse", "HEAD").strip()
    return "\n\n".join(describe_changes(project.root, base))


def test_unchanged_project_is_told(project: Project) -> None:
    text = words(project)
    assert text.startswith("Compared with `")
    assert text.endswith(
        "**Nothing changed**: code, data, parameters and results are the same."
    )


def test_parameter_that_no_stage_reads_is_told(project: Project) -> None:
    project.write("params.yaml", f"{PARAMS}clean: {{missing: drop}}\n")
    text = words(project)
    assert '| `clean.missing` | - | `"drop"` |' in text
    assert text.endswith("**No result changed**: no stage reads these.")


def test_changes_are_told_as_in_the_report(project: Project) -> None:
    project.write("params.yaml", PARAMS.replace("seed: 0", "seed: 5"))
    project.dvc("repro", "--quiet")
    text = words(project)
    assert "| `train.seed` | `0` | `5` |" in text
    assert "| `evaluate` | `train.seed` | `reports/metrics.json` |" in text
    assert (
        "| `roc_auc` ↑ | 0.9000 | 0.8500 | -0.0500 | - | worse, noise unknown |" in text
    )
    assert "`roc_auc` went from 0.9000 to 0.8500, worse, noise unknown." in text
    assert "**As a pull request it would be refused:**\n\n- `roc_auc` against" in text
