"""`rml explain` as it is typed."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.core.parts import read_table

from .conftest import RML, Project

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("cold")]


def test_rows_of_the_test_set_and_of_a_file(project: Project) -> None:
    test = read_table(project.folder / "data/processed/test")
    key = f"{test.index[16]:016x}"
    printed = project.run(*RML, "explain", "1", key, "--top", "3").stdout
    assert "row 1 (" in printed
    assert f"row 17 ({key})" in printed
    assert "base value" in printed
    assert "against 100 training rows" in printed

    command = [*RML, "explain", "17", "--json", "--picture", "row.png"]
    text = project.run(*command).stdout
    assert project.run(*command).stdout == text
    lines = text.splitlines()
    found = json.loads("\n".join(lines[lines.index("{") :]))
    [own] = found["explanations"]
    total = own["base"] + sum(e["contribution"] for e in own["contributions"])
    assert total == pytest.approx(own["output"], abs=1e-6)
    assert Path(project.folder / "row.png").read_bytes()[:4] == b"\x89PNG"

    target = project.get("data.target")
    rows = test.drop(columns=[target]).iloc[[3, 16]]
    rows.to_csv(project.folder / "new.csv", index=False)
    rows.to_parquet(project.folder / "new.parquet", index=False)
    for name in ("new.csv", "new.parquet"):
        text = project.run(*RML, "explain", "2", "--file", name, "--json").stdout
        [again] = json.loads(text)["explanations"]
        assert again["contributions"] == own["contributions"]


@pytest.mark.slow
def test_training_rows_are_packaged_only_on_request(project: Project) -> None:
    folder, name = project.folder, "background.parquet"
    project.run(*RML, "explain", "--background", name)
    for options in ([], ["--explain"]):
        project.run(*RML, "package", "--force", *options)
        [wheel] = (folder / "dist").glob("*_model-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            found = [each for each in archive.namelist() if each.endswith(name)]
            assert len(found) == len(options)
            for each in found:
                assert archive.read(each) == (folder / name).read_bytes()
    target = project.get("data.target")
    kept = pd.read_parquet(folder / name)
    assert len(kept) == 100
    assert target not in kept


@pytest.mark.slow
def test_what_cannot_be_explained_is_a_line(project: Project) -> None:
    def fails(*arguments: str) -> str:
        done = project.run(*RML, "explain", *arguments, check=False)
        assert done.returncode == 1, done.stdout
        assert done.stdout.startswith("error: ")
        return done.stdout

    assert "no row is named" in fails()
    assert "row 0: is not a position from 1 or a row key" in fails("0")
    assert "row 99999: is none of the" in fails("99999")
    assert "does not exist" in fails("--file", "gone.csv")
    assert "must end in .png" in fails("1", "--picture", "row.jpg")
    rows = pd.DataFrame({"a": range(101)})
    rows.to_csv(project.folder / "other.csv", index=False)
    assert "has more than 100 rows" in fails("--file", "other.csv")
    assert 'column "' in fails("1", "--file", "other.csv")
    # Of other training rows, base value and contributions would be others.
    part = next((project.folder / "data/processed/train").iterdir())
    frame = pd.read_parquet(part).iloc[:-1]
    part.unlink()
    frame.to_parquet(part)
    assert "is not the table that the model was trained on" in fails("1")
