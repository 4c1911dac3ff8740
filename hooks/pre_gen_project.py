"""Check the answers before anything is written."""

import json
import sys

# JSON in a raw string: no answer can become code.
ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
TEMPLATE = json.loads(r"""{{ template() | jsonify }}""")

sys.dont_write_bytecode = True
sys.path.insert(0, TEMPLATE["folder"])

from hooks.answers import find_problems  # noqa: E402

problems = find_problems(ANSWERS, TEMPLATE)
sys.exit("\n".join(f"error: {problem}" for problem in problems) or None)
