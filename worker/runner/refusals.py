"""Why a task could not be started, in a sentence that names the culprit."""

import errno
import os

from worker.runner.protocol import Spec

_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class SpawnError(Exception):
    """The process could not be started; the text says what and why. `passing`: it may work a moment later."""

    def __init__(self, said: str, *, passing: bool = False) -> None:
        super().__init__(said)
        self.passing = passing


def explain(error: Exception, spec: Spec, cwd: str) -> SpawnError:
    """Turns what the system said about this command in this directory into a sentence."""
    program = spec.argv[0]
    if not isinstance(error, OSError):
        return SpawnError(f"the command cannot be passed to the system: {error}")
    if error.filename == cwd and error.filename != program:
        return SpawnError(f"working directory {cwd} {_wrong_directory(error)}")
    if error.errno in _PASSING:
        return SpawnError(f"{program} could not be started: {_short_of(error)}", passing=True)
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return SpawnError(f"program {program} {_missing(program, cwd)}")
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


def _missing(program: str, cwd: str) -> str:
    """Says which of the two things that the system calls "no such file" it is."""
    if "/" not in program:
        return "was not found in PATH"
    if os.path.isfile(os.path.join(cwd, program)):
        return "cannot be run: the interpreter it names does not exist"
    return "does not exist"


def _short_of(error: OSError) -> str:
    match error.errno:
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open on this worker"
        case errno.ENOMEM:
            return "this machine is out of memory"
    return "too many processes run on this machine, or for this user"
