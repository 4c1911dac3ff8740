"""`rml site`: from the files of Git to a folder that any browser and server shows."""

import hashlib
import html
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import replacing_folder, write_text, yaml_problem
from reproducible_ml.core.project import Project
from reproducible_ml.site.check import (
    drop_pictures_of_others,
    escape_titles,
    find_problems,
)
from reproducible_ml.site.environment import LOCK, prepare
from reproducible_ml.site.pages import HOME, REPORT, Pages, navigation
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.lock import find_outdated
from reproducible_ml.versioning.once import Stamp, content_hash, repository_files

CONFIG = Path("mkdocs.yml")
SITE = Path("site")
# What MkDocs reads: pages and configuration.
WORK = Path(".dvc/tmp/rml/site")
TOOLKIT = Path("toolkit/src")

# Of this folder; the name of the script is the one that the theme looks for.
ASSETS = ("site.css", "iframe-worker.js")

# Settings with a path: MkDocs takes it as relative to the file with the setting.
LISTS = ("extra_css", "extra_javascript", "hooks", "watch")


class Built(NamedTuple):
    """A site.

    Attributes:
        folder: Where it is.
        is_new: Whether it was built now; else it was up to date.
        notes: What is not as its authors may think, a line each.
    """

    folder: Path
    is_new: bool
    notes: list[str]


def build(project: Project, helps: Mapping[str, str]) -> Built:
    """Build the site, unless it shows the same files already.

    Args:
        project: Whose root is the current folder.
        helps: The help text of each command of `rml`.

    Raises:
        UserError: A line for each link that leads nowhere, or why it cannot be built.
            The site of before stays.
    """
    root = project.root
    settings = read_settings(root)
    # As `rml site --serve` and `make site` after the same change.
    with _alone(root / WORK / "busy"):
        return _build(project, settings, helps)


def _build(
    project: Project, settings: Mapping[str, Any], helps: Mapping[str, str]
) -> Built:
    root = project.root
    paths = repository_files(root)
    names = [path.relative_to(root).as_posix() for path in paths]
    _check_folder(root, names)
    if HOME not in names:
        raise UserError(f"{HOME}: there is no such file, but it is the first page")
    # The report also says of which commit it is, and of the versions, which are tags.
    refs = run_git(root, "show-ref", "--head", "--tags", "HEAD") or b""
    own = sorted(Path(__file__).parent.glob("*.*"))
    state = f"{content_hash([*paths, *own])} {hashlib.sha256(refs).hexdigest()}"
    stamp = Stamp(root / WORK / "built")
    if stamp.matches(state) and (root / SITE / "index.html").is_file():
        return Built(root / SITE, False, [])
    python = prepare(root)
    _write_report(project)
    work = root / WORK
    notes = _write_pages(project, settings, names, python, helps)
    with replacing_folder(root / SITE) as folder:
        _run_mkdocs(python, work / CONFIG, folder, root)
        notes += [
            f"{name}: a picture of another host is left out"
            for name in drop_pictures_of_others(folder)
        ]
        escape_titles(folder)
        if problems := find_problems(folder):
            raise UserError("\n".join(problems))
    stamp.save(state)
    return Built(root / SITE, True, notes)


@contextmanager
def _alone(mark: Path) -> Iterator[None]:
    """Wait until no other process does the same in this repository.

    Args:
        mark: A file with the number of the process.
    """
    mark.parent.mkdir(parents=True, exist_ok=True)
    own = mark.with_name(f"{mark.name}.{os.getpid()}")
    own.write_text(str(os.getpid()))
    try:
        while True:
            try:
                # Made with its content in one step.
                os.link(own, mark)
                break
            except FileExistsError:
                with suppress(FileNotFoundError, ValueError):
                    if not psutil.pid_exists(int(mark.read_text())):
                        mark.unlink()  # it was killed
                        continue
                time.sleep(0.2)
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)
    finally:
        own.unlink()


def _write_report(project: Project) -> None:
    """Write the report as `rml show` does, if there are results."""
    # What it needs takes seconds to import.
    from reproducible_ml.page.page import METRICS, write_page

    if (project.root / METRICS).is_file():
        write_page(project, find_outdated(project.root, data=False))


