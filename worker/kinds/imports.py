"""The kind `import`: the file, the table's data source; it runs in `run/imports.py`."""

from dataclasses import replace
from typing import Any

from common.artifacts.choose import folder_of, s3_options
from common.kinds.imports import Spec
from common.queue.claims import Claim
from worker.kinds import sources
from worker.kinds.program import program
from worker.kinds.work import Given, Work, kind_spec


def work(claim: Claim, given: Given) -> Work:
    """One attempt; raises Unready when its data source or its file is not there any more."""
    spec = Spec.model_validate(kind_spec(claim))
    source = sources.source(given, spec.data_source_id)
    needs: dict[str, Any] = sources.needs(given, source) | {"folders": given.settings.import_folders}
    secrets = sources.secrets(source)
    if spec.path:
        return program(claim, given, needs=needs, secrets=secrets, name="imports")
    file = _file(spec, given)
    remote = s3_options(given.settings)
    needs["file"] = {"name": file.name, "key": file.store_key} | ({"s3": remote} if remote else {})
    made = program(claim, given, needs=needs, secrets=[*secrets, *_keys(remote)], name="imports")
    # Who the program runs as need not be able to open it.
    return made if remote else replace(made, input=str(folder_of(given.settings) / file.store_key))


def _file(spec: Spec, given: Given) -> Any:
    if spec.upload_id is not None:
        return given.thing("upload", spec.upload_id, "the uploaded file that this task reads was deleted")
    assert spec.task_id is not None
    return given.thing("task", spec.task_id, f"task {spec.task_id} has left no file that can be imported")


def _keys(remote: dict[str, str] | None) -> list[str]:
    return [remote["secret"]] if remote and remote["secret"] else []
