"""The page of the service, in a real browser."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ..modeling.conftest import (
    DATA,
    TARGETS,
    Workspace,
    make_orders,
    write_table,
)
from .browser import CHROMIUM, Page, open_page

pytest.importorskip("fastapi")

from .client import application, get, in_thread

HOSTILE = "<img src=x onerror=\"alert('shop')\">"

# A column for each kind of field, named and described by somebody with bad intentions.
CONTRACT: dict[str, dict[str, Any]] = {
    "amount": {
        "dtype": "float64",
        "title": "</label><script>alert('title')</script>",
        "description": "<b onclick=alert(1)>Dollars & cents</b>",
        "in_range": {"min_value": -9, "max_value": 9},
    },
    "items": {"dtype": "Int64", "nullable": True, "greater_than": 0},
    "member": {"dtype": "bool"},
    "channel": {"dtype": "category", "isin": [HOSTILE, "web"], "nullable": True},
    "ordered_at": {"dtype": "datetime64[ns]"},
    '"><u>note': {
        "dtype": "str",
        "nullable": True,
        "metadata": {"treatment": "bag_of_words"},
    },
}

# What a person enters, and what is sent.
ENTERED = {
    "amount": ("1.25", 1.25),
    "items": ("3", 3),
    "member": ("0", True),
    "channel": ("0", HOSTILE),
    "ordered_at": ("2024-03-01T10:30", "2024-03-01T10:30"),
    '"><u>note': (HOSTILE, HOSTILE),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture
def folder(
    request: pytest.FixtureRequest,
    folders: Path,
    make_workspace: Callable[..., Workspace],
) -> Path:
    """Folder of a model whose columns, categories and classes are HTML."""
    task = getattr(request, "param", "binary")
    folder = folders / task
    if folder.exists():
        return folder
    rows = make_orders(300, 1, task)
    rows["channel"] = rows["channel"].cat.rename_categories({"shop": HOSTILE})
    rows["channel"] = rows["channel"].cat.set_categories([HOSTILE, "web"])
    rows = rows.astype({"items": "Int64"}).assign(**{'"><u>note': "good"})
    rows["amount"] = rows["amount"].fillna(0.0)
    [target] = TARGETS[task]
    column, data = dict(TARGETS[task][target]), dict(DATA[task])
    if task != "regression":
        names = [f"<i>{name}</i>" for name in column["isin"]]
        rows[target] = rows[target].cat.rename_categories(names)
        column["isin"] = names
        data |= {"positive": f"<i>{data['positive']}</i>"} if "positive" in data else {}
    workspace = make_workspace("page", task=task)
    contract = {"columns": CONTRACT | {target: column}}
    path = workspace.folder / "schema.yaml"
    path.write_text(yaml.safe_dump(contract, sort_keys=False), "utf-8")
    shutil.rmtree(workspace.folder / "train")
    write_table(rows[[*CONTRACT, target]], workspace.folder / "train", 300)
    workspace.set_params(data=data)
    workspace.train()
    shutil.copytree(workspace.folder, folder)
    return folder


def visit(url: str, profile: Path, act: Callable[[Page], Awaitable[Any]]) -> Any:
    """Return what is found on the page.

    No error is reported, no alert opens, and no element comes from text.
    """

    async def run() -> Any:
        async with open_page(url, profile) as page:
            found = await act(page)
            assert (
                await page.run("document.querySelectorAll('img, b, i, u').length") == 0
            )
            return found, page.messages

    found, messages = asyncio.run(run())
    assert not messages
    return found


async def enter(page: Page, place: int, text: str) -> None:
    """Enter text into a field, or choose an option."""
    element = f"document.getElementById('field-{place}')"
    if await page.run(f"{element}.matches('[type=number], textarea')"):
        await page.run(f"{element}.focus(); {element}.select?.()")
        await page.call("Input.insertText", text=text)
    else:
        await page.run(f"{element}.value = {json.dumps(text)}")


async def submit(page: Page) -> None:
    await page.run("document.querySelector('#row button[type=submit]').click()")


async def shown_answer(page: Page) -> dict[str, str]:
    await page.until("!document.getElementById('answer').hidden")
    found: dict[str, str] = await page.run(
        "Object.fromEntries([...document.querySelectorAll('#answer output')]"
        ".map((one) => [one.dataset.name, one.dataset.value]))"
    )
    return found


FORM = "!document.getElementById('row').hidden"


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH")
@pytest.mark.xdist_group("browser")
class TestPage:
    """Each of these starts a browser."""

    @pytest.mark.parametrize("folder", [*DATA], indirect=True)
    def test_answers_as_the_service(self, folder: Path, tmp_path: Path) -> None:
        async def fill_and_submit(page: Page) -> tuple[dict[str, str], str]:
            await page.until(FORM)
            for place, (text, _) in enumerate(ENTERED.values()):
                await enter(page, place, text)
            await submit(page)
            return await shown_answer(page), await page.text()

        row = {name: value for name, (_, value) in ENTERED.items()}
        with in_thread(application(folder)) as url:
            shown, text = visit(url, tmp_path, fill_and_submit)
            [expected] = httpx.post(f"{url}/predict", json=row).json()["predictions"]
        numbers = {name for name, one in expected.items() if not isinstance(one, str)}
        assert shown.keys() == expected.keys()
        assert {name: float(shown[name]) for name in numbers} == {
            name: expected[name] for name in numbers
        }
        if "prediction" not in numbers:
            assert shown["prediction"] == expected["prediction"]
            assert expected["prediction"].startswith("<i>")
            assert expected["prediction"] in text
        for words in ("</label><script>", "<b onclick=alert(1)>", '"><u>note'):
            assert words in text

    @pytest.mark.parametrize("folder", [*DATA], indirect=True)
    def test_example_is_answered(self, folder: Path, tmp_path: Path) -> None:
        async def example(page: Page) -> dict[str, str]:
            await page.until(FORM)
            await page.run("document.getElementById('example').click()")
            await submit(page)
            return await shown_answer(page)

        with in_thread(application(folder)) as url:
            assert visit(url, tmp_path, example)["prediction"]

    def test_problems_stand_at_their_fields(self, folder: Path, tmp_path: Path) -> None:
        async def bad_values(page: Page) -> tuple[list[str], str, bool]:
            await page.until(FORM)
            await page.run("document.getElementById('example').click()")
            await enter(page, 0, "10.5")
            await page.run("document.getElementById('field-2').selectedIndex = 0")
            await submit(page)
            await page.until("!!document.querySelector('[aria-invalid]')")
            problems = await page.run(
                "[...document.querySelectorAll('.problem')].map((p) => p.innerText)"
            )
            focus = await page.run("document.activeElement.id")
            return (
                problems,
                focus,
                await page.run("document.getElementById('answer').hidden"),
            )

        with in_thread(application(folder)) as url:
            problems, focus, hidden = visit(url, tmp_path, bad_values)
        assert "breaks in_range(-9, 9)" in problems[0]
        assert "is missing" in problems[2]
        assert [bool(problem) for problem in problems] == [1, 0, 1, 0, 0, 0]
        assert focus == "field-0"
        assert hidden

    def test_asks_for_the_key(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RML_API_KEY", "secret")

        async def with_key(page: Page) -> tuple[bool, str, dict[str, str]]:
            async def give(key: str) -> None:
                await page.run(f"document.getElementById('key').value = '{key}'")
                await page.run("document.querySelector('#access button').click()")

            await page.until("!document.getElementById('access').hidden")
            closed = await page.run("document.getElementById('row').hidden")
            await give("wrong")
            refused = await page.until("document.getElementById('alert').innerText")
            await give("secret")
            await page.until(FORM)
            await page.run("document.getElementById('example').click()")
            await submit(page)
            return closed, refused, await shown_answer(page)

        with in_thread(application(folder)) as url:
            closed, refused, answer = visit(url, tmp_path, with_key)
        assert closed
        assert refused == "The service does not know this key."
        assert answer["prediction"].startswith("<i>")

    def test_fields_have_labels_and_limits(self, folder: Path, tmp_path: Path) -> None:
        async def fields(page: Page) -> list[list[Any]]:
            await page.until(FORM)
            found: list[list[Any]] = await page.run(
                "[...document.querySelectorAll('#fields :is(input, select, textarea)')]"
                ".map((e) => [e.type, e.labels.length, e.min ?? '', e.max ?? '',"
                " e.step ?? '', e.getAttribute('aria-describedby').split(' ')"
                ".every((id) => document.getElementById(id)),"
                " [...(e.options ?? [])].map((o) => o.text)])"
            )
            return found

        with in_thread(application(folder)) as url:
            found = visit(url, tmp_path, fields)
        assert found == [
            ["number", 1, "-9", "9", "any", True, []],
            ["number", 1, "0", "", "1", True, []],
            ["select-one", 1, "", "", "", True, ["Choose …", "true", "false"]],
            ["select-one", 1, "", "", "", True, ["(missing)", HOSTILE, "web"]],
            ["datetime-local", 1, "", "", "1", True, []],
            ["textarea", 1, "", "", "", True, []],
        ]


def test_page_may_run_nothing_but_itself(folder: Path) -> None:
    response = get(application(folder), "/")
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert response.text.count("<script") == 1
    assert " onclick" not in response.text
    assert "http" not in response.text.replace("http-equiv", "")
    assert "innerHTML" not in response.text
