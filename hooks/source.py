"""Give the hooks the folder of this repository, and its own identity."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

from hooks.addresses import secret_problems

TEMPLATE = Path(__file__).resolve().parent.parent

# cookiecutter changes the folder later; paths in answers are relative to this one.
WORKING_FOLDER = Path.cwd()


class SourceExtension(Extension):
    """Adds the functions `template()` and `refuse_secrets()` to Jinja."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["template"] = self.describe
        environment.globals["refuse_secrets"] = self.refuse_secrets

    def describe(self) -> dict[str, Any]:
        """Return the folders, and the default answers: the repository's identity."""
        questions = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
        identity: dict[str, str] = {}
        for name, default in questions.items():
            if not name.startswith("_"):
                first = default[0] if isinstance(default, list) else default
                text = self.environment.from_string(first)
                identity[name] = text.render(cookiecutter=identity)
        return {
            "folder": str(TEMPLATE),
            "working_folder": str(WORKING_FOLDER),
            "identity": identity,
        }

    @staticmethod
    def refuse_secrets(answers: Mapping[str, Any]) -> str:
        """Stop where an answer holds a secret.

        The last line of cookiecutter.json calls this: soon after, and before any hook,
        cookiecutter writes all answers into the user's folder, to replay them.
        """
        if problems := list(secret_problems(answers)):
            sys.exit("\n".join(f"error: {problem}" for problem in problems))
        return ""
