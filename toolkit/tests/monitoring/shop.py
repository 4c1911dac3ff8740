"""A project about a growing table, with remotes of Git and DVC, that trains quickly."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from reproducible_ml.core.files import parse_params

from ..loopback import FilesWithVersions
from ..repository.conftest import RML, Project, copy_of_working_tree

FIRST_DAY = pd.Timestamp("2025-01-06")
PER_DAY = 4


def visits(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return the first rows of a table that goes on: the same ones for any number."""
    random = np.random.default_rng(seed)
    drawn = random.random((rows, 4))
    age, spent = 18 + np.floor(60 * drawn[:, 0]), 200 * drawn[:, 1]
    rank = (spent - 100) / 40 + (age < 40)
    returned = drawn[:, 2] < 1 / (1 + np.exp(-2 * rank))
    days = FIRST_DAY + pd.to_timedelta(np.arange(rows) // PER_DAY, "D")
    regions = np.array(["north", "south", "west"])
    return pd.DataFrame(
        {
            "visit": [f"v{seed}-{number:06}" for number in range(rows)],
            "day": days.strftime("%Y-%m-%d"),
            "age": age.astype(int),
            "spent": spent.round(2),
            "region": regions[(3 * drawn[:, 3]).astype(int)],
            "returned": np.where(returned, "yes", "no"),
        }
    )


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return path


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """Yield the URL of a folder, on this computer."""
    handler = functools.partial(FilesWithVersions, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Shop(Project):
    """The project; its remotes are beside it."""

    @property
    def hub(self) -> Path:
        """The bare repository that it is pushed to."""
        return self.folder.parent / "hub.git"

    @property
    def storage(self) -> Path:
        """The remote of DVC."""
        return self.folder.parent / "storage"

    def git(self, *arguments: str) -> str:
        """Run Git in the project."""
        return self.run("git", *arguments).stdout.strip()

    def there(self, *arguments: str) -> str:
        """Run Git in the hub."""
        command = ["git", "-C", str(self.hub), *arguments]
        return subprocess.check_output(command, text=True).strip()

    def branches(self) -> list[str]:
        """Return the branches of the hub."""
        return self.there("branch", "--format", "%(refname:short)").split()

    def retrain(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run `rml retrain`, which must end with this code; return the JSON of it."""
        done = self.run(*RML, "retrain", *arguments, check=False)
        assert done.returncode == code, done.stdout
        found: dict[str, Any] = json.loads(self.read("monitoring/retrain.json"))
        return found

    def report(self) -> str:
        """Return the report of `rml retrain`."""
        return self.read("monitoring/retrain.md")

    def copy(self, folder: Path) -> "Shop":
        """Copy the project and its remotes."""
        shutil.copytree(self.folder.parent, folder, symlinks=True)
        shop = Shop(folder / self.folder.name)
        shop.git("remote", "set-url", "origin", str(shop.hub))
        # As a path of this clone alone: it is in .dvc/config.local.
        change = ("dvc", "remote", "modify", "--local", "storage", "url")
        shop.run(*change, str(shop.storage))
        return shop


def make_shop(folder: Path, source: str, *options: str) -> Shop:
    """Adopt a table, train on it, commit and push everything."""
    shop = Shop(copy_of_working_tree(folder / "shop").folder)
    shop.run(*RML, "data", source, "--target", "returned", *options)
    params = parse_params(shop.read("params.yaml"))
    params["train"]["estimator"]["arguments"]["max_iter"] = 20
    params["train"]["live_steps"] = 0
    params["evaluate"] |= {"replicates": 100, "importance_repeats": 1}
    params["evaluate"] |= {"dependence_columns": 0, "slices": {"region": []}}
    (shop.folder / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    shop.run("dvc", "remote", "add", "--default", "storage", str(shop.storage))
    shop.run(*RML, "repro")
    shop.commit()
    shop.run("git", "init", "--quiet", "--bare", "-b", "main", str(shop.hub))
    shop.git("remote", "add", "origin", str(shop.hub))
    shop.git("push", "--quiet", "--set-upstream", "origin", "main")
    shop.run("dvc", "push", "--quiet")
    return shop
