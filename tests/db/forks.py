"""Several processes of the same program that begin at the same moment: imported once, then forked."""

import os
import traceback
from collections.abc import Callable


def fork_all(count: int, work: Callable[[int], None]) -> int:
    """Run `work(number)` in so many processes and wait for all; gives how many of them failed.

    None begins before all are there: they wait for the other end of a pipe to be closed.
    """
    begin, holding = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            os.close(holding)
            os.read(begin, 1)
            _exit_after(work, number)
        children.append(child)
    os.close(begin)
    os.close(holding)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def _exit_after(work: Callable[[int], None], number: int) -> None:
    try:
        work(number)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
