# /// script
# requires-python = ">=3.11"
# dependencies = ["apscheduler==3.11.*", "sqlalchemy==2.*", "psycopg[binary]==3.*", "pymysql==1.*", "cryptography"]
# ///
"""APScheduler with its jobs in a database: URL COUNT COMMAND. Prints when each of COUNT jobs due in the same second
started and when it was recorded, in seconds after that instant, as JSON."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Column, Float, Integer, MetaData, Table, Text, create_engine, insert, select

_AT_ONCE = 16
#: It stores one job a transaction.
_AHEAD = timedelta(seconds=40)

url, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3]
engine = create_engine(url, pool_size=_AT_ONCE, connect_args={"timeout": 60} if url.startswith("sqlite") else {})
results = Table(
    "results",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("started", Float),
    Column("code", Integer),
    Column("stdout", Text),
    Column("stderr", Text),
)
recorded: list[float] = []


def work(number: int) -> None:
    """Run the command, and record what became of it, as every one of Rota's is."""
    started = time.time()
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    row = {"id": number, "started": started, "code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    with engine.begin() as connection:
        connection.execute(insert(results).values(row))
    recorded.append(time.time())


def main() -> None:
    """Plan the jobs, wait for them, print."""
    results.create(engine)
    instant = datetime.now(UTC) + _AHEAD
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(engine=engine)},
        executors={"default": ThreadPoolExecutor(_AT_ONCE)},
        job_defaults={"misfire_grace_time": None},  # with its own, which is a second, it loses a part of them
    )
    scheduler.start(paused=True)
    for number in range(count):
        scheduler.add_job("__main__:work", "date", run_date=instant, args=[number])
    if datetime.now(UTC) >= instant:
        sys.exit("the jobs were not stored in time")
    scheduler.resume()
    while len(recorded) < count:
        time.sleep(0.02)
    with engine.connect() as connection:
        started = [row.started - instant.timestamp() for row in connection.execute(select(results.c.started))]
    print(json.dumps({"started": started, "ended": max(recorded) - instant.timestamp()}))
    scheduler.shutdown()


if __name__ == "__main__":
    main()
