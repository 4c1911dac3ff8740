"""The conditions under which `rml verify` rebuilds, none of which may change a result.

Another hash seed, time zone, locale, number of threads and of processors, date, host,
user, home folder and set of vector instructions.
"""

import os
import platform
import site
from pathlib import Path

# Its module `sitecustomize` moves the clock and the computer's name.
ELSEWHERE = Path(__file__).parent / "elsewhere"

USER = "somebody-else"


# Variables by which programs and libraries are found; results must depend on no other.
KEPT = """
    PATH LD_LIBRARY_PATH DYLD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX TMPDIR TEMP TMP
    SYSTEMROOT SYSTEMDRIVE COMSPEC PATHEXT WINDIR PROGRAMDATA
"""


def inherited() -> dict[str, str]:
    """Return the environment variables that a rebuild inherits."""
    known = {name: os.environ.get(name) for name in KEPT.split()}
    return {name: value for name, value in known.items() if value is not None}


def conditions(*, same_processor: bool) -> dict[str, str]:
    """Return environment variables that must not change any result."""
    changed = {
        "PYTHONHASHSEED": "4711",
        "TZ": "<+1245>-12:45",
        "LC_ALL": "C" if os.environ.get("LC_ALL") != "C" else "C.UTF-8",
        "OMP_NUM_THREADS": "1" if os.cpu_count() != 1 else "2",
    }
    return changed if same_processor else changed | older_processor()


def another_user(home: Path) -> dict[str, str]:
    """Return environment variables of somebody else, whose home is an empty folder."""
    names = dict.fromkeys(("USER", "LOGNAME", "USERNAME"), USER)
    # Packages may be installed in the home of the user.
    packages = {"PYTHONUSERBASE": site.getuserbase()}
    return names | packages | {"HOME": str(home), "USERPROFILE": str(home)}


def older_processor() -> dict[str, str]:
    """Return variables that disable the newer instructions of this processor."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    found = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    arm = platform.machine() in ("arm64", "aarch64")
    core = "ARMV8" if arm else "Prescott"
    return {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": " ".join(found)}
