"""Tell malignant tumours from benign ones, from measurements of cell nuclei."""

from pathlib import Path

# A copy of the repository runs its own code: `dvc exp run --temp` and the queue work in
# such copies, where an editable installation would find the code of the original.
_own = Path("code", __name__)
if _own.is_dir():
    __path__.insert(0, str(_own.resolve()))
