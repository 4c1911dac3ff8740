"""A real Chromium without a window, driven by its DevTools protocol."""

import asyncio
import json
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # for root, as in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Page:
    """A page in the browser.

    Attributes:
        messages: What the page wrote to the console, and errors of its script.
        requests: The addresses that it asked for, also those of files.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            content = json.loads(message.data)
            if "id" in content:
                self._waiting.pop(content["id"]).set_result(content)
            elif content["method"] == "Network.requestWillBeSent":
                self.requests.append(content["params"]["request"]["url"])
            elif content["method"] in (
                "Runtime.exceptionThrown",
                "Runtime.consoleAPICalled",
                "Log.entryAdded",
                "Page.javascriptDialogOpening",
            ):
                self._note(content["params"])

    def _note(self, message: dict[str, Any]) -> None:
        # The browser reports each status from 400 on.
        if message.get("entry", {}).get("source") != "network":
            self.messages.append(json.dumps(message))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a command."""
        number = next(self._numbers)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(20):
            reply = await waiting
        assert "error" not in reply, reply
        result: dict[str, Any] = reply["result"]
        return result

    async def run(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""
        found = await self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str) -> Any:
        """Return the value of an expression as soon as it is true."""
        end = time.monotonic() + 20
        while not (found := await self.run(script)):
            assert time.monotonic() < end, script + "\n" + await self.text()
            await asyncio.sleep(0.05)
        return found

    async def text(self) -> str:
        """Return the text that is shown."""
        return str(await self.run("document.body.innerText"))

    async def close(self) -> None:
        """Stop listening."""
        self._reader.cancel()
        await self._socket.close()


@asynccontextmanager
async def open_page(url: str, profile: Path) -> AsyncIterator[Page]:
    """Yield a page in a browser of its own, which ends with it."""
    assert CHROMIUM
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *OPTIONS,
        f"--user-data-dir={profile}",
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr
        async with asyncio.timeout(60):
            while not (
                found := re.search(rb"ws://([\d.:]+)/", await process.stderr.readline())
            ):
                assert process.returncode is None
        drain = asyncio.create_task(process.stderr.read())
        host = found[1].decode()
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{host}/json") as reply:
                pages = [one for one in await reply.json() if one["type"] == "page"]
            socket = await session.ws_connect(
                pages[0]["webSocketDebuggerUrl"], max_msg_size=0
            )
            page = Page(socket)
            for domain in ("Runtime", "Log", "Network", "Page"):
                await page.call(f"{domain}.enable")
            await page.call("Page.navigate", url=url)
            await page.until(
                "location.protocol != 'about:' && document.readyState == 'complete'"
            )
            yield page
            await page.close()
        drain.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
