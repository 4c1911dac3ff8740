"""How answers are shown in messages."""


def printable(text: str) -> str:
    """Return text without control characters, shortened to 80 characters."""
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
