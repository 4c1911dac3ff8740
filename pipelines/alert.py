#!/usr/bin/env python3
"""Send a text to a command, a webhook, or both: `pipelines/alert.py TEXT`.

Variables of the environment say where to; an address may be a secret, so that it is
read from nowhere else and never shown:

    RML_NIGHTLY_ALERT_COMMAND    gets JSON on its standard input; no shell
    RML_NIGHTLY_WEBHOOK          address that the same JSON is posted to
    RML_NIGHTLY_WEBHOOK_HEADER   a header for it, as `Authorization: Bearer TOKEN`

It needs nothing but Python: it has to work when the environment of the project is what
is broken. It exits with 1 if something was not sent. No variables: it does nothing.
"""

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime

SECONDS = 10
PREFIX = "RML_NIGHTLY_"


def run(command: str, body: bytes) -> None:
    """Give the body to a command."""
    subprocess.run(shlex.split(command), input=body, timeout=SECONDS, check=True)


def post(address: str, body: bytes) -> None:
    """Post the body to an address."""
    request = urllib.request.Request(address, body, method="POST")
    if request.type not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    request.add_header("Content-Type", "application/json; charset=utf-8")
    if header := os.environ.get(f"{PREFIX}WEBHOOK_HEADER"):
        name, _, value = header.partition(":")
        request.add_header(name.strip(), value.strip())
    urllib.request.urlopen(request, timeout=SECONDS).close()


def main(text: str) -> int:
    """Send a text; return how many channels failed."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"text": text, "project": "tumour-diagnosis", "time": now}
    body = json.dumps(content, ensure_ascii=False).encode()
    channels: dict[str, Callable[[str, bytes], None]] = {
        "ALERT_COMMAND": run,
        "WEBHOOK": post,
    }
    failed = 0
    for name, send in channels.items():
        if where := os.environ.get(f"{PREFIX}{name}"):
            try:
                send(where, body)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                # The message of an error may have the address.
                reason = getattr(error, "code", None) or type(error).__name__
                sys.stderr.write(f"alert: {PREFIX}{name}: not sent: {reason}\n")
                failed += 1
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: pipelines/alert.py TEXT")
    sys.exit(min(main(sys.argv[1]), 1))
