import time
from datetime import timedelta
from sqlalchemy import text, select, insert
from common.db.models import *
from common.queries import ledger as q
from common.services import ledger, forecast, downtime, tasks
from common.queue import enqueue
from tests.support import world
from tests.support.world import *
T_=table_of(Task)
async def test_bench(database):
    N=300_000; M=2000
    async with database.write() as s:
        c=await s.connection()
        await c.execute(insert(T_), [dict(name=f"t{i}",description="",kind="shell",command="x",spec={},tags=[],queue="default",priority=50,retries=0,retry_delay=1,retry_backoff=1,concurrency="skip",delivery="x",misfire_policy="latest",enabled=True,created_at=NOW,updated_at=NOW,paused_by="") for i in range(M)])
        await c.execute(insert(S), [dict(task_id=i+1,kind="cron",expr=f"{i%60} * * * *",timezone="UTC",jitter=0,next_run_at=NOW,calendar_name="",calendar_rule="") for i in range(M)])
    t=await world.add_task(database)
    class R: id=t; queue="default"; priority=50
    base=enqueue.row(R,key="",trigger="schedule",scheduled_for=NOW,now=NOW)
    for off in range(0,N,20000):
        async with database.write() as s:
            c=await s.connection()
            rows=[]
            for i in range(off,off+20000):
                inst=NOW-timedelta(minutes=i//10)
                rows.append(base|dict(task_id=t if i%10 else 1+i//10%M,fire_key=enqueue.fire_key(inst)+str(i),scheduled_for=inst,status="missed" if i%7==0 else "success",token=1,started_at=inst,finished_at=inst,created_at=inst))
            await c.execute(insert(E),rows)
    if database.dialect=="postgresql":
        async with database.write() as s: await s.execute(text("analyze"))
    async def timed(name,f):
        best=9e9
        for _ in range(3):
            a=time.perf_counter(); r=await f(); best=min(best,time.perf_counter()-a)
        print(f"{database.dialect:11} {name:28} {best*1000:8.1f} ms"); return r
    async with database.read() as s:
        await timed("ledger page 1", lambda: ledger.page(s, q.LedgerQuery(t), number=1,size=50,now=NOW))
        await timed("ledger day", lambda: ledger.page(s, q.LedgerQuery(t,since=NOW-timedelta(days=1)), number=1,size=50,now=NOW))
        await timed("ledger missed", lambda: ledger.page(s, q.LedgerQuery(t,outcome="missed"), number=1,size=50,now=NOW))
        await timed("why at", lambda: ledger.why(s,t,at=NOW-timedelta(minutes=5),now=NOW))
        await timed("why now", lambda: ledger.why(s,5,at=None,now=NOW))
        async def dt():
            return await q.between(s,NOW-timedelta(hours=5),NOW-timedelta(hours=4),written_after=NOW-timedelta(hours=5),limit=501)
        await timed("downtime gap", dt)
        f=await timed("forecast 24 h, 2,000 tasks", lambda: forecast.forecast(s,hours=24,now=NOW))
        print(len(f.items), f.complete_until-f.since)
