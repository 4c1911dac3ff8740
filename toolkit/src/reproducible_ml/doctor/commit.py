"""Check files before they are committed: secrets, and files that are too large."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from reproducible_ml.sources.secrets import TOKEN, URL, find_secret, secret_in_url

# Git keeps every version of a file for ever.
LARGEST = 1_000_000

# In code, `token = ...` is an assignment.
CODE = {".ipynb", ".md", ".py", ".sh"}


def file_problems(paths: Sequence[Path]) -> list[str]:
    """Return what should not be committed, one line each, without the secrets.

    Args:
        paths: Files; those that do not exist are left out.
    """
    return [
        problem for path in paths if path.is_file() for problem in _problems_of(path)
    ]


def _problems_of(path: Path) -> Iterator[str]:
    if (size := path.stat().st_size) > LARGEST:
        yield (
            f"{path}: has {size / 1e6:.1f} MB, which every clone would download. Fix:"
            f" dvc add {path}"
        )
        return
    text = path.read_bytes()
    if b"\0" in text:
        return
    lines = text.decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        found = _in_code(line) if path.suffix in CODE else find_secret(line)
        if found:
            yield (
                f"{path} line {number}: holds {found}. Fix: read it from an environment"
                " variable; change it if it was ever pushed"
            )
    if lines and not text.endswith(b"\n") and path.suffix != ".svg":
        yield f"{path}: has no line break at its end. Fix: add one"


def _in_code(line: str) -> str | None:
    urls = (secret_in_url(url) for url in URL.findall(line))
    return next(filter(None, urls), "a token or key" if TOKEN.search(line) else None)
