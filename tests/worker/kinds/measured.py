"""An export in a process of its own that says how much memory it took: a folder, how many rows of ten columns."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.worker.kinds.shop import Lite
from worker.kinds.run.control import Control
from worker.kinds.run.export import Export
from worker.kinds.run.job import Facts, Job
from worker.kinds.run.report import Report

QUERY = """WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rows})
SELECT x, 'SO-' || x, '张伟', '北京', 'paid', 'remark ' || x, x % 97, x * 0.37, x * 1.21, '2026-03-01' FROM n"""


def main(folder: Path, rows: int) -> None:
    """Export, and print the peak of resident bytes."""
    os.environ["ROTA_ARTIFACTS"] = str(folder / "7-1" / "files")
    facts = Facts(7, 1, 3, "large", datetime(2026, 3, 1, tzinfo=UTC), "cron", "r", None)
    job = Job("export", QUERY.format(rows=rows), {"data_source_id": 1, "max_size": 10**9}, {}, {}, facts)
    Export(job, Report(None), Control(), Lite(folder / "empty.db")).run()
    # Not what getrusage says: that counts what the process was before it became this program.
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
