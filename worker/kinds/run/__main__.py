"""Starts the process of one attempt: `python -I <this file> KIND`, its job on standard input."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    # Started by file name with -I; in a wheel the program's folders lie below rota/_app.
    sys.path.insert(0, ROOT)

from worker.kinds.run.process import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
