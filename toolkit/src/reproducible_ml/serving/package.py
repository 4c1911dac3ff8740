"""`rml package`: wheels of the model and of the toolkit, which need no repository.

The wheel of the model has its files, the project's own code and the section `predict`
of params.yaml. setuptools builds both from copies of the files; names, order, dates and
permissions are fixed, so that the same files give the same bytes anywhere.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.files import PARAMS, replacing, write_text
from reproducible_ml.core.params import load_section
from reproducible_ml.core.project import PYPROJECT, Project
from reproducible_ml.serving.explaining.background import FILE as BACKGROUND
from reproducible_ml.serving.explaining.background import (
    TRAIN,
    as_parquet,
    choose_background,
)
from reproducible_ml.serving.model import MANIFEST, MODEL, SETTINGS
from reproducible_ml.versioning.git import Revision, run_git
from reproducible_ml.versioning.lock import (
    LOCK,
    find_outdated,
    locked_outputs,
    upstream_stages,
)

MODELS, LICENSE = PurePosixPath("models"), PurePosixPath("LICENSE")
README_FILE = PurePosixPath("README.md")

# Beside the wheels: what an image installs with them.
REQUIREMENTS = "requirements.txt"

# Ways to run the model besides the batch, and the verbs of their commands.
COMMANDS = {"service": "serve", "worker": "work"}

# The first day that a zip archive can have, so that no wheel has a date of its own.
EPOCH = "315532800"

BUILD = """\
import sys
from setuptools import build_meta
build_meta.build_wheel(sys.argv[1])
"""

INIT = '''\
"""{description}"""

from reproducible_ml.serving.installed import InstalledModel

__version__ = "{version}"

_model = InstalledModel(__path__[0], "{package}", "{slug}")
predict = _model.predict
main = _model.main
serve = _model.serve
work = _model.work
'''

README = """\
# {name}

{description}

```python
from {package}_model import predict

answers = predict(rows)  # a DataFrame, a row for each; the columns: see model.json
```

