"""The web page at /: a form for one row, made in the browser from the description.

The page itself knows nothing of the model: it asks /openapi.json, with the key if there
is one.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.responses import Response

FILE = Path(__file__).with_name("page.html")


@cache
def page() -> tuple[bytes, dict[str, str]]:
    """Return the page, and headers that let the browser run its own script alone."""
    text = FILE.read_text(encoding="utf-8")
    policy = {
        "default-src": "'none'",
        "script-src": _hash_of("script", text),
        "style-src": _hash_of("style", text),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "content-security-policy": "; ".join(map(" ".join, policy.items())),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return text.encode(), headers


def _hash_of(tag: str, text: str) -> str:
    """Return the source of the only element of a kind, for the policy."""
    [content] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def answer_page() -> Response:
    """Answer GET /."""
    content, headers = page()
    return Response(content, media_type="text/html", headers=headers)
