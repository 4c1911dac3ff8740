"""Every step of retrain.yaml, verbatim, with a bare repository in the place of GitHub.

`gh` is a script that notes what it was asked, and with which token; it answers with
what a test says there is on GitHub.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..copies import clean_environment
from ..monitoring.shop import Shop, make_shop, serving_folder, visits, write
from .conftest import load, run_step

WORKFLOW = load("retrain")
JOBS = WORKFLOW["jobs"]

GH = """\
#!/bin/sh
echo "$GH_TOKEN: $*" >> "$CALLS"
case "$1 $2" in
  "issue list") cat "$ANSWERS/issues" ;;
  "pr list") cat "$ANSWERS/pulls" ;;
  "pr create") test ! -e "$ANSWERS/refused" || { echo not permitted >&2; exit 1; }
    cp "$(echo "$*" | sed 's/.*--body-file //')" "$ANSWERS/body"
    echo https://github.example/ada/churn/pull/7 ;;
esac
"""
URL = "https://github.example/ada/churn/pull/7"
BOT = "workflow's"
OWN = "person's"


def is_run(step: dict[str, Any], state: str) -> bool:
    """Evaluate the condition of a step; all that occur are listed here."""
    made = state in ("passed", "unclear")
    name = "steps.retrain.outputs.state"
    return {
        None: True,
        f"${{{{ {name} == 'passed' || {name} == 'unclear' }}}}": made,
        "${{ needs.train.outputs.state != 'refused' }}": state != "refused",
    }[step.get("if")]


class Machine:
    """A machine that GitHub gives, and what there is on GitHub."""

    def __init__(self, folder: Path, hub: Path) -> None:
        self.folder, self.hub = folder, hub
        self.clone, self.answers = folder / "clone", folder / "answers"
        self.calls, self.output = folder / "calls", folder / "output"
        self.programs = folder / "programs"
        for made in (self.answers, self.programs):
            made.mkdir(parents=True)
        (self.programs / "gh").write_text(GH)
        (self.programs / "gh").chmod(0o755)
        (self.programs / "uv").symlink_to(Path(sys.executable).with_name("uv"))
        self.token, self.auto_merge, self.printed = "", "", ""
        self.on_github([], [])

    def on_github(
        self, issues: list[dict[str, Any]], pulls: list[dict[str, Any]]
    ) -> None:
        """Say what open issues and pull requests there are; forget all calls."""
        (self.answers / "issues").write_text(json.dumps(issues))
        (self.answers / "pulls").write_text(json.dumps(pulls))
        self.calls.write_text("")

    def checkout(self) -> None:
        """Do what actions/checkout does with fetch-depth: 0."""
        shutil.rmtree(self.clone, ignore_errors=True)
        clone = ["git", "clone", "--quiet", f"file://{self.hub}", str(self.clone)]
        subprocess.run(clone, check=True)

    def give(self, artifact: Path) -> None:
        """Do what actions/download-artifact does."""
        shutil.copytree(artifact, self.clone / "monitoring", dirs_exist_ok=True)

    def outcome(self, state: str, branch: str | None = None) -> None:
        """Write what `rml retrain` leaves."""
        folder = self.clone / "monitoring"
        folder.mkdir(exist_ok=True)
        found = {"state": state, "branch": branch, "title": f"About {state}"}
        (folder / "retrain.json").write_text(json.dumps(found))
        (folder / "retrain.md").write_text("The report.\n")

    def job(self, name: str, state: str = "") -> str | None:
        """Run the steps of a job; return the one that failed, None if none did."""
        for number, step in enumerate(JOBS[name]["steps"]):
            if "run" not in step or not is_run(step, state or self.state()):
                continue
            script = self.folder / f"{name}-{number}.sh"
            variables = self.variables(JOBS[name]) | self.variables(step)
            done = run_step(step, self.clone, script, variables)
            self.printed += done.stdout
            if done.returncode:
                return str(step["run"])
        return None

    def state(self) -> str:
        """Return the output of the step `retrain`, empty before it ran."""
        text = self.output.read_text() if self.output.exists() else ""
        return text.strip().rpartition("state=")[2]

    def variables(self, part: dict[str, Any]) -> dict[str, str]:
        """Return what a runner sets; all expressions that occur are listed here."""
        values = {
            "github.token": BOT,
            "github.repository": "ada/churn",
            "github.event.repository.default_branch": "main",
            "secrets.RETRAIN_TOKEN || github.token": self.token or BOT,
            "secrets.RETRAIN_TOKEN != ''": str(bool(self.token)).lower(),
            "vars.RETRAIN_AUTO_MERGE": self.auto_merge,
        }
        kept = clean_environment()
        given = {
            key: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], value)
            for key, value in part.get("env", {}).items()
        }
        return kept | {
            "ANSWERS": str(self.answers),
            "CALLS": str(self.calls),
            "CI": "true",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "PATH": f"{self.programs}{os.pathsep}{kept['PATH']}",
            **given,
        }

    def asked(self) -> list[str]:
        """Return what `gh` was asked, but for lists."""
        lines = self.calls.read_text().splitlines()
        return [line for line in lines if " list " not in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a repository of one commit."""
    hub, work = tmp_path / "hub.git", tmp_path / "work"
    git = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run([*git, "init", "--quiet", "-b", "main", str(work)], check=True)
    commit = ("commit", "--quiet", "--allow-empty", "-m", "Test")
    subprocess.run([*git, "-C", str(work), *commit], check=True)
    bare = ("clone", "--quiet", "--bare", str(work), str(hub))
    subprocess.run([*git, *bare], check=True)
    made = Machine(tmp_path / "machine", hub)
    made.checkout()
    return made


