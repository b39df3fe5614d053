"""Starts one process: own session, exactly the environment it was given, its own input or none, two pipes back."""

import errno
import os
import resource
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import NamedTuple

from worker.runner import birthmark, limits
from worker.runner.account import Account, account
from worker.runner.cgroup import Cgroups, Group
from worker.runner.folders import Folders, environment
from worker.runner.protocol import Spec
from worker.runner.refusals import SpawnError, explain
from worker.runner.work import Work

COOKIE = "ROTA_COOKIE"
#: The number of the file that a program was given to read, whether its user may open it or not.
INPUT = "ROTA_INPUT"
#: What Python ignores, and tasks shall not.
TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ)
# Enters the cgroup that its standard input leads to, and becomes the task, which reads from {}.
_ENTER = 'echo 0 >&0 || exit 125; exec "$@" <{}'


class Spawned(NamedTuple):
    """A process that runs: its pid, the reading ends (non-blocking) of its stdout and stderr, its cgroup, and the
    folder of its report and files."""

    pid: int
    stdout: int
    stderr: int
    group: Group | None = None
    folder: str | None = None


class Spawner:
    """Starts processes for one runner, and clears away what they were given once they are over."""

    def __init__(self, name: str, work: Work, folders: Folders, cgroups: Cgroups) -> None:
        self._name = name
        self._work = work
        self._folders = folders
        self._cgroups = cgroups
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._prlimit = shutil.which("prlimit", path="/usr/bin:/bin:/usr/local/bin")
        self._files = _more_files()
        self._reached: set[tuple[int, str]] = set()  # user, folder: they may enter it

    def spawn(self, spec: Spec) -> Spawned:
        """Starts the process or raises SpawnError. Never preexec_fn: it forces fork and costs 14 ms for 0.7."""
        user = account(spec.run_as)
        grouped = self._cgroups.delegated and not spec.limits.keys().isdisjoint(limits.SHARED)
        limits.check(spec.limits, user.uid if user else os.geteuid(), grouped=grouped)
        group = folder = None
        try:
            cwd = self._directory(spec, user)
            folder = self._reachable(self._folders.make(spec.key, user), user) if spec.folder else None
            group = self._cgroups.make(spec.key, spec.limits) if grouped else None
            pid, stdout, stderr = self._start(spec, cwd, user, group, folder)
        except (OSError, ValueError, TypeError, SpawnError) as error:
            self.clear(spec, group)
            raise error if isinstance(error, SpawnError) else explain(error, spec, spec.cwd or "") from error
        self._adjust(pid, spec)
        return Spawned(pid, stdout, stderr, group, folder)

    def clear(self, spec: Spec, group: Group | None) -> None:
        """Takes away the working directory and the cgroup of a task that is over."""
        self._work.clear(spec.key, again=not spec.keep_background)
        if group is not None:
            self._cgroups.drop(group)

    def _directory(self, spec: Spec, user: Account | None) -> str:
        """The working directory; one of its own for a task that names none."""
        if spec.cwd is None:
            return self._reachable(self._work.make(spec.key, user), user)
        if user is not None and user.is_other and os.path.isdir(spec.cwd) and not user.may_use(spec.cwd):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), spec.cwd)
        return spec.cwd

    def _reachable(self, path: str, user: Account | None) -> str:
        """A folder that was made for a task, if its user comes that far; raises SpawnError."""
        base = os.path.dirname(path)
        if user is not None and user.is_other and (user.uid, base) not in self._reached:
            if not user.may_use(base):
                said = f"user {user.name} may not enter {base}, where the folders of its tasks are"
                raise SpawnError(f"{said}: start the worker with a TMPDIR that everybody may enter, such as /tmp")
            self._reached.add((user.uid, base))
        return path

    def _start(
        self, spec: Spec, cwd: str, user: Account | None, group: Group | None, folder: str | None
    ) -> tuple[int, int, int]:
        """Returns the pid and the ends of the pipes to read from."""
        pipes: list[int] = []
        try:
            pipes += os.pipe()
            pipes += os.pipe()
            env = {**(user.environment() if user else {}), **spec.env, COOKIE: self._cookie(spec)}
            env |= environment(folder) if folder else {}
            with birthmark.worn(birthmark.of(self._name, spec.key)):
                pid = self._popen(spec, cwd, user, group, env, pipes[1], pipes[3])
        except (OSError, ValueError, TypeError):
            for fd in pipes[::2]:
                os.close(fd)
            raise
        finally:
            for fd in pipes[1::2]:
                os.close(fd)
        for fd in pipes[::2]:
            os.set_blocking(fd, False)
        return pid, pipes[0], pipes[2]

    def _popen(
        self,
        spec: Spec,
        cwd: str,
        user: Account | None,
        group: Group | None,
        env: dict[str, str],
        stdout: int,
        stderr: int,
    ) -> int:
        """Returns the pid. The runner reaps it itself, so Popen is told that nothing is left to wait for."""
        argv = self._argv(spec, cwd, user, grouped=group is not None)
        other = user if user is not None and user.is_other else None
        entrance = given = opened = None
        try:
            if spec.input is not None:
                opened = _given(spec.input)
                os.set_inheritable(opened, True)
                env = {**env, INPUT: str(opened)}
            entrance = None if group is None else group.entrance()
            given = None if spec.stdin is None else _in_memory(spec.stdin, inherited=entrance is not None)
            stdin = next(fd for fd in (entrance, given, self._null) if fd is not None)
            if entrance is None and other is None and "/" in argv[0]:
                return _plainly(argv, env, cwd, (stdin, stdout, stderr))
            process = subprocess.Popen(
                argv if entrance is None else [*_entering(given), *argv],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=env,
                cwd=cwd,
                start_new_session=True,
                user=other.uid if other else None,
                group=other.gid if other else None,
                extra_groups=other.groups if other else None,
                # Nothing here can be inherited (prepare_process sees to what came with us), and the kernel closes
                # hundreds of descriptors at exec faster than the child does one by one while we wait for it.
                close_fds=False,
            )
        finally:
            for fd in (entrance, given, opened):
                if fd is not None:
                    os.close(fd)
        process.returncode = 0
        return process.pid

    def _cookie(self, spec: Spec) -> str:
        return f"{self._name}:{spec.id}:{spec.token}"

    def _argv(self, spec: Spec, cwd: str, user: Account | None, *, grouped: bool) -> list[str]:
        """Returns the command, behind prlimit(1) where there are limits: it sets them before the task's first step."""
        options = limits.options(spec.limits, grouped=grouped)
        if options and self._prlimit is None:
            raise SpawnError("limits need the program prlimit (util-linux), which this worker's machine does not have")
        if (options or grouped) and os.path.isdir(cwd):
            _check_program(spec, cwd, user)
        return [str(self._prlimit), *options, "--", *spec.argv] if options else spec.argv

    def _adjust(self, pid: int, spec: Spec) -> None:
        """Sets what may be set on a running process. It may be gone already, and then nothing is lost."""
        with suppress(OSError):
            if self._files is not None and "files" not in spec.limits:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, self._files)
            if spec.limits.get("nice"):
                os.setpriority(os.PRIO_PGRP, pid, spec.limits["nice"])


