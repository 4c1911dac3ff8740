"""Locate a table (path, URL or database), fetch it and track it with DVC.

Which path it was copied from is remembered in this clone only: a path of one machine
means nothing on another, so Git must not record it. URLs are in the .dvc file.
"""

import filecmp
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import all_or_nothing, write_text
from reproducible_ml.core.params import Section, read_yaml
from reproducible_ml.sources.connection import parse_url
from reproducible_ml.sources.database import Query, make_query, snapshot, write_query
from reproducible_ml.sources.secrets import find_secret
from reproducible_ml.versioning.dvc import (
    DvcError,
    is_unchanged,
    look_up,
    read_pointer,
    run_dvc,
)

# Schemes that DVC reads by itself, and those that need a package each.
BUILT_IN = ("http", "https")
WITH_PACKAGE = (
    "s3",
    "gs",
    "azure",
    "ssh",
    "oss",
    "hdfs",
    "webhdfs",
    "webdav",
    "gdrive",
)

# Suffixes of files in data/raw/ that are not tables.
RESERVED = (".dvc", ".tmp", ".query.yaml")

# File systems allow 255 bytes, with the suffixes of DVC and of temporary files.
LONGEST = 200

# In the folder of DVC's own temporary files, which Git ignores.
ORIGINS = Path(".dvc/tmp/origins.json")


class Source(Section):
    """Where a table comes from.

    Attributes:
        place: An absolute path or a URL.
        name: Name of the file or folder in data/raw/.
        query: Only for a database.
        password: Of a database, if one was typed. It is never written.
    """

    place: str
    name: str
    query: Query | None = None
    password: SecretStr | None = None

    @property
    def is_url(self) -> bool:
        """Whether it must be downloaded."""
        return self.query is None and "://" in self.place


def read_source(
    text: str, query: str | None = None, key: str | None = None, name: str | None = None
) -> Source:
    """Return the source that the user typed.

    Args:
        text: A path, a URL that DVC can read, or the URL of a database.
        query: For a database: one SELECT, or the path of a .sql file with it.
        key: For a database: columns that identify a row, separated by commas.
        name: Of the file or folder in data/raw/; by default the source's own.

    Raises:
        UserError: The source cannot be used as it is written.
    """
    if not text.isprintable():
        raise UserError(
            f"SOURCE: {one_line(text)}: has characters that cannot be printed, such as"
            " a line break. Rename the file."
        )
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme and scheme not in BUILT_IN + WITH_PACKAGE:
        return _database(text, query, key, name)
    if query or key:
        raise UserError(
            f"SOURCE: {f'a {scheme} URL' if scheme else 'a path'} takes no --query and"
            " no --key: they are for a database, as postgresql://user@host/database."
        )
    if scheme:
        return _file_url(text, name)
    # These two keep links, and a ~ before what is no user.
    path = Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111
    return Source(place=str(path), name=_name(name, path.name))


def _database(
    text: str, query: str | None, key: str | None, name: str | None
) -> Source:
    scheme = text.partition("://")[0]
    if not query:
        known = ", ".join(BUILT_IN + WITH_PACKAGE)
        raise UserError(
            f"SOURCE: {scheme}:// is neither a database with a query nor a URL that DVC"
            f" can read. For a database, add --query and --key. DVC reads {known}."
        )
    url = parse_url(text)
    own = f"{Path(url.database or 'query').stem}.csv"
    made = make_query(url, query, key or "")
    secret = SecretStr(url.password) if url.password else None
    return Source(place=made.url, name=_name(name, own), query=made, password=secret)


def _file_url(text: str, name: str | None) -> Source:
    if secret := find_secret(text):
        raise UserError(
            f"SOURCE: is {secret}, which Git would record. Remove it and log in another"
            " way (see .cloud/README.md), or download the data and give their path."
        )
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise UserError(f"SOURCE: {text}: is no URL: {error}. Correct it.") from error
    if parts.scheme in BUILT_IN and parts.path.endswith("/"):
        raise UserError(
            f"SOURCE: {text}: a folder cannot be listed over {parts.scheme}. Give the"
            " URL of one file, or download the folder and give its path."
        )
    own = Path(unquote(parts.path)).name
    if parts.scheme in BUILT_IN and not name and not Path(own).suffix:
        raise UserError(
            f"SOURCE: {text}: the URL has no suffix that says what kind of file it is."
            " Name the file: --name visits.csv."
        )
    return Source(place=text.rstrip("/"), name=_name(name, own))


