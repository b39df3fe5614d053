"""Processes whose clock is wrong, and jumps when a test says so (libfaketime)."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def clock_of(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what the file says ("+3600")."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert libraries, "libfaketime is not installed: apt-get install faketime (scripts/test does it)"
    return {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def offset(environment: Mapping[str, str]) -> float:
    """How far the clock of a process in this environment is off."""
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"], env=environment, capture_output=True, check=True
    )
    real = subprocess.run([sys.executable, "-c", "import time; print(time.time())"], capture_output=True, check=True)
    return float(told.stdout) - float(real.stdout)
