"""Log results to Weights & Biases, or to a folder that `wandb sync` sends later."""

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import first_line, one_line
from reproducible_ml.tracking.record import Record, as_text

NAME = "Weights & Biases"

# Git-ignored. What is written offline waits there; it is Weights & Biases' own name.
FOLDER = Path("wandb")

# By default, its client sends what the computer does, its name, and what is installed.
SETTINGS = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "host": "-",
    "init_timeout": 10,
    "save_code": False,
    "silent": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_graphql_retry_max": 0,
    "x_save_requirements": False,
}

# What a plain value in params.yaml can be; others are shown as JSON.
PLAIN = (str, bool, int, float, list, type(None))

ADVICE = "Check the network and WANDB_BASE_URL, or set WANDB_MODE=offline."


class NotSetUpError(Exception):
    """The client has no key, or is switched off; the text says what to do."""


def log(record: Record, package: str) -> tuple[str, bool]:
    """Log a result; return where it is shown, and whether it is new there.

    The project is WANDB_PROJECT, else the name of the package. With WANDB_MODE=offline,
    the run is a folder in `wandb/`.

    Raises:
        Exception: Whatever the client raises.
    """
    mode = os.environ.get("WANDB_MODE", "").strip() or "online"
    if mode not in ("online", "offline"):
        raise NotSetUpError(f"WANDB_MODE is {mode}. Set it to online or offline.")
    # Set before the import: the client reads the environment once.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    project = os.environ.get("WANDB_PROJECT") or package
    run = hashlib.sha256(" ".join(record.identity).encode()).hexdigest()[:16]
    if mode == "offline":
        return _log_offline(record, project, run)
    return _log_online(record, project, run)


def _log_offline(record: Record, project: str, run: str) -> tuple[str, bool]:
    """Write a run into a folder, which is complete if it is there."""
    import wandb

    if found := sorted(FOLDER.glob(f"offline-run-*-{run}")):
        return _waits(found[0]), False
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".") as folder:
        _write(wandb, record, project, run, "offline", folder)
        [made] = Path(folder).glob(f"**/offline-run-*-{run}")
        shutil.rmtree(made / "logs", ignore_errors=True)
        return _waits(Path(shutil.move(made, FOLDER))), True


def _waits(folder: Path) -> str:
    return f"{folder}, to be sent by: wandb sync {folder}"


def _log_online(record: Record, project: str, run: str) -> tuple[str, bool]:
    import wandb

    if not _has_key(wandb):
        # It would ask for one, in the middle of `make repro`.
        raise NotSetUpError(
            "there is no API key. Set WANDB_API_KEY, run `wandb login`, or set"
            " WANDB_MODE=offline."
        )
    api = wandb.Api(timeout=10)
    entity = os.environ.get("WANDB_ENTITY") or api.default_entity
    try:
        known = api.run(f"{entity}/{project}/{run}")
    except ValueError:  # it raises this, and its own errors, for a run it does not know
        known = None
    except wandb.errors.CommError as error:
        if "could not find" not in str(error).lower():
            raise
        known = None
    if known is not None and known.state == "finished":
        return str(known.url), False
    with tempfile.TemporaryDirectory(prefix="rml-wandb-") as folder:
        return str(_write(wandb, record, project, run, "online", folder)), True


def _write(
    wandb: Any, record: Record, project: str, run: str, mode: str, folder: str
) -> str | None:
    """Write a run, and return its address; one that is begun and fails is marked so."""
    params = {
        name: value if isinstance(value, PLAIN) else as_text(value)
        for name, value in record.params.items()
    }
    facts = {f"result.{name}": text for name, text in record.facts.items()}
    begun = wandb.init(
        project=project,
        id=run,
        name=record.title,
        config=params | facts,
        dir=folder,
        resume="allow" if mode == "online" else None,
        settings=wandb.Settings(mode=mode, **SETTINGS),
    )
    with begun:
        begun.summary.update(record.metrics)
        url: str | None = begun.url if mode == "online" else None
    return url


def _has_key(wandb: Any) -> bool:
    """Return whether there is an API key, in the environment or in ~/.netrc."""
    settings = wandb.setup().settings
    if settings.api_key:
        return True
    from requests.utils import get_netrc_auth

    return get_netrc_auth(settings.base_url) is not None


def explain(error: BaseException) -> str:
    """Return a line for an error, without the key."""
    reason = first_line(error)
    if key := os.environ.get("WANDB_API_KEY"):
        reason = reason.replace(key, "***")
    reason = re.sub(r"(://)[^/@\s]*@", r"\1", reason)
    if isinstance(error, NotSetUpError):
        return one_line(f"not logged to {NAME}: {reason}")
    return one_line(f"not logged to {NAME}: {reason.rstrip('.')}. {ADVICE}")
