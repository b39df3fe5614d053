"""Starts one process: own session, exactly the environment it was given, stdin from nowhere, two pipes back."""

import errno
import os
import resource
import shutil
import subprocess
from contextlib import suppress
from typing import NamedTuple

from worker.runner.protocol import Spec

COOKIE = "ROTA_COOKIE"
DEFAULT_CWD = "/"  # what a task without a working directory gets; the runner's own is no business of a task
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
_LIMITS = {"memory": "as", "cpu": "cpu", "files": "nofile", "processes": "nproc"}
_RESOURCES = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}


class SpawnError(Exception):
    """The process could not be started; the text says what and why. `passing`: it may work a moment later."""

    def __init__(self, said: str, *, passing: bool = False) -> None:
        super().__init__(said)
        self.passing = passing


class Spawned(NamedTuple):
    """A process that runs: its pid and the reading ends (non-blocking) of its stdout and stderr."""

    pid: int
    stdout: int
    stderr: int


class Spawner:
    """Starts processes for one runner."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._prlimit = shutil.which("prlimit", path="/usr/bin:/bin:/usr/local/bin")
        self._files = _more_files()

    def spawn(self, spec: Spec) -> Spawned:
        """Starts the process or raises SpawnError. Never preexec_fn: it forces fork and costs 14 ms for 0.7."""
        pipes: list[int] = []
        try:
            pipes += os.pipe()
            pipes += os.pipe()
            pid = self._popen(spec, pipes[1], pipes[3])
        except (OSError, ValueError, TypeError) as error:
            for fd in pipes[::2]:
                os.close(fd)
            raise _explain(error, spec) from error
        finally:
            for fd in pipes[1::2]:
                os.close(fd)
        for fd in pipes[::2]:
            os.set_blocking(fd, False)
        self._adjust(pid, spec)
        return Spawned(pid, pipes[0], pipes[2])

    def _popen(self, spec: Spec, stdout: int, stderr: int) -> int:
        """Returns the pid. The runner reaps it itself, so Popen is told that nothing is left to wait for."""
        env = {**spec.env, COOKIE: f"{self._name}:{spec.id}:{spec.token}"}
        process = subprocess.Popen(
            self._argv(spec),
            stdin=self._null,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=spec.cwd or DEFAULT_CWD,
            start_new_session=True,
            # Nothing here can be inherited (prepare_process sees to what came with us), and the kernel closes hundreds
            # of descriptors at exec faster than the child does one by one while we wait for it.
            close_fds=False,
        )
        process.returncode = 0
        return process.pid

    def _argv(self, spec: Spec) -> list[str]:
        """Returns the command, behind prlimit(1) where there are limits: it sets them before the task's first step."""
        options = [
            f"--{_LIMITS[name]}={_clamped(name, value)}" for name, value in spec.limits.items() if name in _LIMITS
        ]
        if not options or self._prlimit is None:
            return spec.argv
        _check_program(spec)
        return [self._prlimit, *options, "--", *spec.argv]

    def _adjust(self, pid: int, spec: Spec) -> None:
        """Sets what may be set on a running process. It may be gone already, and then nothing is lost."""
        with suppress(OSError):
            if self._files is not None and "files" not in spec.limits:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, self._files)
            if spec.limits.get("nice"):
                os.setpriority(os.PRIO_PGRP, pid, spec.limits["nice"])
            if self._prlimit is None:
                for name in _RESOURCES.keys() & spec.limits.keys():
                    value = _clamped(name, spec.limits[name])
                    resource.prlimit(pid, _RESOURCES[name], (value, value))


def _more_files() -> tuple[int, int] | None:
    """Allows this process what descriptors its hard limit grants; returns what tasks shall have, None = the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return (soft, hard)


def _clamped(name: str, value: int) -> int:
    """Returns the limit asked for, or the hard limit of this process where that is lower."""
    hard = resource.getrlimit(_RESOURCES[name])[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _check_program(spec: Spec) -> None:
    """Raises OSError for a program that is missing; prlimit(1) would hide that in an exit status of its own."""
    program, cwd = spec.argv[0], spec.cwd or DEFAULT_CWD
    path = os.path.join(cwd, program)
    if not os.path.isdir(cwd) or ("/" in program and os.access(path, os.X_OK)):
        return
    if "/" in program or shutil.which(program, path=spec.env.get("PATH", os.defpath)) is None:
        code = errno.EACCES if "/" in program and os.path.exists(path) else errno.ENOENT
        raise OSError(code, os.strerror(code), program)


def _explain(error: Exception, spec: Spec) -> SpawnError:
    """Turns what the system said into a sentence that names the culprit."""
    program, cwd = spec.argv[0], spec.cwd
    if not isinstance(error, OSError):
        return SpawnError(f"the command cannot be passed to the system: {error}")
    if cwd is not None and error.filename == cwd and error.filename != program:
        return SpawnError(f"working directory {cwd} {_wrong_directory(error)}")
    if error.errno in _PASSING:
        return SpawnError(f"{program} could not be started: {_short_of(error)}", passing=True)
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return SpawnError(f"program {program} {_missing(spec)}")
        case errno.EACCES | errno.EPERM:
            return SpawnError(f"program {program} may not be run: it is not executable or not permitted")
        case errno.ENOEXEC:
            return SpawnError(f"{program} is not a program (a script needs a first line like #!/bin/sh)")
        case errno.E2BIG:
            return SpawnError("the arguments and the environment together are too long for this system")
    return SpawnError(f"{program} could not be started: {os.strerror(error.errno or 0)}")


def _wrong_directory(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "does not exist"
        case errno.ENOTDIR:
            return "is not a directory"
        case errno.EACCES | errno.EPERM:
            return "may not be entered: permission denied"
    return f"cannot be used: {os.strerror(error.errno or 0)}"


def _missing(spec: Spec) -> str:
    """Says which of the two things that the system calls "no such file" it is."""
    program = spec.argv[0]
    if "/" not in program:
        return "was not found in PATH"
    if os.path.isfile(os.path.join(spec.cwd or DEFAULT_CWD, program)):
        return "cannot be run: the interpreter it names does not exist"
    return "does not exist"


def _short_of(error: OSError) -> str:
    match error.errno:
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open on this worker"
        case errno.ENOMEM:
            return "this machine is out of memory"
    return "too many processes run on this machine, or for this user"
