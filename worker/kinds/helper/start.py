"""Runs a program as `python PROGRAM ARGS` would: `python <this file> HIDDEN PROGRAM ARGS`.

But for two things: the module `rota` of this folder can be imported, and what lies in the folder HIDDEN (Rota's own
code, which an editable installation puts on the path) cannot. Runs with any Python from 3.9 on.
"""

import builtins
import fcntl
import os
import sys
import traceback
import types

_KEPT: list = []  # type: ignore[type-arg]


def main() -> None:
    """Runs the program in this process."""
    here = os.path.dirname(os.path.abspath(__file__))
    hidden, program = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    own = {os.path.abspath(hidden), here}
    rest = [path for path in sys.path[1:] if os.path.abspath(path or ".") not in own]
    sys.path[:] = [os.path.dirname(program), os.getcwd(), here, *rest]
    sys.excepthook = _show
    _keep_from_children()
    with open(program, "rb") as file:
        source = file.read()
    try:
        code = compile(source, program, "exec", dont_inherit=True)
    except SyntaxError as error:
        traceback.print_exception(type(error), error, None)
        sys.exit(1)
    module = types.ModuleType("__main__")
    module.__file__ = program
    module.__dict__["__builtins__"] = builtins
    _KEPT.append(sys.modules["__main__"])
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _keep_from_children() -> None:
    """No program that this one starts gets at its data sources."""
    try:
        fcntl.fcntl(int(os.environ["ROTA_JOB"]), fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    except (KeyError, ValueError, OSError):
        pass


def _show(kind, error, trace):  # type: ignore[no-untyped-def]
    """The traceback without the lines of this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
