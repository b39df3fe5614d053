"""Kinds of task: what each needs to be told, and what it is called.

A task has a `kind`, a `command` (its main text: a shell command, a script of SQL, the first query of an export, an
address; it is searched) and a `spec`, the object of everything else that its kind needs. Here each kind has a module
with the model of its spec (`Spec`, a `KindSpec`) and its words (`KIND`); `worker.kinds` makes of it what runs.

To add one:

1. `common/kinds/NAME.py` with `Spec` and `KIND`, and its line in `KINDS` below once all of the rest is there. The model
   refuses with `common.fields.refuse`; errors name the field as `spec.FIELD`. `Spec.references` yields what of other
   people's it uses (data sources, programs); `common.services.references` checks that for rights when it is given to a
   task, and reads `tasks.spec["kind"]` when something is to be deleted that a task uses.
2. `worker/kinds/NAME.py` with `work(claim, found) -> Work`, and its line in `worker.kinds.registry.BUILDERS`; what it
   needs from the database is read for all claims at once by `registry.read`.
3. `worker/kinds/run/NAME.py` with `run(job, report)`: what the process does (its docstring says how).
4. `api/pages/kinds/NAME.py` (`parse`, `show`) and `templates/tasks/kinds/NAME.html`: its part of the form.
5. If it runs what somebody wrote: its name in `common.domain.permissions.CODE_KINDS`.
"""

from collections.abc import Mapping

from common.kinds import export, http, imports, python, shell, sql
from common.kinds.base import Kind as Kind
from common.kinds.base import KindSpec as KindSpec
from common.kinds.base import Reference as Reference

#: Every kind there is, in the order in which they are offered.
KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (shell.KIND, python.KIND, sql.KIND, export.KIND, imports.KIND, http.KIND)
}