```sh
{slug}-predict rows.csv --output answers.csv
```
"""

Files = Mapping[PurePosixPath, bytes]


def package(
    project: Project, output: Path, *, force: bool = False, explain: bool = False
) -> list[Path]:
    """Build the wheels of the toolkit and of the model; return their paths, in order.

    Args:
        project: Its model is in `models/`, its code in `code/`.
        output: Folder for the wheels.
        force: Build them even if dvc.lock is not up to date for the model.
        explain: Add training rows, which the service compares with when it explains.

    Raises:
        UserError: There is no model, or it is that of other code.
    """
    root = project.root
    module = project.load("deployment.predict")
    params = load_section(module.Predict, root / PARAMS)
    # It refuses what no environment could load.
    model = module.load(root / MODELS)
    if not force:
        check_up_to_date(root)
    settings = _read(root / PYPROJECT)
    with TemporaryDirectory() as temporary:
        made = Path(temporary)
        toolkit = _build(_toolkit_files(root), made)
        versions = model.manifest["versions"]
        required = _requirements(root, settings, toolkit, versions)
        uses = _uses(root, project.package)
        metadata = _metadata(settings, project.package, required, uses)
        files = _model_files(root, project.package)
        folder = PurePosixPath(f"{project.package}_model")
        files[folder / SETTINGS] = _json(params.model_dump(mode="json"))
        if explain:
            rows = choose_background(root / TRAIN, model)
            files[folder / BACKGROUND] = as_parquet(rows, model)
        source = _model_source(files, metadata, folder, model.version)
        wheels = [toolkit, _build(source, made)]
        output.mkdir(parents=True, exist_ok=True)
        write_text(_locked(root, project.package, versions), output / REQUIREMENTS)
        moved = [_move(made / name, output) for name in wheels]
    for wheel in moved:
        # An image installs all wheels of the folder; older ones can be built again.
        for other in output.glob(f"{wheel.name.split('-')[0]}-*.whl"):
            if other not in moved:
                other.unlink()
    return moved


def _locked(root: Path, package: str, versions: Iterable[str]) -> str:
    """Return the locked packages of the wheels and of the ways in which they run.

    Args:
        root: Of the repository.
        package: The project's own package.
        versions: Packages that the model was made with; some have locks of their own.
    """
    own = [name for name in versions if (root / f"environments/{name}.txt").is_file()]
    names = ["model", *own, *_uses(root, package)]
    texts = [(root / f"environments/{name}.txt").read_text("utf-8") for name in names]
    # Each begins with a name and a version; its hashes follow, indented.
    blocks = re.findall(r"(?m)^\S+==.*\n(?:[ ]+.*\n)*", "".join(texts))
    return "".join({block.partition(" ")[0]: block for block in blocks}.values())


def _uses(root: Path, package: str) -> list[str]:
    """Return the ways in which the project can run its model by a wheel."""
    deployment = root / "code" / package / "deployment"
    return [name for name in COMMANDS if (deployment / f"{name}.py").is_file()]


def check_up_to_date(root: Path) -> None:
    """Refuse a model that is not that of dvc.lock, or dvc.lock if it is of other code.

    Stages that the model does not come from, as `evaluate`, do not count.

    Raises:
        UserError: One line, with the first reason.
    """
    lock = Revision(root).yaml(LOCK)
    locked = locked_outputs(lock)
    outputs = [str(MODELS / name) for name in (MODEL, MANIFEST)]
    # `dvc status` does not compare them where the locked ones are not in the cache.
    found = [
        f"{name} is not that of {LOCK}"
        for name in outputs
        if locked.get(name) != hashlib.md5((root / name).read_bytes()).hexdigest()
    ]
    needed = upstream_stages(lock, outputs)
    found += [
        f"{stage}: {reason}"
        for stage, reason in find_outdated(root, data=False)
        if stage in needed
    ]
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise UserError(
            f"{MODELS}: is not the model of this code and data ({found[0]}{more})."
            " Fix: make repro, or package it as it is: rml package --force"
        )


def _read(path: Path) -> dict[str, Any]:
    """Return the table `project` of a pyproject.toml."""
    return dict(tomllib.loads(path.read_text("utf-8"))["project"])


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _tracked(root: Path, folder: str) -> dict[PurePosixPath, bytes]:
    """Return the files that Git tracks or would track, by path in the folder."""
    options = ("--cached", "--others", "--exclude-standard", "-z", "--")
    listed = run_git(root, "ls-files", *options, folder)
    if listed is None:
        raise UserError(f"{root}: is not a Git repository, which says what to package")
    names = sorted({*filter(None, listed.decode("utf-8").split("\0"))})
    return {
        PurePosixPath(name).relative_to(folder): (root / name).read_bytes()
        for name in names
        if (root / name).is_file()
    }


def _toolkit_files(root: Path) -> dict[PurePosixPath, bytes]:
    """Return what the toolkit is built from, with a version that names its content."""
    files = {
        name: content
        for name, content in _tracked(root, "toolkit").items()
        if name.parts[0] != "tests"
    }
    tag = f"[egg_info]\ntag_build = +c{_digest(files)}\n"
    return files | {PurePosixPath("setup.cfg"): tag.encode()}


def _requirements(
    root: Path, settings: Mapping[str, Any], wheel: str, versions: Mapping[str, str]
) -> list[str]:
    """Return what the model needs: pins, and the project's own dependencies.

    What only the pipeline needs is left out: the toolkit's extra `project` names it.

    Args:
        root: Of the repository.
        settings: Of the project.
        wheel: Name of the toolkit's, in which its version comes second.
        versions: Of the packages that the model was made with.
    """
    toolkit = _read(root / "toolkit" / PYPROJECT)
    pins = [f"{toolkit['name']}=={wheel.split('-')[1]}"]
    pins += [pin for one in sorted(versions.items()) for pin in _pins(*one, settings)]
    apart = {
        *map(_name, pins),
        *map(_name, toolkit["optional-dependencies"]["project"]),
    }
    return pins + [one for one in settings["dependencies"] if _name(one) not in apart]


def _pins(name: str, version: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what brings a package, which may have another name on some systems."""
    for each in settings["optional-dependencies"].get(name, [name]):
        known = Requirement(each)
        known.specifier = SpecifierSet(f"=={version}")
        yield str(known)


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _metadata(
    settings: Mapping[str, Any], package: str, requirements: list[str], uses: list[str]
) -> dict[str, Any]:
    """Return the table `project` for the model, with the version of the project."""
    name, extras = settings["name"], settings["optional-dependencies"]
    commands = {"predict": "main"} | {COMMANDS[use]: COMMANDS[use] for use in uses}
    kept = ("requires-python", "license", "authors")
    return {
        "name": f"{name}-model",
        "description": f"The model of the project {name}.",
        "readme": "README.md",
        "dependencies": requirements,
        "optional-dependencies": {use: extras[use] for use in uses},
        "scripts": {
            f"{name}-{verb}": f"{package}_model:{function}"
            for verb, function in commands.items()
        },
        "version": settings["version"],
        **{key: settings[key] for key in kept if key in settings},
    }


