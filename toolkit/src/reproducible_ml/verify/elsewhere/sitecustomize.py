"""Let Python believe that it runs on another day, on another computer.

Python imports a module of this name when it starts. `rml verify` puts its folder first
on the path of the stages, to find results that depend on date, host or number of
processors. DVC keeps its clock, by which it tells whether files have changed.
"""

import datetime
import os
import platform
import socket
import sys
import time
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

# Another day of the week, day, month, year, hour and minute.
SHIFT = datetime.timedelta(days=417, hours=7, minutes=11)

HOST = "another-computer"

_time, _time_ns = time.time, time.time_ns
_datetime, _date = datetime.datetime, datetime.date


class _Same(type):
    """Makes instances of a class those of the class that it replaces."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.__mro__[1])

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.__mro__[1])


class _LaterDatetime(_datetime, metaclass=_Same):  # type: ignore[misc,valid-type]
    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        kind = _datetime if cls is _LaterDatetime else cls
        return _datetime.__new__(kind, *arguments, **named)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _datetime.now(tz) + SHIFT

    @classmethod
    def utcnow(cls) -> Any:
        return (
            _datetime.fromtimestamp(_time(), datetime.UTC).replace(tzinfo=None) + SHIFT
        )

    @classmethod
    def today(cls) -> Any:
        return _datetime.now() + SHIFT


class _LaterDate(_date, metaclass=_Same):  # type: ignore[misc,valid-type]
    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        kind = _date if cls is _LaterDate else cls
        return _date.__new__(kind, *arguments, **named)

    @classmethod
    def today(cls) -> Any:
        return (_datetime.now() + SHIFT).date()


def _later(name: str, place: int) -> Any:
    """Return a function of `time` whose default is the time now, at this argument."""
    function = getattr(time, name)

    def shifted(*arguments: Any) -> Any:
        if len(arguments) > place and arguments[place] is not None:
            return function(*arguments)
        now = _time() + SHIFT.total_seconds()
        given = _localtime(now) if name in ("strftime", "asctime") else now
        return function(*arguments[:place], given)

    return shifted


_localtime = time.localtime


_later_module = ModuleType("datetime")
vars(_later_module).update(vars(datetime), datetime=_LaterDatetime, date=_LaterDate)

# By the identity of what they replace.
_LATER = {
    id(datetime): _later_module,
    id(_datetime): _LaterDatetime,
    id(_date): _LaterDate,
}

_original_exec_module = SourceFileLoader.exec_module

_OWN = tuple(os.environ.get("PYTHONPATH", "").split(os.pathsep)[1:])


def _exec_module(self: SourceFileLoader, module: ModuleType) -> None:
    """Execute a module; in those of the project, `datetime` is later.

    Not for all: compiled libraries and pickle need the original classes.
    """
    _original_exec_module(self, module)
    if _OWN and str(module.__file__).startswith(_OWN):
        for name, value in [*vars(module).items()]:
            if id(value) in _LATER:
                setattr(module, name, _LATER[id(value)])


def move() -> None:
    """Move clock, name and processors of this process."""
    seconds = SHIFT.total_seconds()
    time.time = lambda: _time() + seconds
    time.time_ns = lambda: _time_ns() + int(seconds) * 10**9
    for name, place in {
        "localtime": 0,
        "gmtime": 0,
        "ctime": 0,
        "asctime": 0,
        "strftime": 1,
    }.items():
        setattr(time, name, _later(name, place))
    SourceFileLoader.exec_module = _exec_module  # type: ignore[assignment,method-assign]
    processors = {*range(2 if os.cpu_count() == 3 else 3)}
    os.cpu_count = lambda: len(processors)
    if hasattr(os, "sched_getaffinity"):
        os.sched_getaffinity = lambda _process: processors
    if hasattr(os, "process_cpu_count"):
        os.process_cpu_count = lambda: len(processors)
    socket.gethostname = lambda: HOST
    socket.getfqdn = lambda name="": name or HOST
    platform.node = lambda: HOST
    if hasattr(os, "uname"):
        found = os.uname()
        os.uname = lambda: os.uname_result((found[0], HOST, *found[2:]))


if "dvc" not in sys.orig_argv[:4]:
    move()
