"""Copy the files of the template into the new project, and make its first commit."""

import json
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
TEMPLATE = json.loads(r"""{{ template() | jsonify }}""")

sys.dont_write_bytecode = True
sys.path.insert(0, TEMPLATE["folder"])

from hooks.files import GenerationError, copy_template  # noqa: E402
from hooks.steps import prepare  # noqa: E402

try:
    copy_template(Path(TEMPLATE["folder"]), Path.cwd(), TEMPLATE["identity"], ANSWERS)
except GenerationError as error:
    sys.exit(f"error: {error}")
prepare(Path.cwd(), ANSWERS, TEMPLATE)
