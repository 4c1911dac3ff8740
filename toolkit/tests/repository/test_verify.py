"""`rml verify` passes on this project, and finds what is not reproducible."""

import pytest

from .conftest import RML, Project, needs_sample

pytestmark = pytest.mark.integration


def differing(project: Project) -> tuple[list[str], str]:
    """Return the outputs that `rml verify` finds to differ, and all it prints."""
    project.reproduce()
    project.commit()
    done = project.run(*RML, "verify", check=False)
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if "DIFFERENT" in line]
    return [line.split()[1] for line in lines], done.stdout


def test_head_is_reproduced_bit_for_bit(project: Project) -> None:
    # Code that is not committed must not take part.
    project.edit(
        "code/tumour_diagnosis/models/train.py", "def main(", "1 / 0\ndef main("
    )
    printed = project.run(*RML, "verify").stdout
    assert "There are uncommitted changes" in printed
    assert "Every output was reproduced, bit for bit." in printed


@pytest.mark.slow
def test_date_in_a_model_is_found(project: Project) -> None:
    project.edit(
        "code/tumour_diagnosis/models/train.py",
        '"training_data": ',
        '"made": __import__("time").strftime("%x"),\n        "training_data": ',
    )
    found, printed = differing(project)
    assert found == ["models/model.json"]
    assert "All data were reproduced" in printed


@pytest.mark.slow
@needs_sample
def test_hash_seed_in_data_is_found(project: Project) -> None:
    project.edit(
        "code/tumour_diagnosis/datasets/sample.py",
        "rows.to_csv(",
        "rows[sorted(rows, key=lambda name: hash(str(name)))].to_csv(",
    )
    _, printed = differing(project)
    assert "Some data were not reproduced" in printed
