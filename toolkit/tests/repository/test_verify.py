"""`make verify` passes on this project, and sees what does not come back."""

from .conftest import Project, needs_sample

VERIFY = ("python", "-m", "reproducible_ml.verify")


def test_head_comes_back_bit_for_bit(project: Project) -> None:
    done = project.run(*VERIFY)
    assert "Every output came back, bit for bit." in done.stdout
    assert "DIFFERENT" not in done.stdout


def test_chance_in_a_model_is_seen(project: Project) -> None:
    project.edit(
        "code/reproducible_ml/models/train.py",
        '"training_data": {',
        '"chance": __import__("os").urandom(8).hex(),\n        "training_data": {',
    )
    project.reproduce()
    project.commit()
    done = project.run(*VERIFY, check=False)
    assert done.returncode == 1
    differing = [line for line in done.stdout.splitlines() if "DIFFERENT" in line]
    assert [line.split()[1] for line in differing] == ["models/model.json"]
    assert "All data came back" in done.stdout


@needs_sample
def test_hash_seed_in_data_is_seen(project: Project) -> None:
    project.edit(
        "code/reproducible_ml/datasets/sample.py",
        "rows.to_csv(",
        "rows[sorted(rows, key=lambda name: hash(str(name)))].to_csv(",
    )
    project.reproduce()
    project.commit()
    done = project.run(*VERIFY, check=False)
    assert done.returncode == 1
    assert "Some data did not come back" in done.stdout
