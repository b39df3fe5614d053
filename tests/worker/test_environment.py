"""What a task finds in its environment, and what it must not."""

from pathlib import Path

import pytest

from common.config import Settings
from common.paths import ROOT
from common.security.encryption import Keyring
from tests.worker.test_outcome import NOW, claim
from worker import environment
from worker.kinds import registry
from worker.kinds.program import program
from worker.kinds.run import job as jobs
from worker.kinds.work import Given, Unready
from worker.variables import Injected

OWN = {
    "PATH": "/usr/bin",
    "TZ": "Europe/Berlin",
    "ROTA_DATABASE_URL": "postgresql://u:secret@h/d",
    "ROTA_ADMIN_PASSWORD": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "DATABASE_URL": "secret",
}


def test_nothing_of_the_worker_but_a_short_list_is_passed_on() -> None:
    assert environment.passed_on(OWN) == {"PATH": "/usr/bin", "TZ": "Europe/Berlin"}


def test_there_is_always_a_path() -> None:
    assert environment.passed_on({})["PATH"]


def test_a_task_is_told_who_it_is() -> None:
    found = environment.build(claim(token=2), {}, {})
    assert found["ROTA_EXECUTION_ID"] == "7"
    assert found["ROTA_TASK_ID"] == "3"
    assert found["ROTA_TASK_NAME"] == "backup"
    assert found["ROTA_ATTEMPT"] == "2"
    assert found["ROTA_SCHEDULED_FOR"] == NOW.isoformat()
    assert found["ROTA_TRIGGER"] == "schedule"
    assert found["ROTA_RUN_ID"] == "r"


def test_the_tasks_own_variables_win_over_the_workers() -> None:
    found = environment.build(claim(), environment.passed_on(OWN), {"TZ": "UTC", "KEY": "v"})
    assert (found["TZ"], found["KEY"]) == ("UTC", "v")


def given(folder: Path, **variables: str) -> Given:
    settings = Settings(data_dir=folder)
    return Given(Injected(variables, tuple(variables)), {}, Keyring(settings), settings)


def test_a_shell_task_gets_its_arguments_as_words(tmp_path: Path) -> None:
    spec = {"args": ["a b", "-n"], "env": {"A": "1", "B": "2"}, "kind": {"keep_files": True}}
    work = registry.work(claim(command='echo "$1"', spec=spec), given(tmp_path, B="secret"))
    assert work.argv == ["/bin/sh", "-c", 'echo "$1"', "rota", "a b", "-n"]
    assert (work.env, work.masked) == ({"A": "1", "B": "secret"}, ("B",))
    assert work.folder
    assert work.stdin is None
    assert not registry.work(claim(spec={}), given(tmp_path)).folder


def test_a_program_of_our_own_is_told_everything_by_its_input(tmp_path: Path) -> None:
    spec = {"env": {"LD_PRELOAD": "/tmp/x.so"}, "args": ["x"], "kind": {"rows": 5}}
    mine = given(tmp_path, TOKEN="from a variable")
    work = program(claim(kind="later", command="SELECT 1", spec=spec), mine, needs={"p": 1}, secrets=["s3cret"])
    assert work.argv[1:] == ["-I", str(ROOT / "worker/kinds/run/__main__.py"), "later"]
    assert (work.env, work.masked) == ({}, ())
    assert list(work.secrets) == ["s3cret", "from a variable"]
    job = jobs.parse(work.stdin or "")
    assert job.secrets == ["s3cret", "from a variable"]
    assert (job.kind, job.command, job.spec, job.needs) == ("later", "SELECT 1", {"rows": 5}, {"p": 1})
    assert job.variables == {"TOKEN": "from a variable"}
    assert (job.execution.id, job.execution.scheduled_for) == (7, NOW)


def test_a_kind_nobody_knows_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(Unready, match="does not know tasks of the kind later"):
        registry.work(claim(kind="later"), given(tmp_path))