def open_what_people_see(machine: Machine, code: int = 0) -> str:
    """Run the last step, which opens a pull request or an issue; return its output."""
    step = JOBS["propose"]["steps"][-1]
    variables = machine.variables(JOBS["propose"]) | machine.variables(step)
    script = machine.folder / "open.py"
    done = run_step(step, machine.clone, script, variables)
    assert done.returncode == code, done.stdout
    return done.stdout


ISSUE = {"number": 3, "title": "Retraining did not pass"}
OTHER = {"number": 4, "title": "Something else"}
BODY = "--body-file monitoring/retrain.md"


def pull(number: int, branch: str, *, fork: bool = False) -> dict[str, Any]:
    return {"number": number, "headRefName": branch, "isCrossRepository": fork}


def test_pull_request_supersedes_older_ones_and_closes_the_issue(
    machine: Machine,
) -> None:
    older = [pull(5, "retrain/2026-01-05-aa"), pull(7, "retrain/new")]
    others = [pull(6, "retrain/mine", fork=True), pull(8, "feature")]
    machine.on_github([OTHER, ISSUE], [*older, *others])
    machine.outcome("passed", "retrain/new")
    open_what_people_see(machine)
    create, close, issue, *started = machine.asked()
    where = "--base main --head retrain/new"
    assert create == f"{BOT}: pr create {where} --title About passed {BODY}"
    assert close.startswith(
        f"{BOT}: pr close 5 --delete-branch --comment Superseded by"
    )
    assert URL in close
    assert issue.startswith(f"{BOT}: issue close 3 --comment {URL}")
    # GitHub starts nothing for a branch that its own token pushed.
    assert started == [
        f"{BOT}: workflow run test.yaml --ref retrain/new",
        f"{BOT}: workflow run reproduce.yaml --ref retrain/new",
    ]
    for name in ("test", "reproduce"):
        assert "workflow_dispatch" in load(name)[True]
    body = (machine.answers / "body").read_text()
    assert body.startswith("The report.\n")
    assert "GitHub starts no workflows for what its own token opens" in body


@pytest.mark.parametrize(
    ("state", "auto_merge", "merged"),
    [("passed", "true", True), ("passed", "", False), ("unclear", "true", False)],
)
def test_merging_by_itself_is_the_switch_of_the_user(
    machine: Machine, state: str, auto_merge: str, merged: bool
) -> None:
    machine.token, machine.auto_merge = OWN, auto_merge
    machine.outcome(state, "retrain/new")
    open_what_people_see(machine)
    create, *rest = machine.asked()
    assert create.startswith(f"{OWN}: pr create ")
    assert rest == ([f"{OWN}: pr merge {URL} --auto --merge"] if merged else [])
    # With this token, GitHub starts the checks itself.
    assert (machine.answers / "body").read_text() == "The report.\n"