def _name(given: str | None, own: str) -> str:
    """Return a name that is safe in a shell, or raise UserError."""
    plain = re.sub(r"[^\w.-]+", "_", given or own).lstrip("._-")
    if not plain or plain.endswith(RESERVED) or (given and given != plain):
        shown = given or own
        raise UserError(
            f'--name: "{shown}" cannot be the name of a table in data/raw/. Give one of'
            " letters, digits, dots and dashes: --name visits.csv."
        )
    if len(plain.encode()) > LONGEST:
        raise UserError(
            f"--name: {plain[:20]}... has more than {LONGEST} bytes. Give a shorter"
            " one: --name visits.csv."
        )
    return plain


def fetch(source: Source, raw: Path, temporary: Path) -> Path:
    """Return where the data can be read; nothing in the repository changes.

    This is the path itself, the table in data/raw/ if it still is what the URL gives,
    else a download or a snapshot.

    Args:
        source: Where the table comes from.
        raw: The folder data/raw.
        temporary: An empty folder, best on the repository's disk, kept until `track`.

    Raises:
        UserError: The source does not exist, cannot be read or is in a wrong place; or
            its name in data/raw/ is taken by data that DVC could not restore.
    """
    table = raw / source.name
    if not source.query and not source.is_url:
        path = _check_path(Path(source.place), table)
        if not _is(path, table) and not (table.exists() and _is_equal(path, table)):
            _check_free(table)
        return path
    _check_free(table)
    if source.query:
        snapshot(source.query, temporary / source.name, source.password)
        return temporary / source.name
    return _download(source, table, temporary)


def track(source: Source, fetched: Path, raw: Path) -> Path:
    """Move or copy what `fetch` returned into data/raw/, and track it there.

    What had this name before is replaced; on an error or Ctrl-C it is restored.

    Returns:
        The table's path in data/raw/.

    Raises:
        UserError: DVC fails, or the source changed since `fetch`.
    """
    table = raw / source.name
    raw.mkdir(parents=True, exist_ok=True)
    try:
        if _is(fetched, table):
            _track_in_place(table)
        elif not _is_tracked(source, fetched, table):
            with all_or_nothing(table, _pointer(table), _record(table)):
                _copy_or_import(source, fetched, table)
            _stage(table)
    except DvcError as error:
        raise UserError(f"{table}: DVC cannot track it: {error}") from error
    return table


def recorded_source(table: Path) -> Source:
    """Return the source of a table in data/raw/, to fetch it again.

    Raises:
        UserError: The source was not recorded.
    """
    if _record(table).exists():
        query = read_yaml(_record(table), Query)
        query = make_query(parse_url(query.url), query.query, ",".join(query.key))
        return Source(place=query.url, name=table.name, query=query)
    origin = origin_of(table)
    if origin is None and not table.exists():
        raise UserError(
            f"{table}: does not exist, and where it came from is known only to the"
            " clone that added it. Run `dvc pull`, or name the SOURCE."
        )
    return Source(place=origin or str(table.absolute()), name=table.name)


def _check_path(path: Path, table: Path) -> Path:
    raw = table.parent
    if not path.exists():
        raise UserError(f"{path}: does not exist. Give the path of a file or a folder.")
    if raw.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"{path}: contains {raw} itself. Give one table, or its folder."
        )
    if path.resolve().is_relative_to(raw.resolve()) and not _is(path, table):
        raise UserError(
            f"{path}: is inside {raw}, under another name. Move it to {table}, and give"
            " that path."
        )
    return path


def _check_free(table: Path) -> None:
    if table.exists() and not is_unchanged(_pointer(table)):
        raise UserError(
            f"{table}: exists already, in a version that DVC has not stored and that"
            " would be lost. Move it away, or name the new table:"
            f" --name new_{table.name}"
        )


def _download(source: Source, table: Path, temporary: Path) -> Path:
    """Return the table in data/raw/ if it is this version, else download it."""
    version = read_pointer(look_up(source.place, source.name, temporary))
    known = read_pointer(_pointer(table))
    if table.exists() and known.get("deps") == version["deps"]:
        return table
    try:
        run_dvc("get-url", source.place, source.name, cwd=temporary, shown=True)
    except DvcError as error:
        raise UserError(f"{source.place}: the download failed: {error}") from error
    return temporary / source.name


