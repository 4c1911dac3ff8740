"""The report page in a real browser: tooltips, legend, sizes, and no request."""

import asyncio
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.core.project import Project
from reproducible_ml.page.page import write_page

from ..serving.browser import CHROMIUM, Page, open_page
from .results import CLASSES
from .test_page import add_card

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

# Words of a chart that are wider than it or lie on one another would not be readable.
TOO_WIDE = """
[...document.querySelectorAll("main svg[data-points], .columns svg")].flatMap((svg) => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")]
    .filter((text) => text.getBoundingClientRect().right > box.right + 12
      || text.getBoundingClientRect().left < box.left - 12)
    .map((text) => text.lastChild.textContent);
})
"""

POINTED = """
(() => {
  const svg = document.querySelector("svg[data-points]");
  svg.scrollIntoView({block: "center"});
  const [x, y] = JSON.parse(svg.dataset.points)[3];
  const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
  return [at.x, at.y];
})()
"""

TIPS = "[...document.querySelectorAll('.tip:not([hidden])')].map((t) => t.textContent)"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder; yield its address and the paths that are asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html", asked
        server.shutdown()


async def set_screen(page: Page, width: int, scheme: str) -> None:
    scheme_of = {"name": "prefers-color-scheme", "value": scheme}
    await page.call("Emulation.setEmulatedMedia", features=[scheme_of])
    await page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=width < 500,
    )


async def look(page: Page) -> None:
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            await set_screen(page, width, scheme)
            # Nothing but tables and the list of sections scrolls to the side.
            size = await page.run("document.documentElement.scrollWidth")
            assert size == width
            assert await page.run(TOO_WIDE) == []
            colour = await page.run("getComputedStyle(document.body).backgroundColor")
            assert colour == ("rgb(255, 255, 255)" if scheme == "light" else DARK)


DARK = "rgb(18, 22, 27)"


async def use(page: Page) -> None:
    x, y = await page.run(POINTED)
    await page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    [first] = await page.until(f"{TIPS}.length && {TIPS}")
    assert first
    await page.run("document.querySelector('svg[data-points]').focus()")
    key = {"key": "ArrowRight", "code": "ArrowRight"}
    await page.call("Input.dispatchKeyEvent", type="keyDown", **key)
    assert await page.until(f"{TIPS}[0] != {first!r} && {TIPS}")
    await page.call("Input.dispatchKeyEvent", type="keyDown", key="Escape")
    assert await page.run(TIPS) == []
    hidden = "document.querySelectorAll('.series.off').length"
    assert await page.run(hidden) == 0
    await page.run("document.querySelector('button[data-series]').click()")
    assert await page.run(hidden) == 1
    await page.run("document.querySelector('button[data-series]').click()")
    assert await page.run(hidden) == 0


@pytest.mark.parametrize("task", CLASSES)
def test_page_in_a_browser(
    task: str,
    results: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = results(task)
    monkeypatch.chdir(root)
    add_card(root)
    written = write_page(Project(root), [])

    async def visit(url: str) -> list[str]:
        async with open_page(url, tmp_path / "profile") as page:
            await look(page)
            await use(page)
            # A policy that forbids a style or script says so here.
            return page.messages

    with served(written.parent) as (url, asked):
        assert asyncio.run(visit(url)) == []
        assert [line for line in asked if line != "/index.html"] == []
