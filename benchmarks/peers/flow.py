"""The stages of dvc.yaml as functions, for what runs them in one process.

`python benchmarks/peers/flow.py one|prefect` in the folder of a project calls them one
after the other, bare or as the tasks of a Prefect flow; Kedro takes its pipeline from
`kedro_pipeline`.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.dependencies import read_stages


class Step(NamedTuple):
    """A stage.

    Attributes:
        name: As in dvc.yaml.
        main: Its function.
        arguments: Paths that it gets.
        reads: What earlier stages write.
        writes: Its own outputs.
    """

    name: str
    main: Callable[..., None]
    arguments: list[Path]
    reads: list[Path]
    writes: list[Path]

    def call(self, *_: Any) -> list[str]:
        """Run the stage, and return its outputs."""
        self.main(*self.arguments)
        return [str(path) for path in self.writes]


def read_steps() -> Iterator[Step]:
    """Yield the stages of dvc.yaml in the current folder, in their order there."""
    known: set[Path] = set()
    for name, stage in read_stages(Path.cwd()).items():
        module, *arguments = stage.command.split()[2:]
        reads = [path for path in stage.paths if path in known or _inside(path, known)]
        main = import_module(module).main
        paths = [Path(argument) for argument in arguments]
        yield Step(name, main, paths, reads, [*stage.outputs])
        known |= {*stage.outputs}


def _inside(path: Path, known: set[Path]) -> bool:
    return any(path.is_relative_to(each) for each in known)


def kedro_pipeline(first: str = "") -> Any:
    """Return the pipeline of Kedro; its data sets are the paths of outputs.

    Args:
        first: Stage that it begins with, as the outputs of those before are there.
    """
    from kedro.pipeline import Pipeline, node

    steps = [*read_steps()]
    names = [step.name for step in steps]
    steps = steps[names.index(first) if first else 0 :]
    made = {path for step in steps for path in step.writes}

    def named(paths: list[Path]) -> list[str]:
        return [re.sub(r"\W", "_", str(path)) for path in paths if path in made]

    return Pipeline(
        node(step.call, named(step.reads), named(step.writes), name=step.name)
        for step in steps
    )


def run_prefect() -> None:
    """Run the stages as tasks of a flow, with the server that Prefect starts for it."""
    from prefect import flow, task

    @flow(name="pipeline")
    def pipeline() -> None:
        done: list[str] = []
        for step in read_steps():
            done = task(name=step.name)(step.call)(done)

    pipeline()


def main(way: str) -> None:
    """Run all stages."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if way == "prefect":
        run_prefect()
        return
    for step in read_steps():
        step.call()


if __name__ == "__main__":
    main(sys.argv[1])