def _track_in_place(table: Path) -> None:
    """Track what lies in data/raw/ already, unless it is a changed copy."""
    if is_unchanged(_pointer(table)):
        return
    if origin := origin_of(table):
        raise UserError(
            f"{table}: is a copy of {origin}, but was edited. Edit the original and run"
            " `rml data` again, or rename the table."
        )
    with all_or_nothing(_pointer(table), _record(table)):
        run_dvc("add", table.name, cwd=table.parent, shown=True)


def _is_tracked(source: Source, fetched: Path, table: Path) -> bool:
    """Say whether DVC tracks this source with these data already."""
    # Equal data of a URL may be another version to the server, which is recorded.
    if source.is_url or not is_unchanged(_pointer(table)):
        return False
    known = recorded_source(table)
    same_source = (known.place, known.query) == (source.place, source.query)
    return same_source and _is_equal(fetched, table)


def _copy_or_import(source: Source, fetched: Path, table: Path) -> None:
    if source.query:
        shutil.move(fetched, table)
        write_query(source.query, _record(table))
        run_dvc("add", table.name, cwd=table.parent, shown=True)
    elif source.is_url:
        _import(source, fetched, table)
    else:
        run_dvc("get-url", source.place, table.name, cwd=table.parent, shown=True)
        _pointer(table).unlink(missing_ok=True)
        run_dvc("add", table.name, cwd=table.parent, shown=True)
        if not _is_copy(Path(source.place), table):
            raise _changed(source)
        remember_origin(table, source.place)


def _import(source: Source, fetched: Path, table: Path) -> None:
    shutil.move(fetched, table)
    shutil.copyfile(_pointer(fetched), _pointer(table))
    before = read_pointer(_pointer(table))["deps"]
    run_dvc("commit", "--force", _pointer(table).name, cwd=table.parent, shown=True)
    # The .dvc file must not name a version that was not read.
    if read_pointer(_pointer(table))["deps"] != before:
        raise _changed(source)


def _changed(source: Source) -> UserError:
    return UserError(
        f"{source.place}: changed while it was read. Run the command again."
    )


def _stage(table: Path) -> None:
    """Stage the files for Git: `dvc add` does so, `dvc commit` does not."""
    kept = [path.name for path in (_pointer(table), _record(table)) if path.exists()]
    command = ["git", "add", "--", *kept]
    subprocess.run(command, cwd=table.parent, stderr=subprocess.DEVNULL, check=False)


def _pointer(table: Path) -> Path:
    return table.with_name(f"{table.name}.dvc")


def _record(table: Path) -> Path:
    return table.with_name(f"{table.name}.query.yaml")


def _is(path: Path, table: Path) -> bool:
    return path.resolve() == table.resolve()


def _is_equal(left: Path, right: Path) -> bool:
    """Say whether two files or folders are equal, byte by byte."""
    if left.is_file() and right.is_file():
        return filecmp.cmp(left, right, shallow=False)
    names = [_names(left), _names(right)]
    return names[0] == names[1] and all(
        filecmp.cmp(left / name, right / name, shallow=False) for name in names[0]
    )


def _is_copy(original: Path, copy: Path) -> bool:
    """Say whether a copy by DVC, which skips what .dvcignore names, is up to date."""
    if original.is_dir() and copy.is_dir():
        return all(
            (original / name).is_file()
            and filecmp.cmp(original / name, copy / name, shallow=False)
            for name in _names(copy)
        )
    return _is_equal(original, copy)


def _names(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder) for path in files)


def origin_of(table: Path) -> str | None:
    """Return the path or URL that a table in data/raw/ came from, if it is known.

    Args:
        table: In a project whose root is two folders above.
    """
    imported = read_pointer(table.with_name(f"{table.name}.dvc")).get("deps")
    if not imported:
        place = _read_origins(table).get(table.name)
        # One within the project is relative to its root, so that both can be moved.
        return str(_root_of(table) / place) if place else None
    place = str(imported[0]["path"])
    return place if "://" in place else os.path.abspath(table.parent / place)  # noqa: PTH100


def remember_origin(table: Path, place: str) -> None:
    """Note that a table in data/raw/ is a copy of the file or folder at a path."""
    path, root = _root_of(table) / ORIGINS, _root_of(table)
    if Path(place).is_relative_to(root):
        place = str(Path(place).relative_to(root))
    path.parent.mkdir(parents=True, exist_ok=True)
    origins = _read_origins(table) | {table.name: place}
    write_text(f"{json.dumps(origins, indent=2)}\n", path)


def _root_of(table: Path) -> Path:
    return table.absolute().parents[2]


def _read_origins(table: Path) -> dict[str, str]:
    try:
        content = json.loads((_root_of(table) / ORIGINS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
