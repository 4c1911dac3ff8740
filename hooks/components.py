"""The optional parts of a project: whole files and folders outside of toolkit/.

To add one: a line here, and in the prompt of `components` in cookiecutter.json. Files
that every project gets must not link to the files of a component.
"""

from typing import NamedTuple

from hooks.paths import is_within


class Component(NamedTuple):
    """What a component is for, and its files and folders."""

    description: str
    paths: tuple[str, ...]


COMPONENTS = {
    "notebooks": Component(
        "a folder for notebooks that look at the data", ("notebooks",)
    ),
    "github": Component(
        "workflows that test and report pull requests and release models, issue forms",
        (".github", "docs/roles.md"),
    ),
    "containers": Component(
        "a Docker image of the environment, a development container",
        (".devcontainer", "environments/Dockerfile"),
    ),
    "service": Component(
        "a web service that predicts",
        ("code/tumour_diagnosis/deployment/service.py", "environments/service.txt"),
    ),
    "monitoring": Component(
        "settings and a guide to watch a model in use: drift, refused rows, outcomes",
        (
            ".cloud/monitoring",
            ".github/workflows/retrain.yaml",
            "code/tumour_diagnosis/deployment/monitoring.py",
            "docs/monitoring.md",
        ),
    ),
    "governance": Component(
        "questions and generated pages: canvases, risk (EU AI Act), data protection",
        ("docs/governance",),
    ),
    "worker": Component(
        "a worker that predicts messages of a queue (NATS)",
        ("code/tumour_diagnosis/deployment/worker.py", "environments/worker.txt"),
    ),
    "serverless": Component(
        "a function that predicts, for AWS Lambda",
        (
            "code/tumour_diagnosis/deployment/serverless.py",
            "environments/Dockerfile.serverless",
            "environments/serverless.txt",
        ),
    ),
    "kubernetes": Component(
        "manifests to run service and batch on Kubernetes", (".cloud/kubernetes",)
    ),
    "clusters": Component(
        "locked packages to compute on a cluster of Dask or Ray",
        ("environments/dask.txt", "environments/ray.txt"),
    ),
    "xgboost": Component(
        "XGBoost for tables larger than memory: locked packages, a guide",
        ("docs/xgboost.md", "environments/xgboost.txt"),
    ),
    "tracking": Component(
        "a guide to results on MLflow or Weights & Biases, locked packages",
        (
            "docs/media/mlflow.png",
            "docs/tracking.md",
            "environments/mlflow.txt",
            "environments/wandb.txt",
        ),
    ),
    "nightly": Component(
        "the pipeline on a schedule: a script, cron, systemd, Airflow",
        (
            "pipelines/README.md",
            "pipelines/airflow_dag.py",
            "pipelines/alert.py",
            "pipelines/nightly.sh",
            "pipelines/systemd",
        ),
    ),
    "federated": Component(
        "a linear model of rows that stay in several places (federated averaging)",
        ("pipelines/federated.py",),
    ),
    "site": Component(
        "the documentation as a site, with pages of the code",
        (
            ".github/workflows/pages.yaml",
            "environments/site.in",
            "environments/site.txt",
            "mkdocs.yml",
        ),
    ),
}

SETS = {
    "minimal": (),
    "standard": ("notebooks", "github", "containers", "service", "monitoring"),
    "everything": tuple(COMPONENTS),
}


def choose_components(answer: str) -> set[str]:
    """Return the names of the components that were asked for: a set, or a list.

    In a list, `standard` stands for those of that set.

    Raises:
        ValueError: A name is not known; says which, and what can be chosen.
    """
    if answer.strip() in SETS:
        return set(SETS[answer.strip()])
    names = {name.strip() for name in answer.split(",")}
    if "standard" in names:
        names = names - {"standard"} | set(SETS["standard"])
    if unknown := sorted(names - set(COMPONENTS)):
        raise ValueError(
            f'"{unknown[0]}" is not a component. Fix: answer {", ".join(SETS)}, or some'
            f" of {', '.join(COMPONENTS)}, with commas between them."
        )
    return names


def is_left_out(name: str, chosen: set[str]) -> bool:
    """Return whether a file belongs to a component that was not chosen."""
    return any(
        is_within(name, component.paths)
        for key, component in COMPONENTS.items()
        if key not in chosen
    )


def prompt() -> str:
    """Return the question, with a line for each component; cookiecutter.json has it."""
    lines = [f"    {name}: {part.description}" for name, part in COMPONENTS.items()]
    standard = ", ".join(SETS["standard"])
    return "\n".join(
        [
            f"Components: minimal (none), standard ({standard}), everything, or names"
            " with commas between them, such as standard,governance",
            *lines,
            "   ",
        ]
    )