def _given(path: str) -> int:
    """A file that a program is to read; raises SpawnError."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise SpawnError(f"the file {path} that it is to read cannot be opened: {error.strerror}") from error


def _plainly(argv: list[str], env: dict[str, str], cwd: str, streams: tuple[int, int, int]) -> int:
    """Starts what needs nothing special, for two thirds of what Popen costs; returns the pid.

    The working directory is this process's for a moment: it has none of its own (prepare_process), and no thread of it
    uses one.
    """
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)]
    os.chdir(cwd)
    try:
        return os.posix_spawn(argv[0], argv, env, file_actions=actions, setsid=True, setsigdef=TO_DEFAULT)
    finally:
        os.chdir("/")


def _in_memory(text: str, *, inherited: bool) -> int:
    """A file that is on no disk. One that is `inherited` keeps its number in the program too."""
    fd = os.memfd_create("rota", 0 if inherited else os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _entering(given: int | None) -> list[str]:
    """The command before the command of a task in a cgroup. A shell opens no descriptor of two digits but by name."""
    return ["/bin/sh", "-c", _ENTER.format("/dev/null" if given is None else f"/proc/self/fd/{given}"), "rota"]


def _more_files() -> tuple[int, int] | None:
    """Allows this process what descriptors its hard limit grants; returns what tasks shall have, None = the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return (soft, hard)


def _check_program(spec: Spec, cwd: str, user: Account | None) -> None:
    """Raises OSError for a program that is missing; prlimit(1) would hide that in an exit status of its own."""
    program = spec.argv[0]
    path: str | None = os.path.join(cwd, program) if "/" in program else None
    found = path or shutil.which(program, path=spec.env.get("PATH", os.defpath))
    if found is None or (user is None and not os.path.exists(found)):
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    if not (user.may_use(found) if user else os.access(found, os.X_OK)):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), program)
