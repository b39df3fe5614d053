"""One writer of `benchmarks.sheets` in a process of its own: its name, the file, how many rows."""

import sys
from pathlib import Path

from benchmarks.sheets import WRITERS

WRITERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
