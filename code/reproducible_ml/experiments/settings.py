"""Settings as `make exp S='train.seed=1 split.test_size=0.3'` gives them.

They are tried on a copy of params.yaml, so that a mistake is told before anything runs.
"""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reproducible_ml.errors import UserError
from reproducible_ml.params import Params, load_params
from reproducible_ml.review.results import PARAMS
from reproducible_ml.review.review import known_metrics

FORM = "Write key=value with a key of params.yaml, as train.seed=1."


def read_settings(text: str) -> list[str]:
    """Return settings as `dvc exp run --set-param` takes them.

    Args:
        text: Settings separated by blanks, in quotes where a shell needs them.

    Raises:
        UserError: With a line for each that is none.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"S={text}: {str(error).lower()}. {FORM}") from error
    if problems := [*filter(None, map(_problem, words))]:
        raise UserError("\n".join(problems))
    return [_allowed_to_add(word) for word in words]


def _problem(word: str) -> str | None:
    """Say why this is no setting."""
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.errors import HydraException

    key = word.partition("=")[0]
    try:
        [setting] = to_hydra_overrides([word])
    except HydraException:
        quotes = "Other signs than letters, digits and . _ - need quotes:"
        return f"S: {word}: is no setting. {FORM} {quotes} \"split.salt='a, b'\"."
    if not setting.key_or_group or ":" in key or "${" in word:
        return f"S: {word}: is no setting. {FORM}"
    if setting.is_sweep_override():
        return (
            f"S: {word}: several values are several experiments. Queue them:"
            f" dvc exp run --queue -S {shlex.quote(word)} && dvc queue start."
            f" (A list stands in brackets: {key}=[a,b])"
        )
    return None


def _allowed_to_add(word: str) -> str:
    """Let a setting add its key: what may be added, params.yaml's rules decide."""
    return word if word.startswith("~") else f"++{word.lstrip('+')}"


def plan(root: Path, settings: Sequence[str]) -> str:
    """Return the text that params.yaml will have with these settings.

    Raises:
        UserError: With a line for each that breaks a rule.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / PARAMS
        shutil.copy(root / PARAMS, path)
        _change(path, settings)
        try:
            params = load_params(path)
        except UserError as error:
            raise UserError(str(error).replace(f"{folder}/", "")) from error
        if problems := [*_misfits(params)]:
            raise UserError("\n".join(problems))
        return path.read_text("utf-8")


def _change(path: Path, settings: Sequence[str]) -> None:
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    for setting in settings:
        try:
            apply_overrides(path, [setting])
        except DvcException as error:
            said = str(error.__cause__ or error).partition("\n")[0]
            raise UserError(f"S: {setting.lstrip('+')}: {said}") from error


def _misfits(params: Params) -> Iterator[str]:
    """Yield what the stages would refuse later."""
    # scikit-learn takes a second to import.
    from sklearn.pipeline import Pipeline

    from reproducible_ml.models.estimator import make_estimator
    from reproducible_ml.models.space import make_space
    from reproducible_ml.models.tasks import unknown_metrics

    search, task = params.train.search, params.data.task
    known = known_metrics(task)
    asked = {
        "evaluate.metrics": params.evaluate.metrics,
        "train.search.metric": filter(None, [search.metric]),
    }
    for key, names in asked.items():
        yield from unknown_metrics(key, names, known, task)
    try:
        estimator = make_estimator(params.train, task, 0)
        if search.method != "none":
            make_space(Pipeline([("estimator", estimator)]), search)
    except UserError as error:
        yield str(error)