def read_settings(root: Path) -> dict[str, Any]:
    """Return mkdocs.yml; tags of YAML, such as `!ENV`, are left to MkDocs.

    Raises:
        UserError: It is missing or not valid.
    """
    path = root / CONFIG
    if not path.is_file():
        raise UserError(
            f"{CONFIG}: there is no such file: this project was generated without the"
            f" site. Fix: generate a project with `components=site` elsewhere, and copy"
            f" {CONFIG} and {LOCK} from it"
        )

    class Loader(yaml.SafeLoader):
        """Knows no tags."""

    for prefix in ("!", "tag:yaml.org,2002:python/"):
        Loader.add_multi_constructor(prefix, lambda *_: None)
    try:
        content = yaml.load(path.read_text("utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = yaml_problem(error) if isinstance(error, yaml.YAMLError) else error
        raise UserError(f"{CONFIG}: is not valid YAML: {problem}") from error
    if not isinstance(content, dict):
        raise UserError(f"{CONFIG}: has no settings. Fix: `git restore {CONFIG}`")
    return content


def _check_folder(root: Path, names: list[str]) -> None:
    """Check that no files of somebody are replaced."""
    ours = (root / SITE / "search/search_index.json").is_file()
    tracked = any(name.startswith(f"{SITE}/") for name in names)
    if tracked or (not ours and (root / SITE).exists()):
        raise UserError(
            f"{SITE}: is no site that this command wrote, and would be replaced. Fix:"
            " move it"
        )


def _write_pages(
    project: Project,
    settings: Mapping[str, Any],
    names: list[str],
    python: Path,
    helps: Mapping[str, str],
) -> list[str]:
    """Write all that MkDocs reads; return notes.

    Raises:
        UserError: A line for each link that leads nowhere.
    """
    root, work = project.root, project.root / WORK
    pages = Pages(root, names)
    with replacing_folder(work / "pages") as output:
        pages.write(output)
        if pages.problems:
            raise UserError("\n".join(dict.fromkeys(pages.problems)))
        others: dict[str, list[Any]] = {}
        if (root / REPORT).is_file():
            _write_new(_results(project, pages), output, "results.md")
            (output / "reports").mkdir(exist_ok=True)
            shutil.copyfile(root / REPORT, output / REPORT)
            pages.places["results.md"] = "results.md"
        found = _api(project, python)
        for page in sorted((work / "api").iterdir()):
            _write_new(page.read_text("utf-8"), output, f"api/{page.name}")
        others["Code"] = ["api/index.md"] if any(found["pages"].values()) else []
        for package, written in found["pages"].items():
            titles = [name.removesuffix(".md") for name in written]
            short = [title.removeprefix(f"{package}.") for title in titles]
            entries = [
                {title: f"api/{name}"}
                for title, name in zip(short, written, strict=True)
            ]
            others["Code"] += [{package: entries}] if entries else []
        if helps:
            _write_new(_commands(helps), output, "commands.md")
            pages.places["commands.md"] = "commands.md"
        for name in ASSETS:
            asset = files("reproducible_ml.site").joinpath(name)
            write_text(asset.read_text("utf-8"), output / "assets" / name)
        for name in _own_files(settings):
            if name in pages.files:
                pages.add(name, output)
        whole = navigation(settings.get("nav"), pages, others)
        write_text(_derived(root, settings, pages, whole), work / CONFIG)
    return [*pages.notes, *found["problems"]]


def _write_new(text: str, output: Path, name: str) -> None:
    """Write a page that is made, unless a file of the repository has its place.

    Raises:
        UserError: It has.
    """
    readme = (output / name).with_name("README.md")
    if (output / name).exists() or (name.endswith("/index.md") and readme.exists()):
        raise UserError(
            f"{name}: the site has a page of this name that it makes by itself. Fix:"
            " rename the file or its folder"
        )
    write_text(text, output / name)


def _own_files(settings: Mapping[str, Any]) -> list[str]:
    """Return the files that mkdocs.yml names: styles, scripts, the logo."""
    theme = settings.get("theme")
    known = theme if isinstance(theme, dict) else {}
    listed = [
        item
        for key in ("extra_css", "extra_javascript")
        for item in settings.get(key) or []
    ]
    return [str(item) for item in (*listed, known.get("logo"), known.get("favicon"))]


def _derived(
    root: Path, settings: Mapping[str, Any], pages: Pages, whole: list[Any]
) -> str:
    """Return the configuration for MkDocs: what is not in mkdocs.yml but follows."""
    # MkDocs takes it for HTML.
    title = html.escape(pages.title(HOME) or root.resolve().name)
    extra = settings.get("extra")
    shims = (extra if isinstance(extra, dict) else {}).get("polyfills") or []
    derived: dict[str, Any] = {
        "INHERIT": str((root / CONFIG).resolve()),
        "site_name": settings.get("site_name") or title,
        "docs_dir": "pages",
        "site_dir": "built_site",
        "nav": whole,
        # None of the pages is left out because of its name.
        "exclude_docs": "!.*\n!/templates/\n",
        "extra_css": [f"assets/{ASSETS[0]}", *(settings.get("extra_css") or [])],
        "extra": {"polyfills": [*shims, f"assets/{ASSETS[1]}"]},
    }
    theme = settings.get("theme")
    if isinstance(theme, dict) and theme.get("custom_dir"):
        derived["theme"] = {"custom_dir": str((root / theme["custom_dir"]).resolve())}
    for key in ("hooks", "watch"):
        if settings.get(key):
            derived[key] = [str((root / str(path)).resolve()) for path in settings[key]]
    return yaml.safe_dump(derived, sort_keys=False, allow_unicode=True)


def _results(project: Project, pages: Pages) -> str:
    """Return the page that leads to the report."""
    from reproducible_ml.core.dependencies import read_stages
    from reproducible_ml.page.graph import draw_graph
    from reproducible_ml.versioning.git import Revision

    stages = Revision(project.root).yaml("dvc.yaml").get("stages")
    described = stages if isinstance(stages, dict) else {}
    graph = draw_graph(read_stages(project.root), described)
    card = pages.places.get("reports/model_card.md")
    lines = [
        "# Results",
        "",
        f"[**All results**]({REPORT}): metrics, plots, groups of rows, the data, and of"
        " which commit they are.",
        *(
            ["", f"[**The model card**]({card}): what the model is for."]
            if card
            else []
        ),
        "",
        "## The pipeline",
        "",
        f'<div class="diagram">{graph}</div>',
        "",
    ]
    return "\n".join(lines)


def _commands(helps: Mapping[str, str]) -> str:
    """Return the page of the command line."""
    parts = ["# Commands\n"]
    for name, text in sorted(helps.items()):
        parts.append(f"## `{name}`\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)


def _api(project: Project, python: Path) -> dict[str, Any]:
    """Write the pages of packages, unless their code is the same; return their list."""
    root = project.root
    packages = [
        {"name": name, "folder": folder.as_posix()}
        for name, folder in (
            (project.package, Path("code")),
            ("reproducible_ml", TOOLKIT),
        )
        if (root / folder / name).is_dir()
    ]
    folders = [root / package["folder"] / package["name"] for package in packages]
    sources = sorted(path for folder in folders for path in folder.rglob("*.py"))
    state = content_hash([*sources, root / LOCK])
    output = root / WORK / "api"
    stamp, known = Stamp(root / WORK / "api_of"), root / WORK / "api.json"
    if stamp.matches(state) and known.is_file() and output.is_dir():
        found: dict[str, Any] = json.loads(known.read_text("utf-8"))
        return found
    with replacing_folder(output) as folder:
        asked = {"packages": packages, "output": str(folder)}
        # The toolkit that runs here, which that environment lacks.
        here = str(Path(__file__).parents[2])
        printed = _run(
            [python, "-m", "reproducible_ml.site.api"],
            root,
            {"PYTHONPATH": here, "PYTHONDONTWRITEBYTECODE": "1"},
            json.dumps(asked),
        )
    write_text(printed, known)
    stamp.save(state)
    listed: dict[str, Any] = json.loads(printed)
    return listed


def _run_mkdocs(python: Path, config: Path, folder: Path, root: Path) -> None:
    """Run MkDocs.

    Raises:
        UserError: What it warns of; its pages are those in `WORK`.
    """
    time = run_git(root, "log", "-1", "--format=%ct") or b""
    variables = {
        # The dates in its map of the site.
        "SOURCE_DATE_EPOCH": time.decode().strip() or "0",
        "NO_MKDOCS_2_WARNING": "1",
    }
    where = ["--config-file", str(config), "--site-dir", str(folder)]
    _run(
        [python, "-m", "mkdocs", "build", "--strict", *where],
        root,
        variables,
    )


def _run(
    command: list[Any], root: Path, variables: Mapping[str, str], sent: str = ""
) -> str:
    """Return what a program prints.

    Raises:
        UserError: It failed; what it wrote to standard error.
    """
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=root,
        env={**inherited, "PYTHONUTF8": "1", **variables},
        input=sent,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        if any(line.startswith("Traceback") for line in lines):
            # Not an error of the pages: as it is.
            sys.stderr.write(done.stderr)
            lines = lines[-1:]
        kept = [line for line in lines if line.startswith(("WARNING", "ERROR"))]
        shown = kept or lines[-20:] or [f"exit code {done.returncode}"]
        raise UserError("\n".join(f"{CONFIG}: {one_line(line)}" for line in shown))
    return done.stdout
