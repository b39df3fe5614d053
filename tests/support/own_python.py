"""Imported first by a script that needs the developer's tools: it goes on in .venv, made where it is missing."""

import os
import subprocess
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[2] / ".venv"

if Path(sys.prefix).resolve() != _VENV.resolve():
    subprocess.run([_VENV.parent / "scripts" / "bootstrap", "--dev"], check=True)
    python = str(_VENV / "bin" / "python")
    os.execv(python, [python, *sys.argv])
