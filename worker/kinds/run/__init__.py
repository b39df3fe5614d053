"""Owns what the processes of tasks do that are no shell commands: one module a kind, `run(job, report, control)`.

Such a process is started as `python -I …/worker/kinds/run/__main__.py KIND`, by the runner and beside everything else,
so that whatever it does (a leak, a crash of a driver) touches one execution. It is synchronous code; it reads its job
from standard input once, prints plain lines for people to stdout and what is wrong to stderr, tells its report how far
it is (`Report`), and puts files that are to be kept into `job.files`. It ends with 0, or with 1 after a `Failure`.
`control` tells when it is to stop: see control.py.
"""
