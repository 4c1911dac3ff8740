"""Find passwords and tokens in what would be written to a file or printed.

The hooks of the template load this file too, without the packages of a project: it
imports the standard library only.
"""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

# A line such as: url = s3://bucket/name
SETTING = re.compile(r"""^\s*([\w-]+)\s*=\s*(?P<value>.*?)\s*$""")

SECRET_KEY = re.compile(
    r"(?i)(?<!ask_)(password|passwd|passphrase|pwd|secret|secret_access_key|token"
    r"|sas|account_key|access_key|key_secret|private_key|customer_key"
    r"|connection_string|api_?key|auth_header)$"
)

URL = re.compile(r"""[A-Za-z][\w+.-]*://[^\s'"<>]+""")

# Parameters of a URL, after `?`, `&`, `;` or `#`.
SECRET_PARAMETER = re.compile(
    r"(?i)[?&#;](?:[\w.-]*(?:token|secret|passw(?:or)?d|passphrase|pass|pwd|jwt|bearer"
    r"|signature|credentials?|authorization|(?:session|oauth)[_-]?id"
    r"|(?:private|api|access|account|auth|subscription|shared|storage)[_-]?key)"
    r"|key|auth|code|sig|sas|hmac)=[^&#\s]"
)

# Of any URL, even where the password has a slash, which `urlsplit` takes for a path. A
# number before a slash is a port: http://host:80/me@example.org.
PASSWORD = re.compile(r"://[^\s/?#@:\[]*:(?!\d+[/?#])(?P<value>[^\s@]+)@")

# Tokens that are known by their form: GitHub, GitLab, AWS, Google, Slack, JWT, keys.
TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|AIza[\w-]{35}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)

# Of a driver, within a URL: Uid=me;Pwd=x.
DRIVER = re.compile(r"(?i)\b(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*[^\s;&]")

MASKED = re.compile(r"\$\{?\w+\}?|\*+|<[^>]*>|x+", re.I)


def find_secret(line: str) -> str | None:
    """Return what kind of secret a line of a file holds, but never the secret."""
    setting = SETTING.match(line)
    if setting and SECRET_KEY.search(setting[1]) and _is_value(setting["value"]):
        return f'a secret, "{setting[1]}"'
    for url in URL.findall(line):
        if what := secret_in_url(url):
            return what
    return "a token or key" if TOKEN.search(line) else None


def _is_value(text: str) -> bool:
    """Return whether a setting is given, rather than the name of a variable."""
    return bool(text.strip("'\"")) and not MASKED.fullmatch(text.strip("'\""))


def secret_in_url(url: str) -> str | None:
    """Return what kind of secret a URL holds, but never the secret."""
    found = PASSWORD.search(url)
    if found and _is_value(found["value"]):
        return "a URL with a password"
    try:
        parts: Any = urlsplit(url)
        user = parts.username
    except ValueError:
        user = None
    if user and parts.scheme in ("http", "https") and _is_value(user):
        return "a URL with a user or token"
    if found := SECRET_PARAMETER.search(unquote(url)):
        return f'a URL with the secret "{found[0][1:-2]}"'
    return "a URL with a password" if DRIVER.search(unquote(url)) else None
