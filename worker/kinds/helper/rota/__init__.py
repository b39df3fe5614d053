"""Owns what programs run by Rota may use: queries to their data sources, an API client, progress, files.

    import rota

    orders = rota.query("shop", "SELECT * FROM orders WHERE day >= :since", since="2026-11-01")
    for number, order in enumerate(orders):
        rota.progress(number, len(orders), unit="orders")
    rota.result(orders=len(orders))

Needs nothing but the standard library; a driver only for the data source that is asked. Python 3.9 or later.
"""

from ._api import ApiClient, ApiError
from ._job import Execution, RotaError
from ._report import artifact, files, progress, result, warn
from ._sources import connect, execute, query, rows, sources, transaction

#: Facts of this execution: id, task_id, task_name, attempt, trigger, scheduled_for.
execution = Execution()

__all__ = [
    "ApiClient",
    "ApiError",
    "Execution",
    "RotaError",
    "artifact",
    "connect",
    "execute",
    "execution",
    "files",
    "progress",
    "query",
    "result",
    "rows",
    "sources",
    "transaction",
    "warn",
]
