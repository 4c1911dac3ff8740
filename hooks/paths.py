"""Which files of this repository a project gets."""

from collections.abc import Iterable
from pathlib import PurePosixPath

# What makes projects, tests the toolkit, or is about this repository itself. The pages
# of docs/governance/ depend on the components: a project writes its own.
MACHINERY = (
    ".ci",
    ".github/workflows/search.yaml",
    ".github/workflows/template.yaml",
    "CITATION.cff",
    "benchmarks",
    "cookiecutter.json",
    "docs/benchmarks.md",
    "docs/governance/ai_canvas.md",
    "docs/governance/crisp_ml.md",
    "docs/governance/data_protection.md",
    "docs/governance/machine_learning_canvas.md",
    "docs/governance/ml_test_score.md",
    "docs/governance/ml_test_score.yaml",
    "docs/governance/risk.md",
    "docs/governance/technical_documentation.md",
    "docs/media/README.md",
    "docs/media/plots.png",
    "docs/template.md",
    "environments/node",
    "hooks",
    "pipelines/simulate.py",
    "toolkit/tests",
    "{{cookiecutter.project_slug}}",
)

# Copied as it is: it keeps its name and its license.
TOOLKIT = ("toolkit",)

# Results of the sample.
RESULTS = ("docs/data/dictionary.md", "dvc.lock", "reports")


def is_within(name: str, paths: Iterable[str]) -> bool:
    """Return whether a file is one of these paths, or in one of these folders.

    Args:
        name: Path of the file in the repository, with slashes.
        paths: Files and folders.
    """
    return any(PurePosixPath(name).is_relative_to(path) for path in paths)
