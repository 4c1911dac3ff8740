"""The stages of this project, and what is specific to its data."""

from pathlib import Path

# Before scikit-learn, whose threads wait as the toolkit sets when it is imported.
import reproducible_ml  # noqa: F401

# Code of the repository around the current folder comes first. So copies run their own
# code: Git worktrees, and those of `dvc exp run --temp` and the queue. An editable
# installation alone would find the code of the original. What a wheel installed stays
# itself anywhere.
if Path(__file__).parents[1].name == "code":
    for _folder in (Path.cwd(), *Path.cwd().parents):
        if (_own := _folder / "code" / __name__).is_dir():
            __path__.insert(0, str(_own))
            break
