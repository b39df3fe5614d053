"""What a task finds in its environment, and what it must not."""

from tests.worker.test_outcome import NOW, claim
from worker import environment
from worker.kinds import registry

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
    found = environment.build(claim(spec={"env": {"TZ": "UTC", "KEY": "v"}}), environment.passed_on(OWN), {})
    assert (found["TZ"], found["KEY"]) == ("UTC", "v")


def test_a_shell_task_gets_its_arguments_as_words() -> None:
    argv = registry.argv(claim(command='echo "$1"', spec={"args": ["a b", "-n"]}))
    assert argv == ["/bin/sh", "-c", 'echo "$1"', "rota", "a b", "-n"]


def test_a_kind_nobody_knows_has_no_command_line() -> None:
    assert registry.argv(claim(kind="later")) == []
