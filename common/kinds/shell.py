"""The kind `shell`: a command for /bin/sh."""

from pydantic import Field

from common.domain.invalid import N_
from common.fields import MAX_ARGUMENT, Flag
from common.kinds.base import Kind, KindSpec


class Spec(KindSpec):
    """What a shell task needs beside its command."""

    keep_files: Flag = Field(
        False,
        description="Give the program a folder, `$ROTA_ARTIFACTS`, and a file for its progress, `$ROTA_REPORT`.",
    )


KIND = Kind(
    name="shell",
    title=N_("Shell"),
    summary=N_("A command or a script for /bin/sh on the worker."),
    icon="terminal",
    spec=Spec,
    command_title=N_("Command"),
    command_missing=N_("Must not be empty. Write what the shell is to run, for example: echo hello"),
    program=True,
    most=MAX_ARGUMENT,
    too_long=N_("Must not be longer than {most} bytes. Put long programs into a file."),
)
