"""Give the hooks the folder of this repository, and its own identity."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import (
    ChainableUndefined,
    DebugUndefined,
    Environment,
    Template,
    TemplateSyntaxError,
)
from jinja2.ext import Extension

from hooks.answers import find_problems

TEMPLATE = Path(__file__).resolve().parent.parent

# cookiecutter changes the folder later; paths in answers are relative to this one.
WORKING_FOLDER = Path.cwd()


class _KeptUndefined(ChainableUndefined, DebugUndefined):
    """Leaves {{ x }} and {{ x.y }} as they are, at least in part."""


class _Answer(Template):
    """An answer, which may have an expression that fails, such as {{ 1 / 0 }}."""

    def render(self, *arguments: Any, **options: Any) -> str:
        try:
            return super().render(*arguments, **options)
        except Exception as error:
            sys.exit(
                f"error: an answer has an expression that fails: {error}. Fix: leave"
                ' "{{" and "{%" out.'
            )


class SourceExtension(Extension):
    """Adds the functions `template()` and `check()` to Jinja."""

    # Whether the answers were checked, before which they are rendered themselves.
    checked = False

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["template"] = self.describe
        environment.globals["check"] = self.check
        if not self.checked:
            # An answer such as {{ x }} stays as it is: `check` says what is wrong.
            environment.undefined = _KeptUndefined
            environment.from_string = self.parse_answer  # type: ignore[method-assign]

    def describe(self) -> dict[str, Any]:
        """Return the folders, and the default answers: the repository's identity."""
        questions = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
        identity: dict[str, str] = {}
        for name, default in questions.items():
            if not name.startswith("_"):
                text = self.environment.from_string(default)
                identity[name] = text.render(cookiecutter=identity)
        return {
            "folder": str(TEMPLATE),
            "working_folder": str(WORKING_FOLDER),
            "identity": identity,
        }

    def check(self, answers: Mapping[str, Any]) -> str:
        """Stop where an answer is not valid, with a line for each.

        The last line of cookiecutter.json calls this: soon after, and before any hook,
        cookiecutter writes all answers into the user's folder, to replay them.
        """
        # cruft adds its own answers, which say that it is cruft, only later.
        known = {"_commit": ""} if "cruft" in sys.modules else {}
        if problems := find_problems(known | dict(answers), self.describe()):
            sys.exit("\n".join(f"error: {problem}" for problem in problems))
        SourceExtension.checked = True
        return ""

    def parse_answer(self, source: Any, *arguments: Any, **options: Any) -> Template:
        """Parse an answer, as cookiecutter does with each."""
        try:
            options.setdefault("template_class", _Answer)
            return Environment.from_string(
                self.environment, source, *arguments, **options
            )
        except TemplateSyntaxError as error:
            sys.exit(
                f'error: an answer begins an expression with "{{{{" or "{{%":'
                f" {str(error.message).rstrip('.')}. Fix: leave these characters out."
            )