@pytest.mark.parametrize("known", [False, True])
def test_one_issue_says_why_it_did_not_pass(machine: Machine, known: bool) -> None:
    machine.token = OWN
    machine.on_github([OTHER, ISSUE] if known else [OTHER], [])
    machine.outcome("refused")
    open_what_people_see(machine)
    what = "edit 3" if known else f"create --title {ISSUE['title']}"
    # By the token that names the author by which the issue is found again.
    assert machine.asked() == [f"{BOT}: issue {what} {BODY}"]
    assert "issue list --app github-actions --state open" in machine.calls.read_text()


def test_branch_does_not_stay_without_its_pull_request(machine: Machine) -> None:
    push = ("push", "--quiet", "origin", "main:retrain/new")
    subprocess.run(["git", *push], cwd=machine.clone, check=True)
    (machine.answers / "refused").touch()
    machine.outcome("passed", "retrain/new")
    printed = open_what_people_see(machine, code=1)
    assert "error: gh pr create: not permitted" in printed
    branches = ["git", "-C", str(machine.hub), "branch", "--list"]
    assert subprocess.check_output(branches, text=True).split() == ["*", "main"]


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Path]]:
    """A project that imports a table which has grown; the file with the new rows."""
    folder = tmp_path_factory.mktemp("growing")
    file = write(visits(800), folder / "served/visits.csv")
    with serving_folder(file.parent) as url:
        (folder / "made").mkdir()
        shop = make_shop(folder / "made", f"{url}/visits.csv", "--time", "day")
        write(visits(1000), file)
        yield shop, file


@pytest.mark.slow
@pytest.mark.integration
def test_new_rows_become_a_pull_request_and_bad_ones_an_issue(
    growing: tuple[Shop, Path], tmp_path: Path
) -> None:
    shop, file = growing
    main = shop.there("rev-parse", "main")
    machine = Machine(tmp_path / "machine", shop.hub)
    machine.checkout()
    assert machine.job("train") is None, machine.printed
    assert machine.state() == "passed"
    artifact = tmp_path / "artifact"
    shutil.copytree(machine.clone / "monitoring", artifact)
    # The first job may only read: the branch comes to the second one as a bundle.
    assert shop.branches() == ["main"]
    keep = machine.clone
    machine.clone = tmp_path / "second"
    machine.checkout()
    machine.give(artifact)
    assert machine.job("propose") is None, machine.printed
    [branch] = [name for name in shop.branches() if name != "main"]
    assert shop.there("rev-parse", "main", f"{branch}^") == f"{main}\n{main}"
    assert f"--head {branch} " in machine.calls.read_text()
    assert "auth setup-git" in machine.calls.read_text()
    body = (machine.answers / "body").read_text()
    assert "the same 200 rows, the test rows of now" in body
    assert (tmp_path / "machine/summary.md").read_text() in body
    # In a clone of the branch, nothing has to be made again.
    machine.checkout()
    for command in (["git", "switch", "--quiet", branch], ["dvc", "pull", "--quiet"]):
        subprocess.run(command, cwd=machine.clone, check=True)
    # A week later: nothing new, then rows that break the contract.
    machine.clone = keep
    subprocess.run(["git", "fetch", "--quiet"], cwd=keep, check=True)
    subprocess.run(["git", "switch", "--quiet", "main"], cwd=keep, check=True)
    retrain = next(s for s in JOBS["train"]["steps"] if s.get("id") == "retrain")
    for rows, state in ((1000, "nothing"), (1100, "refused")):
        table = visits(rows)
        if state == "refused":
            table["region"] = table["region"].mask(table.index > 1050, "east")
            write(table, file)
        variables = machine.variables(JOBS["train"])
        done = run_step(retrain, keep, tmp_path / "again.sh", variables)
        assert done.returncode == 0, done.stdout
        assert machine.state() == state
    assert "east" in (keep / "monitoring/retrain.md").read_text()
    # An error is none of these: the job fails.
    (keep / "monitoring/retrain.json").unlink()
    (keep / ".dvc/config").write_text("[")
    done = run_step(retrain, keep, tmp_path / "again.sh", variables)
    assert done.returncode != 0
