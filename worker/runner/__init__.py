"""Owns the runner: the process beside each worker that starts every task, ends it whole and keeps its result."""

# Standard library only, and nothing of the rest of Rota: it starts in an instant, and lives through the worker's death
# and through an upgrade of everything else.