def _model_files(root: Path, package: str) -> dict[PurePosixPath, bytes]:
    """Return the project's code and licence, and the model with its manifest."""
    code = _tracked(root, f"code/{package}")
    files = {package / name: content for name, content in code.items()}
    for name in (MODEL, MANIFEST):
        path = PurePosixPath(f"{package}_model", name)
        files[path] = (root / MODELS / name).read_bytes()
    if (root / LICENSE).is_file():
        files[LICENSE] = (root / LICENSE).read_bytes()
    return files


def _model_source(
    files: Files, metadata: Mapping[str, Any], folder: PurePosixPath, identity: str
) -> dict[PurePosixPath, bytes]:
    """Return what the model is built from, with a version that names its content."""
    words = {
        "name": metadata["name"],
        "description": metadata["description"],
        "package": folder.name.removesuffix("_model"),
        "slug": metadata["name"].removesuffix("-model"),
    }
    own = metadata["version"]
    # The model's file has a name in its manifest; all else gets one here.
    all_else = {**files, PurePosixPath(PYPROJECT): _json(metadata)}
    label = f"m{identity}.c{_digest(all_else)}"
    version = f"{own}{'.' if '+' in own else '+'}{label}"
    code = {
        **files,
        folder / "__init__.py": INIT.format(version=version, **words).encode(),
    }
    build = {
        "build-system": {
            "requires": ["setuptools>=77"],
            "build-backend": "setuptools.build_meta",
        },
        "project": {**metadata, "version": version},
        "tool": {
            "setuptools": {
                "packages": {"find": {"where": ["src"]}},
                "package-data": {"*": ["**"]},
            }
        },
    }
    return {
        **{n if n == LICENSE else "src" / n: content for n, content in code.items()},
        README_FILE: README.format(**words).encode(),
        PurePosixPath(PYPROJECT): tomlkit.dumps(build).encode(),
    }


def _digest(files: Files) -> str:
    found = hashlib.sha256()
    for name, content in sorted(files.items()):
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:12]


def _build(files: Files, made: Path) -> str:
    """Build a wheel of these files; return its name."""
    known = {*made.glob("*.whl")}
    with TemporaryDirectory() as temporary:
        for name, content in files.items():
            path = Path(temporary, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o644)
        done = subprocess.run(
            [sys.executable, "-I", "-c", BUILD, str(made)],
            cwd=temporary,
            env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
            umask=0o022,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode:
        last = RuntimeError(done.stdout.strip().rpartition("\n")[2])
        raise UserError(f"setuptools could not build a wheel: {first_line(last)}")
    [wheel] = {*made.glob("*.whl")} - known
    return wheel.name


def _move(wheel: Path, output: Path) -> Path:
    with replacing(output / wheel.name, shared=True) as temporary:
        shutil.copyfile(wheel, temporary)
    return output / wheel.name
