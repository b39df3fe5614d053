"""Imported first by a script that needs the developer's tools: it goes on in .venv, made where it is missing."""

import os
import subprocess
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parent.parent / ".venv"

if Path(sys.prefix).resolve() != _VENV.resolve():
    subprocess.run([_VENV.parent / "scripts" / "bootstrap", "--dev"], check=True)
    os.execv(_VENV / "bin" / "python", [_VENV / "bin" / "python", *sys.argv])
